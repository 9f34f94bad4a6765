//! A closed journal is edited: what was used is never taken for something else, and no more than a torn tail is cut.

use ogic_certs::Code;

use super::super::disk::Failure;
use super::super::{Entry, EntryKind, Options, SimDisk};
use super::{ORIGIN, assert_seen, closed_journal, commit_and_sign, open, options, script};

const SEGMENT_BYTES: u64 = 1200;
const COMMITS: u64 = 12;

/// The closed journal as files, the newest last.
fn files() -> Vec<(String, Vec<u8>)> {
    files_with(SEGMENT_BYTES)
}

fn files_with(segment_bytes: u64) -> Vec<(String, Vec<u8>)> {
    let disk = closed_journal(COMMITS, segment_bytes);
    let names = super::Disk::names(&disk).unwrap();
    names.into_iter().map(|name| (name.clone(), disk.contents(&name).unwrap())).collect()
}

fn disk_of(files: &[(String, Vec<u8>)]) -> SimDisk {
    let disk = SimDisk::new(1);
    for (name, bytes) in files {
        disk.put(name, bytes.clone());
    }
    disk
}

fn known(size: u64) -> Options {
    Options { known_size: Some(size), ..options(SEGMENT_BYTES) }
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    // Many segments, the newest with one commit; and one segment with all of them and room for more.
    flip_everywhere(SEGMENT_BYTES, 1);
    flip_everywhere(7000, 3);
}

fn flip_everywhere(segment_bytes: u64, step: usize) {
    let files = files_with(segment_bytes);
    let options = options(segment_bytes);
    let (log, seen) = open(disk_of(&files), &options).unwrap();
    let strict = Options { known_size: Some(log.size()), ..options.clone() };
    let last_commit = script(COMMITS).last().unwrap().len();
    let (mut damaged, mut cut, mut unused) = (0, 0, 0);
    for (i, (name, bytes)) in files.iter().enumerate() {
        for offset in (0..bytes.len()).step_by(step) {
            let context = format!("{name} offset {offset}");
            let flipped = || {
                let disk = disk_of(&files);
                assert!(disk.flip(name, offset, offset as u8 % 8));
                disk
            };
            match open(flipped(), &options) {
                Err(problem) => {
                    assert_eq!(problem.code, Code::StoreDamaged, "{context}");
                    assert!(problem.field.contains(name), "{context}: {problem}");
                    damaged += 1;
                }
                Ok((_, found)) => {
                    assert_eq!(i + 1, files.len(), "{context}: only a tail can be torn");
                    assert_eq!(found[..], seen[..found.len()], "{context}");
                    if found.len() == seen.len() {
                        unused += 1;
                        continue;
                    }
                    assert_eq!(
                        found.len(),
                        seen.len() - last_commit,
                        "{context}: no more than the last commit"
                    );
                    cut += 1;
                }
            }
            // Whoever holds a checkpoint of this size is told that it is damage, and nothing is cut.
            let disk = flipped();
            let before = disk.contents(name);
            let problem = open(disk.clone(), &strict).unwrap_err();
            assert_eq!(problem.code, Code::StoreDamaged, "{context}");
            assert!(problem.field.contains(name), "{context}: {problem}");
            assert_eq!(disk.contents(name), before, "{context}");
        }
    }
    assert!(damaged > 500 && cut > 100 && unused > 20, "{damaged} {cut} {unused}");
}

#[test]
fn a_journal_cut_short_is_a_torn_tail_or_damage_by_what_others_hold() {
    let files = files();
    let size = open(disk_of(&files), &options(SEGMENT_BYTES)).unwrap().0.size();
    let commits = script(COMMITS);
    let (last, earlier) = files.split_last().unwrap();
    for kept in 0..last.1.len() {
        let mut edited = earlier.to_vec();
        edited.push((last.0.clone(), last.1[..kept].to_vec()));
        let (log, seen) = open(disk_of(&edited), &options(SEGMENT_BYTES)).unwrap();
        let found = log.last_commit() as usize;
        assert_seen(&seen, commits[..found].iter().flatten(), "a prefix, whole commits only");
        let strict = open(disk_of(&edited), &known(size));
        assert_eq!(strict.is_ok(), log.size() == size, "cut to {kept}");
    }
}

