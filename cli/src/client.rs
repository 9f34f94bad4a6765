//! The client of a daemon's local API: HTTP/1.1 and JSON over the Unix socket in its folder. Never speaks to another
//! machine. Begin with [`Client`].

use std::fmt;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use data_encoding::HEXLOWER;
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use ogic_certs::{Code, Problem};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::UnixStream;

use crate::output::{Advice, Failure, Outcome};

/// The socket's name in the daemon's folder.
const SOCKET: &str = "api.sock";
/// Most bytes of a socket's path in `sockaddr_un` (unix(7): 108 with the final NUL).
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// Longest wait for the beginning of an answer; a node waits at most 45 s for a receipt on a caller's behalf.
const ANSWER_TIMEOUT_MS: u64 = 60_000;
/// Longest JSON answer: 100 times a large case.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Bytes of a document read and sent at once.
const PIECE_BYTES: usize = 64 << 10;

/// An idempotency key: however often a change is asked for under it, it is made once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Key(String);

impl Key {
    /// Accepts 16 to 64 characters of `[A-Za-z0-9_-]`.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let fits = (16..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(Problem::new(Code::ValueRefused, "--idempotency-key")
                .found(text)
                .expected("16 to 64 characters of A-Z a-z 0-9 _ -"))
        }
    }

    /// 16 random bytes in hex.
    pub(crate) fn random() -> Outcome<Self> {
        Ok(Self(HEXLOWER.encode(&random::<16>()?)))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Random bytes of the system.
pub(crate) fn random<const N: usize>() -> Outcome<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Failure::from(Problem::new(Code::Internal, "system randomness")))?;
    Ok(bytes)
}

/// A daemon, by its folder.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    folder: PathBuf,
}

impl Client {
    pub(crate) const fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Reads a resource.
    pub(crate) async fn get(&self, path: &str) -> Outcome<Value> {
        let request = self.request(Method::GET, path, None, Either::Left(Full::default()))?;
        let response = self.send(request, Loss::Nothing).await?;
        read_json(response, &Loss::Nothing).await.map_err(|failure| self.elsewhere(path, failure))
    }

    /// Asks for a change. When the answer is lost, the failure is `AnswerLost`: the caller adds how to repeat it.
    pub(crate) async fn post(&self, path: &str, body: &Value, key: &Key) -> Outcome<Value> {
        self.post_raw(path, "application/json", body.to_string(), key).await
    }

    /// Like [`Client::post`], with a body of another media type.
    pub(crate) async fn post_raw(
        &self,
        path: &str,
        media_type: &str,
        body: String,
        key: &Key,
    ) -> Outcome<Value> {
        let mut request =
            self.request(Method::POST, path, Some(media_type), Either::Left(Full::from(body)))?;
        let key = HeaderValue::from_str(&key.0)
            .map_err(|_| Failure::from(Problem::new(Code::ValueRefused, "--idempotency-key")))?;
        request.headers_mut().insert("idempotency-key", key);
        let response = self.send(request, Loss::Change).await?;
        read_json(response, &Loss::Change).await.map_err(|failure| self.elsewhere(path, failure))
    }

    /// Sends a file's bytes as they are; `bytes` is its length. Repeating it changes nothing.
    pub(crate) async fn upload(
        &self,
        path: &str,
        file: File,
        bytes: u64,
        media_type: &str,
    ) -> Outcome<Value> {
        let body = FileBody { file, left: bytes, piece: vec![0; PIECE_BYTES] };
        let request = self.request(Method::POST, path, Some(media_type), Either::Right(body))?;
        let response = self.send(request, Loss::Change).await?;
        read_json(response, &Loss::Change).await
    }

