//! All that the authority knows, folded from its journal. Pure: no I/O, no clock, no randomness, no private key.
//!
//! [`Book::apply`] says what an entry does; what may become an entry is decided in [`super::redeem`], [`super::revoke`]
//! and [`super::register`].

use std::collections::{BTreeMap, VecDeque};

use ogic_certs::announcement::Announcement;
use ogic_certs::certificate::Certificate;
use ogic_certs::cose::Signed;
use ogic_certs::crl::{Crl, Revoked};
use ogic_certs::registry::{Level, Member, Registry};
use ogic_certs::{AgencyId, Code, Digest, Identity, Problem, Result, Role, Timestamp};

use super::entry::{Entry, Outcome, Redeemed, TokenMade};

/// Most idempotency keys that are remembered; the oldest are forgotten.
pub const OUTCOMES_MAX: usize = 4096;

/// What stood fast when the authority was founded.
#[derive(Clone, Debug)]
pub struct Charter {
    /// The federation's domain.
    pub federation: AgencyId,
    /// The authority's own id.
    pub authority: AgencyId,
    /// Its name in English.
    pub name_en: String,
    /// Its name in Russian.
    pub name_ru: String,
    /// The root certificate.
    pub root: Certificate,
    /// Where the authority answers in this run, as the registry tells it.
    pub endpoints: Vec<String>,
    /// Life of a member's certificate, in milliseconds.
    pub certificate_life_ms: u64,
    /// Life of a version of the registry, in milliseconds.
    pub registry_life_ms: u64,
    /// Life of a revocation list, in milliseconds.
    pub crl_life_ms: u64,
}

/// A token and its use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenState {
    /// As it was made.
    pub made: TokenMade,
    /// How it was used.
    pub redeemed: Option<Redeemed>,
}

/// A certificate that was issued here.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate: Certificate,
    /// Who it speaks for.
    pub identity: Identity,
    /// Its revocation.
    pub revoked: Option<Revoked>,
}

/// The authority's state.
#[derive(Clone, Debug)]
pub struct Book {
    charter: Charter,
    tokens: BTreeMap<Digest, TokenState>,
    /// By serial number; never one twice.
    issued: BTreeMap<Vec<u8>, Issued>,
    /// Serial numbers by the certificate's digest.
    serials: BTreeMap<Digest, Vec<u8>>,
    /// Whom a key serves, for ever.
    holders: BTreeMap<Digest, Identity>,
    members: BTreeMap<AgencyId, Member>,
    announced: BTreeMap<AgencyId, Announcement>,
    registry: Option<Signed<Registry>>,
    crl: Option<Crl>,
    outcomes: BTreeMap<String, (Digest, Vec<u8>)>,
    outcome_order: VecDeque<String>,
}

impl Book {
    /// An authority that has done nothing yet; it is a member itself, so that its channel counts.
    pub fn new(charter: Charter) -> Self {
        let this = Member {
            agency: charter.authority.clone(),
            name_en: charter.name_en.clone(),
            name_ru: charter.name_ru.clone(),
            level: Level::Service,
            parent: None,
            endpoints: charter.endpoints.clone(),
            logs: Vec::new(),
            competences: Vec::new(),
        };
        Self {
            tokens: BTreeMap::new(),
            issued: BTreeMap::new(),
            serials: BTreeMap::new(),
            holders: BTreeMap::new(),
            members: BTreeMap::from([(charter.authority.clone(), this)]),
            announced: BTreeMap::new(),
            registry: None,
            crl: None,
            outcomes: BTreeMap::new(),
            outcome_order: VecDeque::new(),
            charter,
        }
    }

    /// What `entry` does. `StoreDamaged` if it cannot follow what came before.
    pub fn apply(&mut self, entry: &Entry) -> Result<()> {
        match entry {
            Entry::Token(made) => self.token_made(made),
            Entry::Redeemed(redeemed) => self.redeemed(redeemed),
            Entry::Issued(certificate) => self.certificate_issued(certificate),
            Entry::Revoked(revoked) => self.revoked(revoked),
            Entry::Announced(signed) => self.announcement(signed.value()),
            Entry::Registry(signed) => self.registry_signed(signed),
            Entry::Crl(crl) => self.crl_signed(crl),
            Entry::Outcome(outcome) => {
                self.outcome_known(outcome);
                Ok(())
            }
        }
    }

