use super::*;
use crate::output::json::Json;
use proptest::prelude::*;

fn document() -> Json {
    Json::parse(
        br#"{"Id":"sha256:55","RepoTags":["edge:1","a:1"],"Size":251328574,"Parent":"",
            "Config":{"Labels":{"a":"b"},"Env":["P=/bin"],"Volumes":null,"Cmd":["x","a && b"]},
            "RootFS":{"Layers":["l1","l2"]},"Nothing":null}"#,
    )
    .unwrap()
}

fn fill(template: &str) -> Result<String, String> {
    Template::parse(template)
        .and_then(|template| template.document(&document()))
        .map_err(|mistake| mistake.to_string())
}

#[test]
fn templates_give_what_docker_gives() {
    for (template, want) in [
        ("{{.Id}}", "sha256:55"),
        ("{{index .RepoTags 0}} {{.Size}}", "edge:1 251328574"),
        ("{{range .RootFS.Layers}}{{.}},{{end}}", "l1,l2,"),
        ("{{range $i, $l := .RootFS.Layers}}{{$i}}={{$l}} {{end}}", "0=l1 1=l2 "),
        ("{{if .Parent}}a{{else}}b{{end}}", "b"),
        ("{{len .RepoTags}}", "2"),
        ("{{json .Config.Cmd}}", r#"["x","a && b"]"#),
        ("{{json .Nothing}}", "null"),
        ("{{len .Nothing}}{{len .Config.Volumes}}", "00"),
        // Members stand as in the document, whatever the order of the alphabet.
        ("{{json .Config}}", r#"{"Labels":{"a":"b"},"Env":["P=/bin"],"Volumes":null,"Cmd":["x","a && b"]}"#),
        ("{{join .RepoTags \", \"}}", "edge:1, a:1"),
        ("{{.Id | upper | lower}}", "sha256:55"),
        ("{{split .Id \":\"}}", "[sha256 55]"),
        ("{{title \"ab cd\"}}", "Ab Cd"),
        ("{{truncate .Id 3}}{{truncate .Id 0}}", "sha"),
        ("{{pad .Id 1 2}}|{{pad \"\" 1 2}}", " sha256:55  |"),
        ("{{println .Id}}", "sha256:55\n"),
        ("{{printf \"%12s\" .Id}}", "   sha256:55"),
        ("{{index .Config.Labels \"a\"}}", "b"),
        ("{{index .Config.Labels \"zz\"}}", ""),
        ("{{index .Config.Volumes \"zz\"}}", ""),
        ("{{.Config.Labels.a}}{{.Config.Labels.zz}}", "b<no value>"),
        ("{{.Config.Volumes.zz}}", "<no value>"),
        ("{{with .Config}}{{.Env}}{{end}}", "[P=/bin]"),
        ("{{/* }} */}}{{\"}}\"}}", "}}"),
        ("{{if eq .Id \"x\"}}1{{else if .Size}}2{{end}}", "2"),
        ("{{slice .Id 0 3}}", "sha"),
    ] {
        assert_eq!(fill(template).as_deref(), Ok(want), "{template}");
    }
}

#[test]
fn mistakes_are_told_in_docker_s_words() {
    for (template, want) in [
        ("{{.Nope}}", r#"template: :1:2: executing "" at <.Nope>: map has no entry for key "Nope""#),
        (
            "{{.Config.Nope}}",
            r#"template: :1:9: executing "" at <.Config.Nope>: map has no entry for key "Nope""#,
        ),
        (
            "{{.Id.x}}",
            r#"template: :1:5: executing "" at <.Id.x>: can't evaluate field x in type interface {}"#,
        ),
        (
            "{{join .RepoTags}}",
            r#"template: :1:2: executing "" at <join>: wrong number of args for join: want 2 got 1"#,
        ),
        (
            "{{index .RepoTags 9}}",
            r#"template: :1:2: executing "" at <index .RepoTags 9>: error calling index: index out of range: 9"#,
        ),
        ("{{.Id", "template: :1: unclosed action"),
        ("{{foo .Id}}", r#"template: :1: function "foo" not defined"#),
        ("{{$x}}", r#"template: :1: undefined variable "$x""#),
        ("{{\"a}}", "template: :1: unterminated quoted string"),
        ("{{if .Id}}", "template: :1: unexpected EOF"),
        ("{{range}}", "template: :1: missing value for range"),
        ("{{end}}", "template: :1: unexpected {{end}}"),
        ("\n{{else}}", "template: :2: unexpected {{else}}"),
        ("{{define \"x\"}}{{end}}", "template: :1: {{define}} is not supported"),
        ("{{- template \"x\"}}", "template: :1: {{template}} is not supported"),
    ] {
        assert_eq!(fill(template).unwrap_err(), want, "{template}");
    }
    for template in ["{{len 3}}", "{{range .Id}}{{end}}", "{{}}", "{{lower 3}}"] {
        assert!(fill(template).unwrap_err().starts_with("template: :1: "), "{template}");
    }
}

#[test]
fn a_row_names_its_type() {
    let row = Json::Object(vec![("ID".into(), "x".into())]);
    let mistake =
        Template::parse("{{.ID}} {{.Nope}}").unwrap().row(&row, "*image.historyContext").unwrap_err();
    assert_eq!(
        mistake.to_string(),
        r#"template: :1:10: executing "" at <.Nope>: can't evaluate field Nope in type *image.historyContext"#
    );
}

#[test]
fn headings_pass_through_functions() {
    let headings = Json::Object(vec![("ID".into(), "IMAGE ID".into())]);
    let template = Template::parse("{{json .ID}}\t{{truncate .ID 2}}\t{{len .ID}} {{.Nope}}").unwrap();
    assert_eq!(template.heading(&headings).unwrap(), "IMAGE ID\tIMAGE ID\t8 <no value>");
}

#[test]
fn a_hostile_template_neither_crashes_nor_runs_for_ever() {
    for template in [
        format!("{{{{{}}}}}", "(".repeat(50_000)),
        "{{if .Id}}".repeat(5_000),
        format!("{{{{if .Id}}}}{}{{{{end}}}}", "{{else if .Id}}".repeat(4_000)),
        format!("{{{{if .Id}}}}{}{{{{end}}}}", "{{- else -}}".repeat(4_000)),
        format!("{}{}", "{{with .}}".repeat(99), "{{end}}".repeat(99)),
        "{{range 1000000000}}{{range 1000000000}}{{end}}{{end}}".into(),
        "{{range 1000000}}{{printf \"%65535d\" 1}}{{end}}".into(),
        "{{pad \"x\" 999999999999 999999999999 | len}}".into(),
        "{{printf \"%999999999999d\" 1 | len}}".into(),
        format!("{{{{.Id{}}}}}", " | html".repeat(9_000)),
        "{{index .RepoTags -1}}".into(),
        "x".repeat(1 << 20),
    ] {
        let _ = fill(&template);
    }
}

#[test]
fn a_template_cannot_make_more_than_it_may_print() {
    let too_long = "template: :1: executing \"\": the output grows too long";
    for template in [
        format!("{{{{$x := \"xx\"}}}}{}{{{{len $x}}}}", "{{$x = print $x $x}}".repeat(40)),
        format!("{{{{\"xx\"{} | len}}}}", " | printf \"%[1]s%[1]s\"".repeat(40)),
        format!("{{{{$x := \"xx\"}}}}{}{{{{len $x}}}}", "{{$x = join (split $x \"\") $x}}".repeat(40)),
        "{{range 1000000}}{{len (printf \"%65535d\" 1)}}{{end}}".into(),
    ] {
        assert_eq!(fill(&template).unwrap_err(), too_long, "{template}");
    }
}

#[test]
fn functions_of_go_s_own_take_any_number_of_values() {
    for (template, want) in [
        ("{{print}}|{{print 1 2 \"a\" \"b\" .Nothing}}", "|1 2ab<nil>"),
        ("{{println .RepoTags true}}", "[edge:1 a:1] true\n"),
        ("{{printf \"%v %q %5.1f\" .Config.Env .Id 1.25}}", "[P=/bin] \"sha256:55\"   1.2"),
        ("{{html \"<\"}}{{html .Size}}{{js \"'\"}}{{urlquery \"a b\"}}", "&lt;251328574\\'a+b"),
    ] {
        assert_eq!(fill(template).as_deref(), Ok(want), "{template}");
    }
    for template in ["{{printf}}", "{{html}}"] {
        assert!(fill(template).unwrap_err().contains("wrong number of args"), "{:?}", fill(template));
    }
}

proptest! {
    #[test]
    fn any_template_is_filled_in_or_refused(
        template in "([a-z .|()\"`$:=0-9-]|\\{\\{|\\}\\}|\\{\\{(if|else|end|range|with|index|printf|json|slice) |\\.Id|\\.Config|é){0,20}"
    ) {
        let _ = fill(&template);
    }
}
