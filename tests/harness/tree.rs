//! A tree of files, read from a tar or from a directory: the tests' own eyes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use super::hex_digest;

/// Every path, without a slash at either end, and what is there. The root is `""`, if
/// anything was said of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree(pub BTreeMap<Vec<u8>, Node>);

#[derive(Clone, PartialEq, Eq)]
pub struct Node {
    /// `file`, `directory`, `symlink`, `char`, `block` or `fifo`.
    pub kind: &'static str,
    pub mode: u32,
    pub owner: (u64, u64),
    /// Seconds, and nanoseconds on top.
    pub mtime: (i64, u32),
    pub size: u64,
    /// SHA-256 of a file's content.
    pub content: String,
    /// A symlink's target.
    pub target: Vec<u8>,
    pub device: (u64, u64),
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The first name of the file, where it has several.
    pub first_name: Option<Vec<u8>>,
}

/// What is not the same at a path of two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub path: Vec<u8>,
    /// `mode`, `mtime`, …; `only ours` and `only theirs` for a path that one does not have.
    pub field: &'static str,
    pub told: String,
}

impl Difference {
    /// `path: field`
    pub fn short(&self) -> String {
        format!("{}: {}", self.path.escape_ascii(), self.field)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.short(), self.told)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, mode, owner, size, .. } = self;
        write!(f, "{kind} {mode:o} {owner:?} {size} {:?}", self.mtime)
    }
}

impl Tree {
    /// What unpacking a tar without whiteouts gives. A name twice is a mistake.
    #[track_caller]
    pub fn of_tar(bytes: &[u8]) -> Self {
        let mut tree = Self::default();
        let mut links = Vec::new();
        for member in members(bytes) {
            let name = clean(&member.name);
            if member.kind == b'1' {
                links.push((name, clean(&member.link)));
                continue;
            }
            let old = tree.0.insert(name.clone(), member.node());
            assert!(old.is_none(), "{} is there twice", name.escape_ascii());
        }
        let mut groups: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
        for (name, target) in links {
            let found = tree.0.get(&target).unwrap_or_else(|| {
                panic!(
                    "{} is a hard link to {}, which is no entry",
                    name.escape_ascii(),
                    target.escape_ascii()
                )
            });
            let node = found.clone();
            let old = tree.0.insert(name.clone(), node);
            assert!(old.is_none(), "{} is there twice", name.escape_ascii());
            groups.entry(target).or_default().push(name);
        }
        for (target, mut names) in groups {
            names.push(target);
            tree.join(&names);
        }
        tree
    }

    /// What lies in a directory.
    #[track_caller]
    pub fn of_dir(dir: &Path) -> Self {
        let mut tree = Self::default();
        let mut inodes: BTreeMap<u64, Vec<Vec<u8>>> = BTreeMap::new();
        tree.walk(dir, &[], &mut inodes);
        inodes.into_values().filter(|names| names.len() > 1).for_each(|names| tree.join(&names));
        tree
    }

    fn walk(&mut self, path: &Path, name: &[u8], inodes: &mut BTreeMap<u64, Vec<Vec<u8>>>) {
        let metadata = fs::symlink_metadata(path).expect("it is there");
        self.0.insert(name.to_vec(), Node::of_file(path, &metadata));
        if !metadata.is_dir() {
            inodes.entry(metadata.ino()).or_default().push(name.to_vec());
            return;
        }
        for entry in fs::read_dir(path).expect("a directory").flatten() {
            let base = entry.file_name();
            let below = if name.is_empty() {
                base.as_bytes().to_vec()
            } else {
                [name, b"/", base.as_bytes()].concat()
            };
            self.walk(&entry.path(), &below, inodes);
        }
    }

    /// These are names of one file.
    fn join(&mut self, names: &[Vec<u8>]) {
        let first = names.iter().min().expect("several names").clone();
        for name in names {
            self.0.get_mut(name).expect("it is there").first_name = Some(first.clone());
        }
    }

    #[track_caller]
    pub fn node(&self, path: &str) -> &Node {
        self.0.get(path.as_bytes()).unwrap_or_else(|| panic!("no {path} in {:?}", self.paths()))
    }

    pub fn has(&self, path: &str) -> bool {
        self.0.contains_key(path.as_bytes())
    }

