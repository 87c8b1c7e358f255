//! From a container to an image to another store, word for word as its users ask for it.

use super::Host;
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::Saved;

#[test]
fn what_a_container_wrote_is_exported_imported_saved_and_loaded() {
    let Some(here) = Host::new() else { return };
    here.run(["run", "--name", "test_export", "busybox", "touch", "/1.txt"]).ok().stdout("");
    here.run(["export", "test_export", "-o", "x.tar"]).ok();
    let exported = Saved::read(&here.read("x.tar"));
    assert!(exported.members.iter().any(|member| member.name == "1.txt"), "the file is in it");
    let own = |name: &str| exported.members.iter().any(|member| member.name == name);
    assert!(!own("proc/self") && !own("sys/kernel"), "what was mounted is not");
    here.run(["import", "x.tar", "test:test"]).ok();
    let shown = ["history", "--format", "{{.Comment}}", "test:test"];
    here.run(shown).ok().stdout("Imported from -\n");

    here.run(["commit", "-m", "with a file", "test_export", "test:two"]).ok();
    let history = |at: &Sandbox, name: &str| {
        let format = "{{.ID}}|{{.CreatedAt}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}}";
        at.run(["history", "--no-trunc", "--format", format, name]).ok().out()
    };
    assert!(history(&here, "test:two").lines().count() > 1, "what it was made of is in it too");
    here.run(["save", "-o", "saved.tar", "test:test", "test:two"]).ok();
    let there = Sandbox::new();
    there.load_file(&here.read("saved.tar")).ok();
    for name in ["test:test", "test:two"] {
        assert_eq!(history(&there, name), history(&here, name), "{name}");
    }
    there.run(shown).ok().stdout("Imported from -\n");
    // And what came out of it runs again.
    here.run(["run", "--rm", "test:test", "/bin/ls", "/1.txt"]).ok().stdout("/1.txt\n");
}
