//! Promises of the engine as a whole: its structure, what it wrote long ago, what
//! it does without being asked.

mod architecture;
mod golden;
mod healing;
