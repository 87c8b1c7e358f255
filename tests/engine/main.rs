//! Promises of the engine as a whole: its structure, and what it wrote long ago.

mod architecture;
mod golden;
