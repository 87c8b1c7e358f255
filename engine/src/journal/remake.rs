//! Writing a journal anew that is broken in the middle.

use std::sync::Arc;

use super::log::{FILE, Journal, behind, header};
use super::record::Header;
use super::{Error, MAX_PAYLOAD_BYTES, Position, Result, StoreId};
use crate::disk::{Disk, Temporary};

/// What is whole in a journal that is not.
#[derive(Debug, Default)]
pub struct Whole {
    /// The payloads of all whole records, in order.
    pub payloads: Vec<Vec<u8>>,
    /// The transaction of the last of them.
    pub last_txn: u64,
}

impl Whole {
    /// How many records are missing among them.
    pub fn missing(&self) -> u64 {
        self.last_txn - self.payloads.len() as u64
    }
}

impl Journal {
    /// Every whole record, whatever is between them.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn whole(&self) -> Result<Whole> {
        let mut whole = Whole::default();
        let mut end = self.start();
        loop {
            match self.next(end) {
                Ok(None) => return Ok(whole),
                Ok(Some((position, payload))) => {
                    whole.payloads.push(payload);
                    whole.last_txn = position.txn;
                    end = position;
                }
                Err(Error::Broken { next, .. }) => {
                    let Some((position, payload)) = self.record_at(next)? else { return Ok(whole) };
                    whole.payloads.push(payload);
                    whole.last_txn = position.txn;
                    end = position;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Puts a journal of these records in the place of the one that is there, whole
    /// or not at all.
    ///
    /// # Errors
    /// If a payload is too long or the disk fails.
    pub fn replace(disk: &Arc<dyn Disk>, store: StoreId, payloads: &[Vec<u8>]) -> Result<()> {
        let file = Temporary::create(Arc::clone(disk), FILE)?;
        let front = header(store);
        file.file().write_all_at(&front, 0)?;
        let mut position = Position::first(&front);
        for payload in payloads {
            let header = Header::of(store, position.sum, position.txn + 1, payload)
                .ok_or(Error::TooLarge { bytes: payload.len(), limit: MAX_PAYLOAD_BYTES })?;
            file.file().write_all_at(&[&header.encode()[..], payload].concat(), position.offset)?;
            position = behind(position.offset, &header);
        }
        file.file().sync()?;
        file.keep(FILE)?;
        Ok(disk.sync_dir("")?)
    }
}
