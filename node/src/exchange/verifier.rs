//! Both sides' certificate verifiers for rustls, over [`Trust::channel`](ogic_certs::trust::Trust::channel).
//!
//! A DNS name or common name is never read: the server name is the agency id that the dialler expects. Handshake
//! signatures are checked with the leaf's key alone, since webpki would judge the certificate again by other rules.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use ogic_certs::certificate::Certificate;
use ogic_certs::path::{self, AnchorRoles, PathRequest, Purpose, Revocation, TrustAnchor};
use ogic_certs::{AgencyId, Code, Digest, Identity, Problem, Result, Role, Timestamp};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerMisbehaved,
    SignatureScheme,
};

use super::quic::{Clock, lock};
use super::trust::SharedTrust;

/// Most certificates that a peer may present: its own and those above, up to the chain depth of PROTOCOL.md.
pub(super) const CHAIN_CERTIFICATES_MAX: usize = 8;

/// The provider of TLS: ring, with the signature schemes that our keys have.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}

/// Reads a chain as TLS gives it, leaf first.
pub(super) fn read_chain(ders: &[CertificateDer<'_>]) -> Result<Vec<Certificate>> {
    if ders.len() > CHAIN_CERTIFICATES_MAX {
        return Err(Problem::new(Code::TooLarge, "channel chain")
            .found(format!("{} certificates", ders.len()))
            .expected(format!("at most {CHAIN_CERTIFICATES_MAX}")));
    }
    ders.iter().map(|der| Certificate::from_der(der)).collect()
}

/// How a dialler judges who answers.
enum Expectation {
    /// A member, by the present trust.
    Member { trust: SharedTrust, agency: AgencyId, clock: Clock },
    /// The authority, known by the root's digest in a token, before there is any trust.
    Authority { root: Digest, agency: AgencyId, clock: Clock },
}

/// The dialler's verifier, for one dial: it expects exactly one agency, and remembers why it refused.
pub(super) struct ServerVerifier {
    expectation: Expectation,
    refusal: Mutex<Option<Problem>>,
}

impl ServerVerifier {
    /// Expects `agency`, a member.
    pub(super) fn member(trust: SharedTrust, agency: AgencyId, clock: Clock) -> Self {
        Self { expectation: Expectation::Member { trust, agency, clock }, refusal: Mutex::default() }
    }

    /// Expects the authority `agency` under the root of a token.
    pub(super) fn authority(root: Digest, agency: AgencyId, clock: Clock) -> Self {
        Self { expectation: Expectation::Authority { root, agency, clock }, refusal: Mutex::default() }
    }

    /// Why the last server was refused, if it was this verifier that did.
    pub(super) fn refusal(&self) -> Option<Problem> {
        lock(&self.refusal).take()
    }

    fn judge(&self, chain: &[Certificate], server_name: &ServerName<'_>) -> Result<()> {
        let (identity, agency) = match &self.expectation {
            Expectation::Member { trust, agency, clock } => {
                (trust.current().channel(chain, clock())?, agency)
            }
            Expectation::Authority { root, agency, clock } => {
                (under_root(chain, root, agency, clock())?, agency)
            }
        };
        if identity.agency != *agency || server_name.to_str() != agency.as_str() {
            return Err(Problem::new(Code::IdentityMismatch, "channel")
                .found(identity.to_string())
                .expected(format!("ogic://{agency}/node")));
        }
        Ok(())
    }
}

/// Who the chain speaks for, if it ends in the root with this digest. Nothing is known yet of revocation.
fn under_root(chain: &[Certificate], root: &Digest, agency: &AgencyId, at: Timestamp) -> Result<Identity> {
    let Some((leaf, above)) = chain.split_first() else {
        return Err(Problem::new(Code::CertificateUnknown, "channel").found("no certificate"));
    };
    let Some(anchor) = above.iter().find(|certificate| certificate.digest() == *root) else {
        return Err(Problem::new(Code::PathInvalid, "channel")
            .found("a chain without the token's root")
            .expected(root.to_string()));
    };
    let expected = Identity { agency: agency.clone(), role: Role::Node };
    let anchors =
        [TrustAnchor { certificate: anchor.clone(), speaks_for: None, roles: AnchorRoles::Members }];
    path::validate(&PathRequest {
        intermediates: above,
        expected: Some(&expected),
        revocation: Revocation::BestEffort,
        ..PathRequest::new(leaf, &anchors, at, Purpose::Channel)
    })
    .passed()?;
    Ok(expected)
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let outcome =
            whole_chain(end_entity, intermediates).and_then(|chain| self.judge(&chain, server_name));
        match outcome {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(problem) => {
                *lock(&self.refusal) = Some(problem.clone());
                Err(refused(problem))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

/// The listener's verifier: whoever dials must be a member by the present trust, or, where strangers enrol, nobody.
pub(super) struct ClientVerifier {
    trust: SharedTrust,
    clock: Clock,
    mandatory: bool,
}

impl ClientVerifier {
    /// `mandatory` everywhere but at an authority.
    pub(super) const fn new(trust: SharedTrust, clock: Clock, mandatory: bool) -> Self {
        Self { trust, clock, mandatory }
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // A member has one certificate: there is nothing to choose by.
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let outcome = whole_chain(end_entity, intermediates)
            .and_then(|chain| self.trust.current().channel(&chain, (self.clock)()));
        match outcome {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(problem) => {
                tracing::info!(%problem, "a client's certificate was refused");
                Err(refused(problem))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

fn whole_chain(
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> Result<Vec<Certificate>> {
    let ders: Vec<CertificateDer<'_>> =
        std::iter::once(end_entity).chain(intermediates).take(CHAIN_CERTIFICATES_MAX + 1).cloned().collect();
    read_chain(&ders)
}

fn verify_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let leaf = Certificate::from_der(certificate).map_err(refused)?;
    let spki = SubjectPublicKeyInfoDer::from(leaf.public_key().spki_der());
    verify_tls13_signature_with_raw_key(
        message,
        &spki,
        signature,
        &provider().signature_verification_algorithms,
    )
}

/// The schemes of TLS 1.3 for the keys that Ogic verifies; those of TLS 1.2 and SHA-1 are not offered.
fn schemes() -> Vec<SignatureScheme> {
    vec![
        SignatureScheme::ED25519,
        SignatureScheme::ECDSA_NISTP256_SHA256,
        SignatureScheme::ECDSA_NISTP384_SHA384,
        SignatureScheme::RSA_PSS_SHA256,
        SignatureScheme::RSA_PSS_SHA384,
        SignatureScheme::RSA_PSS_SHA512,
    ]
}

fn no_tls12() -> Error {
    PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into()
}

/// The peer learns an alert: of our reasons only those that TLS has a number for.
fn refused(problem: Problem) -> Error {
    Error::InvalidCertificate(match problem.code {
        Code::CertificateExpired => CertificateError::Expired,
        Code::CertificateRevoked => CertificateError::Revoked,
        Code::PathInvalid | Code::CertificateUnknown | Code::TrustUndecidable => {
            CertificateError::UnknownIssuer
        }
        Code::AgencyUnknown | Code::IdentityMismatch => CertificateError::ApplicationVerificationFailure,
        Code::RoleNotAllowed => CertificateError::InvalidPurpose,
        _ => CertificateError::Other(OtherError(Arc::new(Refused(problem)))),
    })
}

/// A problem in the shape that rustls carries.
#[derive(Debug)]
struct Refused(Problem);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refused {}

impl fmt::Debug for ServerVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expectation {
            Expectation::Member { agency, .. } => write!(f, "ServerVerifier(member {agency})"),
            Expectation::Authority { agency, .. } => write!(f, "ServerVerifier(authority {agency})"),
        }
    }
}

impl fmt::Debug for ClientVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientVerifier(mandatory {})", self.mandatory)
    }
}
