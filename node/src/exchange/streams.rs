//! Single frames and raw bodies over QUIC streams, each within a deadline.

use std::future::Future;
use std::time::Duration;

use ogic_certs::{Code, Problem, Result};
use quinn::{ReadError, RecvStream, SendStream, WriteError};

use super::close::problem_of;
use super::frame::{FrameReader, framed};

/// Most bytes taken from a stream at a time.
pub(super) const READ_BYTES: usize = 64 << 10;
/// How long a single frame, or the next piece of a body, may take.
pub(super) const PIECE_MS_MAX: u64 = 20_000;

/// Ends `future` after `ms` milliseconds with [`Code::PeerTimeout`].
pub(super) async fn within<T>(
    ms: u64,
    what: &'static str,
    future: impl Future<Output = Result<T>>,
) -> Result<T> {
    match tokio::time::timeout(Duration::from_millis(ms), future).await {
        Ok(outcome) => outcome,
        Err(_) => {
            Err(Problem::new(Code::PeerTimeout, what).found("nothing").expected(format!("within {ms} ms")))
        }
    }
}

/// Reads a stream that is exactly one frame.
pub(super) async fn read_only_frame(stream: &mut RecvStream, bytes_max: usize) -> Result<Vec<u8>> {
    let frame = read_first_frame(stream, bytes_max).await?;
    match stream.read_chunk(1, true).await {
        Ok(None) => Ok(frame),
        Ok(Some(_)) => Err(Problem::new(Code::ProtocolViolation, "stream")
            .found("bytes after the frame")
            .expected("one frame")),
        Err(error) => Err(read_problem(&error)),
    }
}

/// Reads the first frame of a stream; what follows stays in the stream.
pub(super) async fn read_first_frame(stream: &mut RecvStream, bytes_max: usize) -> Result<Vec<u8>> {
    let mut reader = FrameReader::new(bytes_max);
    loop {
        if let Some(frame) = reader.next_frame()? {
            return Ok(frame);
        }
        match stream.read_chunk(reader.missing_bytes().min(READ_BYTES), true).await {
            Ok(Some(chunk)) => reader.push(&chunk.bytes)?,
            Ok(None) => {
                return Err(Problem::new(Code::ProtocolViolation, "stream")
                    .found("its end")
                    .expected("a whole frame"));
            }
            Err(error) => return Err(read_problem(&error)),
        }
    }
}

/// Writes one frame.
pub(super) async fn write_frame(stream: &mut SendStream, item: &[u8]) -> Result<()> {
    stream.write_all(&framed(item)?).await.map_err(|error| write_problem(&error))
}

pub(super) fn read_problem(error: &ReadError) -> Problem {
    match error {
        ReadError::ConnectionLost(error) => problem_of(error),
        ReadError::Reset(_) => Problem::new(Code::PeerUnreachable, "stream").found("reset by the peer"),
        other => Problem::new(Code::Internal, "stream").found(other.to_string()),
    }
}

pub(super) fn write_problem(error: &WriteError) -> Problem {
    match error {
        WriteError::ConnectionLost(error) => problem_of(error),
        WriteError::Stopped(_) => Problem::new(Code::PeerUnreachable, "stream").found("stopped by the peer"),
        other => Problem::new(Code::Internal, "stream").found(other.to_string()),
    }
}
