//! A daemon's folder: keys, certificates, registry, pin and revocation lists, each replaced whole or not at all.
//!
//! It knows names and durability, not meaning: what may replace what is decided by whoever writes. Begin with [`Folder`].

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::{Signed, Signer};
use ogic_certs::crl::Crl;
use ogic_certs::key::SigningKey;
use ogic_certs::registry::{Pin, Registry};
use ogic_certs::trust::Trust;
use ogic_certs::{AgencyId, Code, Digest, Problem, Result};
use rustix::fs::FlockOperation;
use serde::Deserialize;
use zeroize::Zeroizing;

/// Largest file that is read whole: a registry.
const FILE_BYTES_MAX: u64 = 8 << 20;
const REGISTRY: &str = "registry.cose";
const CRLS: &str = "crl.der";
const PIN: &str = "pin.toml";

/// The folder that `--data` names.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

/// A folder that no other process works on; the system frees it when the process ends, however it ends.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// What was told at join, by another channel than the network, and where the authority was then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pinned {
    /// What [`ogic_certs::registry::accept`] goes by.
    pub pin: Pin,
    /// Whose folder this is.
    pub agency: AgencyId,
    /// The authority's address, `ip:port`, until a registry tells another.
    pub address: String,
}

/// `pin.toml` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PinFile {
    /// The agency whose folder this is.
    agency: String,
    /// The authority's agency id.
    authority: String,
    /// SHA-256 of the root certificate.
    root: String,
    /// SHA-256 of the registry signer's SubjectPublicKeyInfo.
    signer: Option<String>,
    /// The lowest registry version that may be accepted.
    version_min: u64,
    /// Where the authority answered at join.
    address: String,
}

