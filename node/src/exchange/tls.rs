//! The configurations of TLS and QUIC: TLS 1.3 alone, no tickets, no resumption, no 0-RTT; bounded streams and windows.

use std::sync::Arc;
use std::time::Duration;

use ogic_certs::cose::Signer;
use ogic_certs::{Code, Problem, Result};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{IdleTimeout, TransportConfig, VarInt};
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::verifier::{ClientVerifier, ServerVerifier, provider};

/// The exchange between members.
pub const ALPN_EXCHANGE: &[u8] = b"ogic/1";
/// Enrolment of strangers at an authority.
pub const ALPN_ENROL: &[u8] = b"ogic-enrol/1";

/// A connection that stays silent so long is lost.
pub const IDLE_MS_MAX: u32 = 30_000;
/// How often a live connection is heard of; a dead one is found out no later.
pub const KEEP_ALIVE_MS: u64 = 3_000;
/// Most streams for requests that a peer may have open.
pub const BIDI_STREAMS_MAX: u32 = 256;
/// Most long-lived streams that a peer may have open: two are used.
pub const UNI_STREAMS_MAX: u32 = 8;
/// Most unread bytes of one stream.
pub const STREAM_WINDOW_BYTES: u32 = 4 << 20;
/// Most unread bytes of a connection whose other end is not known yet.
pub const STRANGER_WINDOW_BYTES: u32 = 1 << 20;
/// Most unread bytes of a member's connection.
pub const MEMBER_WINDOW_BYTES: u32 = 16 << 20;
/// Most unacknowledged bytes of one connection.
pub const SEND_WINDOW_BYTES: u64 = 16 << 20;

/// A daemon's key and chain as rustls takes them.
#[derive(Clone, Debug)]
pub(super) struct Credentials(Arc<CertifiedKey>);

impl Credentials {
    /// Of a `node` signer.
    pub(super) fn new(signer: &Signer) -> Result<Self> {
        let chain =
            signer.chain().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
        let pkcs8 = signer.key().pkcs8_der();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8.as_slice()));
        let key = provider().key_provider.load_private_key(key.clone_key()).map_err(|error| ours(&error))?;
        Ok(Self(Arc::new(CertifiedKey::new(chain, key))))
    }

    pub(super) fn resolver(&self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from(Arc::clone(&self.0)))
    }
}

/// What an endpoint listens with.
pub(super) fn server_config(
    credentials: &Credentials,
    verifier: ClientVerifier,
    enrols: bool,
) -> Result<quinn::ServerConfig> {
    let mut tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| ours(&error))?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(credentials.resolver());
    tls.alpn_protocols = vec![ALPN_EXCHANGE.to_vec()];
    if enrols {
        tls.alpn_protocols.push(ALPN_ENROL.to_vec());
    }
    tls.send_tls13_tickets = 0;
    tls.max_early_data_size = 0;
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    let crypto = QuicServerConfig::try_from(tls).map_err(|error| ours(&error))?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(transport()));
    Ok(config)
}

/// What one dial is made with; without credentials only where strangers enrol.
pub(super) fn client_config(
    credentials: Option<&Credentials>,
    verifier: Arc<ServerVerifier>,
    alpn: &[u8],
) -> Result<quinn::ClientConfig> {
    let builder = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| ours(&error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut tls = match credentials {
        Some(credentials) => builder.with_client_cert_resolver(credentials.resolver()),
        None => builder.with_no_client_auth(),
    };
    tls.alpn_protocols = vec![alpn.to_vec()];
    tls.resumption = Resumption::disabled();
    tls.enable_early_data = false;
    let crypto = QuicClientConfig::try_from(tls).map_err(|error| ours(&error))?;
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport()));
    Ok(config)
}

fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_MS_MAX))))
        .keep_alive_interval(Some(Duration::from_millis(KEEP_ALIVE_MS)))
        .max_concurrent_bidi_streams(VarInt::from_u32(BIDI_STREAMS_MAX))
        .max_concurrent_uni_streams(VarInt::from_u32(UNI_STREAMS_MAX))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        // Raised when the other end turns out to be a member.
        .receive_window(VarInt::from_u32(STRANGER_WINDOW_BYTES))
        .send_window(SEND_WINDOW_BYTES)
        .datagram_receive_buffer_size(None);
    transport
}

fn ours(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(Code::Internal, "TLS").found(error.to_string())
}
