//! Taking paths away.

use super::{Error, NONE, NodeId, View};

/// So many nodes may be dead in the lists of their directories, or a quarter of all.
const MAX_DEAD: usize = 1024;

/// A directory whose list is gone through.
struct Level {
    directory: u32,
    /// The last child that stays.
    kept: u32,
    next: u32,
}

impl View {
    /// Takes away what lower layers have below `directory`.
    ///
    /// What was cleared in this layer holds nothing of lower ones any more, so
    /// that no node is looked at twice, however many whiteouts there are.
    pub(super) fn clear_below(&mut self, directory: u32) -> Result<(), Error> {
        let layer = self.layers;
        let mut at = directory;
        loop {
            let node = self.node(at);
            if node.cleared == layer {
                return Ok(());
            }
            if at == 0 {
                break;
            }
            at = node.parent;
        }
        self.nodes.change(directory, |node| node.cleared = layer);
        if !self.is_directory(NodeId(directory)) {
            return Ok(());
        }
        let mut levels = vec![self.level(directory)];
        while let Some(level) = levels.last_mut() {
            let child = level.next;
            if child == NONE {
                let (directory, kept) = (level.directory, level.kept);
                self.link_after(directory, kept, NONE);
                levels.pop();
                // What is empty then and not of this layer goes.
                if let Some(above) = levels.last_mut() {
                    self.keep_or_free(above, directory)?;
                }
                continue;
            }
            let node = self.node(child);
            level.next = node.next;
            if node.record == NONE {
                self.free_dead(child);
            } else if self.is_directory(NodeId(child)) && node.cleared != layer {
                self.nodes.change(child, |node| node.cleared = layer);
                let below = self.level(child);
                levels.push(below);
            } else {
                self.keep_or_free(level, child)?;
            }
        }
        Ok(())
    }

    fn level(&self, directory: u32) -> Level {
        Level { directory, kept: NONE, next: self.node(directory).first_child }
    }

    /// Has `child` come behind `kept` in the list of `directory`, or first.
    fn link_after(&mut self, directory: u32, kept: u32, child: u32) {
        match kept {
            NONE => self.nodes.change(directory, |node| node.first_child = child),
            kept => self.nodes.change(kept, |node| node.next = child),
        }
    }

    /// Links the child into the list that stays, or frees it.
    fn keep_or_free(&mut self, level: &mut Level, child: u32) -> Result<(), Error> {
        if self.is_lower(child) {
            self.note_gone(child)?;
            self.take_out(child);
            self.free(child);
        } else {
            self.link_after(level.directory, level.kept, child);
            level.kept = child;
        }
        Ok(())
    }

    /// Whether nothing of the current layer is at `node` or below it, nor anything that stays.
    fn is_lower(&self, node: u32) -> bool {
        let found = self.node(node);
        found.layer != self.layers && self.is_empty(node)
    }

    fn is_empty(&self, node: u32) -> bool {
        if !self.is_directory(NodeId(node)) {
            return true;
        }
        let mut at = self.node(node).first_child;
        while at != NONE && self.node(at).record == NONE {
            at = self.node(at).next;
        }
        at == NONE
    }

    pub(super) fn remove_if_lower(&mut self, node: u32) -> Result<(), Error> {
        if self.is_lower(node) {
            self.note_gone(node)?;
            self.remove(node);
        }
        Ok(())
    }

    /// Takes `node` away, and everything below it.
    pub(super) fn remove(&mut self, node: u32) {
        self.remove_below(node);
        self.take_out(node);
        // It stays in its directory's list, which goes one way only, until many do.
        self.nodes.change(node, |node| node.record = NONE);
        self.dead += 1;
        if self.dead > MAX_DEAD && self.dead > self.nodes.len() / 4 {
            self.sweep();
        }
    }

    /// Takes away everything below `node`.
    pub(super) fn remove_below(&mut self, node: u32) {
        if !self.is_directory(NodeId(node)) {
            return;
        }
        let mut lists = vec![self.node(node).first_child];
        self.nodes.change(node, |node| node.first_child = NONE);
        while let Some(mut at) = lists.pop() {
            while at != NONE {
                let found = self.node(at);
                if found.record == NONE {
                    self.free_dead(at);
                } else {
                    if self.is_directory(NodeId(at)) && found.first_child != NONE {
                        lists.push(found.first_child);
                    }
                    self.take_out(at);
                    self.free(at);
                }
                at = found.next;
            }
        }
    }

    /// Nothing finds the node any more, and nobody counts it.
    fn take_out(&mut self, number: u32) {
        self.leave(number);
        self.forget_gone_in(number);
        if let Some(shared) = self.shared_of(number) {
            self.release(shared);
        }
        self.records.forget(self.node(number).record);
        self.live -= 1;
    }

    fn free(&mut self, number: u32) {
        let free = self.free;
        self.nodes.change(number, |node| (node.record, node.chain) = (NONE, free));
        self.free = number;
    }

    fn free_dead(&mut self, number: u32) {
        self.dead -= 1;
        self.free(number);
    }

    /// Takes all dead nodes out of the lists.
    fn sweep(&mut self) {
        for directory in 0..self.nodes.len() as u32 {
            if self.node(directory).record == NONE || !self.is_directory(NodeId(directory)) {
                continue;
            }
            let mut level = self.level(directory);
            while level.next != NONE {
                let at = level.next;
                level.next = self.node(at).next;
                if self.node(at).record == NONE {
                    self.link_after(directory, level.kept, level.next);
                    self.free_dead(at);
                } else {
                    level.kept = at;
                }
            }
        }
    }
}
