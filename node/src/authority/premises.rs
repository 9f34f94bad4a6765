//! The authority's folder: founded once by [`init`], opened by the daemon. The only place of the authority that reads and
//! writes files beside the journal.

use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use ogic_certs::certificate::Certificate;
use ogic_certs::checkpoint::Origin;
use ogic_certs::cose::Signer;
use ogic_certs::issue::Issuer;
use ogic_certs::{AgencyId, Code, Digest, Problem, Result, Timestamp};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::book::Charter;
use super::founding::{self, Draw, OWN_LIFE_MS, OWN_ROLES};
use super::office::{Keys, Office, TokenKey};
use crate::folder::{self, Folder, FolderLock};
use crate::log::RealDisk;

const CHARTER: &str = "authority.toml";
const TOKEN_KEY: &str = "tokens.key";

/// How an authority is founded.
#[derive(Clone, Debug)]
pub struct Options {
    /// The authority's name in English.
    pub name_en: String,
    /// Its name in Russian.
    pub name_ru: String,
    /// Life of a member's certificate, in milliseconds.
    pub certificate_life_ms: u64,
    /// Life of a version of the registry and of a revocation list, in milliseconds.
    pub registry_life_ms: u64,
}

impl Default for Options {
    /// 60 days for certificates, 24 hours for registry and list.
    fn default() -> Self {
        Self {
            name_en: "Certificate authority".to_owned(),
            name_ru: "Удостоверяющий центр".to_owned(),
            certificate_life_ms: 60 * 86_400_000,
            registry_life_ms: 86_400_000,
        }
    }
}

/// `authority.toml`, written once.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CharterFile {
    /// The federation's domain.
    federation: String,
    /// The authority's own id.
    agency: String,
    /// Its name in English.
    name_en: String,
    /// Its name in Russian.
    name_ru: String,
    /// The origin of its journal.
    log: String,
    /// Life of a member's certificate, in milliseconds.
    certificate_life_ms: u64,
    /// Life of a version of the registry and of a revocation list, in milliseconds.
    registry_life_ms: u64,
}

/// What was founded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Founded {
    /// SHA-256 of the root certificate: what a newcomer's token names.
    pub root: Digest,
    /// SHA-256 of the registry signer's SubjectPublicKeyInfo.
    pub registry_key: Digest,
    /// The registry's first version.
    pub version: u64,
}

/// Founds an authority in a new folder at `path`: keys, certificates, the first registry and list.
///
/// All of it is made beside and takes its name at the end, so that a crash leaves no half of it under that name.
/// `ValueRefused` for a folder that exists and holds anything, or names and lives that make no sense.
pub fn init(
    path: &Path,
    federation: &AgencyId,
    agency: &AgencyId,
    options: &Options,
    now: Timestamp,
    draw: Draw<'_>,
) -> Result<Founded> {
    check(federation, agency, options)?;
    let taken = |found: &str| {
        Problem::new(Code::ValueRefused, path.display().to_string()).found(found).expected("a new folder")
    };
    match fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Ok(false) => return Err(taken("a folder that holds something")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(folder::failed(path, &error)),
    }
    let beside = beside(path).ok_or_else(|| taken("no name"))?;
    match fs::remove_dir_all(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(folder::failed(&beside, &error));
        }
        _ => {}
    }
    let founded = found(&Folder::create(&beside)?, federation, agency, options, now, draw)?;
    fs::rename(&beside, path).map_err(|error| folder::failed(path, &error))?;
    folder::sync_parent(path)?;
    Ok(founded)
}

