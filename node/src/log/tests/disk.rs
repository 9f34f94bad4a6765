//! The contract of a disk, over both; and that the simulated one is as bad as it says.

use std::os::unix::fs::{PermissionsExt, symlink};

use ogic_certs::Code;

use super::super::disk::{Failure, Op};
use super::super::{Disk, RealDisk, SimDisk};

fn read<D: Disk>(disk: &D, file: &D::File) -> Vec<u8> {
    let mut bytes = vec![9; disk.len(file).unwrap() as usize];
    disk.read_at(file, 0, &mut bytes).unwrap();
    bytes
}

fn conforms<D: Disk>(disk: &D) {
    assert_eq!(disk.names().unwrap(), Vec::<String>::new());
    assert_eq!(disk.open("a").unwrap_err().code, Code::NotFound);
    let file = disk.create("b.seg").unwrap();
    assert_eq!(disk.create("b.seg").unwrap_err().code, Code::DiskFailed);
    disk.create("a").unwrap();
    assert_eq!(disk.names().unwrap(), ["a", "b.seg"]);

    disk.preallocate(&file, 6).unwrap();
    assert_eq!(read(disk, &file), [0; 6]);
    disk.preallocate(&file, 3).unwrap();
    assert_eq!(disk.len(&file).unwrap(), 6, "preallocating never shortens");
    disk.write_at(&file, 4, b"wxyz").unwrap();
    disk.sync_data(&file).unwrap();
    disk.forget_cached(&file).unwrap();
    assert_eq!(read(disk, &file), b"\0\0\0\0wxyz");
    disk.truncate(&file, 5).unwrap();
    disk.preallocate(&file, 7).unwrap();
    assert_eq!(read(disk, &file), b"\0\0\0\0w\0\0", "what was cut comes back as zeroes");
    assert_eq!(disk.read_at(&file, 5, &mut [0; 3]).unwrap_err().code, Code::DiskFailed);
    disk.read_at(&file, 7, &mut []).unwrap();

    disk.rename("b.seg", "a").unwrap();
    assert_eq!(disk.names().unwrap(), ["a"]);
    assert_eq!(read(disk, &disk.open("a").unwrap()), b"\0\0\0\0w\0\0");
    assert_eq!(disk.rename("b.seg", "c").unwrap_err().code, Code::NotFound);
    disk.sync_folder().unwrap();
    disk.remove("a").unwrap();
    assert_eq!(disk.remove("a").unwrap_err().code, Code::NotFound);
    assert_eq!(disk.names().unwrap(), Vec::<String>::new());

    let long = "a".repeat(101);
    for bad in ["", ".", "..", ".lock", "a/b", "/etc/x", "../x", "A", "a\0", "a b", "ж", long.as_str()] {
        assert_eq!(disk.create(bad).unwrap_err().code, Code::ValueRefused, "{bad}");
        assert_eq!(disk.open(bad).unwrap_err().code, Code::ValueRefused, "{bad}");
        assert_eq!(disk.remove(bad).unwrap_err().code, Code::ValueRefused, "{bad}");
        assert_eq!(disk.rename(bad, "x").unwrap_err().code, Code::ValueRefused, "{bad}");
        assert_eq!(disk.rename("x", bad).unwrap_err().code, Code::ValueRefused, "{bad}");
    }
    assert_ne!(disk.salt().unwrap(), disk.salt().unwrap());
    let figures = disk.figures();
    assert_eq!((figures.syncs, figures.folder_syncs, figures.writes, figures.bytes_written), (1, 1, 1, 4));
}

#[test]
fn a_folder_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    conforms(&RealDisk::open(folder.path()).unwrap());
}

#[test]
fn a_simulated_disk_keeps_the_contract() {
    conforms(&SimDisk::new(0));
}

#[test]
fn a_second_holder_of_a_folder_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let first = RealDisk::open(folder.path()).unwrap();
    let refused = RealDisk::open(folder.path()).unwrap_err();
    assert_eq!(refused.code, Code::StoreLocked);
    assert_eq!(refused.found, Some(format!("process {}", std::process::id())));
    assert_eq!(refused.field, folder.path().display().to_string());
    drop(first);
    RealDisk::open(folder.path()).unwrap();
}

#[test]
fn a_folder_is_closed_to_others_and_follows_no_link() {
    let scratch = tempfile::tempdir().unwrap();
    let mode = |name: &str| scratch.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
    let disk = RealDisk::open(&scratch.path().join("x/y")).unwrap();
    disk.create("f").unwrap();
    assert_eq!((mode("x"), mode("x/y"), mode("x/y/f"), mode("x/y/.lock")), (0o700, 0o700, 0o600, 0o600));
    assert_eq!(disk.names().unwrap(), ["f"], "the lock is no file of ours");

    symlink("f", scratch.path().join("x/y/link")).unwrap();
    assert_eq!(disk.open("link").unwrap_err().code, Code::DiskFailed);
    assert_eq!(disk.names().unwrap(), ["f"]);
    symlink("y", scratch.path().join("x/z")).unwrap();
    assert_eq!(RealDisk::open(&scratch.path().join("x/z")).unwrap_err().code, Code::DiskFailed);

    let loose = scratch.path().join("loose");
    std::fs::create_dir(&loose).unwrap();
    std::fs::set_permissions(&loose, PermissionsExt::from_mode(0o755)).unwrap();
    RealDisk::open(&loose).unwrap();
    assert_eq!(mode("loose"), 0o700);
    std::fs::write(scratch.path().join("file"), b"").unwrap();
    assert_eq!(RealDisk::open(&scratch.path().join("file")).unwrap_err().code, Code::DiskFailed);
}

