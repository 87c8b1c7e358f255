//! What `images`, `history`, `inspect` and `tag` say, in Docker's words and columns.

use serde_json::{Value, json};

use crate::harness::image::{Image, Layer, host_architecture};
use crate::harness::layouts;
use crate::harness::sandbox::Sandbox;

fn with(images: &[Image]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker25(images).tar()).ok();
    sandbox
}

/// Images of three days, the last one named twice, a fourth without a name.
fn three_days() -> (Sandbox, Vec<Image>) {
    let images = vec![
        Image::small("app:1").created("2001-01-01T00:00:00Z"),
        Image::small("app:2").created("2001-01-02T00:00:00Z"),
        Image::small("app:3").created("2001-01-03T00:00:00Z").named(&["app:3", "example.org/team/app:new"]),
        Image::small("none").created("2001-01-04T00:00:00Z").named(&[]),
    ];
    (with(&images), images)
}

#[test]
fn images_of_an_empty_store_is_a_header() {
    let sandbox = Sandbox::new();
    sandbox.run(["images"]).ok().stdout("REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n");
    sandbox.run(["images", "-q"]).ok().stdout("");
    sandbox.run(["images", "nosuch"]).ok().stdout("REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n");
}

#[test]
fn images_is_dockers_table() {
    // Docker shows N/A where nothing is said of the time: the table stays as it is for ever.
    let layer = Layer::new().file("data", vec![b'x'; 1_984_321]);
    let image = Image::new(&["app:1"], vec![layer]).with(|config| config["created"] = Value::Null);
    let sandbox = with(std::slice::from_ref(&image));
    let id = &image.hex()[..12];
    let table = format!(
        "REPOSITORY   TAG       IMAGE ID       CREATED   SIZE\n\
         app          1         {id}   N/A       1.98MB\n"
    );
    sandbox.run(["images"]).ok().stdout(&table);
    sandbox.run(["image", "ls"]).ok().stdout(&table);
    let whole = sandbox.run(["images", "--no-trunc"]).ok();
    assert!(whole.out().contains(&image.id()), "{whole}");
    sandbox.run(["images", "-q"]).ok().stdout(format!("{id}\n"));
    sandbox.run(["images", "-q", "--no-trunc"]).ok().stdout(format!("{}\n", image.id()));
    sandbox.run(["images", "--digests"]).ok().says("DIGEST").says("   sha256:");
}

#[test]
fn images_come_newest_first_with_the_tags_of_one_in_order() {
    let (sandbox, _) = three_days();
    assert_eq!(sandbox.names(), ["<none>:<none>", "app:3", "example.org/team/app:new", "app:2", "app:1"]);
}

#[test]
fn images_filters_as_docker_does() {
    let (sandbox, images) = three_days();
    let names = |args: &[&str]| {
        let args = ["images", "--format", "{{.Repository}}:{{.Tag}}"].iter().chain(args);
        let ran = sandbox.run(args).ok();
        ran.out().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(&["app"]), ["app:3", "app:2", "app:1"]);
    assert_eq!(names(&["app:2"]), ["app:2"]);
    assert_eq!(names(&["ap*"]), ["app:3", "app:2", "app:1"], "a star stops at a slash");
    assert_eq!(names(&["*:*1"]), ["app:1"]);
    assert_eq!(names(&["example.org/*/app"]), ["example.org/team/app:new"]);
    assert_eq!(names(&["--filter", "reference=app:1"]), ["app:1"]);
    assert_eq!(names(&["-f", "dangling=true"]), ["<none>:<none>"]);
    assert_eq!(names(&["-f", "dangling=false"]), ["app:3", "example.org/team/app:new", "app:2", "app:1"]);
    assert_eq!(names(&["-f", "before=app:2"]), ["app:1"]);
    assert_eq!(names(&["-f", &format!("since={}", images[2].id())]), ["<none>:<none>"]);
    assert_eq!(names(&["-f", "label=nosuch"]), [""; 0]);
    sandbox.run(["images", "-f", "foo=bar"]).fails(1).complains("nvalid filter 'foo'");
    sandbox.run(["images", "-f", "dangling=maybe"]).fails(1).complains("nvalid filter 'dangling=[maybe]'");
    sandbox.run(["images", "-f", "before=nosuch"]).fails(1).complains("No such image: nosuch:latest");
}

#[test]
fn images_filters_by_label() {
    let labelled = Image::small("app:1").with(|config| config["config"]["Labels"] = json!({"tier": "web"}));
    let sandbox = with(&[labelled, Image::small("app:2")]);
    let names = |filter: &str| sandbox.run(["images", "-f", filter, "--format", "{{.Tag}}"]).ok().out();
    assert_eq!(names("label=tier"), "1\n");
    assert_eq!(names("label=tier=web"), "1\n");
    assert_eq!(names("label=tier=db"), "");
}

