//! Values of flags, as Docker reads them: sizes in powers of 1024, pairs,
//! limits, addresses. What is wrong is told in Docker's words.

use std::net::IpAddr;

use larder_engine::{DeviceMapping, Ulimit};

/// Bytes as Docker reads those of memory: `512m`, `1.5gb`, `64KiB`; every unit
/// is a power of 1024.
pub fn ram(text: &str) -> Result<u64, String> {
    let wrong = || format!("invalid size: '{text}'");
    let lower = text.to_ascii_lowercase();
    let at = lower.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(lower.len());
    let (number, unit) = lower.split_at_checked(at).ok_or_else(wrong)?;
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let unit = unit.trim_start();
    let power = match unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(unit) {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(wrong()),
    };
    let bytes = number * 1024_f64.powi(power);
    if !(0.0..9.0e18).contains(&bytes) {
        return Err(wrong());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Ok(bytes as u64)
}

/// The same, or -1 for no limit.
pub fn ram_or_unlimited(text: &str) -> Result<i64, String> {
    if text == "-1" {
        return Ok(-1);
    }
    i64::try_from(ram(text)?).map_err(|_| format!("invalid size: '{text}'"))
}

/// Whether these are permissions of a device: `r`, `w` and `m`, each at most once.
fn is_access(text: &str) -> bool {
    let is_single = |letter| text.matches(letter).count() == 1;
    !text.is_empty() && text.chars().all(|letter| "rwm".contains(letter) && is_single(letter))
}

/// A device, `HOST-PATH[:CONTAINER-PATH][:PERMISSIONS]`.
pub fn device(text: &str) -> Result<DeviceMapping, String> {
    let parts: Vec<_> = text.split(':').collect();
    let (source, target, access) = match *parts.as_slice() {
        [source] => (source, source, "rwm"),
        [source, access] if is_access(access) => (source, source, access),
        [source, target] => (source, target, "rwm"),
        [source, target, access] => (source, target, access),
        _ => return Err(format!("bad format for path: {text}")),
    };
    if !is_access(access) {
        return Err(format!("bad mode specified: {access}"));
    }
    if let Some(path) = [source, target].into_iter().find(|path| !path.starts_with('/')) {
        return Err(format!("{path} is not an absolute path"));
    }
    Ok(DeviceMapping {
        path_on_host: source.into(),
        path_in_container: target.into(),
        cgroup_permissions: access.into(),
    })
}

/// A rule for devices, `c 7:* rmw`.
pub fn device_rule(text: &str) -> Result<String, String> {
    let is_number =
        |text: &str| text == "*" || !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let words: Vec<_> = text.split(' ').collect();
    let is_rule = match *words.as_slice() {
        [kind, numbers, access] => {
            let has_numbers = numbers.split_once(':').is_some_and(|(a, b)| is_number(a) && is_number(b));
            matches!(kind, "a" | "b" | "c") && has_numbers && is_access(access)
        }
        _ => false,
    };
    if is_rule { Ok(text.into()) } else { Err(format!("invalid device cgroup format '{text}'")) }
}

/// Processors, `1.5`, in billionths.
pub fn cpus(text: &str) -> Result<u64, String> {
    let wrong = || format!("failed to parse {text} as a rational number");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(wrong());
    }
    if fraction.len() > 9 {
        return Err("value is too precise".into());
    }
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(wrong());
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().map_err(|_| wrong())? };
    let fraction: u64 = format!("{fraction:0<9}").parse().map_err(|_| wrong())?;
    whole.checked_mul(1_000_000_000).and_then(|nano| nano.checked_add(fraction)).ok_or_else(wrong)
}

