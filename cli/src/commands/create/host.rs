//! Flags about what the host does for the container.

use std::collections::BTreeSet;
use std::path::Path;

use larder_engine::{DeviceMapping, HostConfig, Mount, RestartPolicy, Ulimit};

use super::{logging, mount, security, values};
use crate::context::refuse;
use crate::failure::{BAD_FLAG, Failure};

#[derive(Debug, clap::Args)]
pub struct HostArgs {
    /// Line for /etc/hosts, as NAME:ADDRESS
    #[arg(long, value_name = "HOST", value_parser = values::extra_host)]
    add_host: Vec<String>,
    /// Note for programs, as KEY=VALUE
    #[arg(long, value_name = "NOTE", value_parser = values::label)]
    annotation: Vec<(String, String)>,
    /// Capability on top of the usual ones; ALL for all
    #[arg(long, value_name = "CAPABILITY")]
    cap_add: Vec<String>,
    /// Capability less than the usual ones; ALL for all
    #[arg(long, value_name = "CAPABILITY")]
    cap_drop: Vec<String>,
    /// Cgroup namespace: host or private
    #[arg(long, value_name = "MODE")]
    cgroupns: Option<String>,
    /// Microseconds in which --cpu-quota is counted
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_period: Option<u64>,
    /// Microseconds that it may run in each period
    #[arg(long, value_name = "MICROSECONDS", allow_negative_numbers = true)]
    cpu_quota: Option<i64>,
    /// Weight beside others, 1024 being the usual one
    #[arg(short, long, value_name = "WEIGHT")]
    cpu_shares: Option<u64>,
    /// Processors that it may use, such as 1.5
    #[arg(long, value_name = "COUNT", value_parser = values::cpus)]
    cpus: Option<u64>,
    /// Processors that it may run on, such as 0-2,4
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,
    /// Memory nodes that it may use, such as 0,1
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,
    /// Add a host device to the container, as HOST-PATH[:CONTAINER-PATH][:PERMISSIONS]
    #[arg(long, value_name = "DEVICE", value_parser = values::device)]
    device: Vec<DeviceMapping>,
    /// Add a rule to the cgroup allowed devices list, such as 'c 7:* rmw'
    #[arg(long, value_name = "RULE", value_parser = values::device_rule)]
    device_cgroup_rule: Vec<String>,
    /// Name server
    #[arg(long, value_name = "ADDRESS", value_parser = values::address)]
    dns: Vec<String>,
    /// Option of the resolver
    #[arg(long, alias = "dns-opt", value_name = "OPTION")]
    dns_option: Vec<String>,
    /// Domain to search
    #[arg(long, value_name = "DOMAIN")]
    dns_search: Vec<String>,
    /// Group on top of the user's
    #[arg(long, value_name = "GROUP")]
    group_add: Vec<String>,
    /// Run a small init as process 1
    #[arg(long)]
    init: bool,
    /// IPC namespace: none, private or host
    #[arg(long, value_name = "MODE")]
    ipc: Option<String>,
    /// Log driver: json-file or none
    #[arg(long, value_name = "DRIVER")]
    log_driver: Option<String>,
    /// Bound of the log, as max-size=SIZE or max-file=COUNT
    #[arg(long, value_name = "OPTION")]
    log_opt: Vec<String>,
    /// Most memory, such as 512m
    #[arg(short, long, value_name = "BYTES", value_parser = values::ram)]
    memory: Option<u64>,
    /// Memory that is left to it when memory gets scarce
    #[arg(long, value_name = "BYTES", value_parser = values::ram)]
    memory_reservation: Option<u64>,
    /// Most memory and swap together; -1 for no limit
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true, value_parser = values::ram_or_unlimited)]
    memory_swap: Option<i64>,
    /// What to mount, as type=bind,source=PATH,target=PATH[,readonly] or type=tmpfs,target=PATH
    #[arg(long, value_name = "MOUNT", value_parser = mount::mount)]
    mount: Vec<Mount>,
    /// Network: none or host
    #[arg(long, alias = "net", value_name = "MODE")]
    network: Option<String>,
    /// Do not kill it when memory runs out
    #[arg(long)]
    oom_kill_disable: bool,
    /// How likely it is killed when memory runs out, -1000 to 1000
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    oom_score_adj: Option<i64>,
    /// Process namespace: host or private
    #[arg(long, value_name = "MODE")]
    pid: Option<String>,
    /// Most processes; -1 for no limit
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    pids_limit: Option<i64>,
    /// Let it do everything that its user may do on the host
    #[arg(long)]
    privileged: bool,
    /// Let nothing but mounts be written
    #[arg(long)]
    read_only: bool,
    /// When to start it again: no, always, unless-stopped or on-failure[:COUNT]
    #[arg(long, value_name = "POLICY")]
    restart: Option<String>,
    /// Remove it when it ends
    #[arg(long)]
    rm: bool,
    /// Program that runs it
    #[arg(long, value_name = "PROGRAM")]
    runtime: Option<String>,
    /// Security option: no-new-privileges, seccomp=FILE, seccomp=unconfined or systempaths=unconfined
    #[arg(long, value_name = "OPTION")]
    security_opt: Vec<String>,
    /// Size of /dev/shm
    #[arg(long, value_name = "BYTES", value_parser = values::ram)]
    shm_size: Option<u64>,
    /// Kernel parameter of its own, as NAME=VALUE
    #[arg(long, value_name = "PARAMETER", value_parser = values::sysctl)]
    sysctl: Vec<(String, String)>,
    /// Directory that is memory, as PATH[:OPTIONS]
    #[arg(long, value_name = "TMPFS")]
    tmpfs: Vec<String>,
    /// Limit of its processes, as NAME=SOFT[:HARD]
    #[arg(long, value_name = "LIMIT", value_parser = values::ulimit)]
    ulimit: Vec<Ulimit>,
    /// User namespace: host
    #[arg(long, value_name = "MODE")]
    userns: Option<String>,
    /// Host name's namespace: host
    #[arg(long, value_name = "MODE")]
    uts: Option<String>,
    /// File or directory of the host to mount, as SOURCE:TARGET[:OPTIONS]
    #[arg(short, long, value_name = "VOLUME")]
    volume: Vec<String>,
}

