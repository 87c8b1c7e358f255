//! A small image in every layout there is, and what is wrong with bad ones.

use serde_json::{Value, json};
use tar::EntryType;

use super::*;
use crate::archive::members::tests::Tar;
use crate::archive::{Kept, Limits, Members};
use crate::image::{Digest, Manifest, media_type};

mod bad;
mod hostile;
mod layouts;

/// Reads an archive as a stream, keeping its documents.
pub(in crate::archive) fn kept(tar: &[u8]) -> Result<Kept, Error> {
    let limits = Limits::default();
    let mut kept = Kept::new(&limits);
    let mut members = Members::streamed(tar, &limits);
    while let Some(member) = members.next()? {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut members.body(), &mut bytes).unwrap();
        let wanted = kept.wants(member.size, &bytes);
        kept.insert(member, wanted.then_some(bytes))?;
    }
    Ok(kept)
}

pub(in crate::archive) fn plan(tar: Tar) -> Result<Plan, Error> {
    plan_for(tar, None)
}

fn plan_for(tar: Tar, platform: Option<&str>) -> Result<Plan, Error> {
    let platform = platform.map(|text| text.parse::<Platform>().unwrap());
    let plan = Plan::of(&mut kept(&tar.finish())?, platform.as_ref())?;
    plan.check_loadable().map(|()| plan)
}

/// The error, and its cause behind a colon.
fn refused(tar: Tar) -> String {
    chain(&plan(tar).unwrap_err())
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

/// What a layer holds does not matter to a plan.
fn diff(layer: &str) -> DiffId {
    DiffId(Digest::of(layer))
}

fn config(platform: &str, layers: &[&str]) -> Vec<u8> {
    let platform: Platform = platform.parse().unwrap();
    let mut config = json!({
        "architecture": platform.architecture,
        "os": platform.os,
        "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| diff(layer)).collect::<Vec<_>>()},
    });
    if !platform.variant.is_empty() {
        config["variant"] = json!(platform.variant);
    }
    config.to_string().into_bytes()
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor::new(media_type, Digest::of(bytes), bytes.len() as u64)
}

/// A layout in the making.
struct Oci {
    tar: Tar,
    index: Vec<Value>,
}

impl Oci {
    fn new() -> Self {
        Self { tar: Tar::new().file("oci-layout", r#"{"imageLayoutVersion": "1.0.0"}"#), index: Vec::new() }
    }

    fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = descriptor(media_type, bytes);
        let tar = std::mem::replace(&mut self.tar, Tar::new());
        self.tar = tar.file(&format!("blobs/sha256/{}", descriptor.digest.hex()), bytes);
        descriptor
    }

    /// An image whose layers are gzip, in name at least.
    fn image(&mut self, platform: &str, layers: &[&str]) -> Descriptor {
        let config = self.blob(media_type::OCI_CONFIG, &config(platform, layers));
        let gzip = format!("{}+gzip", media_type::OCI_LAYER);
        let layers: Vec<_> =
            layers.iter().map(|layer| self.blob(&gzip, format!("gzip of {layer}").as_bytes())).collect();
        self.blob(media_type::OCI_MANIFEST, &Manifest::generate(&config, &layers))
    }

    fn nested(&mut self, entries: &[Value]) -> Descriptor {
        let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries});
        self.blob(media_type::OCI_INDEX, index.to_string().as_bytes())
    }

    fn name(mut self, descriptor: &Descriptor, annotations: Value) -> Self {
        let mut entry = serde_json::to_value(descriptor).unwrap();
        entry["annotations"] = annotations;
        self.index.push(entry);
        self
    }

    fn finish(self) -> Tar {
        let index = json!({"schemaVersion": 2, "manifests": self.index});
        self.tar.file("index.json", index.to_string())
    }
}

fn on(platform: &str, descriptor: &Descriptor) -> Value {
    let mut entry = serde_json::to_value(descriptor).unwrap();
    entry["platform"] = serde_json::to_value(platform.parse::<Platform>().unwrap()).unwrap();
    entry
}

fn names(image: &PlannedImage) -> Vec<String> {
    image.references().map(Reference::to_string).collect()
}

fn members(variant: &PlannedVariant) -> Vec<&str> {
    variant.layers.iter().map(|layer| layer.member.as_str()).collect()
}
