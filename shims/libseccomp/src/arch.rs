//! Architectures and the numbers of their calls.

use crate::error::SeccompError;
use crate::{Result, multiplex};

/// An architecture that a filter can name.
#[allow(missing_docs, reason = "they are libseccomp's names")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScmpArch {
    Native,
    X86,
    X8664,
    X32,
    Arm,
    Aarch64,
    Mips,
    Mips64,
    Mips64N32,
    Mipsel,
    Mipsel64,
    Mipsel64N32,
    Ppc,
    Ppc64,
    Ppc64Le,
    S390,
    S390X,
    Riscv64,
    Parisc,
    Parisc64,
    Loongarch64,
    M68k,
    Sh,
    Sheb,
}

/// An architecture that a machine executes.
#[derive(Debug, Clone, Copy)]
pub struct Arch {
    /// What a filter calls it.
    pub scmp: ScmpArch,
    /// What the kernel calls it (`linux/audit.h`).
    pub audit: u32,
    /// Whether its arguments have 32 bits.
    pub is_32_bit: bool,
    /// Whether calls from here on belong to another interface.
    pub foreign_from: Option<u32>,
    /// Calls from here on are older than their number says.
    pub private_from: u32,
    number: fn(&str) -> Option<u32>,
}

/// What a machine executes.
#[derive(Debug)]
pub struct Machine {
    /// 64-bit programs.
    pub native: Arch,
    /// 32-bit programs.
    pub compat: Arch,
}

/// That of this program; `None` where there is no table.
pub const MACHINE: Option<&Machine> = if cfg!(target_arch = "x86_64") {
    Some(&X86)
} else if cfg!(target_arch = "aarch64") {
    Some(&ARM)
} else {
    None
};

/// Bit 30 marks a call of x32.
const X32_BIT: u32 = 0x4000_0000;
/// Calls that Arm alone has (`asm/unistd.h`, `__ARM_NR_BASE`).
const ARM_PRIVATE: u32 = 0x0f_0000;
const ARM_PRIVATE_CALLS: [&str; 6] = ["breakpoint", "cacheflush", "usr26", "usr32", "set_tls", "get_tls"];

pub(crate) const X86: Machine = Machine {
    native: Arch {
        scmp: ScmpArch::X8664,
        audit: 0xc000_003e,
        is_32_bit: false,
        foreign_from: Some(X32_BIT),
        private_from: u32::MAX,
        number: |name| name.parse::<syscalls::x86_64::Sysno>().ok().map(|call| call.id().unsigned_abs()),
    },
    compat: Arch {
        scmp: ScmpArch::X86,
        audit: 0x4000_0003,
        is_32_bit: true,
        foreign_from: None,
        private_from: u32::MAX,
        number: |name| name.parse::<syscalls::x86::Sysno>().ok().map(|call| call.id().unsigned_abs()),
    },
};

pub(crate) const ARM: Machine = Machine {
    native: Arch {
        scmp: ScmpArch::Aarch64,
        audit: 0xc000_00b7,
        is_32_bit: false,
        foreign_from: None,
        private_from: u32::MAX,
        number: |name| name.parse::<syscalls::aarch64::Sysno>().ok().map(|call| call.id().unsigned_abs()),
    },
    compat: Arch {
        scmp: ScmpArch::Arm,
        audit: 0x4000_0028,
        is_32_bit: true,
        foreign_from: None,
        private_from: ARM_PRIVATE,
        number: |name| {
            let common = name.parse::<syscalls::arm::Sysno>().ok().map(|call| call.id().unsigned_abs());
            let private = (ARM_PRIVATE + 1..).zip(ARM_PRIVATE_CALLS).find(|(_, known)| *known == name);
            common.or(private.map(|(number, _)| number))
        },
    },
};

/// A call, with its number on each architecture of this machine that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScmpSyscall {
    native: Option<u32>,
    compat: Option<u32>,
    /// For 32-bit programs: the number of the call that hides it, and what its first
    /// argument is then.
    hidden: Option<(u32, u64)>,
}

impl ScmpSyscall {
    /// Looks a call up.
    ///
    /// # Errors
    /// If this machine does not have it.
    pub fn from_name(name: &str) -> Result<Self> {
        Self::on(MACHINE.ok_or(SeccompError::Architecture)?, name)
    }

    /// Looks a call of `machine` up.
    pub(crate) fn on(machine: &Machine, name: &str) -> Result<Self> {
        let compat = machine.compat.number;
        let outer = if machine.compat.scmp == ScmpArch::X86 { multiplex::outer(name) } else { None };
        let found = Self {
            native: (machine.native.number)(name),
            compat: compat(name),
            hidden: outer.and_then(|(outer, index)| Some((compat(outer)?, index))),
        };
        if found == Self::default() { Err(SeccompError::UnknownSyscall(name.to_owned())) } else { Ok(found) }
    }

    /// That with the number `number` for 32-bit programs, and no other.
    pub(crate) fn of_compat(number: u32) -> Self {
        Self { compat: Some(number), ..Self::default() }
    }

    /// Its number on `arch`.
    pub(crate) fn number(self, arch: &Arch) -> Option<u32> {
        if arch.is_32_bit { self.compat } else { self.native }
    }

    /// The number of the call that hides it on `arch`, and what its first argument is then.
    pub(crate) fn hidden(self, arch: &Arch) -> Option<(u32, u64)> {
        self.hidden.filter(|_| arch.is_32_bit)
    }
}
