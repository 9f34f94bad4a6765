//! The forgery: somebody founds an authority of his own under the same names, and makes a case, papers, records and a
//! capsule with it, by the same program. Nothing in it is wrong in itself; against the registry that was pinned it is
//! undecidable, and never passed.

use ogic_certs::event::{Body, Detail, FieldValue, Kind, Outcome as Ending};
use ogic_certs::{CaseId, Digest};
use serde_json::json;

use super::SERVICE;
use super::begin::write;
use super::check::equal;
use super::finish::{Capsule, verification};
use super::papers;
use super::report::Facts;
use super::stage::Stage;
use crate::answer;
use crate::case::act::Act;
use crate::client::Key;
use crate::document;
use crate::federation::party::ogic;
use crate::federation::scratch;
use crate::output::Outcome;

pub(super) async fn play(stage: &Stage, real: &Capsule) -> Outcome<((), Facts)> {
    let folder = scratch(&stage.at("forger"))?;
    let mut forger = Stage::new(stage.exe.clone(), folder, crate::text::Language::English)?;
    forger.found().await?;
    forger.join("transport").await?;
    forger.enrol("transport", "licensing-1").await?;
    let file = stage.at("forged.ogic");
    let bytes = export(&forger).await?;
    write(&file, &bytes)?;
    forger.transport.stop().await?;
    forger.authority.stop().await?;
    let words = verification(stage, &file);
    let ran = ogic(&stage.exe, &words.iter().map(AsRef::as_ref).collect::<Vec<_>>(), None).await?;
    equal("forged capsule: exit code", ran.exit, 6)?;
    equal("forged capsule: verdict", answer::text(&ran.said, "/verdict"), "INDETERMINATE")?;
    let facts = json!({
        "bytes": bytes.len(), "real_bytes": real.bytes, "exit": ran.exit,
        "code": ran.said["error"]["code"], "field": ran.said["error"]["field"],
    });
    Ok(((), facts))
}

/// A whole case of the forger's, closed as granted.
async fn export(forger: &Stage) -> Outcome<Vec<u8>> {
    let home = &forger.transport;
    let (client, key) = (home.client(), Key::random()?);
    let published = client.post_raw("/v1/services", "application/toml", SERVICE.to_owned(), &key).await?;
    let service = Digest::from_hex(&answer::text(&published, "/digest"), "digest")?;
    let file = forger.at("paper.pdf");
    write(&file, &papers::page("Forged", &["as good as any".to_owned()]))?;
    let body = Body::of(Detail::Open { service, citizen: "p-forged".to_owned() });
    let mut act = Act::new(None, Kind::Open, body);
    act.body.fields = vec![("category".to_owned(), FieldValue::Text("B".to_owned()))];
    act.body.documents = vec![document::describe(&file, Some("application")).await?];
    act.files = vec![file.clone()];
    let opened = home.act("/v1/cases", act, &forger.licensing).await?;
    let case = CaseId::from_hex(&answer::text(&opened, "/case"), "case")?;
    let path = format!("/v1/cases/{case}/events");
    // Nobody else is there to do the medical step: the forger's home does it itself.
    let mut act = Act::new(Some(case), Kind::Step, Body::of(Detail::None));
    act.step = Some("medical".to_owned());
    act.code = Some("done");
    act.body.fields = vec![("fit".to_owned(), FieldValue::Bool(true))];
    act.body.documents = vec![document::describe(&file, Some("medical-certificate")).await?];
    act.files = vec![file];
    home.act(&path, act, &forger.licensing).await?;
    let mut act = Act::new(Some(case), Kind::Step, Body::of(Detail::None));
    act.step = Some("decision".to_owned());
    act.code = Some("done");
    home.act(&path, act, &forger.licensing).await?;
    let mut act = Act::new(Some(case), Kind::Close, Body::of(Detail::Close { reason: "granted".to_owned() }));
    act.code = Some(Ending::Granted.as_str());
    home.act(&path, act, &forger.licensing).await?;
    home.bytes(&format!("/v1/cases/{case}/export")).await
}
