//! Programs are executed as the kernel would: what is promised of a call is asked of the
//! program that decides about it.

use seccompiler::sock_filter;

use crate::ScmpAction::{Allow, Errno, KillProcess, Log};
use crate::arch::{ARM, Arch, Machine, ScmpSyscall, X86};
use crate::program::{Rule, link};
use crate::{ScmpAction, ScmpArgCompare, ScmpCompareOp};

const EPERM: ScmpAction = Errno(1);
const ENOSYS: ScmpAction = Errno(38);

/// What the classic BPF `program` returns for a call.
fn decided(program: &[sock_filter], audit: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let mut data = vec![number, audit, 0, 0];
    data.extend(arguments.iter().flat_map(|argument| [*argument as u32, (argument >> 32) as u32]));
    let (mut at, mut value) = (0, 0);
    loop {
        let sock_filter { code, jt, jf, k } = program[at].clone();
        at += 1;
        let is_true = match code {
            0x20 => {
                value = data[k as usize / 4];
                continue;
            }
            0x54 => {
                value &= k;
                continue;
            }
            0x05 => {
                at += k as usize;
                continue;
            }
            0x06 => return k,
            0x15 => value == k,
            0x25 => value > k,
            0x35 => value >= k,
            other => panic!("no such instruction: {other:#x}"),
        };
        at += usize::from(if is_true { jt } else { jf });
    }
}

struct Filter {
    machine: &'static Machine,
    program: Vec<sock_filter>,
}

impl Filter {
    fn of(
        machine: &'static Machine,
        default: ScmpAction,
        rules: &[(&str, ScmpAction, &[ScmpArgCompare])],
    ) -> Self {
        let rule = |(name, action, conditions): &(&str, ScmpAction, &[ScmpArgCompare])| Rule {
            action: *action,
            syscall: ScmpSyscall::on(machine, name).unwrap(),
            conditions: conditions.to_vec(),
        };
        let rules: Vec<_> = rules.iter().map(rule).collect();
        let program = link(&machine.native, Some(&machine.compat), default, &rules).unwrap();
        Self { machine, program }
    }

    #[track_caller]
    fn gives(&self, arch: &Arch, name: &str, arguments: &[u64], want: ScmpAction) {
        let number = ScmpSyscall::on(self.machine, name).unwrap().number(arch).unwrap();
        self.gives_number(arch.audit, number, arguments, want);
    }

    #[track_caller]
    fn gives_number(&self, audit: u32, number: u32, arguments: &[u64], want: ScmpAction) {
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(arguments);
        let got = decided(&self.program, audit, number, all);
        assert_eq!(got, u32::from(want.compiled().unwrap()), "{number} {arguments:x?}: wanted {want:?}");
    }
}

fn arg(index: u32, op: ScmpCompareOp, datum: u64) -> ScmpArgCompare {
    ScmpArgCompare::new(index, op, datum)
}

#[test]
fn calls_are_found_by_their_number_on_each_architecture() {
    for machine in [&X86, &ARM] {
        let allowed = ["read", "write", "openat", "exit_group", "openat2"];
        let rules: Vec<_> = allowed.iter().map(|name| (*name, Allow, &[][..])).collect();
        let filter = Filter::of(machine, EPERM, &rules);
        for arch in [&machine.native, &machine.compat] {
            for name in allowed {
                filter.gives(arch, name, &[], Allow);
            }
            for name in ["mount", "keyctl", "close", "bpf"] {
                filter.gives(arch, name, &[], EPERM);
            }
        }
    }
    let read = |arch, machine| ScmpSyscall::on(machine, "read").unwrap().number(arch);
    assert_eq!((read(&X86.native, &X86), read(&X86.compat, &X86)), (Some(0), Some(3)));
    assert_eq!((read(&ARM.native, &ARM), read(&ARM.compat, &ARM)), (Some(63), Some(3)));
}

