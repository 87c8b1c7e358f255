use proptest::prelude::*;

use super::*;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn parse(text: &str) -> Reference {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    text.parse::<Reference>().unwrap_err().to_string()
}

#[test]
fn what_is_left_out_is_put_in() {
    for (text, full) in [
        ("debian", "docker.io/library/debian"),
        ("debian:12", "docker.io/library/debian:12"),
        ("me/app:1.0_X-y", "docker.io/me/app:1.0_X-y"),
        ("docker.io/app", "docker.io/library/app"),
        ("index.docker.io/app:1", "docker.io/library/app:1"),
        ("index.docker.io/me/app", "docker.io/me/app"),
        ("localhost/app:1", "localhost/app:1"),
        ("host:5000/app", "host:5000/app"),
        ("127.0.0.1:5000/a/b/c:t", "127.0.0.1:5000/a/b/c:t"),
        ("Host/app", "Host/app"),
        ("[2001:db8::1]:5000/app:1", "[2001:db8::1]:5000/app:1"),
        ("[2001:db8::1]/app", "[2001:db8::1]/app"),
        ("a/b/c/d", "docker.io/a/b/c/d"),
        ("a--b/c__d.e-f", "docker.io/a--b/c__d.e-f"),
    ] {
        assert_eq!(parse(text).to_string(), full);
    }
    let both = parse(&format!("app:1@sha256:{HEX}"));
    assert_eq!((both.tag(), both.digest().unwrap().hex()), (Some("1"), HEX.into()));
}

#[test]
fn what_people_write_is_what_they_see() {
    for text in ["debian", "debian:12", "me/app:1", "localhost/app", "host:5000/library/app:1", "a.b/c"] {
        assert_eq!(parse(text).familiar(), text);
    }
    assert_eq!(parse("docker.io/library/debian:12").familiar(), "debian:12");
    assert_eq!(parse("docker.io/library/a/b").familiar(), "library/a/b");
    assert_eq!(parse("docker.io/localhost/x").familiar(), "docker.io/localhost/x");
    assert_eq!(parse(&format!("docker.io/library/{HEX}")).familiar(), format!("docker.io/library/{HEX}"));
    assert_eq!(parse("debian:12").familiar_repository(), "debian");
    assert_eq!(parse("debian:12").repository(), "docker.io/library/debian");
}

#[test]
fn latest_is_what_no_tag_means() {
    assert_eq!(parse("app").or_latest().to_string(), "docker.io/library/app:latest");
    assert_eq!(parse("app:1").or_latest().tag(), Some("1"));
    assert_eq!(parse(&format!("app@sha256:{HEX}")).or_latest().tag(), None);
    assert_eq!(parse("app:1").with_tag("2").unwrap().familiar(), "app:2");
    assert_eq!(parse("app").with_tag("-2"), Err(ReferenceError::Format));
}

#[test]
fn what_is_no_reference_is_refused_in_docker_s_words() {
    for text in [
        "",
        ":1",
        "/",
        "a/",
        "/a",
        "a//b",
        "a:",
        "a:-b",
        "a:b:c",
        "a b",
        "-a",
        "a-",
        "a___b",
        "a..b",
        "a._b",
        "é",
        "a@",
        "a@sha256",
        "a:b/c",
        "a:1@x",
        "http://a/b",
        "a.b:port/c",
        "-a.b/c",
        "a.-b/c",
        ".b/c",
        "[::g]/a",
        "[]/a",
        "a/b:",
        "a:\u{e9}",
    ] {
        assert_eq!(refused(text), "invalid reference format", "{text}");
    }
    assert_eq!(refused(&format!("a:{}", "b".repeat(129))), "invalid reference format");
    assert_eq!(
        refused("UPPER"),
        "invalid reference format: repository name (library/UPPER) must be lowercase"
    );
    assert_eq!(refused("a.b/C:1"), "invalid reference format: repository name (C) must be lowercase");
    assert_eq!(
        refused(HEX),
        format!("invalid repository name ({HEX}), cannot specify 64-byte hexadecimal strings")
    );
    assert_eq!(refused(&"a/".repeat(130).replace("a/a", "aa/a")), "invalid reference format");
    assert_eq!(refused(&"a".repeat(256)), "repository name must not be more than 255 characters");
    assert!(refused(&format!("a@sha512:{}", "0".repeat(128))).contains("sha512"));
    assert!(refused("a@sha256:00").contains("64 lower-case hex digits"));
}

#[test]
fn a_pattern_is_held_against_each_spelling() {
    let reference = parse("rsrch/a:1");
    for pattern in ["rsrch/a", "rsrch/*", "rsrch/a:*", "*/*:1", "docker.io/rsrch/a:1"] {
        assert!(reference.matches(pattern).unwrap(), "{pattern}");
    }
    assert!(!reference.matches("a").unwrap() && !reference.matches("rsrch").unwrap());
    assert!(parse("busybox:glibc").matches("busy*:*libc").unwrap());
    assert!(reference.matches("[").is_err());
}

proptest! {
    #[test]
    fn a_reference_reads_back_from_both_its_texts(
        text in "((localhost|[a-z]{1,3}\\.[a-z]{1,3}|[a-z]{1,3}:[0-9]{1,4}|docker\\.io|[A-Z]x)/)?[a-z0-9]{1,3}([_/-][a-z0-9]{1,3}){0,3}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,4})?"
    ) {
        let reference = parse(&text);
        prop_assert_eq!(&parse(&reference.to_string()), &reference);
        prop_assert_eq!(&parse(&reference.familiar()), &reference);
        let json = serde_json::to_string(&reference).unwrap();
        prop_assert_eq!(serde_json::from_str::<Reference>(&json).unwrap(), reference);
    }

    #[test]
    fn any_text_is_answered(text in "[a-zA-Z0-9:@/._\\[\\]é -]{0,40}") {
        if let Ok(reference) = text.parse::<Reference>() {
            prop_assert_eq!(reference.to_string().parse::<Reference>(), Ok(reference));
        }
    }
}
