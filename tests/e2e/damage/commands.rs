//! Every command, and how to tell that it did what it said.

/// What is in the store.
pub const IMAGES: [&str; 3] = ["app:1", "app:2", "kept:1"];

/// A command on the store.
#[derive(Debug, Clone, Copy)]
pub struct Act {
    pub args: &'static [&'static str],
    /// Whether what it prints is the same every time.
    pub says: Says,
    /// Commands that show what it did; what they print is the same every time.
    pub then: &'static [&'static [&'static str]],
    /// The image that it takes away.
    pub takes: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// Always the same.
    This,
    /// An ID that is made up, or how much space there is.
    Something,
    /// That the store is sound: then it must be.
    Sound,
}

impl Act {
    /// The command and those that look at what it did.
    pub fn steps(&self) -> impl Iterator<Item = &'static [&'static str]> {
        std::iter::once(self.args).chain(self.then.iter().copied())
    }
}

const fn reads(args: &'static [&'static str]) -> Act {
    Act { args, says: Says::This, then: &[], takes: None }
}

const fn writes(args: &'static [&'static str], says: Says, then: &'static [&'static [&'static str]]) -> Act {
    Act { args, says, then, takes: None }
}

/// What shows all images.
pub const ALL_NAMES: &[&str] = &["images", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"];
/// What shows all containers.
pub const ALL_CONTAINERS: &[&str] = &["ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.Image}}"];

/// All of them.
pub fn all() -> Vec<Act> {
    use Says::{Something, Sound, This};
    vec![
        reads(&["images", "--digests"]),
        reads(ALL_NAMES),
        reads(ALL_CONTAINERS),
        reads(&["history", "--no-trunc", "app:2"]),
        reads(&["history", "--files", "app:1"]),
        reads(&["inspect", "app:1", "kept:1"]),
        reads(&["inspect", "-f", "{{.Id}} {{.Name}} {{json .Config}}", "box"]),
        reads(&["save", "app:1"]),
        reads(&["save", "app:2", "kept:1"]),
        reads(&["export", "kept:1"]),
        reads(&["export", "box"]),
        reads(&["ls", "-R", "-l", "app:2"]),
        reads(&["cat", "app:2", "/own"]),
        reads(&["cp", "box:/file-3", "-"]),
        reads(&["diff", "box"]),
        reads(&["diff", "app:2", "app:1"]),
        reads(&["df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}}"]),
        writes(&["tag", "app:1", "new:1"], This, &[ALL_NAMES, &["save", "new:1"]]),
        Act { takes: Some("app:2"), ..writes(&["rmi", "app:2"], This, &[ALL_NAMES]) },
        writes(&["load", "-i", "next.tar"], This, &[ALL_NAMES, &["save", "next:1"]]),
        writes(&["import", "flat.tar", "new:1"], Something, &[&["export", "--no-config", "new:1"]]),
        writes(
            &["create", "--name", "new", "app:2", "true"],
            Something,
            &[&["export", "--no-config", "new"]],
        ),
        writes(&["rename", "box", "new"], This, &[ALL_CONTAINERS, &["diff", "new"]]),
        writes(&["cp", "note", "box:/note"], This, &[&["cat", "box", "/note"], &["cat", "box", "/file-3"]]),
        writes(&["commit", "box", "new:1"], Something, &[&["export", "--no-config", "new:1"]]),
        writes(&["squash", "app:1", "new:1"], Something, &[&["export", "--no-config", "new:1"]]),
        writes(&["rm", "box"], This, &[&["ps", "-a", "-q"]]),
        writes(
            &["optimize", "--level", "3"],
            Something,
            &[&["save", "app:1"], &["save", "app:2"], &["save", "kept:1"]],
        ),
        writes(&["gc"], Something, &[&["save", "app:1"], &["save", "app:2"], &["save", "kept:1"]]),
        writes(&["image", "prune", "-f"], Something, &[ALL_NAMES]),
        writes(&["fsck"], Something, &[]),
        writes(&["fsck", "--verify"], Sound, &[]),
    ]
}
