//! Requests, both sides: answering the peer's streams, and asking on streams of our own.
//!
//! A request that is no request is refused on its stream alone; so is what the daemon refuses.

use std::sync::Arc;

use ogic_certs::{Code, Problem, Result};
use quinn::{RecvStream, SendStream, VarInt};
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::close::WITHOUT_FAULT;
use super::face::Reply;
use super::frame::FRAME_BYTES_MAX;
use super::link::{Busy, Link};
use super::quic::Exchange;
use super::request::{Answer, Request};
use super::streams::{
    PIECE_MS_MAX, read_first_frame, read_only_frame, read_problem, within, write_frame, write_problem,
};

/// Most requests of one peer that are answered at a time; more wait in QUIC.
pub const REQUESTS_MAX: usize = 64;
/// How long a request may take to arrive.
pub const REQUEST_MS_MAX: u64 = 10_000;
/// How long an answer may take, beside what the request itself allows to wait.
pub const ANSWER_MS_MAX: u64 = 30_000;
/// Bytes of a body that are copied at a time.
const BODY_PIECE_BYTES: usize = 64 << 10;

/// Answers the peer's requests until the connection ends.
pub(super) async fn requests(exchange: Arc<Exchange>, link: Link) -> Problem {
    if let Err(problem) = link.ready().await {
        return problem;
    }
    let slots = Arc::new(Semaphore::new(REQUESTS_MAX));
    let mut tasks = JoinSet::new();
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return Problem::new(Code::Internal, "requests");
        };
        let (send, recv) = match link.quic().accept_bi().await {
            Ok(streams) => streams,
            Err(error) => return link.why(&error),
        };
        let (exchange, link) = (Arc::clone(&exchange), link.clone());
        tasks.spawn(async move {
            let _slot = slot;
            let _busy = link.busy();
            answer(&exchange, &link, send, recv).await;
        });
        // A task that panicked has lost its own stream; its peer sees the stream end without an answer.
        while tasks.try_join_next().is_some() {}
    }
}

async fn answer(exchange: &Exchange, link: &Link, mut send: SendStream, mut recv: RecvStream) {
    let request = within(REQUEST_MS_MAX, "request", async {
        Request::decode(&read_only_frame(&mut recv, FRAME_BYTES_MAX).await?)
    })
    .await;
    if let Err(problem) = link.check() {
        link.close(problem);
        return;
    }
    let reply = match request {
        Ok(request) => {
            let limit = ANSWER_MS_MAX + request.wait_ms();
            within(limit, "answer", exchange.face().request(link.peer(), request)).await
        }
        Err(problem) => Err(problem),
    };
    let reply = reply.unwrap_or_else(|problem| {
        tracing::debug!(peer = %link.peer(), %problem, "a request was refused");
        Reply::plain(Answer::Refused(problem.for_peer()))
    });
    if let Err(problem) = write_reply(&mut send, reply).await {
        tracing::debug!(peer = %link.peer(), %problem, "an answer was not delivered");
        // Without the reset, half an answer would look like a whole one that is short.
        let _ = send.reset(VarInt::from_u32(WITHOUT_FAULT));
    }
}

async fn write_reply(send: &mut SendStream, reply: Reply) -> Result<()> {
    within(PIECE_MS_MAX, "answer", write_frame(send, &reply.answer.encode())).await?;
    if let (Answer::Document { bytes }, Some(mut body)) = (&reply.answer, reply.body) {
        let mut left = *bytes;
        let mut piece = vec![0; BODY_PIECE_BYTES];
        while left > 0 {
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            let buffer = piece.get_mut(..want).unwrap_or_default();
            let count = body
                .read(buffer)
                .await
                .map_err(|error| Problem::new(Code::DiskFailed, "document").found(error.to_string()))?;
            if count == 0 {
                return Err(Problem::new(Code::Internal, "document")
                    .found(format!("an end {left} bytes early"))
                    .expected(format!("{bytes} bytes")));
            }
            within(PIECE_MS_MAX, "document", async {
                let read = buffer.get(..count).unwrap_or_default();
                send.write_all(read).await.map_err(|error| write_problem(&error))
            })
            .await?;
            left -= count as u64;
        }
    }
    let _ = send.finish();
    Ok(())
}

/// The raw bytes behind an [`Answer::Document`].
pub struct Body {
    stream: RecvStream,
    left: u64,
    /// A link that another has replaced waits for the body's end.
    _busy: Busy,
}

impl Body {
    /// How many bytes are still to come.
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// Reads some of what is left into `buffer`; 0 only at the end, when all has come and nothing beyond it. A body that
    /// ends early is [`Code::PeerUnreachable`], so that the transfer is resumed; one that stalls [`Code::PeerTimeout`].
    pub async fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        within(PIECE_MS_MAX, "document", async {
            if self.left == 0 {
                return match self.stream.read_chunk(1, true).await {
                    Ok(None) => Ok(0),
                    Ok(Some(_)) => Err(Problem::new(Code::ProtocolViolation, "document")
                        .found("bytes after its end")
                        .expected("as many as the answer said")),
                    Err(error) => Err(read_problem(&error)),
                };
            }
            let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
            let buffer = buffer.get_mut(..want).unwrap_or_default();
            match self.stream.read(buffer).await {
                Ok(Some(count)) => {
                    self.left = self.left.saturating_sub(count as u64);
                    Ok(count)
                }
                Ok(None) => Err(Problem::new(Code::PeerUnreachable, "document")
                    .found(format!("its end {} bytes early", self.left))),
                Err(error) => Err(read_problem(&error)),
            }
        })
        .await
    }

    /// Reads all that is left, at most `max` bytes.
    pub async fn read_all(mut self, max: usize) -> Result<Vec<u8>> {
        if self.left > max as u64 {
            return Err(Problem::new(Code::TooLarge, "document")
                .found(format!("{} bytes", self.left))
                .expected(format!("at most {max} bytes")));
        }
        let mut all = Vec::new();
        let mut piece = vec![0; BODY_PIECE_BYTES];
        loop {
            let count = self.read(&mut piece).await?;
            if count == 0 {
                return Ok(all);
            }
            all.extend_from_slice(piece.get(..count).unwrap_or_default());
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({} bytes left)", self.left)
    }
}

impl Link {
    /// Asks the peer. A refusal is an error with the peer's code and field, as is what keeps the answer from coming:
    /// [`Code::PeerTimeout`], [`Code::PeerUnreachable`], or the form of the answer. The body is there if the answer is
    /// [`Answer::Document`].
    pub async fn request(&self, request: Request) -> Result<(Answer, Option<Body>)> {
        let busy = self.busy();
        let limit = ANSWER_MS_MAX + PIECE_MS_MAX + request.wait_ms();
        let (answer, stream) = within(limit, "answer", async {
            self.ready().await?;
            self.check()?;
            let (mut send, mut recv) = self.quic().open_bi().await.map_err(|error| self.why(&error))?;
            write_frame(&mut send, &request.encode()).await?;
            let _ = send.finish();
            if matches!(request, Request::Document { .. }) {
                let frame = read_first_frame(&mut recv, request.answer_bytes_max()).await?;
                return Ok((request.read_answer(&frame)?, Some(recv)));
            }
            let frame = read_only_frame(&mut recv, request.answer_bytes_max()).await?;
            Ok((request.read_answer(&frame)?, None))
        })
        .await?;
        let body = match (&answer, stream) {
            (Answer::Document { bytes }, Some(stream)) => Some(Body { stream, left: *bytes, _busy: busy }),
            _ => None,
        };
        Ok((answer, body))
    }
}
