//! Documents: plain files named by their SHA-256, visible only when every byte has been checked.
//!
//! A document is streamed, never in memory whole. What has come of an unfinished transfer stays under `partial/` and is taken
//! up again; names of files are digests, so that no sender chooses a path. A partial file belongs to one sender, case and
//! transfer at a time: otherwise one could write into what another's bytes were checked for.
//!
//! To know a digest is not to have the document: what another agency names counts as here for a case only when its bytes
//! came from that agency for that case, and a mark in `came/` says so. Otherwise whoever knows the digest of a paper of
//! another case could have it judged as brought, and then read it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ogic_certs::event::DocumentRef;
use ogic_certs::merkle::{DocumentHasher, DocumentId};
use ogic_certs::{AgencyId, CaseId, Code, Digest, Problem, Result};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::Notify;

use crate::folder::{failed, sync_folder};

/// Largest document: 10 GiB.
pub const DOCUMENT_BYTES_MAX: u64 = 10 << 30;
const PIECE_BYTES: usize = 256 << 10;
/// Documents whose ids are remembered; those of others are computed again from their bytes.
const IDS_MAX: usize = 16 << 10;
/// What a document of unknown digest is called until it is whole.
const NEW: &str = "new-";
/// The folder of marks: which document came from whom for which case.
const CAME: &str = "came";

