//! Service definitions: published under this node's seal, and listed.

use axum::Json;
use axum::extract::State;
use ogic_certs::cose::{Kind, Sign1};
use ogic_certs::service::ServiceText;
use ogic_certs::{Digest, Result};
use serde_json::{Value, json};

use super::Answer;
use crate::case::Service;
use crate::daemon::{Handle, NodeDesk};
use crate::local::{Content, IdempotencyKey};

/// `POST /v1/services`, raw TOML. The same text is published once, whatever the key.
pub(super) async fn publish(
    State(handle): State<Handle>,
    _: IdempotencyKey,
    Content(toml): Content,
) -> Answer<Json<Value>> {
    // The linter's word comes before anything is signed.
    let service = Service::parse(&toml)?;
    ServiceText::new(toml.to_vec())?;
    let text = toml.clone();
    let digest = match handle.ask(move |desk| published(desk, &text)).await?? {
        Some(digest) => digest,
        None => handle.publish_service(&toml).await?.0,
    };
    tracing::info!(service = service.id, version = service.version, digest = %digest, "service published");
    Ok(Json(json!({"digest": digest.to_string(), "service": service.id, "version": service.version})))
}

/// The definition with exactly this text, if our seal signed it before.
fn published(desk: &mut NodeDesk, text: &[u8]) -> Result<Option<Digest>> {
    for (digest, held) in &desk.book().services {
        let envelope = Sign1::parse(&held.signed, Kind::Service)?;
        if envelope.payload() == text && envelope.signer() == desk.seal_digest() {
            return Ok(Some(*digest));
        }
    }
    Ok(None)
}

/// `GET /v1/services`.
pub(super) async fn list(State(handle): State<Handle>) -> Answer<Json<Value>> {
    let services = handle.ask(|desk| {
        let mut services: Vec<_> = desk
            .book()
            .services
            .iter()
            .map(|(digest, held)| (held.service.id.clone(), held.service.version, digest.to_string()))
            .collect();
        services.sort();
        services
            .into_iter()
            .map(|(service, version, digest)| {
                json!({"digest": digest, "service": service, "version": version})
            })
            .collect::<Vec<Value>>()
    });
    Ok(Json(json!({ "services": services.await? })))
}
