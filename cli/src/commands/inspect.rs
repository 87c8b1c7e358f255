use std::fmt;

use larder_engine::{Error, ErrorKind, ImageDetails, Inspected, Platform, Store};

use crate::context::{Context, about_container, about_image, no_such_container, no_such_image};
use crate::failure::{Failure, NO_TEMPLATE};
use crate::output::json::{Html, Json};
use crate::output::time;
use crate::template::Template;

mod container;
mod document;
mod fields;
mod host;

/// Show everything about images and containers, as JSON
///
/// A name that both have is the container's; --type image asks for the other.
/// The keys are Docker's. With -f a template in Go's syntax picks from them.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder inspect [OPTIONS] NAME|ID [NAME|ID...]",
    after_help = "Example:\n  larder inspect -f '{{json .Config.Env}}' app:1\n  \
                  larder inspect -f '{{index .Config.Labels \"version\"}}' app:1"
)]
pub struct InspectArgs {
    /// Images, as NAME[:TAG], NAME@DIGEST or an ID, and containers, as a name or an ID
    #[arg(required = true, value_name = "NAME|ID")]
    names: Vec<String>,
    /// Output as json or a template in Go's syntax
    #[arg(short, long)]
    format: Option<String>,
    /// Platform of an image that has several, as os[/arch[/variant]]
    #[arg(long)]
    platform: Option<Platform>,
    /// Say what a container wrote
    #[arg(short, long)]
    size: bool,
    /// Only things of this type: image or container
    #[arg(long, value_name = "TYPE")]
    r#type: Option<String>,
}

/// Docker's types of things.
const TYPES: [&str; 10] =
    ["config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"];

/// Show everything about containers, as JSON
///
/// The keys are Docker's. With -f a template in Go's syntax picks from them.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder container inspect [OPTIONS] CONTAINER [CONTAINER...]",
    after_help = "Example:\n  larder container inspect -f '{{.State.Status}} {{json .Config.Cmd}}' web"
)]
pub struct InspectContainersArgs {
    /// Containers, as a name, an ID or the beginning of one
    #[arg(required = true, value_name = "CONTAINER")]
    names: Vec<String>,
    /// Output as json or a template in Go's syntax
    #[arg(short, long)]
    format: Option<String>,
    /// Say what each wrote
    #[arg(short, long)]
    size: bool,
}

/// How the absence of a thing is worded.
type Absence = fn(&str) -> String;

/// What gives the document of a name.
type LookUp<'a> = dyn Fn(Option<&Store>, &str) -> Result<Json, Failure> + 'a;

/// `larder inspect`: whatever has that name.
pub fn inspect(cx: &mut Context, args: &InspectArgs) -> Result<(), Failure> {
    let format = args.format.as_deref();
    let platform = args.platform.as_ref();
    match args.r#type.as_deref() {
        None | Some("") => {
            show(cx, &args.names, format, &|store, name| look_up_any(store, name, platform, args.size))
        }
        Some("container") => {
            show(cx, &args.names, format, &|store, name| look_up_container(store, name, args.size))
        }
        Some("image") => inspect_images(cx, args),
        Some(kind) if TYPES.contains(&kind) => {
            cx.print(if args.format.is_none() { "[]\n" } else { "\n" })?;
            for name in &args.names {
                cx.tell(&Failure::error(format!("No such {kind}: {name}")));
            }
            Err(Failure::silent())
        }
        Some(kind) => {
            let known: Vec<String> = TYPES.iter().map(|kind| format!("{kind:?}")).collect();
            Err(Failure::plain(format!("unknown type: {kind:?}: must be one of {}", known.join(", "))))
        }
    }
}

/// `larder image inspect`: images only.
pub fn inspect_images(cx: &mut Context, args: &InspectArgs) -> Result<(), Failure> {
    if args.size {
        cx.warn("WARNING: --size ignored for image");
    }
    show(cx, &args.names, args.format.as_deref(), &|store, name| {
        look_up(store, name, args.platform.as_ref(), no_such_image)
    })
}

/// `larder container inspect`: containers only.
pub fn inspect_containers(cx: &mut Context, args: &InspectContainersArgs) -> Result<(), Failure> {
    show(cx, &args.names, args.format.as_deref(), &|store, name| look_up_container(store, name, args.size))
}

/// Prints what is there, then says what is not.
fn show(
    cx: &mut Context,
    names: &[String],
    format: Option<&str>,
    look_up: &LookUp<'_>,
) -> Result<(), Failure> {
    let template = match format {
        None | Some("" | "json") => None,
        Some(text) => Some(Template::parse(text).map_err(|mistake| wrong(&mistake).code(NO_TEMPLATE))?),
    };
    let store = cx.store()?;
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for name in names {
        match look_up(store.as_ref(), name) {
            Ok(document) => found.push(document),
            Err(failure) => failures.push(failure),
        }
    }
    match template {
        Some(template) => {
            for document in &found {
                match template.document_with(document, fields::with_all) {
                    Ok(text) => cx.print(&format!("{text}\n"))?,
                    Err(mistake) => {
                        cx.print("\n")?;
                        return Err(wrong(&mistake));
                    }
                }
            }
            if found.is_empty() {
                cx.print("\n")?;
            }
        }
        None => {
            let compact = format == Some("json");
            let all = Json::Array(found);
            cx.print(&(if compact { all.compact(Html::Plain) } else { all.pretty() } + "\n"))?;
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    failures.iter().for_each(|failure| cx.tell(failure));
    Err(Failure::silent())
}

/// A container of that name, or else an image.
fn look_up_any(
    store: Option<&Store>,
    name: &str,
    platform: Option<&Platform>,
    size: bool,
) -> Result<Json, Failure> {
    let absence = |name: &str| format!("No such object: {name}");
    let store = store.ok_or_else(|| Failure::error(absence(name)))?;
    match store.inspect_any(name, platform, size) {
        Ok(Inspected::Container(container)) => container::of(&container),
        Ok(Inspected::Image(image)) => document::of(&image),
        Err(error) => Err(not_found(error, store, name, platform, absence)),
    }
}

fn look_up_container(store: Option<&Store>, name: &str, size: bool) -> Result<Json, Failure> {
    let store = store.ok_or_else(|| Failure::error(no_such_container(name)))?;
    match store.inspect_container(name, size) {
        Ok(container) => container::of(&container),
        Err(error) => Err(about_container(error, store, name)),
    }
}

fn look_up(
    store: Option<&Store>,
    name: &str,
    platform: Option<&Platform>,
    absence: Absence,
) -> Result<Json, Failure> {
    let store = store.ok_or_else(|| Failure::error(absence(name)))?;
    match store.inspect(name, platform) {
        Ok(image) => document::of(&image),
        Err(error) => Err(not_found(error, store, name, platform, absence)),
    }
}

fn not_found(
    error: Error,
    store: &Store,
    name: &str,
    platform: Option<&Platform>,
    absence: Absence,
) -> Failure {
    // With a platform it may be there, but not for that one.
    let absent = error.kind() == ErrorKind::NotFound && platform.is_none();
    let failure = about_image(error, store, name);
    if absent { failure.reworded(absence(name)) } else { failure }
}

fn wrong(mistake: &impl fmt::Display) -> Failure {
    Failure::plain(format!("template parsing error: {mistake}"))
}
