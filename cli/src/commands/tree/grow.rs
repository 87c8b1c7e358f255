//! The tree of layers: chains that begin alike are one up to where they part.

use std::collections::BTreeMap;

use larder_engine::{ChainId, DiffId, HistoryEntry, ImageId, Survey};

use crate::names::shown;
use crate::output::json::{Html, Json};

/// A layer on the layers below it.
#[derive(Debug)]
pub struct Node {
    pub chain: ChainId,
    pub diff_id: DiffId,
    /// The layer that it stands on.
    pub below: Option<usize>,
    /// The layers that stand on it.
    pub above: Vec<usize>,
    /// The command that made it, if a history tells.
    pub created_by: String,
    pub content_bytes: u64,
    pub own_bytes: u64,
    pub shared_bytes: u64,
    /// The images that stand on it, as places in [`Tree::images`].
    pub users: Vec<usize>,
    /// Those of which it is the top.
    pub tops: Vec<usize>,
}

/// An image at the end of its chain.
#[derive(Debug)]
pub struct Leaf {
    pub id: ImageId,
    pub name: String,
    pub names: Vec<String>,
    pub content_bytes: u64,
}

/// All layers of some images.
#[derive(Debug, Default)]
pub struct Tree {
    pub nodes: Vec<Node>,
    /// The base layers.
    pub roots: Vec<usize>,
    pub images: Vec<Leaf>,
    /// Images without any layer.
    pub bare: Vec<usize>,
}

impl Tree {
    /// The tree of the images that are `chosen`, which have these histories.
    pub fn of(survey: &Survey, chosen: &[usize], histories: &[Vec<HistoryEntry>]) -> Self {
        let mut tree = Self::default();
        let mut known: BTreeMap<ChainId, usize> = BTreeMap::new();
        for (image, history) in chosen.iter().filter_map(|at| survey.images.get(*at)).zip(histories) {
            let leaf = tree.images.len();
            tree.images.push(Leaf {
                id: image.id,
                name: shown(&image.references, image.id),
                names: image.references.iter().map(|name| name.familiar()).collect(),
                content_bytes: image.content_bytes,
            });
            let layers: Vec<_> = image.layers.iter().filter_map(|at| survey.layers.get(*at)).collect();
            let diff_ids: Vec<_> = layers.iter().map(|layer| layer.diff_id).collect();
            // A history is told from its end.
            let mut steps = history.iter().rev().filter(|step| !step.empty_layer);
            let mut below = None;
            for (chain, layer) in ChainId::each(&diff_ids).zip(layers) {
                let step = steps.next();
                let at = *known.entry(chain).or_insert_with(|| {
                    tree.nodes.push(Node {
                        chain,
                        diff_id: layer.diff_id,
                        below,
                        above: Vec::new(),
                        created_by: step.map(made_by).unwrap_or_default(),
                        content_bytes: layer.content_bytes,
                        own_bytes: layer.own_bytes,
                        shared_bytes: layer.shared_bytes,
                        users: Vec::new(),
                        tops: Vec::new(),
                    });
                    let at = tree.nodes.len() - 1;
                    match below.and_then(|below| tree.nodes.get_mut(below)) {
                        Some(below) => below.above.push(at),
                        None => tree.roots.push(at),
                    }
                    at
                });
                if let Some(node) = tree.nodes.get_mut(at) {
                    node.users.push(leaf);
                }
                below = Some(at);
            }
            match below.and_then(|top| tree.nodes.get_mut(top)) {
                Some(top) => top.tops.push(leaf),
                None => tree.bare.push(leaf),
            }
        }
        tree
    }

    /// An object a line for each layer, each below those that stand on it.
    pub fn json(&self) -> String {
        let list = |texts: Vec<String>| Json::Array(texts.into_iter().map(Json::from).collect());
        let leaves = |at: &[usize]| at.iter().filter_map(|at| self.images.get(*at)).collect::<Vec<_>>();
        let object = |node: &Node| {
            let below = node.below.and_then(|below| self.nodes.get(below));
            Json::Object(vec![
                ("ChainID".into(), node.chain.0.to_string().into()),
                ("CreatedBy".into(), node.created_by.clone().into()),
                ("DiffID".into(), node.diff_id.to_string().into()),
                ("Images".into(), list(leaves(&node.users).iter().map(|leaf| leaf.id.to_string()).collect())),
                ("OwnBytes".into(), node.own_bytes.into()),
                ("Parent".into(), below.map(|below| below.chain.0.to_string()).unwrap_or_default().into()),
                (
                    "References".into(),
                    list(leaves(&node.tops).iter().flat_map(|leaf| leaf.names.clone()).collect()),
                ),
                ("SharedBytes".into(), node.shared_bytes.into()),
                ("Size".into(), node.content_bytes.into()),
                ("Tops".into(), list(leaves(&node.tops).iter().map(|leaf| leaf.id.to_string()).collect())),
            ])
        };
        self.nodes.iter().map(|node| object(node).compact(Html::Escaped) + "\n").collect()
    }
}

/// The command of a step; of one that tells none, its remark.
fn made_by(step: &HistoryEntry) -> String {
    let text = if step.created_by.is_empty() { &step.comment } else { &step.created_by };
    text.clone()
}