fn check(federation: &AgencyId, agency: &AgencyId, options: &Options) -> Result<()> {
    let refused = |field: &str, found: String, expected: &str| {
        Err(Problem::new(Code::ValueRefused, field).found(found).expected(expected))
    };
    if !agency.is_within(federation) || agency == federation {
        return refused("agency", agency.to_string(), &format!("an agency within {federation}"));
    }
    for name in [&options.name_en, &options.name_ru] {
        if name.is_empty() || name.len() > super::redeem::NAME_BYTES_MAX || name.chars().any(char::is_control)
        {
            return refused("name", name.clone(), "1 to 255 bytes of text without control characters");
        }
    }
    for (field, life_ms) in
        [("certificate life", options.certificate_life_ms), ("registry life", options.registry_life_ms)]
    {
        if !(1000..=OWN_LIFE_MS).contains(&life_ms) {
            return refused(field, format!("{life_ms} ms"), "1 second to 400 days");
        }
    }
    Ok(())
}

/// Where the folder is made before it has its name.
fn beside(path: &Path) -> Option<PathBuf> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name()?);
    name.push(".founding");
    Some(path.with_file_name(name))
}

fn found(
    folder: &Folder,
    federation: &AgencyId,
    agency: &AgencyId,
    options: &Options,
    now: Timestamp,
    draw: Draw<'_>,
) -> Result<Founded> {
    let (root_key, root) = founding::root(federation, now, draw)?;
    folder.put_key("root", &root_key)?;
    folder.put_chain("root", std::slice::from_ref(&root))?;
    let issuer = Issuer { certificate: &root, key: &root_key };
    let mut own = Vec::new();
    for (role, name) in OWN_ROLES {
        let key = founding::key(draw)?;
        folder.put_key(name, &key)?;
        let signer = founding::own(&issuer, agency, role, key, now, draw)?;
        let chain: Vec<Certificate> = signer.chain().cloned().collect();
        folder.put_chain(name, &chain)?;
        own.push(signer.certificate().clone());
    }
    let mut secret = Zeroizing::new([0; 32]);
    draw(secret.as_mut_slice())?;
    let hex = Zeroizing::new(HEXLOWER.encode(secret.as_slice()));
    Folder::open(&folder.at("keys"))?.put(TOKEN_KEY, hex.as_bytes(), 0o600)?;
    let mut log = [0; 16];
    draw(&mut log)?;
    let origin = Origin { agency: agency.clone(), log, generation: 1 };
    folder.put(CHARTER, charter_text(federation, agency, options, &origin)?.as_bytes(), 0o644)?;
    let (mut office, registry_key) = open_office(folder)?;
    office.found(own, now)?;
    let version = office.registry()?.value().version;
    Ok(Founded { root: root.digest(), registry_key, version })
}

/// `authority.toml`. A JSON string without control characters is a TOML string too.
fn charter_text(
    federation: &AgencyId,
    agency: &AgencyId,
    options: &Options,
    origin: &Origin,
) -> Result<String> {
    let quoted = |text: &str| {
        serde_json::to_string(text)
            .map_err(|error| Problem::new(Code::Internal, CHARTER).found(error.to_string()))
    };
    Ok(format!(
        "# The authority's charter, written at its founding.\n\
         federation = \"{federation}\"\nagency = \"{agency}\"\nname_en = {}\nname_ru = {}\nlog = \"{origin}\"\n\
         # Lives in milliseconds: of a member's certificate; of a version of the registry and of a revocation list.\n\
         certificate_life_ms = {}\nregistry_life_ms = {}\n",
        quoted(&options.name_en)?,
        quoted(&options.name_ru)?,
        options.certificate_life_ms,
        options.registry_life_ms,
    ))
}

/// An opened folder; locked for as long as it lives.
#[derive(Debug)]
pub struct Premises {
    /// The folder.
    pub folder: Folder,
    /// The desk.
    pub office: Office<RealDisk>,
    /// The channel's key and certificate.
    pub node: Signer,
    /// SHA-256 of the registry signer's SubjectPublicKeyInfo.
    pub registry_key: Digest,
    /// No other process has it.
    pub lock: FolderLock,
}

