//! The script for bash, which takes a colon for the end of a word: `app:1` arrives as three.
//!
//! Words that nothing stands between are put together again, and from what is offered the part
//! is taken off that bash would keep anyway.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use clap::Command;
use clap_complete::env::{Bash, EnvCompleter};

/// clap's completer for bash, with a script of our own.
#[derive(Debug, Clone, Copy)]
pub struct BashWithColons;

const SCRIPT: &str = r#"_clap_complete_NAME() {
    local IFS=$'\013'
    local words=() joined= rest="$COMP_LINE" last= word blank i n=-1
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        blank="${rest%%[![:space:]]*}"
        rest="${rest#"$blank"}"
        rest="${rest#"$word"}"
        if ((i == COMP_CWORD)) && [[ "$word" != :* ]]; then
            word="$2"
        fi
        if [[ -z "$blank" && $n -ge 0 && ( "$last" == *: || "$word" == :* ) ]]; then
            joined="${words[n]}"
            words[n]="$joined$word"
        else
            joined=
            words[++n]="$word"
        fi
        last="$word"
    done
    if [[ "$last" == :* ]]; then
        joined="${words[n]}"
    fi
    COMPREPLY=( $( \
        _CLAP_IFS="$IFS" \
        _CLAP_COMPLETE_INDEX="$n" \
        VAR="bash" \
        "COMPLETER" -- "${words[@]}" 2> /dev/null \
    ) )
    if [[ $? != 0 ]]; then
        unset COMPREPLY
        return
    fi
    if [[ "$joined" == *: && "$COMP_WORDBREAKS" == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"$joined"}")
    fi
    if [[ ${#COMPREPLY[@]} != 1 || "${COMPREPLY-}" =~ [=/:]$ ]]; then
        compopt -o nospace 2> /dev/null
    else
        compopt +o nospace 2> /dev/null
    fi
}
if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -o bashdefault -o nosort -F _clap_complete_NAME BIN
else
    complete -o bashdefault -F _clap_complete_NAME BIN
fi
"#;

impl EnvCompleter for BashWithColons {
    fn name(&self) -> &'static str {
        Bash.name()
    }

    fn is(&self, name: &str) -> bool {
        Bash.is(name)
    }

    fn write_registration(
        &self,
        var: &str,
        name: &str,
        bin: &str,
        completer: &str,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let quoted = completer.replace('\'', r"'\''");
        let script = SCRIPT.replace("\"COMPLETER\"", &format!("'{quoted}'"));
        let script = script.replace("NAME", &name.replace('-', "_")).replace("BIN", bin).replace("VAR", var);
        out.write_all(script.as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut Command,
        args: Vec<OsString>,
        directory: Option<&Path>,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        Bash.write_complete(command, args, directory, out)
    }
}
