//! The compressions that archives and layers come in.

use std::io::Write as _;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    Plain,
    Gzip,
    /// Several gzip members, one after the other, as `pigz` and concatenation make them.
    GzipMembers,
    Bzip2,
    Xz,
    Zstd,
}

impl Codec {
    pub const ALL: [Self; 6] =
        [Self::Plain, Self::Gzip, Self::GzipMembers, Self::Bzip2, Self::Xz, Self::Zstd];

    /// The bytes, compressed; the same bytes every time.
    pub fn compress(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => bytes.to_vec(),
            Self::Gzip => gzip(bytes),
            Self::GzipMembers => bytes.chunks(bytes.len() / 3 + 1).flat_map(gzip).collect(),
            Self::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                encoder.write_all(bytes).expect("a Vec takes everything");
                encoder.finish().expect("a Vec takes everything")
            }
            Self::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
                encoder.write_all(bytes).expect("a Vec takes everything");
                encoder.finish().expect("a Vec takes everything")
            }
            Self::Zstd => zstd::encode_all(bytes, 3).expect("a Vec takes everything"),
        }
    }

    /// What OCI calls a layer in this compression.
    pub fn oci_layer(self) -> &'static str {
        match self {
            Self::Plain => "application/vnd.oci.image.layer.v1.tar",
            Self::Gzip | Self::GzipMembers => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
            Self::Bzip2 | Self::Xz => unreachable!("OCI has no such layers"),
        }
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("a Vec takes everything");
    encoder.finish().expect("a Vec takes everything")
}
