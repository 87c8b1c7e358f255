//! The program as its users see it: run as a process, judged by what it prints, how it
//! exits and what it leaves on the disk. One file a concern, one test a promise.

#[path = "../harness/mod.rs"]
mod harness;

mod bad_input;
mod bombs;
mod commit;
mod compaction;
mod compression;
mod concurrency;
mod containers;
mod containers_create;
mod cp;
mod crash;
mod damage;
mod diff;
mod diff_contents;
mod disk;
mod dry_run;
mod export;
mod faults;
mod find;
mod flags;
mod formats;
mod formats_in_the_wild;
mod fsck;
mod grep;
mod hostile;
mod images;
mod import;
mod load_choices;
mod load_dry_run;
mod look;
mod members;
mod optimize;
mod past;
mod paths;
mod pictures;
mod power;
mod progress;
mod readme;
mod removal;
mod resources;
mod running;
mod save;
mod settings;
mod squash;
mod streaming;
mod trust;
