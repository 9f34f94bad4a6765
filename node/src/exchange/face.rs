//! What a daemon shows to the exchange: node, authority and trusted third party each implement [`Face`].

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use ogic_certs::token::{EnrolAnswer, EnrolRequest};
use ogic_certs::{AgencyId, Code, Problem};
use tokio::io::AsyncRead;

use super::link::{Link, LinkId};
use super::message::{Hello, Message};
use super::request::{Answer, Request};

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An answer, and the raw bytes that follow it if it is [`Answer::Document`].
pub struct Reply {
    /// The answer.
    pub answer: Answer,
    /// The document from the asked offset on; exactly as many bytes as the answer says are taken from it.
    pub body: Option<Box<dyn AsyncRead + Send + Unpin>>,
}

impl Reply {
    /// An answer without a body.
    pub const fn plain(answer: Answer) -> Self {
        Self { answer, body: None }
    }

    /// A document's `bytes` bytes out of `body`.
    pub fn document(bytes: u64, body: impl AsyncRead + Send + Unpin + 'static) -> Self {
        Self { answer: Answer::Document { bytes }, body: Some(Box::new(body)) }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("answer", &self.answer).finish_non_exhaustive()
    }
}

/// The daemon behind an endpoint. Its functions are called from many tasks at once; those that return no future must
/// not block. A panic in one of them ends the connection it was called for, and no other.
pub trait Face: Send + Sync + 'static {
    /// Who the daemon is.
    fn agency(&self) -> AgencyId;

    /// What it says to `peer` at the beginning of a connection.
    fn hello(&self, peer: &AgencyId) -> Hello;

    /// A connection is ready. It replaces an older one of this peer, if there is one, whose end may be told later: what
    /// was sent on that and is not acknowledged goes out again.
    fn connected(&self, peer: &AgencyId, hello: Hello, link: Link);

    /// A connection that was ready has ended.
    fn disconnected(&self, peer: &AgencyId, link: LinkId, why: Problem);

    /// One frame's messages. Reading of that stream goes on when the future has ended: this is the back-pressure. The
    /// future is dropped if the connection ends before it; what it has not taken on will be sent again.
    fn received(&self, peer: &AgencyId, link: LinkId, messages: Vec<Message>) -> BoxFuture<'_, ()>;

    /// A request. An error is told to the peer by code and field. The future is dropped if the connection ends, or after
    /// its deadline.
    fn request(&self, peer: &AgencyId, request: Request) -> BoxFuture<'_, Result<Reply, Problem>>;

    /// A stranger with a token. The authority alone answers; who starts its endpoint with `enrols` must.
    fn enrol(&self, from: SocketAddr, request: EnrolRequest) -> BoxFuture<'_, Result<EnrolAnswer, Problem>> {
        let _ = (from, request);
        Box::pin(std::future::ready(Err(
            Problem::new(Code::RequestRefused, "enrolment").found("a request to a node that enrols nobody")
        )))
    }
}
