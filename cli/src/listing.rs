//! Rows of a listing, in whatever `--format` asks for.
//!
//! `table` · `table TEMPLATE` · `json` · `raw` where Docker has it · TEMPLATE.

use std::collections::BTreeMap;

use crate::output::json::{Html, Json};
use crate::output::{table, text};
use crate::template::{Mistake, Template};

/// What a kind of listing looks like, apart from its rows.
#[derive(Debug)]
pub struct Look {
    /// The Go type that Docker names in errors.
    pub context: &'static str,
    /// Heading of each field that may stand in a table.
    pub headings: &'static [(&'static str, &'static str)],
    /// The template of `raw`, if the listing has one.
    pub raw: Option<&'static str>,
}

/// One row: text by the name of its field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    fields: BTreeMap<&'static str, String>,
    /// What `.Label "key"` asks for.
    labels: BTreeMap<String, String>,
}

impl Row {
    /// A row of these fields.
    pub fn new<const N: usize>(fields: [(&'static str, String); N]) -> Self {
        Self { fields: fields.into(), labels: BTreeMap::new() }
    }

    /// The row with another value in one field.
    pub fn with(mut self, field: &'static str, value: String) -> Self {
        self.fields.insert(field, value);
        self
    }

    /// The row with labels to ask for.
    pub fn with_labels<'l>(mut self, labels: impl Iterator<Item = (&'l String, &'l String)>) -> Self {
        self.labels = labels.map(|(key, value)| (key.clone(), value.clone())).collect();
        self
    }

    /// The row as a JSON object, its keys sorted.
    pub fn json(&self) -> Json {
        Json::Object(Self::members(&self.fields))
    }

    fn members<K: ToString>(of: &BTreeMap<K, String>) -> Vec<(String, Json)> {
        of.iter().map(|(name, value)| (name.to_string(), value.as_str().into())).collect()
    }

    /// The row for a table, where no value may break its line.
    fn in_cells(&self) -> Self {
        let cell = |value: &String| text::in_one_cell(value).into_owned();
        Self {
            fields: self.fields.iter().map(|(name, value)| (*name, cell(value))).collect(),
            labels: self.labels.iter().map(|(key, value)| (key.clone(), cell(value))).collect(),
        }
    }

    /// The row for a template, its labels among the fields.
    fn serialized(&self) -> Json {
        let mut members = Self::members(&self.fields);
        if self.fields.contains_key("Labels") {
            members.push(("Label".into(), Json::Object(Self::members(&self.labels))));
        }
        Json::Object(members)
    }
}

/// How rows are to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// Columns under headings.
    Table(String),
    /// One JSON object a line, its keys sorted.
    Json,
    /// A template for each row.
    Lines(String),
}

impl Format {
    /// Understands `--format`; `table` is the template of the usual table.
    pub fn of(asked: Option<&str>, table: &str, look: &Look) -> Self {
        let asked = asked.unwrap_or_default().trim_matches(' ');
        let unescaped = || {
            let text = asked.replace("\\t", "\t").replace("\\n", "\n");
            // Go calls a method, which gotmpl does not know: a label is looked up.
            text.replace(".Label \"", "index .Label \"").replace(".Label `", "index .Label `")
        };
        match (asked, look.raw) {
            ("" | "table", _) => Self::Table(table.into()),
            ("json", _) => Self::Json,
            ("raw", Some(raw)) => Self::Lines(raw.into()),
            _ => match unescaped().strip_prefix("table") {
                Some(template) => Self::Table(template.trim_matches(' ').into()),
                None => Self::Lines(unescaped()),
            },
        }
    }