/// The folder of documents. Cheap to clone: all clones know of each other's transfers.
#[derive(Clone, Debug)]
pub struct Documents {
    folder: PathBuf,
    transfers: Arc<Transfers>,
    ids: Arc<Mutex<HashMap<Digest, DocumentId>>>,
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
        crate::folder::Folder::create(&path.join(CAME))?;
        Ok(Self { folder: path.to_owned(), transfers: Arc::default(), ids: Arc::default() })
    }

    /// Whether the whole document is here, whoever brought it. That alone gives nobody a right to it.
    pub fn has(&self, sha256: &Digest) -> bool {
        self.path(sha256).is_file()
    }

    /// Whether every byte of the document came from `source` for `case`.
    pub fn came(&self, case: CaseId, source: &AgencyId, sha256: &Digest) -> bool {
        self.mark_of(case, source, sha256).is_file() && self.has(sha256)
    }

    /// Marks a document that is here as one that `source` brought for `case`: its home, which had it from there, sent every
    /// byte of it and gives the case on to us.
    pub async fn take_over(&self, case: CaseId, source: &AgencyId, sha256: &Digest) -> Result<()> {
        let mark = self.mark_of(case, source, sha256);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        options.open(&mark).await.map_err(|error| failed(&mark, &error))?;
        sync_folder(&self.folder.join(CAME))
    }

    /// Whether a document that events of `by` name in our own `case` belongs to it: our own people had it here, others
    /// sent its bytes for this case.
    pub fn is_of(&self, case: CaseId, home: &AgencyId, by: &[AgencyId], sha256: &Digest) -> bool {
        self.has(sha256) && by.iter().any(|author| author == home || self.came(case, author, sha256))
    }

    /// What a document that is here is called, by its bytes. `DocumentMissing`; `StoreDamaged` if they are not those of its
    /// digest any more.
    pub async fn id(&self, sha256: &Digest) -> Result<DocumentId> {
        let (_, mut file) = self.read(sha256, 0).await?;
        if let Some(id) = self.ids().get(sha256) {
            return Ok(*id);
        }
        let path = self.path(sha256);
        let id = hash(&mut file, &path).await?.finish();
        if id.sha256 != *sha256 {
            return Err(Problem::new(Code::StoreDamaged, "document")
                .found(id.sha256.to_string())
                .expected(sha256.to_string()));
        }
        self.remember(id);
        Ok(id)
    }

    /// Compares what an event says of a document that is here with what it is. `DigestMismatch`, and what [`Self::id`] says.
    pub async fn compare(&self, document: &DocumentRef) -> Result<()> {
        let id = self.id(&document.sha256).await?;
        mismatch(&id, document).map_or(Ok(()), Err)
    }

    fn ids(&self) -> MutexGuard<'_, HashMap<Digest, DocumentId>> {
        // The map is whole after every statement.
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, id: DocumentId) {
        let mut ids = self.ids();
        if ids.len() >= IDS_MAX {
            ids.clear();
        }
        ids.insert(id.sha256, id);
    }

    fn mark_of(&self, case: CaseId, source: &AgencyId, sha256: &Digest) -> PathBuf {
        let name = Digest::of_parts(&[sha256.as_bytes(), case.0.as_bytes(), source.as_str().as_bytes()]);
        self.folder.join(CAME).join(name.to_string())
    }

    /// Takes a document of unknown digest, such as one that an official brings. Durable when it returns.
    pub async fn take(&self, mut source: impl AsyncRead + Unpin, nonce: &str) -> Result<DocumentId> {
        let path = self.folder.join("partial").join(format!("{NEW}{nonce}"));
        let taken = self.write(&mut source, &path).await;
        match taken {
            Ok(id) => {
                self.reveal(&path, &id.sha256).await?;
                self.remember(id);
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

    /// Takes up the transfer of an expected document from `source` for `case` where it stopped, once no other transfer of it
    /// from there goes on. None if it came from there meanwhile; that it is here already changes nothing, since `source` has
    /// yet to show that it has it.
    pub async fn resume(
        &self,
        document: &DocumentRef,
        case: CaseId,
        source: &AgencyId,
    ) -> Result<Option<Incoming>> {
        let mark = self.mark_of(case, source, &document.sha256);
        let named = [document.root.as_bytes().as_slice(), &document.bytes.to_be_bytes()].concat();
        let name = Digest::of_parts(&[
            document.sha256.as_bytes(),
            &named,
            case.0.as_bytes(),
            source.as_str().as_bytes(),
        ]);
        let transfer = Arc::clone(&self.transfers).begin(name).await;
        if self.came(case, source, &document.sha256) {
            return Ok(None);
        }
        let path = self.folder.join("partial").join(name.to_string());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .await
            .map_err(|error| failed(&path, &error))?;
        let hasher = hash(&mut file, &path).await?;
        let (documents, document) = (self.clone(), document.clone());
        Ok(Some(Incoming { documents, document, path, mark, file, hasher, _transfer: transfer }))
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
    mark: PathBuf,
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
            return Err(Problem::new(Code::DigestMismatch, "document bytes")
                .found(format!("more than {}", self.document.bytes))
                .expected(self.document.bytes.to_string()));
        }
        self.file.write_all(bytes).await.map_err(|error| failed(&self.path, &error))
    }

    /// Checks the whole, makes it visible, and marks from whom it came. `DigestMismatch` if it is not the document that was
    /// named: it is thrown away.
    pub async fn finish(mut self) -> Result<()> {
        self.file.flush().await.map_err(|error| failed(&self.path, &error))?;
        self.file.sync_all().await.map_err(|error| failed(&self.path, &error))?;
        let id = std::mem::take(&mut self.hasher).finish();
        if let Some(problem) = mismatch(&id, &self.document) {
            self.discard().await?;
            return Err(problem);
        }
        // The mark comes last: a crash between the two costs another transfer, and claims nothing.
        self.documents.reveal(&self.path, &id.sha256).await?;
        self.documents.remember(id);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        options.open(&self.mark).await.map_err(|error| failed(&self.mark, &error))?;
        sync_folder(&self.documents.folder.join(CAME))
    }

    /// Throws away what is here of it: the next transfer begins anew.
    pub async fn discard(self) -> Result<()> {
        fs::remove_file(&self.path).await.map_err(|error| failed(&self.path, &error))
    }
}

/// What a document is, where that is not what an event says of it.
fn mismatch(found: &DocumentId, named: &DocumentRef) -> Option<Problem> {
    let (field, found, expected) = if found.sha256 != named.sha256 {
        ("document", found.sha256.to_string(), named.sha256.to_string())
    } else if found.bytes != named.bytes {
        ("document bytes", found.bytes.to_string(), named.bytes.to_string())
    } else if found.root != named.root {
        ("document root", found.root.to_string(), named.root.to_string())
    } else {
        return None;
    };
    Some(Problem::new(Code::DigestMismatch, field).found(found).expected(expected))
}

/// Hashes a file from where it stands to its end.
async fn hash(file: &mut File, path: &Path) -> Result<DocumentHasher> {
    let mut hasher = DocumentHasher::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = file.read(&mut piece).await.map_err(|error| failed(path, &error))?;
        let Some(bytes) = piece.get(..count).filter(|bytes| !bytes.is_empty()) else { return Ok(hasher) };
        hasher.update(bytes);
    }
}

async fn create(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).await.map_err(|error| failed(path, &error))
}

#[cfg(test)]
mod tests;
