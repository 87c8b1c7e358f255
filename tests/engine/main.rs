//! Promises of the engine as a whole: its structure, what it wrote long ago, what
//! it does without being asked, and when memory runs out.

mod architecture;
mod golden;
mod healing;
mod memory;