    /// Writes `rows`.
    ///
    /// # Errors
    /// What is wrong with the template.
    pub fn render(&self, look: &Look, rows: &[Row]) -> Result<String, Mistake> {
        let mut out = String::new();
        match self {
            Self::Json => {
                for row in rows {
                    out.push_str(&row.json().compact(Html::Escaped));
                    out.push('\n');
                }
            }
            Self::Lines(template) => {
                let whole_row = template == "{{json .}}";
                let template = Template::parse(template)?;
                for row in rows {
                    let line = if whole_row {
                        row.json().compact(Html::Escaped)
                    } else {
                        template.row(&row.serialized(), look.context)?
                    };
                    out.push_str(&line);
                    out.push('\n');
                }
            }
            Self::Table(template) => {
                let template = Template::parse(template)?;
                let mut lines = String::new();
                for row in rows {
                    lines.push_str(&template.row(&row.in_cells().serialized(), look.context)?);
                    lines.push('\n');
                }
                let mut headings: BTreeMap<_, _> = look.headings.iter().copied().collect();
                if headings.contains_key("Labels") {
                    headings.insert("Label", "");
                }
                out = table::align(&format!("{}\n{lines}", template.heading(&headings)?));
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look {
        context: "*formatter.imageContext",
        headings: &[("ID", "IMAGE ID"), ("Tag", "TAG")],
        raw: Some("image_id: {{.ID}}\n"),
    };

    fn render(asked: Option<&str>) -> Result<String, String> {
        let rows = [Row::new([("ID", "5568a1e7f45a".into()), ("Tag", "<none>".into())])];
        let format = Format::of(asked, "{{.ID}}\t{{.Tag}}", &LOOK);
        format.render(&LOOK, &rows).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn every_format_looks_as_in_docker() {
        let table = "IMAGE ID       TAG\n5568a1e7f45a   <none>\n";
        for (asked, want) in [
            (None, table),
            (Some(""), table),
            (Some("table"), table),
            (Some("table {{.ID}}\\t{{.Tag}}"), table),
            (Some("table  {{.ID}}\\t"), "IMAGE ID       \n5568a1e7f45a   \n"),
            (Some("table\t{{.ID}}"), "          IMAGE ID\n          5568a1e7f45a\n"),
            (Some("table {{len .ID}} {{upper .Tag}}"), "8 TAG\n12 <NONE>\n"),
            (Some("tablex"), "x\nx\n"),
            (Some("json"), "{\"ID\":\"5568a1e7f45a\",\"Tag\":\"\\u003cnone\\u003e\"}\n"),
            (Some("{{json .}}"), "{\"ID\":\"5568a1e7f45a\",\"Tag\":\"\\u003cnone\\u003e\"}\n"),
            (Some("{{json .Tag}}"), "\"<none>\"\n"),
            (Some("raw"), "image_id: 5568a1e7f45a\n\n"),
            (Some("  {{.ID}}"), "5568a1e7f45a\n"),
            (Some("{{.ID}}\\n{{.Tag}}"), "5568a1e7f45a\n<none>\n"),
        ] {
            assert_eq!(render(asked).as_deref(), Ok(want), "{asked:?}");
        }
    }

    #[test]
    fn a_field_that_is_not_there_is_a_mistake() {
        let want = "template: :1:2: executing \"\" at <.Nope>: \
                    can't evaluate field Nope in type *formatter.imageContext";
        assert_eq!(render(Some("{{.Nope}}")), Err(want.into()));
        assert_eq!(render(Some("table {{.Nope}}")), Err(want.into()));
        let format = Format::of(Some("table {{.Nope}}"), "", &LOOK);
        assert_eq!(format.render(&LOOK, &[]).unwrap(), "<no value>\n");
    }

    #[test]
    fn a_label_is_asked_for_by_its_key() {
        const LABELLED: Look =
            Look { context: "*formatter.ContainerContext", headings: &[("Labels", "LABELS")], raw: None };
        let labels = [("org.app-name".to_owned(), "web".to_owned())];
        let row = Row::new([("Labels", "org.app-name=web".into())]);
        let rows = [row.with_labels(labels.iter().map(|(key, value)| (key, value)))];
        for (asked, want) in [
            ("{{.Label \"org.app-name\"}}", "web\n"),
            ("{{upper (.Label `org.app-name`)}}|{{.Label \"other\"}}", "WEB|\n"),
            ("table {{.Label \"org.app-name\"}}\\t", "app name   \nweb        \n"),
            ("json", "{\"Labels\":\"org.app-name=web\"}\n"),
        ] {
            let format = Format::of(Some(asked), "", &LABELLED);
            assert_eq!(format.render(&LABELLED, &rows).unwrap(), want, "{asked}");
        }
    }

    #[test]
    fn a_value_cannot_break_its_row() {
        let rows = [Row::new([("ID", "a\tb\nc".into()), ("Tag", "t".into())])];
        let format = Format::of(None, "{{.ID}}\t{{.Tag}}", &LOOK);
        assert_eq!(format.render(&LOOK, &rows).unwrap(), "IMAGE ID   TAG\na b c      t\n");
    }
}