/// Less memory than this starts nothing.
const LEAST_MEMORY: u64 = 6 << 20;

impl HostArgs {
    /// What was asked for.
    pub fn host_config(&self, id_file: Option<&Path>) -> Result<HostConfig, Failure> {
        let restart_policy = self.restart_policy()?;
        self.check(&restart_policy)?;
        let capabilities = |what: &str, names: &[String]| -> Result<Vec<String>, Failure> {
            let read = |name: &String| values::capability(name);
            let wrong = |why: String| Failure::error(format!("invalid {what}: {why}"));
            names.iter().map(read).collect::<Result<_, _>>().map_err(wrong)
        };
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let binds = self.volume.iter().map(|volume| mount::bind(volume)).collect::<Result<Vec<_>, _>>()?;
        let host = HostConfig {
            binds,
            mounts: self.mount.clone(),
            tmpfs: self.tmpfs.iter().map(|tmpfs| mount::tmpfs(tmpfs)).collect::<Result<_, _>>()?,
            log_config: logging::log_config(self.log_driver.as_deref(), &self.log_opt)?,
            network_mode: self.network.clone().unwrap_or_else(|| "default".into()),
            restart_policy,
            auto_remove: self.rm,
            container_id_file: id_file.map(|path| path.display().to_string()).unwrap_or_default(),
            annotations: self.annotation.iter().cloned().collect(),
            runtime: text(&self.runtime),
            cap_add: capabilities("CapAdd", &self.cap_add)?,
            cap_drop: capabilities("CapDrop", &self.cap_drop)?,
            privileged: self.privileged,
            devices: self.device.clone(),
            device_cgroup_rules: self.device_cgroup_rule.clone(),
            security_opt: self
                .security_opt
                .iter()
                .map(|option| security::option(option))
                .collect::<Result<_, _>>()?,
            group_add: self.group_add.clone(),
            dns: self.dns.clone(),
            dns_options: self.dns_option.clone(),
            dns_search: self.dns_search.clone(),
            extra_hosts: self.add_host.clone(),
            sysctls: self.sysctl.iter().cloned().collect(),
            readonly_rootfs: self.read_only,
            init: self.init,
            shm_size: self.shm_size.unwrap_or_default(),
            ipc_mode: text(&self.ipc),
            pid_mode: text(&self.pid),
            uts_mode: text(&self.uts),
            userns_mode: text(&self.userns),
            cgroupns_mode: text(&self.cgroupns),
            ulimits: self.ulimit.clone(),
            memory: self.memory.unwrap_or_default(),
            memory_reservation: self.memory_reservation.unwrap_or_default(),
            memory_swap: self.memory_swap.unwrap_or_default(),
            nano_cpus: self.cpus.unwrap_or_default(),
            cpu_shares: self.cpu_shares.unwrap_or_default(),
            cpu_period: self.cpu_period.unwrap_or_default(),
            cpu_quota: self.cpu_quota.unwrap_or_default(),
            cpuset_cpus: text(&self.cpuset_cpus),
            cpuset_mems: text(&self.cpuset_mems),
            pids_limit: self.pids_limit.unwrap_or_default(),
            oom_score_adj: self.oom_score_adj.unwrap_or_default(),
            oom_kill_disable: self.oom_kill_disable,
        };
        for mount in &host.mounts {
            mount::check_source(mount)?;
        }
        check_targets(&host)?;
        Ok(host)
    }

