//! Flags that Docker has and larder cannot carry out: taken, so that it can be
//! said why.

use crate::context::refuse;
use crate::failure::Failure;

#[derive(Debug, clap::Args)]
pub struct RefusedArgs {
    #[arg(long, hide = true)]
    blkio_weight: Option<String>,
    #[arg(long, hide = true)]
    blkio_weight_device: Vec<String>,
    #[arg(long, hide = true)]
    cgroup_parent: Option<String>,
    #[arg(long, hide = true)]
    cpu_count: Option<String>,
    #[arg(long, hide = true)]
    cpu_percent: Option<String>,
    #[arg(long, hide = true)]
    cpu_rt_period: Option<String>,
    #[arg(long, hide = true)]
    cpu_rt_runtime: Option<String>,
    #[arg(long, hide = true)]
    device_read_bps: Vec<String>,
    #[arg(long, hide = true)]
    device_read_iops: Vec<String>,
    #[arg(long, hide = true)]
    device_write_bps: Vec<String>,
    #[arg(long, hide = true)]
    device_write_iops: Vec<String>,
    /// Docker's default, and larder signs nothing: it changes nothing.
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = crate::boolean::parse)]
    disable_content_trust: Option<bool>,
    #[arg(long, hide = true)]
    gpus: Option<String>,
    #[arg(long, hide = true)]
    io_maxbandwidth: Option<String>,
    #[arg(long, hide = true)]
    io_maxiops: Option<String>,
    #[arg(long, hide = true)]
    ip: Option<String>,
    #[arg(long, hide = true)]
    ip6: Option<String>,
    #[arg(long, hide = true)]
    isolation: Option<String>,
    #[arg(long, hide = true)]
    kernel_memory: Option<String>,
    #[arg(long, hide = true)]
    link: Vec<String>,
    #[arg(long, hide = true)]
    link_local_ip: Vec<String>,
    #[arg(long, hide = true)]
    mac_address: Option<String>,
    #[arg(long, hide = true)]
    memory_swappiness: Option<String>,
    #[arg(long, hide = true, alias = "net-alias")]
    network_alias: Vec<String>,
    #[arg(short, long, hide = true)]
    publish: Vec<String>,
    #[arg(short = 'P', long, hide = true)]
    publish_all: bool,
    #[arg(long, hide = true)]
    storage_opt: Vec<String>,
    #[arg(long, hide = true)]
    use_api_socket: bool,
    #[arg(long, hide = true)]
    volume_driver: Option<String>,
    #[arg(long, hide = true)]
    volumes_from: Vec<String>,
}

const NO_PORTS: &str = "larder publishes no ports: with --network host those of the container are the host's";
const NO_NETWORKS: &str =
    "larder has no networks of its own: a container has the host's (host) or none (none)";
const NO_DRIVERS: &str = "larder has no device drivers: --device passes single devices on";
const NO_VOLUMES: &str = "larder keeps no volumes";
const OF_WINDOWS: &str = "it belongs to Windows";
const OLD_CGROUPS: &str = "it belongs to cgroups of version 1";

impl RefusedArgs {
    /// Says why, of the first that was given.
    pub fn check(&self) -> Result<(), Failure> {
        let some = |value: &Option<String>| value.is_some();
        let any = |values: &[String]| !values.is_empty();
        // Nothing is signed, so either value is as good.
        let _ = &self.disable_content_trust;
        for (flag, given, why) in [
            ("--publish", any(&self.publish), NO_PORTS),
            ("--publish-all", self.publish_all, NO_PORTS),
            ("--ip", some(&self.ip), NO_NETWORKS),
            ("--ip6", some(&self.ip6), NO_NETWORKS),
            ("--link", any(&self.link), NO_NETWORKS),
            ("--link-local-ip", any(&self.link_local_ip), NO_NETWORKS),
            ("--mac-address", some(&self.mac_address), NO_NETWORKS),
            ("--network-alias", any(&self.network_alias), NO_NETWORKS),
            ("--gpus", some(&self.gpus), NO_DRIVERS),
            ("--volume-driver", some(&self.volume_driver), NO_VOLUMES),
            ("--volumes-from", any(&self.volumes_from), NO_VOLUMES),
            ("--storage-opt", any(&self.storage_opt), "what a container writes is limited by the disk alone"),
            ("--cgroup-parent", some(&self.cgroup_parent), "larder chooses the cgroup"),
            ("--isolation", some(&self.isolation), OF_WINDOWS),
            ("--cpu-count", some(&self.cpu_count), OF_WINDOWS),
            ("--cpu-percent", some(&self.cpu_percent), OF_WINDOWS),
            ("--io-maxbandwidth", some(&self.io_maxbandwidth), OF_WINDOWS),
            ("--io-maxiops", some(&self.io_maxiops), OF_WINDOWS),
            ("--kernel-memory", some(&self.kernel_memory), OLD_CGROUPS),
            ("--memory-swappiness", some(&self.memory_swappiness), OLD_CGROUPS),
            ("--cpu-rt-period", some(&self.cpu_rt_period), OLD_CGROUPS),
            ("--cpu-rt-runtime", some(&self.cpu_rt_runtime), OLD_CGROUPS),
            ("--blkio-weight", some(&self.blkio_weight), OLD_CGROUPS),
            ("--blkio-weight-device", any(&self.blkio_weight_device), OLD_CGROUPS),
            ("--device-read-bps", any(&self.device_read_bps), "larder limits no single device"),
            ("--device-read-iops", any(&self.device_read_iops), "larder limits no single device"),
            ("--device-write-bps", any(&self.device_write_bps), "larder limits no single device"),
            ("--device-write-iops", any(&self.device_write_iops), "larder limits no single device"),
            ("--use-api-socket", self.use_api_socket, "there is no daemon to talk to"),
        ] {
            refuse(flag, given, why)?;
        }
        Ok(())
    }
}