    /// Receives raw bytes into `out` as they come, and says how many.
    pub(crate) async fn download(&self, path: &str, out: &mut (dyn AsyncWrite + Unpin)) -> Outcome<u64> {
        let request = self.request(Method::GET, path, None, Either::Left(Full::default()))?;
        let response = self.send(request, Loss::Nothing).await?;
        if !response.status().is_success() {
            return Err(self.elsewhere(path, refusal(response).await));
        }
        let mut body = response.into_body();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.unreachable(&error))?;
            if let Ok(piece) = frame.into_data() {
                bytes += piece.len() as u64;
                out.write_all(&piece).await.map_err(|error| Failure::file(Path::new("output"), &error))?;
            }
        }
        out.flush().await.map_err(|error| Failure::file(Path::new("output"), &error))?;
        Ok(bytes)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        media_type: Option<&str>,
        body: Sent,
    ) -> Outcome<Request<Sent>> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, "ogic");
        if let Some(media_type) = media_type {
            request = request.header(CONTENT_TYPE, media_type);
        }
        request.body(body).map_err(|error| {
            Problem::new(Code::ValueRefused, "request")
                .found(error.to_string())
                .expected("a valid path and type")
                .into()
        })
    }

    /// Connects and sends. Once the request may have left, a broken connection is what `loss` says.
    async fn send(&self, request: Request<Sent>, loss: Loss) -> Outcome<Response<Incoming>> {
        let stream = self.connect().await.map_err(|error| self.unreachable(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.unreachable(&error))?;
        // The connection ends with its request: when the sender is dropped or the daemon closes it.
        tokio::spawn(connection);
        let answer =
            tokio::time::timeout(Duration::from_millis(ANSWER_TIMEOUT_MS), sender.send_request(request));
        match answer.await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(loss.failure(&error.to_string())),
            Err(_) => Err(loss.failure(&format!("no answer within {} s", ANSWER_TIMEOUT_MS / 1000))),
        }
    }

    async fn connect(&self) -> io::Result<UnixStream> {
        let path = self.folder.join(SOCKET);
        if path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
            return UnixStream::connect(&path).await;
        }
        // A longer path does not fit into the address: the folder is opened and named by its descriptor.
        let folder = std::fs::File::open(&self.folder)?;
        UnixStream::connect(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd())).await
    }

    fn unreachable(&self, error: &dyn fmt::Display) -> Failure {
        let problem = Problem::new(Code::NodeUnreachable, self.folder.join(SOCKET).display().to_string());
        let failure = Failure::from(problem.found(error.to_string()).expected("a running daemon"));
        match Keeper::of(&self.folder) {
            Some(Keeper::Authority) => failure.advice(Advice::Say("start-authority")),
            Some(Keeper::Ttp) => failure.advice(Advice::Say("start-ttp")),
            Some(Keeper::Node) | None => failure,
        }
    }

    /// A path that this daemon does not have is another daemon's: whose the folder is, and whose it should be.
    fn elsewhere(&self, path: &str, failure: Failure) -> Failure {
        let unknown = failure.problem.code == Code::NotFound && failure.problem.field == "path";
        match Keeper::of(&self.folder).filter(|_| unknown) {
            Some(keeper) => keeper.instead_of(Keeper::asked(path), &self.folder),
            None => failure,
        }
    }
}

/// Which daemon's folder a folder is, by what founding or joining left in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keeper {
    Authority,
    Ttp,
    Node,
}

impl Keeper {
    /// None for a folder that no daemon was made in.
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        let marks =
            [("authority.toml", Self::Authority), ("keys/ttp.key", Self::Ttp), ("keys/seal.key", Self::Node)];
        marks.into_iter().find(|(mark, _)| folder.join(mark).exists()).map(|(_, keeper)| keeper)
    }

    /// Whose local API has a path.
    fn asked(path: &str) -> Self {
        let first = path.trim_start_matches("/v1/").split(['/', '?']).next().unwrap_or_default();
        match first {
            "tokens" | "members" | "issued" | "revocations" | "registry" | "crl" => Self::Authority,
            "evidence" => Self::Ttp,
            _ => Self::Node,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Authority => "the folder of an authority",
            Self::Ttp => "the folder of a third party",
            Self::Node => "the folder of a node",
        }
    }

    /// The failure of a command for `wanted` in a folder of this one.
    pub(crate) fn instead_of(self, wanted: Self, folder: &Path) -> Failure {
        let place = format!("--data {}", folder.display());
        let failure = Failure::usage(&place, self.words(), wanted.words());
        failure.advice(Advice::Say("wrong-folder"))
    }

    /// Refuses to serve in a folder of another daemon.
    pub(crate) fn demand(wanted: Self, folder: &Path) -> Outcome {
        match Self::of(folder) {
            Some(other) if other != wanted => Err(other.instead_of(wanted, folder)),
            _ => Ok(()),
        }
    }
}

