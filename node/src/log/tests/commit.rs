//! The steps of a commit and what can be read back, the same over every disk.

use ogic_certs::merkle::{leaf_hash, verify_consistency, verify_many};
use ogic_certs::{Code, Digest};

use super::super::disk::{Failure, Op};
use super::super::entry::ENTRY_BYTES_MAX;
use super::super::{Disk, Entry, EntryKind, Log, Position, RealDisk, SimDisk, entry};
use super::{ORIGIN, assert_seen, commit_and_sign, open, options, script, stored};

/// Everything a log promises while nothing goes wrong, over a disk that can be opened again.
fn conforms<D: Disk>(mut reopen: impl FnMut() -> D) {
    let options = options(2000);
    let commits = script(20);
    let (mut log, seen) = open(reopen(), &options).unwrap();
    assert_eq!((seen.len(), log.size(), log.last_commit()), (0, 0, 0));

    let mut places = Vec::new();
    for (i, entries) in commits.iter().enumerate() {
        let before = log.size();
        let committed = log.commit(entries).unwrap();
        assert_eq!(committed.number, i as u64 + 1);
        assert_eq!((committed.first_leaf, committed.size, committed.root), (before, log.size(), log.root()));
        let leaves: Vec<(u64, Digest)> = committed
            .places
            .iter()
            .zip(entries)
            .filter_map(|(place, entry)| Some((place.leaf?, leaf_hash(entry.leaf()?))))
            .collect();
        assert_eq!(leaves.len() as u64, committed.size - before);
        if !leaves.is_empty() {
            let indices: Vec<u64> = leaves.iter().map(|(index, _)| *index).collect();
            let proof = log.prove(&indices, committed.size).unwrap();
            verify_many(&leaves, committed.size, &committed.root, &proof).unwrap();
        }
        if i % 4 != 0 {
            // A caller may leave out a signature, and sign a later state.
            log.note_signed(committed.size, committed.root).unwrap();
        }
        places.extend(committed.places);
    }
    let (size, root, signed) = (log.size(), log.root(), log.signed());
    assert!(log.disk().names().unwrap().len() > 3, "several segments");
    drop(log);

    let (mut log, seen) = open(reopen(), &options).unwrap();
    assert_seen(&seen, commits.iter().flatten(), "after reopening");
    assert_eq!((log.size(), log.root(), log.last_commit()), (size, root, 20));
    assert!(log.signed().0 <= signed.0);
    for ((place, seen), entry) in places.iter().zip(&seen).zip(commits.iter().flatten()) {
        assert_eq!((place.position, place.leaf), (seen.0, seen.3));
        assert_eq!(log.read(place.position).unwrap(), (entry.kind(), stored(entry)));
        assert_eq!(Position::from_bytes(place.position.to_bytes()), place.position);
    }
    log.commit(&commits[0]).unwrap();
    let proof = log.consistency(size, log.size()).unwrap();
    verify_consistency(size, log.size(), &root, &log.root(), &proof).unwrap();
    drop(log);

    let (_, seen) = open(reopen(), &options).unwrap();
    assert_seen(&seen, commits.iter().chain([&commits[0]]).flatten(), "after going on");
}

#[test]
fn a_folder_conforms() {
    let folder = tempfile::tempdir().unwrap();
    conforms(|| RealDisk::open(&folder.path().join("a b/журнал")).unwrap());
}

#[test]
fn a_simulated_disk_conforms() {
    let disk = SimDisk::new(3);
    conforms(|| {
        disk.crash();
        disk.clone()
    });
}

#[test]
fn one_write_and_one_sync_a_commit() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(disk, &options(1 << 20)).unwrap();
    let before = log.figures();
    for entries in script(30) {
        commit_and_sign(&mut log, &entries).unwrap();
    }
    let after = log.figures();
    assert_eq!((after.commits, after.entries), (30, 60));
    assert_eq!(after.disk.syncs - before.disk.syncs, 30);
    assert_eq!(after.disk.writes - before.disk.writes, 30);
    assert_eq!(after.disk.folder_syncs, before.disk.folder_syncs);
}

