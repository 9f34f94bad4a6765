//! Documents: plain files named by their SHA-256, visible only when every byte has been checked.
//!
//! A document is streamed, never in memory whole. What has come of an unfinished transfer stays under `partial/` and is taken
//! up again; names of files are digests, so that no sender chooses a path. A partial file belongs to one sender and one
//! transfer at a time: otherwise one could write into what another's bytes were checked for.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ogic_certs::event::DocumentRef;
use ogic_certs::merkle::{DocumentHasher, DocumentId};
use ogic_certs::{AgencyId, Code, Digest, Problem, Result};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::Notify;

use crate::folder::{failed, sync_folder};

/// Largest document: 10 GiB.
pub const DOCUMENT_BYTES_MAX: u64 = 10 << 30;
const PIECE_BYTES: usize = 256 << 10;
/// What a document of unknown digest is called until it is whole.
const NEW: &str = "new-";

/// The folder of documents. Cheap to clone: all clones know of each other's transfers.
#[derive(Clone, Debug)]
pub struct Documents {
    folder: PathBuf,
    transfers: Arc<Transfers>,
}

/// Which partial files are being written.
#[derive(Debug, Default)]
struct Transfers {
    busy: Mutex<HashSet<Digest>>,
    freed: Notify,
}

impl Transfers {
    fn busy(&self) -> MutexGuard<'_, HashSet<Digest>> {
        // The set is whole after every statement.
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody writes the partial file `name`; from then on this is its only writer.
    async fn begin(self: Arc<Self>, name: Digest) -> Transfer {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // Before the look: what is freed after it is not missed.
            freed.as_mut().enable();
            if self.busy().insert(name) {
                break;
            }
            freed.await;
        }
        Transfer { transfers: self, name }
    }
}

/// The right to write one partial file, until dropped.
#[derive(Debug)]
struct Transfer {
    transfers: Arc<Transfers>,
    name: Digest,
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.transfers.busy().remove(&self.name);
        self.transfers.freed.notify_waiters();
    }
}

impl Documents {
    /// The folder at `path`, made if need be. What a killed process left of documents that nobody knows yet is removed.
    pub fn open(path: &Path) -> Result<Self> {
        crate::folder::Folder::create(path)?;
        let partial = path.join("partial");
        crate::folder::Folder::create(&partial)?;
        for entry in std::fs::read_dir(&partial).map_err(|error| failed(&partial, &error))? {
            let left = entry.map_err(|error| failed(&partial, &error))?;
            if left.file_name().to_string_lossy().starts_with(NEW) {
                std::fs::remove_file(left.path()).map_err(|error| failed(&left.path(), &error))?;
            }
        }
        Ok(Self { folder: path.to_owned(), transfers: Arc::default() })
    }

    /// Whether the whole document is here.
    pub fn has(&self, sha256: &Digest) -> bool {
        self.path(sha256).is_file()
    }

    /// Takes a document of unknown digest, such as one that an official brings. Durable when it returns.
    pub async fn take(&self, mut source: impl AsyncRead + Unpin, nonce: &str) -> Result<DocumentId> {
        let path = self.folder.join("partial").join(format!("{NEW}{nonce}"));
        let taken = self.write(&mut source, &path).await;
        match taken {
            Ok(id) => {
                self.reveal(&path, &id.sha256).await?;
                Ok(id)
            }
            Err(problem) => {
                // What is left of it is nobody's; the next start removes it.
                let _ = fs::remove_file(&path).await;
                Err(problem)
            }
        }
    }

    async fn write(&self, source: &mut (impl AsyncRead + Unpin), path: &Path) -> Result<DocumentId> {
        let mut file = create(path).await?;
        let mut hasher = DocumentHasher::new();
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let count = source.read(&mut piece).await.map_err(|error| {
                Problem::new(Code::Malformed, "document").found(format!("a body that broke off: {error}"))
            })?;
            let Some(bytes) = piece.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
            hasher.update(bytes);
            if hasher.bytes() > DOCUMENT_BYTES_MAX {
                return Err(Problem::new(Code::TooLarge, "document")
                    .found(format!("more than {DOCUMENT_BYTES_MAX} bytes"))
                    .expected(format!("at most {DOCUMENT_BYTES_MAX} bytes")));
            }
            file.write_all(bytes).await.map_err(|error| failed(path, &error))?;
        }
        file.flush().await.map_err(|error| failed(path, &error))?;
        file.sync_all().await.map_err(|error| failed(path, &error))?;
        Ok(hasher.finish())
    }

    /// Takes up the transfer of an expected document from `source` where it stopped, once no other transfer of it from there
    /// goes on. None if the document is here meanwhile.
    pub async fn resume(&self, document: &DocumentRef, source: &AgencyId) -> Result<Option<Incoming>> {
        let name = Digest::of_parts(&[document.sha256.as_bytes(), source.as_str().as_bytes()]);
        let transfer = Arc::clone(&self.transfers).begin(name).await;
        let path = self.folder.join("partial").join(name.to_string());
        if self.has(&document.sha256) {
            // Another source was faster.
            match fs::remove_file(&path).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failed(&path, &error));
                }
                _ => return Ok(None),
            }
        }
        let mut hasher = DocumentHasher::new();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .await
            .map_err(|error| failed(&path, &error))?;
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let count = file.read(&mut piece).await.map_err(|error| failed(&path, &error))?;
            let Some(bytes) = piece.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
            hasher.update(bytes);
        }
        let (documents, document) = (self.clone(), document.clone());
        Ok(Some(Incoming { documents, document, path, file, hasher, _transfer: transfer }))
    }

    /// The document from `offset` on, with the number of bytes to its end. `DocumentMissing`, `ValueRefused`.
    pub async fn read(&self, sha256: &Digest, offset: u64) -> Result<(u64, File)> {
        let path = self.path(sha256);
        let mut file = File::open(&path).await.map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                Problem::new(Code::DocumentMissing, "document").found(sha256.to_string())
            } else {
                failed(&path, &error)
            }
        })?;
        let bytes = file.metadata().await.map_err(|error| failed(&path, &error))?.len();
        let left = bytes.checked_sub(offset).ok_or_else(|| {
            Problem::new(Code::ValueRefused, "offset")
                .found(offset.to_string())
                .expected(format!("at most {bytes}"))
        })?;
        file.seek(std::io::SeekFrom::Start(offset)).await.map_err(|error| failed(&path, &error))?;
        Ok((left, file))
    }

    fn path(&self, sha256: &Digest) -> PathBuf {
        self.folder.join(sha256.to_string())
    }

    /// A synced file becomes visible under its digest.
    async fn reveal(&self, path: &Path, sha256: &Digest) -> Result<()> {
        let target = self.path(sha256);
        fs::rename(path, &target).await.map_err(|error| failed(&target, &error))?;
        sync_folder(&self.folder)
    }
}

