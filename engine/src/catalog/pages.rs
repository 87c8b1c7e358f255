//! Tables of rows, kept as pages in the database.
//!
//! sled parts its nodes at 17 records, however small, and goes through all nodes
//! when it is opened: the 750 000 rows that 50 000 images have took it 110 ms, and
//! 4 KiB of rows as one of its records take a tenth of that. So what sled has is
//! the first key of a page, and the page.
//!
//! A key in the database begins with the table's number. The first page of a table
//! may be called by a key that is not in it.

use std::collections::BTreeMap;
use std::ops::Bound;

use sled::{IVec, Tree};

use super::page::{self, Rows};
use super::{Error, Result};

/// A page that has become shorter than this joins the one before it.
const MIN_BYTES: usize = page::MAX_BYTES / 4;

/// All tables.
#[derive(Debug)]
pub struct Pages(Tree);

/// A table of [`Pages`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// What its keys begin with.
    pub number: u8,
    /// What messages call it.
    pub name: &'static str,
}

impl Table {
    fn key(self, key: &[u8]) -> Vec<u8> {
        [&[self.number], key].concat()
    }
}

/// A row: its key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

impl Pages {
    /// The tables in `tree`.
    pub fn new(tree: Tree) -> Self {
        Self(tree)
    }

    /// The value of the row `key`.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let key = table.key(key);
        let Some((_, page)) = self.page_before(&key, Bound::Included(&key))? else { return Ok(None) };
        for row in page::rows(&page) {
            let (found, value) = row?;
            if found == key {
                return Ok(Some(value.to_vec()));
            }
        }
        Ok(None)
    }

    /// The last page of the table of `key` whose name is not behind `end`.
    fn page_before(&self, key: &[u8], end: Bound<&[u8]>) -> Result<Option<(IVec, IVec)>> {
        let start = Bound::Included(key.get(..1).unwrap_or_default());
        Ok(self.0.range::<&[u8], _>((start, end)).next_back().transpose()?)
    }

    /// The rows of `table` whose keys begin with `prefix`, in order.
    pub fn scan(&self, table: Table, prefix: &[u8]) -> impl Iterator<Item = Result<Row>> + '_ {
        let prefix = table.key(prefix);
        let first = self.page_before(&prefix, Bound::Included(&prefix));
        let start = prefix.clone();
        // Pages behind it are called by keys of theirs.
        let rest = self.0.range::<Vec<u8>, _>((Bound::Excluded(start), Bound::Unbounded));
        let begins = prefix.clone();
        let rest = rest.map(|page| Ok(page?)).take_while(move |page| match page {
            Ok((name, _)) => <[u8]>::starts_with(name, &begins),
            Err(_) => true,
        });
        let pages = first.transpose().into_iter().chain(rest);
        pages.flat_map(move |page| match page {
            Ok((_, page)) => begins_with(&page, &prefix),
            Err(error) => vec![Err(error)],
        })
    }

    /// Begins to change rows.
    pub fn draft(&self) -> Draft<'_> {
        Draft { pages: self, changed: BTreeMap::new(), bytes: 0 }
    }
}

/// The rows of `page` that begin with `prefix`, without the table's number.
fn begins_with(page: &[u8], prefix: &[u8]) -> Vec<Result<Row>> {
    let wanted = page::rows(page).filter_map(|row| match row {
        Ok((key, value)) if key.starts_with(prefix) => Some(Ok((key.get(1..)?.to_vec(), value.to_vec()))),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    });
    wanted.collect()
}

/// Changes that happen together or not at all.
#[derive(Debug)]
pub struct Draft<'p> {
    pages: &'p Pages,
    /// Pages that were taken up, by their names; `None` for one that is gone.
    changed: BTreeMap<Vec<u8>, Option<Rows>>,
    bytes: usize,
}

