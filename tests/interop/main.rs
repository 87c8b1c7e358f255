//! larder against the tools that its archives come from and go to: both ways, byte for byte.
//!
//! Needs Docker, podman, skopeo, umoci, oci-image-tool, restic and chromium. What is missing is said on
//! standard error and skipped; `LARDER_REQUIRE_PEERS=1` makes that a failure.

#[path = "../harness/mod.rs"]
mod harness;

mod corpora;
mod damage;
mod docker;
mod docker_lines;
mod documents;
mod fixtures;
mod go_tar;
mod oci_image_tool;
mod peers;
mod podman;
mod report;
mod skopeo;
mod trees;
mod umoci;