#[test]
fn images_speaks_json_and_templates() {
    let image = Image::small("app:1").created("1970-01-01T00:00:00Z");
    let sandbox = with(std::slice::from_ref(&image));
    let row = sandbox.run(["images", "--format", "json"]).ok().json();
    assert_eq!((&row["Repository"], &row["Tag"]), (&json!("app"), &json!("1")));
    assert_eq!(row["ID"], image.hex()[..12]);
    for key in ["Containers", "CreatedAt", "CreatedSince", "Digest", "SharedSize", "Size", "UniqueSize"] {
        assert!(row[key].is_string(), "{key} in {row}");
    }
    let table = sandbox.run(["images", "--format", "table {{.Repository}}\\t{{.Tag}}"]).ok();
    table.stdout("REPOSITORY   TAG\napp          1\n");
    sandbox.run(["images", "--format", "{{.Nope}}"]).fails(1).complains("Nope");
    sandbox.run(["images", "--format", "{{"]).fails(1).complains("template");
}

#[test]
fn names_are_found_as_docker_finds_them() {
    let image = Image::small("app:latest");
    let sandbox = with(&[image.clone(), Image::small("example.org/app:1")]);
    let hex = image.hex();
    for name in [
        "app",
        "app:latest",
        "library/app",
        "docker.io/app",
        "docker.io/library/app:latest",
        "index.docker.io/library/app",
        &image.id(),
        &hex,
        &hex[..12],
        &hex[..6],
        &format!("sha256:{}", &hex[..8]),
    ] {
        assert_eq!(sandbox.id(name), image.id(), "{name}");
    }
    for name in ["app:1", "nosuch", "example.org/app", "sha256:", &"0".repeat(64)] {
        let ran = sandbox.run(["image", "inspect", name]);
        assert_eq!(ran.code, Some(1), "{name}: {ran}");
    }
    sandbox.run(["image", "inspect", "nosuch"]).fails(1).complains("No such image: nosuch");
    sandbox.run(["inspect", "nosuch"]).fails(1).complains("o such object: nosuch");
}

#[test]
fn inspect_has_dockers_keys() {
    let image = Image::small("app:1").with(|config| {
        config["author"] = "someone".into();
        config["config"]["Labels"] = json!({"a": "b"});
    });
    let sandbox = with(std::slice::from_ref(&image));
    let found = sandbox.inspect("app:1");
    assert_eq!(found["Id"], image.id());
    assert_eq!(found["RepoTags"], json!(["app:1"]));
    assert_eq!(found["Created"], "2024-03-01T12:00:00Z");
    assert_eq!(found["Author"], "someone");
    assert_eq!(found["Architecture"], host_architecture());
    assert_eq!(found["Os"], "linux");
    assert_eq!(found["Config"]["Env"], json!(["PATH=/bin"]));
    assert_eq!(found["Config"]["Labels"], json!({"a": "b"}));
    assert_eq!(found["RootFS"]["Type"], "layers");
    let size: u64 = image.layers.iter().map(Layer::content_bytes).sum();
    assert_eq!(found["Size"], size);
    let text = sandbox.run(["inspect", "app:1"]).ok().out();
    assert!(text.starts_with("[\n    {\n        \""), "Docker indents by four: {text}");
    sandbox.run(["inspect", "-f", "{{.Id}}", "app:1"]).ok().stdout(format!("{}\n", image.id()));
    let ran = sandbox.run(["image", "inspect", "-f", "{{json .Config.Env}} {{.Os}}", "app:1"]).ok();
    ran.stdout("[\"PATH=/bin\"] linux\n");
    sandbox.run(["inspect", "-f", "{{.Nope}}", "app:1"]).fails(1).complains("Nope");
}

#[test]
fn inspect_prints_what_it_found_and_fails_for_the_rest() {
    let image = Image::small("app:1");
    let sandbox = with(std::slice::from_ref(&image));
    let ran = sandbox.run(["image", "inspect", "app:1", "nosuch", "app:1"]).fails(1);
    assert_eq!(ran.json().as_array().map(Vec::len), Some(2), "{ran}");
    assert!(ran.err().contains("nosuch"), "{ran}");
}