#[test]
fn edits_of_whole_files_are_damage() {
    type Edit = fn(&mut Vec<(String, Vec<u8>)>);
    let edits: [(&str, Edit, &str); 7] = [
        ("first_segment_missing", |f| drop(f.remove(0)), "commit 1"),
        ("middle_segment_missing", |f| drop(f.remove(2)), "commit"),
        (
            "two_segments_swapped",
            |f| {
                let held = f[1].1.clone();
                f[1].1 = std::mem::replace(&mut f[2].1, held);
            },
            "segment",
        ),
        ("segment_emptied", |f| f[1].1.clear(), "check"),
        ("segment_zeroed", |f| f[1].1.fill(0), "check"),
        (
            "segment_without_its_last_byte",
            |f| {
                f[1].1.pop();
            },
            "check",
        ),
        ("bytes_behind_a_full_segment", |f| f[1].1.extend_from_slice(b"more"), "check"),
    ];
    for (name, edit, word) in edits {
        let mut files = files();
        edit(&mut files);
        let disk = disk_of(&files);
        let problem = open(disk.clone(), &options(SEGMENT_BYTES)).unwrap_err();
        assert_eq!(problem.code, Code::StoreDamaged, "{name}");
        assert!(problem.to_string().contains(word), "{name}: {problem}");
        for (file, bytes) in &files {
            assert_eq!(disk.contents(file).as_ref(), Some(bytes), "{name}: nothing was changed");
        }
    }
}

#[test]
fn removed_last_commits_are_found_by_who_holds_more() {
    let mut files = files();
    let size = open(disk_of(&files), &options(SEGMENT_BYTES)).unwrap().0.size();
    files.pop();
    let (log, _) = open(disk_of(&files), &options(SEGMENT_BYTES)).unwrap();
    let left = log.size();
    assert!(left < size);
    assert_eq!(open(disk_of(&files), &known(size)).unwrap_err().code, Code::StoreDamaged);
    open(disk_of(&files), &known(left)).unwrap();
    let nothing = open(SimDisk::new(1), &known(1)).unwrap_err();
    assert_eq!(nothing.code, Code::StoreDamaged);
}

#[test]
fn the_journal_of_another_log_is_refused() {
    let disk = closed_journal(3, SEGMENT_BYTES);
    let other = Options { origin: format!("{ORIGIN}0"), ..options(SEGMENT_BYTES) };
    assert_eq!(open(disk, &other).unwrap_err().code, Code::StoreDamaged);
}

#[test]
fn a_frame_that_repeats_another_root_is_damage() {
    // Two journals of one log and salt that differ in their first commit: a fork, as from a restored copy.
    let tail = |n: u64| {
        let disk = SimDisk::new(1);
        let (mut log, _) = open(disk.clone(), &options(400)).unwrap();
        let leaf = Entry::with_leaf(EntryKind::Event, vec![n as u8; 200], vec![0; 100]).unwrap();
        for _ in 0..3 {
            commit_and_sign(&mut log, std::slice::from_ref(&leaf)).unwrap();
        }
        super::Disk::names(&disk)
            .unwrap()
            .into_iter()
            .map(|name| {
                let bytes = disk.contents(&name).unwrap();
                (name, bytes)
            })
            .collect::<Vec<_>>()
    };
    let (ours, theirs) = (tail(1), tail(2));
    let mixed = [vec![ours[0].clone()], theirs[1..].to_vec()].concat();
    open(disk_of(&ours), &options(400)).unwrap();
    let problem = open(disk_of(&mixed), &options(400)).unwrap_err();
    assert_eq!(problem.code, Code::StoreDamaged);
    assert!(problem.field.contains("commit 2"), "{problem}");
}

