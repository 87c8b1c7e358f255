//! What is done to a store and what goes wrong meanwhile, as a fuzzer says it.
//!
//! A step is a line `VERB A B MISHAP NUMBER`, without spaces: four characters,
//! of which those that are left out are zeros, and a number. `A` and `B` are
//! digits.
//!
//! | verb     | what is done                                             |
//! |----------|----------------------------------------------------------|
//! | `l`, `L` | image `A` is loaded, as a stream or from a file          |
//! | `i`      | layer `A` is imported under the name `B`                 |
//! | `t`      | the image `A` is also named `B`                          |
//! | `r`, `R` | the name `A` is removed; by force                        |
//! | `d`, `D` | of all images the one at `A` is removed by its ID; by force |
//! | `c`      | of the image `A` the container `B` is created            |
//! | `n`      | the container `A` is renamed to `B`                      |
//! | `x`      | the container `A` is removed                             |
//! | `m`      | the container `A` is committed under the name `B`        |
//! | `s`, `S` | the image `A` is squashed under the name `B`; only its top layer |
//! | `g`, `e` | garbage is collected; reclaimed                          |
//! | `o`      | packs are optimised                                      |
//! | `j`      | the journal is compacted; `A` times 256 bytes of it stay |
//! | `f`      | everything is verified                                   |
//! | `p`      | the store is opened again                                |
//! | `k`, `K` | index runs are lost; byte `NUMBER` of each is another    |
//!
//! | mishap        | what befalls the call of the disk after so many          |
//! |---------------|----------------------------------------------------------|
//! | `e`, `n`, `q` | an error: the disk breaks, is full, is full for this user |
//! | `E`, `N`, `Q` | the same in the middle of a write                        |
//! | `s`           | a syncing fails                                          |
//! | `u`, `v`, `w` | the power goes; of what was not durable nothing is left, everything, a part |

use rustix::io::Errno;

use crate::disk::{Failure, Survival};

/// Longer scripts take longer and show no more.
const MAX_STEPS: usize = 12;

/// No verb makes so many calls.
const MAX_NUMBER: u64 = 2000;

/// Something that is done. Numbers stand for names, images and layers.
#[derive(Debug, Clone, Copy)]
pub enum Verb {
    Load { image: usize, from_file: bool },
    Import { layer: usize, name: usize },
    Tag { name: usize, other: usize },
    Remove { name: usize, force: bool },
    RemoveById { number: usize, force: bool },
    Create { name: usize, container: usize },
    Rename { container: usize, other: usize },
    RemoveContainer { container: usize },
    Commit { container: usize, name: usize },
    Squash { name: usize, other: usize, only_top: bool },
    Collect,
    Reclaim,
    Optimize,
    Compact { history: usize },
    Verify,
    Reopen,
    LoseIndex,
    SpoilIndex { at: u64 },
}

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
pub enum Mishap {
    None,
    Failure(Failure),
    PowerCut(Survival),
}

/// A line.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub verb: Verb,
    pub mishap: Mishap,
    /// How many calls of the disk work before the mishap.
    pub calls: u64,
}

/// The steps that `script` has.
pub fn steps(script: &[u8]) -> impl Iterator<Item = Step> {
    script.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).take(MAX_STEPS).map(step)
}

fn step(line: &[u8]) -> Step {
    let at = |index: usize| line.get(index).copied().unwrap_or(b'0');
    let digit = |index: usize| usize::from(at(index).wrapping_sub(b'0'));
    let number = line.get(4..).and_then(|text| std::str::from_utf8(text).ok()?.trim().parse().ok());
    let calls = number.unwrap_or(0) % MAX_NUMBER;
    Step { verb: verb(at(0), digit(1), digit(2), calls), mishap: mishap(at(3), calls), calls }
}

fn verb(letter: u8, a: usize, b: usize, number: u64) -> Verb {
    match letter {
        b'l' | b'L' => Verb::Load { image: a, from_file: letter == b'L' },
        b'i' => Verb::Import { layer: a, name: b },
        b't' => Verb::Tag { name: a, other: b },
        b'r' | b'R' => Verb::Remove { name: a, force: letter == b'R' },
        b'd' | b'D' => Verb::RemoveById { number: a, force: letter == b'D' },
        b'c' => Verb::Create { name: a, container: b },
        b'n' => Verb::Rename { container: a, other: b },
        b'x' => Verb::RemoveContainer { container: a },
        b'm' => Verb::Commit { container: a, name: b },
        b's' | b'S' => Verb::Squash { name: a, other: b, only_top: letter == b'S' },
        b'g' => Verb::Collect,
        b'e' => Verb::Reclaim,
        b'o' => Verb::Optimize,
        b'j' => Verb::Compact { history: a },
        b'f' => Verb::Verify,
        b'k' => Verb::LoseIndex,
        b'K' => Verb::SpoilIndex { at: number },
        _ => Verb::Reopen,
    }
}

fn mishap(letter: u8, seed: u64) -> Mishap {
    match letter {
        b'e' => Mishap::Failure(Failure::Error(Errno::IO)),
        b'n' => Mishap::Failure(Failure::Error(Errno::NOSPC)),
        b'q' => Mishap::Failure(Failure::Error(Errno::DQUOT)),
        b'E' => Mishap::Failure(Failure::Half(Errno::IO)),
        b'N' => Mishap::Failure(Failure::Half(Errno::NOSPC)),
        b'Q' => Mishap::Failure(Failure::Half(Errno::DQUOT)),
        b's' => Mishap::Failure(Failure::Sync),
        b'u' => Mishap::PowerCut(Survival::Nothing),
        b'v' => Mishap::PowerCut(Survival::Everything),
        b'w' => Mishap::PowerCut(Survival::Part(seed)),
        _ => Mishap::None,
    }
}
