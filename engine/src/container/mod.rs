//! Containers: a stack of layers as one file system, and what is written on top.
//!
//! Nothing here unpacks an image: the [`view`] knows all names, the store has
//! all bytes, and [`RootFs`] brings them together.

mod carried;
mod error;
mod export;
mod rootfs;
pub mod view;

pub use carried::{Carried, encode as carry};
pub use error::{Error, Result};
pub use export::{AsDocker, Exact, Telling};
pub use rootfs::{Layer, Purpose, RootFs};
