//! What a worker knows of its own images and containers, and what commands do to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::harness::image::Image;
use crate::harness::noise::{Noise, noise};

/// The regular files of an image or a container.
pub type Files = BTreeMap<String, Vec<u8>>;

/// An image that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Empty until the program has told it.
    pub id: String,
    /// Which of the images that all workers have, if it is one of those.
    pub image: Option<usize>,
    pub files: Arc<Files>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    pub names: BTreeMap<String, Kept>,
    pub boxes: BTreeMap<String, Arc<Files>>,
}

/// A command on what a worker has.
#[derive(Debug, Clone)]
pub enum Act {
    Load(usize),
    Tag { from: String, to: String },
    Rmi(String),
    Save(String),
    Inspect(String),
    History(String),
    Images,
    Ps,
    Create { image: String, new: String },
    Cp { name: String, seed: u64 },
    Cat(String),
    Export(String),
    Rename { name: String, to: String },
    Commit { name: String, to: String },
    Rm(String),
    Gc,
    Prune,
    Optimize(u64),
    Df,
}

/// How long the file is that [`Act::Cp`] copies.
pub fn copied(seed: u64) -> Vec<u8> {
    noise(seed, 1000 + seed as usize % 5000)
}

impl Act {
    /// A command that makes sense now; `worker` is what all names of the worker begin with.
    pub fn draw(model: &Model, worker: &str, images: usize, dice: &mut Noise) -> Self {
        let mut pick = |count: usize| dice.below(count.max(1) as u64) as usize;
        let mut one_of = |names: Vec<&String>| names.get(pick(names.len())).map(|name| (*name).clone());
        let name = one_of(model.names.keys().collect());
        let boxed = one_of(model.boxes.keys().collect());
        let what = pick(24);
        let new = |kind: &str, number: usize| format!("{worker}{kind}{number}");
        let free = (0..).map(|number| new("-box-", number)).find(|name| !model.boxes.contains_key(name));
        let free = free.expect("numbers do not end");
        match (what, name, boxed) {
            (3 | 4, Some(from), _) => Self::Tag { from, to: new(":tag-", pick(3)) },
            (5..=7, Some(name), _) => Self::Rmi(name),
            (8 | 9, Some(name), _) => Self::Save(name),
            (10, Some(name), _) => Self::Inspect(name),
            (11, Some(name), _) => Self::History(name),
            (12, ..) => Self::Images,
            (13, ..) => Self::Ps,
            (14 | 15, Some(image), _) if model.boxes.len() < 4 => Self::Create { image, new: free },
            (16, _, Some(name)) => Self::Cp { name, seed: pick(1000) as u64 },
            (17, _, Some(name)) if model.boxes[&name].contains_key("note") => Self::Cat(name),
            (17 | 18, _, Some(name)) => Self::Export(name),
            (19, _, Some(name)) => Self::Rename { name, to: free },
            (20, _, Some(name)) => Self::Commit { name, to: new(":commit-", pick(2)) },
            (21, _, Some(name)) => Self::Rm(name),
            (22, ..) => [Self::Gc, Self::Prune, Self::Optimize(1 + pick(3) as u64)][pick(3)].clone(),
            (23, ..) => Self::Df,
            _ => Self::Load(pick(images)),
        }
    }

    pub fn args(&self, worker: &str) -> Vec<String> {
        let line = match self {
            Self::Load(at) => format!("load -i {worker}-{at}.tar"),
            Self::Tag { from, to } => format!("tag {from} {to}"),
            Self::Rmi(name) => format!("rmi -f {name}"),
            Self::Save(name) => format!("save {name}"),
            Self::Inspect(name) => format!("inspect -f {{{{.Id}}}} {name}"),
            Self::History(name) => {
                format!("history --no-trunc --format {{{{.CreatedBy}}}}|{{{{.Size}}}} {name}")
            }
            Self::Images => {
                format!("images --no-trunc --format {{{{.Repository}}}}:{{{{.Tag}}}}={{{{.ID}}}} {worker}")
            }
            Self::Ps => format!("ps -a --filter name={worker}- --format {{{{.Names}}}}"),
            Self::Create { image, new } => format!("create --name {new} {image} true"),
            Self::Cp { name, .. } => format!("cp {worker}.note {name}:/note"),
            Self::Cat(name) => format!("cat {name} /note"),
            Self::Export(name) => format!("export --no-config {name}"),
            Self::Rename { name, to } => format!("rename {name} {to}"),
            Self::Commit { name, to } => format!("commit {name} {to}"),
            Self::Rm(name) => format!("rm {name}"),
            Self::Gc => "gc".to_owned(),
            Self::Prune => "image prune -f".to_owned(),
            Self::Optimize(level) => format!("optimize --level {level}"),
            Self::Df => "df -v".to_owned(),
        };
        line.split(' ').map(str::to_owned).collect()
    }

    /// What there is once it is done.
    pub fn apply(&self, model: &mut Model, worker: &str, images: &[Image]) {
        match self {
            Self::Load(at) => {
                let image = &images[*at];
                let kept = Kept { id: image.id(), image: Some(*at), files: Arc::new(files_of(image)) };
                model.names.insert(format!("{worker}:{at}"), kept);
            }
            Self::Tag { from, to } => _ = model.names.insert(to.clone(), model.names[from].clone()),
            Self::Rmi(name) => _ = model.names.remove(name),
            Self::Create { image, new } => {
                let files = Arc::clone(&model.names[image].files);
                model.boxes.insert(new.clone(), files);
            }
            Self::Cp { name, seed } => {
                let files = model.boxes.get_mut(name).expect("it was drawn from these");
                Arc::make_mut(files).insert("note".to_owned(), copied(*seed));
            }
            Self::Rename { name, to } => {
                let files = model.boxes.remove(name).expect("it was drawn from these");
                model.boxes.insert(to.clone(), files);
            }
            Self::Commit { name, to } => {
                let kept = Kept { id: String::new(), image: None, files: Arc::clone(&model.boxes[name]) };
                model.names.insert(to.clone(), kept);
            }
            Self::Rm(name) => _ = model.boxes.remove(name),
            _ => {}
        }
    }
}

/// The files of an image without whiteouts: those that are in its layers.
fn files_of(image: &Image) -> Files {
    let mut files = Files::new();
    for layer in image.tars() {
        for entry in tar::Archive::new(&layer[..]).entries().expect("a tar") {
            let mut entry = entry.expect("a whole tar");
            let mut body = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut body).expect("a whole member");
            files.insert(entry.path().expect("a name").display().to_string(), body);
        }
    }
    files
}
