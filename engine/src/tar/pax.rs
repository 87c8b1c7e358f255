//! Pax records: `LENGTH KEY=VALUE\n`, the length counting all of itself.
//!
//! Read here and not by the `tar` crate because that splits at line ends, and
//! a value may hold one: a file's name, or any extended attribute.

/// One record, borrowed from the body of a pax header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Where in the body it starts.
    pub offset: usize,
    /// What it is about: `path`, `linkpath`, `size`, `SCHILY.xattr.…`
    pub key: &'a [u8],
    /// Any bytes; empty to take back what a global record said.
    pub value: &'a [u8],
}

/// The body of a pax header is not a list of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid pax record {offset} bytes into its header")]
pub struct PaxError {
    /// Where the record starts.
    pub offset: usize,
}

impl Record<'_> {
    /// The value as the number of bytes of something, if it is one a file can have.
    pub fn number(&self) -> Option<u64> {
        if self.value.is_empty() || !self.value.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = std::str::from_utf8(self.value).ok()?.parse::<i64>().ok()?;
        u64::try_from(number).ok()
    }
}

/// The records of a pax header's body, up to the first that is none.
pub fn records(body: &[u8]) -> impl Iterator<Item = Result<Record<'_>, PaxError>> {
    let mut rest = body;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let offset = body.len() - rest.len();
        let Some((record, after)) = split(rest, offset) else {
            rest = &[];
            return Some(Err(PaxError { offset }));
        };
        rest = after;
        Some(Ok(record))
    })
}

fn split(rest: &[u8], offset: usize) -> Option<(Record<'_>, &[u8])> {
    // Twenty digits are more than a length can have.
    let digits = rest.iter().take(20).position(|byte| *byte == b' ')?;
    let number = rest.get(..digits)?;
    if !number.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let len: usize = std::str::from_utf8(number).ok()?.parse().ok()?;
    let body = rest.get(digits + 1..len)?;
    let body = body.strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
    let record = Record { offset, key: body.get(..equals)?, value: body.get(equals + 1..)? };
    Some((record, rest.get(len..)?))
}

/// Appends the record `key=value` to `body`.
pub fn push_record(key: &[u8], value: &[u8], body: &mut Vec<u8>) {
    // Space, equals sign and line end, and the digits of the length itself.
    let rest = key.len() + value.len() + 3;
    let mut len = rest + 1;
    while rest + len.to_string().len() != len {
        len = rest + len.to_string().len();
    }
    body.extend_from_slice(format!("{len} ").as_bytes());
    body.extend_from_slice(key);
    body.push(b'=');
    body.extend_from_slice(value);
    body.push(b'\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_read_back_as_written(
            pairs in prop::collection::vec(("[a-z.]{1,120}", prop::collection::vec(any::<u8>(), 0..120)), 0..6)
        ) {
            let mut body = Vec::new();
            for (key, value) in &pairs {
                push_record(key.as_bytes(), value, &mut body);
            }
            let read = records(&body).map(|record| record.map(|record| (record.key, record.value)));
            let read: Vec<_> = read.collect::<Result<_, _>>().unwrap();
            let written: Vec<_> = pairs.iter().map(|(key, value)| (key.as_bytes(), &value[..])).collect();
            prop_assert_eq!(read, written);
        }

        #[test]
        fn any_bytes_come_to_an_end(body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(records(&body).count() <= body.len());
        }
    }

    #[test]
    fn a_length_at_the_edge_counts_its_own_digits() {
        let mut body = Vec::new();
        push_record(b"k", &[b'v'; 93], &mut body);
        assert!(body.starts_with(b"99 k="), "{}", body.len());
        body.clear();
        push_record(b"k", &[b'v'; 94], &mut body);
        assert!(body.starts_with(b"101 k="));
    }

    #[test]
    fn records_that_are_none_are_refused() {
        for body in [
            "",
            " ",
            "5",
            "5 a=b",
            "6 a=bc",
            "0 a=b\n",
            "-6 a=b\n",
            "6 =ab\n",
            "7 a=b\n",
            "99999999999999999999 a=b\n",
        ] {
            let refused = records(body.as_bytes()).any(|record| record.is_err());
            assert_eq!(refused, !body.is_empty(), "{body:?}");
        }
        assert_eq!(records(b"6 a=b\n3 x").nth(1), Some(Err(PaxError { offset: 6 })));
    }

    #[test]
    fn a_number_is_one_a_file_can_have() {
        let number = |value: &str| Record { offset: 0, key: b"size", value: value.as_bytes() }.number();
        assert_eq!(number("10"), Some(10));
        assert_eq!(number("9223372036854775807"), Some(i64::MAX as u64));
        for bad in ["", "-1", "+1", "9223372036854775808", "1.5", " 1"] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }
}
