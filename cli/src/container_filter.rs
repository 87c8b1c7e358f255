//! `--filter`: which containers a command is about.

use jiff::Timestamp;
use larder_engine::{ContainerSummary, DiffId, ErrorKind, LabelFilter, Store};

use crate::commands::ps::state;
use crate::failure::Failure;
use crate::filter::{Filter, label_filter};

/// Docker's states of containers, and of their health.
const STATES: [&str; 7] = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
const HEALTH: [&str; 4] = ["starting", "healthy", "unhealthy", "none"];

/// Which containers are wanted. Of conditions of one kind any will do, unless
/// it says otherwise.
#[derive(Debug, Default)]
pub struct Wanted {
    ancestors: Option<Vec<Ancestor>>,
    before: Option<Timestamp>,
    since: Option<Timestamp>,
    ids: Vec<String>,
    names: Vec<String>,
    /// All of them.
    labels: Vec<LabelFilter>,
    states: Vec<String>,
    exit_codes: Vec<i32>,
    health: Vec<String>,
    networks: Vec<String>,
    exposed: Vec<String>,
    volumes: Vec<String>,
    /// Something that no container here ever is.
    impossible: bool,
}

/// An image, or what may be the beginning of an ID.
#[derive(Debug)]
enum Ancestor {
    Image { id: String, layers: Vec<DiffId> },
    Unknown(String),
}

impl Wanted {
    /// Understands the filters of a listing.
    ///
    /// # Errors
    /// A filter that is none, or that names a container the store does not have.
    pub fn listed(filters: &[Filter], store: Option<&Store>) -> Result<Self, Failure> {
        let mut wanted = Self::default();
        for Filter { name, value } in filters {
            let invalid = || Failure::error(format!("Invalid filter '{name}={value}'"));
            let created = || created(store, value);
            match name.as_str() {
                "ancestor" => wanted.ancestors.get_or_insert_default().push(ancestor(store, value)?),
                "before" => {
                    let found = created()?;
                    wanted.before = Some(wanted.before.map_or(found, |earlier| earlier.min(found)));
                }
                "since" => {
                    let found = created()?;
                    wanted.since = Some(wanted.since.map_or(found, |later| later.max(found)));
                }
                "id" => wanted.ids.push(value.clone()),
                "name" => wanted.names.push(value.clone()),
                "label" | "label!" => wanted.labels.push(label_filter(name, value)),
                "status" if !STATES.contains(&value.as_str()) => return Err(invalid()),
                "status" => wanted.states.push(value.clone()),
                "health" if !HEALTH.contains(&value.as_str()) => {
                    return Err(Failure::error(format!("Unrecognised filter value for health: {value}")));
                }
                "health" => wanted.health.push(value.clone()),
                "exited" => {
                    let parsed = value.parse::<i32>();
                    wanted.exit_codes.push(parsed.map_err(|_| {
                        Failure::error(format!("strconv.Atoi: parsing {value:?}: invalid syntax"))
                    })?);
                }
                "is-task" => match value.as_str() {
                    "true" | "1" => wanted.impossible = true,
                    "false" | "0" => {}
                    _ => return Err(Failure::error(format!("Invalid filter 'is-task=[{value}]'"))),
                },
                "network" => wanted.networks.push(value.clone()),
                "expose" => wanted.exposed.push(value.clone()),
                "volume" => wanted.volumes.push(value.clone()),
                "publish" => wanted.impossible = true,
                "isolation" => wanted.impossible |= !matches!(value.as_str(), "" | "default"),
                _ => return Err(Failure::error(format!("Invalid filter '{name}'"))),
            }
        }
        Ok(wanted)
    }

    /// Whether somebody asks for containers in a certain state: then not only
    /// those that run are meant.
    pub fn names_a_status(&self) -> bool {
        !self.states.is_empty() || !self.exit_codes.is_empty()
    }

