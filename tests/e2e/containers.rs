//! Containers, in Docker's words and columns: `ps`, `rm`, `rename`, `inspect`, `prune`; and
//! what they mean for the images that they were created of.

use serde_json::{Value, json};

use crate::harness::child::Feed;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::Saved;

fn with(images: &[Image]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(images).tar()).ok();
    sandbox
}

/// Creates a container and gives its ID.
#[track_caller]
fn create(sandbox: &Sandbox, args: &[&str]) -> String {
    let ran = sandbox.run(["create"].iter().chain(args)).ok();
    let id = ran.out().trim_end().to_owned();
    assert!(id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{ran}");
    id
}

#[track_caller]
fn ps(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    let args = ["ps", "-a", "--format", "{{.Names}}"].iter().chain(args);
    sandbox.run(args).ok().out().lines().map(str::to_owned).collect()
}

#[test]
fn ps_of_an_empty_store_is_a_header() {
    let sandbox = Sandbox::new();
    let header = "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n";
    for args in [vec!["ps"], vec!["ps", "-a"], vec!["container", "ls"], vec!["container", "ps", "-a"]] {
        sandbox.run(args).ok().stdout(header);
    }
    assert!(!sandbox.store().exists(), "looking makes nothing");
    sandbox.run(["ps", "-q"]).ok().stdout("");
}

#[test]
fn ps_is_dockers_table() {
    let sandbox = with(&[Image::small("app:1")]);
    let one = create(&sandbox, &["--name", "web", "app:1"]);
    let two = create(&sandbox, &["--name", "job", "app:1", "sh", "-c", "echo a && b"]);
    sandbox.run(["ps", "-q"]).ok().stdout("");
    let format = "{{.ID}}|{{.Image}}|{{.Command}}|{{.Status}}|{{.Ports}}|{{.Names}}";
    let rows = format!(
        "{}|app:1|\"sh -c 'echo a && b'\"|Created||job\n{}|app:1|\"/bin/app\"|Created||web\n",
        &two[..12],
        &one[..12]
    );
    sandbox.run(["ps", "-a", "--format", format]).ok().stdout(&rows);
    sandbox.run(["ps", "-a", "--no-trunc", "-q"]).ok().stdout(format!("{two}\n{one}\n"));
    sandbox.run(["ps", "-l", "-q"]).ok().stdout(format!("{}\n", &two[..12]));
    sandbox.run(["ps", "-n", "5", "-q"]).ok().stdout(format!("{}\n{}\n", &two[..12], &one[..12]));
    sandbox.run(["ps", "-n", "0", "-q"]).ok().stdout("");
    let table = sandbox.run(["ps", "-as"]).ok().out();
    let mut lines = table.lines();
    let header = lines.next().unwrap_or_default();
    assert!(
        header.starts_with("CONTAINER ID   IMAGE     COMMAND ") && header.ends_with("NAMES     SIZE"),
        "{header}"
    );
    let size = Image::small("app:1").layers.iter().map(Layer::content_bytes).sum::<u64>();
    assert!(
        lines.all(|line| line.contains("   0B (virtual ") && line.ends_with("kB)")),
        "{size} bytes: {table}"
    );
    let row = sandbox.run(["ps", "-l", "--format", "json"]).ok().json();
    assert_eq!(
        (&row["Command"], &row["State"], &row["Size"]),
        (&json!("\"sh -c 'echo a && b'\""), &json!("created"), &json!("0B"))
    );
    let long = create(&sandbox, &["app:1", "/bin/sh", "-c", "echo a && b"]);
    let shown = sandbox.run(["ps", "-l", "--format", "{{.Command}}"]).ok();
    shown.stdout("\"/bin/sh -c 'echo a …\"\n");
    sandbox.run(["rm", &long]).ok().stdout(format!("{long}\n"));
    sandbox.run(["ps", "--format", "{{.Nope}}"]).ok();
    sandbox
        .run(["ps", "-a", "--format", "{{.Nope}}"])
        .fails(1)
        .complains("can't evaluate field Nope in type *formatter.ContainerContext");
}

#[test]
fn what_a_container_wrote_is_counted() {
    let sandbox = with(&[Image::small("app:1")]);
    let id = create(&sandbox, &["--name", "web", "app:1"]);
    let upper = sandbox.store().join("containers").join(&id).join("upper");
    std::fs::create_dir_all(upper.join("var")).unwrap();
    std::fs::write(upper.join("var/log"), vec![0; 12_345]).unwrap();
    sandbox.run(["ps", "-a", "--format", "{{.Size}}"]).ok().stdout("12.3kB\n");
    let found = sandbox.run(["container", "inspect", "-s", "web"]).ok().json();
    assert_eq!(found[0]["SizeRw"], 12_345);
    sandbox
        .run(["df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}"])
        .ok()
        .says("Containers 1 0 12.35kB 12.35kB (100%)");
    sandbox
        .run(["container", "prune", "-f"])
        .ok()
        .stdout(format!("Deleted Containers:\n{id}\n\nTotal reclaimed space: 12.35kB\n"));
    assert!(!upper.exists());
}

#[test]
fn ps_filters_as_docker_does() {
    let base = Layer::new().file("base", noise(1, 1000));
    let child = Image::new(&["child:1"], vec![base.clone(), Layer::new().file("own", "x")]);
    let sandbox = with(&[Image::new(&["base:1"], vec![base]), child, Image::small("app:1")]);
    let base = create(&sandbox, &["--name", "base", "base:1"]);
    create(&sandbox, &["--name", "child", "-l", "tier=web", "child:1"]);
    create(&sandbox, &["--name", "app", "--network", "host", "--expose", "80", "-v", "/srv:/data", "app:1"]);
    let names = |filters: &[&str]| {
        ps(&sandbox, &filters.iter().flat_map(|filter| ["-f", *filter]).collect::<Vec<_>>())
    };
    assert_eq!(names(&[]), ["app", "child", "base"]);
    assert_eq!(names(&["ancestor=base:1"]), ["child", "base"], "what was made on top counts");
    assert_eq!(names(&["ancestor=child:1"]), ["child"]);
    assert_eq!(names(&["ancestor=nosuch", "ancestor=app:1"]), ["app"]);
    assert_eq!(names(&["ancestor=nosuch"]), [""; 0]);
    assert_eq!(names(&[&format!("ancestor={}", &sandbox.id("app:1")[7..19])]), ["app"]);
    assert_eq!(names(&["before=child"]), ["base"]);
    assert_eq!(names(&["since=child"]), ["app"]);
    assert_eq!(names(&["name=a"]), ["app", "base"]);
    assert_eq!(names(&["name=^/?app$"]), [""; 0], "no regular expressions beyond the ends");
    assert_eq!(names(&["name=^app$"]), ["app"]);
    assert_eq!(names(&[&format!("id={}", &base[..12])]), ["base"]);
    assert_eq!(names(&["label=tier"]), ["child"]);
    assert_eq!(names(&["label=tier=db"]), [""; 0]);
    assert_eq!(names(&["network=host"]), ["app"]);
    assert_eq!(names(&["expose=80"]), ["app"]);
    assert_eq!(names(&["volume=/data"]), ["app"]);
    assert_eq!(names(&["status=created"]).len(), 3);
    assert_eq!(names(&["status=running"]), [""; 0]);
    assert_eq!(names(&["exited=0"]), [""; 0]);
    // A status is asked for of all containers, not just of those that run.
    assert_eq!(sandbox.run(["ps", "-q", "-f", "status=created"]).ok().out().lines().count(), 3);
    sandbox.run(["ps", "-f", "foo=x"]).fails(1).complains("Invalid filter 'foo'");
    sandbox.run(["ps", "-f", "status=bogus"]).fails(1).complains("Invalid filter 'status=bogus'");
    sandbox.run(["ps", "-f", "before=nosuch"]).fails(1).complains("o such container: nosuch");
}

#[test]
fn containers_are_found_by_id_name_and_the_beginning_of_an_id() {
    let sandbox = with(&[Image::small("app:1")]);
    let id = create(&sandbox, &["--name", "web", "app:1"]);
    // Named like another one's ID: the ID goes first, its beginning last.
    let named = create(&sandbox, &["--name", &id[..12], "app:1"]);
    let found = |name: &str| sandbox.run(["container", "inspect", "-f", "{{.Id}}", name]).ok().out();
    for name in ["web", "/web", &id, &id[..20]] {
        assert_eq!(found(name), format!("{id}\n"), "{name}");
    }
    assert_eq!(found(&id[..12]), format!("{named}\n"));
    for name in ["we", "WEB", &"0".repeat(64), "g"] {
        sandbox.run(["container", "inspect", name]).fails(1).complains(format!("No such container: {name}"));
    }
    sandbox.run(["container", "inspect", ""]).fails(1);
    // Enough of them that two begin alike.
    let ids: Vec<_> = (0..17).map(|_| create(&sandbox, &["app:1"])).collect();
    let alike = ids.iter().find(|one| ids.iter().any(|other| other != *one && other[..1] == one[..1]));
    let first = &alike.expect("17 IDs, 16 digits")[..1];
    sandbox
        .run(["container", "inspect", first])
        .fails(1)
        .complains(format!("multiple IDs found with provided prefix: {first}"));
}

#[test]
fn inspect_shows_a_container_as_docker_does() {
    let image = Image::small("app:1");
    let sandbox = with(std::slice::from_ref(&image));
    let id = create(&sandbox, &["--name", "web", "-e", "A=1", "--rm", "-m", "64m", "app:1", "x", "y"]);
    let found = sandbox.run(["inspect", "web"]).ok().json()[0].clone();
    assert_eq!(found["Id"], id.as_str());
    assert_eq!(found["Name"], "/web");
    assert_eq!(found["Image"], image.id());
    assert_eq!((&found["Path"], &found["Args"]), (&json!("x"), &json!(["y"])));
    assert_eq!(found["State"]["Status"], "created");
    assert_eq!(found["Config"]["Image"], "app:1");
    assert_eq!(found["Config"]["Hostname"], id[..12]);
    assert_eq!(found["Config"]["Env"], json!(["A=1", "PATH=/bin"]));
    assert_eq!(
        (&found["HostConfig"]["AutoRemove"], &found["HostConfig"]["Memory"]),
        (&json!(true), &json!(64 << 20))
    );
    assert!(found.get("SizeRw").is_none());
    let keys: Vec<_> = found.as_object().unwrap().keys().map(String::as_str).collect();
    for key in ["Created", "Driver", "GraphDriver", "Mounts", "NetworkSettings", "Platform", "RestartCount"] {
        assert!(keys.contains(&key), "no {key} in {keys:?}");
    }
    // A name that both have is the container's.
    create(&sandbox, &["--name", "app", "app:1"]);
    sandbox.run(["tag", "app:1", "app:latest"]).ok();
    sandbox.run(["inspect", "-f", "{{.Name}}", "app"]).ok().stdout("/app\n");
    sandbox
        .run(["inspect", "--type", "image", "-f", "{{.Id}}", "app"])
        .ok()
        .stdout(format!("{}\n", image.id()));
    sandbox.run(["inspect", "-f", "{{.Id}}", "app:1", "web"]).ok().stdout(format!("{}\n{id}\n", image.id()));
    let ran = sandbox.run(["inspect", "--type", "container", "app:1"]).fails(1);
    ran.complains("No such container: app:1");
    sandbox.run(["inspect", "nosuch"]).fails(1).stdout("[]\n").complains("No such object: nosuch");
}

#[test]
fn rm_takes_what_there_is_and_fails_for_the_rest() {
    let sandbox = with(&[Image::small("app:1")]);
    let id = create(&sandbox, &["--name", "web", "app:1"]);
    create(&sandbox, &["--name", "job", "app:1"]);
    let dir = sandbox.store().join("containers").join(&id);
    assert!(dir.is_dir());
    let ran = sandbox.run(["rm", "web", "nosuch", "job"]).fails(1);
    ran.stdout("web\njob\n").complains("No such container: nosuch");
    assert!(!dir.exists());
    assert_eq!(ps(&sandbox, &[]), [""; 0]);
    sandbox.run(["rm", "-f", "nosuch"]).ok().stdout("").complains("No such container: nosuch");
    sandbox.run(["rm", "-l", "web"]).fails(125).complains("there are no links");
    let id = create(&sandbox, &["app:1"]);
    sandbox.run(["container", "rm", "-fv", &id[..10]]).ok().stdout(format!("{}\n", &id[..10]));
    sandbox.is_clean();
}

/// A container may leave directories that nobody may write to.
#[test]
fn rm_takes_what_nobody_may_write_to() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = with(&[Image::small("app:1")]);
    let id = create(&sandbox, &["--name", "web", "app:1"]);
    let upper = sandbox.store().join("containers").join(&id).join("upper/a/b");
    std::fs::create_dir_all(&upper).unwrap();
    std::fs::write(upper.join("file"), "x").unwrap();
    for dir in [upper.as_path(), upper.parent().unwrap()] {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o000)).unwrap();
    }
    sandbox.run(["df"]).ok();
    sandbox.run(["rm", "web"]).ok();
    assert!(!sandbox.store().join("containers").join(&id).exists());
}

