//! The calls of x86 that hide others: `socketcall` and `ipc` (`linux/net.h`, `linux/ipc.h`).
//!
//! Whoever denies `socket` denies `socketcall(SYS_SOCKET)`, too: it would be a way around.

use crate::arch::{Arch, ScmpSyscall};
use crate::program::Rule;
use crate::rule::{ScmpAction, ScmpArgCompare, ScmpCompareOp};

/// In the order of their numbers, from 1.
const SOCKET_CALLS: [&str; 20] = [
    "socket",
    "bind",
    "connect",
    "listen",
    "accept",
    "getsockname",
    "getpeername",
    "socketpair",
    "send",
    "recv",
    "sendto",
    "recvfrom",
    "shutdown",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "recvmsg",
    "accept4",
    "recvmmsg",
    "sendmmsg",
];

const IPC_CALLS: [(&str, u64); 12] = [
    ("semop", 1),
    ("semget", 2),
    ("semctl", 3),
    ("semtimedop", 4),
    ("msgsnd", 11),
    ("msgrcv", 12),
    ("msgget", 13),
    ("msgctl", 14),
    ("shmat", 21),
    ("shmdt", 22),
    ("shmget", 23),
    ("shmctl", 24),
];

/// The call of x86 that hides `name`, and what its first argument is then.
pub fn outer(name: &str) -> Option<(&'static str, u64)> {
    let socket = (1..).zip(SOCKET_CALLS).find(|(_, inner)| *inner == name);
    let ipc = || IPC_CALLS.iter().find(|(inner, _)| *inner == name).map(|(_, index)| ("ipc", *index));
    socket.map(|(index, _)| ("socketcall", index)).or_else(ipc)
}

/// The rule with which `rule` reaches the call that hides its own on `arch`. Conditions
/// cannot be seen there: a rule that denies more than `default` denies all, another one adds
/// nothing.
pub fn hidden(arch: &Arch, rule: &Rule, default: ScmpAction) -> Option<Rule> {
    let (number, index) = rule.syscall.hidden(arch)?;
    if rule.action.rank() >= default.rank() && !rule.conditions.is_empty() {
        return None;
    }
    let condition = ScmpArgCompare::new(0, ScmpCompareOp::Equal, index);
    Some(Rule { action: rule.action, syscall: ScmpSyscall::of_compat(number), conditions: vec![condition] })
}
