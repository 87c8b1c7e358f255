//! The disk is as unkind as it should be, and no more.

use super::*;

fn read(disk: &SimulatedDisk, name: &str) -> Option<Vec<u8>> {
    let file = disk.open(name).ok()?;
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    Some(bytes)
}

#[test]
fn only_what_was_made_durable_must_survive() {
    let disk = SimulatedDisk::new();
    let file = disk.create("a").unwrap();
    file.write_all_at(b"old", 0).unwrap();
    file.sync().unwrap();
    assert_eq!(read(&disk.after_reboot(Survival::Nothing), "a"), None);
    disk.sync_dir("").unwrap();
    file.write_all_at(b"new", 0).unwrap();
    disk.rename("a", "b").unwrap();
    let nothing = disk.after_reboot(Survival::Nothing);
    assert_eq!((read(&nothing, "a"), read(&nothing, "b")), (Some(b"old".to_vec()), None));
    let everything = disk.after_reboot(Survival::Everything);
    assert_eq!((read(&everything, "a"), read(&everything, "b")), (None, Some(b"new".to_vec())));
}

#[test]
fn what_a_failed_sync_has_lost_is_lost_though_the_next_one_works() {
    let disk = SimulatedDisk::new();
    let file = disk.create("a").unwrap();
    disk.sync_dir("").unwrap();
    file.write_all_at(&[1; 2 * PAGE_BYTES], 0).unwrap();
    disk.fail_after(0, Failure::Sync);
    assert!(file.sync().is_err() && disk.has_failed());
    // One page is written again, and one is not.
    file.write_all_at(&[2], 0).unwrap();
    file.sync().unwrap();
    let pages = [vec![2], vec![1; 2 * PAGE_BYTES - 1]].concat();
    assert_eq!(read(&disk, "a"), Some(pages.clone()));
    let left = [&pages[..PAGE_BYTES], &[0; PAGE_BYTES]].concat();
    assert_eq!(read(&disk.after_reboot(Survival::Nothing), "a"), Some(left));
}

#[test]
fn one_operation_fails_and_the_next_works() {
    let disk = SimulatedDisk::new();
    disk.fail_after(1, Failure::Error(Errno::NOSPC));
    let file = disk.create("a").unwrap();
    assert!(file.write_all_at(b"whole", 0).is_err());
    file.write_all_at(b"whole", 0).unwrap();
    disk.fail_after(0, Failure::Half(Errno::NOSPC));
    assert!(disk.open("a").is_ok() && file.write_all_at(b"HALF", 0).is_err());
    assert_eq!(read(&disk, "a"), Some(b"HAole".to_vec()));
}

#[test]
fn without_power_nothing_works() {
    let disk = SimulatedDisk::new();
    disk.lose_power_after(1);
    let file = disk.create("a").unwrap();
    assert!(file.write_all_at(b"x", 0).is_err() && disk.open("a").is_err());
    assert_eq!(read(&disk.after_reboot(Survival::Everything), "a"), Some(vec![]));
}
