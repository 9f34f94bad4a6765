//! What a change of a case says: its body with documents and fields, and the official's approval. The header and the
//! seal are the node's. Never sends a private key anywhere.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use data_encoding::BASE64;
use ogic_certs::certificate::Certificate;
use ogic_certs::cose::{Signed, Signer};
use ogic_certs::event::{
    Approval, BODY_BYTES_MAX, Body, DOCUMENTS_MAX, Detail, FieldValue, HeadAt, Kind, StepTimes,
};
use ogic_certs::key::SigningKey;
use ogic_certs::{CaseId, Code, Digest, Problem, Role, Timestamp};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::answer;
use crate::change::Change;
use crate::client::random;
use crate::document;
use crate::invocation::Invocation;
use crate::output::{Failure, Outcome};
use crate::parse;
use crate::text::Text;

/// Longest wait for a receipt, within the client's own patience.
pub(crate) const WAIT_MS_MAX: u64 = 45_000;
/// Longest key or certificate file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Flags for what an event brings.
#[derive(Args, Debug)]
pub(crate) struct Content {
    #[arg(long = "field", value_name = "NAME=VALUE", value_parser = parse::field)]
    fields: Vec<(String, FieldValue)>,
    #[arg(long = "document", value_name = "FILE|LABEL=FILE")]
    documents: Vec<OsString>,
}

/// Flags for the official who approves.
#[derive(Args, Debug)]
pub(crate) struct Approver {
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
}

/// A change of a case, before it is sealed.
#[derive(Debug)]
pub(crate) struct Act {
    /// None for an opening.
    pub(crate) case: Option<CaseId>,
    pub(crate) kind: Kind,
    pub(crate) step: Option<String>,
    /// The word of the header's code: `done`, `granted`.
    pub(crate) code: Option<&'static str>,
    pub(crate) times: StepTimes,
    /// The newest record that the caller saw, where the act must rest on exactly it.
    pub(crate) head: Option<HeadAt>,
    pub(crate) body: Body,
    /// The files of the body's documents, in their order.
    pub(crate) files: Vec<PathBuf>,
}

impl Act {
    /// An act that rests on no step, head or times.
    pub(crate) const fn new(case: Option<CaseId>, kind: Kind, body: Body) -> Self {
        let times = StepTimes { received: None, started: None, ended: None };
        Self { case, kind, step: None, code: None, times, head: None, body, files: Vec::new() }
    }

    /// Takes the fields, and describes the documents.
    pub(crate) async fn with(mut self, content: Content) -> Outcome<Self> {
        if content.documents.len() > DOCUMENTS_MAX {
            return Err(Problem::new(Code::TooLarge, "--document")
                .found(content.documents.len().to_string())
                .expected(format!("at most {DOCUMENTS_MAX} documents in one event"))
                .into());
        }
        self.body.fields = unique(content.fields)?;
        for argument in &content.documents {
            let (label, file) = labelled(argument);
            self.body.documents.push(document::describe(&file, label.as_deref()).await?);
            self.files.push(file);
        }
        Ok(self)
    }

    /// Has it approved, brings its documents to the node, and asks for it. Nothing comes back from a dry run.
    pub(crate) async fn ask(
        self,
        path: &str,
        approver: &Approver,
        change: &Change,
        run: &Invocation,
    ) -> Outcome<Option<Value>> {
        let signer = approver.signer()?;
        let blob = self.blob(&random()?)?;
        let request = self.request(&blob, signer.as_ref(), now()?)?;
        if change.dry_run {
            let mut shown = request;
            // Without a daemon there is nobody who could judge; with one, what it refuses is refused here.
            let judged = match run.client() {
                Ok(client) => {
                    let mark = if path.contains('?') { '&' } else { '?' };
                    let path = format!("{path}{mark}dry_run=true");
                    Some(client.post(&path, &shown, &change.key()?).await?)
                }
                Err(_) => None,
            };
            let judge = judged.as_ref().map(|judged| answer::text(judged, "/judged"));
            shown["content"] = described(&self.body);
            return change.show_judged(run, path, &shown, judge.as_deref()).map(|()| None);
        }
        let key = change.key()?;
        for (file, document) in self.files.iter().zip(&self.body.documents) {
            document::upload(file, document, run).await.map_err(|failure| run.repeatable(failure, &key))?;
        }
        let answer = run.client()?.post(path, &request, &key).await;
        answer.map(Some).map_err(|failure| run.repeatable(failure, &key))
    }

