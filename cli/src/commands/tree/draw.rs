//! The tree for people. Layers that follow each other without a fork stand below each
//! other; only a fork goes to the right.

use anstyle::AnsiColor;

use super::grow::{Node, Tree};
use crate::output::screen::Screen;
use crate::output::{size, text};

/// What a size takes.
const SIZE_COLUMNS: usize = 8;
/// No command is cut to less.
const LEAST_COMMAND: usize = 12;

/// What is still to be drawn, and what stands before it.
enum Branch {
    /// From this layer up to the next fork.
    Layers(usize),
    Image(usize),
}

/// A branch and the lines that lead to it.
struct Waiting {
    branch: Branch,
    before: String,
    /// Whether nothing hangs below it where it hangs.
    is_last: bool,
    is_root: bool,
}

impl Tree {
    /// All of it, as wide as the screen; whole with `no_trunc`.
    pub fn draw(&self, screen: &Screen, no_trunc: bool) -> String {
        let mut out = String::new();
        let roots = self.roots.iter().map(|at| Branch::Layers(*at));
        let branches = roots.chain(self.bare.iter().map(|at| Branch::Image(*at)));
        let root = |branch| Waiting { branch, before: String::new(), is_last: true, is_root: true };
        let mut waiting: Vec<_> = branches.map(root).collect();
        waiting.reverse();
        while let Some(Waiting { branch, before, is_last, is_root }) = waiting.pop() {
            let (first, rest) = match (is_root, is_last) {
                (true, _) => (String::new(), String::new()),
                (false, true) => (format!("{before}└─ "), format!("{before}   ")),
                (false, false) => (format!("{before}├─ "), format!("{before}│  ")),
            };
            match branch {
                Branch::Image(at) => out += &self.image_line(at, &first, screen, no_trunc),
                Branch::Layers(at) => {
                    let mut top = at;
                    let mut lead = first;
                    while let Some(node) = self.nodes.get(top) {
                        out += &self.layer_line(node, &lead, screen, no_trunc);
                        lead.clone_from(&rest);
                        match (node.above.as_slice(), node.tops.is_empty()) {
                            ([only], true) => top = *only,
                            _ => break,
                        }
                    }
                    let Some(node) = self.nodes.get(top) else { continue };
                    let images = node.tops.iter().map(|at| Branch::Image(*at));
                    let branches: Vec<_> =
                        images.chain(node.above.iter().map(|at| Branch::Layers(*at))).collect();
                    let last = branches.len().saturating_sub(1);
                    let hung = branches.into_iter().enumerate().map(|(at, branch)| Waiting {
                        branch,
                        before: rest.clone(),
                        is_last: at == last,
                        is_root: false,
                    });
                    waiting.extend(hung.collect::<Vec<_>>().into_iter().rev());
                }
            }
        }
        out
    }

    fn layer_line(&self, node: &Node, lead: &str, screen: &Screen, no_trunc: bool) -> String {
        let id = if no_trunc { node.chain.0.to_string() } else { node.chain.0.short() };
        let users = match node.users.len() {
            1 => String::new(),
            many => format!("  {many} images"),
        };
        let before = format!("{lead}{id}  {:>SIZE_COLUMNS$}  ", size::short(node.content_bytes));
        let room = screen.columns.saturating_sub(text::columns(&before) + users.len());
        let room = if no_trunc { usize::MAX } else { room.max(LEAST_COMMAND) };
        let command = Screen::cut(&node.created_by, room);
        format!(
            "{}{id}  {:>SIZE_COLUMNS$}  {command}{}\n",
            screen.paint(AnsiColor::BrightBlack, lead),
            size::short(node.content_bytes),
            screen.paint(AnsiColor::Blue, &users)
        )
    }

    fn image_line(&self, at: usize, lead: &str, screen: &Screen, no_trunc: bool) -> String {
        let Some(leaf) = self.images.get(at) else { return String::new() };
        let name = match (no_trunc, leaf.names.as_slice()) {
            (true, []) => leaf.id.to_string(),
            (true, names) => format!("{}  {}", names.join(" "), leaf.id),
            _ => leaf.name.clone(),
        };
        let bytes = size::short(leaf.content_bytes);
        let room = screen.columns.saturating_sub(text::columns(lead) + 4 + bytes.len());
        let name = Screen::cut(&name, if no_trunc { usize::MAX } else { room.max(LEAST_COMMAND) });
        format!(
            "{}● {}  {bytes}\n",
            screen.paint(AnsiColor::BrightBlack, lead),
            screen.paint(AnsiColor::Green, &name)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::grow::Leaf;
    use super::*;
    use larder_engine::{ChainId, DiffId, Digest, ImageId};

    fn node(name: &str, users: usize, above: &[usize], tops: &[usize]) -> Node {
        Node {
            chain: ChainId(Digest::of(name)),
            diff_id: DiffId(Digest::of(name)),
            below: None,
            above: above.to_vec(),
            created_by: format!("RUN {name}\t{}", "x".repeat(80)),
            content_bytes: 52_428_800,
            own_bytes: 0,
            shared_bytes: 0,
            users: (0..users).collect(),
            tops: tops.to_vec(),
        }
    }

    fn leaf(name: &str) -> Leaf {
        let id = ImageId(Digest::of(name));
        Leaf { id, name: name.into(), names: vec![name.into()], content_bytes: 1000 }
    }

    #[test]
    fn only_a_fork_goes_to_the_right() {
        let tree = Tree {
            nodes: vec![
                node("a", 3, &[1], &[]),
                node("b", 3, &[2, 3], &[0]),
                node("c", 1, &[], &[1]),
                node("d", 1, &[], &[2]),
            ],
            roots: vec![0],
            images: vec![leaf("base:1"), leaf("app:1"), leaf("app:2")],
            bare: Vec::new(),
        };
        let shown = tree.draw(&Screen { columns: 50, has_colours: false }, false);
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| Digest::of(name).short());
        let want = format!(
            "{a}    52.4MB  RUN a xxxxxxxxx…  3 images\n\
             {b}    52.4MB  RUN b xxxxxxxxx…  3 images\n\
             ├─ ● base:1  1kB\n\
             ├─ {c}    52.4MB  RUN c xxxxxxxxxxxxxxxx…\n\
             │  └─ ● app:1  1kB\n\
             └─ {d}    52.4MB  RUN d xxxxxxxxxxxxxxxx…\n   \
                └─ ● app:2  1kB\n"
        );
        assert_eq!(shown, want);
        assert!(tree.draw(&Screen { columns: 50, has_colours: false }, true).contains(&"x".repeat(80)));
    }
}