    /// Whether `container` is wanted.
    pub fn accepts(&self, container: &ContainerSummary) -> bool {
        let spec = &container.spec;
        let created = container.created.unwrap_or(Timestamp::MIN);
        let no_labels = Default::default();
        let labels = spec.config.labels.as_ref().unwrap_or(&no_labels);
        let any = |list: &[String], fits: &dyn Fn(&str) -> bool| {
            list.is_empty() || list.iter().any(|one| fits(one))
        };
        let id = container.id.to_string();
        let exposed = |port: &str| {
            let port = if port.contains('/') { port.to_owned() } else { format!("{port}/tcp") };
            spec.config.exposed_ports.as_ref().is_some_and(|ports| ports.contains_key(&port))
        };
        let mounted = |path: &str| {
            let host = &spec.host_config;
            let binds = host.binds.iter().map(|bind| (&bind.source, &bind.target));
            let mounts = host.mounts.iter().map(|mount| (&mount.source, &mount.target));
            binds.chain(mounts).any(|(source, target)| source == path || target == path)
        };
        !self.impossible
            && self.ancestors.as_ref().is_none_or(|all| all.iter().any(|one| one.is_of(container)))
            && self.before.is_none_or(|before| created < before)
            && self.since.is_none_or(|since| created > since)
            && any(&self.ids, &|part| fits(part, &id))
            && any(&self.names, &|part| {
                fits(part, &container.name) || fits(part, &format!("/{}", container.name))
            })
            && self.labels.iter().all(|label| label.accepts(labels))
            && any(&self.states, &|wanted| wanted == state(container))
            && (self.exit_codes.is_empty() || has_code(&self.exit_codes, container))
            && any(&self.health, &|wanted| wanted == "none")
            && any(&self.networks, &|wanted| wanted == spec.host_config.network_mode)
            && any(&self.exposed, &exposed)
            && any(&self.volumes, &mounted)
    }
}

/// Whether `pattern` is a part of `text`; `^` and `$` are its ends. Docker takes
/// whole regular expressions here; nobody's names need them.
fn fits(pattern: &str, text: &str) -> bool {
    let (from_start, rest) = pattern.strip_prefix('^').map_or((false, pattern), |rest| (true, rest));
    let (to_end, part) = rest.strip_suffix('$').map_or((false, rest), |rest| (true, rest));
    match (from_start, to_end) {
        (true, true) => text == part,
        (true, false) => text.starts_with(part),
        (false, true) => text.ends_with(part),
        (false, false) => text.contains(part),
    }
}

fn created(store: Option<&Store>, name: &str) -> Result<Timestamp, Failure> {
    let absent = || Failure::error(format!("No such container: {name}"));
    let container = store.ok_or_else(absent)?.inspect_container(name, false)?;
    Ok(container.created.unwrap_or(Timestamp::MIN))
}

fn ancestor(store: Option<&Store>, name: &str) -> Result<Ancestor, Failure> {
    let unknown = || Ancestor::Unknown(name.strip_prefix("sha256:").unwrap_or(name).to_owned());
    let Some(store) = store else { return Ok(unknown()) };
    match store.inspect(name, None) {
        Ok(image) => Ok(Ancestor::Image { id: image.summary.id.to_string(), layers: image.diff_ids }),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => Ok(unknown()),
        Err(error) => Err(error.into()),
    }
}

impl Ancestor {
    /// Whether the container's image is this one, or was made on top of it.
    fn is_of(&self, container: &ContainerSummary) -> bool {
        match self {
            Self::Image { id, layers } => {
                let is_below = !layers.is_empty() && container.diff_ids.starts_with(layers);
                *id == container.image_id.to_string() || is_below
            }
            // The image may be gone, and its containers not.
            Self::Unknown(prefix) => prefix.len() >= 12 && container.image_id.0.hex().starts_with(prefix),
        }
    }
}

/// Whether a container has ended with one of these codes; one that runs or never ran has
/// none.
fn has_code(codes: &[i32], container: &ContainerSummary) -> bool {
    let status = &container.status;
    status.finished_at.is_some() && !status.state.is_live() && codes.contains(&status.exit_code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_does_not_exist_is_refused() {
        let told = |text: &str| {
            Wanted::listed(&[text.parse().unwrap()], None).map(drop).map_err(|told| told.to_string())
        };
        for (text, want) in [
            ("foo=x", "Error: Invalid filter 'foo'\n(exit 1)"),
            ("status=bogus", "Error: Invalid filter 'status=bogus'\n(exit 1)"),
            ("health=x", "Error: Unrecognised filter value for health: x\n(exit 1)"),
            ("exited=x", "Error: strconv.Atoi: parsing \"x\": invalid syntax\n(exit 1)"),
            ("is-task=maybe", "Error: Invalid filter 'is-task=[maybe]'\n(exit 1)"),
            ("before=nosuch", "Error: No such container: nosuch\n(exit 1)"),
        ] {
            assert_eq!(told(text), Err(want.to_owned()));
        }
        for text in
            ["ancestor=nosuch", "name=^a$", "label=k=v", "status=exited", "network=host", "publish=80"]
        {
            assert_eq!(told(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_pattern_is_a_part_with_or_without_ends() {
        assert!(fits("eb", "web") && fits("^we", "web") && fits("eb$", "web") && fits("^web$", "web"));
        assert!(!fits("^eb", "web") && !fits("we$", "web") && !fits("^we$", "web") && fits("", "web"));
    }
}
