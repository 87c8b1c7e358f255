//! Tars of every format, most of them odd, some of them broken: the same for the same seed.

const BLOCK: usize = 512;

/// Numbers that look random and are the same each time (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit.max(1)
    }

    /// True once in `times`.
    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

const NAMES: [&[u8]; 14] = [
    b"a",
    b"dir/",
    b"dir/file",
    b"./x",
    b"/root/.ssh/authorized_keys",
    b"authorized_keys",
    b"with space",
    b"caf\xc3\xa9",
    b"\xff\xfe",
    b"",
    b"..",
    b"a//b",
    b"link",
    b"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
];

const PREFIXES: [&[u8]; 6] = [b"", b"root/.ssh", b"usr/lib", b"\x01\x02", b"00000000000", b"caf\xc3\xa9"];

/// A tar of a few entries.
pub fn tar(random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..random.below(4) + 1 {
        if random.one_in(3) {
            extension(random, &mut out);
        }
        entry(random, &mut out);
        if random.one_in(40) {
            out.extend([0; BLOCK]);
        }
    }
    match random.below(8) {
        0 => {}
        1 => out.extend([0; BLOCK]),
        2 => out.extend([0; BLOCK * 4]),
        3 => out.extend([&[0; BLOCK * 2][..], b"garbage behind the end"].concat()),
        _ => out.extend([0; BLOCK * 2]),
    }
    if random.one_in(20) {
        out.truncate(random.below(out.len()));
    }
    out
}

fn entry(random: &mut Random, out: &mut Vec<u8>) {
    let kinds = b"000000\x00\x00557112223346SDVMNAZ9";
    let kind = kinds[random.below(kinds.len())];
    let payload: Vec<u8> = match random.below(4) {
        0 => Vec::new(),
        1 => vec![b'x'; random.below(40)],
        2 => vec![b'y'; BLOCK],
        _ => (0..random.below(1200)).map(|at| at as u8).collect(),
    };
    let has_payload = matches!(kind, b'0' | 0 | b'7' | b'S') || random.one_in(6);
    let payload = if has_payload { payload } else { Vec::new() };
    let name = random.pick(&NAMES);
    let mut header = header(random, name, kind, payload.len() as u64);
    if kind == b'S' {
        sparse_fields(random, &mut header, payload.len() as u64);
    }
    finish(random, &mut header, out);
    body(random, &payload, out);
}

/// A header that says something of the entry after it.
fn extension(random: &mut Random, out: &mut Vec<u8>) {
    let (kind, payload) = match random.below(6) {
        0 => (b'L', [random.pick(&NAMES), b"/long", if random.one_in(2) { b"\0" } else { b"" }].concat()),
        1 => (b'K', [random.pick(&NAMES), b"/target\0"].concat()),
        2 => (b'g', records(random)),
        _ => (b'x', records(random)),
    };
    let mut header = header(random, b"PaxHeaders/x", kind, payload.len() as u64);
    finish(random, &mut header, out);
    body(random, &payload, out);
}

fn records(random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..random.below(4) + 1 {
        let record: (&str, &[u8]) = match random.below(18) {
            0 => ("path", random.pick(&NAMES)),
            1 => ("linkpath", random.pick(&NAMES)),
            2 => ("size", random.pick(&[&b"5"[..], b"0", b"-1", b"512", b"x"])),
            3 => ("uid", random.pick(&[&b"1000"[..], b"0", b"-1", b"4294967295", b" 7", b"x"])),
            4 => ("gid", random.pick(&[&b"1000"[..], b"99999999999", b""])),
            5 => (
                "mtime",
                random.pick(&[&b"1.5"[..], b"-1.25", b"1700000000.123456789123", b"0", b".5", b"1.", b"x"]),
            ),
            6 => ("atime", b"1"),
            7 => ("SCHILY.xattr.user.a", random.pick(&[&b"value"[..], b"", b"\0\xff\n"])),
            8 => ("SCHILY.xattr.security.capability", b"\x01\x00"),
            9 => ("uname", b"root"),
            10 => ("comment", b"nothing"),
            11 => ("GNU.sparse.major", random.pick(&[&b"0"[..], b"1"])),
            12 => ("GNU.sparse.minor", random.pick(&[&b"0"[..], b"1"])),
            13 => ("GNU.sparse.name", b"sparse"),
            14 => ("GNU.sparse.size", random.pick(&[&b"100"[..], b"5000"])),
            15 => ("GNU.sparse.realsize", random.pick(&[&b"100"[..], b"5000"])),
            16 => ("GNU.sparse.map", random.pick(&[&b"0,5,50,3"[..], b"0,0", b"10,1,5,1", b"x"])),
            _ => ("hdrcharset", b"BINARY"),
        };
        out.extend(self::record(record.0, record.1));
    }
    if random.one_in(15) {
        let at = random.below(out.len());
        out[at] = random.next() as u8;
    }
    out
}

