//! The keys that end a session: `--detach-keys`.

/// The bytes that the keys send, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys(Vec<u8>);

impl Default for Keys {
    /// Docker's: ctrl-p, ctrl-q.
    fn default() -> Self {
        Self(vec![16, 17])
    }
}

impl Keys {
    /// The bytes, to be handed over.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.clone()
    }

    /// The keys that send these bytes.
    pub fn of_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// Keys as `ctrl-p,ctrl-q` or `a,b`.
///
/// # Errors
/// If there is no such key.
pub fn keys(text: &str) -> Result<Keys, String> {
    let wrong = || format!("invalid detach keys ({text}) provided");
    let mut bytes = Vec::new();
    for name in text.split(',') {
        let byte = match (name.as_bytes(), name.strip_prefix("ctrl-").map(str::as_bytes)) {
            (_, Some([letter @ b'a'..=b'z'])) => letter - b'a' + 1,
            (_, Some(b"@")) => 0,
            (_, Some(b"[")) => 27,
            (_, Some(b"\\")) => 28,
            (_, Some(b"]")) => 29,
            (_, Some(b"^")) => 30,
            (_, Some(b"_")) => 31,
            ([byte], None) => *byte,
            _ => return Err(wrong()),
        };
        bytes.push(byte);
    }
    Ok(Keys(bytes))
}

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    /// This is for the process.
    Input(Vec<u8>),
    /// This too, and then the last of the keys.
    Detach(Vec<u8>),
}

/// Looks for the keys in what is typed. What may be the beginning of them is kept back.
pub struct Watch {
    keys: Keys,
    seen: usize,
}

impl Watch {
    pub fn new(keys: Keys) -> Self {
        Self { keys, seen: 0 }
    }

    /// What of `bytes`, and of what was kept back, is for the process.
    pub fn see(&mut self, bytes: &[u8]) -> Typed {
        let mut input = Vec::new();
        for byte in bytes {
            if self.keys.0.get(self.seen) == Some(byte) {
                self.seen += 1;
                if self.seen == self.keys.0.len() {
                    self.seen = 0;
                    return Typed::Detach(input);
                }
                continue;
            }
            input.extend(self.keys.0.iter().take(self.seen));
            self.seen = 0;
            match self.keys.0.first() == Some(byte) {
                true => self.seen = 1,
                false => input.push(*byte),
            }
        }
        Typed::Input(input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_docker_has_them() {
        assert_eq!(keys("ctrl-p,ctrl-q").unwrap(), Keys::default());
        assert_eq!(keys("a,ctrl-a,ctrl-[,Z").unwrap(), Keys(vec![b'a', 1, 27, b'Z']));
        for wrong in ["", "ctrl-", "ctrl-pp", "ab", "a,,b", "ctrl-1"] {
            assert_eq!(keys(wrong).unwrap_err(), format!("invalid detach keys ({wrong}) provided"));
        }
    }

    #[test]
    fn what_only_begins_like_the_keys_is_input() {
        let mut watch = Watch::new(Keys::default());
        assert_eq!(watch.see(b"ab\x10"), Typed::Input(b"ab".into()));
        assert_eq!(watch.see(b"c\x10\x10"), Typed::Input(b"\x10c\x10".into()));
        assert_eq!(watch.see(b"\x11"), Typed::Detach(Vec::new()));
        assert_eq!(watch.see(b"d\x10\x11"), Typed::Detach(b"d".into()));
    }
}
