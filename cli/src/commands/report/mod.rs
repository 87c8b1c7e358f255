use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::Timestamp;
use larder_engine::{HistoryEntry, ImageUse, LayerFiles, Store, Survey, Task};

use crate::context::{Context, about_image};
use crate::failure::Failure;
use crate::output::archive::Place;
use crate::output::size;

mod files;
mod growth;
mod images;
mod layers;
mod page;
mod plot;
mod sharing;
mod tiles;
mod waste;

/// Write a page that shows what a store holds and what takes the space
///
/// One HTML file that needs nothing else and asks no network: figures, what
/// each image takes alone and with others, layers and the commands that made
/// them, the largest files, files carried for nothing, and growth over time.
/// Of a large store it shows the images that take most, and says so.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder report [OPTIONS] [IMAGE...]",
    after_help = "Example:\n  larder report -o store.html\n  larder report -o app.html app:1 app:2"
)]
pub struct ReportArgs {
    /// Images, as NAME[:TAG], NAME@DIGEST or an ID; the whole store if left out
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,
    /// File to write; standard output if left out or '-'
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

/// So many images are shown layer by layer: their files have to be read.
const MOST_DETAILS: usize = 12;
/// So many files are asked for of each layer.
const MOST_FILES: usize = 25;

/// What the page tells.
struct Facts {
    survey: Survey,
    /// The images that it is of, as places in [`Survey::images`].
    chosen: Vec<usize>,
    /// Whether those are all.
    is_all: bool,
    /// Those that are shown layer by layer.
    details: Vec<Detail>,
    /// When it was made.
    now: Timestamp,
    /// The directory of the store.
    store: String,
}

/// An image layer by layer.
struct Detail {
    image: usize,
    /// Its layers, base first.
    files: Vec<LayerFiles>,
    /// Its history, base first.
    steps: Vec<HistoryEntry>,
}

impl Facts {
    fn image(&self, at: usize) -> Option<&ImageUse> {
        self.survey.images.get(at)
    }

    fn images(&self) -> impl Iterator<Item = &ImageUse> {
        self.chosen.iter().filter_map(|at| self.image(*at))
    }
}

pub fn report(cx: &mut Context, args: &ReportArgs) -> Result<(), Failure> {
    let place = Place::of(args.output.as_deref())?;
    let store = cx.existing_store()?;
    let task = cx.task(args.quiet)?;
    let path = cx.store_path()?.display().to_string();
    let facts = gather(&store, path, &args.images, &task)?;
    let page = page::page(&facts).into_string();
    place.write("write report", |out| {
        out.write_all(page.as_bytes())
            .map_err(|error| Failure::error(format!("cannot write the report: {error}")))
    })?;
    drop(task);
    if let Place::File(path) = place {
        let (bytes, path) = (page.len() as u64, path.display());
        cx.sum_up(format!("{} written to {path}", size::long(bytes)), &[("bytes", bytes)]);
    }
    Ok(())
}

fn gather(store: &Store, path: String, names: &[String], task: &Task) -> Result<Facts, Failure> {
    let mut wanted = BTreeSet::new();
    for name in names {
        wanted.insert(store.inspect(name, None).map_err(|error| about_image(error, store, name))?.summary.id);
    }
    let survey = store.survey(task)?;
    let is_wanted = |image: &ImageUse| names.is_empty() || wanted.contains(&image.id);
    let images = survey.images.iter().enumerate();
    let chosen: Vec<_> = images.filter(|(_, image)| is_wanted(image)).map(|(at, _)| at).collect();
    let shown: Vec<_> =
        chosen.iter().copied().filter(|at| has_layers(&survey, *at)).take(MOST_DETAILS).collect();
    let ids: Vec<_> = shown.iter().filter_map(|at| Some(survey.images.get(*at)?.id.to_string())).collect();
    let mut details = Vec::new();
    for ((image, id), mut steps) in shown.into_iter().zip(&ids).zip(store.histories(&ids, task)?) {
        steps.reverse();
        // An artifact may say that it is an image, and have layers that are no tar.
        let files = store.layer_files(id, None, MOST_FILES, task);
        let files = match files {
            Err(error) if error.kind() == larder_engine::ErrorKind::Cancelled => return Err(error.into()),
            files => files.unwrap_or_default(),
        };
        details.push(Detail { image, files, steps });
    }
    Ok(Facts { chosen, is_all: names.is_empty(), details, now: Timestamp::now(), store: path, survey })
}

fn has_layers(survey: &Survey, image: usize) -> bool {
    survey.images.get(image).is_some_and(|image| !image.layers.is_empty())
}
