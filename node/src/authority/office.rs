//! The authority's desk: the book, its journal and the keys. One change at a time: decide, sign, commit, and only then
//! answer. A crash before the commit leaves nothing; after it, the same request gets the same answer.
//!
//! It has no socket and no clock: time and random bytes are arguments.

use std::net::IpAddr;

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::{Signed, Signer};
use ogic_certs::crl::{Crl, Reason};
use ogic_certs::issue::{self, Issuer};
use ogic_certs::key::SigningKey;
use ogic_certs::token::{EnrolAnswer, EnrolRequest, SECRET_BYTES, Token};
use ogic_certs::{AgencyId, Code, Digest, Problem, Result, Role, Timestamp};
use ring::hmac;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::attempts::Attempts;
use super::book::{Book, Charter};
use super::entry::{Entry, Outcome, Redeemed};
use super::redeem::{Ask, Redemption};
use super::revoke::Target;
use crate::log::{Disk, Log, Options};

/// How far a certificate's notBefore lies before its making, in milliseconds: clocks that run a little behind take it
/// at once.
pub const BACKDATE_MS: u64 = 5 * 60_000;

/// The private keys that the desk signs with.
#[derive(Debug)]
pub struct Keys {
    /// The root's: signs certificates and revocation lists.
    pub root: SigningKey,
    /// Signs the registry.
    pub registry: Signer,
    /// Tokens' secrets follow from it, so that a repeated request gets the same token though only its digest is stored.
    pub tokens: TokenKey,
}

/// The key from which tokens' secrets are derived.
pub struct TokenKey(hmac::Key);

impl TokenKey {
    /// From 32 random bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The secret for the request of digest `request` under the caller's `key`.
    fn secret(&self, key: &str, request: &Digest) -> Zeroizing<[u8; SECRET_BYTES]> {
        let mut message = b"ogic token 1".to_vec();
        message.extend_from_slice(request.as_bytes());
        message.extend_from_slice(key.as_bytes());
        let tag = hmac::sign(&self.0, &message);
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        for (to, from) in secret.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        secret
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey")
    }
}

/// A caller's idempotency key and the digest of what it asks for.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The key, 16–64 characters.
    pub key: &'a str,
    /// SHA-256 of the request.
    pub request: Digest,
}

/// The answer to a revocation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct RevocationAnswer {
    /// The newest certificate's serial number, hex.
    pub serial: String,
    /// Every serial number that this request revoked, hex.
    pub serials: Vec<String>,
    /// Since when it is revoked, in milliseconds.
    pub at: u64,
    /// The number of the list that tells of it.
    pub crl_number: u64,
    /// Whether all of it had been revoked before, so that this request changed nothing.
    pub already: bool,
}

/// The authority's desk over a disk.
#[derive(Debug)]
pub struct Office<D: Disk> {
    book: Book,
    log: Log<D>,
    keys: Keys,
    attempts: Attempts,
}

impl<D: Disk> Office<D> {
    /// Opens the journal `origin` on `disk` and folds it. Errors: the log's, and `StoreDamaged` for a journal that does not
    /// follow.
    pub fn open(disk: D, origin: &str, charter: Charter, keys: Keys) -> Result<Self> {
        let mut book = Book::new(charter);
        let options = Options { segment_bytes: 1 << 20, ..Options::new(origin) };
        let log =
            Log::open_with(disk, &options, |_, kind, bytes, _| book.apply(&Entry::from_log(kind, bytes)?))?;
        Ok(Self { book, log, keys, attempts: Attempts::default() })
    }

    /// The book.
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// Whether a failed write has made the journal read-only until a restart.
    pub fn is_read_only(&self) -> bool {
        self.log.is_read_only()
    }

    /// Records the authority's own certificates and signs the first, or the next, registry and list.
    pub fn found(&mut self, own: Vec<Certificate>, now: Timestamp) -> Result<()> {
        let mut draft = Draft::of(&self.book);
        for certificate in own {
            draft.push(Entry::Issued(certificate))?;
        }
        self.renew(&mut draft, now)?;
        self.commit(draft)
    }

    /// Tells where the authority answers in this run; the next [`Office::tick`] puts it into the registry.
    pub fn answer_at(&mut self, endpoints: Vec<String>) {
        self.book.answer_at(endpoints);
    }

