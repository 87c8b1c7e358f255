use std::collections::BTreeSet;

use larder_engine::{ImageId, Survey};

use crate::context::{Context, about_image, no_such_image};
use crate::failure::{BAD_FLAG, Failure};
use crate::output::screen::Screen;

mod draw;
mod grow;

use grow::Tree;

/// Show images as a tree of their layers
///
/// What images have in common comes once, at the root; each image stands under
/// its top layer. A layer has its size as Docker counts it, the command that
/// made it, and how many images stand on it.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder image tree [OPTIONS] [IMAGE...]",
    after_help = "Example:\n  larder image tree\n  larder image tree --format json app:1 app:2"
)]
pub struct TreeArgs {
    /// Images, as NAME[:TAG], NAME@DIGEST or an ID; all if left out
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,
    /// Output as tree, or as json: an object a line for each layer
    #[arg(long)]
    format: Option<String>,
    /// Show whole IDs, commands and names
    #[arg(long)]
    no_trunc: bool,
}

pub fn tree(cx: &mut Context, args: &TreeArgs) -> Result<(), Failure> {
    let as_json = match args.format.as_deref() {
        None | Some("" | "tree") => false,
        Some("json") => true,
        Some(_) => return Err(Failure::plain("--format is tree or json").code(BAD_FLAG)),
    };
    let Some(store) = cx.store()? else {
        return args.images.first().map_or(Ok(()), |name| Err(Failure::error(no_such_image(name))));
    };
    let mut wanted = BTreeSet::new();
    for name in &args.images {
        let image = store.inspect(name, None).map_err(|error| about_image(error, &store, name))?;
        wanted.insert(image.summary.id);
    }
    let task = cx.task(false)?;
    let survey = store.survey(&task)?;
    let chosen = chosen(&survey, &wanted);
    let ids: Vec<_> = chosen.iter().filter_map(|at| Some(survey.images.get(*at)?.id.to_string())).collect();
    let tree = Tree::of(&survey, &chosen, &store.histories(&ids, &task)?);
    drop(task);
    match as_json {
        true => cx.print(&tree.json()),
        false => {
            let screen = Screen::stdout();
            // What is a stranger's in it was made harmless.
            cx.print_raw(&tree.draw(&screen, args.no_trunc))
        }
    }
}

/// The places in the survey of the images that are wanted, or of all.
fn chosen(survey: &Survey, wanted: &BTreeSet<ImageId>) -> Vec<usize> {
    let images = survey.images.iter().enumerate();
    images.filter(|(_, image)| wanted.is_empty() || wanted.contains(&image.id)).map(|(at, _)| at).collect()
}