    /// The body as its bytes are sent, under 32 random bytes of salt.
    pub(crate) fn blob(&self, salt: &[u8; 32]) -> Outcome<Vec<u8>> {
        let blob = self.body.to_blob(salt);
        if blob.len() > BODY_BYTES_MAX {
            return Err(Problem::new(Code::TooLarge, "body")
                .found(format!("{} bytes", blob.len()))
                .expected(format!("at most {BODY_BYTES_MAX} bytes"))
                .into());
        }
        // What the node would refuse is refused here, where the field can be named.
        Body::from_blob(&blob, self.kind)?;
        Ok(blob)
    }

    /// The request for the act, with the official's approval.
    pub(crate) fn request(&self, blob: &[u8], signer: Option<&Signer>, created: Timestamp) -> Outcome<Value> {
        let approval = Approval {
            case: self.case,
            kind: self.kind,
            step: self.step.clone(),
            commitment: Digest::of(blob),
        };
        let approval = signer.map(|signer| Signed::sign(approval, signer)).transpose()?;
        let certificates: Vec<String> =
            signer.into_iter().flat_map(Signer::chain).map(|c| BASE64.encode(c.der())).collect();
        let mut request = json!({
            "body": BASE64.encode(blob),
            "approval": approval.map(|approval| BASE64.encode(approval.bytes())),
            "certificates": certificates,
            "created": created.ms(),
        });
        if self.kind != Kind::Open {
            let time = |time: Option<Timestamp>| time.map(Timestamp::ms);
            let StepTimes { received, started, ended } = self.times;
            request["kind"] = self.kind.as_str().into();
            request["step"] = json!(self.step);
            request["code"] = json!(self.code);
            request["times"] =
                json!({"received": time(received), "started": time(started), "ended": time(ended)});
            request["head"] =
                json!(self.head.map(|head| json!({"seq": head.seq, "record": head.record.to_string()})));
        }
        Ok(request)
    }
}

impl Approver {
    /// Reads key and certificates; none if no official approves.
    fn signer(&self) -> Outcome<Option<Signer>> {
        let (Some(key), Some(cert)) = (&self.key, &self.cert) else {
            return Ok(None);
        };
        let mode = std::fs::metadata(key).map_err(|error| Failure::file(key, &error))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(Problem::new(Code::KeyExposed, key.display().to_string())
                .found(format!("mode {:03o}", mode & 0o777))
                .expected("mode 600")
                .into());
        }
        let key = SigningKey::from_pem(&read(key)?)?;
        let mut certificates = Certificate::from_pem_many(&read(cert)?)?.into_iter();
        let Some(leaf) = certificates.next() else {
            return Err(Problem::new(Code::Malformed, cert.display().to_string())
                .found("no certificate")
                .expected("the official's certificate, then the CAs above it")
                .into());
        };
        let identity = leaf.identity()?;
        if !matches!(identity.role, Role::Official(_)) {
            return Err(Problem::new(Code::RoleNotAllowed, "--cert")
                .found(identity.to_string())
                .expected("an identity with the role official/<name>")
                .into());
        }
        Ok(Some(Signer::new(key, leaf, certificates.collect())?))
    }
}

/// The text of a key or certificate file; wiped when dropped.
fn read(path: &Path) -> Outcome<Zeroizing<String>> {
    let bytes = std::fs::metadata(path).map_err(|error| Failure::file(path, &error))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(Problem::new(Code::TooLarge, path.display().to_string())
            .found(format!("{bytes} bytes"))
            .expected("a PEM file of at most 1 MiB")
            .into());
    }
    std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| Failure::file(path, &error))
}

/// The label and the file of `LABEL=FILE`; a label holds no slash, so that `./a=b` is a file.
fn labelled(argument: &OsString) -> (Option<String>, PathBuf) {
    let bytes = argument.as_bytes();
    let split = bytes.iter().position(|byte| *byte == b'=').map(|at| (&bytes[..at], &bytes[at + 1..]));
    match split.map(|(label, file)| (std::str::from_utf8(label), file)) {
        Some((Ok(label), file)) if !label.is_empty() && !label.contains('/') => {
            (Some(label.to_owned()), PathBuf::from(OsStr::from_bytes(file)))
        }
        _ => (None, PathBuf::from(argument)),
    }
}

/// The fields sorted by name; a name given twice is a mistake that should be seen.
fn unique(mut fields: Vec<(String, FieldValue)>) -> Outcome<Vec<(String, FieldValue)>> {
    fields.sort_by(|(a, _), (b, _)| a.cmp(b));
    match fields.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(Failure::usage("--field", &format!("{} twice", pair[0].0), "each name once")),
        None => Ok(fields),
    }
}