impl Draft<'_> {
    /// The value of the row `key`.
    pub fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let key = table.key(key);
        Ok(self.page_of(&key)?.1.get(&key).cloned())
    }

    /// Sets a row.
    pub fn insert(&mut self, table: Table, key: &[u8], value: Vec<u8>) -> Result<()> {
        let key = table.key(key);
        self.bytes += page::row_bytes(&key, &value);
        self.page_of(&key)?.1.insert(key, value);
        Ok(())
    }

    /// Takes a row away; gives its value.
    pub fn remove(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let key = table.key(key);
        let (name, rows) = self.page_of(&key)?;
        let removed = rows.remove(&key);
        if removed.is_some() && is_short(rows) {
            self.join(&name)?;
        }
        Ok(removed)
    }

    /// How many bytes of rows it has taken up or in.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Moves the rows of the page `name` to the one before it, if there is one.
    fn join(&mut self, name: &[u8]) -> Result<()> {
        let Some(before) = self.name_before(name, Bound::Excluded(name))? else { return Ok(()) };
        let rows = self.changed.insert(name.to_vec(), None).flatten().unwrap_or_default();
        self.take_up(before)?.extend(rows);
        Ok(())
    }

    /// The page that has the row `key`, or would have it.
    fn page_of(&mut self, key: &[u8]) -> Result<(Vec<u8>, &mut Rows)> {
        let first = || key.get(..1).unwrap_or_default().to_vec();
        let name = self.name_before(key, Bound::Included(key))?.unwrap_or_else(first);
        Ok((name.clone(), self.take_up(name)?))
    }

    /// The last page of the table of `key` that is not behind `end`.
    fn name_before(&self, key: &[u8], end: Bound<&[u8]>) -> Result<Option<Vec<u8>>> {
        let table = key.get(..1).unwrap_or_default();
        let changed = self.changed.range::<[u8], _>((Bound::Included(table), end));
        let here = changed.rev().find(|(_, page)| page.is_some()).map(|(name, _)| name.clone());
        let mut end = end.map(<[u8]>::to_vec);
        loop {
            let there = self.pages.page_before(table, end.as_ref().map(Vec::as_slice))?;
            let there = there.map(|(name, _)| name.to_vec());
            match there {
                // It is in the draft, as it is or as none.
                Some(name) if self.changed.get(&name).is_some_and(Option::is_none) => {
                    end = Bound::Excluded(name)
                }
                there => return Ok(here.max(there)),
            }
        }
    }

    fn take_up(&mut self, name: Vec<u8>) -> Result<&mut Rows> {
        let page = match self.changed.entry(name) {
            std::collections::btree_map::Entry::Occupied(taken) => taken.into_mut(),
            std::collections::btree_map::Entry::Vacant(free) => {
                let mut rows = Rows::new();
                if let Some(page) = self.pages.0.get(free.key())? {
                    self.bytes += page.len();
                    for row in page::rows(&page) {
                        let (key, value) = row?;
                        rows.insert(key.to_vec(), value.to_vec());
                    }
                }
                free.insert(Some(rows))
            }
        };
        Ok(page.get_or_insert_default())
    }

    /// Makes the changes, all of them or none.
    pub fn apply(self) -> Result<()> {
        let mut batch = sled::Batch::default();
        self.each(|name, page| {
            match page {
                Some(page) => batch.insert(name, page),
                None => batch.remove(name),
            }
            Ok(())
        })?;
        self.pages.0.apply_batch(batch).map_err(Error::from)
    }

    /// Makes the changes one by one, in the order of the pages. What is cut off in
    /// the middle leaves pages that do not fit together.
    pub fn write(self) -> Result<()> {
        self.each(|name, page| {
            match page {
                Some(page) => self.pages.0.insert(name, page)?,
                None => self.pages.0.remove(name)?,
            };
            Ok(())
        })
    }

    /// The pages as they are to be: first those that are gone, since the rows of
    /// one may fill another one of its name.
    fn each(&self, mut page: impl FnMut(&[u8], Option<Vec<u8>>) -> Result<()>) -> Result<()> {
        let gone = self.changed.iter().filter(|(_, rows)| rows.as_ref().is_none_or(Rows::is_empty));
        gone.map(|(name, _)| name).try_for_each(|name| page(name, None))?;
        for (name, rows) in &self.changed {
            let pages = rows.as_ref().map(page::encode).transpose()?.unwrap_or_default();
            for (number, (first, bytes)) in pages.into_iter().enumerate() {
                // The first keeps its name, whatever is in it now.
                page(if number == 0 { name } else { first }, Some(bytes))?;
            }
        }
        Ok(())
    }
}