#[test]
fn no_architecture_and_no_x32_is_a_way_around() {
    let filter = Filter::of(&X86, EPERM, &[("read", Allow, &[])]);
    filter.gives_number(ARM.native.audit, 63, &[], KillProcess);
    filter.gives_number(0, 0, &[], KillProcess);
    for number in [0x4000_0000, 0x4000_0001, 0x7fff_ffff, u32::MAX] {
        filter.gives_number(X86.native.audit, number, &[], ENOSYS);
    }
    // Where all is allowed but some, too.
    let filter = Filter::of(&X86, Allow, &[("keyctl", EPERM, &[])]);
    filter.gives(&X86.native, "keyctl", &[], EPERM);
    filter.gives(&X86.compat, "keyctl", &[], EPERM);
    filter.gives_number(X86.native.audit, 0x4000_0000 | 250, &[], ENOSYS);
    // And without the second architecture its calls are of a foreign one.
    let rule = Rule { action: Allow, syscall: ScmpSyscall::on(&X86, "read").unwrap(), conditions: vec![] };
    let program = link(&X86.native, None, EPERM, &[rule]).unwrap();
    assert_eq!(decided(&program, X86.compat.audit, 3, [0; 6]), u32::from(KillProcess.compiled().unwrap()));
}

#[test]
fn a_call_that_is_newer_than_every_rule_is_absent() {
    for (default, want) in [(EPERM, ENOSYS), (KillProcess, ENOSYS), (Allow, Allow), (Log, Log)] {
        let rule = if default == Allow { EPERM } else { Allow };
        let filter = Filter::of(&ARM, default, &[("openat2", rule, &[])]);
        filter.gives_number(ARM.native.audit, 437, &[], rule);
        filter.gives_number(ARM.native.audit, 436, &[], default);
        filter.gives_number(ARM.native.audit, 438, &[], want);
        filter.gives_number(ARM.native.audit, u32::MAX, &[], want);
    }
    // A private call of Arm says nothing about what is new.
    let private =
        Rule { action: Allow, syscall: ScmpSyscall::on(&ARM, "set_tls").unwrap(), conditions: vec![] };
    let read = Rule { action: Allow, syscall: ScmpSyscall::on(&ARM, "read").unwrap(), conditions: vec![] };
    let filter = Filter {
        machine: &ARM,
        program: link(&ARM.native, Some(&ARM.compat), EPERM, &[private, read]).unwrap(),
    };
    filter.gives_number(ARM.compat.audit, 0x0f_0005, &[], Allow);
    filter.gives_number(ARM.compat.audit, 400, &[], ENOSYS);
}

#[test]
fn arguments_are_compared_as_asked() {
    use ScmpCompareOp::{Equal, Greater, GreaterEqual, Less, LessOrEqual, MaskedEqual, NotEqual};
    let big = 1 << 40;
    for (op, datum, fits, does_not) in [
        (Equal, big, vec![big], vec![0, big + 1, 1]),
        (NotEqual, 40, vec![0, 41, big | 40], vec![40]),
        (Less, 12, vec![0, 11], vec![12, big]),
        (LessOrEqual, 12, vec![0, 12], vec![13, big]),
        (Greater, 12, vec![13, big], vec![0, 12]),
        (GreaterEqual, 12, vec![12, big], vec![0, 11]),
        // As libcontainer has it: the datum is the mask.
        (
            MaskedEqual(0),
            0x7e02_0000,
            vec![0, 17, 0x1_2000 & !0x2_0000],
            vec![0x1000_0000, 0x2_0011, 0x7e02_0000],
        ),
        (MaskedEqual(4), 6, vec![4, 5, 12], vec![0, 2, 6]),
    ] {
        let filter = Filter::of(&X86, EPERM, &[("clone", Allow, &[arg(0, op, datum)])]);
        for value in fits {
            filter.gives(&X86.native, "clone", &[value], Allow);
        }
        for value in does_not {
            filter.gives(&X86.native, "clone", &[value], EPERM);
        }
    }
    // All conditions of one rule, any of several rules.
    let both = [arg(0, Equal, 1), arg(5, Equal, 2)];
    let filter = Filter::of(&X86, EPERM, &[("mmap", Allow, &both), ("mmap", Allow, &[arg(1, Equal, 9)])]);
    filter.gives(&X86.native, "mmap", &[1, 0, 0, 0, 0, 2], Allow);
    filter.gives(&X86.native, "mmap", &[1, 9], Allow);
    filter.gives(&X86.native, "mmap", &[1, 8], EPERM);
    // A 32-bit program has 32-bit arguments.
    let filter = Filter::of(&X86, EPERM, &[("personality", Allow, &[arg(0, Equal, 0xffff_ffff)])]);
    filter.gives(&X86.compat, "personality", &[0xffff_ffff], Allow);
    filter.gives(&X86.compat, "personality", &[0], EPERM);
}