    /// All paths but the root, for people.
    pub fn paths(&self) -> Vec<String> {
        let names = self.0.keys().filter(|name| !name.is_empty());
        names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    /// Without the root, of which few tars speak.
    pub fn without_root(mut self) -> Self {
        self.0.remove(&b""[..]);
        self
    }

    pub fn without_fractions(mut self) -> Self {
        self.0.values_mut().for_each(|node| node.mtime.1 = 0);
        self
    }

    /// With these extended attributes and no others.
    pub fn with_xattrs(mut self, keep: impl Fn(&[u8]) -> bool) -> Self {
        self.0.values_mut().for_each(|node| node.xattrs.retain(|name, _| keep(name)));
        self
    }

    /// What is not the same, in the order of paths.
    pub fn differences(&self, theirs: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        for (path, ours) in &self.0 {
            let mut push = |field, told| found.push(Difference { path: path.clone(), field, told });
            match theirs.0.get(path) {
                None => push("only ours", format!("{ours:?}")),
                Some(theirs) => ours.compare(theirs, &mut push),
            }
        }
        for (path, theirs) in theirs.0.iter().filter(|(path, _)| !self.0.contains_key(*path)) {
            found.push(Difference { path: path.clone(), field: "only theirs", told: format!("{theirs:?}") });
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }

    /// The two must be the same.
    #[track_caller]
    pub fn equals(&self, theirs: &Self, what: &str) {
        let found: Vec<_> = self.differences(theirs).iter().map(Difference::to_string).collect();
        assert!(found.is_empty(), "{what}: {} differences\n{}", found.len(), found.join("\n"));
    }
}

impl Node {
    fn compare(&self, theirs: &Self, push: &mut dyn FnMut(&'static str, String)) {
        let mut see = |field, is_same: bool, ours: String, theirs: String| {
            if !is_same {
                push(field, format!("{ours} | {theirs}"));
            }
        };
        let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
        see("kind", self.kind == theirs.kind, self.kind.into(), theirs.kind.into());
        see("mode", self.mode == theirs.mode, format!("{:o}", self.mode), format!("{:o}", theirs.mode));
        see("owner", self.owner == theirs.owner, format!("{:?}", self.owner), format!("{:?}", theirs.owner));
        see("mtime", self.mtime == theirs.mtime, format!("{:?}", self.mtime), format!("{:?}", theirs.mtime));
        see("size", self.size == theirs.size, self.size.to_string(), theirs.size.to_string());
        see("content", self.content == theirs.content, self.content.clone(), theirs.content.clone());
        see("target", self.target == theirs.target, shown(&self.target), shown(&theirs.target));
        let devices = [self, theirs].map(|node| format!("{:?}", node.device));
        see("device", self.device == theirs.device, devices[0].clone(), devices[1].clone());
        let xattrs = [self, theirs].map(|node| {
            let all = node.xattrs.iter().map(|(name, value)| format!("{}={}", shown(name), shown(value)));
            all.collect::<Vec<_>>().join(" ")
        });
        see("xattrs", self.xattrs == theirs.xattrs, xattrs[0].clone(), xattrs[1].clone());
        let names = [self, theirs].map(|node| node.first_name.as_deref().map(shown).unwrap_or_default());
        see("links", self.first_name == theirs.first_name, names[0].clone(), names[1].clone());
    }

    fn of_file(path: &Path, metadata: &fs::Metadata) -> Self {
        let kind = metadata.file_type();
        let kind = match kind {
            _ if kind.is_file() => "file",
            _ if kind.is_dir() => "directory",
            _ if kind.is_symlink() => "symlink",
            _ if kind.is_char_device() => "char",
            _ if kind.is_block_device() => "block",
            _ if kind.is_fifo() => "fifo",
            _ => "socket",
        };
        let is_device = matches!(kind, "char" | "block");
        let device = metadata.rdev();
        let number = (u64::from(rustix::fs::major(device)), u64::from(rustix::fs::minor(device)));
        Self {
            kind,
            mode: metadata.mode() & 0o7777,
            owner: (metadata.uid().into(), metadata.gid().into()),
            mtime: (metadata.mtime(), metadata.mtime_nsec() as u32),
            size: if kind == "file" { metadata.len() } else { 0 },
            content: if kind == "file" {
                hex_digest(&fs::read(path).expect("a file"))
            } else {
                String::new()
            },
            target: match kind {
                "symlink" => fs::read_link(path).expect("a link").as_os_str().as_bytes().to_vec(),
                _ => Vec::new(),
            },
            device: if is_device { number } else { (0, 0) },
            xattrs: xattrs(path),
            first_name: None,
        }
    }
}

fn xattrs(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut names = vec![0; 64 << 10];
    let len = rustix::fs::llistxattr(path, &mut names[..]).unwrap_or(0);
    names.truncate(len);
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let value = |name: &[u8]| {
        let mut value = vec![0; 64 << 10];
        let len = rustix::fs::lgetxattr(path, OsStr::from_bytes(name), &mut value[..]).expect("it is listed");
        value.truncate(len);
        value
    };
    names.map(|name| (name.to_vec(), value(name))).collect()
}

/// What a PAX header says.
type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// A member of a tar, as it stands there.
#[derive(Debug, Clone)]
pub struct TarMember<'t> {
    pub name: Vec<u8>,
    pub kind: u8,
    pub link: Vec<u8>,
    pub body: &'t [u8],
    header: &'t [u8],
    records: Records,
}

/// The members of a tar, which must be whole; without its global headers.
#[track_caller]
pub fn members(bytes: &[u8]) -> Vec<TarMember<'_>> {
    let (mut found, mut at) = (Vec::new(), 0);
    let (mut records, mut name, mut link) = (Records::new(), None, None);
    while bytes[at..at + 512].iter().any(|byte| *byte != 0) {
        let header = &bytes[at..at + 512];
        let kind = header[156];
        let of_records =
            if kind == b'0' { records.get(&b"size"[..]).map(|text| decimal(text) as usize) } else { None };
        let size = of_records.unwrap_or_else(|| number(&header[124..136]) as usize);
        let body = &bytes[at + 512..at + 512 + size];
        at += 512 + size.next_multiple_of(512);
        match kind {
            b'g' => {}
            b'x' => records = pax_records(body),
            b'L' => name = Some(text(body)),
            b'K' => link = Some(text(body)),
            _ => {
                let records = std::mem::take(&mut records);
                let (prefix, short) = (text(&header[345..500]), text(&header[..100]));
                let joined = if prefix.is_empty() { short } else { [&prefix[..], b"/", &short].concat() };
                let name = name.take().or_else(|| records.get(&b"path"[..]).cloned()).unwrap_or(joined);
                let linked = link.take().or_else(|| records.get(&b"linkpath"[..]).cloned());
                let link = linked.unwrap_or_else(|| text(&header[157..257]));
                found.push(TarMember { name, kind, link, body, header, records });
            }
        }
    }
    assert!(bytes.len() >= at + 1024, "the end is missing");
    assert!(bytes[at..].iter().all(|byte| *byte == 0), "something comes after the end");
    found
}

impl TarMember<'_> {
    fn node(&self) -> Node {
        let (header, record) = (&self.header, |key: &str| self.records.get(key.as_bytes()));
        let owner = |key: &str, at: usize| match record(key) {
            Some(text) => decimal(text) as u64,
            None => number(&header[at..at + 8]) as u64,
        };
        let kind = match self.kind {
            b'0' | 0 => "file",
            b'2' => "symlink",
            b'3' => "char",
            b'4' => "block",
            b'5' => "directory",
            b'6' => "fifo",
            other => panic!("{} is of the kind {other}", self.name.escape_ascii()),
        };
        let xattrs = self
            .records
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(b"SCHILY.xattr.")?.to_vec(), value.clone())));
        let device = || (number(&header[329..337]) as u64, number(&header[337..345]) as u64);
        Node {
            kind,
            mode: number(&header[100..108]) as u32 & 0o7777,
            owner: (owner("uid", 108), owner("gid", 116)),
            mtime: record("mtime").map_or_else(|| (number(&header[136..148]) as i64, 0), |text| moment(text)),
            size: self.body.len() as u64,
            content: if kind == "file" { hex_digest(self.body) } else { String::new() },
            target: if kind == "symlink" { self.link.clone() } else { Vec::new() },
            device: if matches!(kind, "char" | "block") { device() } else { (0, 0) },
            xattrs: xattrs.collect(),
            first_name: None,
        }
    }
}

