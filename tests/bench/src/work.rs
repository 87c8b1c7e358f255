//! What is measured, in the order of the page.

/// One work: its name in the results, its heading, and what is done.
pub struct Work {
    pub name: &'static str,
    pub heading: &'static str,
    pub what: &'static str,
}

pub const WORKS: &[Work] = &[
    Work {
        name: LOAD_ALL,
        heading: "Load everything into an empty store",
        what: "`all.tar`, six images in one archive, in the page cache. To restic, borg, casync, zstd and cp it \
               is a file; skopeo copies image by image.",
    },
    Work {
        name: LOAD_NEXT,
        heading: "Load the next version",
        what: "`app-1.1.0.tar` into a store that has `app-1.0.0.tar`. Bytes on disk are those of both.",
    },
    Work {
        name: LOAD_AGAIN,
        heading: "Load again",
        what: "`all.tar` into the store that has it. restic and borg see by its time that the file is the same \
               and do not read it.",
    },
    Work {
        name: LOAD_PIPE,
        heading: "Load from a pipe",
        what: "`app-1.0.0.tar` from standard input into an empty store.",
    },
    Work {
        name: LOAD_OCI,
        heading: "Load an OCI archive with gzip layers",
        what: "`app-1.0.0.oci.tar` into an empty store. skopeo copies it blob by blob, so that its layers stay \
               compressed.",
    },
    Work {
        name: SAVE,
        heading: "Save",
        what: "`app:1.0.0` out of a store that also has `app:1.1.0`, to a file.",
    },
    Work {
        name: SAVE_PIPE,
        heading: "Save to a pipe",
        what: "The same to standard output, which is read and dropped.",
    },
    Work {
        name: EXPORT,
        heading: "Export",
        what: "The file system of `app:1.0.0` to a tar: larder's from the image, the others' from a container \
               that was made before.",
    },
    Work {
        name: IMPORT,
        heading: "Import",
        what: "`rootfs.tar` into an empty store, as an image of one layer.",
    },
    Work { name: CREATE, heading: "Create a container", what: "Of `app:1.0.0`; it is not started." },
    Work {
        name: IMAGES_10,
        heading: "List 10 images",
        what: "In a store of generated images of the same few layers.",
    },
    Work { name: IMAGES_1000, heading: "List 1 000 images", what: "The same." },
    Work { name: IMAGES_50000, heading: "List 50 000 images", what: "The same; for larder alone." },
    Work {
        name: OPEN_HUGE,
        heading: "One question to a huge store",
        what: "`larder inspect` of one image in a store of 50 000 images and 10 M chunks.",
    },
    Work {
        name: GC,
        heading: "Remove a version and give its space back",
        what: "`app-1.0.0` of the two: `larder rmi && larder gc`, `docker rmi`, `podman rmi`, `restic forget \
               --prune`, `borg delete && borg compact`, `casync gc`. Bytes on disk are what is left.",
    },
    Work {
        name: FSCK,
        heading: "Verify everything",
        what: "`larder fsck --verify`, `restic check --read-data`, `borg check --verify-data`, `zstd -t`, of a \
               store that has `all.tar`. Docker, podman and skopeo cannot.",
    },
    Work {
        name: OPTIMIZE,
        heading: "Make it smaller",
        what: "`larder optimize` of a store that has `all.tar`; no other tool can. Bytes on disk are what is left.",
    },
    Work {
        name: SAVE_BEFORE,
        heading: "Save before optimize",
        what: "`app:1.0.0` out of that store, before it is made smaller.",
    },
    Work { name: SAVE_AFTER, heading: "Save after optimize", what: "The same, after it." },
];

pub const LOAD_ALL: &str = "load all";
pub const LOAD_NEXT: &str = "load next";
pub const LOAD_AGAIN: &str = "load again";
pub const LOAD_PIPE: &str = "load pipe";
pub const LOAD_OCI: &str = "load oci";
pub const SAVE: &str = "save";
pub const SAVE_PIPE: &str = "save pipe";
pub const EXPORT: &str = "export";
pub const IMPORT: &str = "import";
pub const CREATE: &str = "create";
pub const IMAGES_10: &str = "images 10";
pub const IMAGES_1000: &str = "images 1000";
pub const IMAGES_50000: &str = "images 50000";
pub const OPEN_HUGE: &str = "open huge";
pub const GC: &str = "gc";
pub const FSCK: &str = "fsck";
pub const OPTIMIZE: &str = "optimize";
pub const SAVE_BEFORE: &str = "save before";
pub const SAVE_AFTER: &str = "save after";
