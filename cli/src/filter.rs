//! `--filter`: which images a command is about.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use larder_engine::{ImageSummary, LabelFilter, Reference, Store};

use crate::context::{about_image, no_such_image};
use crate::failure::Failure;
use crate::output::time;

/// One `--filter NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// In small letters.
    pub name: String,
    pub value: String,
}

impl std::str::FromStr for Filter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or("bad format of filter (expected name=value)")?;
        Ok(Self { name: name.trim().to_lowercase(), value: value.trim().into() })
    }
}

/// Which images are wanted.
#[derive(Debug, Default)]
pub struct Wanted {
    dangling: Option<bool>,
    labels: Vec<LabelFilter>,
    /// Created before this image was.
    before: Option<Timestamp>,
    /// Created since this image was.
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    /// Any of these; none means all.
    references: Vec<String>,
}

impl Wanted {
    /// Understands the filters of a listing, whose argument is one more pattern.
    ///
    /// # Errors
    /// A filter that is none, or that names an image the store does not have.
    pub fn listed(filters: &[Filter], pattern: Option<&str>, store: Option<&Store>) -> Result<Self, Failure> {
        let mut wanted = Self::default();
        for filter in filters {
            let created = |name: &str| {
                let store = store.ok_or_else(|| Failure::error(no_such_image(name)))?;
                match store.inspect(name, None) {
                    Ok(image) => Ok(image.summary.created.unwrap_or(Timestamp::MIN)),
                    Err(error) => Err(about_image(error, store, name)),
                }
            };
            match filter.name.as_str() {
                "before" => {
                    let found = created(&filter.value)?;
                    wanted.before = Some(wanted.before.map_or(found, |earlier| earlier.min(found)));
                }
                "since" => {
                    let found = created(&filter.value)?;
                    wanted.since = Some(wanted.since.map_or(found, |later| later.max(found)));
                }
                "reference" => wanted.references.push(filter.value.clone()),
                _ => wanted.take(filter)?,
            }
        }
        wanted.references.extend(pattern.map(str::to_owned));
        Ok(wanted)
    }

    /// Understands the filters of a prune: `dangling`, `label`, `label!`, `until`.
    ///
    /// # Errors
    /// A filter that is none.
    pub fn pruned(filters: &[Filter]) -> Result<Self, Failure> {
        let mut wanted = Self::default();
        filters.iter().try_for_each(|filter| wanted.take(filter))?;
        Ok(wanted)
    }

    fn take(&mut self, filter: &Filter) -> Result<(), Failure> {
        let Filter { name, value } = filter;
        match name.as_str() {
            "dangling" => match value.as_str() {
                "true" | "1" => self.dangling = Some(true),
                "false" | "0" => self.dangling = Some(false),
                _ => return Err(Failure::error(format!("Invalid filter 'dangling=[{value}]'"))),
            },
            "label" | "label!" => {
                self.labels.push(label_filter(name, value));
            }
            "until" => {
                let found = time::parse_until(value, Timestamp::now(), &TimeZone::system());
                self.until = Some(found.map_err(Failure::error)?);
            }
            _ => return Err(Failure::error(format!("Invalid filter '{name}'"))),
        }
        Ok(())
    }

    /// `image` with those of its names that are wanted, if it is wanted at all.
    pub fn sieve(&self, mut image: ImageSummary) -> Option<ImageSummary> {
        let created = image.created.unwrap_or(Timestamp::MIN);
        let wanted = self.dangling.is_none_or(|dangling| dangling == image.references.is_empty())
            && self.labels.iter().all(|label| label.accepts(&image.labels))
            && self.before.is_none_or(|before| created < before)
            && self.since.is_none_or(|since| created > since)
            && self.until.is_none_or(|until| created <= until);
        if !self.references.is_empty() {
            // A pattern that is none matches nothing, as in Docker.
            let fits = |glob: &String, name: &Reference| name.matches(glob).unwrap_or(false);
            image.references.retain(|name| self.references.iter().any(|glob| fits(glob, name)));
            if image.references.is_empty() {
                return None;
            }
        }
        wanted.then_some(image)
    }

    /// The parts that the engine's prune understands, and `dangling`.
    pub fn into_prune(self) -> (Option<bool>, Option<Timestamp>, Vec<LabelFilter>) {
        (self.dangling, self.until, self.labels)
    }
}

/// The filter `label` or `label!`.
pub fn label_filter(name: &str, value: &str) -> LabelFilter {
    let (key, value) = value.split_once('=').map_or((value, None), |(key, value)| (key, Some(value)));
    LabelFilter { negated: name == "label!", key: key.into(), value: value.map(Into::into) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_name_and_a_value() {
        let filter: Filter = "label=a=b".parse().unwrap();
        assert_eq!(filter, Filter { name: "label".into(), value: "a=b".into() });
        assert_eq!("foo".parse::<Filter>(), Err("bad format of filter (expected name=value)"));
    }

    #[test]
    fn a_filter_that_does_not_exist_is_refused() {
        for text in ["foo=bar", "dangling=maybe", "until=xx", "before=x"] {
            assert!(Wanted::pruned(&[text.parse().unwrap()]).is_err(), "{text}");
        }
        for text in ["dangling=false", "until=24h", "label=a", "label!=a=b"] {
            assert!(Wanted::pruned(&[text.parse().unwrap()]).is_ok(), "{text}");
        }
    }
}
