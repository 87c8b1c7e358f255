//! Making a container of an image. Nothing is unpacked: the layers stay where
//! they are until somebody looks into them.

use super::Error;
use super::resolve::resolve;
use crate::Result;
use crate::catalog::{Catalog, Change, Container, ContainerId, Time, Variant};
use crate::container::{HostConfig, Spec, SpecError, check_name, merge, new_id, new_name};
use crate::image::{Platform, RunConfig};
use crate::runtime;
use crate::store::{Access, Ledger, Store};
use crate::task::Task;

/// What a container is to be like.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreateOptions {
    /// Its name; one is made up if there is none.
    pub name: Option<String>,
    /// The platform, of an image that has several.
    pub platform: Option<Platform>,
    /// What its process is given. What is not said here is said by the image.
    pub config: RunConfig,
    /// What the host does for it.
    pub host: HostConfig,
}

/// How many names are made up before the container's own ID becomes its name.
const NAME_ATTEMPTS: usize = 6;

/// The mode of a namespace that is the host's own.
const HOST_MODE: &str = "host";

impl Store {
    /// Makes a container of the image `image`. Whatever the size of the image,
    /// it takes no time and no space; what the container needs of it stays, even
    /// if the image goes.
    ///
    /// ```
    /// use larder_engine::CreateOptions;
    /// # use larder_engine::{Input, LoadOptions, Store, Task};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// let mut options = CreateOptions { name: Some("web".into()), ..CreateOptions::default() };
    /// options.config.cmd = Some(vec!["greet".into()]);
    /// let id = store.create_container("greeter:1.0", &options)?;
    /// assert_eq!(store.inspect_container("web", false)?.id, id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such
    /// image, [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if another
    /// container has the name.
    pub fn create_container(&self, image: &str, options: &CreateOptions) -> Result<ContainerId> {
        self.check_writable()?;
        let task = self.listener();
        // Held until the commit: what a collection finds without a record, it removes.
        let access = self.share(&task)?;
        self.healing(&task, || {
            let mut ledger = self.ledger(&task)?;
            Ok(self.create_with(&access, &mut ledger, image, options, &task)?.id)
        })
    }

    /// The same, for who has the ledger.
    pub(super) fn create_with(
        &self,
        access: &Access,
        ledger: &mut Ledger,
        image: &str,
        options: &CreateOptions,
        task: &Task,
    ) -> Result<Container> {
        let resolved = resolve(ledger.catalog(), image)?;
        let nothing = || Error::NothingToRun { name: image.into() };
        let variant = resolved.variant(options.platform.as_ref())?.ok_or_else(nothing)?.clone();
        let id = new_id();
        let mut reader = self.reader(access, task)?;
        let spec = spec(ledger, &variant, id, image, options, &mut reader)?;
        let name = match &options.name {
            Some(name) => free_name(ledger.catalog(), name)?,
            None => made_up_name(ledger.catalog(), id)?,
        };
        let container = Container {
            id,
            name,
            image: resolved.image.target,
            image_name: image.into(),
            variant: Variant { labels: None, ..variant },
            created: Time::now(),
            spec,
        };
        self.make_container_dir(&id)?;
        match ledger.commit("create", vec![Change::PutContainer(container.clone())]) {
            Ok(()) => Ok(container),
            Err(error) => {
                // What is left of it, a collection finds.
                let _ = self.disk().remove_tree(&Self::container_dir(&id));
                Err(error)
            }
        }
    }
}

/// The specification of a container as its record keeps it.
fn spec(
    ledger: &Ledger,
    variant: &Variant,
    id: ContainerId,
    image: &str,
    options: &CreateOptions,
    reader: &mut crate::chunk::Reader,
) -> Result<String> {
    let digest = variant.id.0;
    let document = ledger.document(&digest, reader)?;
    let of_image = RunConfig::of_image(&document).map_err(|source| Error::Document { digest, source })?;
    let mut config = merge(options.config.clone(), of_image).map_err(Error::Spec)?;
    let host = &options.host;
    runtime::check(host)?;
    let asked = [("hostname", &options.config.hostname), ("domainname", &options.config.domainname)];
    let is_given = |name: &Option<String>| name.as_ref().is_some_and(|name| !name.is_empty());
    if let Some((name, _)) = asked.into_iter().find(|(_, name)| host.uts_mode == HOST_MODE && is_given(name))
    {
        return Err(Error::Spec(SpecError::HostNames { name }).into());
    }
    let shares_name = host.network_mode == HOST_MODE || host.uts_mode == HOST_MODE;
    if config.hostname.as_ref().is_none_or(String::is_empty) && !shares_name {
        config.hostname = Some(id.short());
    }
    config.image = Some(image.to_owned());
    let spec = Spec { config, host_config: host.clone() };
    let text = serde_json::to_string(&spec).map_err(|source| Error::BadSpec { id, source })?;
    match text.len() {
        bytes if bytes > Container::MAX_SPEC_BYTES => Err(Error::SpecTooLong { bytes }.into()),
        _ => Ok(text),
    }
}

/// `name`, if it is one and nobody has it.
pub(super) fn free_name(catalog: &Catalog, name: &str) -> Result<String> {
    let name = check_name(name).map_err(Error::ContainerName)?;
    match catalog.container_by_name(name)? {
        None => Ok(name.to_owned()),
        Some(owner) => Err(Error::NameTaken { name: name.into(), owner: owner.id }.into()),
    }
}

fn made_up_name(catalog: &Catalog, id: ContainerId) -> Result<String> {
    for attempt in 0..NAME_ATTEMPTS {
        let name = new_name(attempt);
        if catalog.container_by_name(&name)?.is_none() {
            return Ok(name);
        }
    }
    Ok(id.short())
}
