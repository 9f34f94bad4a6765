//! The node's local API: what an agency's own people see and do, as JSON over the socket of [`crate::local`].
//!
//! It decides nothing: it reads a request, hands an act to the [`Handle`], and says what came of it. Begin with [`routes`];
//! the shapes of its answers are [`views`] and, for a whole case, [`shown`].

mod cases;
mod documents;
mod events;
mod extracts;
mod outbox;
mod services;
mod shown;
mod status;
mod trace;
mod views;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::routing::{get, post};

use crate::daemon::Handle;
use crate::local::Failure;

type Answer<T> = Result<T, Failure>;

/// The routes, for [`crate::local::serve`].
pub fn routes(handle: Handle) -> Router {
    Router::new()
        .route("/v1/status", get(status::status))
        .route("/v1/timing", get(status::timing))
        .route("/v1/peers", get(status::peers))
        .route("/v1/outbox", get(outbox::list))
        .route("/v1/outbox/{id}/retry", post(outbox::retry))
        .route("/v1/outbox/{id}/drop", post(outbox::give_up))
        .route("/v1/sent", get(outbox::sent))
        .route("/v1/documents", post(documents::add))
        .route("/v1/documents/{sha256}", get(documents::fetch))
        .route("/v1/services", get(services::list).post(services::publish))
        .route("/v1/cases", get(cases::list).post(events::open))
        .route("/v1/cases/{case}", get(cases::show))
        .route("/v1/cases/{case}/events", post(events::append))
        .route("/v1/cases/{case}/access", get(cases::access))
        .route("/v1/cases/{case}/history", get(cases::history))
        .route("/v1/cases/{case}/export", get(cases::export))
        .route("/v1/references", get(cases::references))
        .route("/v1/events/{event}", get(trace::trace))
        .route("/v1/events/{event}/receipt", get(extracts::receipt))
        .route("/v1/events/{event}/evidence", get(extracts::evidence))
        .route("/v1/checkpoint", get(extracts::checkpoint))
        .with_state(handle)
}
