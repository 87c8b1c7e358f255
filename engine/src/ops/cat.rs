//! The bytes of one file of a container or an image.

use std::io::Write;

use super::stack::Wanted;
use crate::Result;
use crate::container::Error;
use crate::container::view::Follow;
use crate::image::Platform;
use crate::store::Store;
use crate::tar::EntryKind;
use crate::task::Task;

impl Store {
    /// Writes the bytes of the file at `path` in the container or image `name` to
    /// `out`; gives their number.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such
    /// image or path, [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput)
    /// if it is no file.
    pub fn cat(
        &self,
        name: &str,
        path: &[u8],
        platform: Option<&Platform>,
        out: &mut dyn Write,
        task: &Task,
    ) -> Result<u64> {
        let access = self.share(task)?;
        let stack = self.container_or_image(&access, name, platform, task)?;
        let mut rootfs = self.rootfs_of(&access, &stack, Wanted::Names, task)?;
        let node = rootfs.view().find(path, Follow::Yes)?;
        match rootfs.view().kind(node) {
            EntryKind::File => {}
            EntryKind::Directory => return Err(Error::IsADirectory { path: path.into() }.into()),
            _ => return Err(Error::NotAFile { path: path.into() }.into()),
        }
        let mut written = 0;
        rootfs.copy(node, &mut |bytes| {
            task.check()?;
            out.write_all(bytes).map_err(Error::Output)?;
            written += bytes.len() as u64;
            Ok(())
        })?;
        self.check_there(&stack, task)?;
        Ok(written)
    }
}