    /// What contradicts itself, in Docker's words.
    fn check(&self, restart_policy: &RestartPolicy) -> Result<(), Failure> {
        self.check_namespaces()?;
        if let Some(score) = self.oom_score_adj.filter(|score| !(-1000..=1000).contains(score)) {
            let range = "range for oom score adj is [-1000, 1000]";
            return Err(Failure::error(format!("Invalid value {score}, {range}")));
        }
        match self.network.as_deref() {
            None | Some("none" | "host" | "default") => {}
            Some(name) => refuse(
                &format!("--network {name}"),
                true,
                "larder has no networks of its own: a container has the host's (host) or none (none)",
            )?,
        }
        if self.rm && !["", "no"].contains(&restart_policy.name.as_str()) {
            return Err(
                Failure::plain("conflicting options: cannot specify both --restart and --rm").code(BAD_FLAG)
            );
        }
        if self.memory.is_some_and(|bytes| bytes != 0 && bytes < LEAST_MEMORY) {
            return Err(Failure::error("Minimum memory limit allowed is 6MB"));
        }
        if self.cpus.is_some() && (self.cpu_period.is_some() || self.cpu_quota.is_some()) {
            return Err(Failure::error("Conflicting options: Nano CPUs and CPU Period cannot both be set."));
        }
        match (self.memory, self.memory_swap) {
            (Some(memory), Some(swap)) if swap > 0 && swap.unsigned_abs() < memory => {
                Err(Failure::error("Minimum memoryswap limit should be larger than memory limit, see usage"))
            }
            (None, Some(swap)) if swap > 0 => Err(Failure::error(
                "You should always set the Memory limit when using Memoryswap limit, see usage",
            )),
            _ => Ok(()),
        }
    }
}

impl HostArgs {
    /// Which namespaces there are, in Docker's words.
    fn check_namespaces(&self) -> Result<(), Failure> {
        for (flag, asked, known, wrong) in [
            ("--pid", &self.pid, &["", "private", "host"][..], "--pid: invalid PID mode"),
            ("--uts", &self.uts, &["", "host"], "--uts: invalid UTS mode"),
            ("--userns", &self.userns, &["", "host"], "--userns: invalid USER mode"),
            ("--cgroupns", &self.cgroupns, &["", "private", "host"], "--cgroupns: invalid CGROUP mode"),
        ] {
            let asked = asked.as_deref().unwrap_or_default();
            refuse(&format!("{flag} {asked}"), asked.starts_with("container:"), SHARES_NO_NAMESPACE)?;
            if !known.contains(&asked) {
                return Err(Failure::plain(wrong).code(BAD_FLAG));
            }
        }
        let ipc = self.ipc.as_deref().unwrap_or_default();
        let shared = ipc.starts_with("container:") || ipc == "shareable";
        refuse(&format!("--ipc {ipc}"), shared, SHARES_NO_NAMESPACE)?;
        match ipc {
            "" | "none" | "private" | "host" => Ok(()),
            other => Err(Failure::error(format!("invalid IPC mode: {other}"))),
        }
    }

    fn restart_policy(&self) -> Result<RestartPolicy, Failure> {
        restart_policy(self.restart.as_deref().unwrap_or_default())
    }
}

/// Why a container has no part in what another one has.
const SHARES_NO_NAMESPACE: &str = "containers share no namespaces with one another";

/// Nothing is mounted over something else that was asked for.
fn check_targets(host: &HostConfig) -> Result<(), Failure> {
    let binds = host.binds.iter().map(|bind| bind.target.as_str());
    let mounts = host.mounts.iter().map(|mount| mount.target.as_str());
    let mut seen = BTreeSet::new();
    for target in binds.chain(mounts).chain(host.tmpfs.keys().map(String::as_str)) {
        if !seen.insert(target.trim_end_matches('/')) {
            return Err(Failure::error(format!("Duplicate mount point: {target}")));
        }
    }
    Ok(())
}

fn restart_policy(text: &str) -> Result<RestartPolicy, Failure> {
    let (name, count) = text.split_once(':').map_or((text, None), |(name, count)| (name, Some(count)));
    let maximum_retry_count = match count {
        None => 0,
        Some(count) => {
            let wrong = "invalid restart policy format: maximum retry count must be an integer";
            count.parse().map_err(|_| Failure::plain(wrong).code(BAD_FLAG))?
        }
    };
    match name {
        "no" | "always" | "unless-stopped" if count.is_some() => Err(Failure::error(
            "invalid restart policy: maximum retry count can only be used with 'on-failure'",
        )),
        "" => Ok(RestartPolicy::default()),
        "no" | "always" | "unless-stopped" | "on-failure" => {
            Ok(RestartPolicy { name: name.into(), maximum_retry_count })
        }
        _ => Err(Failure::error(format!(
            "invalid restart policy: unknown policy '{name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        ))),
    }
}