    fn token_made(&mut self, made: &TokenMade) -> Result<()> {
        let state = TokenState { made: made.clone(), redeemed: None };
        match self.tokens.insert(made.hash, state) {
            None => Ok(()),
            Some(_) => Err(damaged("a token made twice")),
        }
    }

    /// The certificates stand before this in the same commit.
    fn redeemed(&mut self, redeemed: &Redeemed) -> Result<()> {
        let token =
            self.tokens.get_mut(&redeemed.hash).ok_or_else(|| damaged("an unknown token redeemed"))?;
        if token.redeemed.is_some() {
            return Err(damaged("a token redeemed twice"));
        }
        token.redeemed = Some(redeemed.clone());
        let made = &token.made;
        if matches!(made.roles.as_slice(), [Role::Official(_)]) {
            return Ok(());
        }
        let member = self.members.entry(made.agency.clone()).or_insert_with(|| Member {
            agency: made.agency.clone(),
            name_en: String::new(),
            name_ru: String::new(),
            level: made.level,
            parent: None,
            endpoints: Vec::new(),
            logs: Vec::new(),
            competences: Vec::new(),
        });
        member.name_en.clone_from(&made.name_en);
        member.name_ru.clone_from(&made.name_ru);
        member.level = made.level;
        member.parent.clone_from(&made.parent);
        Ok(())
    }

    fn certificate_issued(&mut self, certificate: &Certificate) -> Result<()> {
        let identity = certificate.identity()?.clone();
        let serial = certificate.serial().to_vec();
        let holder =
            self.holders.entry(certificate.public_key().digest()).or_insert_with(|| identity.clone());
        if *holder != identity {
            return Err(damaged("a key certified for two identities"));
        }
        self.serials.insert(certificate.digest(), serial.clone());
        let issued = Issued { certificate: certificate.clone(), identity, revoked: None };
        match self.issued.insert(serial, issued) {
            None => Ok(()),
            Some(_) => Err(damaged("a serial number issued twice")),
        }
    }

    fn revoked(&mut self, revoked: &Revoked) -> Result<()> {
        let issued =
            self.issued.get_mut(&revoked.serial).ok_or_else(|| damaged("an unknown serial revoked"))?;
        // A known revocation is never moved.
        issued.revoked.get_or_insert_with(|| revoked.clone());
        Ok(())
    }

    fn announcement(&mut self, announcement: &Announcement) -> Result<()> {
        let agency = &announcement.log.agency;
        let member = self.members.get_mut(agency).ok_or_else(|| damaged("an announcement of no member"))?;
        member.endpoints = announcement.endpoints.iter().map(ToString::to_string).collect();
        let log = announcement.log.to_string();
        // A log never disappears: what it once signed is checked against it.
        if !member.logs.contains(&log) {
            member.logs.push(log);
        }
        self.announced.insert(agency.clone(), announcement.clone());
        Ok(())
    }

    fn registry_signed(&mut self, signed: &Signed<Registry>) -> Result<()> {
        if self.registry.as_ref().is_some_and(|held| signed.value().version <= held.value().version) {
            return Err(damaged("a version of the registry that does not rise"));
        }
        self.registry = Some(signed.clone());
        Ok(())
    }

    fn crl_signed(&mut self, crl: &Crl) -> Result<()> {
        if self.crl.as_ref().is_some_and(|held| crl.number() <= held.number()) {
            return Err(damaged("a revocation list whose number does not rise"));
        }
        self.crl = Some(crl.clone());
        Ok(())
    }

    fn outcome_known(&mut self, outcome: &Outcome) {
        let value = (outcome.request, outcome.answer.clone());
        if self.outcomes.insert(outcome.key.clone(), value).is_none() {
            self.outcome_order.push_back(outcome.key.clone());
        }
        if self.outcome_order.len() > OUTCOMES_MAX
            && let Some(oldest) = self.outcome_order.pop_front()
        {
            self.outcomes.remove(&oldest);
        }
    }

