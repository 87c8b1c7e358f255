//! The program as its users see it: run as a process, judged by what it prints, how it
//! exits and what it leaves on the disk. One file a concern, one test a promise.

#[path = "../harness/mod.rs"]
mod harness;

mod bad_input;
mod bombs;
mod compression;
mod concurrency;
mod crash;
mod disk;
mod export;
mod formats;
mod hostile;
mod images;
mod import;
mod members;
mod readme;
mod removal;
mod save;
mod streaming;
