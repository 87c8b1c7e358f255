//! How a store came to what it holds.

use std::collections::{HashMap, HashSet};

use super::account::Account;
use super::classes::GARBAGE;
use super::layer_of;
use super::read::Sorted;
use crate::Result;
use crate::catalog::{Blob, Change};
use crate::image::Digest;
use crate::store::Ledger;
use crate::task::Task;

/// A commit that brought something which is there still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// When it was made.
    pub time: Option<jiff::Timestamp>,
    /// The command that made it.
    pub verb: String,
    /// The bytes of files in the layers that came, each layer counted once.
    pub content_bytes: u64,
    /// The bytes in packs that came. What two commits brought came with the first.
    pub stored_bytes: u64,
}

/// The commits that brought blobs which are there still, and the one that brought each.
pub struct Arrivals {
    moments: Vec<Moment>,
    of_blob: Vec<usize>,
}

/// Reads the journal for when each of `blobs` came.
pub fn arrivals(ledger: &Ledger, blobs: &[Blob], task: &Task) -> Result<Arrivals> {
    let numbers: HashMap<Digest, usize> =
        blobs.iter().enumerate().map(|(at, blob)| (blob.digest, at)).collect();
    let mut arrivals = Arrivals { moments: Vec::new(), of_blob: vec![usize::MAX; blobs.len()] };
    ledger.each_commit(&mut |_, commit| {
        task.check()?;
        let moment = arrivals.moments.len();
        let mut brings = false;
        for change in &commit.changes {
            let (digest, came) = match change {
                Change::PutBlob(blob) => (&blob.digest, true),
                Change::ForgetBlob(digest) => (digest, false),
                _ => continue,
            };
            let Some(of_blob) = numbers.get(digest).and_then(|at| arrivals.of_blob.get_mut(*at)) else {
                continue;
            };
            match (came, *of_blob) {
                (true, usize::MAX) => (*of_blob, brings) = (moment, true),
                (true, _) => {}
                (false, _) => *of_blob = usize::MAX,
            }
        }
        if brings {
            let time = commit.time.timestamp();
            arrivals.moments.push(Moment {
                time,
                verb: commit.verb.clone(),
                content_bytes: 0,
                stored_bytes: 0,
            });
        }
        Ok(())
    })?;
    Ok(arrivals)
}

/// What came with each commit.
pub fn moments(arrivals: &Arrivals, sorted: &Sorted, account: &Account) -> Vec<Moment> {
    let mut moments = arrivals.moments.clone();
    let mut order: Vec<usize> = (0..sorted.blobs.len()).collect();
    order.sort_by_key(|blob| arrivals.of_blob.get(*blob).copied());
    let (mut classes, mut layers) = (vec![false; account.class_bytes.len()], HashSet::new());
    for blob in order {
        let at = arrivals.of_blob.get(blob).copied().unwrap_or(usize::MAX);
        let Some(moment) = moments.get_mut(at) else { continue };
        if let Some((diff_id, bytes)) = sorted.blobs.get(blob).and_then(layer_of)
            && layers.insert(diff_id)
        {
            moment.content_bytes += bytes;
        }
        for class in sorted.needs.of(blob as u32) {
            if let Some(came) = classes.get_mut(*class as usize)
                && !std::mem::replace(came, true)
                && *class != GARBAGE
            {
                moment.stored_bytes += account.class_bytes.get(*class as usize).copied().unwrap_or_default();
            }
        }
    }
    moments.retain(|moment| moment.content_bytes > 0 || moment.stored_bytes > 0);
    moments
}