    /// Where the authority answers in this run. Not journalled: it is told anew at every start.
    pub fn answer_at(&mut self, endpoints: Vec<String>) {
        if let Some(this) = self.members.get_mut(&self.charter.authority) {
            this.endpoints.clone_from(&endpoints);
        }
        self.charter.endpoints = endpoints;
    }

    /// What stood fast at the founding.
    pub const fn charter(&self) -> &Charter {
        &self.charter
    }

    /// Every token.
    pub fn tokens(&self) -> impl Iterator<Item = &TokenState> {
        self.tokens.values()
    }

    /// The token whose secret has this digest.
    pub fn token(&self, hash: &Digest) -> Option<&TokenState> {
        self.tokens.get(hash)
    }

    /// Every certificate, in order of serial number.
    pub fn issued(&self) -> impl Iterator<Item = &Issued> {
        self.issued.values()
    }

    /// The certificate of a serial number.
    pub fn issued_by_serial(&self, serial: &[u8]) -> Option<&Issued> {
        self.issued.get(serial)
    }

    /// The certificate of a digest, with what became of it.
    pub fn issued_by_digest(&self, digest: &Digest) -> Option<&Issued> {
        self.serials.get(digest).and_then(|serial| self.issued.get(serial))
    }

    /// The certificate of a digest, the root included.
    pub fn certificate(&self, digest: &Digest) -> Option<&Certificate> {
        if *digest == self.charter.root.digest() {
            return Some(&self.charter.root);
        }
        self.issued_by_digest(digest).map(|issued| &issued.certificate)
    }

    /// Whom a key serves.
    pub fn holder_of(&self, key: &Digest) -> Option<&Identity> {
        self.holders.get(key)
    }

    /// Every member, in order of id.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// One member.
    pub fn member(&self, agency: &AgencyId) -> Option<&Member> {
        self.members.get(agency)
    }

    /// What a member announced last.
    pub fn announced(&self, agency: &AgencyId) -> Option<&Announcement> {
        self.announced.get(agency)
    }

    /// The registry's newest version.
    pub const fn registry(&self) -> Option<&Signed<Registry>> {
        self.registry.as_ref()
    }

    /// The newest revocation list.
    pub const fn crl(&self) -> Option<&Crl> {
        self.crl.as_ref()
    }

    /// What the request of digest `request` under `key` led to, if it was made before; `KeyConflict` if the key was used
    /// for another.
    pub fn outcome(&self, key: &str, request: &Digest) -> Result<Option<&[u8]>> {
        match self.outcomes.get(key) {
            None => Ok(None),
            Some((known, answer)) if known == request => Ok(Some(answer)),
            Some(_) => Err(Problem::new(Code::KeyConflict, "Idempotency-Key")),
        }
    }

    /// `now`, or the latest time that was signed if the clock ran back behind it: our own signed times never fall.
    pub fn floor(&self, now: Timestamp) -> Timestamp {
        let registry = self.registry.as_ref().map(|held| held.value().issued);
        let crl = self.crl.as_ref().map(Crl::this_update);
        registry.into_iter().chain(crl).fold(now, Timestamp::max)
    }

    /// A serial number that was never issued, from random bytes that `draw` gives.
    pub fn fresh_serial(
        &self,
        mut draw: impl FnMut() -> Result<[u8; 16]>,
        taken: &[[u8; 16]],
    ) -> Result<[u8; 16]> {
        loop {
            let serial = ogic_certs::issue::serial_number(draw()?);
            // With 126 random bits a second round means broken randomness; the check costs nothing all the same.
            if !self.issued.contains_key(serial.as_slice()) && !taken.contains(&serial) {
                return Ok(serial);
            }
        }
    }
}

fn damaged(what: &str) -> Problem {
    Problem::new(Code::StoreDamaged, "journal of the authority").found(what)
}
