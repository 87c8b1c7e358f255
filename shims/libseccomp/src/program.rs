//! From rules to one program of BPF.
//!
//! The program looks at the architecture first. For each one follow
//!
//! 1. the calls whose rules have conditions, most restrictive action first: seccompiler's
//!    programs, linked so that what none of them matches goes on to the next part;
//! 2. ranges of numbers with the same action: calls without conditions, those that no rule
//!    names, those that are newer than every rule.
//!
//! Ranges keep it short, 350 allowed calls being about 60 of them, and the numbers of a range
//! are known to the kernel's cache of calls that are always allowed.

use std::collections::BTreeMap;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch, sock_filter};

use crate::Result;
use crate::arch::{Arch, ScmpSyscall};
use crate::error::SeccompError;
use crate::multiplex::hidden;
use crate::rule::{ScmpAction, ScmpArgCompare};

/// What happens to a call whose arguments meet all conditions.
#[derive(Debug, Clone)]
pub struct Rule {
    pub action: ScmpAction,
    pub syscall: ScmpSyscall,
    pub conditions: Vec<ScmpArgCompare>,
}

// Instructions (`linux/bpf_common.h`).
const LOAD: u16 = 0x20;
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_GREATER: u16 = 0x25;
const RETURN: u16 = 0x06;
// What is looked at (`struct seccomp_data`).
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// Stands in seccompiler's programs for "none of these": replaced by a jump.
const NO_MATCH: SeccompAction = SeccompAction::Trace(0xffff);

/// One program that filters the calls of `native` and `compat`, and kills whoever makes one
/// of another architecture.
pub fn link(native: &Arch, compat: Option<&Arch>, default: ScmpAction, rules: &[Rule]) -> Result<BpfProgram> {
    let mut program = vec![statement(LOAD, ARCHITECTURE)];
    for arch in [Some(native), compat].into_iter().flatten() {
        let part = of_arch(arch, default, rules)?;
        let length = u32::try_from(part.len()).map_err(|_| SeccompError::TooLong(part.len()))?;
        program.push(jump(JUMP_IF_EQUAL, arch.audit, 1, 0));
        program.push(statement(JUMP, length));
        program.extend(part);
    }
    program.push(end(ScmpAction::KillProcess)?);
    Ok(program)
}

/// The part for one architecture, which always ends with an action.
fn of_arch(arch: &Arch, default: ScmpAction, rules: &[Rule]) -> Result<BpfProgram> {
    let more: Vec<_> = rules.iter().filter_map(|rule| hidden(arch, rule, default)).collect();
    let mut certain: BTreeMap<u32, ScmpAction> = BTreeMap::new();
    let mut conditional: Vec<(u32, &Rule)> = Vec::new();
    for rule in rules.iter().chain(&more) {
        let Some(number) = rule.syscall.number(arch) else { continue };
        if rule.conditions.is_empty() {
            let action = certain.entry(number).or_insert(rule.action);
            if rule.action.rank() < action.rank() {
                *action = rule.action;
            }
        } else {
            conditional.push((number, rule));
        }
    }
    // One that would only repeat what holds without it.
    conditional.retain(|(number, rule)| certain.get(number) != Some(&rule.action));
    let numbers = certain.keys().copied().chain(conditional.iter().map(|(number, _)| *number));
    let newest = numbers.filter(|number| *number < arch.private_from).max();
    let mut program = conditions(arch, &conditional)?;
    program.extend(ranges(arch, default, &certain, newest)?);
    Ok(program)
}

/// The calls with conditions, a program of seccompiler for each action.
fn conditions(arch: &Arch, rules: &[(u32, &Rule)]) -> Result<BpfProgram> {
    let mut actions: Vec<ScmpAction> = Vec::new();
    for (_, rule) in rules {
        if !actions.contains(&rule.action) {
            actions.push(rule.action);
        }
    }
    actions.sort_by_key(|action| action.rank());
    let mut program = Vec::new();
    for action in actions {
        let mut calls: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
        for (number, rule) in rules.iter().filter(|(_, rule)| rule.action == action) {
            let all = rule.conditions.iter().map(|condition| condition.compiled(arch.is_32_bit));
            let rule = SeccompRule::new(all.collect::<Result<_>>()?)?;
            calls.entry(i64::from(*number)).or_default().push(rule);
        }
        program.extend(compiled(calls, action)?);
    }
    Ok(program)
}

/// seccompiler's program without its look at the architecture, which we have had; what it
/// does not match reaches its end.
fn compiled(calls: BTreeMap<i64, Vec<SeccompRule>>, action: ScmpAction) -> Result<BpfProgram> {
    let filter = |calls| -> Result<BpfProgram> {
        // The architecture concerns the part that is cut off alone.
        let filter = SeccompFilter::new(calls, NO_MATCH, action.compiled()?, TargetArch::x86_64)?;
        Ok(filter.try_into()?)
    };
    // Without calls it is that look and the action.
    let look = filter(BTreeMap::new())?.len().saturating_sub(1);
    let mut program = filter(calls)?.split_off(look);
    let length = program.len();
    let no_match = statement(RETURN, NO_MATCH.into());
    for (at, instruction) in program.iter_mut().enumerate() {
        if *instruction == no_match {
            let rest = u32::try_from(length - at - 1).map_err(|_| SeccompError::TooLong(length))?;
            *instruction = statement(JUMP, rest);
        }
    }
    Ok(program)
}

/// The calls without conditions, and all others.
fn ranges(
    arch: &Arch,
    default: ScmpAction,
    certain: &BTreeMap<u32, ScmpAction>,
    newest: Option<u32>,
) -> Result<BpfProgram> {
    let absent = ScmpAction::Errno(libc::ENOSYS);
    // Programs try new calls and do without them, if they are told that there are none.
    let newer = if default.denies() { absent } else { default };
    // Where a range begins, and what happens there.
    let mut starts: BTreeMap<u32, ScmpAction> = BTreeMap::from([(0, default)]);
    for (number, action) in certain {
        starts.insert(*number, *action);
        starts.entry(number + 1).or_insert(default);
    }
    if let Some(newest) = newest {
        starts.insert(newest + 1, newer);
    }
    if let Some(foreign) = arch.foreign_from {
        starts.insert(foreign, absent);
    }
    let mut merged: Vec<(u32, ScmpAction)> = Vec::new();
    for (start, action) in starts {
        if merged.last().is_none_or(|(_, last)| *last != action) {
            merged.push((start, action));
        }
    }
    let mut program = vec![statement(LOAD, NUMBER)];
    for (at, (_, action)) in merged.iter().enumerate() {
        if let Some((next, _)) = merged.get(at + 1) {
            program.push(jump(JUMP_IF_GREATER, next - 1, 1, 0));
        }
        program.push(end(*action)?);
    }
    Ok(program)
}

fn statement(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

fn jump(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

fn end(action: ScmpAction) -> Result<sock_filter> {
    Ok(statement(RETURN, action.compiled()?.into()))
}
