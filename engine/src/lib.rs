//! larder's engine.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
pub mod archive;
mod catalog;
mod chunk;
mod disk;
mod error;
pub mod image;
mod journal;
mod ops;
mod store;
pub mod tar;
pub mod task;

pub use error::{Error, ErrorKind, Result};
