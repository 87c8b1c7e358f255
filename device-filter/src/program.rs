//! The program: BPF instructions that decide by a list of rules.
//!
//! The kernel passes `struct bpf_cgroup_dev_ctx` in `r1`:
//!
//! | offset | size | field                                            |
//! |-------:|-----:|--------------------------------------------------|
//! |      0 |    4 | access wanted in the upper, kind in the lower 16 bits |
//! |      4 |    4 | major number                                     |
//! |      8 |    4 | minor number                                     |
//!
//! and takes 1 in `r0` as yes, 0 as no. The rules are tried from the last to the first. `r3`
//! holds what no rule has decided yet: a rule that denies some of it ends with no, one that
//! allows some of it takes that away, and the end is yes as soon as nothing is left.

use crate::{Kind, Rule};

/// `struct bpf_insn`, as the kernel reads it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    code: u8,
    /// The destination in the lower four bits, the source in the upper ones.
    registers: u8,
    offset: i16,
    immediate: i32,
}

// Operation codes: class, operation and source of `linux/bpf_common.h` and `linux/bpf.h`.
const LOAD_WORD: u8 = 0x61;
const AND: u8 = 0x54;
const SHIFT_RIGHT: u8 = 0x74;
const SET: u8 = 0xb7;
const JUMP_ALWAYS: u8 = 0x05;
const JUMP_IF_NOT_EQUAL: u8 = 0x55;
const JUMP_IF_ANY_BIT: u8 = 0x45;
const EXIT: u8 = 0x95;

const RESULT: u8 = 0;
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
const UNDECIDED: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

/// `BPF_DEVCG_DEV_BLOCK` and `BPF_DEVCG_DEV_CHAR`.
const BLOCK: i32 = 1;
const CHAR: i32 = 2;

const ALL_ACCESS: i32 = 7;

fn instruction(code: u8, register: u8, immediate: i32) -> Instruction {
    Instruction { code, registers: register, offset: 0, immediate }
}

fn load(register: u8, offset: i16) -> Instruction {
    Instruction { code: LOAD_WORD, registers: register | CONTEXT << 4, offset, immediate: 0 }
}

fn jump(code: u8, register: u8, immediate: i32, offset: i16) -> Instruction {
    Instruction { code, registers: register, offset, immediate }
}

/// The program that decides by `rules`.
pub fn assemble(rules: &[Rule]) -> Vec<Instruction> {
    let mut program = vec![
        load(KIND, 0),
        instruction(AND, KIND, 0xffff),
        load(UNDECIDED, 0),
        instruction(SHIFT_RIGHT, UNDECIDED, 16),
        load(MAJOR, 4),
        load(MINOR, 8),
        // The kernel never asks for nothing; if it did, that would need everything.
        jump(JUMP_IF_NOT_EQUAL, UNDECIDED, 0, 1),
        instruction(SET, UNDECIDED, ALL_ACCESS),
    ];
    rules.iter().rev().for_each(|rule| add_rule(&mut program, rule));
    program.extend([instruction(SET, RESULT, 0), instruction(EXIT, 0, 0)]);
    program
}

fn add_rule(program: &mut Vec<Instruction>, rule: &Rule) {
    // Numbers that no device has: the kernel's have 12 and 20 bits.
    let number = |number: Option<u32>| number.map(i32::try_from).transpose();
    let (Ok(major), Ok(minor)) = (number(rule.major), number(rule.minor)) else { return };
    let kind = match rule.kind {
        Kind::All => None,
        Kind::Char => Some(CHAR),
        Kind::Block => Some(BLOCK),
    };
    let access = rule.access.0 as i32;
    let decision = match rule.allow {
        true => vec![
            instruction(AND, UNDECIDED, !access & ALL_ACCESS),
            jump(JUMP_IF_NOT_EQUAL, UNDECIDED, 0, 2),
            instruction(SET, RESULT, 1),
            instruction(EXIT, 0, 0),
        ],
        false => vec![
            jump(JUMP_IF_ANY_BIT, UNDECIDED, access, 1),
            // Over the two that follow: the rule is about other access.
            jump(JUMP_ALWAYS, 0, 0, 2),
            instruction(SET, RESULT, 0),
            instruction(EXIT, 0, 0),
        ],
    };
    let conditions: Vec<_> = [(KIND, kind), (MAJOR, major), (MINOR, minor)]
        .into_iter()
        .filter_map(|(r, v)| Some((r, v?)))
        .collect();
    let count = conditions.len();
    for (at, (register, value)) in conditions.into_iter().enumerate() {
        // At most three conditions and four instructions: it fits.
        let rest = (count - at - 1 + decision.len()) as i16;
        program.push(jump(JUMP_IF_NOT_EQUAL, register, value, rest));
    }
    program.extend(decision);
}

#[cfg(test)]
mod tests;