#[test]
fn the_most_restrictive_rule_applies() {
    let one = [arg(0, ScmpCompareOp::Equal, 1)];
    let rules: [(&str, ScmpAction, &[ScmpArgCompare]); 5] = [
        ("socket", Allow, &[]),
        ("socket", ENOSYS, &one),
        ("ptrace", Allow, &[]),
        ("ptrace", Errno(5), &[]),
        ("kill", Log, &[]),
    ];
    let filter = Filter::of(&X86, EPERM, &rules);
    filter.gives(&X86.native, "socket", &[1], ENOSYS);
    filter.gives(&X86.native, "socket", &[2], Allow);
    filter.gives(&X86.native, "ptrace", &[], Errno(5));
    filter.gives(&X86.native, "kill", &[], Log);
}

#[test]
fn what_is_denied_is_denied_behind_socketcall_and_ipc() {
    let vsock = [arg(0, ScmpCompareOp::Equal, 40)];
    let rules: [(&str, ScmpAction, &[ScmpArgCompare]); 3] =
        [("socket", EPERM, &vsock), ("shmat", EPERM, &[]), ("recv", EPERM, &[])];
    let filter = Filter::of(&X86, Allow, &rules);
    filter.gives(&X86.compat, "socketcall", &[1], EPERM);
    filter.gives(&X86.compat, "socketcall", &[2], Allow);
    filter.gives(&X86.compat, "socketcall", &[10], EPERM);
    filter.gives(&X86.compat, "ipc", &[21], EPERM);
    filter.gives(&X86.compat, "ipc", &[22], Allow);
    filter.gives(&X86.native, "socket", &[1], Allow);
    // What is allowed on a condition that cannot be seen is not.
    let filter = Filter::of(&X86, EPERM, &[("socket", Allow, &vsock)]);
    filter.gives(&X86.compat, "socketcall", &[1], EPERM);
}

#[test]
fn what_is_not_supported_is_refused() {
    use crate::{ScmpArch, ScmpFilterContext};
    assert!(ScmpSyscall::from_name("nosuch").is_err());
    for action in [ScmpAction::Notify, Errno(-1), Errno(4096)] {
        assert!(ScmpFilterContext::new(action).is_err(), "{action:?}");
        let mut filter = ScmpFilterContext::new(Allow).unwrap();
        assert!(filter.add_rule(action, ScmpSyscall::from_name("read").unwrap()).is_err(), "{action:?}");
    }
    let mut filter = ScmpFilterContext::new(EPERM).unwrap();
    let seventh = [arg(6, ScmpCompareOp::Equal, 0)];
    assert!(filter.add_rule_conditional(Allow, ScmpSyscall::from_name("read").unwrap(), &seventh).is_err());
    assert!(filter.set_ctl_nnp(true).is_err() && filter.set_ctl_waitkill(true).is_err());
    assert!(!filter.add_arch(ScmpArch::Mips).unwrap());
}

/// In a thread: a filter binds for ever.
#[test]
fn the_kernel_takes_the_program_and_keeps_to_it() {
    let read = ScmpSyscall::from_name("getpriority").unwrap();
    let mut filter = crate::ScmpFilterContext::new(Allow).unwrap();
    filter.add_rule(Errno(95), read).unwrap();
    let told = std::thread::spawn(move || {
        // SAFETY: neither call touches memory.
        let no_new_privs = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
        assert_eq!(no_new_privs, 0);
        filter.load().unwrap();
        // SAFETY: as above.
        let result = unsafe { libc::syscall(libc::SYS_getpriority, 0, 0) };
        (result, std::io::Error::last_os_error().raw_os_error())
    });
    assert_eq!(told.join().unwrap(), (-1, Some(95)));
}
