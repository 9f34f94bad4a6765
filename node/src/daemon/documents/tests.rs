//! Documents that come whole, in parts, from several senders, and not as they were named.

use ogic_certs::testing::agency;

use super::*;

const CASE: CaseId = CaseId(Digest::ZERO);

fn reference(id: &DocumentId) -> DocumentRef {
    DocumentRef {
        sha256: id.sha256,
        root: id.root,
        bytes: id.bytes,
        label: "x".to_owned(),
        media_type: "application/pdf".to_owned(),
    }
}

#[tokio::test]
async fn a_document_is_visible_when_it_is_whole() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = Documents::open(here.path()).unwrap();
    let target = Documents::open(there.path()).unwrap();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let id = source.take(bytes.as_slice(), "1").await.unwrap();
    let document = reference(&id);
    let mut incoming = target.resume(&document, CASE, &agency("a.gov.example")).await.unwrap().unwrap();
    incoming.push(&bytes[..1_500_000]).await.unwrap();
    incoming.file.flush().await.unwrap();
    drop(incoming);
    assert!(!target.has(&id.sha256));
    let mut incoming = target.resume(&document, CASE, &agency("a.gov.example")).await.unwrap().unwrap();
    assert_eq!(incoming.offset(), 1_500_000);
    let (left, mut file) = source.read(&id.sha256, incoming.offset()).await.unwrap();
    assert_eq!(left, 1_500_000);
    let mut rest = Vec::new();
    file.read_to_end(&mut rest).await.unwrap();
    incoming.push(&rest).await.unwrap();
    incoming.finish().await.unwrap();
    assert!(target.has(&id.sha256));
}

#[tokio::test]
async fn other_bytes_are_never_visible() {
    let folder = tempfile::tempdir().unwrap();
    let documents = Documents::open(folder.path()).unwrap();
    let mut hasher = DocumentHasher::new();
    hasher.update(b"right");
    let document = reference(&hasher.finish());
    let mut incoming = documents.resume(&document, CASE, &agency("a.gov.example")).await.unwrap().unwrap();
    incoming.push(b"wrong").await.unwrap();
    assert_eq!(incoming.finish().await.unwrap_err().code, Code::DigestMismatch);
    assert!(!documents.has(&document.sha256));
    let mut incoming = documents.resume(&document, CASE, &agency("a.gov.example")).await.unwrap().unwrap();
    assert_eq!(incoming.offset(), 0);
    assert_eq!(incoming.push(b"longer").await.unwrap_err().code, Code::DigestMismatch);
    assert_eq!(documents.read(&document.sha256, 0).await.unwrap_err().code, Code::DocumentMissing);
}

#[tokio::test]
async fn one_sender_cannot_write_into_what_another_sent() {
    let folder = tempfile::tempdir().unwrap();
    let documents = Documents::open(folder.path()).unwrap();
    let mut hasher = DocumentHasher::new();
    hasher.update(b"right");
    let document = reference(&hasher.finish());
    let (honest, other) = (agency("a.gov.example"), agency("b.gov.example"));
    let mut right = documents.resume(&document, CASE, &honest).await.unwrap().unwrap();
    let mut wrong = documents.resume(&document, CASE, &other).await.unwrap().unwrap();
    right.push(b"right").await.unwrap();
    right.finish().await.unwrap();
    wrong.push(b"wrong").await.unwrap();
    assert_eq!(wrong.finish().await.unwrap_err().code, Code::DigestMismatch);
    let mut bytes = Vec::new();
    documents.read(&document.sha256, 0).await.unwrap().1.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes, b"right");
    assert_eq!(std::fs::read_dir(folder.path().join("partial")).unwrap().count(), 0);
}

#[tokio::test]
async fn two_transfers_from_one_sender_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let documents = Documents::open(folder.path()).unwrap();
    let mut hasher = DocumentHasher::new();
    hasher.update(b"right");
    let (document, source) = (reference(&hasher.finish()), agency("a.gov.example"));
    let mut first = documents.resume(&document, CASE, &source).await.unwrap().unwrap();
    let second = {
        let (documents, document, source) = (documents.clone(), document.clone(), source.clone());
        tokio::spawn(async move { documents.resume(&document, CASE, &source).await.unwrap().is_none() })
    };
    // On one thread the second has looked, and waits, when this one goes on.
    tokio::task::yield_now().await;
    assert!(!second.is_finished());
    first.push(b"right").await.unwrap();
    first.finish().await.unwrap();
    assert!(second.await.unwrap(), "what is here is not fetched again");
}

