//! What `import` makes of a tar, and what it refuses.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use serde_json::{Value, json};

use crate::harness::child::{Feed, Ran};
use crate::harness::codec::Codec;
use crate::harness::image::{Image, Layer, host_architecture};
use crate::harness::layouts;
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::{Saved, strings};
use crate::harness::tarball::{self, Entry};
use crate::harness::tree::Tree;
use crate::harness::{digest, tricky};

fn with_an_image() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(&[Image::small("kept:1")]).tar()).ok();
    sandbox
}

fn export(sandbox: &Sandbox, args: &[&str]) -> Vec<u8> {
    sandbox.run(["export"].iter().chain(args)).ok().stdout
}

fn import(sandbox: &Sandbox, tar: &[u8], args: &[&str]) -> Ran {
    sandbox.run_fed(["import"].iter().chain(args), Feed::Bytes(tar.to_vec()))
}

fn small_tar() -> Vec<u8> {
    Layer::new().dir("d").file("d/a", "a").symlink("l", "d/a").tar()
}

/// The config of an image with something of everything in it.
fn rich(name: &str) -> Image {
    Image::small(name).with(|config| {
        config["config"] = json!({
            "User": "1000:1000",
            "ExposedPorts": {"80/tcp": {}},
            "Env": ["PATH=/bin", "A=b c"],
            "Entrypoint": ["/bin/app", "-v"],
            "Cmd": ["serve"],
            "Volumes": {"/data": {}},
            "WorkingDir": "/srv",
            "Labels": {"a": "b", "org.example": "ünï"},
            "StopSignal": "SIGINT",
            "Healthcheck": {"Test": ["CMD", "true"], "Interval": 5_000_000_000_u64},
            "OnBuild": ["RUN x"],
            "Shell": ["/bin/ash", "-c"],
            "Unknown": {"kept": [1, 2]},
        });
    })
}

#[test]
fn the_tree_the_bytes_and_the_config_come_back_from_every_compression() {
    let first = Sandbox::new();
    first.load(&layouts::docker24(&[rich("app:1")]).tar()).ok();
    let tar = export(&first, &["app:1"]);
    for codec in Codec::ALL {
        let packed = codec.compress(&tar);
        let sandbox = Sandbox::new();
        sandbox.write("in.tar", &packed);
        let piped = import(&sandbox, &packed, &["-", "piped:1"]).ok();
        let from_file = sandbox.run(["import", "in.tar", "file:1"]).ok();
        for (ran, name) in [(piped, "piped:1"), (from_file, "file:1")] {
            let found = sandbox.inspect(name);
            ran.stdout(format!("{}\n", found["Id"].as_str().expect("an Id")));
            assert_eq!(found["Config"], first.inspect("app:1")["Config"], "{codec:?} {name}");
            // Not that of the compressed bytes: podman#18716.
            assert_eq!(strings(&found["RootFS"]["Layers"]), [digest(&tar)], "{codec:?} {name}");
            assert!(export(&sandbox, &[name]) == tar, "{codec:?} {name}: not the same bytes again");
            let saved = Saved::read(&sandbox.save([name])).images();
            assert!(saved[0].layers == [tar.clone()], "{codec:?} {name}: the layer is not the tar");
        }
        sandbox.is_clean();
    }
}

#[test]
fn a_tricky_tree_comes_back_as_it_was() {
    let (images, names) = tricky::images();
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(&images).tar()).ok();
    for (name, what) in names {
        let tar = export(&sandbox, &[&name]);
        import(&sandbox, &tar, &["-q", "-", "flat:1"]).ok();
        Tree::of_tar(&tar).equals(&Tree::of_tar(&export(&sandbox, &["flat:1"])), what);
        assert!(export(&sandbox, &["flat:1"]) == tar, "{what}: not the same bytes again");
        assert_eq!(sandbox.inspect("flat:1")["Config"], sandbox.inspect(&name)["Config"], "{what}");
    }
}

