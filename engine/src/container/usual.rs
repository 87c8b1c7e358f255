//! What a container gets where nothing else was said.

use super::spec::HostConfig;

/// The size of `/dev/shm`, as Docker has it.
const SHM_BYTES: u64 = 64 << 20;

/// What the kernel tells of the whole machine, as Docker hides it.
const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];
/// What changes the whole machine, as Docker protects it.
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

impl HostConfig {
    /// The size of `/dev/shm`, in bytes.
    pub fn shm_bytes(&self) -> u64 {
        if self.shm_size == 0 { SHM_BYTES } else { self.shm_size }
    }

    /// What of `/proc` and `/sys` it does not see, and what it cannot write to; nothing, where
    /// it may do everything.
    pub fn protected_paths(&self) -> (&'static [&'static str], &'static [&'static str]) {
        let shows_all = self.privileged || self.security_opt.iter().any(|option| is_unconfined(option));
        if shows_all { (&[], &[]) } else { (&MASKED, &READ_ONLY) }
    }
}

/// As with every option of `--security-opt`, a colon will do.
fn is_unconfined(option: &str) -> bool {
    matches!(option, "systempaths=unconfined" | "systempaths:unconfined")
}