#[test]
fn a_strangers_bytes_in_a_torn_frame_are_no_later_commit() {
    // The entry holds a whole segment of a journal with another salt, whose commits have later numbers.
    let foreign = files().into_iter().flat_map(|(_, bytes)| bytes).collect::<Vec<u8>>();
    let hostile = [Entry::plain(EntryKind::OutboxPut, foreign).unwrap()];
    let mut torn = 0;
    for seed in 100..140 {
        let disk = SimDisk::new(seed);
        let (mut log, _) = open(disk.clone(), &options(1 << 16)).unwrap();
        commit_and_sign(&mut log, &script(1)[0]).unwrap();
        disk.arm(Some(super::super::disk::Op::SyncData), 1, Failure::Death);
        log.commit(&hostile).unwrap_err();
        disk.crash();
        torn += disk.faults().writes_torn;
        let (log, seen) = open(disk, &options(1 << 16)).unwrap();
        assert!(log.last_commit() == 1 || seen.len() == 2);
    }
    assert!(torn > 5);
}

#[test]
fn what_a_newer_release_wrote_is_refused_as_such() {
    let files = files();
    let (name, bytes) = &files[0];
    let salt: [u8; 16] = bytes[50..66].try_into().unwrap();
    let mut segment = bytes.clone();
    segment[9] = 2;
    let check = ogic_certs::Digest::of(&segment[..66]);
    segment[66..98].copy_from_slice(check.as_bytes());

    // An edit of the first frame, with its digests made to fit.
    let frame = |edit: fn(&mut [u8])| {
        let mut bytes = bytes.clone();
        let frame = &mut bytes[98..];
        edit(frame);
        let length = u32::from_be_bytes(frame[12..16].try_into().unwrap()) as usize;
        let digest = ogic_certs::Digest::of(&frame[128..128 + length]);
        frame[64..96].copy_from_slice(digest.as_bytes());
        let check = ogic_certs::Digest::of_parts(&[&salt, &frame[..96]]);
        frame[96..128].copy_from_slice(check.as_bytes());
        bytes
    };
    for (case, bytes, code) in [
        ("nothing_changed", frame(|_| ()), None),
        ("segment_version", segment, Some(Code::StoreNewer)),
        ("frame_version", frame(|f| f[6] = 2), Some(Code::StoreNewer)),
        ("frame_flags", frame(|f| f[7] = 1), Some(Code::StoreNewer)),
        ("entry_kind", frame(|f| f[128] = 99), Some(Code::StoreNewer)),
        ("entry_kind_zero", frame(|f| f[128] = 0), Some(Code::StoreNewer)),
        ("entry_flags", frame(|f| f[129] = 1), Some(Code::StoreNewer)),
        ("entry_sealed", frame(|f| f[133] = 1), Some(Code::StoreNewer)),
        ("entry_too_long", frame(|f| f[134] = 1), Some(Code::StoreDamaged)),
        ("leaf_too_long", frame(|f| f[138] = 255), Some(Code::StoreDamaged)),
        ("fewer_entries", frame(|f| f[11] = 0), Some(Code::StoreDamaged)),
        ("more_entries", frame(|f| f[8..12].fill(255)), Some(Code::StoreDamaged)),
        ("commit_number", frame(|f| f[23] = 2), Some(Code::StoreDamaged)),
        ("signed_size", frame(|f| f[31] = 1), Some(Code::StoreDamaged)),
        ("signed_root", frame(|f| f[32] ^= 1), Some(Code::StoreDamaged)),
    ] {
        let disk = disk_of(&[(name.clone(), bytes)]);
        let outcome = open(disk, &options(SEGMENT_BYTES)).err();
        assert_eq!(outcome.as_ref().map(|p| p.code), code, "{case}: {outcome:?}");
        assert!(outcome.is_none_or(|p| p.field.contains(name.as_str())), "{case} names the segment");
    }
}