impl Folder {
    /// The folder at `path`; `NotFound` if there is none.
    pub fn open(path: &Path) -> Result<Self> {
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => Ok(Self { path: path.to_owned() }),
            Ok(_) => Err(Problem::new(Code::ValueRefused, place(path)).expected("a folder")),
            Err(error) => Err(failed(path, &error)),
        }
    }

    /// The folder at `path`, made if need be, closed to other users.
    pub fn create(path: &Path) -> Result<Self> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(path).map_err(|error| failed(path, &error))?;
        sync_parent(path)?;
        Self::open(path)
    }

    /// Locks the folder for this process for as long as the lock lives. `StoreLocked` naming the process that has it.
    pub fn lock(&self) -> Result<FolderLock> {
        let path = self.at("lock");
        let opened =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = opened.map_err(|error| failed(&path, &error))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                // The holder's number is a help to the reader, no more: absent is fine.
                let _ = (&file).take(20).read_to_string(&mut holder);
                return Err(Problem::new(Code::StoreLocked, place(&self.path))
                    .found(format!("process {}", holder.trim())));
            }
            Err(error) => return Err(failed(&path, &error.into())),
        }
        // A full disk must not keep the owner out: the lock is the flock, not the number.
        let _ = file.set_len(0).and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
        Ok(FolderLock { _file: file })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of `name` inside.
    pub fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The key `keys/NAME.key`, if there is one. `KeyExposed` if others could read it.
    pub fn key(&self, name: &str) -> Result<Option<SigningKey>> {
        self.secret_key(&format!("keys/{name}.key"))
    }

    /// The key in the file of this name, if there is one. `KeyExposed` if others could read it.
    pub fn secret_key(&self, file: &str) -> Result<Option<SigningKey>> {
        match read_secret(&self.at(file))? {
            Some(text) => SigningKey::from_pem(as_text(&text, "key")?).map(Some),
            None => Ok(None),
        }
    }

    /// Keeps a key as `keys/NAME.key`, readable by its owner alone.
    pub fn put_key(&self, name: &str, key: &SigningKey) -> Result<()> {
        let keys = Self::create(&self.at("keys"))?;
        keys.put(&format!("{name}.key"), key.to_pem().as_bytes(), 0o600)
    }

    /// The key `keys/NAME.key`, or a new one from `seed`, kept before it is returned.
    pub fn key_or_new(&self, name: &str, seed: &[u8; 32]) -> Result<SigningKey> {
        if let Some(key) = self.key(name)? {
            return Ok(key);
        }
        let key = SigningKey::from_seed(seed)?;
        self.put_key(name, &key)?;
        Ok(key)
    }

    /// The chain `certs/NAME.pem`, signer first; empty if there is none.
    pub fn chain(&self, name: &str) -> Result<Vec<Certificate>> {
        self.certificates(&format!("certs/{name}.pem"))
    }

    /// The certificates in the file of this name, in order; empty if there is no such file.
    pub fn certificates(&self, file: &str) -> Result<Vec<Certificate>> {
        match read(&self.at(file))? {
            Some(text) => Certificate::from_pem_many(as_text(&text, "certificate")?),
            None => Ok(Vec::new()),
        }
    }

    /// Keeps a chain as `certs/NAME.pem`.
    pub fn put_chain(&self, name: &str, chain: &[Certificate]) -> Result<()> {
        let text: String = chain.iter().map(Certificate::to_pem).collect();
        Self::create(&self.at("certs"))?.put(&format!("{name}.pem"), text.as_bytes(), 0o644)
    }

    /// Key and chain of `name`, to sign with. `NotFound` naming the file that is missing.
    pub fn signer(&self, name: &str) -> Result<Signer> {
        let missing =
            |file: String| Problem::new(Code::NotFound, place(&self.at(&file))).expected("what join makes");
        let key = self.key(name)?.ok_or_else(|| missing(format!("keys/{name}.key")))?;
        let mut chain = self.chain(name)?.into_iter();
        let certificate = chain.next().ok_or_else(|| missing(format!("certs/{name}.pem")))?;
        Signer::new(key, certificate, chain.collect())
    }

    /// What was pinned at join; none before.
    pub fn pinned(&self) -> Result<Option<Pinned>> {
        let Some(bytes) = read(&self.at(PIN))? else {
            return Ok(None);
        };
        let file: PinFile = toml::from_str(as_text(&bytes, PIN)?)
            .map_err(|error| Problem::new(Code::StoreDamaged, PIN).found(error.message().to_owned()))?;
        Ok(Some(Pinned {
            agency: AgencyId::parse(&file.agency, "agency")?,
            address: file.address,
            pin: Pin {
                authority: AgencyId::parse(&file.authority, "authority")?,
                root: Digest::from_hex(&file.root, "root")?,
                signer: file.signer.as_deref().map(|hex| Digest::from_hex(hex, "signer")).transpose()?,
                version_min: file.version_min,
            },
        }))
    }

    /// Keeps what was pinned.
    pub fn put_pinned(&self, pinned: &Pinned) -> Result<()> {
        // Ids, digests and an address that was parsed: none holds a quote or a backslash.
        let signer = pinned.pin.signer.map(|signer| format!("signer = \"{signer}\"\n")).unwrap_or_default();
        let text = format!(
            "# Told at join by another channel than the network. Whoever changes this changes whom this daemon trusts.\n\
             agency = \"{}\"\nauthority = \"{}\"\nroot = \"{}\"\n{signer}version_min = {}\naddress = \"{}\"\n",
            pinned.agency, pinned.pin.authority, pinned.pin.root, pinned.pin.version_min, pinned.address,
        );
        self.put(PIN, text.as_bytes(), 0o600)
    }

    /// The registry that was accepted last.
    pub fn registry(&self) -> Result<Option<Signed<Registry>>> {
        read(&self.at(REGISTRY))?.map(|bytes| Signed::parse(&bytes)).transpose()
    }

    /// Keeps an accepted registry.
    pub fn put_registry(&self, registry: &Signed<Registry>) -> Result<()> {
        self.put(REGISTRY, registry.bytes(), 0o644)
    }

    /// The revocation lists that were accepted last.
    pub fn crls(&self) -> Result<Vec<Crl>> {
        let bytes = read(&self.at(CRLS))?.unwrap_or_default();
        let mut rest = bytes.as_slice();
        let mut crls = Vec::new();
        while !rest.is_empty() {
            let (one, after) = split_der(rest).ok_or_else(|| {
                Problem::new(Code::StoreDamaged, CRLS).found("a cut list").expected("DER, one after another")
            })?;
            crls.push(Crl::from_der(one)?);
            rest = after;
        }
        Ok(crls)
    }

    /// Keeps accepted revocation lists, one after another in one file.
    pub fn put_crls(&self, crls: &[Crl]) -> Result<()> {
        let bytes: Vec<u8> = crls.iter().flat_map(|crl| crl.der().iter().copied()).collect();
        self.put(CRLS, &bytes, 0o644)
    }

    /// What this folder trusts. `NotFound` before join.
    pub fn trust(&self) -> Result<Trust> {
        let missing = |file| Problem::new(Code::NotFound, place(&self.at(file))).expected("what join makes");
        let pinned = self.pinned()?.ok_or_else(|| missing(PIN))?;
        let registry = self.registry()?.ok_or_else(|| missing(REGISTRY))?;
        Trust::new(Arc::new(registry), self.crls()?, pinned.pin)
    }

    /// Writes `name` so that after a crash it holds the old bytes or the new ones, and after `Ok` the new ones for good.
    pub fn put(&self, name: &str, bytes: &[u8], mode: u32) -> Result<()> {
        let target = self.at(name);
        let temporary = self.at(&format!(".{name}.new"));
        let written = write_new(&temporary, bytes, mode);
        written.and_then(|()| fs::rename(&temporary, &target)).map_err(|error| failed(&target, &error))?;
        sync_folder(&self.path)
    }
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    // A crash may have left one; it was never anything.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the names in a folder durable.
pub fn sync_folder(path: &Path) -> Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| failed(path, &error))
}