#[test]
fn nothing_of_the_config_comes_along_where_either_side_leaves_it_out() {
    let first = Sandbox::new();
    first.load(&layouts::docker24(&[rich("app:1")]).tar()).ok();
    let (with, without) = (export(&first, &["app:1"]), export(&first, &["--no-config", "app:1"]));
    let sandbox = Sandbox::new();
    import(&sandbox, &without, &["-", "without:1"]).ok();
    import(&sandbox, &with, &["--no-config", "-", "ignored:1"]).ok();
    import(&sandbox, &small_tar(), &["-", "bare:1"]).ok();
    for name in ["without:1", "ignored:1"] {
        assert_eq!(sandbox.inspect(name)["Config"], sandbox.inspect("bare:1")["Config"], "{name}");
        assert_eq!(sandbox.inspect(name)["Config"]["Env"], Value::Null, "{name}");
    }
}

#[test]
fn one_entry_of_history_says_where_it_came_from() {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(&[Image::small("app:1")]).tar()).ok();
    let tar = export(&sandbox, &["app:1"]);
    sandbox.write("in.tar", &tar);
    import(&sandbox, &tar, &["-", "piped:1"]).ok();
    sandbox.run(["import", "in.tar", "file:1"]).ok();
    import(&sandbox, &tar, &["-m", "a message", "-", "said:1"]).ok();
    import(&sandbox, &tar, &["--message", "", "-", "unsaid:1"]).ok();
    for (name, comment) in [
        ("piped:1", "Imported from -"),
        ("file:1", "Imported from -"),
        ("said:1", "a message"),
        ("unsaid:1", "Imported from -"),
    ] {
        let history = ["history", "--format", "{{.CreatedBy}}|{{.Comment}}", name];
        sandbox.run(history).ok().stdout(format!("|{comment}\n"));
        let saved = Saved::read(&sandbox.save([name])).images();
        let config: Value = serde_json::from_slice(&saved[0].config).expect("a config");
        assert_eq!(config["history"].as_array().map(Vec::len), Some(1), "{config}");
        assert_eq!(config["history"][0]["comment"], comment);
        assert_eq!(config["history"][0]["created"], config["created"]);
        assert_eq!(config["os"], "linux");
        assert_eq!(config["architecture"], host_architecture());
    }
}

