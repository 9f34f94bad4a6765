//! Enrolment over `ogic-enrol/1`: one request of a stranger with a token, one answer, and the connection ends.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use ogic_certs::token::{EnrolAnswer, EnrolRequest, Token};
use ogic_certs::{Code, Digest, Problem, Result};
use quinn::{Connection, VarInt};
use zeroize::Zeroizing;

use super::close::{WITHOUT_FAULT, problem_of};
use super::dial::connect;
use super::quic::{Clock, Exchange};
use super::request::Answer;
use super::streams::{read_only_frame, within, write_frame};
use super::tls::{ALPN_ENROL, client_config};
use super::verifier::ServerVerifier;

/// Most bytes of an enrolment request.
pub const ENROL_REQUEST_BYTES_MAX: usize = 64 << 10;
/// Most bytes of an enrolment answer.
pub const ENROL_ANSWER_BYTES_MAX: usize = 8 << 20;
/// How long the whole of an enrolment may take.
pub const ENROL_MS_MAX: u64 = 30_000;
/// How long the authority waits for its answer to arrive before it closes.
const DELIVERY_MS_MAX: u64 = 5_000;

/// Answers a stranger.
pub(super) async fn serve(exchange: &Exchange, quic: Connection, from: SocketAddr) -> Result<()> {
    quic.set_max_concurrent_uni_streams(VarInt::from_u32(0));
    let outcome = within(ENROL_MS_MAX, "enrolment", async {
        let (mut send, mut recv) = quic.accept_bi().await.map_err(|error| problem_of(&error))?;
        let answer = match read_request(&mut recv).await {
            Ok(request) => exchange.face().enrol(from, request).await,
            Err(problem) => Err(problem),
        };
        let frame = match &answer {
            Ok(answer) => answer.encode(),
            Err(problem) => Answer::Refused(problem.for_peer()).encode(),
        };
        write_frame(&mut send, &frame).await?;
        let _ = send.finish();
        let _ = tokio::time::timeout(Duration::from_millis(DELIVERY_MS_MAX), send.stopped()).await;
        answer.map(drop)
    })
    .await;
    quic.close(VarInt::from_u32(WITHOUT_FAULT), b"enrolment");
    outcome
}

async fn read_request(recv: &mut quinn::RecvStream) -> Result<EnrolRequest> {
    let frame = Zeroizing::new(read_only_frame(recv, ENROL_REQUEST_BYTES_MAX).await?);
    EnrolRequest::decode(&frame)
}

/// Enrols with a token: `requests` are CSRs, DER, in the order of the token's roles. The server's chain must end in the
/// token's root and speak for `ogic://<authority>/node`; the root in the answer is the token's. What else the answer holds
/// is for the caller to check. [`Code::AuthorityUnreachable`] if there is no answer.
pub async fn join(token: &Token, requests: Vec<Vec<u8>>, clock: Clock) -> Result<EnrolAnswer> {
    let unreachable = |found: String| Problem::new(Code::AuthorityUnreachable, "authority").found(found);
    let address: SocketAddr = token.address.parse().map_err(|_| {
        Problem::new(Code::Malformed, "token address").found(token.address.clone()).expected("ip:port")
    })?;
    let any = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any).map_err(|error| unreachable(error.to_string()))?;
    let endpoint =
        quinn::Endpoint::new(quinn::EndpointConfig::default(), None, socket, Arc::new(quinn::TokioRuntime))
            .map_err(|error| unreachable(error.to_string()))?;
    let verifier = Arc::new(ServerVerifier::authority(token.root, token.authority.clone(), clock));
    let config = client_config(None, Arc::clone(&verifier), ALPN_ENROL)?;
    let outcome = within(ENROL_MS_MAX, "enrolment", async {
        let quic = connect(&endpoint, config, address, &token.authority, &verifier).await?;
        let request = EnrolRequest { secret: token.secret.clone(), requests };
        let (mut send, mut recv) = quic.open_bi().await.map_err(|error| problem_of(&error))?;
        write_frame(&mut send, &request.encode()).await?;
        let _ = send.finish();
        let frame = read_only_frame(&mut recv, ENROL_ANSWER_BYTES_MAX).await?;
        quic.close(VarInt::from_u32(WITHOUT_FAULT), b"enrolled");
        read_answer(&frame)
    })
    .await;
    endpoint.close(VarInt::from_u32(WITHOUT_FAULT), b"enrolled");
    let answer = outcome.map_err(|problem| match problem.code {
        Code::PeerTimeout | Code::PeerUnreachable => {
            Problem { code: Code::AuthorityUnreachable, ..problem }.within(address)
        }
        _ => problem,
    })?;
    let root = Digest::of(&answer.root);
    if root != token.root {
        return Err(Problem::new(Code::DigestMismatch, "root")
            .found(root.to_string())
            .expected(token.root.to_string()));
    }
    Ok(answer)
}

/// An answer is a map; a refusal the array that other requests are refused with.
fn read_answer(frame: &[u8]) -> Result<EnrolAnswer> {
    match Answer::decode(frame, ENROL_ANSWER_BYTES_MAX) {
        Ok(Answer::Refused(problem)) => Err(problem),
        _ => EnrolAnswer::decode(frame),
    }
}