/// Now, by this machine's clock.
fn now() -> Outcome<Timestamp> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Ok(Timestamp::from_ms_clamped(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
}

/// A body for people and `--dry-run`: its fields and documents.
fn described(body: &Body) -> Value {
    let fields = body.fields.iter().map(|(name, value)| {
        let value = match value {
            FieldValue::Text(text) => json!(text),
            FieldValue::Int(number) => json!(number),
            FieldValue::Bool(flag) => json!(flag),
        };
        (name.clone(), value)
    });
    let documents: Vec<Value> = body.documents.iter().map(document::as_json).collect();
    json!({"fields": fields.collect::<serde_json::Map<_, _>>(), "documents": documents, "detail": detail(&body.detail)})
}

/// What a body says by its kind.
fn detail(detail: &Detail) -> Value {
    match detail {
        Detail::Open { service, citizen } => json!({"service": service.to_string(), "citizen": citizen}),
        Detail::Share(terms) | Detail::Offer(terms) => json!({
            "grantee": terms.grantee.as_str(),
            "read": terms.read,
            "steps": terms.steps,
            "purpose": terms.purpose,
            "ground": terms.ground,
            "performer": terms.performer,
            "deadline": terms.deadline.map(|time| time.to_string()),
            "expires": terms.expires.to_string(),
        }),
        Detail::Unshare { grant, reason } => json!({"grant": grant.to_string(), "reason": reason}),
        Detail::Close { reason } | Detail::Decline { reason } => json!({"reason": reason}),
        // Notes, steps and acceptances say nothing more; the others are the node's to write.
        Detail::None | Detail::Evidence { .. } | Detail::Release { .. } | Detail::Taken { .. } => Value::Null,
    }
}

/// What the node answered to an act, for people.
pub(crate) fn told(answer: &Value, text: &Text) -> String {
    let event = answer::text(answer, "/event");
    if answer["seq"].is_u64() {
        let case = answer::text(answer, "/case");
        let seq = answer::text(answer, "/seq");
        text.say("act-recorded", [("event", event.into()), ("case", case.into()), ("seq", seq.into())]) + "\n"
    } else {
        text.say("act-waiting", [("event", event.into())]) + "\n"
    }
}

/// A place in a history as `SEQ:RECORD`.
pub(crate) fn parse_head(text: &str) -> Result<HeadAt, Problem> {
    let head = text.split_once(':').and_then(|(seq, record)| {
        Some(HeadAt { seq: seq.parse().ok()?, record: Digest::from_hex(record, "--head").ok()? })
    });
    head.ok_or_else(|| {
        Problem::new(Code::ValueRefused, "--head")
            .found(text)
            .expected("SEQ:RECORD as ogic case show prints it")
    })
}

#[cfg(test)]
mod tests {
    use ogic_certs::issue::{self, Issuer};
    use ogic_certs::{AgencyId, Identity};

    use super::*;

    /// Writes the key and certificate of `identity`, as enrolment leaves them.
    fn enrolled(folder: &Path, identity: &str) -> Approver {
        let times = (Timestamp::EARLIEST, Timestamp::LATEST);
        let (root_key, key) =
            (SigningKey::from_seed(&[1; 32]).unwrap(), SigningKey::from_seed(&[2; 32]).unwrap());
        let federation = AgencyId::parse("gov.example", "id").unwrap();
        let root = issue::root(&root_key, &federation, [3; 16], times.0, times.1).unwrap();
        let root = Certificate::from_der(&root).unwrap();
        let issuer = Issuer { certificate: &root, key: &root_key };
        let identity = Identity::parse(identity).unwrap();
        let leaf = issue::leaf(&issuer, &identity, key.public(), [4; 16], times.0, times.1).unwrap();
        let leaf = Certificate::from_der(&leaf).unwrap();
        let (key_path, cert_path) = (folder.join("official.key"), folder.join("official.pem"));
        std::fs::write(&key_path, key.to_pem().as_bytes()).unwrap();
        std::fs::set_permissions(&key_path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&cert_path, leaf.to_pem() + &root.to_pem()).unwrap();
        Approver { key: Some(key_path), cert: Some(cert_path) }
    }

    fn note(case: Option<CaseId>) -> Act {
        let mut act = Act::new(case, Kind::Step, Body::of(Detail::None));
        act.step = Some("medical".to_owned());
        act.code = Some("done");
        act.body.fields = vec![("fit".to_owned(), FieldValue::Bool(true))];
        act
    }

    #[test]
    fn an_official_approves_exactly_what_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let approver = enrolled(folder.path(), "ogic://health.gov.example/official/doctor-1");
        let signer = approver.signer().unwrap().unwrap();
        let case = CaseId(Digest::of(b"case"));
        let act = note(Some(case));
        let blob = act.blob(&[7; 32]).unwrap();
        let request = act.request(&blob, Some(&signer), Timestamp::EARLIEST).unwrap();
        let bytes = |value: &Value| BASE64.decode(value.as_str().unwrap().as_bytes()).unwrap();
        assert_eq!(bytes(&request["body"]), blob);
        let approval = Signed::<Approval>::parse(&bytes(&request["approval"])).unwrap();
        let leaf = Certificate::from_der(&bytes(&request["certificates"][0])).unwrap();
        approval.verify_with(&leaf).unwrap();
        assert_eq!(approval.value().case, Some(case));
        assert_eq!(approval.value().commitment, Digest::of(&blob));
        assert_eq!(approval.value().step.as_deref(), Some("medical"));
        assert_eq!(request["certificates"].as_array().map(Vec::len), Some(2));
        assert_eq!((request["kind"].as_str(), request["code"].as_str()), (Some("step"), Some("done")));
        assert_eq!(Body::from_blob(&blob, Kind::Step).unwrap(), act.body);
    }

    #[test]
    fn an_opening_has_no_case_head_or_times_and_needs_no_official() {
        let detail = Detail::Open { service: Digest::of(b"s"), citizen: "p-1".to_owned() };
        let act = Act::new(None, Kind::Open, Body::of(detail));
        let blob = act.blob(&[0; 32]).unwrap();
        let request = act.request(&blob, None, Timestamp::EARLIEST).unwrap();
        let keys: Vec<&str> = request.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["approval", "body", "certificates", "created"]);
        assert_eq!(request["approval"], Value::Null);
        assert_eq!(described(&act.body)["detail"]["citizen"], "p-1");
    }

    #[test]
    fn what_cannot_hold_is_refused_before_anything_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let seal = enrolled(folder.path(), "ogic://health.gov.example/seal");
        assert_eq!(seal.signer().unwrap_err().problem.code, Code::RoleNotAllowed);
        let key = seal.key.clone().unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(seal.signer().unwrap_err().problem.code, Code::KeyExposed);
        let missing = Approver { key: Some(folder.path().join("none")), cert: seal.cert };
        assert_eq!(missing.signer().unwrap_err().problem.code, Code::NotFound);

        let mut large = note(None);
        large.body.fields = vec![("x".to_owned(), FieldValue::Text("x".repeat(BODY_BYTES_MAX)))];
        assert_eq!(large.blob(&[0; 32]).unwrap_err().problem.code, Code::TooLarge);
        let mut long = note(None);
        long.body.fields = vec![("x".repeat(65), FieldValue::Int(1))];
        assert_eq!(long.blob(&[0; 32]).unwrap_err().problem.code, Code::TooLarge);
        let twice = vec![("a".to_owned(), FieldValue::Int(1)), ("a".to_owned(), FieldValue::Int(1))];
        assert_eq!(unique(twice).unwrap_err().problem.code, Code::Usage);
    }

    #[test]
    fn a_document_is_labelled_by_its_argument_or_its_name() {
        for (argument, label, file) in [
            ("a/application.pdf", None, "a/application.pdf"),
            ("application=scan 1.pdf", Some("application"), "scan 1.pdf"),
            ("справка=a=b.pdf", Some("справка"), "a=b.pdf"),
            ("./a=b.pdf", None, "./a=b.pdf"),
            ("=x", None, "=x"),
        ] {
            assert_eq!(
                labelled(&argument.into()),
                (label.map(str::to_owned), PathBuf::from(file)),
                "{argument}"
            );
        }
    }

    #[test]
    fn heads_are_read_as_they_are_printed() {
        let head = HeadAt { seq: 12, record: Digest::of(b"r") };
        assert_eq!(parse_head(&format!("12:{}", head.record)), Ok(head));
        for bad in ["", "12", "12:", "x:ab", &format!("-1:{}", head.record)] {
            assert!(parse_head(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_answer_says_whether_it_was_recorded() {
        let text = Text::in_language(crate::text::Language::English);
        assert!(told(&json!({"event": "e", "case": "c", "seq": 3}), &text).starts_with("recorded as 3"));
        assert!(told(&json!({"event": "e", "state": "waiting"}), &text).starts_with("on its way"));
    }
}