#[test]
fn every_instruction_changes_the_config() {
    let sandbox = Sandbox::new();
    let changed = |changes: &[&str]| {
        let mut args: Vec<_> = changes.iter().flat_map(|change| ["-c", *change]).collect();
        args.extend(["-", "app:1"]);
        import(&sandbox, &small_tar(), &args).ok();
        sandbox.inspect("app:1")["Config"].clone()
    };
    for (change, key, wanted) in [
        (r#"CMD ["a", "b"]"#, "Cmd", json!(["a", "b"])),
        ("CMD a b", "Cmd", json!(["/bin/sh", "-c", "a b"])),
        (r#"ENTRYPOINT ["a"]"#, "Entrypoint", json!(["a"])),
        ("ENV a=b c='d e'", "Env", json!(["a=b", "c=d e"])),
        ("EXPOSE 80 53/udp", "ExposedPorts", json!({"80/tcp": {}, "53/udp": {}})),
        ("LABEL a=b", "Labels", json!({"a": "b"})),
        ("ONBUILD RUN x", "OnBuild", json!(["RUN x"])),
        ("STOPSIGNAL SIGUSR1", "StopSignal", json!("SIGUSR1")),
        ("USER 1:2", "User", json!("1:2")),
        ("VOLUME /a /b", "Volumes", json!({"/a": {}, "/b": {}})),
        ("WORKDIR /srv", "WorkingDir", json!("/srv")),
        ("HEALTHCHECK NONE", "Healthcheck", json!({"Test": ["NONE"]})),
        (
            "HEALTHCHECK --retries=3 CMD true",
            "Healthcheck",
            json!({"Test": ["CMD-SHELL", "true"], "Retries": 3}),
        ),
    ] {
        assert_eq!(changed(&[change])[key], wanted, "{change}");
    }
    let many = changed(&["ENV a=b", "env A=$a", "WORKDIR /a", "workdir b"]);
    assert_eq!((&many["Env"], &many["WorkingDir"]), (&json!(["a=b", "A=b"]), &json!("/a/b")));
}

#[test]
fn changes_come_over_what_the_tar_carries() {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(&[rich("app:1")]).tar()).ok();
    let tar = export(&sandbox, &["app:1"]);
    import(&sandbox, &tar, &["-c", "ENV A=new", "-c", "LABEL more=1", "-", "changed:1"]).ok();
    let mut wanted = sandbox.inspect("app:1")["Config"].clone();
    wanted["Env"] = json!(["PATH=/bin", "A=new"]);
    wanted["Labels"]["more"] = json!("1");
    assert_eq!(sandbox.inspect("changed:1")["Config"], wanted);
}

#[test]
fn a_change_that_is_none_is_refused_before_anything_is_read() {
    let sandbox = with_an_image();
    let before = sandbox.truth();
    for (change, words) in [
        ("RUN x", "run is not a valid change command"),
        ("FROM x", "from is not a valid change command"),
        ("nonsense", "nonsense"),
        ("ENV", "ENV requires at least one argument"),
        ("STOPSIGNAL NOPE", "NOPE"),
        ("EXPOSE x", "x"),
    ] {
        let ran = import(&sandbox, &small_tar(), &["-c", change, "-", "app:1"]).fails(1);
        assert!(ran.stdout.is_empty(), "{ran}");
        ran.complains(words);
    }
    assert_eq!(before.changes(&sandbox.truth()), [""; 0]);
}

#[test]
fn the_platform_is_the_one_asked_for_or_the_tars_or_this_machines() {
    let sandbox = Sandbox::new();
    let image = Image::small("app:1").with(|config| {
        config["architecture"] = "arm".into();
        config["variant"] = "v7".into();
    });
    sandbox.load(&layouts::docker24(&[image]).tar()).ok();
    let tar = export(&sandbox, &["app:1"]);
    let platform = |args: &[&str]| {
        import(&sandbox, &tar, args).ok();
        let found = sandbox.inspect("new:1");
        let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
        [text("Os"), text("Architecture"), text("Variant")].join("/")
    };
    assert_eq!(platform(&["-", "new:1"]), "linux/arm/v7");
    assert_eq!(platform(&["--platform", "linux/s390x", "-", "new:1"]), "linux/s390x/");
    assert_eq!(platform(&["--platform", "linux/arm64/v8", "-", "new:1"]), "linux/arm64/v8");
    assert_eq!(platform(&["--no-config", "-", "new:1"]), format!("linux/{}/", host_architecture()));
    let ran = import(&sandbox, &tar, &["--platform", "a/b/c/d", "-", "new:1"]);
    assert_eq!(ran.code, Some(125), "{ran}");
}

#[test]
fn without_a_name_there_is_only_the_id() {
    let sandbox = Sandbox::new();
    let ran = import(&sandbox, &small_tar(), &["-"]).ok();
    let id = ran.out().trim().to_owned();
    assert!(id.starts_with("sha256:") && id.len() == 71, "{ran}");
    assert_eq!(sandbox.names(), ["<none>:<none>"]);
    assert_eq!(sandbox.inspect(&id)["RepoTags"], json!([]));
    sandbox.run(["export", &id]).ok();
}

#[test]
fn a_name_gets_latest_and_goes_over_from_the_image_that_had_it() {
    let sandbox = with_an_image();
    let old = sandbox.id("kept:1");
    let ran = import(&sandbox, &small_tar(), &["-", "kept:1"]).ok();
    assert_eq!(sandbox.id("kept:1"), ran.out().trim());
    assert_ne!(sandbox.id("kept:1"), old);
    assert_eq!(sandbox.inspect(&old)["RepoTags"], json!([]), "the old image is there without a name");
    import(&sandbox, &small_tar(), &["-", "example.org/a/b"]).ok();
    assert!(sandbox.names().contains(&"example.org/a/b:latest".to_owned()), "{:?}", sandbox.names());
    let digested = format!("a@sha256:{}", "0".repeat(64));
    import(&sandbox, &small_tar(), &["-", &digested]).fails(1).complains("cannot import digest reference");
    for bad in ["UPPER:1", "a b", ":tag", &digested] {
        let before = sandbox.truth();
        let ran = import(&sandbox, &small_tar(), &["-", bad]);
        assert_eq!(ran.code, Some(1), "{bad}: {ran}");
        assert_eq!(before.changes(&sandbox.truth()), [""; 0], "{bad}");
    }
}

#[test]
fn a_script_is_told_the_id_and_nothing_else() {
    let sandbox = Sandbox::new();
    for args in [&["-", "app:1"][..], &["-q", "-", "app:1"]] {
        let ran = import(&sandbox, &small_tar(), args).ok();
        assert!(ran.out().lines().count() == 1 && ran.stderr.is_empty(), "{ran}");
    }
}

/// As Docker has it: nothing is a layer of nothing, and zeros are a tar without entries.
#[test]
fn nothing_and_an_empty_tar_are_images() {
    let sandbox = Sandbox::new();
    for (tar, diff_id) in [
        (vec![], "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (vec![0; 10_240], "sha256:84ff92691f909a05b224e1c56abb4864f01b4f8e3c854e4bb4c7baf1d3f6d652"),
    ] {
        import(&sandbox, &tar, &["-", "empty:1"]).ok();
        assert_eq!(strings(&sandbox.inspect("empty:1")["RootFS"]["Layers"]), [diff_id]);
        assert_eq!(export(&sandbox, &["--no-config", "empty:1"]), [0; 1024]);
        let saved = Saved::read(&sandbox.save(["empty:1"])).images();
        assert_eq!(saved[0].layers, [tar]);
    }
    sandbox.is_clean();
}

/// Whiteouts in it are the layer's, as in any other.
#[test]
fn whiteouts_in_the_tar_are_read_as_such() {
    let sandbox = Sandbox::new();
    let tar = Layer::new().file("a", "a").whiteout("b").tar();
    import(&sandbox, &tar, &["-", "app:1"]).ok();
    assert_eq!(Tree::of_tar(&export(&sandbox, &["app:1"])).paths(), ["a"]);
    assert!(Saved::read(&sandbox.save(["app:1"])).images()[0].layers == [tar]);
}

/// Trailing zeros and blocking factors are part of the layer.
#[test]
fn the_bytes_after_the_end_are_kept() {
    let mut tar = small_tar();
    tar.resize(20_480, 0);
    for end in [20_480, small_tar().len() - 512, small_tar().len() - 1024] {
        let sandbox = Sandbox::new();
        import(&sandbox, &tar[..end], &["-", "app:1"]).ok();
        assert_eq!(strings(&sandbox.inspect("app:1")["RootFS"]["Layers"]), [digest(&tar[..end])]);
        assert_eq!(Tree::of_tar(&export(&sandbox, &["app:1"])).paths(), ["d", "d/a", "l"]);
    }
}

/// What is there already is not kept a second time.
#[test]
fn an_import_of_what_is_there_takes_next_to_nothing() {
    let sandbox = Sandbox::new();
    let layer = Layer::new().file("noise", crate::harness::noise::noise(1, 4 << 20));
    sandbox.load(&layouts::docker24(&[Image::new(&["app:1"], vec![layer])]).tar()).ok();
    let before = sandbox.disk_bytes();
    let tar = export(&sandbox, &["app:1"]);
    import(&sandbox, &tar, &["-", "flat:1"]).ok();
    let more = sandbox.disk_bytes() - before;
    assert!(more < 300_000, "{more} bytes more");
}

#[test]
fn what_is_no_tar_is_refused_and_leaves_nothing() {
    let sandbox = with_an_image();
    let tar = Layer::new().file("a", crate::harness::noise::noise(1, 1 << 20)).file("b", "b").tar();
    let mut sum = tar.clone();
    sum[3] = b'x';
    let mut late = tar.clone();
    let at = late.len() - 2048;
    late[at] = b'x';
    let before = sandbox.truth();
    let garbage = sandbox.run(["df"]).ok().out();
    for (what, bytes, word) in [
        ("text", b"this is not a tar\n".repeat(100), "not a tar archive"),
        ("a short text", b"short".to_vec(), "not a tar archive"),
        ("noise", crate::harness::noise::noise(9, 100_000), "not a tar archive"),
        ("a wrong checksum", sum, "not a tar archive"),
        ("a wrong checksum later", late, "no valid tar"),
        ("a tar cut in a file", tar[..500_000].to_vec(), "tar"),
        ("a tar cut in a header", tar[..tar.len() - 1024 - 512 - 256].to_vec(), "tar"),
        ("gzip of gzip", Codec::Gzip.compress(&Codec::Gzip.compress(&tar)), ""),
        ("gzip of xz", Codec::Gzip.compress(&Codec::Xz.compress(&tar)), ""),
        (
            "zstd of text",
            Codec::Zstd.compress(b"not a tar either, but long enough. ".repeat(99).as_slice()),
            "tar",
        ),
    ] {
        for codec in [None, Some(Codec::Gzip), Some(Codec::Xz), Some(Codec::Bzip2), Some(Codec::Zstd)] {
            // What is compressed is cut as well.
            let bytes = match codec {
                None => bytes.clone(),
                Some(codec) => {
                    let packed = codec.compress(&tar);
                    packed[..packed.len() / 2].to_vec()
                }
            };
            sandbox.write("bad.tar", &bytes);
            for ran in
                [import(&sandbox, &bytes, &["-", "bad:1"]), sandbox.run(["import", "bad.tar", "bad:1"])]
            {
                assert_eq!((ran.code, ran.signal), (Some(1), None), "{what} {codec:?}: {ran}");
                assert!(ran.stdout.is_empty() && ran.err().contains("Error"), "{what} {codec:?}: {ran}");
                assert!(codec.is_some() || ran.err().contains(word), "{what}: no {word:?} in {ran}");
                assert!(!ran.err().contains("panicked"), "{what}: {ran}");
                let changes = before.changes(&sandbox.truth());
                assert_eq!(changes, [""; 0], "{what} {codec:?} left something behind");
            }
            if codec.is_some() && what != "text" {
                break;
            }
        }
    }
    assert_eq!(sandbox.run(["df"]).ok().out(), garbage);
    assert_eq!(sandbox.names(), ["kept:1"]);
    sandbox.is_clean();
}

#[test]
fn a_file_that_cannot_be_read_is_said() {
    let sandbox = with_an_image();
    sandbox.run(["import", "no-such.tar"]).fails(1).complains("no-such.tar").complains("no such file");
    assert_ne!(sandbox.run(["import"]).code, Some(0));
    assert_eq!(sandbox.names(), ["kept:1"]);
}

#[test]
fn a_remark_of_somebody_else_is_no_config() {
    let mut global = tarball::pax(&[("comment", b"0123456789abcdef0123456789abcdef01234567")]);
    global.kind = b'g';
    let mut broken = tarball::pax(&[("comment", b"larder.image.config={\"config\":")]);
    broken.kind = b'g';
    for header in [global, broken] {
        let sandbox = Sandbox::new();
        let tar = tarball::tar(&[header, Entry::file("a", "a")]);
        import(&sandbox, &tar, &["-", "app:1"]).ok();
        assert_eq!(sandbox.inspect("app:1")["Config"]["Env"], Value::Null);
        assert_eq!(Tree::of_tar(&export(&sandbox, &["app:1"])).paths(), ["a"]);
    }
}

#[test]
fn a_directory_is_imported_the_same_every_time() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("root/etc")).unwrap();
    sandbox.write("root/etc/b", "b");
    sandbox.write("root/a", "a");
    fs::hard_link(sandbox.path("root/a"), sandbox.path("root/etc/a")).unwrap();
    symlink("etc", sandbox.path("root/link")).unwrap();
    let listener = UnixListener::bind(sandbox.path("root/socket")).unwrap();
    sandbox.run(["import", "root", "dir:1"]).ok();
    sandbox.run(["import", "root", "dir:2"]).ok();
    drop(listener);
    let layers = |name: &str| sandbox.inspect(name)["RootFS"]["Layers"].clone();
    assert_eq!(layers("dir:1"), layers("dir:2"));
    let exported = sandbox.run(["export", "--no-config", "dir:1"]).ok().stdout;
    let digest = digest(&exported);
    assert_eq!(layers("dir:1"), json!([digest]), "export gives the tar that was made");
    let mut archive = ::tar::Archive::new(&exported[..]);
    let names: Vec<_> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(names, ["./", "a", "etc/", "etc/a", "etc/b", "link"]);
}