/// A pax record: its length in decimal, the length included.
fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length.to_string().len() + rest != length {
        length += 1;
    }
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

fn header(random: &mut Random, name: &[u8], kind: u8, size: u64) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    put(&mut header, 0, &name[..name.len().min(100)]);
    number(random, &mut header, 100, 8, 0o644);
    let uid = [0, 1000, 70_000][random.below(3)];
    number(random, &mut header, 108, 8, uid);
    number(random, &mut header, 116, 8, 5);
    number(random, &mut header, 124, 12, size);
    number(random, &mut header, 136, 12, 1_700_000_000);
    header[156] = kind;
    let link = random.pick(&NAMES);
    put(&mut header, 157, link);
    match random.below(5) {
        0 => {}
        1 => put(&mut header, 257, b"ustar  \0"),
        2 => {
            put(&mut header, 257, b"ustar\x0000");
            put(&mut header, 508, b"tar\0");
        }
        _ => put(&mut header, 257, b"ustar\x0000"),
    }
    if matches!(kind, b'3' | b'4') || random.one_in(5) {
        number(random, &mut header, 329, 8, 1);
        number(random, &mut header, 337, 8, 3);
    }
    if random.one_in(3) {
        let prefix = random.pick(&PREFIXES);
        put(&mut header, 345, prefix);
    }
    header
}

/// Numbers as tars have written them, and as none should.
fn number(random: &mut Random, header: &mut [u8; BLOCK], at: usize, len: usize, value: u64) {
    let text = match random.below(12) {
        0 => format!("{value:>0$o} ", len - 1).into_bytes(),
        1 => format!("{value:o}\0 ").into_bytes(),
        2 => format!(" {value:o}").into_bytes(),
        3 => {
            let mut bytes = vec![0; len];
            bytes[len - 8..].copy_from_slice(&value.to_be_bytes());
            bytes[0] |= 0x80;
            bytes
        }
        4 if random.one_in(8) => {
            random.pick(&[&b"junk"[..], b"-7", b"8", b"\xff\xff\xff\xff\xff\xff\xff\xff"]).to_vec()
        }
        5 if random.one_in(8) => Vec::new(),
        _ => format!("{value:0>0$o}\0", len - 1).into_bytes(),
    };
    put(header, at, &text[..text.len().min(len)]);
}

fn sparse_fields(random: &mut Random, header: &mut [u8; BLOCK], stored: u64) {
    put(header, 257, b"ustar  \0");
    header[345..500].fill(0);
    let hole = random.below(2000) as u64;
    put(header, 386, format!("{hole:011o}\0{stored:011o}\0").as_bytes());
    if random.one_in(2) {
        put(header, 410, format!("{:011o}\0{:011o}\0", hole + stored, 0).as_bytes());
    }
    let real = hole + stored + if random.one_in(4) { 7 } else { 0 };
    put(header, 483, format!("{real:011o}\0").as_bytes());
}

/// Now and then spoils a byte; mostly gives the header its right checksum then.
fn finish(random: &mut Random, header: &mut [u8; BLOCK], out: &mut Vec<u8>) {
    while random.one_in(4) {
        header[random.below(BLOCK)] = random.next() as u8;
    }
    header[148..156].fill(b' ');
    let is_signed = random.one_in(12);
    let sum: i64 = header
        .iter()
        .map(|byte| if is_signed { i64::from(byte.cast_signed()) } else { i64::from(*byte) })
        .sum();
    let text = if random.one_in(6) { format!("{sum:o}\0") } else { format!("{sum:06o}\0 ") };
    if sum >= 0 && !random.one_in(60) {
        put(header, 148, text.as_bytes());
    }
    out.extend_from_slice(header);
}

fn body(random: &mut Random, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(payload);
    let padding = (BLOCK - payload.len() % BLOCK) % BLOCK;
    let filler = if random.one_in(10) { 0xaa } else { 0 };
    out.extend(std::iter::repeat_n(filler, padding));
}

fn put(header: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    let end = (at + bytes.len()).min(BLOCK);
    header[at..end].copy_from_slice(&bytes[..end - at]);
}
