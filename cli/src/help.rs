//! The help of `larder` itself: its commands in groups, each with one line.

use clap::Command;

/// The groups, in the order in which they are shown.
const GROUPS: &[(&str, &[&str])] = &[
    ("Common Commands", &["load", "save", "images", "run", "ps", "exec", "df"]),
    ("Image Commands", &["import", "export", "inspect", "history", "tag", "rmi", "diff", "commit", "squash"]),
    (
        "Container Commands",
        &[
            "create", "start", "stop", "restart", "kill", "pause", "unpause", "wait", "logs", "attach",
            "top", "stats", "rename", "rm",
        ],
    ),
    ("File Commands", &["ls", "cat", "cp", "find", "grep"]),
    ("Store Commands", &["log", "undo", "report", "gc", "optimize", "fsck", "info"]),
    ("Management Commands", &["container", "image", "system"]),
    ("Other Commands", &["completion", "man", "version", "help"]),
];

/// `command`, the top-level one, with a help in which its commands stand in groups.
pub fn grouped(command: Command) -> Command {
    let mut text = String::new();
    for (heading, names) in GROUPS {
        text.push_str(&format!("{heading}:\n"));
        for name in *names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string);
            let about = about.unwrap_or_else(|| "Print this message or the help of a command".into());
            text.push_str(&format!("  {name:<11} {about}\n"));
        }
        text.push('\n');
    }
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{text}Options:\n{{options}}{{after-help}}"
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_command_is_in_one_group_of_the_help() {
        let mut command = Cli::command();
        command.build();
        let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
        let shown: BTreeSet<_> = shown.map(Command::get_name).collect();
        let listed: Vec<_> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), shown);
        assert_eq!(listed.len(), shown.len(), "a command is in two groups");
        let help = grouped(Cli::command()).render_help().to_string();
        for name in shown {
            assert!(help.contains(&format!("\n  {name} ")), "{name}: {help}");
        }
        assert!(
            help.contains("--store") && help.contains("--progress") && help.contains("Example:"),
            "{help}"
        );
    }
}
