//! What is wrong with a template, in Go's words.

use std::fmt;

use gotmpl::TemplateError;

use super::actions::{find_call, find_field};

/// A mistake in a template: Go's sentence, from `template: ` on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    text: String,
}

impl Mistake {
    /// A mistake that is seen before anything is filled in.
    pub fn at_parse(line: usize, message: &str) -> Self {
        Self { text: format!("template: :{line}: {message}") }
    }

    pub(super) fn of_parse(error: &TemplateError) -> Self {
        match error {
            TemplateError::Parse { line, message, .. } | TemplateError::Lex { line, message, .. } => {
                let message = match message.as_str() {
                    "empty command" => "missing value for command",
                    "unterminated string" => "unterminated quoted string",
                    other => other,
                };
                Self::at_parse((*line).max(1), message)
            }
            TemplateError::UndefinedFunction(name) => {
                Self::at_parse(1, &format!("function {name:?} not defined"))
            }
            TemplateError::UndefinedVariable(name) => {
                Self::at_parse(1, &format!("undefined variable {name:?}"))
            }
            other => Self::at_parse(1, &bare(other)),
        }
    }

    /// A mistake found while filling in `text`; `missing` words the absence of
    /// a field.
    pub(super) fn of_row(error: &TemplateError, text: &str, missing: impl FnOnce(&str) -> String) -> Self {
        match error {
            TemplateError::UndefinedFunction(_) | TemplateError::UndefinedVariable(_) => {
                Self::of_parse(error)
            }
            TemplateError::MissingKey { key } => Self::executing(text, key, &missing(key)),
            TemplateError::ArgCount { name, expected, got } => {
                let message = format!("wrong number of args for {name}: want {expected} got {got}");
                let call = find_call(text, name).map(|(_, line, column)| (name.clone(), line, column));
                Self::at(call, &message)
            }
            TemplateError::IndexOutOfRange { index } => {
                let message = format!("error calling index: index out of range: {index}");
                Self::at(find_call(text, "index"), &message)
            }
            other => {
                let message = bare(other);
                // `can't evaluate field x in type string` names the field.
                let field = message
                    .strip_prefix("can't evaluate field ")
                    .and_then(|rest| rest.split(' ').next())
                    .map(str::to_owned);
                match field {
                    Some(field) => Self::executing(
                        text,
                        &field,
                        &format!("can't evaluate field {field} in type interface {{}}"),
                    ),
                    None => Self { text: format!("template: :1: executing \"\": {message}") },
                }
            }
        }
    }

    fn executing(text: &str, field: &str, message: &str) -> Self {
        Self::at(find_field(text, field), message)
    }

    /// `place` is what was executed, its line, and its byte in that line.
    fn at(place: Option<(String, usize, usize)>, message: &str) -> Self {
        let text = match place {
            Some((what, line, column)) => {
                format!("template: :{line}:{column}: executing \"\" at <{what}>: {message}")
            }
            None => format!("template: :1: executing \"\": {message}"),
        };
        Self { text }
    }
}

/// gotmpl's message without what it puts before it.
fn bare(error: &TemplateError) -> String {
    match error {
        TemplateError::Write => "the output grows too long".into(),
        TemplateError::RangeIterLimit => "range goes on for too long".into(),
        TemplateError::RecursionLimit => "exceeded maximum template depth".into(),
        TemplateError::NotIterable(kind) => format!("range can't iterate over {kind}"),
        other => {
            let text = other.to_string();
            text.strip_prefix("execution error: ").unwrap_or(&text).to_owned()
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
