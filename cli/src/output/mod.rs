//! How things look: sizes, times, tables, JSON, and where output goes.
//!
//! Shapes and quirks are those of Docker's command line, because scripts
//! have been cut to them; each module says which and tests it by example.

pub mod archive;
pub mod entry;
pub mod file;
pub mod json;
pub mod patient;
pub mod screen;
pub mod size;
pub mod stderr;
pub mod table;
pub mod text;
pub mod time;
