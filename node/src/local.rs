//! The local API's ground: a Unix socket in the daemon's folder, who may use it, idempotency keys, and errors as JSON.
//!
//! What a request brings is read here, so that whatever is wrong with it is told in the one form of [`Failure`]. It knows no
//! daemon: each has its own routes. Begin with [`bind`] and [`serve`].

use std::fs::{self, File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::{Method, StatusCode, header, request::Parts};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::serve::IncomingStream;
use ogic_certs::{Code, Digest, Problem, Result};
use serde::de::DeserializeOwned;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::folder::{Folder, failed};

/// The socket's name in the folder.
pub const SOCKET: &str = "api.sock";
/// Most bytes of a request's body, unless a route says otherwise.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// How long a task has to end by itself, in milliseconds.
const CLOSE_MS_MAX: u64 = 2_000;
/// Most bytes of a socket's path in `sockaddr_un` (unix(7): 108 with the final NUL).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Opens the socket, readable and writable by its owner alone. Whoever calls holds the folder's lock, so that a socket
/// found there is a dead process's.
pub fn bind(folder: &Folder) -> Result<UnixListener> {
    let path = folder.at(SOCKET);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&path, &error)),
        _ => {}
    }
    let listener = if path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        UnixListener::bind(&path)
    } else {
        // A longer path does not fit into the address: the folder is named by its descriptor.
        let opened = File::open(folder.path()).map_err(|error| failed(&path, &error))?;
        UnixListener::bind(format!("/proc/self/fd/{}/{SOCKET}", opened.as_raw_fd()))
    };
    let listener = listener.map_err(|error| failed(&path, &error))?;
    fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(|error| failed(&path, &error))?;
    Ok(listener)
}

/// Answers callers of this user, and root, until `closing` turns true.
pub async fn serve(listener: UnixListener, routes: Router, mut closing: watch::Receiver<bool>) {
    let routes = routes
        .fallback(|| async { Failure(Problem::new(Code::NotFound, "path")) })
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(only_own_user));
    let served = axum::serve(listener, routes.into_make_service_with_connect_info::<Caller>());
    let until = async move {
        // An error means that the daemon is gone, which closes as well.
        let _ = closing.wait_for(|closing| *closing).await;
    };
    if let Err(error) = served.with_graceful_shutdown(until).await {
        tracing::error!(%error, "local API ended");
    }
}

/// Waits for a task of a daemon that was told to close, and ends it if it does not: a caller that never finishes its
/// request must not hold the daemon.
pub async fn ended(mut task: JoinHandle<()>) {
    match tokio::time::timeout(Duration::from_millis(CLOSE_MS_MAX), &mut task).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "task ended"),
        Err(_) => task.abort(),
    }
}

/// The user at the other end of the socket.
#[derive(Clone, Copy, Debug)]
struct Caller {
    uid: Option<u32>,
}

impl Connected<IncomingStream<'_, UnixListener>> for Caller {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self { uid: stream.io().peer_cred().ok().map(|credentials| credentials.uid()) }
    }
}

async fn only_own_user(request: Request, next: Next) -> Response {
    let uid = request.extensions().get::<ConnectInfo<Caller>>().and_then(|info| info.0.uid);
    let own = rustix::process::geteuid().as_raw();
    if uid.is_some_and(|uid| uid == own || uid == 0) {
        return next.run(request).await;
    }
    Failure(Problem::new(Code::CallerForbidden, "user").found(format!("{uid:?}")).expected(own.to_string()))
        .into_response()
}

/// A problem as the API answers it: the code's status, and every word of the table.
#[derive(Debug)]
pub struct Failure(pub Problem);

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

/// A problem as JSON, without the status.
pub fn problem_json(problem: &Problem) -> serde_json::Value {
    let code = problem.code;
    serde_json::json!({
        "code": code.to_string(),
        "name": format!("{code:?}"),
        "side": code.side().as_str(),
        "field": problem.field,
        "found": problem.found,
        "expected": problem.expected,
        "sentence": code.sentence_en(),
        "hint": code.hint_en(),
    })
}

/// A peer's refusal as JSON: its own side is the peer's to us, and the peer's is ours.
pub fn refusal_json(problem: &Problem) -> serde_json::Value {
    let mut told = problem_json(problem);
    told["side"] = problem.side().as_told_by_peer().as_str().into();
    told
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::warn!(problem = %self.0, "local API");
        }
        (status, axum::Json(serde_json::json!({ "error": problem_json(&self.0) }))).into_response()
    }
}

async fn wrong_method(method: Method) -> Response {
    let problem =
        Problem::new(Code::Usage, "method").found(method.as_str()).expected("a method that this path takes");
    (StatusCode::METHOD_NOT_ALLOWED, axum::Json(serde_json::json!({ "error": problem_json(&problem) })))
        .into_response()
}

/// The one name in a path, such as `{case}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let named = Path::<String>::from_request_parts(parts, state).await;
        named
            .map(|Path(name)| Self(name))
            .map_err(|rejection| Failure(Problem::new(Code::Malformed, "path").found(rejection.body_text())))
    }
}

/// What stands after the `?`: a struct that denies unknown fields.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(asked)| Self(asked))
            .map_err(|rejection| Failure(Problem::new(Code::Usage, "query").found(rejection.body_text())))
    }
}

/// A whole body within the limit of its route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Content(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Content {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        Bytes::from_request(request, state).await.map(Self).map_err(|rejection| {
            let code = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
                _ => Code::Malformed,
            };
            Failure(Problem::new(code, "body").found(rejection.body_text()))
        })
    }
}

/// The caller's idempotency key: 16 to 64 characters of `A-Z a-z 0-9 _ -`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdempotencyKey(pub String);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let key = parts.headers.get("idempotency-key").and_then(|value| value.to_str().ok());
        let fits = |key: &&str| {
            (16..=64).contains(&key.len())
                && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        };
        key.filter(fits).map(|key| Self(key.to_owned())).ok_or_else(|| {
            Failure(
                Problem::new(Code::Usage, "Idempotency-Key")
                    .expected("16 to 64 characters of A-Z a-z 0-9 _ -"),
            )
        })
    }
}

/// The digest that stands for a request to `path` with this body: the same key with another digest is a conflict.
pub fn request_digest(path: &str, body: &[u8]) -> Digest {
    Digest::of_parts(&[b"ogic request 1", path.as_bytes(), b"\0", body])
}

/// Reads a JSON body. `Malformed` says what is wrong with it.
pub fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::new(Code::Malformed, "body").found(error.to_string()))
}

/// Raw bytes with their media type.
pub fn raw(media_type: &'static str, bytes: impl Into<Bytes>) -> Response {
    ([(header::CONTENT_TYPE, media_type)], bytes.into()).into_response()
}