fn is_short(rows: &Rows) -> bool {
    let mut bytes = 0;
    rows.iter().all(|(key, value)| {
        bytes += page::row_bytes(key, value);
        bytes < MIN_BYTES
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TABLES: [Table; 2] = [Table { number: 1, name: "one" }, Table { number: 2, name: "two" }];

    fn empty() -> Pages {
        Pages::new(sled::Config::new().temporary(true).open().unwrap().open_tree("t").unwrap())
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert(usize, Vec<u8>, usize),
        Remove(usize, Vec<u8>),
        Apply,
    }

    fn step() -> impl Strategy<Value = Step> {
        let key = || prop::collection::vec(0..4_u8, 0..5);
        prop_oneof![
            5 => (0..2_usize, key(), prop_oneof![0..400_usize, 0..6000_usize]).prop_map(|(t, k, v)| Step::Insert(t, k, v)),
            4 => (0..2_usize, key()).prop_map(|(t, k)| Step::Remove(t, k)),
            1 => Just(Step::Apply),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn pages_hold_what_a_map_holds(steps in prop::collection::vec(step(), 1..400)) {
            let pages = empty();
            let mut model = [BTreeMap::new(), BTreeMap::new()];
            let mut draft = pages.draft();
            for step in steps {
                match step {
                    Step::Insert(table, key, len) => {
                        draft.insert(TABLES[table], &key, vec![7; len]).unwrap();
                        model[table].insert(key, vec![7; len]);
                    }
                    Step::Remove(table, key) => {
                        let removed = draft.remove(TABLES[table], &key).unwrap();
                        prop_assert_eq!(removed, model[table].remove(&key));
                    }
                    Step::Apply => {
                        std::mem::replace(&mut draft, pages.draft()).apply().unwrap();
                    }
                }
            }
            draft.apply().unwrap();
            for (table, model) in TABLES.into_iter().zip(&model) {
                let all: Vec<_> = pages.scan(table, &[]).map(Result::unwrap).collect();
                let want: Vec<_> = model.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
                prop_assert!(all == want);
                for (key, value) in model {
                    prop_assert_eq!(pages.get(table, key).unwrap(), Some(value.clone()));
                }
                for prefix in [&[0][..], &[1, 2], &[3, 3, 3]] {
                    let found = pages.scan(table, prefix).map(|row| row.unwrap().0);
                    let want = model.keys().filter(|key| key.starts_with(prefix)).cloned();
                    prop_assert!(found.eq(want), "{:?}", prefix);
                }
            }
        }
    }

    #[test]
    fn what_is_taken_away_leaves_few_pages() {
        let pages = empty();
        let [table, _] = TABLES;
        let key = |n: u32| n.to_be_bytes();
        let mut draft = pages.draft();
        (0..10_000).for_each(|n| draft.insert(table, &key(n), vec![0; 90]).unwrap());
        draft.apply().unwrap();
        assert_eq!(pages.0.len(), 250);
        let mut draft = pages.draft();
        (0..9_999).for_each(|n| assert!(draft.remove(table, &key(n)).unwrap().is_some()));
        draft.apply().unwrap();
        assert!(pages.0.len() <= 2, "{}", pages.0.len());
        assert_eq!(pages.scan(table, &[]).count(), 1);
        let mut draft = pages.draft();
        draft.remove(table, &key(9_999)).unwrap();
        draft.apply().unwrap();
        assert!(pages.0.is_empty());
    }
}
