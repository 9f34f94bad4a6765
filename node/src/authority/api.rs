//! The authority's local API: what an operator sees and does. Every change takes an idempotency key.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use data_encoding::HEXLOWER;
use ogic_certs::registry::Level;
use ogic_certs::{AgencyId, Code, Identity, Problem, Result, Role};
use serde::Deserialize;
use serde_json::{Value, json};

use super::face::Counter;
use super::office::{Call, RevocationAnswer};
use super::redeem::{Ask, TTL_MS};
use super::revoke::{Target, reason_of};
use crate::local::{Content, Failure, IdempotencyKey, json as read, raw, request_digest};

/// The routes, for [`crate::local::serve`].
pub fn routes(counter: Counter) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/tokens", post(token))
        .route("/v1/members", get(members))
        .route("/v1/issued", get(issued))
        .route("/v1/revocations", post(revoke))
        .route("/v1/registry", get(registry))
        .route("/v1/crl", get(crl))
        .with_state(counter)
}

type Answer<T> = std::result::Result<T, Failure>;

async fn status(State(counter): State<Counter>) -> Answer<Json<Value>> {
    let now = counter.now();
    let trust = counter.trust().current();
    Ok(Json(counter.look(|office| -> Result<Value> {
        let (book, registry, crl) = (office.book(), office.registry()?.value(), office.crl()?);
        let open = book.tokens().filter(|token| token.redeemed.is_none() && now < token.made.expires).count();
        Ok(json!({
            "agency": book.charter().authority.as_str(),
            "version": env!("CARGO_PKG_VERSION"),
            "endpoint": book.charter().endpoints.first(),
            "federation": book.charter().federation.as_str(),
            "root": book.charter().root.digest().to_string(),
            "registry": {"version": registry.version, "issued": registry.issued.ms(), "expires": registry.expires.ms()},
            "crl": {"number": crl.number(), "revoked": crl.len(), "next_update": crl.next_update().map(|at| at.ms())},
            "trust": trust.freshness(now).as_str(),
            "members": book.members().count(),
            "issued": book.issued().count(),
            "tokens_open": open,
            "read_only": office.is_read_only(),
        }))
    })?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenBody {
    agency: String,
    roles: Vec<String>,
    #[serde(default)]
    name: Option<Names>,
    #[serde(default)]
    level: Option<String>,
    #[serde(default)]
    parent: Option<String>,
    #[serde(default)]
    ttl_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    en: String,
    ru: String,
}

impl TokenBody {
    fn ask(self) -> Result<Ask> {
        let [role] = <[String; 1]>::try_from(self.roles).map_err(|roles| {
            Problem::new(Code::ValueRefused, "roles")
                .found(format!("{} roles", roles.len()))
                .expected("one of node, ttp or official/<name>: each holder has a token of its own")
        })?;
        Ok(Ask {
            agency: AgencyId::parse(&self.agency, "agency")?,
            role: Role::parse(&role, "roles")?,
            names: self.name.map(|names| (names.en, names.ru)),
            level: self.level.as_deref().map(Level::from_word).transpose()?,
            parent: self.parent.as_deref().map(|id| AgencyId::parse(id, "parent")).transpose()?,
            ttl_ms: self.ttl_ms.unwrap_or(TTL_MS),
        })
    }
}

async fn token(
    State(counter): State<Counter>,
    key: IdempotencyKey,
    Content(body): Content,
) -> Answer<Json<Value>> {
    let ask = read::<TokenBody>(&body)?.ask()?;
    let request = request_digest("/v1/tokens", &body);
    let agency = ask.agency.clone();
    let token =
        counter.change(move |office, now| office.token(Call { key: &key.0, request }, &ask, now)).await?;
    tracing::info!(%agency, roles = ?token.roles, "token made");
    Ok(Json(json!({"token": token.to_text().as_str()})))
}

async fn members(State(counter): State<Counter>) -> Json<Value> {
    Json(counter.look(|office| {
        let members: Vec<Value> = office
            .book()
            .members()
            .map(|member| {
                json!({
                    "agency": member.agency.as_str(),
                    "name": {"en": member.name_en, "ru": member.name_ru},
                    "level": member.level.as_str(),
                    "parent": member.parent.as_ref().map(AgencyId::as_str),
                    "endpoints": member.endpoints,
                    "logs": member.logs,
                })
            })
            .collect();
        json!({ "members": members })
    }))
}

async fn issued(State(counter): State<Counter>) -> Json<Value> {
    Json(counter.look(|office| {
        let certificates: Vec<Value> = office
            .book()
            .issued()
            .map(|issued| {
                json!({
                    "serial": HEXLOWER.encode(issued.certificate.serial()),
                    "identity": issued.identity.to_string(),
                    "not_before": issued.certificate.not_before().ms(),
                    "not_after": issued.certificate.not_after().ms(),
                    "revoked_at": issued.revoked.as_ref().map(|revoked| revoked.at.ms()),
                })
            })
            .collect();
        json!({ "certificates": certificates })
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevocationBody {
    #[serde(default)]
    identity: Option<String>,
    #[serde(default)]
    serial: Option<String>,
    reason: String,
}

impl RevocationBody {
    fn target(&self) -> Result<Target> {
        match (&self.identity, &self.serial) {
            (Some(identity), None) => Identity::parse(identity).map(Target::Identity),
            (None, Some(serial)) => HEXLOWER.decode(serial.as_bytes()).map(Target::Serial).map_err(|_| {
                Problem::new(Code::Malformed, "serial")
                    .found(serial.clone())
                    .expected("lower-case hex digits")
            }),
            _ => Err(Problem::new(Code::Usage, "identity").expected("either identity or serial")),
        }
    }
}

async fn revoke(
    State(counter): State<Counter>,
    key: IdempotencyKey,
    Content(body): Content,
) -> Answer<Json<RevocationAnswer>> {
    let asked = read::<RevocationBody>(&body)?;
    let (target, reason) = (asked.target()?, reason_of(&asked.reason)?);
    let request = request_digest("/v1/revocations", &body);
    let answer = counter
        .change(move |office, now| office.revoke(Call { key: &key.0, request }, &target, reason, now))
        .await?;
    tracing::warn!(serial = answer.serial, already = answer.already, crl = answer.crl_number, "revoked");
    Ok(Json(answer))
}

async fn registry(State(counter): State<Counter>) -> Answer<Response> {
    let bytes = counter.look(|office| office.registry().map(|registry| registry.bytes().to_vec()))?;
    Ok(raw("application/cose; cose-type=\"cose-sign1\"", bytes))
}

async fn crl(State(counter): State<Counter>) -> Answer<Response> {
    let bytes = counter.look(|office| office.crl().map(|crl| crl.der().to_vec()))?;
    Ok(raw("application/pkix-crl", bytes))
}
