//! Service definitions: published under this node's seal, and listed.

use axum::Json;
use axum::extract::State;
use ogic_certs::service::ServiceText;
use serde_json::{Value, json};

use super::Answer;
use crate::case::Service;
use crate::daemon::Handle;
use crate::local::{Content, IdempotencyKey, request_digest};

/// `POST /v1/services`, raw TOML. The same key publishes once; under one seal the same text does, whatever the key.
pub(super) async fn publish(
    State(handle): State<Handle>,
    key: IdempotencyKey,
    Content(toml): Content,
) -> Answer<Json<Value>> {
    // The linter's word comes before anything is signed.
    let service = Service::parse(&toml)?;
    ServiceText::new(toml.to_vec())?;
    let digest = handle.publish_service(key.0, request_digest("/v1/services", &toml), &toml).await?;
    tracing::info!(service = service.id, version = service.version, digest = %digest, "service published");
    Ok(Json(json!({"digest": digest.to_string(), "service": service.id, "version": service.version})))
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
