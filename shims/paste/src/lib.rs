//! Stands for the crate `paste`, which is unmaintained (RUSTSEC-2024-0436): it is `pastey`, its
//! maintained successor with the same macro, under the old name. Wanted by
//! `netlink-packet-core`, below libcontainer; it goes when that takes `pastey` itself.

pub use pastey::paste;