#[test]
fn history_gives_each_layer_to_its_entry() {
    let layers =
        vec![Layer::new().file("base", vec![b'a'; 2_000_000]), Layer::new().file("app", vec![b'b'; 4])];
    let image = Image::new(&["app:1"], layers).with(|config| {
        config["history"] = json!([
            {"created": "1970-01-01T00:00:00Z", "created_by": "ADD base", "comment": "from scratch"},
            {"created": "1970-01-01T00:00:00Z", "created_by": "ENV a=\tb", "empty_layer": true},
            {"created": "1970-01-01T00:00:00Z", "created_by": format!("RUN {}", "long ".repeat(20))},
            {"created": "1970-01-01T00:00:00Z", "created_by": "CMD", "empty_layer": true},
        ]);
    });
    let sandbox = with(std::slice::from_ref(&image));
    let rows =
        sandbox.run(["history", "--format", "{{.ID}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}}", "app:1"]).ok();
    rows.stdout(format!(
        "{}|CMD|0B|\n<missing>|RUN {}…|4B|\n<missing>|ENV a= b|0B|\n<missing>|ADD base|2MB|from scratch\n",
        &image.hex()[..12],
        "long ".repeat(8),
    ));
    let whole = sandbox.run(["history", "--no-trunc", "app:1"]).ok();
    assert!(whole.out().contains(&image.id()) && whole.out().contains(&"long ".repeat(19)), "{whole}");
    sandbox.run(["history", "-H=false", "app:1"]).ok().says("2000000").says("1970-01-01T00:00:00Z");
    sandbox
        .run(["history", "-q", "app:1"])
        .ok()
        .stdout(format!("{}\n<missing>\n<missing>\n<missing>\n", &image.hex()[..12]));
    let header = sandbox.run(["history", "app:1"]).ok().out();
    assert!(header.starts_with("IMAGE          CREATED   CREATED BY"), "{header}");
    let first = sandbox.run(["history", "--format", "json", "app:1"]).ok().out();
    let first: Value = serde_json::from_str(first.lines().next().expect("a row")).expect("JSON");
    assert_eq!(first["CreatedBy"], "CMD");
}

#[test]
fn history_of_an_image_without_one_is_a_header() {
    let image = Image::small("app:1").with(|config| config["history"] = Value::Null);
    let sandbox = with(&[image]);
    sandbox.run(["history", "app:1"]).ok().stdout("IMAGE     CREATED   CREATED BY   SIZE      COMMENT\n");
    sandbox.run(["history", "nosuch"]).fails(1).complains("No such image: nosuch");
}

#[test]
fn history_with_more_layers_than_there_are_is_told() {
    let image = Image::small("app:1").with(|config| {
        config["history"] = json!([{"created_by": "1"}, {"created_by": "2"}, {"created_by": "3"}]);
    });
    let sandbox = Sandbox::new();
    let loaded = sandbox.load(&layouts::docker25(&[image]).tar());
    // Docker finds out when it is asked; to find out at once is as good.
    if loaded.code == Some(0) {
        sandbox.run(["history", "app:1"]).fails(1).complains("too many non-empty layers in History section");
    } else {
        loaded.fails(1).complains("too many non-empty layers");
    }
}

#[test]
fn tag_gives_a_name_and_takes_it_from_another() {
    let (one, two) = (Image::small("app:1"), Image::small("app:2"));
    let sandbox = with(&[one.clone(), two.clone()]);
    sandbox.run(["tag", "app:1", "example.org/app"]).ok().stdout("");
    assert_eq!(sandbox.id("example.org/app:latest"), one.id());
    sandbox.run(["tag", &two.hex()[..12], "example.org/app:latest"]).ok();
    assert_eq!(sandbox.id("example.org/app"), two.id());
    assert_eq!(sandbox.id("app:1"), one.id());
    sandbox.run(["image", "tag", "app:2", "app:1"]).ok();
    assert_eq!(sandbox.names().iter().filter(|name| *name == "<none>:<none>").count(), 1);
    sandbox.run(["tag", "nosuch", "app:3"]).fails(1).complains("No such image: nosuch:latest");
    for bad in ["UPPER:1", "a b", "app:", "app@sha256:0", &"0".repeat(64)] {
        let before = sandbox.truth();
        let ran = sandbox.run(["tag", "app:1", bad]);
        assert_eq!(ran.code, Some(1), "{bad}: {ran}");
        assert_eq!(before.changes(&sandbox.truth()), [""; 0], "{bad}");
    }
}

#[test]
fn the_digest_survives_where_the_manifest_came_along() {
    let image = Image::small("example.org/app:1");
    let mut oci = layouts::Oci::default();
    let entry = oci.manifest(&image, crate::harness::codec::Codec::Gzip);
    oci.name_as_docker(&entry, &image);
    let sandbox = Sandbox::new();
    sandbox.load(&oci.archive().tar()).ok();
    let digest = entry["digest"].as_str().expect("a digest");
    let by_digest = format!("example.org/app@{digest}");
    assert_eq!(sandbox.inspect("example.org/app:1")["RepoDigests"], json!([by_digest]));
    assert_eq!(sandbox.id(&by_digest), image.id());
    sandbox.run(["images", "--digests"]).ok().says(digest);
    // Where larder made the manifest itself, there is no digest that a registry would know.
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(std::slice::from_ref(&image)).tar()).ok();
    assert_eq!(sandbox.inspect("example.org/app:1")["RepoDigests"], json!([]));
}