/// What is not known when an answer does not come.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// Nothing: it was a question.
    Nothing,
    /// Whether the change was made.
    Change,
}

impl Loss {
    fn failure(self, found: &str) -> Failure {
        let code = match self {
            Self::Nothing => Code::NodeUnreachable,
            Self::Change => Code::AnswerLost,
        };
        Problem::new(code, "answer").found(found).expected("an answer of the daemon").into()
    }
}

async fn read_json(response: Response<Incoming>, loss: &Loss) -> Outcome<Value> {
    if !response.status().is_success() {
        return Err(refusal(response).await);
    }
    let bytes = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| loss.failure(&error.to_string()))?
        .to_bytes();
    serde_json::from_slice(&bytes).map_err(|error| not_ours(&error.to_string()))
}

/// Reads the error that a daemon answered with.
async fn refusal(response: Response<Incoming>) -> Failure {
    let status = response.status();
    let body = Limited::new(response.into_body(), 64 << 10).collect().await;
    let error = body.ok().and_then(|body| serde_json::from_slice::<Value>(&body.to_bytes()).ok());
    match error.as_ref().map(|answer| &answer["error"]) {
        Some(error) if error.is_object() => failure_of(error),
        _ => not_ours(&format!("HTTP status {status}")),
    }
}

/// The failure that the local API's error object describes.
pub(crate) fn failure_of(error: &Value) -> Failure {
    let word = |key: &str| error[key].as_str().map(str::to_owned);
    let number =
        error["code"].as_str().and_then(|code| code.strip_prefix("OGIC-")).and_then(|n| n.parse().ok());
    let field = word("field").unwrap_or_default();
    let Some(code) = number.and_then(Code::from_number) else {
        // A newer daemon: its own words are all there is.
        let found = format!("{} {}", word("code").unwrap_or_default(), word("sentence").unwrap_or_default());
        let failure = Failure::from(Problem::new(Code::Internal, field).found(found));
        return match word("hint") {
            Some(hint) => failure.hint(hint),
            None => failure,
        };
    };
    let mut problem = Problem::new(code, field);
    if let Some(found) = word("found") {
        problem = problem.found(found);
    }
    if let Some(expected) = word("expected") {
        problem = problem.expected(expected);
    }
    let failure = Failure::from(problem);
    match word("parked") {
        Some(id) => failure.advice(Advice::Parked(id)),
        None => failure,
    }
}

fn not_ours(found: &str) -> Failure {
    Problem::new(Code::ProtocolViolation, "answer of the daemon")
        .found(found)
        .expected("JSON of the local API")
        .into()
}

/// What requests carry: text at hand, or a file as it is read.
type Sent = Either<Full<Bytes>, FileBody>;

/// A file as a body, a piece at a time and never whole in memory.
struct FileBody {
    file: File,
    /// Bytes still to come; a file that grows or shrinks meanwhile is an error.
    left: u64,
    piece: Vec<u8>,
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        let mut buffer = ReadBuf::new(&mut this.piece);
        if let Err(error) = ready!(Pin::new(&mut this.file).poll_read(cx, &mut buffer)) {
            return Poll::Ready(Some(Err(error)));
        }
        let filled = buffer.filled();
        let taken = filled.len().min(usize::try_from(this.left).unwrap_or(usize::MAX));
        if taken == 0 {
            let error =
                io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was sent");
            return Poll::Ready(Some(Err(error)));
        }
        let piece = Bytes::copy_from_slice(&filled[..taken]);
        this.left -= taken as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// `text` fit for the query of a path (RFC 3986 2.3: all but unreserved characters are escaped).
pub(crate) fn query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::io::AsyncReadExt;
    use tokio::net::UnixListener;

    use super::*;

