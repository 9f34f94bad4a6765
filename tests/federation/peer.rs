//! A raw peer: QUIC with whatever certificate, hello and bytes a test wants, over the protocol's own encoders.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ogic_certs::cose::{Signed, Signer};
use ogic_certs::receipt::ReceiptFrame;
use ogic_certs::refusal::Refusal;
use ogic_certs::token::{EnrolAnswer, EnrolRequest};
use ogic_certs::{AgencyId, Code, Digest, EventId};
use ogic_node::exchange::frame::{FRAME_BYTES_MAX, FrameReader, framed, pack};
use ogic_node::exchange::message::{Hello, Message};
use ogic_node::exchange::request::{Answer, REGISTRY_ANSWER_BYTES_MAX, Request};
use ogic_node::exchange::session::StreamKind;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, ConnectionError, Endpoint, RecvStream, SendStream};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use tokio::sync::{Mutex, mpsc};

use super::forge::now;

/// Longest wait for anything that a daemon is to say.
const WAIT: Duration = Duration::from_secs(15);

/// What a daemon told a raw peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    /// A TLS alert, by number (RFC 8446 6).
    Alert(u8),
    /// The connection was closed with a code.
    Closed(Code),
    /// The connection was closed without fault, or lost.
    Lost(String),
    /// A request was refused with a code.
    Refused(Code),
    /// A signed refusal of a message came, with a code.
    Refusal(Code),
    /// It was taken: the connection, the request, the message.
    Taken,
}

/// Who a raw peer says it is on the channel.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) chain: Vec<Vec<u8>>,
    /// PKCS#8, DER.
    pub(crate) key: Vec<u8>,
}

impl Caller {
    /// As an honest daemon does.
    pub(crate) fn of(signer: &Signer) -> Self {
        Self {
            chain: signer.chain().map(|certificate| certificate.der().to_vec()).collect(),
            key: signer.key().pkcs8_der().to_vec(),
        }
    }

    /// The certificate of one and the key of another.
    pub(crate) fn mixed(certificate: &Signer, key: &Signer) -> Self {
        Self { key: key.key().pkcs8_der().to_vec(), ..Self::of(certificate) }
    }
}

/// Takes any server: the test is the attacker.
#[derive(Debug)]
struct AnyServer;

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::HandshakeNotComplete)
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519, SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

fn client_config(caller: Option<&Caller>, alpn: &[u8]) -> quinn::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer));
    let mut tls = match caller {
        Some(caller) => {
            let chain = caller.chain.iter().cloned().map(CertificateDer::from).collect();
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(caller.key.clone()));
            let key = provider.key_provider.load_private_key(key).unwrap();
            let resolver = SingleCertAndKey::from(CertifiedKey::new(chain, key));
            builder.with_client_cert_resolver(Arc::new(resolver))
        }
        None => builder.with_no_client_auth(),
    };
    tls.alpn_protocols = vec![alpn.to_vec()];
    quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}

/// What the end of a connection says.
fn told(error: &ConnectionError) -> Told {
    match error {
        ConnectionError::ApplicationClosed(close) => match Code::from_number(close.error_code.into_inner()) {
            Some(code) => Told::Closed(code),
            None => Told::Lost(format!("closed: {}", String::from_utf8_lossy(&close.reason))),
        },
        ConnectionError::ConnectionClosed(close) => {
            match u64::from(close.error_code).checked_sub(0x100).map(u8::try_from) {
                Some(Ok(alert)) => Told::Alert(alert),
                _ => Told::Lost(close.to_string()),
            }
        }
        other => Told::Lost(other.to_string()),
    }
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(WAIT, future).await.unwrap_or_else(|_| panic!("nothing within {WAIT:?}: {what}"))
}

/// Dials a daemon; the connection counts when the daemon has said something on it.
pub(crate) async fn dial(
    address: &str,
    agency: &str,
    caller: Option<&Caller>,
    alpn: &[u8],
) -> Result<Connection, Told> {
    let address: SocketAddr = address.parse().unwrap();
    let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let connecting = endpoint.connect_with(client_config(caller, alpn), address, agency).unwrap();
    within("handshake", connecting).await.map_err(|error| told(&error))
}

/// A connection on which the daemon's hello has come.
pub(crate) struct Peer {
    pub(crate) connection: Connection,
    control: Mutex<SendStream>,
    events: Mutex<Option<SendStream>>,
    inbox: Mutex<Inbox>,
}

/// What has come; the streams are not ordered among each other, so that some of it may have overtaken the hello.
struct Inbox {
    early: VecDeque<Message>,
    coming: mpsc::UnboundedReceiver<Message>,
}

