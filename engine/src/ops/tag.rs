//! Giving an image a name.

use super::Error;
use super::resolve::resolve;
use crate::Result;
use crate::catalog::{Change, Named, Time};
use crate::image::Reference;
use crate::store::Store;

impl Store {
    /// Names the image `source` also `target` (with the tag `latest` if it has
    /// none). A name that another image had is taken from it.
    ///
    /// ```
    /// # use larder_engine::{Input, LoadOptions, Store, Task};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// store.tag("greeter:1.0", &"example.org/greeter".parse()?)?;
    /// assert!(store.inspect("example.org/greeter:latest", None).is_ok());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is no such image, or `target` has a digest.
    pub fn tag(&self, source: &str, target: &Reference) -> Result<()> {
        self.check_writable()?;
        check_new_name(Some(target))?;
        let task = self.listener();
        self.healing(&task, || {
            let mut ledger = self.ledger(&task)?;
            let image = resolve(ledger.catalog(), source)?.image;
            let name = target.clone().or_latest().to_string();
            let named = Named { name, target: image.target, entry: None, tagged: Time::now() };
            ledger.commit("tag", vec![Change::SetReference(named)])
        })
    }
}

/// Checks that an image that is made or named here may be called `name`: a digest is not given but had.
///
/// # Errors
/// If it has a digest.
pub(super) fn check_new_name(name: Option<&Reference>) -> std::result::Result<(), Error> {
    match name.is_some_and(|name| name.digest().is_some()) {
        true => Err(Error::TagWithDigest),
        false => Ok(()),
    }
}
