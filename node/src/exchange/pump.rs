//! The tasks of one connection: they move bytes between QUIC and the session, and end it when either says so.
//!
//! Each task returns why it ended; the first to end ends the connection. A panic in one ends it too, and no other.

use std::sync::Arc;
use std::time::Duration;

use ogic_certs::{Code, Problem, Result};
use quinn::RecvStream;
use tokio::task::{JoinError, JoinSet};

use super::link::Link;
use super::quic::Exchange;
use super::serve;
use super::session::{SessionEvent, StreamKind};
use super::streams::{READ_BYTES, read_problem, within, write_problem};

/// How often a quiet connection's certificates are judged again.
const RECHECK_MS: u64 = 5_000;
/// How long one frame may wait for a peer that does not read.
const WRITE_MS_MAX: u64 = 60_000;
/// How long a stream may be open before its first byte.
const FIRST_BYTE_MS_MAX: u64 = 10_000;
/// How long a replaced connection stays at least: the peer may not have heard of the new one yet.
const LINGER_MS_MIN: u64 = 300;
/// How long a replaced connection may finish its requests.
const LINGER_MS_MAX: u64 = 10_000;

/// Runs a connection to its end. The streams that the peer opens are read in a task each; that there is more than one of
/// a kind is found by its first byte, and QUIC bounds how many there can be.
pub(super) async fn run(exchange: Arc<Exchange>, link: Link) {
    let mut tasks = JoinSet::new();
    for kind in StreamKind::ALL {
        tasks.spawn(write(link.clone(), kind));
    }
    tasks.spawn(serve::requests(Arc::clone(&exchange), link.clone()));
    tasks.spawn(watch(link.clone()));
    loop {
        tokio::select! {
            ended = tasks.join_next() => {
                link.close(why(ended));
                break;
            }
            stream = link.quic().accept_uni() => match stream {
                Ok(stream) => drop(tasks.spawn(read(Arc::clone(&exchange), link.clone(), stream))),
                Err(_) => break,
            },
        }
    }
    let why = link.closed().await;
    tasks.shutdown().await;
    exchange.ended(&link, why);
}

fn why(ended: Option<Result<Problem, JoinError>>) -> Problem {
    match ended {
        Some(Ok(problem)) => problem,
        Some(Err(error)) => Problem::new(Code::Internal, "connection").found(error.to_string()),
        None => Problem::new(Code::Internal, "connection").found("no task"),
    }
}

/// Writes what the session wants written on one stream, which is opened for the first of it.
async fn write(link: Link, kind: StreamKind) -> Problem {
    let outcome: Result<()> = async {
        let mut stream = None;
        loop {
            let bytes = link.session().poll_transmit_on(kind);
            let Some(bytes) = bytes else {
                link.to_write(kind).notified().await;
                continue;
            };
            let stream = match &mut stream {
                Some(stream) => stream,
                None => {
                    let opened = within(FIRST_BYTE_MS_MAX, "stream", async {
                        link.quic().open_uni().await.map_err(|error| link.why(&error))
                    });
                    let opened = stream.insert(opened.await?);
                    // Receipts and refusals pass events; what they answer is already here.
                    let priority = if kind == StreamKind::Control { 1 } else { 0 };
                    let _ = opened.set_priority(priority);
                    opened
                }
            };
            within(WRITE_MS_MAX, "stream", async {
                stream.write_all(&bytes).await.map_err(|error| write_problem(&error))
            })
            .await?;
        }
    }
    .await;
    outcome.err().unwrap_or_else(|| Problem::new(Code::Internal, "stream"))
}

/// Reads one stream of the peer, and hands on what it brings.
async fn read(exchange: Arc<Exchange>, link: Link, mut stream: RecvStream) -> Problem {
    let outcome: Result<()> = async {
        let mut first = [0];
        within(FIRST_BYTE_MS_MAX, "stream", async {
            stream.read_exact(&mut first).await.map_err(|error| match error {
                quinn::ReadExactError::ReadError(error) => read_problem(&error),
                quinn::ReadExactError::FinishedEarly(_) => {
                    Problem::new(Code::ProtocolViolation, "stream").found("an empty stream")
                }
            })
        })
        .await?;
        let [first] = first;
        let kind = link.session().handle_opened(first)?;
        if kind == StreamKind::Events {
            // Until the hello is here its bytes stay in QUIC's window.
            link.ready().await?;
        }
        while let Some(chunk) =
            stream.read_chunk(READ_BYTES, true).await.map_err(|error| read_problem(&error))?
        {
            let now = link.now();
            // Taken under one lock, so that what a stream brought is told in the order it came.
            let events: Vec<SessionEvent> = {
                let mut session = link.session();
                session.handle_bytes(kind, &chunk.bytes, now)?;
                std::iter::from_fn(|| session.poll_event()).collect()
            };
            for event in events {
                link.check()?;
                match event {
                    SessionEvent::Ready(hello) => exchange.ready(&link, hello)?,
                    SessionEvent::Messages(messages) => {
                        exchange.face().received(link.peer(), link.id(), messages).await;
                    }
                }
            }
        }
        link.session().handle_finished(kind)
    }
    .await;
    outcome.err().unwrap_or_else(|| Problem::new(Code::Internal, "stream"))
}

/// Judges the certificates again when the trust is replaced and every few seconds, and keeps the session's time.
async fn watch(link: Link) -> Problem {
    let mut replaced = link.trust().subscribe();
    let outcome: Result<()> = async {
        loop {
            link.check()?;
            let now = link.now();
            link.session().handle_timeout(now)?;
            let timeout = link.session().next_timeout().map_or(RECHECK_MS, |at| at.since_ms(now));
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(timeout.clamp(1, RECHECK_MS))) => {}
                // Its sender lives in the link, so that it cannot be closed.
                _ = replaced.changed() => {}
            }
        }
    }
    .await;
    outcome.err().unwrap_or_else(|| Problem::new(Code::Internal, "connection"))
}

/// Lets both sides move on from a connection that another has replaced, and what was asked on it be answered, then
/// closes it.
pub(super) async fn linger(link: Link) {
    tokio::time::sleep(Duration::from_millis(LINGER_MS_MIN)).await;
    let _ = tokio::time::timeout(Duration::from_millis(LINGER_MS_MAX), link.idle()).await;
    link.close_without_fault("another connection has taken over");
}