    /// Records a certificate that renews one of the authority's own, for the same key.
    pub fn issued_own(&mut self, certificate: Certificate) -> Result<()> {
        let mut draft = Draft::of(&self.book);
        draft.push(Entry::Issued(certificate))?;
        self.commit(draft)
    }

    /// Signs a new registry and list if they are due at `now`, or if the registry does not yet tell where the authority
    /// answers. Says whether it did.
    pub fn tick(&mut self, now: Timestamp) -> Result<bool> {
        let this = &self.book.charter().authority;
        let told = self.book.registry().and_then(|held| held.value().member(this));
        let moved = told.is_none_or(|member| member.endpoints != self.book.charter().endpoints);
        if !moved && now < self.book.due() {
            return Ok(false);
        }
        let mut draft = Draft::of(&self.book);
        self.renew(&mut draft, now)?;
        self.commit(draft)?;
        Ok(true)
    }

    /// Makes a token, or gives the one again that this call made before.
    pub fn token(&mut self, call: Call<'_>, ask: &Ask, now: Timestamp) -> Result<Token> {
        let secret = self.keys.tokens.secret(call.key, &call.request);
        let hash = Digest::of(secret.as_slice());
        if self.book.outcome(call.key, &call.request)?.is_none() && self.book.token(&hash).is_none() {
            let made = self.book.decide_token(ask, hash, now)?;
            let mut draft = Draft::of(&self.book);
            draft.push(Entry::Token(made))?;
            draft.push(call.outcome(hash.as_bytes().to_vec()))?;
            self.commit(draft)?;
        }
        let made = self.book.token(&hash).map(|token| token.made.clone()).ok_or_else(|| lost("token"))?;
        let charter = self.book.charter();
        Ok(Token {
            secret,
            address: charter.endpoints.first().cloned().unwrap_or_default(),
            authority: charter.authority.clone(),
            root: charter.root.digest(),
            version_min: self.book.registry().map_or(0, |held| held.value().version),
            agency: made.agency,
            roles: made.roles,
        })
    }

    /// Redeems a token. `draw` gives random bytes for serial numbers; `source` bounds wrong tries.
    pub fn enrol(
        &mut self,
        source: IpAddr,
        request: &EnrolRequest,
        now: Timestamp,
        mut draw: impl FnMut() -> Result<[u8; 16]>,
    ) -> Result<EnrolAnswer> {
        let token = match self.book.token_of(&request.secret) {
            Ok(token) => token,
            Err(problem) => return Err(self.attempts.wrong(source, now, problem)),
        };
        let (hash, grants) = match self.book.decide_redeem(token, &request.requests, now)? {
            Redemption::Again(certificates) => return self.enrol_answer(&certificates),
            Redemption::Fresh { hash, grants } => (hash, grants),
        };
        let root = &self.book.charter().root;
        let issuer = Issuer { certificate: root, key: &self.keys.root };
        let not_before = now.minus_ms(BACKDATE_MS).max(root.not_before());
        let not_after = now.plus_ms(self.book.charter().certificate_life_ms).min(root.not_after());
        let mut serials = Vec::new();
        let mut certificates = Vec::new();
        for (identity, key) in &grants {
            let serial = self.book.fresh_serial(&mut draw, &serials)?;
            serials.push(serial);
            let der = issue::leaf(&issuer, identity, key, serial, not_before, not_after)?;
            certificates.push(Certificate::from_der(&der)?);
        }
        let mut draft = Draft::of(&self.book);
        for certificate in &certificates {
            draft.push(Entry::Issued(certificate.clone()))?;
        }
        draft.push(Entry::Redeemed(Redeemed {
            hash,
            at: now,
            keys: grants.iter().map(|(_, key)| key.digest()).collect(),
            certificates: certificates.iter().map(Certificate::digest).collect(),
        }))?;
        // An official's certificate changes nothing that the registry tells.
        if grants.iter().any(|(identity, _)| !matches!(identity.role, Role::Official(_))) {
            self.next_registry(&mut draft, now)?;
        }
        self.commit(draft)?;
        self.enrol_answer(&certificates)
    }