    /// A daemon that answers each connection with the next of `answers`, and gives back what it was asked.
    fn daemon(folder: &Path, answers: &'static [&'static str]) -> tokio::task::JoinHandle<Vec<String>> {
        let listener = UnixListener::bind(folder.join(SOCKET)).unwrap();
        tokio::spawn(async move {
            let mut asked = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut bytes = vec![0; 1 << 20];
                let mut length = 0;
                loop {
                    length += stream.read(&mut bytes[length..]).await.unwrap();
                    let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                    let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
                        let wanted = head.lines().find_map(|l| l.strip_prefix("content-length: "));
                        body.len() >= wanted.map_or(0, |n| n.parse::<usize>().unwrap())
                    });
                    if whole {
                        asked.push(text);
                        break;
                    }
                }
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            asked
        })
    }

    fn client(folder: &tempfile::TempDir) -> Client {
        Client::at(folder.path().to_owned())
    }

    #[tokio::test]
    async fn without_a_socket_the_node_is_unreachable() {
        let folder = tempfile::tempdir().unwrap();
        let failure = client(&folder).get("/v1/status").await.unwrap_err();
        assert_eq!(failure.problem.code, Code::NodeUnreachable);
        let failure = client(&folder).post("/v1/x", &json!({}), &Key::random().unwrap()).await.unwrap_err();
        assert_eq!(failure.problem.code, Code::NodeUnreachable);
    }

    #[tokio::test]
    async fn a_change_carries_its_key_and_a_lost_answer_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let served = daemon(
            folder.path(),
            &[
                "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{\"case\":\"x\"}",
                "",
                "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{\"ca",
                "HTTP/1.1 403 Forbidden\r\ncontent-length: 73\r\n\r\n\
                 {\"error\":{\"code\":\"OGIC-3003\",\"field\":\"grant\",\"found\":\"a\",\"expected\":\"b\"}}",
                "HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\noops",
            ],
        );
        let key = Key::parse("0123456789abcdef").unwrap();
        let client = client(&folder);
        let body = json!({"a": 1});
        let post = || client.post("/v1/cases", &body, &key);
        assert_eq!(post().await.unwrap(), json!({"case": "x"}));
        assert_eq!(post().await.unwrap_err().problem.code, Code::AnswerLost);
        assert_eq!(post().await.unwrap_err().problem.code, Code::AnswerLost);
        let refused = post().await.unwrap_err().problem;
        assert_eq!((refused.code, refused.field.as_str()), (Code::GrantRevoked, "grant"));
        assert_eq!((refused.found.as_deref(), refused.expected.as_deref()), (Some("a"), Some("b")));
        assert_eq!(post().await.unwrap_err().problem.code, Code::ProtocolViolation);
        let asked = served.await.unwrap();
        assert!(asked[0].starts_with("POST /v1/cases HTTP/1.1\r\n"), "{}", asked[0]);
        assert!(
            asked[0].contains("idempotency-key: 0123456789abcdef\r\n") && asked[0].ends_with("{\"a\":1}")
        );
    }

    #[tokio::test]
    async fn documents_stream_both_ways_over_a_path_too_long_for_an_address() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("папка с пробелом".repeat(5));
        std::fs::create_dir(&folder).unwrap();
        let short = tempfile::tempdir().unwrap();
        let served = daemon(
            short.path(),
            &[
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nbytes",
            ],
        );
        std::fs::rename(short.path().join(SOCKET), folder.join(SOCKET)).unwrap();
        let client = Client::at(folder);
        let content = "x".repeat(PIECE_BYTES + 9);
        let path = top.path().join("document");
        std::fs::write(&path, &content).unwrap();
        let file = File::open(&path).await.unwrap();
        client.upload("/v1/documents", file, content.len() as u64, "application/pdf").await.unwrap();
        let mut out = Vec::new();
        assert_eq!(client.download("/v1/documents/x", &mut out).await.unwrap(), 5);
        assert_eq!(out, b"bytes");
        let asked = served.await.unwrap();
        assert!(asked[0].contains("content-type: application/pdf\r\n") && asked[0].ends_with(&content));
    }

    #[test]
    fn keys_and_queries() {
        assert!(Key::parse(&Key::random().unwrap().0).is_ok());
        for bad in ["", "short", "0123456789abcde\n", &"x".repeat(65), "0123456789abcdeё"] {
            assert_eq!(Key::parse(bad).unwrap_err().code, Code::ValueRefused, "{bad:?}");
        }
        assert_eq!(query("a b&ж~"), "a%20b%26%D0%B6~");
    }
}
