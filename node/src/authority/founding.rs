//! The founding of an authority: its keys and its own certificates, from random bytes that are arguments. Pure.

use ogic_certs::certificate::Certificate;
use ogic_certs::cose::Signer;
use ogic_certs::issue::{self, Issuer};
use ogic_certs::key::SigningKey;
use ogic_certs::{AgencyId, Identity, Result, Role, Timestamp};

use super::office::BACKDATE_MS;

/// Life of the root: ten years.
pub const ROOT_LIFE_MS: u64 = 3650 * 86_400_000;
/// Life of the authority's own certificates: 400 days, renewed for the same keys when it starts with a third left.
pub const OWN_LIFE_MS: u64 = 400 * 86_400_000;
/// The authority's own roles, and the names of their files.
pub const OWN_ROLES: [(Role, &str); 3] =
    [(Role::Node, "node"), (Role::Registry, "registry"), (Role::Authority, "authority")];

/// Random bytes for one key and its certificate's serial number.
pub type Draw<'a> = &'a mut (dyn FnMut(&mut [u8]) -> Result<()> + Send);

/// A new root of `federation`, self-signed, and its key.
pub fn root(federation: &AgencyId, now: Timestamp, draw: Draw<'_>) -> Result<(SigningKey, Certificate)> {
    let key = key(draw)?;
    let from = now.minus_ms(BACKDATE_MS);
    let der = issue::root(&key, federation, serial(draw)?, from, from.plus_ms(ROOT_LIFE_MS))?;
    Ok((key, Certificate::from_der(&der)?))
}

/// A certificate of `agency`, the authority itself, in `role`, for a key of its own.
pub fn own(
    issuer: &Issuer<'_>,
    agency: &AgencyId,
    role: Role,
    key: SigningKey,
    now: Timestamp,
    draw: Draw<'_>,
) -> Result<Signer> {
    let identity = Identity { agency: agency.clone(), role };
    let from = now.minus_ms(BACKDATE_MS).max(issuer.certificate.not_before());
    let to = from.plus_ms(OWN_LIFE_MS).min(issuer.certificate.not_after());
    let der = issue::leaf(issuer, &identity, key.public(), serial(draw)?, from, to)?;
    Signer::new(key, Certificate::from_der(&der)?, vec![issuer.certificate.clone()])
}

/// A new Ed25519 key.
pub fn key(draw: Draw<'_>) -> Result<SigningKey> {
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    draw(seed.as_mut_slice())?;
    SigningKey::from_seed(&seed)
}

fn serial(draw: Draw<'_>) -> Result<[u8; 16]> {
    let mut serial = [0; 16];
    draw(&mut serial)?;
    Ok(serial)
}
