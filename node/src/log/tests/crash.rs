//! The process or the power ends, or a call fails, at every place of a scripted run.

use ogic_certs::{Code, Result};

use super::super::disk::{Failure, Op};
use super::super::{Entry, Options, SimDisk};
use super::{assert_seen, commit_and_sign, open, options, script};

const COMMITS: u64 = 14;

/// Opens the log and makes the commits that are not there yet; `acked` grows by each that was published.
fn run(disk: &SimDisk, options: &Options, commits: &[Vec<Entry>], acked: &mut usize) -> Result<()> {
    let (mut log, _) = open(disk.clone(), options)?;
    // What was ordered without an answer is answered now: it is in the log.
    *acked = (*acked).max(log.last_commit() as usize);
    while let Some(entries) = commits.get(*acked) {
        commit_and_sign(&mut log, entries)?;
        *acked += 1;
    }
    Ok(())
}

/// After a restart: all that was acknowledged, in order, once; the one commit under way wholly or not at all; and
/// what recovery has shown is there for good.
fn check(disk: &SimDisk, options: &Options, commits: &[Vec<Entry>], acked: usize, context: &str) -> usize {
    let (log, seen) = open(disk.clone(), options).unwrap_or_else(|p| panic!("{context}: {p}"));
    let found = log.last_commit() as usize;
    assert!(found == acked || found == acked + 1, "{found} commits, {acked} acknowledged: {context}");
    assert_seen(&seen, commits[..found].iter().flatten(), context);
    let (size, root) = (log.size(), log.root());
    drop(log);
    disk.crash();
    let (log, again) = open(disk.clone(), options).unwrap_or_else(|p| panic!("again, {context}: {p}"));
    assert_eq!((log.size(), log.root()), (size, root), "{context}");
    assert_eq!(again, seen, "what recovery showed is durable: {context}");
    found
}

fn calls_of_a_whole_run(segment_bytes: u64) -> u64 {
    let disk = SimDisk::new(0);
    let mut acked = 0;
    run(&disk, &options(segment_bytes), &script(COMMITS), &mut acked).unwrap();
    assert_eq!(acked as u64, COMMITS);
    disk.calls()
}

#[test]
fn a_crash_at_any_call_loses_nothing_acknowledged() {
    let commits = script(COMMITS);
    for segment_bytes in [700, 3000, 1 << 16] {
        let options = options(segment_bytes);
        let (mut torn, mut lost) = (0, 0);
        for call in 1..=calls_of_a_whole_run(segment_bytes) {
            for seed in 0..12 {
                let context = format!("segments {segment_bytes}, call {call}, seed {seed}");
                let disk = SimDisk::new(seed * 7919 + call);
                let mut acked = 0;
                disk.arm(None, call, Failure::Death);
                run(&disk, &options, &commits, &mut acked).unwrap_err();
                match seed % 3 {
                    0 => disk.kill(),
                    1 => disk.crash(),
                    _ => {
                        // What a killed process left in the cache is built upon, and only then the power goes.
                        disk.kill();
                        run(&disk, &options, &commits, &mut acked)
                            .unwrap_or_else(|p| panic!("{context}: {p}"));
                        disk.crash();
                    }
                }
                acked = check(&disk, &options, &commits, acked, &context);
                run(&disk, &options, &commits, &mut acked).unwrap_or_else(|p| panic!("{context}: {p}"));
                check(&disk, &options, &commits, COMMITS as usize, &context);
                torn += disk.faults().writes_torn;
                lost += disk.faults().writes_lost;
            }
        }
        assert!(torn > 20 && lost > 20, "the faults happened: {torn} torn, {lost} lost");
    }
}

#[test]
fn a_crash_at_any_call_of_a_recovery_loses_nothing() {
    let (options, commits) = (options(900), script(COMMITS));
    let mut cuts = 0;
    for seed in 0..40 {
        let disk = SimDisk::new(seed);
        let mut acked = 0;
        // Dies in a write, so that most recoveries have a tail to cut or a segment to remove.
        disk.arm(Some(Op::WriteAt), 3 + seed % 15, Failure::Death);
        run(&disk, &options, &commits, &mut acked).unwrap_err();
        disk.crash();
        for call in 1.. {
            disk.arm(None, call, Failure::Death);
            match open(disk.clone(), &options) {
                Ok(_) => break,
                Err(problem) => assert_eq!(problem.code, Code::DiskFailed, "seed {seed}, call {call}"),
            }
            cuts += 1;
            disk.crash();
        }
        disk.crash();
        check(&disk, &options, &commits, acked, &format!("seed {seed}"));
    }
    assert!(cuts > 200);
}

#[test]
fn a_failure_of_any_call_is_told_and_loses_nothing() {
    let commits = script(COMMITS);
    for segment_bytes in [700, 1 << 16] {
        let options = options(segment_bytes);
        for failure in [Failure::Io, Failure::Full, Failure::Short] {
            for call in 1..=calls_of_a_whole_run(segment_bytes) {
                let context = format!("segments {segment_bytes}, {failure:?} at call {call}");
                let disk = SimDisk::new(call);
                let mut acked = 0;
                disk.arm(None, call, failure);
                match run(&disk, &options, &commits, &mut acked) {
                    Err(problem) => {
                        let expected = if failure == Failure::Io { Code::DiskFailed } else { Code::DiskFull };
                        assert_eq!(problem.code, expected, "{context}");
                    }
                    // A segment that could not be shortened is as good as one that was.
                    Ok(()) => assert_eq!(acked as u64, COMMITS, "{context}"),
                }
                // The process restarts; nothing was cut off.
                acked = check(&disk, &options, &commits, acked, &context);
                run(&disk, &options, &commits, &mut acked).unwrap_or_else(|p| panic!("{context}: {p}"));
                check(&disk, &options, &commits, COMMITS as usize, &context);
            }
        }
    }
}

#[test]
fn a_full_disk_opens_and_reads() {
    let (options, commits) = (options(1 << 16), script(4));
    for seed in 0..20 {
        let disk = SimDisk::new(seed);
        let (mut log, _) = open(disk.clone(), &options).unwrap();
        commit_and_sign(&mut log, &commits[0]).unwrap();
        disk.arm(Some(Op::WriteAt), 1, Failure::Short);
        assert_eq!(log.commit(&commits[1]).unwrap_err().code, Code::DiskFull);
        drop(log);
        disk.arm(Some(Op::Preallocate), 1, Failure::Full);
        let (mut log, seen) = open(disk.clone(), &options).unwrap();
        assert_seen(&seen, &commits[0], "on a full disk");
        // There is room again.
        commit_and_sign(&mut log, &commits[1]).unwrap();
        disk.crash();
        assert_seen(&open(disk, &options).unwrap().1, commits[..2].iter().flatten(), "after room was made");
    }
}