fn clean(name: &[u8]) -> Vec<u8> {
    let parts = name.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    parts.collect::<Vec<_>>().join(&b'/')
}

fn text(field: &[u8]) -> Vec<u8> {
    field.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

fn number(field: &[u8]) -> i128 {
    if field[0] & 0x80 != 0 {
        let negative = field[0] & 0x40 != 0;
        let start = if negative { -1 } else { i128::from(field[0] & 0x3f) };
        return field[1..].iter().fold(start, |sum, byte| (sum << 8) | i128::from(*byte));
    }
    let text = String::from_utf8(text(field)).expect("octal digits");
    let text = text.trim();
    if text.is_empty() { 0 } else { i128::from_str_radix(text, 8).expect("octal digits") }
}

fn decimal(text: &[u8]) -> i128 {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).expect("a decimal number")
}

/// `12.5` as seconds and nanoseconds that count forward.
fn moment(text: &[u8]) -> (i64, u32) {
    let text = std::str::from_utf8(text).expect("a time");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().expect("a time");
    let nanoseconds: u32 = format!("{fraction:0<9}").parse().expect("a time");
    if whole.starts_with('-') && nanoseconds > 0 {
        (seconds - 1, 1_000_000_000 - nanoseconds)
    } else {
        (seconds, nanoseconds)
    }
}

fn pax_records(mut body: &[u8]) -> Records {
    let mut records = Records::new();
    while !body.is_empty() {
        let space = body.iter().position(|byte| *byte == b' ').expect("a length");
        let (record, rest) = body.split_at(decimal(&body[..space]) as usize);
        let record = record[space + 1..].strip_suffix(b"\n").expect("a record ends its line");
        let equals = record.iter().position(|byte| *byte == b'=').expect("a key");
        records.insert(record[..equals].to_vec(), record[equals + 1..].to_vec());
        body = rest;
    }
    records
}