/// Makes the name of `path` durable in the folder above it.
pub fn sync_parent(path: &Path) -> Result<()> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => sync_folder(Path::new(".")),
        Some(parent) => sync_folder(parent),
        None => Ok(()),
    }
}

/// A file's bytes, at most 8 MiB; none if there is no such file.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, &error)),
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| failed(path, &error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Problem::new(Code::TooLarge, place(path)).expected("at most 8 MiB"));
    }
    Ok(Some(bytes))
}

/// A secret file's bytes, wiped when dropped; none if there is no such file. `KeyExposed` if others could read it.
pub fn read_secret(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, &error)),
    };
    let mode = file.metadata().map_err(|error| failed(path, &error))?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Problem::new(Code::KeyExposed, place(path))
            .found(format!("{mode:04o}"))
            .expected("0600"));
    }
    const SECRET_BYTES_MAX: usize = 8192;
    // Allocated whole at once: a growing buffer would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX));
    file.take(SECRET_BYTES_MAX as u64).read_to_end(&mut bytes).map_err(|error| failed(path, &error))?;
    Ok(Some(bytes))
}

/// The first DER value and what follows it; only its outermost length is read.
fn split_der(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = *bytes.get(1)?;
    let (header, content) = match first {
        0..=0x7f => (2, usize::from(first)),
        0x81..=0x84 => {
            let octets = bytes.get(2..2 + usize::from(first & 0x7f))?;
            (2 + octets.len(), octets.iter().fold(0_usize, |n, octet| n << 8 | usize::from(*octet)))
        }
        _ => return None,
    };
    bytes.split_at_checked(header.checked_add(content)?)
}

fn as_text<'a>(bytes: &'a [u8], field: &str) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|_| Problem::new(Code::StoreDamaged, field).expected("text"))
}

fn place(path: &Path) -> String {
    path.display().to_string()
}

/// An error of the system about `path`, by whose turn it is to act.
pub fn failed(path: &Path, error: &io::Error) -> Problem {
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::DiskFull,
        io::ErrorKind::NotFound => Code::NotFound,
        _ => Code::DiskFailed,
    };
    Problem::new(code, place(path)).found(error.to_string())
}

#[cfg(test)]
mod tests;
