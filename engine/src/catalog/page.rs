//! A page: rows of one table, in the order of their keys.
//!
//! Row after row, integers little-endian, up to the end of the page:
//!
//! | offset | size | field                     |
//! |-------:|-----:|---------------------------|
//! |      0 |    2 | `key`: bytes of the key   |
//! |      2 |    4 | `value`: bytes of the value |
//! |      6 |    k | the key, `key` bytes      |
//! |  6 + k |    v | the value, `value` bytes  |

use std::collections::BTreeMap;

use super::{Error, Result};

/// A page that grows longer is parted. Shorter pages are more records for sled,
/// longer ones more to write for every row.
pub const MAX_BYTES: usize = 4096;

const LENGTHS_BYTES: usize = 6;

/// The rows of a page that is being changed.
pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// The rows of `page`, keys and values.
pub fn rows(page: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8])>> {
    let mut rest = page;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let row = split(rest);
        rest = row.map_or(&[], |(_, _, rest)| rest);
        Some(row.map(|(key, value, _)| (key, value)).ok_or(Error::MalformedPage))
    })
}

fn split(page: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (key, rest) = page.split_first_chunk::<2>()?;
    let (value, rest) = rest.split_first_chunk::<4>()?;
    let (key, rest) = rest.split_at_checked(u16::from_le_bytes(*key).into())?;
    let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*value) as usize)?;
    Some((key, value, rest))
}

/// How many bytes a row takes.
pub fn row_bytes(key: &[u8], value: &[u8]) -> usize {
    LENGTHS_BYTES + key.len() + value.len()
}

/// The pages that `rows` fill, each with its first key: one, or as many as are
/// needed, filled alike. A row longer than a page has one to itself.
pub fn encode(rows: &Rows) -> Result<Vec<(&[u8], Vec<u8>)>> {
    let all: usize = rows.iter().map(|(key, value)| row_bytes(key, value)).sum();
    let wanted = all.div_ceil(all.div_ceil(MAX_BYTES).max(1));
    let mut pages: Vec<(&[u8], Vec<u8>)> = Vec::new();
    for (key, value) in rows {
        let row = row_bytes(key, value);
        let has_room = |page: &Vec<u8>| page.len() < wanted && page.len() + row <= MAX_BYTES;
        if pages.last().is_none_or(|(_, page)| !has_room(page)) {
            pages.push((key, Vec::with_capacity(wanted)));
        }
        let lengths = u16::try_from(key.len()).ok().zip(u32::try_from(value.len()).ok());
        let (key_bytes, value_bytes) = lengths.ok_or(Error::RowTooLong)?;
        if let Some((_, page)) = pages.last_mut() {
            page.extend(key_bytes.to_le_bytes());
            page.extend(value_bytes.to_le_bytes());
            page.extend_from_slice(key);
            page.extend_from_slice(value);
        }
    }
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Rows {
        [(b"a".to_vec(), b"one".to_vec()), (b"bc".to_vec(), vec![])].into()
    }

    #[test]
    fn the_layout_of_a_page_is_what_is_said() {
        let rows = two();
        let pages = encode(&rows).unwrap();
        assert_eq!(pages, [(&b"a"[..], b"\x01\0\x03\0\0\0aone\x02\0\0\0\0\0bc".to_vec())]);
    }

    #[test]
    fn a_page_that_is_cut_short_is_refused() {
        let table = two();
        let page = encode(&table).unwrap().remove(0).1;
        let sound = |len: usize| rows(&page[..len]).collect::<Result<Vec<_>>>().is_ok();
        let whole: Vec<_> = (0..=page.len()).filter(|len| sound(*len)).collect();
        assert_eq!(whole, [0, 10, page.len()]);
    }

    #[test]
    fn rows_are_spread_evenly_and_one_too_long_is_alone() {
        let mut table: Rows = (0..100_u8).map(|n| (vec![n], vec![n; 94])).collect();
        let lens =
            |table: &Rows| encode(table).unwrap().iter().map(|(_, page)| page.len()).collect::<Vec<_>>();
        assert_eq!(lens(&table), [3434, 3434, 3232]);
        table.insert(vec![50], vec![0; 100_000]);
        assert!(lens(&table).contains(&100_007));
    }
}