/// A hello as an honest member without a log says it.
pub(crate) fn hello(agency: &AgencyId) -> Hello {
    Hello {
        agency: agency.clone(),
        origin: String::new(),
        size: 0,
        checkpoint: None,
        registry: 1,
        features: Vec::new(),
        clock: now(),
    }
}

impl Peer {
    /// Dials, and begins the control stream with `first`, which an honest peer makes its hello. Waits for the daemon's.
    pub(crate) async fn meet(
        address: &str,
        agency: &str,
        caller: &Caller,
        first: &[u8],
    ) -> Result<Self, Told> {
        Self::over(dial(address, agency, Some(caller), b"ogic/1").await?, first).await
    }

    /// As [`Peer::meet`], over a connection that was dialled.
    pub(crate) async fn over(connection: Connection, first: &[u8]) -> Result<Self, Told> {
        let ended = |error: ConnectionError| told(&error);
        let mut control = connection.open_uni().await.map_err(ended)?;
        // A daemon that refuses may have closed already; why is asked below.
        let _ = control.write_all(&[&[StreamKind::Control.byte()], first].concat()).await;
        let (sender, mut coming) = mpsc::unbounded_channel();
        tokio::spawn(read_streams(connection.clone(), sender));
        let mut early = VecDeque::new();
        loop {
            match within("hello", coming.recv()).await {
                Some(Message::Hello(_)) => break,
                Some(other) => early.push_back(other),
                None => return Err(told(&connection.closed().await)),
            }
        }
        let (control, events) = (Mutex::new(control), Mutex::new(None));
        Ok(Self { connection, control, events, inbox: Mutex::new(Inbox { early, coming }) })
    }

    /// Dials and says hello as `agency_of_caller` should.
    pub(crate) async fn honest(
        address: &str,
        agency: &str,
        caller: &Caller,
        me: &AgencyId,
    ) -> Result<Self, Told> {
        let first = pack(&[Message::Hello(hello(me))]).unwrap().concat();
        Self::meet(address, agency, caller, &first).await
    }

    /// Sends messages, framed.
    pub(crate) async fn send(&self, kind: StreamKind, messages: &[Message]) {
        self.send_raw(kind, &pack(messages).unwrap().concat()).await;
    }

    /// Sends bytes as they are on one of the two streams. A daemon that has closed meanwhile is found out by the caller.
    pub(crate) async fn send_raw(&self, kind: StreamKind, bytes: &[u8]) {
        match kind {
            StreamKind::Control => drop(self.control.lock().await.write_all(bytes).await),
            StreamKind::Events => {
                let mut events = self.events.lock().await;
                if events.is_none() {
                    let Ok(mut stream) = self.connection.open_uni().await else { return };
                    let _ = stream.write_all(&[kind.byte()]).await;
                    *events = Some(stream);
                }
                if let Some(stream) = events.as_mut() {
                    let _ = stream.write_all(bytes).await;
                }
            }
        }
    }

    /// Opens one more stream that begins with these bytes.
    pub(crate) async fn open(&self, bytes: &[u8]) -> Option<SendStream> {
        let mut stream = self.connection.open_uni().await.ok()?;
        let _ = stream.write_all(bytes).await;
        Some(stream)
    }

    /// Ends the control stream.
    pub(crate) async fn finish(&self) {
        let _ = self.control.lock().await.finish();
    }

    /// The first message from now on that `pick` takes, or how the connection ended.
    pub(crate) async fn hear<T>(&self, mut pick: impl FnMut(Message) -> Option<T>) -> Result<T, Told> {
        let mut inbox = self.inbox.lock().await;
        within("a message", async {
            loop {
                let early = inbox.early.pop_front();
                let next = if early.is_some() { early } else { inbox.coming.recv().await };
                match next {
                    Some(message) => {
                        if let Some(picked) = pick(message) {
                            return Ok(picked);
                        }
                    }
                    None => return Err(told(&self.connection.closed().await)),
                }
            }
        })
        .await
    }

    /// What the daemon says to a message that this names: a refusal, a receipt, or the end of the connection.
    pub(crate) async fn answer_to(&self, subject: Digest) -> Told {
        let heard = self.hear(|message| match message {
            Message::Refusal(bytes) => {
                let refusal = Signed::<Refusal>::parse(&bytes).unwrap();
                let refusal = refusal.value();
                (refusal.subject == subject).then_some(Told::Refusal(refusal.code))
            }
            Message::Receipts(bytes) => {
                let frame = ReceiptFrame::decode(&bytes).unwrap();
                let shown = frame.leaf_for_event(EventId(subject)).is_some()
                    || frame.leaf_for_notice(subject).is_some();
                shown.then_some(Told::Taken)
            }
            _ => None,
        });
        heard.await.unwrap_or_else(|told| told)
    }