#[test]
fn nothing_is_visible_before_it_is_published() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(disk.clone(), &options(4096)).unwrap();
    let untouched = (disk.calls(), log.size(), log.root());
    let dropped = log.begin(&script(1)[0]).unwrap();
    drop(dropped);
    assert_eq!((disk.calls(), log.size(), log.root()), untouched);

    let stale = log.begin(&script(1)[0]).unwrap();
    let staged = log.begin(&script(2)[1]).unwrap();
    let written = log.write(staged).unwrap();
    assert_eq!(log.begin(&script(1)[0]).unwrap_err().code, Code::Internal, "another commit is under way");
    let durable = log.sync(written).unwrap();
    assert_eq!(log.size(), 0);
    assert_eq!(log.begin(&script(1)[0]).unwrap_err().code, Code::Internal, "the last is not published");
    let committed = log.publish(durable);
    assert_eq!((committed.number, log.size()), (1, committed.size));
    assert_eq!(log.write(stale).unwrap_err().code, Code::Internal, "its number was taken");
    assert!(!log.is_read_only());
    commit_and_sign(&mut log, &script(3)[2]).unwrap();
}

#[test]
fn what_is_over_a_limit_is_refused_and_nothing_happens() {
    let leaf_kind = |leaf: usize, body| Entry::with_leaf(EntryKind::Event, vec![1; leaf], vec![0; body]);
    let plain = |kind, bytes| Entry::plain(kind, vec![0; bytes]);
    for (name, entry, outcome) in [
        ("longest_entry", plain(EntryKind::Alarm, ENTRY_BYTES_MAX), None),
        ("longer_entry", plain(EntryKind::Alarm, ENTRY_BYTES_MAX + 1), Some(Code::TooLarge)),
        ("longest_entry_with_leaf", leaf_kind(100, ENTRY_BYTES_MAX - 102), None),
        ("longer_entry_with_leaf", leaf_kind(100, ENTRY_BYTES_MAX - 101), Some(Code::TooLarge)),
        ("longest_leaf", leaf_kind(65_535, 0), None),
        ("longer_leaf", leaf_kind(65_536, 0), Some(Code::ValueRefused)),
        ("empty_leaf", leaf_kind(0, 5), Some(Code::ValueRefused)),
        ("leaf_missing", plain(EntryKind::Event, 5), Some(Code::KindMismatch)),
        (
            "leaf_unwanted",
            Entry::with_leaf(EntryKind::Registry, vec![1], Vec::new()),
            Some(Code::KindMismatch),
        ),
    ] {
        assert_eq!(entry.err().map(|p| p.code), outcome, "{name}");
    }

    let disk = SimDisk::new(1);
    let (mut log, _) = open(disk.clone(), &options(4096)).unwrap();
    let small = Entry::plain(EntryKind::Outcome, vec![7]).unwrap();
    let half = plain(EntryKind::Alarm, ENTRY_BYTES_MAX / 2).unwrap();
    let calls = disk.calls();
    for (name, entries, outcome) in [
        ("no_entries", vec![], Code::ValueRefused),
        ("too_many_entries", vec![small.clone(); 4097], Code::TooLarge),
        ("too_many_bytes", vec![half.clone(), half.clone(), small.clone()], Code::TooLarge),
    ] {
        assert_eq!(log.commit(&entries).unwrap_err().code, outcome, "{name}");
    }
    assert_eq!(disk.calls(), calls, "the disk was not touched");

    // The largest frames find a segment of their own, and are read again.
    log.commit(&vec![small; 4096]).unwrap();
    let place = log.commit(&[plain(EntryKind::Alarm, ENTRY_BYTES_MAX).unwrap()]).unwrap().places[0];
    log.commit(&script(1)[0]).unwrap();
    assert_eq!(log.read(place.position).unwrap().1.len(), ENTRY_BYTES_MAX);
    drop(log);
    assert_eq!(open(disk, &options(4096)).unwrap().1.len(), 4098);
}

#[test]
fn only_what_the_log_was_can_be_noted_as_signed() {
    let (mut log, _) = open(SimDisk::new(1), &options(4096)).unwrap();
    let first = log.commit(&script(1)[0]).unwrap();
    let second = log.commit(&script(2)[1]).unwrap();
    let wrong = Digest::of(b"wrong");
    for (name, size, root) in [
        ("wrong_root", second.size, wrong),
        ("wrong_size", second.size + 1, second.root),
        ("root_of_another_size", first.size, second.root),
    ] {
        assert_eq!(log.note_signed(size, root).unwrap_err().code, Code::Internal, "{name}");
    }
    log.note_signed(first.size, first.root).unwrap();
    log.note_signed(second.size, second.root).unwrap();
    assert_eq!(log.note_signed(first.size, first.root).unwrap_err().code, Code::Internal, "going back");
    assert_eq!(log.signed(), (second.size, second.root));
}

