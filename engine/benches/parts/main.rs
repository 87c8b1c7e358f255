//! The parts of a load and a save, in MB/s and ns: `cargo bench`, or
//! `cargo bench -- frames` for those whose names have that word in them.
//!
//! Everything is generated from fixed seeds, so that two runs measure the same.
//! What goes to disk goes to `TMPDIR`, with every fsync that the engine makes.
//! `LARDER_BENCH_HUGE=1` adds an index of 10 M chunks, which takes 1 GB of disk
//! and a minute to make.

mod archive;
mod bytes;
mod entries;
mod frames;
mod generated;
mod index;
mod ledger;
mod whole;

fn main() {
    divan::main();
}