impl Premises {
    /// Opens the folder at `path`. The authority's own certificates are renewed, for the same keys, when a third of their
    /// life is left.
    ///
    /// `StoreLocked` while another process has it, `NotFound` naming what is missing, `KeyExposed`.
    pub fn open(path: &Path, now: Timestamp, draw: Draw<'_>) -> Result<Self> {
        let folder = Folder::open(path)?;
        let lock = folder.lock()?;
        let (mut office, registry_key) = open_office(&folder)?;
        if renew_own(&folder, &mut office, now, draw)? {
            drop(office);
            (office, _) = open_office(&folder)?;
        }
        let node = folder.signer("node")?;
        Ok(Self { folder, office, node, registry_key, lock })
    }
}

fn open_office(folder: &Folder) -> Result<(Office<RealDisk>, Digest)> {
    let missing = |name: &str| {
        Problem::new(Code::NotFound, folder.at(name).display().to_string()).expected("what init makes")
    };
    let bytes = folder::read(&folder.at(CHARTER))?.ok_or_else(|| missing(CHARTER))?;
    let text =
        String::from_utf8(bytes).map_err(|_| Problem::new(Code::StoreDamaged, CHARTER).expected("text"))?;
    let file: CharterFile = toml::from_str(&text)
        .map_err(|error| Problem::new(Code::StoreDamaged, CHARTER).found(error.message()))?;
    let root = folder.signer("root")?;
    let registry = folder.signer("registry")?;
    let registry_key = registry.certificate().public_key().digest();
    let keys = Keys {
        root: folder.key("root")?.ok_or_else(|| missing("keys/root.key"))?,
        registry,
        tokens: token_key(folder)?,
    };
    let charter = Charter {
        federation: AgencyId::parse(&file.federation, "federation")?,
        authority: AgencyId::parse(&file.agency, "agency")?,
        name_en: file.name_en,
        name_ru: file.name_ru,
        root: root.certificate().clone(),
        endpoints: Vec::new(),
        certificate_life_ms: file.certificate_life_ms,
        registry_life_ms: file.registry_life_ms,
        crl_life_ms: file.registry_life_ms,
    };
    let office = Office::open(RealDisk::open(&folder.at("journal"))?, &file.log, charter, keys)?;
    Ok((office, registry_key))
}

fn token_key(folder: &Folder) -> Result<TokenKey> {
    let path = folder.at("keys").join(TOKEN_KEY);
    let damaged = || Problem::new(Code::StoreDamaged, path.display().to_string()).expected("64 hex digits");
    let text = folder::read_secret(&path)?.ok_or_else(|| {
        Problem::new(Code::NotFound, path.display().to_string()).expected("what init makes")
    })?;
    let decoded = HEXLOWER.decode(&text).map(Zeroizing::new).map_err(|_| damaged())?;
    decoded.as_slice().try_into().map(TokenKey::new).map_err(|_| damaged())
}

/// Certifies own keys anew that have less than a third of their life left; says whether there were any.
fn renew_own(folder: &Folder, office: &mut Office<RealDisk>, now: Timestamp, draw: Draw<'_>) -> Result<bool> {
    let missing = || Problem::new(Code::NotFound, "keys/root.key").expected("what init makes");
    let root_key = folder.key("root")?.ok_or_else(missing)?;
    let charter = office.book().charter().clone();
    let issuer = Issuer { certificate: &charter.root, key: &root_key };
    let mut renewed = false;
    for (role, name) in OWN_ROLES {
        let held = folder.signer(name)?;
        if now.plus_ms(OWN_LIFE_MS / 3) < held.certificate().not_after() {
            continue;
        }
        let key = folder.key(name)?.ok_or_else(missing)?;
        let signer = founding::own(&issuer, &charter.authority, role, key, now, draw)?;
        office.issued_own(signer.certificate().clone())?;
        let chain: Vec<Certificate> = signer.chain().cloned().collect();
        folder.put_chain(name, &chain)?;
        tracing::info!(name, not_after = %signer.certificate().not_after(), "own certificate renewed");
        renewed = true;
    }
    Ok(renewed)
}