    /// How the connection ends.
    pub(crate) async fn ended(&self) -> Told {
        told(&within("the end of the connection", self.connection.closed()).await)
    }

    /// Asks with the bytes of a whole stream.
    pub(crate) async fn ask_raw(&self, bytes: &[u8]) -> Result<Answer, Told> {
        let answered = async {
            let ended = |error: ConnectionError| told(&error);
            let (mut send, mut recv) = self.connection.open_bi().await.map_err(ended)?;
            // A daemon that refuses early may stop reading.
            let _ = send.write_all(bytes).await;
            let _ = send.finish();
            read_answer(&self.connection, &mut recv).await
        };
        match within("an answer", answered).await? {
            Answer::Refused(problem) => Err(Told::Refused(problem.code)),
            answer => Ok(answer),
        }
    }

    /// Asks as an honest peer does.
    pub(crate) async fn ask(&self, request: &Request) -> Result<Answer, Told> {
        self.ask_raw(&framed(&request.encode()).unwrap()).await
    }

    /// Ends it.
    pub(crate) fn leave(&self) {
        self.connection.close(quinn::VarInt::from_u32(0), b"done");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.leave();
    }
}

/// An answer's frame, which raw bytes may follow.
async fn read_answer(connection: &Connection, recv: &mut RecvStream) -> Result<Answer, Told> {
    let mut reader = FrameReader::new(REGISTRY_ANSWER_BYTES_MAX);
    loop {
        if let Some(frame) = reader.next_frame().unwrap() {
            return Ok(Answer::decode(&frame, REGISTRY_ANSWER_BYTES_MAX).unwrap());
        }
        match recv.read_chunk(64 << 10, true).await {
            Ok(Some(chunk)) => reader.push(&chunk.bytes).unwrap(),
            Ok(None) => return Err(Told::Lost("a stream without an answer".to_owned())),
            Err(_) => match connection.close_reason() {
                Some(error) => return Err(told(&error)),
                None => return Err(Told::Lost("a stream that was reset".to_owned())),
            },
        }
    }
}

/// Reads what the daemon says on the streams that it opens.
async fn read_streams(connection: Connection, inbox: mpsc::UnboundedSender<Message>) {
    while let Ok(mut stream) = connection.accept_uni().await {
        let inbox = inbox.clone();
        tokio::spawn(async move {
            let mut kind = [0];
            if stream.read_exact(&mut kind).await.is_err() {
                return;
            }
            let mut reader = FrameReader::new(FRAME_BYTES_MAX);
            while let Ok(Some(chunk)) = stream.read_chunk(64 << 10, true).await {
                reader.push(&chunk.bytes).unwrap();
                while let Some(messages) = reader.next().unwrap() {
                    for message in messages {
                        // The test may have heard enough.
                        let _ = inbox.send(message);
                    }
                }
            }
        });
    }
}

/// Enrols with the bytes of a whole request.
pub(crate) async fn enrol_raw(address: &str, agency: &str, bytes: &[u8]) -> Result<EnrolAnswer, Told> {
    let connection = dial(address, agency, None, b"ogic-enrol/1").await?;
    let answered = async {
        let ended = |error: ConnectionError| told(&error);
        let (mut send, mut recv) = connection.open_bi().await.map_err(ended)?;
        let _ = send.write_all(bytes).await;
        let _ = send.finish();
        let mut reader = FrameReader::new(8 << 20);
        loop {
            if let Some(frame) = reader.next_frame().unwrap() {
                return Ok(frame);
            }
            match recv.read_chunk(64 << 10, true).await {
                Ok(Some(chunk)) => reader.push(&chunk.bytes).unwrap(),
                _ => return Err(Told::Lost("no answer".to_owned())),
            }
        }
    };
    let frame = within("an enrolment", answered).await?;
    match Answer::decode(&frame, 8 << 20) {
        Ok(Answer::Refused(problem)) => Err(Told::Refused(problem.code)),
        _ => Ok(EnrolAnswer::decode(&frame).unwrap()),
    }
}

/// Enrols as a newcomer does.
pub(crate) async fn enrol(address: &str, agency: &str, request: &EnrolRequest) -> Result<EnrolAnswer, Told> {
    enrol_raw(address, agency, &framed(&request.encode()).unwrap()).await
}
