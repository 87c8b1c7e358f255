//! larder's engine.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
mod catalog;
mod chunk;
mod disk;
pub mod archive;
mod error;
pub mod image;
mod journal;
mod store;
pub mod tar;
pub mod task;

pub use error::{Error, ErrorKind, Result};
