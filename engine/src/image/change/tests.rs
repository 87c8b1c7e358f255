use serde_json::{Value, json};

use super::*;
use crate::image::RunConfig;

fn applied(config: Value, changes: &[&str]) -> Result<Value, ChangeError> {
    let mut config: RunConfig = serde_json::from_value(config).unwrap();
    Changes::parse(changes)?.apply(&mut config)?;
    Ok(serde_json::to_value(config).unwrap())
}

/// The config that the changes make of an empty one.
fn made(changes: &[&str]) -> Value {
    applied(json!({}), changes).unwrap_or_else(|error| panic!("{changes:?}: {error}"))
}

fn refused(change: &str) -> String {
    applied(json!({}), &[change]).map_or_else(|error| error.to_string(), |made| format!("taken: {made}"))
}

// What is wanted here was seen at Docker 20.10.24.

#[test]
fn an_escaped_backslash_joins_no_lines_and_no_changes() {
    assert_eq!(made(&[r"ENV A=b\\", "ENV C=d"]), json!({"Env": [r"A=b\", "C=d"]}));
    assert_eq!(
        made(&["ENV A=b\\", "ENV C=d"]),
        json!({"Env": ["A=b", "C=d"]}),
        "one change is no other's end"
    );
}

#[test]
fn commands_are_words_or_a_text_for_the_shell() {
    assert_eq!(made(&[r#"CMD ["a", "b c"]"#]), json!({"Cmd": ["a", "b c"]}));
    assert_eq!(made(&["  cmd   a   b  "]), json!({"Cmd": ["/bin/sh", "-c", "a   b"]}));
    assert_eq!(made(&["CMD a \\\n b"]), json!({"Cmd": ["/bin/sh", "-c", "a  b"]}));
    assert_eq!(made(&["CMD [a]"]), json!({"Cmd": ["/bin/sh", "-c", "[a]"]}));
    assert_eq!(made(&["CMD echo \"$HOME\" \\$x"]), json!({"Cmd": ["/bin/sh", "-c", "echo \"$HOME\" \\$x"]}));
    assert_eq!(made(&[r#"CMD ["a"] x"#]), json!({"Cmd": ["a"]}));
    assert_eq!(made(&["CMD"]), json!({"Cmd": ["/bin/sh", "-c"]}));
    assert_eq!(made(&["CMD []"]), json!({}));
    assert_eq!(made(&["ENTRYPOINT"]), json!({}));
    let shell = json!({"Shell": ["ash"]});
    assert_eq!(
        applied(shell, &["ENTRYPOINT x"]).unwrap(),
        json!({"Shell": ["ash"], "Entrypoint": ["ash", "x"]})
    );
}

#[test]
fn an_entrypoint_takes_the_command_of_the_image_away_but_not_a_new_one() {
    let old = || json!({"Cmd": ["old"], "Entrypoint": ["e"]});
    assert_eq!(applied(old(), &[r#"ENTRYPOINT ["n"]"#]).unwrap(), json!({"Entrypoint": ["n"]}));
    for changes in [[r#"CMD ["c"]"#, r#"ENTRYPOINT ["n"]"#], [r#"ENTRYPOINT ["n"]"#, r#"CMD ["c"]"#]] {
        assert_eq!(applied(old(), &changes).unwrap(), json!({"Entrypoint": ["n"], "Cmd": ["c"]}));
    }
    assert_eq!(applied(old(), &["ENTRYPOINT []"]).unwrap(), json!({}));
}

#[test]
fn variables_are_read_as_a_shell_reads_them() {
    let env = |changes: &[&str]| made(changes)["Env"].clone();
    assert_eq!(env(&["ENV a b  c \"d\""]), json!(["a=b  c d"]));
    assert_eq!(env(&["ENV a \"b c\" d"]), json!(["a=b c d"]));
    assert_eq!(
        env(&[
            r#"ENV a="x y" b=x\ y c='q $a'"#,
            r#"ENV d=$a e=${nope:-${a}} f=${a:+y} g=\$a h="\$a \" \n" i="${b}""#
        ]),
        json!(["a=x y", "b=x y", "c=q $a", "d=x y", "e=x y", "f=y", "g=$a", "h=$a \" \\n", "i=x y"])
    );
    assert_eq!(env(&["ENV a=$ b=$$ c=$1x d=$-"]), json!(["a=$", "b=", "c=x", "d="]));
    assert_eq!(env(&["ENV a=b'c d'e\"f g\""]), json!(["a=bc def g"]));
    assert_eq!(env(&["ENV a=b\\"]), json!(["a=b"]));
    assert_eq!(env(&["ENV a='\\x' b=\\'x a\\ b=c é=ü"]), json!(["a=\\x", "b='x", "a b=c", "é=ü"]));
    assert_eq!(
        env(&["ENV A=1", "ENV a=2", "ENV A=3", "ENV b=c=d 1e=$A"]),
        json!(["A=3", "a=2", "b=c=d", "1e=3"])
    );
    assert_eq!(env(&["ENV a=1", "ENV a=2 b=$a"]), json!(["a=2", "b=1"]), "of before the instruction");
    assert_eq!(env(&["ENV a=b \\\n# remark\n\n c=${a:-\"x y\"}z"]), json!(["a=b", "c=x yz"]));
    assert_eq!(refused("ENV a=${b"), r#"failed to process "${b": missing ':' in substitution"#);
    assert_eq!(
        refused("ENV a=${b:/x}"),
        r#"failed to process "${b:/x}": unsupported modifier (/) in substitution"#
    );
    assert_eq!(refused("ENV a=${}"), r#"failed to process "${}": syntax error: bad substitution"#);
    assert_eq!(refused("ENV a=${b-x}"), r#"failed to process "${b-x}": missing ':' in substitution"#);
    for open in ["${b:-", "${b:", "${b:}", "${"] {
        assert_eq!(
            refused(&format!("ENV a={open}")),
            format!("failed to process \"{open}\": syntax error: missing '}}'")
        );
    }
    assert_eq!(refused("ENV a=${b:?msg}"), r#"failed to process "${b:?msg}": b: msg"#);
    let quote = |text: &str| format!("unexpected end of statement while looking for matching {text}-quote");
    assert_eq!(refused("ENV a='x"), format!(r#"failed to process "'x": {}"#, quote("single")));
    for text in ["\"x", "\"x\\"] {
        assert_eq!(
            refused(&format!("ENV a={text}")),
            format!(r#"failed to process "\"x": {}"#, quote("double"))
        );
    }
    assert!(refused(&format!("ENV a={}", "${a:-".repeat(100_000))).contains("nested too deeply"));
}

#[test]
fn labels_are_pairs() {
    assert_eq!(
        made(&[r#"LABEL a="b c" "k y"=v"#, "LABEL c d"])["Labels"],
        json!({"a": "b c", "k y": "v", "c": "d"})
    );
    assert_eq!(made(&["ENV a=b", "LABEL $a=${a}c x=$HOME"])["Labels"], json!({"b": "bc", "x": ""}));
    let kept = applied(json!({"Labels": {"old": "1"}}), &["LABEL new=2"]).unwrap();
    assert_eq!(kept["Labels"], json!({"old": "1", "new": "2"}));
}

#[test]
fn pairs_that_are_none_are_told() {
    for name in ["ENV", "LABEL"] {
        let told = |rest: &str| refused(&format!("{name}{rest}"));
        assert_eq!(told(""), format!("{name} requires at least one argument"));
        assert_eq!(told(" a"), format!("{name} must have two arguments"));
        assert_eq!(told(" =b"), format!("{name} names can not be blank"));
        assert_eq!(told(" a=b c"), "Syntax error - can't find = in \"c\". Must be of the form: name=value");
    }
}

#[test]
fn ports_are_numbers_and_ranges() {
    let ports = |changes: &[&str]| {
        let made = made(changes);
        made["ExposedPorts"].as_object().map(|ports| ports.keys().cloned().collect::<Vec<_>>())
    };
    let want = |list: &[&str]| Some(list.iter().map(|port| (*port).to_owned()).collect::<Vec<_>>());
    assert_eq!(
        ports(&["EXPOSE 80 90-92/udp 53/TCP 80/tcp \"81\""]),
        want(&["53/tcp", "80/tcp", "81/tcp", "90/udp", "91/udp", "92/udp"])
    );
    assert_eq!(ports(&["ENV P=\"80 81\"", "EXPOSE $P"]), want(&["80/tcp", "81/tcp"]));
    assert_eq!(ports(&["EXPOSE 1.2.3.4:80:90 8:0"]), want(&["0/tcp", "90/tcp"]));
    assert_eq!(ports(&["EXPOSE $Q"]), None);
    assert_eq!(made(&["EXPOSE 80"]), json!({"ExposedPorts": {"80/tcp": {}}}));
    assert_eq!(refused("EXPOSE"), "EXPOSE requires at least one argument");
    for bad in ["abc", "70000", "92-90", "-1", "80-"] {
        assert_eq!(refused(&format!("EXPOSE {bad}")), format!("Invalid containerPort: {bad}"));
    }
    assert_eq!(refused("EXPOSE 80/foo"), "Invalid proto: foo");
    assert_eq!(refused("EXPOSE /tcp"), "No port specified: /tcp<empty>");
}

#[test]
fn health_is_checked_by_a_command() {
    let check = |change: &str| made(&[change])["Healthcheck"].clone();
    assert_eq!(check("HEALTHCHECK none"), json!({"Test": ["NONE"]}));
    assert_eq!(check("HEALTHCHECK CMD a  b"), json!({"Test": ["CMD-SHELL", "a  b"]}));
    assert_eq!(
        check(r#"HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=1h --retries=3 CMD ["a","b"]"#),
        json!({"Test": ["CMD", "a", "b"], "Interval": 90_000_000_000_u64, "Timeout": 1_500_000_000,
            "StartPeriod": 3_600_000_000_000_u64, "Retries": 3})
    );
    for (rest, want) in [
        ("", "HEALTHCHECK requires at least one argument"),
        ("FOO", r#"Unknown type "FOO" in HEALTHCHECK (try CMD)"#),
        ("--bad=1 CMD x", "Unknown flag: bad"),
        ("--interval=5 CMD x", r#"time: missing unit in duration "5""#),
        ("--interval=5x CMD x", r#"time: unknown unit "x" in duration "5x""#),
        ("--interval=1us CMD x", r#"Interval "interval" cannot be less than 1ms"#),
        ("--retries=-1 CMD x", "--retries must be at least 1 (not -1)"),
        ("--retries=a CMD x", r#"strconv.ParseInt: parsing "a": invalid syntax"#),
        ("NONE x", "HEALTHCHECK NONE takes no arguments"),
        ("CMD", "Missing command after HEALTHCHECK CMD"),
        ("--interval CMD x", "Missing a value on flag: interval"),
        ("--interval=1s --interval=2s CMD x", "Duplicate flag specified: interval"),
    ] {
        assert_eq!(refused(&format!("HEALTHCHECK {rest}")), want);
    }
}

#[test]
fn one_thing_is_one_thing() {
    assert_eq!(made(&["USER a b"]), json!({"User": "a b"}));
    assert_eq!(made(&["USER ${x:-me}"]), json!({"User": "me"}));
    assert_eq!(made(&["STOPSIGNAL SIGRTMIN+3"]), json!({"StopSignal": "SIGRTMIN+3"}));
    assert_eq!(refused("STOPSIGNAL foo"), "Invalid signal: foo");
    for name in ["USER", "WORKDIR", "STOPSIGNAL"] {
        assert_eq!(refused(name), format!("{name} requires exactly one argument"));
    }
}

#[test]
fn a_working_directory_stands_on_the_one_before() {
    let dir = |changes: &[&str]| made(changes)["WorkingDir"].as_str().unwrap().to_owned();
    assert_eq!(dir(&["WORKDIR a", "WORKDIR b/../c"]), "/a/c");
    assert_eq!(dir(&["WORKDIR /x/../y"]), "/x/../y");
    assert_eq!(dir(&["WORKDIR /x", "WORKDIR .."]), "/");
    assert_eq!(dir(&["WORKDIR a b"]), "/a b");
    assert_eq!(refused("WORKDIR $x"), "cannot normalize nothing");
}

#[test]
fn volumes_are_a_list() {
    assert_eq!(made(&["VOLUME /a /b"]), json!({"Volumes": {"/a": {}, "/b": {}}}));
    assert_eq!(made(&[r#"VOLUME ["/a b", "/c"]"#]), json!({"Volumes": {"/a b": {}, "/c": {}}}));
    assert_eq!(made(&["VOLUME [a"]), json!({"Volumes": {"[a": {}}}));
    assert_eq!(refused("VOLUME"), "VOLUME requires at least one argument");
    assert_eq!(refused(r#"VOLUME [""]"#), "VOLUME specified can not be an empty string");
    assert_eq!(
        refused("VOLUME [1]"),
        "when using JSON array syntax, arrays must be comprised of strings only"
    );
}

#[test]
fn a_trigger_is_kept_as_it_was_written() {
    assert_eq!(made(&["ONBUILD RUN a  b", "onbuild run x"]), json!({"OnBuild": ["RUN a  b", "run x"]}));
    assert_eq!(refused("ONBUILD"), "ONBUILD requires at least one argument");
    assert_eq!(refused("ONBUILD ONBUILD x"), "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    assert_eq!(refused("ONBUILD from x"), "FROM isn't allowed as an ONBUILD trigger");
}

#[test]
fn what_is_no_change_is_told() {
    for (change, name) in
        [("RUN x", "run"), ("bogus x", "bogus"), ("SHELL [\"x\"]", "shell"), ("LABEL a=b\nFOO x", "foo")]
    {
        assert_eq!(refused(change), format!("{name} is not a valid change command"));
    }
    assert_eq!(refused(""), "file with no instructions");
    assert_eq!(refused("# x"), "file with no instructions");
    assert_eq!(refused("CMD --x a"), "Unknown flag: x");
    assert_eq!(
        refused(r#"CMD ["a", 1]"#),
        "when using JSON array syntax, arrays must be comprised of strings only"
    );
    assert_eq!(made(&[]), json!({}));
}

proptest::proptest! {
    /// Whatever is typed gives a change or an error.
    #[test]
    fn any_text_gives_an_answer(name in "(ENV|LABEL|EXPOSE|HEALTHCHECK|VOLUME|WORKDIR|CMD|\\PC*) ", text in "[ -~\\n\"'$\\\\{}=:]*") {
        let mut config = RunConfig::default();
        let _ = Changes::parse([name + &text]).and_then(|changes| changes.apply(&mut config));
    }
}