/// The limits that Linux has.
const ULIMITS: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// `nofile=1024:2048`: name, soft and hard limit.
pub fn ulimit(text: &str) -> Result<Ulimit, String> {
    let wrong = || format!("invalid ulimit argument: {text}");
    let (name, limits) = text.split_once('=').ok_or_else(wrong)?;
    if !ULIMITS.contains(&name) {
        return Err(format!("invalid ulimit type: {name}"));
    }
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let number = |text: &str| text.parse::<i64>().map_err(|_| wrong());
    let (soft, hard) = (number(soft)?, number(hard)?);
    if hard != -1 && (soft > hard || soft == -1) {
        return Err(format!("ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"));
    }
    Ok(Ulimit { name: name.into(), soft, hard })
}

/// `NAME=VALUE`, the value empty where there is none.
pub fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if key.is_empty() {
        return Err(format!("invalid label '{text}': empty name"));
    }
    Ok((key.into(), value.into()))
}

/// A stream, in any case.
pub fn stream(text: &str) -> Result<String, String> {
    match text.to_ascii_lowercase() {
        stream if ["stdin", "stdout", "stderr"].contains(&stream.as_str()) => Ok(stream),
        _ => Err("valid streams are STDIN, STDOUT and STDERR".into()),
    }
}

/// `NAME=VALUE`, both there.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.into(), value.into())),
        _ => Err(format!("invalid value '{text}': expected name=value")),
    }
}

/// A kernel parameter that a container can have of its own, in Docker's words.
pub fn sysctl(text: &str) -> Result<(String, String), String> {
    let (name, value) = pair(text)?;
    match larder_engine::is_namespaced_sysctl(&name) {
        true => Ok((name, value)),
        false => Err(format!("sysctl '{text}' is not allowed")),
    }
}

/// A variable: `NAME=value`, or `NAME` for that of the user's environment. One
/// that is not set there is unset in the container too.
pub fn variable(text: &str) -> Result<String, String> {
    if text.is_empty() || text.starts_with('=') {
        return Err(format!("invalid environment variable: {text}"));
    }
    Ok(from_environment(text))
}

/// `NAME` with its value in the user's environment.
pub fn from_environment(text: &str) -> String {
    match std::env::var(text) {
        Ok(value) if !text.contains('=') => format!("{text}={value}"),
        _ => text.to_owned(),
    }
}

/// An address of the internet.
pub fn address(text: &str) -> Result<String, String> {
    let parsed = text.parse::<IpAddr>();
    parsed.map(|address| address.to_string()).map_err(|_| format!("{text} is not an ip address"))
}

/// `NAME:ADDRESS`, or `NAME=ADDRESS`.
pub fn extra_host(text: &str) -> Result<String, String> {
    let wrong = || format!("bad format for add-host: {text:?}");
    let (name, address) = text.split_once(['=', ':']).ok_or_else(wrong)?;
    if name.is_empty() {
        return Err(wrong());
    }
    let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
    if bare != "host-gateway" && bare.parse::<IpAddr>().is_err() {
        return Err(format!("invalid IP address in add-host: {address:?}"));
    }
    Ok(format!("{name}:{bare}"))
}

/// What Linux calls capabilities, without `CAP_`.
const CAPABILITIES: &str = " CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP \
    LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO \
    SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD \
    LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ \
    PERFMON BPF CHECKPOINT_RESTORE ";

/// A capability, `NET_ADMIN` or `cap_net_admin`; or `ALL`.
pub fn capability(text: &str) -> Result<String, String> {
    let upper = text.trim().to_ascii_uppercase();
    if upper == "ALL" {
        return Ok(upper);
    }
    let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
    match !name.is_empty() && CAPABILITIES.contains(&format!(" {name} ")) {
        true => Ok(format!("CAP_{name}")),
        false => Err(format!("unknown capability: {:?}", format!("CAP_{name}"))),
    }
}

