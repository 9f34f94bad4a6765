//! A raw client of a daemon's local API: HTTP/1.1 over the Unix socket, with whatever bytes a test wants to send.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// Whether the daemon keeps the connection.
    pub(crate) keeps: bool,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The code of an error, such as `OGIC-1001`; empty if the body holds none.
    pub(crate) fn code(&self) -> String {
        let value: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        value["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// One connection, kept from request to request.
pub(crate) struct Line(UnixStream);

impl Line {
    pub(crate) fn open(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        stream.set_write_timeout(Some(ANSWER_MAX))?;
        Ok(Self(stream))
    }

    /// One whole request and its answer.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Said> {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: ogic\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.send(&[head.as_bytes(), b"\r\n", body].concat())
    }

    /// Sends bytes as they are, and reads one answer. A daemon that answers before it has read all may close while we
    /// write: what it said counts.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<Said> {
        let written = self.0.write_all(bytes);
        match self.read() {
            Ok(said) => Ok(said),
            Err(error) => Err(written.err().unwrap_or(error)),
        }
    }

    fn read(&mut self) -> io::Result<Said> {
        let mut bytes = Vec::new();
        let split = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            self.more(&mut bytes)?;
        };
        let head = String::from_utf8_lossy(&bytes[..split]).to_ascii_lowercase();
        let status = head.get(9..12).and_then(|digits| digits.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no HTTP: {head}")))?;
        let mut body = bytes.split_off(split + 4);
        let field = |name: &str| {
            head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
        };
        let closes = field("connection") == Some("close");
        match field("content-length").map(|digits| digits.parse::<usize>()) {
            Some(Ok(length)) => {
                while body.len() < length {
                    self.more(&mut body)?;
                }
            }
            // Chunked: only the raw downloads are; the tests read those through the command.
            _ if field("transfer-encoding").is_some() => {
                while !body.ends_with(b"0\r\n\r\n") {
                    self.more(&mut body)?;
                }
            }
            _ => {}
        }
        Ok(Said { status, body, keeps: !closes })
    }

    fn more(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let mut piece = [0; 64 << 10];
        match self.0.read(&mut piece)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => {
                bytes.extend_from_slice(&piece[..length]);
                Ok(())
            }
        }
    }
}

/// One request on a connection of its own.
pub(crate) fn try_ask(
    socket: &Path,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Said> {
    Line::open(socket)?.ask(method, path, headers, body)
}
