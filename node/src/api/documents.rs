//! Documents in and out: streamed, never whole in memory, named by what they are.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use ogic_certs::{CaseId, Code, Digest, Problem, Result};
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::{AsyncRead, ReadBuf};

use super::Answer;
use crate::daemon::Handle;
use crate::local::{Asked, Named};

/// Bytes that are read from a file at once.
const PIECE_BYTES: usize = 64 << 10;
/// What a look at a document is registered as.
const PURPOSE: &str = "document";

/// `POST /v1/documents`. The bytes name themselves, so that asking again changes nothing and needs no key.
pub(super) async fn add(State(handle): State<Handle>, body: Body) -> Answer<Json<Value>> {
    let mut nonce = [0; 16];
    SystemRandom::new().fill(&mut nonce).map_err(|_| Problem::new(Code::Internal, "random"))?;
    let source = Upload { body, rest: Bytes::new() };
    let id = handle.documents().take(source, &HEXLOWER.encode(&nonce)).await?;
    tracing::info!(sha256 = %id.sha256, bytes = id.bytes, "document added");
    Ok(Json(json!({"sha256": id.sha256.to_string(), "root": id.root.to_string(), "bytes": id.bytes})))
}

/// Under which case a document is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Under {
    #[serde(default)]
    case: Option<String>,
}

/// `GET /v1/documents/{sha256}`.
pub(super) async fn fetch(
    State(handle): State<Handle>,
    Named(sha256): Named,
    Asked(under): Asked<Under>,
) -> Answer<Response> {
    let sha256 = Digest::from_hex(&sha256, "sha256")?;
    if let Some(case) = under.case.as_deref() {
        under_case(&handle, CaseId::from_hex(case, "case")?, sha256).await?;
    }
    let (bytes, file) = handle.documents().read(&sha256, 0).await?;
    let headers =
        [(CONTENT_TYPE, "application/octet-stream".to_owned()), (CONTENT_LENGTH, bytes.to_string())];
    Ok((headers, Body::new(Download { file, left: bytes, piece: vec![0; PIECE_BYTES] })).into_response())
}

/// A look at a document of a case of ours is registered; one of another home's is brought from there once.
async fn under_case(handle: &Handle, case: CaseId, sha256: Digest) -> Result<()> {
    if handle.is_home(case).await? {
        return handle.document_of(case, sha256, PURPOSE).await;
    }
    if handle.has_brought(case, sha256).await? {
        return Ok(());
    }
    let view = handle.read(case, PURPOSE).await?;
    let mut documents = view.history.iter().flat_map(|entry| &entry.body.documents);
    let document = documents.find(|document| document.sha256 == sha256).ok_or_else(|| {
        Problem::new(Code::DocumentMissing, "document")
            .found(sha256.to_string())
            .expected("a document of this case")
    })?;
    handle.bring(case, document).await
}

/// A request's body as the source of a document.
struct Upload {
    body: Body,
    rest: Bytes,
}

impl AsyncRead for Upload {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                // Trailers are no part of the document.
                Some(Ok(frame)) => this.rest = frame.into_data().unwrap_or_default(),
            }
        }
        let piece = this.rest.split_to(this.rest.len().min(buffer.remaining()));
        buffer.put_slice(&piece);
        Poll::Ready(Ok(()))
    }
}

/// A document as an answer's body.
struct Download {
    file: File,
    left: u64,
    piece: Vec<u8>,
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        let mut buffer = ReadBuf::new(&mut this.piece);
        if let Err(error) = ready!(Pin::new(&mut this.file).poll_read(context, &mut buffer)) {
            return Poll::Ready(Some(Err(error)));
        }
        let filled = Bytes::copy_from_slice(buffer.filled());
        let Some(left) = this.left.checked_sub(filled.len() as u64).filter(|_| !filled.is_empty()) else {
            // The length was told already: the caller must not take what came for the whole.
            return Poll::Ready(Some(Err(io::Error::other("the file has another length than it had"))));
        };
        this.left = left;
        Poll::Ready(Some(Ok(Frame::data(filled))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
