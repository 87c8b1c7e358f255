//! An archive as a list of members that a test may reorder, double, break or drop.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::noise::Noise;
use super::tarball::{self, Entry};

#[derive(Debug, Clone, Default)]
pub struct Archive {
    pub members: Vec<Entry>,
}

impl Archive {
    /// Adds a file at the end.
    pub fn file(mut self, name: impl AsRef<[u8]>, body: impl Into<Vec<u8>>) -> Self {
        self.members.push(Entry::file(name, body));
        self
    }

    pub fn json(self, name: &str, value: &Value) -> Self {
        self.file(name, value.to_string())
    }

    pub fn entry(mut self, entry: Entry) -> Self {
        self.members.push(entry);
        self
    }

    /// Adds a member before all others.
    pub fn first(mut self, entry: Entry) -> Self {
        self.members.insert(0, entry);
        self
    }

    /// The body of a file.
    #[track_caller]
    pub fn body(&self, name: &str) -> &[u8] {
        let found = self.members.iter().find(|member| member.name == name.as_bytes());
        &found.unwrap_or_else(|| panic!("no member {name}")).body
    }

    /// The first name that ends so.
    #[track_caller]
    pub fn name_ending(&self, end: &str) -> String {
        let mut names = self.members.iter().map(|member| String::from_utf8_lossy(&member.name).into_owned());
        names.find(|name| name.ends_with(end)).unwrap_or_else(|| panic!("no member ends in {end}"))
    }

    #[track_caller]
    pub fn without(mut self, name: &str) -> Self {
        let before = self.members.len();
        self.members.retain(|member| member.name != name.as_bytes());
        assert_ne!(before, self.members.len(), "no member {name}");
        self
    }

    #[track_caller]
    pub fn replace(self, name: &str, body: impl Into<Vec<u8>>) -> Self {
        self.swap(name, Entry::file(name, body))
    }

    /// Puts another member where this one was.
    #[track_caller]
    pub fn swap(mut self, name: &str, entry: Entry) -> Self {
        let at = self.members.iter().position(|member| member.name == name.as_bytes());
        self.members[at.unwrap_or_else(|| panic!("no member {name}"))] = entry;
        self
    }

    /// Changes a document. Nothing else is made to fit: that is the point.
    #[track_caller]
    pub fn edit(self, name: &str, change: impl FnOnce(&mut Value)) -> Self {
        let mut value = serde_json::from_slice(self.body(name)).expect("the builder wrote JSON");
        change(&mut value);
        self.replace(name, value.to_string())
    }

    pub fn reversed(mut self) -> Self {
        self.members.reverse();
        self
    }

    pub fn shuffled(mut self, seed: u64) -> Self {
        Noise::new(seed).shuffle(&mut self.members);
        self
    }

    /// Every member twice, the second time after all the others.
    pub fn doubled(mut self) -> Self {
        self.members.extend_from_within(..);
        self
    }

    /// Every name with this before it: `./` is what `tar -C DIR .` writes.
    pub fn prefixed(mut self, prefix: &str) -> Self {
        for member in &mut self.members {
            member.name = [prefix.as_bytes(), &member.name].concat();
        }
        self
    }

    /// Only the files: many writers leave directories out.
    pub fn without_directories(mut self) -> Self {
        self.members.retain(|member| member.kind != b'5');
        self
    }

    pub fn tar(&self) -> Vec<u8> {
        tarball::tar(&self.members)
    }

    /// The members as files below a directory that does not exist yet.
    pub fn write_dir(&self, dir: &Path) {
        for member in &self.members {
            let path = dir.join(String::from_utf8_lossy(&member.name).as_ref());
            if member.kind == b'5' {
                fs::create_dir_all(&path).expect("the sandbox can be written");
                continue;
            }
            fs::create_dir_all(path.parent().expect("below dir")).expect("the sandbox can be written");
            fs::write(&path, &member.body).expect("the sandbox can be written");
        }
    }
}
