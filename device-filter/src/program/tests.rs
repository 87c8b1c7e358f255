use proptest::prelude::*;

use super::*;
use crate::Access;

/// Runs a program as the kernel would.
fn run(program: &[Instruction], kind: i32, access: u32, major: u32, minor: u32) -> bool {
    let context = [access << 16 | kind as u32, major, minor];
    let mut registers = [0_i64; 6];
    let mut at = 0;
    loop {
        let Instruction { code, registers: named, offset, immediate } = program[at];
        let (register, value) = (usize::from(named & 15), i64::from(immediate));
        let jumps = match code {
            LOAD_WORD => {
                registers[register] = i64::from(context[offset as usize / 4]);
                false
            }
            AND => {
                registers[register] &= value;
                false
            }
            SHIFT_RIGHT => {
                registers[register] >>= value;
                false
            }
            SET => {
                registers[register] = value;
                false
            }
            JUMP_ALWAYS => true,
            JUMP_IF_NOT_EQUAL => registers[register] != value,
            JUMP_IF_ANY_BIT => registers[register] & value != 0,
            EXIT => return registers[0] == 1,
            other => panic!("no instruction {other:#x}"),
        };
        at += 1 + if jumps { offset as usize } else { 0 };
    }
}

/// The promise of [`Rule`], bit by bit.
fn is_allowed(rules: &[Rule], kind: i32, access: u32, major: u32, minor: u32) -> bool {
    let is_about = |rule: &&Rule, bit: u32| {
        let has_kind = match rule.kind {
            Kind::All => true,
            Kind::Char => kind == CHAR,
            Kind::Block => kind == BLOCK,
        };
        has_kind
            && rule.major.is_none_or(|wanted| wanted == major)
            && rule.minor.is_none_or(|wanted| wanted == minor)
            && rule.access.0 & bit != 0
    };
    let mut wanted = [1, 2, 4].into_iter().filter(|bit| access & bit != 0);
    wanted.all(|bit| rules.iter().rfind(|rule| is_about(rule, bit)).is_some_and(|rule| rule.allow))
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let kind = prop_oneof![Just(Kind::All), Just(Kind::Char), Just(Kind::Block)];
    let number = || proptest::option::of(prop_oneof![0_u32..3, Just(u32::MAX)]);
    let rule = (any::<bool>(), kind, number(), number(), 1_u32..8).prop_map(
        |(allow, kind, major, minor, access)| Rule { allow, kind, major, minor, access: Access(access) },
    );
    proptest::collection::vec(rule, 0..8)
}

proptest! {
    #[test]
    fn the_last_rule_about_a_device_decides(rules in rules()) {
        let program = assemble(&rules);
        for kind in [BLOCK, CHAR] {
            for access in 1..8 {
                for (major, minor) in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 2), (7, 9)] {
                    prop_assert_eq!(
                        run(&program, kind, access, major, minor),
                        is_allowed(&rules, kind, access, major, minor),
                        "{} {} {}:{}", kind, access, major, minor
                    );
                }
            }
        }
    }
}

#[test]
fn without_rules_everything_is_denied() {
    assert!(!run(&assemble(&[]), CHAR, Access::READ.0, 1, 3));
    // Also what asks for nothing.
    assert!(!run(&assemble(&[]), CHAR, 0, 1, 3));
    let read = Rule { allow: true, kind: Kind::All, major: None, minor: None, access: Access::READ };
    assert!(!run(&assemble(&[read]), CHAR, 0, 1, 3));
}

#[test]
fn access_is_read_as_the_specification_has_it() {
    assert_eq!(Access::parse("rwm"), Some(Access::ALL));
    assert_eq!(Access::parse("mr"), Some(Access(3)));
    assert_eq!(Access::parse(""), None);
    assert_eq!(Access::parse("rx"), None);
}
