//! Giving an image a name.

use super::Error;
use super::resolve::resolve;
use crate::Result;
use crate::catalog::{Change, Named, Time};
use crate::image::Reference;
use crate::store::Store;
use crate::task::Task;

impl Store {
    /// Names the image `source` also `target` (with the tag `latest` if it has
    /// none). A name that another image had is taken from it.
    ///
    /// # Errors
    /// If there is no such image, or `target` has a digest.
    pub fn tag(&self, source: &str, target: &Reference) -> Result<()> {
        self.check_writable()?;
        if target.digest().is_some() {
            return Err(Error::TagWithDigest.into());
        }
        let task = Task::silent();
        self.healing(&task, || {
            let mut ledger = self.ledger(&task)?;
            let image = resolve(ledger.catalog(), source)?.image;
            let name = target.clone().or_latest().to_string();
            let named = Named { name, target: image.target, entry: None, tagged: Time::now() };
            ledger.commit("tag", vec![Change::SetReference(named)])
        })
    }
}
