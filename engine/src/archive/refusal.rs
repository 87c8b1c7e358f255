//! Why an image that an archive has cannot be loaded, though nothing is wrong with the archive.

use super::planner::Planner;
use super::{MemberName, PlannedImage};
use crate::image::{Platform, Reference};

/// Why there is nothing in an image that can be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An image for another system; in Docker's words.
    #[error("cannot load {os} image on linux: {member}")]
    System {
        /// The system.
        os: String,
        /// The config.
        member: String,
    },
    /// No image for the platform that was asked for.
    #[error("{member} is no image for {wanted}: it is for {found}")]
    Platform {
        /// The image's name, or its root in the archive.
        member: String,
        /// What was asked for.
        wanted: String,
        /// What there is, with commas between.
        found: String,
    },
    /// An index with nothing behind it.
    #[error("none of the {listed} manifests that {member} lists is in the archive")]
    AllAbsent {
        /// The index.
        member: String,
        /// How many it lists.
        listed: usize,
    },
}

impl Refusal {
    /// The same of the image by its name, where it has one: that is what people know.
    pub(super) fn named(self, image: &PlannedImage) -> Self {
        let name = image.references().next().map(Reference::familiar);
        match (self, name) {
            (Self::Platform { wanted, found, .. }, Some(member)) => Self::Platform { member, wanted, found },
            (refusal, _) => refusal,
        }
    }

    /// Why nothing can be loaded of `image`, of which all is known: its root, and the
    /// platforms of what is left out.
    pub(super) fn of(
        image: &PlannedImage,
        root: &MemberName,
        others: &[Platform],
        planner: &Planner<'_>,
    ) -> Option<Self> {
        let member = || root.to_string();
        if !image.variants.is_empty() {
            return None;
        }
        match (planner.platform, others.iter().find(|platform| platform.os != "linux")) {
            (Some(wanted), _) if !others.iter().any(|platform| wanted.accepts(platform)) => {
                let found: Vec<_> = others.iter().map(|other| shown(&other.to_string())).collect();
                let (wanted, found) = (wanted.to_string(), found.join(", "));
                Some(Self::Platform { member: member(), wanted, found })
            }
            (_, Some(other)) => Some(Self::System { os: shown(&other.os), member: member() }),
            _ if image.carried.is_empty() && !image.absent.is_empty() => {
                Some(Self::AllAbsent { member: member(), listed: image.absent.len() })
            }
            _ => None,
        }
    }
}

/// A stranger's word, on one line.
fn shown(word: &str) -> String {
    word.escape_debug().to_string()
}