/// A time in nanoseconds, `30s`; none below zero.
pub fn duration(text: &str) -> Result<i64, String> {
    match larder_engine::parse_duration(text) {
        Ok(nanoseconds) if nanoseconds < 0 => Err("it cannot be negative".into()),
        Ok(nanoseconds) => Ok(nanoseconds),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_counts_in_powers_of_1024() {
        for (text, bytes) in
            [("0", 0), ("6m", 6 << 20), ("1.5g", 3 << 29), ("64KiB", 64 << 10), ("10B", 10), ("1 kb", 1024)]
        {
            assert_eq!(ram(text), Ok(bytes), "{text}");
        }
        for text in ["", "m", "1x", "-1", "1.2.3k", "99999999p"] {
            assert_eq!(ram(text), Err(format!("invalid size: '{text}'")));
        }
        assert_eq!((ram_or_unlimited("-1"), ram_or_unlimited("1k")), (Ok(-1), Ok(1024)));
    }

    #[test]
    fn a_device_has_two_paths_and_permissions() {
        let read = |text: &str| {
            device(text).map(|read| [read.path_on_host, read.path_in_container, read.cgroup_permissions])
        };
        let whole = |host: &str, inside: &str, access: &str| Ok([host.into(), inside.into(), access.into()]);
        assert_eq!(read("/dev/a"), whole("/dev/a", "/dev/a", "rwm"));
        assert_eq!(read("/dev/a:r"), whole("/dev/a", "/dev/a", "r"));
        assert_eq!(read("/dev/a:/dev/b"), whole("/dev/a", "/dev/b", "rwm"));
        assert_eq!(read("/dev/a:/dev/b:wm"), whole("/dev/a", "/dev/b", "wm"));
        for wrong in ["dev/a", "/dev/a:b", "/dev/a:/dev/b:x", "/dev/a:/dev/b:rr", "/a:/b:r:w", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        for rule in ["c 7:* rmw", "b *:* r", "a 1:2 m"] {
            assert_eq!(device_rule(rule), Ok(rule.to_owned()));
        }
        for wrong in ["", "x 1:1 r", "c 1 r", "c 1:1 x", "c 1:1 ", "c 1:1 r r", "c  1:1 r", "c -1:1 r"] {
            assert!(device_rule(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_are_checked_as_docker_checks_them() {
        assert_eq!(
            (cpus("1.5"), cpus(".25"), cpus("2")),
            (Ok(1_500_000_000), Ok(250_000_000), Ok(2_000_000_000))
        );
        assert!(
            cpus("x").is_err() && cpus("-1").is_err() && cpus("0.1234567891").is_err() && cpus(".").is_err()
        );
        let limit = |soft, hard| Ok(Ulimit { name: "nofile".into(), soft, hard });
        assert_eq!(
            (ulimit("nofile=1:2"), ulimit("nofile=3"), ulimit("nofile=-1")),
            (limit(1, 2), limit(3, 3), limit(-1, -1))
        );
        assert_eq!(ulimit("x=1").unwrap_err(), "invalid ulimit type: x");
        assert_eq!(ulimit("nofile").unwrap_err(), "invalid ulimit argument: nofile");
        assert!(ulimit("nofile=2:1").is_err() && ulimit("nofile=-1:1").is_err());
        assert_eq!(extra_host("db:10.0.0.1").unwrap(), "db:10.0.0.1");
        assert_eq!(extra_host("db=[::1]").unwrap(), "db:::1");
        assert!(extra_host("db").is_err() && extra_host("db:x").is_err());
        assert_eq!(capability("net_admin").unwrap(), "CAP_NET_ADMIN");
        assert!(capability("ET_ADMI").is_err() && capability("").is_err());
        assert_eq!(variable("=x").unwrap_err(), "invalid environment variable: =x");
        assert_eq!(variable("SURELY_NOT_SET").unwrap(), "SURELY_NOT_SET");
        assert_eq!(
            (label("a"), label("a=b=c")),
            (Ok(("a".into(), String::new())), Ok(("a".into(), "b=c".into())))
        );
        assert!(duration("-1s").is_err() && duration("1s") == Ok(1_000_000_000));
    }
}
