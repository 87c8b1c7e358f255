//! Putting an archive together, but for the bytes of its layers.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use larder_engine::archive::{
    Assembly, Format, Outgoing, OutgoingLayer, OutgoingVariant, PlannedDocument, PlannedName,
};
use larder_engine::image::Pinned;
use larder_engine::{Descriptor, DiffId, Digest};

const IMAGES: u32 = 100;
const LAYERS: u32 = 20;
const LAYER_BYTES: u64 = 512;

fn outgoing(number: u32) -> Outgoing {
    let layers = (0..LAYERS).map(|layer| {
        let digest = Digest::of(format!("{number} {layer}"));
        let blob = Descriptor::new("application/vnd.oci.image.layer.v1.tar", digest, LAYER_BYTES);
        OutgoingLayer { blob, diff_id: DiffId(digest) }
    });
    let documents: Vec<_> = ["manifest", "config"]
        .map(|sort| {
            let bytes = format!("{{\"{sort}\":\"{number}{:2000}\"}}", "").into_bytes();
            let descriptor = Pinned { digest: Digest::of(&bytes), size: bytes.len() as u64 };
            PlannedDocument { descriptor, bytes: bytes.into() }
        })
        .into();
    let [manifest, config] = [0, 1].map(|at: usize| documents[at].descriptor);
    let reference = format!("example.org/team/app:{number}").parse().expect("a reference");
    Outgoing {
        names: vec![PlannedName { reference, entry: None }],
        entry: None,
        target: Descriptor::new("application/vnd.oci.image.manifest.v1+json", manifest.digest, manifest.size),
        documents,
        variants: vec![OutgoingVariant { config: config.digest, layers: layers.collect() }],
        carried: Vec::new(),
    }
}

/// 100 images of 20 layers each: 2 200 members and the documents that name them.
#[divan::bench(args = [Format::Docker, Format::Oci])]
fn assemble_100_images_of_20_layers(bencher: Bencher, format: Format) {
    let images: Vec<_> = (0..IMAGES).map(outgoing).collect();
    bencher.counter(ItemsCount::new(IMAGES * (LAYERS + 2))).bench(|| {
        let assembly = Assembly::new(black_box(&images), format).expect("whole images");
        let written: std::io::Result<()> = assembly.write(&mut std::io::sink(), |blob, out| {
            out.write_all(&[0; LAYER_BYTES as usize][..blob.size as usize])
        });
        written.expect("a sink takes everything");
        assembly.total_bytes()
    });
}