    fn enrol_answer(&self, certificates: &[Certificate]) -> Result<EnrolAnswer> {
        Ok(EnrolAnswer {
            certificates: certificates.iter().map(|certificate| certificate.der().to_vec()).collect(),
            root: self.book.charter().root.der().to_vec(),
            registry: self.registry()?.bytes().to_vec(),
            crls: vec![self.crl()?.der().to_vec()],
        })
    }

    /// Takes a member's announcement; says whether it changed the registry.
    pub fn announce(&mut self, peer: &AgencyId, bytes: &[u8], now: Timestamp) -> Result<bool> {
        let Some(signed) = self.book.decide_announce(peer, bytes, now)? else {
            return Ok(false);
        };
        let mut draft = Draft::of(&self.book);
        draft.push(Entry::Announced(signed))?;
        self.next_registry(&mut draft, now)?;
        self.commit(draft)?;
        Ok(true)
    }

    /// Revokes, for an operator: the new list and registry are signed in the same commit.
    pub fn revoke(
        &mut self,
        call: Call<'_>,
        target: &Target,
        reason: Reason,
        now: Timestamp,
    ) -> Result<RevocationAnswer> {
        if let Some(answer) = self.book.outcome(call.key, &call.request)? {
            return serde_json::from_slice(answer).map_err(|_| lost("answer"));
        }
        let revocation = self.book.decide_revoke(target, reason, now)?;
        let mut draft = Draft::of(&self.book);
        let already = revocation.fresh.is_empty();
        let serials = revocation.fresh.iter().map(|revoked| hex(&revoked.serial)).collect();
        for revoked in revocation.fresh {
            draft.push(Entry::Revoked(revoked))?;
        }
        if !already {
            self.renew(&mut draft, now)?;
        }
        let answer = RevocationAnswer {
            serial: hex(&revocation.serial),
            serials,
            at: revocation.at.ms(),
            crl_number: draft.book.crl().and_then(Crl::number).unwrap_or_default(),
            already,
        };
        draft.push(call.outcome(serde_json::to_vec(&answer).map_err(|_| lost("answer"))?))?;
        self.commit(draft)?;
        Ok(answer)
    }

    /// The newest registry.
    pub fn registry(&self) -> Result<&Signed<ogic_certs::registry::Registry>> {
        self.book.registry().ok_or_else(|| lost("registry"))
    }

    /// The newest revocation list.
    pub fn crl(&self) -> Result<&Crl> {
        self.book.crl().ok_or_else(|| lost("CRL"))
    }

    /// Signs the list and the registry that follow from the draft.
    fn renew(&self, draft: &mut Draft, now: Timestamp) -> Result<()> {
        let next = draft.book.next_crl(now);
        let issuer = Issuer { certificate: &draft.book.charter().root, key: &self.keys.root };
        let der = issue::crl(&issuer, next.number, next.this_update, next.next_update, &next.revoked)?;
        draft.push(Entry::Crl(Crl::from_der(&der)?))?;
        self.next_registry(draft, now)
    }

    fn next_registry(&self, draft: &mut Draft, now: Timestamp) -> Result<()> {
        let signed = Signed::sign(draft.book.next_registry(now), &self.keys.registry)?;
        draft.push(Entry::Registry(signed))
    }

    /// From here a crash is clean: before, nothing happened; after, everything did. Then the draft becomes the book.
    fn commit(&mut self, draft: Draft) -> Result<()> {
        let entries = draft.entries.iter().map(Entry::to_log).collect::<Result<Vec<_>>>()?;
        self.log.commit(&entries)?;
        self.book = draft.book;
        Ok(())
    }
}

impl Call<'_> {
    fn outcome(&self, answer: Vec<u8>) -> Entry {
        Entry::Outcome(Outcome { key: self.key.to_owned(), request: self.request, answer })
    }
}

/// The book as it will be, and the entries that make it so.
struct Draft {
    book: Book,
    entries: Vec<Entry>,
}

impl Draft {
    fn of(book: &Book) -> Self {
        Self { book: book.clone(), entries: Vec::new() }
    }

    fn push(&mut self, entry: Entry) -> Result<()> {
        self.book.apply(&entry)?;
        self.entries.push(entry);
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn lost(what: &str) -> Problem {
    Problem::new(Code::StoreDamaged, "journal of the authority").found(format!("no {what}"))
}