#[test]
fn a_power_cut_keeps_what_was_synced_and_any_part_of_the_rest() {
    let (mut lost, mut kept, mut torn, mut nameless) = (0, 0, 0, 0);
    for seed in 0..200 {
        let disk = SimDisk::new(seed);
        let file = disk.create("synced").unwrap();
        disk.write_at(&file, 0, &[1; 2000]).unwrap();
        disk.sync_data(&file).unwrap();
        disk.sync_folder().unwrap();
        disk.write_at(&file, 1000, &[2; 2000]).unwrap();
        let unnamed = disk.create("unnamed").unwrap();
        disk.sync_data(&unnamed).unwrap();
        disk.crash();
        assert_eq!(disk.len(&file).unwrap_err().code, Code::DiskFailed, "open files die");

        let bytes = read(&disk, &disk.open("synced").unwrap());
        assert_eq!(bytes[..1000], [1; 1000]);
        match bytes[1000..].iter().filter(|b| **b == 2).count() {
            0 => lost += 1,
            2000 => kept += 1,
            _ => torn += 1,
        }
        nameless += u32::from(disk.open("unnamed").is_err());
        let again = read(&disk, &disk.open("synced").unwrap());
        disk.crash();
        assert_eq!(read(&disk, &disk.open("synced").unwrap()), again, "what a cut left is there for good");
    }
    assert!(lost > 20 && kept > 20 && torn > 20 && nameless > 20, "{lost} {kept} {torn} {nameless}");
}

#[test]
fn a_killed_process_loses_nothing_that_it_wrote() {
    let disk = SimDisk::new(1);
    let file = disk.create("f").unwrap();
    disk.write_at(&file, 0, b"written").unwrap();
    disk.kill();
    assert_eq!(read(&disk, &disk.open("f").unwrap()), b"written");
    assert!(disk.write_at(&file, 0, b"W").is_err());
}

#[test]
fn a_failed_sync_is_not_made_good_by_the_next() {
    let mut forgotten = 0;
    for seed in 0..50 {
        let disk = SimDisk::new(seed);
        let file = disk.create("f").unwrap();
        disk.preallocate(&file, 600).unwrap();
        disk.sync_data(&file).unwrap();
        disk.sync_folder().unwrap();
        disk.write_at(&file, 0, &[1; 600]).unwrap();
        disk.arm(Some(Op::SyncData), 1, Failure::Io);
        assert_eq!(disk.sync_data(&file).unwrap_err().code, Code::DiskFailed);
        assert_eq!(read(&disk, &file), [1; 600], "the cache still shows it");
        disk.sync_data(&file).unwrap();
        disk.forget_cached(&file).unwrap();
        let held = read(&disk, &file);
        forgotten += u32::from(held != [1; 600]);
        disk.crash();
        assert_eq!(read(&disk, &disk.open("f").unwrap()), held, "what the device held");
    }
    assert!(forgotten > 10);
}

#[test]
fn armed_calls_fail_as_told_and_are_counted() {
    let disk = SimDisk::new(1);
    let file = disk.create("f").unwrap();
    disk.arm(Some(Op::WriteAt), 2, Failure::Short);
    disk.arm(None, 3, Failure::Full);
    disk.write_at(&file, 0, &[1; 100]).unwrap();
    assert_eq!(disk.write_at(&file, 100, &[1; 100]).unwrap_err().code, Code::DiskFull);
    assert!((100..200).contains(&(read_len(&disk, "f"))));
    assert_eq!(disk.len(&file).unwrap_err().code, Code::DiskFull);
    disk.arm(None, 1, Failure::Death);
    assert!(disk.sync_folder().is_err());
    assert!(disk.names().is_err(), "dead until restarted");
    disk.crash();
    disk.names().unwrap();
    let faults = disk.faults();
    assert_eq!((faults.writes_short, faults.calls_full, faults.deaths, faults.crashes), (1, 1, 1, 1));
}

fn read_len(disk: &SimDisk, name: &str) -> usize {
    disk.contents(name).unwrap().len()
}

#[test]
fn one_seed_is_one_history() {
    let run = |seed| {
        let disk = SimDisk::new(seed);
        for name in ["a", "b", "c"] {
            let file = disk.create(name).unwrap();
            disk.write_at(&file, 0, &[7; 3000]).unwrap();
        }
        disk.crash();
        (disk.names().unwrap(), disk.contents("a"), disk.faults())
    };
    assert_eq!(run(4), run(4));
    assert!((0..20).any(|seed| run(seed) != run(4)));
}