#[test]
fn rename_gives_a_name_that_is_free() {
    let sandbox = with(&[Image::small("app:1")]);
    let id = create(&sandbox, &["--name", "web", "app:1"]);
    let other = create(&sandbox, &["--name", "job", "app:1"]);
    sandbox.run(["rename", "web", "www"]).ok().stdout("");
    sandbox.run(["container", "rename", &id[..12], "web.2"]).ok();
    assert_eq!(ps(&sandbox, &[]), ["job", "web.2"]);
    let told = |args: [&str; 2]| sandbox.run(["rename"].iter().chain(&args)).fails(1).err();
    assert_eq!(
        told(["web.2", "web.2"]),
        "Error: Renaming a container with the same name as its current name\nError: failed to rename container named web.2\n"
    );
    let taken = format!(
        "Error: Error when allocating new name: Conflict. The container name \"/job\" is already in use by container \"{other}\". \
         You have to remove (or rename) that container to be able to reuse that name.\nError: failed to rename container named web.2\n"
    );
    assert_eq!(told(["web.2", "job"]), taken);
    assert!(
        told(["web.2", "b@"])
            .contains("Invalid container name (b@), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    );
    assert!(told(["nosuch", "a1"]).starts_with("Error: No such container: nosuch\n"));
    assert_eq!(told(["web.2", ""]), "Error: Neither old nor new names may be empty\n");
    assert_eq!(ps(&sandbox, &[]), ["job", "web.2"]);
}

#[test]
fn an_image_that_a_container_uses_goes_only_by_force_and_the_container_keeps_what_it_needs() {
    let image = Image::new(&["app:1"], vec![Layer::new().file("own", noise(7, 3 << 20))]);
    let sandbox = with(std::slice::from_ref(&image));
    let id = create(&sandbox, &["--name", "web", "app:1"]);
    let (short, container) = (&image.hex()[..12], &id[..12]);
    sandbox.run(["rmi", "app:1"]).fails(1).complains(format!(
        "conflict: unable to remove repository reference \"app:1\" (must force) - container {container} is using its referenced image {short}"
    ));
    sandbox.run(["rmi", short]).fails(1).complains(format!(
        "conflict: unable to delete {short} (must be forced) - image is being used by stopped container {container}"
    ));
    sandbox.run(["image", "prune", "-af"]).ok().stdout("Total reclaimed space: 0B\n");
    // A name of several is no loss.
    sandbox.run(["tag", "app:1", "app:2"]).ok();
    sandbox.run(["rmi", "app:2"]).ok().stdout("Untagged: app:2\n");
    assert_eq!(sandbox.names(), ["app:1"]);

    let before = sandbox.disk_bytes();
    // Its layers stay, so none is told to be deleted.
    sandbox.run(["rmi", "-f", "app:1"]).ok().stdout(format!("Untagged: app:1\nDeleted: {}\n", image.id()));
    sandbox.run(["gc"]).ok();
    sandbox.is_clean();
    assert!(before - sandbox.disk_bytes() < 1 << 20, "the container needs it");
    sandbox.run(["ps", "-a", "--format", "{{.Image}}"]).ok().stdout(format!("{short}\n"));
    sandbox.run(["ps", "-aq", "-f", &format!("ancestor={short}")]).ok().stdout(format!("{container}\n"));
    let found = sandbox.run(["inspect", "-f", "{{.Image}} {{.Config.Image}}", "web"]).ok();
    found.stdout(format!("{} app:1\n", image.id()));

    // It comes back, and is the container's again.
    sandbox.load(&layouts::docker24(std::slice::from_ref(&image)).tar()).ok();
    sandbox.run(["ps", "-a", "--format", "{{.Image}}"]).ok().stdout("app:1\n");
    sandbox.run(["rmi", "app:1"]).fails(1);
    sandbox.run(["rmi", "-f", image.hex().as_str()]).ok();
    assert_eq!(sandbox.names(), [""; 0]);

    // With the container the last of it goes, then and there.
    sandbox.run(["rm", "web"]).ok();
    assert!(sandbox.disk_bytes() + (3 << 20) < before + (1 << 20), "{} of {before}", sandbox.disk_bytes());
    sandbox.is_clean();
}

#[test]
fn a_container_outlives_its_image_in_another_packing() {
    let image = Image::small("app:1");
    let sandbox = with(std::slice::from_ref(&image));
    create(&sandbox, &["--name", "web", "app:1"]);
    // The same image with a manifest of its own takes the name, and the other packing goes.
    sandbox.load(&layouts::docker25(std::slice::from_ref(&image)).tar()).ok();
    sandbox.run(["gc"]).ok();
    sandbox.is_clean();
    sandbox.run(["ps", "-a", "--format", "{{.Image}}"]).ok().stdout("app:1\n");
    sandbox.run(["rmi", "app:1"]).fails(1).complains("is using its referenced image");
    assert_eq!(Saved::read(&sandbox.save(["app:1"])).images()[0].layers, image.tars());
}

#[test]
fn prune_takes_containers_that_do_not_run() {
    let sandbox = with(&[Image::small("app:1")]);
    let ids: Vec<_> = ["keep=yes", "keep=no"].map(|label| create(&sandbox, &["-l", label, "app:1"])).into();
    let ran = sandbox.run_fed(["container", "prune"], Feed::Bytes(b"n\n".to_vec()));
    ran.stdout(
        "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ",
    );
    sandbox
        .run(["container", "prune", "-f", "--filter", "foo=bar"])
        .fails(1)
        .complains("Invalid filter 'foo'");
    sandbox
        .run(["container", "prune", "-f", "--filter", "until=24h"])
        .ok()
        .stdout("Total reclaimed space: 0B\n");
    let told = sandbox.run(["container", "prune", "-f", "--filter", "label!=keep=yes"]).ok();
    told.stdout(format!("Deleted Containers:\n{}\n\nTotal reclaimed space: 0B\n", ids[1]));
    let told = sandbox.run(["system", "prune", "-af"]).ok();
    assert!(
        told.out()
            .starts_with(&format!("Deleted Containers:\n{}\n\nDeleted Images:\nuntagged: app:1\n", ids[0])),
        "{told}"
    );
    assert_eq!((ps(&sandbox, &[]), sandbox.names()), (vec![], vec![]));
    sandbox.is_clean();
}

#[test]
fn df_knows_which_images_containers_use() {
    let sandbox = with(&[Image::small("app:1"), Image::small("app:2")]);
    let id = create(&sandbox, &["--name", "web", "app:1"]);
    let rows = sandbox.run(["df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}}"]).ok();
    rows.says("Images 2 1").says("Containers 1 0");
    let usage = sandbox.run(["df", "-v", "--format", "json"]).ok().json();
    let count = |tag: &str| -> Value {
        let images = usage["Images"].as_array().unwrap();
        images.iter().find(|image| image["Tag"] == tag).unwrap()["Containers"].clone()
    };
    assert_eq!((count("1"), count("2")), (json!("1"), json!("0")));
    assert_eq!(
        (&usage["Containers"][0]["ID"], &usage["Containers"][0]["Names"]),
        (&json!(id), &json!("web"))
    );
    let text = sandbox.run(["df", "-v"]).ok().out();
    assert!(
        text.contains(
            "\nContainers space usage:\n\nCONTAINER ID   IMAGE     COMMAND      LOCAL VOLUMES   SIZE "
        ),
        "{text}"
    );
}

#[test]
fn gc_removes_what_a_container_left_that_is_gone() {
    let sandbox = with(&[Image::small("app:1")]);
    let id = create(&sandbox, &["app:1"]);
    let dir = sandbox.store().join("containers");
    std::fs::create_dir_all(dir.join("0".repeat(64)).join("upper/x")).unwrap();
    std::fs::write(dir.join("stray"), "x").unwrap();
    sandbox.is_clean();
    sandbox.run(["gc"]).ok();
    let left: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [id.as_str()]);
}

/// A container whose directory is lost is as good as one that wrote nothing.
#[test]
fn a_container_without_its_directory_can_be_listed_and_removed() {
    let sandbox = with(&[Image::small("app:1")]);
    create(&sandbox, &["--name", "web", "app:1"]);
    std::fs::remove_dir_all(sandbox.store().join("containers")).unwrap();
    sandbox.run(["ps", "-as"]).ok().says("0B (virtual");
    sandbox.run(["rm", "web"]).ok().stdout("web\n");
    create(&sandbox, &["--name", "web", "app:1"]);
}

/// The catalog is made again from the journal, containers and all.
#[test]
fn containers_survive_the_loss_of_the_catalog() {
    let sandbox = with(&[Image::small("app:1")]);
    create(&sandbox, &["--name", "web", "app:1"]);
    create(&sandbox, &["--name", "job", "app:1"]);
    sandbox.run(["rename", "job", "task"]).ok();
    sandbox.run(["rmi", "-f", "app:1"]).ok();
    std::fs::remove_dir_all(sandbox.store().join("catalog")).unwrap();
    assert_eq!(ps(&sandbox, &[]), ["task", "web"]);
    sandbox.is_clean();
}

/// Whoever comes first: the image is there and is used, or it is gone and nobody uses it.
#[test]
fn creating_and_removing_at_once_loses_nothing() {
    for round in 0..3 {
        let sandbox = with(&[Image::small("app:1")]);
        let creating: Vec<_> = (0..4).map(|_| sandbox.start(["create", "app:1"], Feed::Nothing)).collect();
        let removing = sandbox.start(["rmi", "-f", "app:1"], Feed::Nothing);
        let collecting = sandbox.start(["gc"], Feed::Nothing);
        let created = creating.into_iter().map(|child| child.wait());
        let created = created.filter(|ran| ran.code == Some(0)).count();
        removing.wait().ok();
        collecting.wait().ok();
        assert_eq!(ps(&sandbox, &[]).len(), created, "round {round}");
        sandbox.is_clean();
    }
}
