//! The archive over a simulated disk: what was answered is there, whatever happens.

use ogic_certs::cose::Signer;
use ogic_certs::evidence::Judgement;
use ogic_certs::testing::{agency, lone_signer};

use super::*;
use crate::log::SimDisk;
use crate::log::disk::{Failure, Op};

const ORIGIN: &str = "ttp.gov.example/log/00000000000000000000000000000001/1";
const NOW: Timestamp = Timestamp::from_ms_clamped(1_795_576_803_007);

fn signer() -> Signer {
    lone_signer("ogic://ttp.gov.example/ttp", 1)
}

fn question(nonce: u8, header: &[u8]) -> VerifyRequest {
    VerifyRequest {
        nonce: [nonce; 16],
        header: header.to_vec(),
        approval: None,
        documents: Vec::new(),
        certificates: Vec::new(),
    }
}

/// Evidence for transport; `at` tells two answers to one question apart.
fn evidence(signer: &Signer, nonce: u8, at: u64) -> Signed<Evidence> {
    let evidence = Evidence {
        requester: agency("transport.gov.example"),
        nonce: [nonce; 16],
        event: EventId::of(b"header"),
        approval: None,
        at: NOW.plus_ms(at),
        time_source: "a test".to_owned(),
        policy: Digest::ZERO,
        mandate: None,
        judgement: Judgement::PASSED,
        checks: Vec::new(),
        inputs: Vec::new(),
    };
    Signed::sign(evidence, signer).unwrap()
}

#[test]
fn the_same_question_gets_the_same_answer_for_ever() {
    let (disk, signer, transport) = (SimDisk::new(1), signer(), agency("transport.gov.example"));
    let mut archive = Archive::open(disk.clone(), ORIGIN).unwrap();
    let first = archive.keep(&[evidence(&signer, 1, 0), evidence(&signer, 2, 0)]).unwrap();
    // Two tasks judged one question: the first that was kept is the answer to both.
    let later =
        archive.keep(&[evidence(&signer, 1, 5), evidence(&signer, 3, 5), evidence(&signer, 3, 6)]).unwrap();
    assert_eq!(later[0], first[0]);
    assert_eq!(later[1], later[2]);
    for archive in [archive, Archive::open(disk, ORIGIN).unwrap()] {
        assert_eq!(archive.answered(&transport, &question(1, b"header")).unwrap().as_ref(), Some(&first[0]));
        assert_eq!(archive.answered(&agency("health.gov.example"), &question(1, b"header")).unwrap(), None);
        assert_eq!(archive.answered(&transport, &question(9, b"header")).unwrap(), None);
        assert_eq!(archive.answered(&transport, &question(1, b"other")).unwrap_err().code, Code::KeyConflict);
        assert_eq!(
            (archive.len(), archive.verdicts()[&Verdict::TotalPassed], archive.latest()),
            (3, 3, NOW.plus_ms(5))
        );
        assert_eq!(archive.about(&EventId::of(b"header")).unwrap().as_ref(), Some(&later[1]));
        assert_eq!(archive.about(&EventId::of(b"other")).unwrap(), None);
        let newest: Vec<u8> = archive.newest(2).unwrap().iter().map(|evidence| evidence.nonce[0]).collect();
        assert_eq!(newest, [3, 2]);
    }
}

/// A power cut at every call of the disk: what was answered is kept.
#[test]
fn an_answer_outlives_a_crash_anywhere() {
    let (signer, transport) = (signer(), agency("transport.gov.example"));
    let (mut lost, mut kept) = (0, 0);
    for nth in 1.. {
        let disk = SimDisk::new(nth);
        let mut archive = Archive::open(disk.clone(), ORIGIN).unwrap();
        disk.arm(None, nth, Failure::Death);
        let answer = archive.keep(&[evidence(&signer, 1, 0)]);
        drop(archive);
        disk.disarm();
        disk.crash();
        let mut archive = Archive::open(disk, ORIGIN).unwrap();
        let found = archive.answered(&transport, &question(1, b"header")).unwrap();
        *(if found.is_some() { &mut kept } else { &mut lost }) += 1;
        if let Ok(answer) = answer {
            assert_eq!(found.as_ref(), Some(&answer[0]), "call {nth}");
            break;
        }
        // The question comes again.
        let again = archive.keep(&[evidence(&signer, 1, 7)]).unwrap();
        assert!(found.is_none_or(|found| found == again[0]), "call {nth}");
        assert_eq!(archive.len(), 1);
    }
    assert!(lost > 0 && kept > 0);
}

#[test]
fn nothing_is_answered_that_is_not_durable() {
    for op in [Op::WriteAt, Op::SyncData] {
        let (disk, signer) = (SimDisk::new(1), signer());
        let mut archive = Archive::open(disk.clone(), ORIGIN).unwrap();
        disk.arm(Some(op), 1, Failure::Io);
        assert!(archive.keep(&[evidence(&signer, 1, 0)]).is_err(), "{op:?}");
        assert!(archive.is_empty() && archive.is_read_only(), "{op:?}");
    }
}

#[test]
fn a_journal_of_something_else_is_no_archive() {
    let disk = SimDisk::new(1);
    let mut log = Log::open(disk.clone(), ORIGIN, None, |_, _, _, _| Ok(())).unwrap();
    log.commit(&[Entry::plain(EntryKind::Token, vec![1]).unwrap()]).unwrap();
    drop(log);
    assert_eq!(Archive::open(disk, ORIGIN).unwrap_err().code, Code::StoreDamaged);
}
