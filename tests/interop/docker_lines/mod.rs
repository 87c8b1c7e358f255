//! The same command lines through Docker and through larder, compared line by line.
//!
//! A file `<group>.lines` holds command lines as they are typed, in the order in which they
//! are run, in both worlds. What each world prints and how it exits must be the same, but for
//! what differs by nature (`mask`) and the differences that are meant. Those are the tables of
//! `docs/docker.md`, read from there (`page`): one that is not in its section's table fails the
//! test, and so does one in the table that no longer occurs.

mod compare;
mod flags;
mod hunks;
mod mask;
mod page;
mod pattern;
mod scenes;
mod version;
mod world;
