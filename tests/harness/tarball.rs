//! A tar writer that will write anything, right or wrong.

/// One member: what its header says and the bytes that follow it.
#[derive(Debug, Clone)]
pub struct Entry {
    pub name: Vec<u8>,
    /// The type flag: `0` file, `1` hard link, `2` symlink, `5` directory, …
    pub kind: u8,
    pub mode: u32,
    pub owner: (u32, u32),
    pub mtime: u64,
    pub link: Vec<u8>,
    pub body: Vec<u8>,
    /// What the header says of the size, when that is not the truth.
    pub claimed_size: Option<u64>,
    /// What a PAX header before it says.
    pub records: Vec<(String, Vec<u8>)>,
    /// Bytes of the header that are to be these, by their offset.
    pub patches: Vec<(usize, Vec<u8>)>,
}

impl Entry {
    pub fn new(name: impl AsRef<[u8]>, kind: u8) -> Self {
        let (name, mode) = (name.as_ref().to_vec(), if kind == b'5' { 0o755 } else { 0o644 });
        Self {
            name,
            kind,
            mode,
            owner: (0, 0),
            mtime: 1_700_000_000,
            link: Vec::new(),
            body: Vec::new(),
            claimed_size: None,
            records: Vec::new(),
            patches: Vec::new(),
        }
    }

    pub fn file(name: impl AsRef<[u8]>, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::new(name, b'0') }
    }

    pub fn dir(name: impl AsRef<[u8]>) -> Self {
        Self::new(name, b'5')
    }

    pub fn symlink(name: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Self {
        Self { link: to.as_ref().to_vec(), mode: 0o777, ..Self::new(name, b'2') }
    }

    pub fn hardlink(name: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Self {
        Self { link: to.as_ref().to_vec(), ..Self::new(name, b'1') }
    }

    /// A device: `3` for characters, `4` for blocks.
    pub fn device(name: impl AsRef<[u8]>, kind: u8, major: u32, minor: u32) -> Self {
        let number = |number: u32| format!("{number:07o}\0").into_bytes();
        Self::new(name, kind).patched(329, number(major)).patched(337, number(minor))
    }

    pub fn mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }

    pub fn owner(self, user: u32, group: u32) -> Self {
        Self { owner: (user, group), ..self }
    }

    pub fn with_body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    pub fn mtime(self, mtime: u64) -> Self {
        Self { mtime, ..self }
    }

    /// Has a PAX header say this of it.
    pub fn record(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.records.push((key.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub fn xattr(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.record(&format!("SCHILY.xattr.{name}"), value)
    }

    /// Puts these bytes into its header, before the checksum is made.
    pub fn patched(mut self, at: usize, bytes: impl Into<Vec<u8>>) -> Self {
        self.patches.push((at, bytes.into()));
        self
    }

    /// Appends header, body and padding. A name of more than 100 bytes goes into a GNU
    /// `L` member before it, as Docker's and GNU tar's do; an owner that has no room in the
    /// header into a PAX header.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        let mut records = self.records.clone();
        for (key, id) in [("uid", self.owner.0), ("gid", self.owner.1)] {
            if id >= 1 << 21 {
                records.push((key.to_owned(), id.to_string().into_bytes()));
            }
        }
        if !records.is_empty() {
            let records: Vec<_> = records.iter().map(|(key, value)| (&**key, &**value)).collect();
            pax(&records).write_to(out);
        }
        for (long, kind) in [(&self.link, b'K'), (&self.name, b'L')] {
            if long.len() > 100 {
                let body = [long.as_slice(), b"\0"].concat();
                Self { body, mode: 0, mtime: 0, ..Self::new("././@LongLink", kind) }.write_to(out);
            }
        }
        out.extend_from_slice(&self.header());
        out.extend_from_slice(&self.body);
        pad(out);
    }

    /// The 512 bytes of the header alone.
    pub fn header(&self) -> [u8; 512] {
        let mut header = [0u8; 512];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.name[..self.name.len().min(100)]);
        put(100, format!("{:07o}\0", self.mode).as_bytes());
        put(108, format!("{:07o}\0", self.owner.0 % (1 << 21)).as_bytes());
        put(116, format!("{:07o}\0", self.owner.1 % (1 << 21)).as_bytes());
        let size = self.claimed_size.unwrap_or(self.body.len() as u64);
        if size < 1 << 33 {
            put(124, format!("{size:011o}\0").as_bytes());
        } else {
            put(124, &[0x80, 0, 0, 0]);
            put(128, &size.to_be_bytes());
        }
        put(136, format!("{:011o}\0", self.mtime).as_bytes());
        put(148, b"        ");
        put(156, &[self.kind]);
        put(157, &self.link[..self.link.len().min(100)]);
        put(257, b"ustar\x0000");
        for (at, bytes) in &self.patches {
            put(*at, bytes);
        }
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        header
    }
}

/// A PAX extended header with these records, for the member that follows it.
pub fn pax(records: &[(&str, &[u8])]) -> Entry {
    let mut body = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3; // space, '=', newline
        let mut len = rest + 1;
        while len != rest + len.to_string().len() {
            len = rest + len.to_string().len();
        }
        body.extend_from_slice(format!("{len} {key}=").as_bytes());
        body.extend_from_slice(value);
        body.push(b'\n');
    }
    Entry { body, ..Entry::new("PaxHeaders.0/next", b'x') }
}

/// The whole tar: the members, then two blocks of zeros.
pub fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    entries.iter().for_each(|entry| entry.write_to(&mut out));
    out.resize(out.len() + 1024, 0);
    out
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(512), 0);
}