/// A document on its way in.
#[derive(Debug)]
pub struct Incoming {
    documents: Documents,
    document: DocumentRef,
    path: PathBuf,
    file: File,
    hasher: DocumentHasher,
    _transfer: Transfer,
}

impl Incoming {
    /// How many bytes are here: the transfer goes on from there.
    pub fn offset(&self) -> u64 {
        self.hasher.bytes()
    }

    /// Takes the next bytes. `DigestMismatch` if there are more than the document has.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        if self.hasher.bytes() > self.document.bytes {
            return Err(self.mismatch(format!("more than {} bytes", self.document.bytes)));
        }
        self.file.write_all(bytes).await.map_err(|error| failed(&self.path, &error))
    }

    /// Checks the whole and makes it visible. What is not the document that was named is thrown away.
    pub async fn finish(mut self) -> Result<()> {
        self.file.flush().await.map_err(|error| failed(&self.path, &error))?;
        self.file.sync_all().await.map_err(|error| failed(&self.path, &error))?;
        let id = std::mem::take(&mut self.hasher).finish();
        let named = &self.document;
        if id.sha256 != named.sha256 || id.root != named.root || id.bytes != named.bytes {
            let problem = self.mismatch(id.sha256.to_string());
            fs::remove_file(&self.path).await.map_err(|error| failed(&self.path, &error))?;
            return Err(problem);
        }
        self.documents.reveal(&self.path, &named.sha256).await
    }

    fn mismatch(&self, found: String) -> Problem {
        Problem::new(Code::DigestMismatch, "document").found(found).expected(self.document.sha256.to_string())
    }
}

async fn create(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).await.map_err(|error| failed(path, &error))
}

#[cfg(test)]
mod tests {
    use ogic_certs::testing::agency;

    use super::*;

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
        let mut incoming = target.resume(&document, &agency("a.gov.example")).await.unwrap().unwrap();
        incoming.push(&bytes[..1_500_000]).await.unwrap();
        incoming.file.flush().await.unwrap();
        drop(incoming);
        assert!(!target.has(&id.sha256));
        let mut incoming = target.resume(&document, &agency("a.gov.example")).await.unwrap().unwrap();
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
        let mut incoming = documents.resume(&document, &agency("a.gov.example")).await.unwrap().unwrap();
        incoming.push(b"wrong").await.unwrap();
        assert_eq!(incoming.finish().await.unwrap_err().code, Code::DigestMismatch);
        assert!(!documents.has(&document.sha256));
        let mut incoming = documents.resume(&document, &agency("a.gov.example")).await.unwrap().unwrap();
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
        let mut right = documents.resume(&document, &honest).await.unwrap().unwrap();
        let mut wrong = documents.resume(&document, &other).await.unwrap().unwrap();
        right.push(b"right").await.unwrap();
        right.finish().await.unwrap();
        wrong.push(b"wrong").await.unwrap();
        assert_eq!(wrong.finish().await.unwrap_err().code, Code::DigestMismatch);
        let mut bytes = Vec::new();
        documents.read(&document.sha256, 0).await.unwrap().1.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes, b"right");
        assert!(documents.resume(&document, &other).await.unwrap().is_none());
        assert_eq!(std::fs::read_dir(folder.path().join("partial")).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn two_transfers_from_one_sender_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let documents = Documents::open(folder.path()).unwrap();
        let mut hasher = DocumentHasher::new();
        hasher.update(b"right");
        let (document, source) = (reference(&hasher.finish()), agency("a.gov.example"));
        let mut first = documents.resume(&document, &source).await.unwrap().unwrap();
        let second = {
            let (documents, document, source) = (documents.clone(), document.clone(), source.clone());
            tokio::spawn(async move { documents.resume(&document, &source).await.unwrap().is_none() })
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
        drop(documents.resume(&document, &agency("a.gov.example")).await.unwrap());
        std::fs::write(folder.path().join("partial/new-0"), b"x").unwrap();
        Documents::open(folder.path()).unwrap();
        let left = std::fs::read_dir(folder.path().join("partial")).unwrap();
        assert_eq!(left.count(), 1, "a transfer that goes on is kept");
    }
}
