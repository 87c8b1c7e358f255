//! larder's engine.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
pub mod archive;
mod error;
pub mod image;
pub mod tar;
pub mod task;

pub use error::{Error, ErrorKind, Result};
