//! The frame: magic, sections, the manifest last. Reading is strict and takes no memory but for what is there.

use super::{CAPSULE_BYTES_MAX, MAGIC, Part, SECTIONS_MAX};
use crate::cose::{Kind, Sign1};
use crate::{Code, Problem, Result};

/// Bytes of a section before its content: type and length.
pub(super) const HEADER_BYTES: usize = 5;

/// One section as it lies in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section<'a> {
    pub(super) part: Part,
    pub(super) bytes: &'a [u8],
}

/// What could be read of a file.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// The sections up to the manifest, or up to what broke the frame.
    pub(super) sections: Vec<Section<'a>>,
    /// The manifest's bytes; of a broken frame, if one closes the file.
    pub(super) manifest: Option<&'a [u8]>,
    /// What broke the frame, and where.
    pub(super) broken: Option<(String, Problem)>,
}

/// Reads the frame of `bytes`.
pub(super) fn read(bytes: &[u8]) -> Frame<'_> {
    let mut frame = Frame { sections: Vec::new(), manifest: None, broken: None };
    let outcome = match bytes.split_at_checked(MAGIC.len()) {
        _ if bytes.len() > CAPSULE_BYTES_MAX => Err((
            "capsule".to_owned(),
            Problem::new(Code::TooLarge, "capsule")
                .found(format!("{} bytes", bytes.len()))
                .expected(format!("at most {CAPSULE_BYTES_MAX} bytes")),
        )),
        Some((magic, _)) if magic == MAGIC => sections(bytes, &mut frame),
        _ => {
            let problem = malformed("magic", 0, "other bytes", "\"ogic capsule 1\" and a line feed");
            // The rest is read all the same: every check runs.
            drop(sections(bytes, &mut frame));
            Err(("magic".to_owned(), problem))
        }
    };
    if let Err(broken) = outcome {
        frame.broken = Some(broken);
        if frame.manifest.is_none() {
            frame.manifest = closing_manifest(bytes);
        }
    }
    frame
}

fn sections<'a>(bytes: &'a [u8], frame: &mut Frame<'a>) -> Result<(), (String, Problem)> {
    let mut at = MAGIC.len().min(bytes.len());
    loop {
        let number = frame.sections.len() + 1;
        let place = || format!("section {number}");
        let section = section(bytes, at, number).map_err(|problem| (place(), problem))?;
        let end = at + HEADER_BYTES + section.bytes.len();
        if section.part == Part::Manifest {
            frame.manifest = Some(section.bytes);
            return if end == bytes.len() {
                Ok(())
            } else {
                let found = format!("{} bytes more", bytes.len() - end);
                Err((Part::Manifest.place(0), malformed("end", end, &found, "the end after the manifest")))
            };
        }
        if frame.sections.len() == SECTIONS_MAX {
            let expected = format!("at most {SECTIONS_MAX} sections");
            return Err((place(), Problem::new(Code::TooLarge, "sections").expected(expected)));
        }
        let after = frame.sections.last().map(|last| last.part);
        if after.is_some_and(|last| last > section.part) {
            let found = format!("{:?} after {:?}", section.part, after.unwrap_or(section.part));
            return Err((place(), malformed("section type", at, &found, "the order of the types")));
        }
        frame.sections.push(section);
        at = end;
    }
}

/// The section that begins at `at`.
fn section(bytes: &[u8], at: usize, number: usize) -> Result<Section<'_>> {
    let rest = bytes.get(at..).unwrap_or_default();
    let Some((header, rest)) = rest.split_first_chunk::<HEADER_BYTES>() else {
        return Err(malformed(
            "section",
            at,
            &format!("{} bytes", rest.len()),
            "a section, the manifest last",
        ));
    };
    let [kind, length @ ..] = *header;
    let part = Part::from_number(u64::from(kind)).ok_or_else(|| {
        malformed(&format!("type of section {number}"), at, &kind.to_string(), "1 to 7, or 255")
    })?;
    let length = u32::from_be_bytes(length);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    part.check_bytes(length)?;
    match rest.get(..length) {
        Some(bytes) => Ok(Section { part, bytes }),
        None => {
            let found = format!("a length of {length} with {} bytes left", rest.len());
            Err(malformed(
                &format!("length of section {number}"),
                at + 1,
                &found,
                "a section within the file",
            ))
        }
    }
}

/// Of a file whose frame is broken, the manifest that closes it: what it lists tells which section is damaged.
fn closing_manifest(bytes: &[u8]) -> Option<&[u8]> {
    let first = bytes.len().saturating_sub(Kind::Capsule.bytes_max() + HEADER_BYTES);
    let tail = bytes.get(first..)?;
    let last = tail.len().checked_sub(HEADER_BYTES)?;
    (0..=last).rev().find_map(|at| {
        let (header, content) = tail.get(at..)?.split_first_chunk::<HEADER_BYTES>()?;
        let [kind, length @ ..] = *header;
        let closes = kind == Part::Manifest.number()
            && usize::try_from(u32::from_be_bytes(length)).is_ok_and(|length| length == content.len());
        (closes && Sign1::parse(content, Kind::Capsule).is_ok()).then_some(content)
    })
}

fn malformed(field: &str, at: usize, found: &str, expected: &str) -> Problem {
    Problem::new(Code::Malformed, field).found(format!("{found} at byte {at}")).expected(expected)
}
