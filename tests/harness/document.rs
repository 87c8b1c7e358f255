//! Pages of documentation: the commands in them, and whether what a page says is so.

use std::process::Command;

use super::child::{self, Feed};

/// What stands between two fences.
#[derive(Debug, Clone)]
pub struct Block {
    /// The line of the opening fence, from 1.
    pub line: usize,
    /// What the opening fence says it is.
    pub fence: String,
    pub lines: Vec<String>,
}

/// A command of a `console` block, and what it prints.
struct Step<'b> {
    line: usize,
    command: &'b str,
    wanted: Vec<&'b str>,
}

/// Printed between the outputs of two steps; no command prints it.
const BETWEEN: &str = "\u{1e}";

/// Says which command of a shell's script did not succeed.
const TELL: &str = r#"set -Eeuo pipefail; trap 'echo "this failed: $BASH_COMMAND" >&2' ERR"#;

/// The blocks of a page, in order.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    for (line, text) in (1..).zip(page.lines()) {
        match text.strip_prefix("```") {
            Some(fence) if !is_open => {
                blocks.push(Block { line, fence: fence.trim().to_owned(), lines: Vec::new() });
                is_open = true;
            }
            Some(_) => is_open = false,
            None if is_open => blocks.last_mut().expect("one is open").lines.push(text.to_owned()),
            None => {}
        }
    }
    assert!(!is_open, "a block is never closed: {:?}", blocks.last());
    blocks
}

impl Block {
    /// Runs a block of commands in one shell, which `shell` makes ready for a script; `Err` says
    /// what went otherwise than the page has it.
    ///
    /// `sh` must succeed, every command of it. Of `console`, each command must also print what
    /// stands below it.
    pub fn check(&self, shell: impl FnOnce(&str) -> Command) -> Result<(), String> {
        if self.fence != "console" {
            let ran = child::run(shell(&format!("{TELL}\n{}", self.lines.join("\n"))), Feed::Nothing);
            return if ran.code == Some(0) { Ok(()) } else { Err(ran.to_string()) };
        }
        let steps = self.steps();
        let lines = steps.iter().map(|step| format!("{}\nprintf '\\036'\n", step.command));
        let ran = child::run(shell(&format!("{TELL}\n{}", lines.collect::<String>())), Feed::Nothing);
        let out = ran.out();
        for (at, step) in steps.iter().enumerate() {
            let printed = out.split(BETWEEN).nth(at).unwrap_or_default();
            let is_done = out.matches(BETWEEN).count() > at;
            let is_so = agree(&step.wanted, &printed.lines().collect::<Vec<_>>());
            if !is_done || !is_so {
                let Step { line, command, wanted } = step;
                let wanted = wanted.join("\n");
                return Err(format!("line {line}: {command}\n--- wanted\n{wanted}\n--- ran\n{ran}"));
            }
        }
        Ok(())
    }

    fn steps(&self) -> Vec<Step<'_>> {
        let mut steps: Vec<Step<'_>> = Vec::new();
        for (line, text) in (self.line + 1..).zip(&self.lines) {
            match text.strip_prefix("$ ") {
                Some(command) => steps.push(Step { line, command, wanted: Vec::new() }),
                None => steps.last_mut().expect("a command comes first").wanted.push(text),
            }
        }
        steps
    }
}

/// Whether this was printed; `...` stands for any lines.
fn agree(wanted: &[&str], printed: &[&str]) -> bool {
    match (wanted.split_first(), printed.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((&"...", wanted)), _) => (0..=printed.len()).any(|from| agree(wanted, &printed[from..])),
        (Some((line, wanted)), Some((other, printed))) => {
            words(line) == words(other) && agree(wanted, printed)
        }
        (Some(_), None) => false,
    }
}

/// A line by its words; how long ago it was and which digest it is left open.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let hex = word.trim_start_matches("sha256:");
        if word == "ago" {
            while words.pop().is_some_and(|word| word != "About" && word.parse::<u64>().is_err()) {}
            words.push("ago".to_owned());
        } else if hex.len() >= 12 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            words.push("digest".to_owned());
        } else {
            words.push(word.to_owned());
        }
    }
    words
}