#[tokio::test]
async fn what_a_killed_process_left_of_an_upload_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let documents = Documents::open(folder.path()).unwrap();
    let mut hasher = DocumentHasher::new();
    hasher.update(b"right");
    let document = reference(&hasher.finish());
    drop(documents.resume(&document, CASE, &agency("a.gov.example")).await.unwrap());
    std::fs::write(folder.path().join("partial/new-0"), b"x").unwrap();
    Documents::open(folder.path()).unwrap();
    let left = std::fs::read_dir(folder.path().join("partial")).unwrap();
    assert_eq!(left.count(), 1, "a transfer that goes on is kept");
}

#[tokio::test]
async fn a_document_of_one_case_is_not_had_for_another_by_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let documents = Documents::open(folder.path()).unwrap();
    let document = reference(&documents.take(b"of one case".as_slice(), "1").await.unwrap());
    let (home, honest, other) = (agency("h.gov.example"), agency("a.gov.example"), agency("b.gov.example"));
    let elsewhere = CaseId(Digest::of(b"another case"));
    let is_of =
        |case, by: &AgencyId| documents.is_of(case, &home, std::slice::from_ref(by), &document.sha256);
    assert!(is_of(CASE, &home) && !is_of(CASE, &honest));

    // Its bytes must come although they are here.
    let mut incoming = documents.resume(&document, CASE, &honest).await.unwrap().unwrap();
    assert_eq!(incoming.offset(), 0);
    incoming.push(b"of one case").await.unwrap();
    incoming.finish().await.unwrap();
    for (name, case, source, came) in [
        ("from there for this case", CASE, &honest, true),
        ("from there for another case", elsewhere, &honest, false),
        ("from another for this case", CASE, &other, false),
    ] {
        assert_eq!(documents.came(case, source, &document.sha256), came, "{name}");
        assert_eq!(is_of(case, source), came, "{name}");
        assert_eq!(documents.resume(&document, case, source).await.unwrap().is_none(), came, "{name}");
    }
    // What came stays come after a restart; without its bytes the mark says nothing.
    let documents = Documents::open(folder.path()).unwrap();
    assert!(documents.came(CASE, &honest, &document.sha256));
    std::fs::remove_file(folder.path().join(document.sha256.to_string())).unwrap();
    assert!(!documents.came(CASE, &honest, &document.sha256));
}

#[tokio::test]
async fn digest_root_and_length_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let documents = Documents::open(folder.path()).unwrap();
    let right = reference(&documents.take(b"right".as_slice(), "1").await.unwrap());
    type Edit = fn(&mut DocumentRef);
    let rows: [(&str, Edit, Option<&str>); 4] = [
        ("nothing", |_| {}, None),
        ("the root", |named| named.root = Digest::of(b"root"), Some("document root")),
        ("a byte less", |named| named.bytes -= 1, Some("document bytes")),
        ("a byte more", |named| named.bytes += 1, Some("document bytes")),
    ];
    // What is remembered and what is read again are alike.
    for documents in [&documents, &Documents::open(folder.path()).unwrap()] {
        for (name, edit, field) in &rows {
            let mut named = right.clone();
            edit(&mut named);
            let found = documents.compare(&named).await.map_err(|problem| (problem.code, problem.field));
            assert_eq!(
                found,
                field.map_or(Ok(()), |field| Err((Code::DigestMismatch, field.to_owned()))),
                "{name}"
            );
        }
    }
    // Nor does the right content make a document of another root.
    let wrong = DocumentRef { root: Digest::of(b"root"), ..right.clone() };
    let source = agency("a.gov.example");
    let mut incoming = documents.resume(&wrong, CASE, &source).await.unwrap().unwrap();
    incoming.push(b"right").await.unwrap();
    assert_eq!(incoming.finish().await.unwrap_err().field, "document root");
    assert!(!documents.came(CASE, &source, &right.sha256));
    std::fs::write(folder.path().join(right.sha256.to_string()), b"wrong").unwrap();
    let documents = Documents::open(folder.path()).unwrap();
    assert_eq!(documents.compare(&right).await.unwrap_err().code, Code::StoreDamaged);
}