#[test]
fn after_an_error_of_the_disk_the_log_is_read_only_until_it_is_opened_again() {
    for (op, failure, code) in [
        (Op::WriteAt, Failure::Io, Code::DiskFailed),
        (Op::WriteAt, Failure::Full, Code::DiskFull),
        (Op::WriteAt, Failure::Short, Code::DiskFull),
        (Op::SyncData, Failure::Io, Code::DiskFailed),
        (Op::SyncData, Failure::Full, Code::DiskFull),
    ] {
        let context = format!("{op:?} {failure:?}");
        let disk = SimDisk::new(5);
        let (mut log, _) = open(disk.clone(), &options(1 << 16)).unwrap();
        let place = log.commit(&script(1)[0]).unwrap().places[0];
        let (size, root) = (log.size(), log.root());
        disk.arm(Some(op), 1, failure);
        assert_eq!(log.commit(&script(2)[1]).unwrap_err().code, code, "{context}");
        assert!(log.is_read_only(), "{context}");
        assert_eq!(log.commit(&script(2)[1]).unwrap_err().code, Code::StoreReadOnly, "{context}");
        assert_eq!((log.size(), log.root()), (size, root), "{context}");
        assert_eq!(log.read(place.position).unwrap().1, stored(&script(1)[0][0]), "{context}");
        drop(log);
        let (mut log, seen) = open(disk, &options(1 << 16)).unwrap();
        assert!(seen.len() == 1 || seen.len() == 3, "{context}");
        commit_and_sign(&mut log, &script(3)[2]).unwrap();
    }
}

#[test]
fn a_position_where_no_entry_lies_is_refused() {
    let (mut log, _) = open(SimDisk::new(1), &options(1000)).unwrap();
    let mut places = Vec::new();
    for entries in script(9) {
        places.extend(log.commit(&entries).unwrap().places);
    }
    for place in &places {
        let good = place.position;
        for (name, bad) in [
            ("one_later", Position { offset: good.offset + 1, ..good }),
            ("one_earlier", Position { offset: good.offset - 1, ..good }),
            ("one_longer", Position { bytes: good.bytes + 1, ..good }),
            ("one_shorter", Position { bytes: good.bytes - 1, ..good }),
            ("far_off", Position { offset: u32::MAX, ..good }),
            ("huge", Position { bytes: u32::MAX, ..good }),
            ("in_the_header", Position { offset: 3, ..good }),
            ("other_segment", Position { segment: 1 << 40, ..good }),
        ] {
            assert_eq!(log.read(bad).unwrap_err().code, Code::StoreDamaged, "{name} {good:?}");
        }
    }
}

#[test]
fn numbers_of_kinds_are_what_is_on_disks() {
    let numbers: Vec<u8> = EntryKind::ALL.iter().map(|kind| kind.number()).collect();
    assert_eq!(numbers, (1..=22).collect::<Vec<u8>>());
    for kind in EntryKind::ALL {
        assert_eq!(EntryKind::from_number(kind.number()), Some(*kind));
        assert_eq!(kind.has_leaf(), kind.number() <= 3 || *kind == EntryKind::Held);
    }
    assert_eq!((EntryKind::from_number(0), EntryKind::from_number(23)), (None, None));
    assert_eq!(entry::split_leaf(b"\0\x02abc").unwrap(), (&b"ab"[..], &b"c"[..]));
    for bad in [&b""[..], b"\0", b"\0\0abc", b"\0\x04abc"] {
        assert_eq!(entry::split_leaf(bad).unwrap_err().code, Code::StoreDamaged);
    }
}

#[test]
fn the_short_way_to_open_is_the_same() {
    let disk = SimDisk::new(1);
    let mut log = Log::open(disk.clone(), ORIGIN, None, |_, _, _, _| Ok(())).unwrap();
    commit_and_sign(&mut log, &script(1)[0]).unwrap();
    let size = log.size();
    drop(log);
    let (log, seen) = open(disk, &options(8 << 20)).unwrap();
    assert_eq!((log.size(), seen.len()), (size, 1));
}
