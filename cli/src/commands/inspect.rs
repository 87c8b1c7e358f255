use std::fmt;

use larder_engine::{ErrorKind, ImageDetails, Platform, Store};

use crate::context::{Context, about_image, no_such_image};
use crate::failure::{Failure, NO_TEMPLATE};
use crate::output::json::{Html, Json};
use crate::output::time;
use crate::template::Template;

mod document;

/// Show everything about images, as JSON
///
/// The keys are Docker's. With -f a template in Go's syntax picks from them.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder inspect [OPTIONS] NAME|ID [NAME|ID...]",
    after_help = "Example:\n  larder inspect -f '{{json .Config.Env}}' app:1\n  \
                  larder inspect -f '{{index .Config.Labels \"version\"}}' app:1"
)]
pub struct InspectArgs {
    /// Images, as NAME[:TAG], NAME@DIGEST or an ID
    #[arg(required = true, value_name = "IMAGE")]
    names: Vec<String>,
    /// Output as json or a template in Go's syntax
    #[arg(short, long)]
    format: Option<String>,
    /// Platform of an image that has several, as os[/arch[/variant]]
    #[arg(long)]
    platform: Option<Platform>,
    /// Nothing, for an image
    #[arg(short, long, hide = true)]
    size: bool,
    /// Only things of this type
    #[arg(long, value_name = "TYPE")]
    r#type: Option<String>,
}

/// Docker's types of things.
const TYPES: [&str; 10] =
    ["config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"];

/// How the absence of a thing is worded.
type Absence = fn(&str) -> String;

/// `larder inspect`: whatever has that name.
pub fn inspect(cx: &mut Context, args: &InspectArgs) -> Result<(), Failure> {
    if args.size {
        cx.warn("WARNING: --size ignored for image");
    }
    match args.r#type.as_deref() {
        None | Some("") => show(cx, args, |name| format!("No such object: {name}")),
        Some("image") => show(cx, args, no_such_image),
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
    show(cx, args, no_such_image)
}

/// Prints what is there, then says what is not.
fn show(cx: &mut Context, args: &InspectArgs, absence: Absence) -> Result<(), Failure> {
    let template = match args.format.as_deref() {
        None | Some("" | "json") => None,
        Some(text) => Some(Template::parse(text).map_err(|mistake| wrong(&mistake).code(NO_TEMPLATE))?),
    };
    let store = cx.store()?;
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for name in &args.names {
        match look_up(store.as_ref(), name, args.platform.as_ref(), absence) {
            Ok(document) => found.push(document),
            Err(failure) => failures.push(failure),
        }
    }
    match template {
        Some(template) => {
            for document in &found {
                match template.document(document) {
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
            let compact = args.format.as_deref() == Some("json");
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

fn look_up(
    store: Option<&Store>,
    name: &str,
    platform: Option<&Platform>,
    absence: Absence,
) -> Result<Json, Failure> {
    let store = store.ok_or_else(|| Failure::error(absence(name)))?;
    let error = match store.inspect(name, platform) {
        Ok(image) => return document::of(&image),
        Err(error) => error,
    };
    // With a platform it may be there, but not for that one.
    let absent = error.kind() == ErrorKind::NotFound && platform.is_none();
    let failure = about_image(error, store, name);
    Err(if absent { failure.reworded(absence(name)) } else { failure })
}

fn wrong(mistake: &impl fmt::Display) -> Failure {
    Failure::plain(format!("template parsing error: {mistake}"))
}
