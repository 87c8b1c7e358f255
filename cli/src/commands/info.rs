use clap::CommandFactory as _;
use larder_engine::{ContainerState, Platform, Store};

use crate::cli::Cli;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::json::{Html, Json};
use crate::output::table;
use crate::settings::{InForce, Origin};
use crate::template::Template;

/// Show what is in force, and where it was set
///
/// The store and what is in it; and every setting with its value and its origin:
/// a flag, a LARDER_… variable, or a config.toml, in which the keys are the
/// names of the flags. /etc/larder/config.toml is read first, then
/// ~/.config/larder/config.toml, or only what LARDER_CONFIG names.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder info [OPTIONS]",
    after_help = "Example:\n  larder info\n  larder info --format '{{.DockerRootDir}}'"
)]
pub struct InfoArgs {
    /// Output as json or a template in Go's syntax
    #[arg(short, long)]
    format: Option<String>,
}

/// What is in a store.
#[derive(Default)]
struct Counts {
    images: u64,
    containers: u64,
    running: u64,
    paused: u64,
}

pub fn info(cx: &mut Context, args: &InfoArgs) -> Result<(), Failure> {
    let store = cx.store_path()?.display().to_string();
    let counts = cx.store()?.as_ref().map(count).transpose()?;
    let mut settings = cx.settings().in_force(&Cli::command());
    // Where it is follows from who asks.
    let usual =
        settings.iter_mut().filter(|setting| setting.key == "store" && setting.origin == Origin::BuiltIn);
    usual.for_each(|setting| setting.value.clone_from(&store));
    let text = match args.format.as_deref() {
        None | Some("") => text(&store, counts.as_ref(), &settings),
        Some("json") => document(&store, &counts.unwrap_or_default(), &settings).compact(Html::Plain) + "\n",
        Some(template) => {
            let document = document(&store, &counts.unwrap_or_default(), &settings);
            let filled = Template::parse(template).and_then(|template| template.document(&document));
            filled.map_err(|mistake| Failure::plain(format!("template parsing error: {mistake}")))? + "\n"
        }
    };
    cx.print(&text)
}

fn count(store: &Store) -> Result<Counts, Failure> {
    let containers = store.containers(false)?;
    let with = |state| containers.iter().filter(|container| container.status.state == state).count() as u64;
    Ok(Counts {
        images: store.images()?.len() as u64,
        containers: containers.len() as u64,
        running: with(ContainerState::Running),
        paused: with(ContainerState::Paused),
    })
}

fn text(store: &str, counts: Option<&Counts>, settings: &[InForce]) -> String {
    let content = match counts {
        None => " (not there yet)\n".to_owned(),
        Some(Counts { images, containers, running, paused }) => format!(
            "\n Images: {images}\n Containers: {containers}\n  Running: {running}\n  Paused: {paused}\n  Stopped: {}\n",
            containers - running - paused
        ),
    };
    let rows = settings.iter().map(|InForce { key, value, origin }| format!("{key}\t{value}\t{origin}\n"));
    let rows: String = ["SETTING\tVALUE\tSET BY\n".to_owned()].into_iter().chain(rows).collect();
    format!("larder {}\n\nStore: {store}{content}\n{}", env!("CARGO_PKG_VERSION"), table::align(&rows))
}

/// Docker's members where there is something to say, and the settings.
fn document(store: &str, counts: &Counts, settings: &[InForce]) -> Json {
    let platform = Platform::host();
    let number = |count: u64| Json::Number(count.into());
    let setting = |setting: &InForce| {
        let members = [("Value", setting.value.clone()), ("Origin", setting.origin.to_string())];
        let members = members.into_iter().map(|(key, value)| (key.to_owned(), Json::String(value)));
        (setting.key.clone(), Json::Object(members.collect()))
    };
    let Counts { images, containers, running, paused } = counts;
    let members = [
        ("Containers", number(*containers)),
        ("ContainersRunning", number(*running)),
        ("ContainersPaused", number(*paused)),
        ("ContainersStopped", number(containers - running - paused)),
        ("Images", number(*images)),
        ("Driver", "larder".into()),
        ("DockerRootDir", store.into()),
        ("OSType", platform.os.as_str().into()),
        ("Architecture", platform.architecture.as_str().into()),
        ("NCPU", number(std::thread::available_parallelism().map_or(1, usize::from) as u64)),
        ("ServerVersion", env!("CARGO_PKG_VERSION").into()),
        ("Settings", Json::Object(settings.iter().map(setting).collect())),
    ];
    Json::Object(members.map(|(key, value)| (key.to_owned(), value)).into())
}
