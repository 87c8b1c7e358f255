//! `--format`: Go's templates, as Docker lends them to its users.
//!
//! The engine behind it is the crate `gotmpl`. Around it stand Docker's extra
//! functions, Docker's wording of errors, and bounds: a template comes from
//! whoever wrote the script, and must neither panic nor run for ever.

mod actions;
mod allowance;
mod explain;
mod functions;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod original;

use std::fmt;

use gotmpl::{MissingKey, TemplateError};
use serde::Serialize;

use crate::output::json::Json;
use allowance::Allowance;
pub use explain::Mistake;
use original::Original;

/// Templates beyond this are nobody's format: the parser recurses.
const MAX_TEMPLATE_BYTES: usize = 64 << 10;
/// One row beyond this is a loop that prints. Nor may its functions make more.
const MAX_OUTPUT_BYTES: usize = 16 << 20;
/// Steps of all `range` loops of one row together.
const MAX_RANGE_STEPS: u64 = 1_000_000;

/// A template that was understood, ready to be filled in.
pub struct Template {
    text: String,
    /// Where a field that is not there is a mistake.
    strict: gotmpl::Template,
    /// Where it shows as `<no value>`.
    lenient: gotmpl::Template,
    /// What runs over the headings of a table.
    heading: gotmpl::Template,
    /// What their functions may make.
    allowance: Allowance,
    /// What they are filled in with.
    original: Original,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// Go's sentence about the first thing wrong with it.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        if text.len() > MAX_TEMPLATE_BYTES {
            return Err(Mistake::at_parse(1, &format!("longer than {MAX_TEMPLATE_BYTES} bytes")));
        }
        actions::check(text)?;
        let build = |missing, functions| {
            gotmpl::Template::new("")
                .missing_key(missing)
                .max_range_iters(MAX_RANGE_STEPS)
                .funcs(functions)
                .parse(text)
                .map_err(|error| Mistake::of_parse(&error))
        };
        let (allowance, original) = (Allowance::default(), Original::default());
        let template = Self {
            text: text.to_owned(),
            strict: build(MissingKey::Error, functions::for_values(&allowance, &original))?,
            lenient: build(MissingKey::Invalid, functions::for_values(&allowance, &original))?,
            heading: build(MissingKey::Invalid, functions::for_headings(&allowance, &original))?,
            allowance,
            original,
        };
        // Go knows names that do not exist before it has a row; gotmpl only
        // when it comes by.
        match template.fill(&template.lenient, &()) {
            Err(error @ (TemplateError::UndefinedFunction(_) | TemplateError::UndefinedVariable(_))) => {
                Err(Mistake::of_parse(&error))
            }
            _ => Ok(template),
        }
    }

    /// Fills it in for one row of a listing, whose Go type would be `context`.
    ///
    /// # Errors
    /// Go's sentence about what went wrong.
    pub fn row<T: Serialize>(&self, row: &T, context: &str) -> Result<String, Mistake> {
        let missing = |key: &str| format!("can't evaluate field {key} in type {context}");
        self.fill(&self.strict, row).map_err(|error| Mistake::of_row(&error, &self.text, missing))
    }

    /// Fills it in for a document. A key that is absent from labels or annotations shows as
    /// `<no value>`, any other one is a mistake.
    ///
    /// # Errors
    /// Go's sentence about what went wrong.
    pub fn document(&self, document: &Json) -> Result<String, Mistake> {
        self.document_with(document, Json::clone)
    }

    /// The same; if a key is absent, for what `with_all` makes of the document.
    ///
    /// # Errors
    /// Go's sentence about what went wrong.
    pub fn document_with(
        &self,
        document: &Json,
        with_all: impl FnOnce(&Json) -> Json,
    ) -> Result<String, Mistake> {
        self.original.set(document.clone());
        let missing = |key: &str| format!("map has no entry for key {key:?}");
        let whole;
        let (document, filled) = match self.fill(&self.strict, document) {
            Err(TemplateError::MissingKey { .. }) => {
                whole = with_all(document);
                self.original.set(whole.clone());
                (&whole, self.fill(&self.strict, &whole))
            }
            filled => (document, filled),
        };
        match filled {
            Err(TemplateError::MissingKey { key }) if actions::asks_for_users_key(&self.text, &key) => {
                self.fill(&self.lenient, document)
            }
            filled => filled,
        }
        .map_err(|error| Mistake::of_row(&error, &self.text, missing))
    }

    /// Fills it in with the headings of a table.
    ///
    /// # Errors
    /// Go's sentence about what went wrong.
    pub fn heading<T: Serialize>(&self, headings: &T) -> Result<String, Mistake> {
        self.fill(&self.heading, headings).map_err(|error| Mistake::of_row(&error, &self.text, str::to_owned))
    }

    fn fill<T: Serialize>(&self, template: &gotmpl::Template, data: &T) -> Result<String, TemplateError> {
        let mut out = Bounded::default();
        self.allowance.renew();
        template.execute_fmt(&mut out, &gotmpl::to_value(data)?)?;
        Ok(out.text)
    }
}

/// A string that stops growing.
#[derive(Default)]
struct Bounded {
    text: String,
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.text.len() + text.len() > MAX_OUTPUT_BYTES {
            return Err(fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
