//! `ogic authority`: an authority is founded and serves; tokens, members, certificates and revocations are asked of its
//! daemon.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ogic_certs::registry::Level;
use ogic_certs::{AgencyId, Code, Problem, Role};
use ogic_node::authority::premises::Options;
use ogic_node::authority::revoke::reason_of;
use ogic_node::authority::{self as office, premises};
use ogic_node::exchange::quic::system_clock;
use serde_json::{Value, json};

use crate::answer;
use crate::change::Change;
use crate::client::Keeper;
use crate::daemon::{self, Ending, Listen, draw};
use crate::document::save;
use crate::invocation::Invocation;
use crate::output::{Outcome, table};
use crate::parse;

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Init(Init),
    Serve(Listen),
    Token(Token),
    Members,
    Issued,
    Revoke(Revoke),
    Registry {
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The CRL instead of the registry.
        #[arg(long)]
        crl: bool,
    },
}

/// A new authority.
#[derive(Args, Debug)]
pub(crate) struct Init {
    #[arg(long, value_name = "DOMAIN", value_parser = parse::agency)]
    federation: AgencyId,
    #[arg(long, value_name = "AGENCY", value_parser = parse::agency)]
    authority: AgencyId,
    #[arg(long, value_name = "NAME")]
    name_en: Option<String>,
    #[arg(long, value_name = "NAME")]
    name_ru: Option<String>,
    #[arg(long, value_name = "SPAN", value_parser = parse::span_ms, default_value = "60d")]
    certificate_life: u64,
    #[arg(long, value_name = "SPAN", value_parser = parse::span_ms, default_value = "24h")]
    registry_life: u64,
}

/// A one-time token for an agency.
#[derive(Args, Debug)]
pub(crate) struct Token {
    #[arg(value_name = "AGENCY", value_parser = parse::agency)]
    agency: AgencyId,
    #[arg(long, value_name = "ROLE", value_parser = parse::role, default_value = "node")]
    role: Role,
    #[arg(long, value_name = "NAME")]
    name_en: Option<String>,
    #[arg(long, value_name = "NAME")]
    name_ru: Option<String>,
    #[arg(long, value_name = "LEVEL", value_parser = Level::from_word)]
    level: Option<Level>,
    #[arg(long, value_name = "AGENCY", value_parser = parse::agency)]
    parent: Option<AgencyId>,
    #[arg(long, value_name = "SPAN", value_parser = parse::span_ms, default_value = "24h")]
    ttl: u64,
    #[command(flatten)]
    change: Change,
}

/// Takes a certificate back.
#[derive(Args, Debug)]
pub(crate) struct Revoke {
    /// An identity URI, or a serial number in hex.
    #[arg(value_name = "IDENTITY|SERIAL")]
    what: String,
    #[arg(long, value_name = "REASON", value_parser = reason, default_value = "unspecified")]
    reason: String,
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    change: Change,
}

/// A word that the authority takes as a reason.
fn reason(word: &str) -> Result<String, Problem> {
    reason_of(word).map(|_| word.to_owned())
}

impl Command {
    /// Whether it runs until it is told to end.
    pub(crate) const fn serves(&self) -> bool {
        matches!(self, Self::Serve(_))
    }

    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        match self {
            Self::Init(init) => init.run(run),
            Self::Serve(listen) => serve(&listen, run).await,
            Self::Token(token) => token.run(run).await,
            Self::Members => members(run).await,
            Self::Issued => issued(run).await,
            Self::Revoke(revoke) => revoke.run(run).await,
            Self::Registry { out, crl } => {
                let path = if crl { "/v1/crl" } else { "/v1/registry" };
                let bytes = save(path, &out, None, run).await?;
                let file = out.display().to_string();
                run.console.result(&json!({"file": file, "bytes": bytes}), |text| {
                    text.say("saved", [("file", file.clone().into()), ("bytes", bytes.into())]) + "\n"
                })
            }
        }
    }
}

impl Init {
    fn run(self, run: &Invocation) -> Outcome {
        let data = run.globals.folder(&run.console.text)?;
        let usual = Options::default();
        let options = Options {
            name_en: self.name_en.unwrap_or(usual.name_en),
            name_ru: self.name_ru.unwrap_or(usual.name_ru),
            certificate_life_ms: self.certificate_life,
            registry_life_ms: self.registry_life,
        };
        let now = system_clock()();
        let founded = premises::init(&data, &self.federation, &self.authority, &options, now, &mut draw)?;
        let value = json!({
            "folder": data.display().to_string(),
            "federation": self.federation.as_str(),
            "authority": self.authority.as_str(),
            "root": founded.root.to_string(),
            "registry_key": founded.registry_key.to_string(),
            "version": founded.version,
        });
        run.console.result(&value, |text| {
            let values = ["federation", "folder", "root"].map(|key| answer::text(&value, &format!("/{key}")));
            let [federation, folder, root] = values;
            let values =
                [("federation", federation.into()), ("folder", folder.into()), ("root", root.into())];
            text.say("founded", values) + "\n"
        })
    }
}

async fn serve(listen: &Listen, run: &Invocation) -> Outcome {
    let data = run.globals.folder(&run.console.text)?;
    Keeper::demand(Keeper::Authority, &data)?;
    daemon::prepare(&data)?;
    let mut ending = Ending::new()?;
    let running = office::serve::serve(&data, listen.listen, listen.advertised()?, &mut draw).await?;
    let agency = running.counter.look(|office| office.book().charter().authority.to_string());
    daemon::ready(run, &agency, running.address(), &data)?;
    ending.told().await;
    daemon::within_end(running.close()).await;
    Ok(())
}

impl Token {
    async fn run(self, run: &Invocation) -> Outcome {
        // Without a name the authority takes the member's own, or the short id.
        let names = match (self.name_en, self.name_ru) {
            (None, None) => Value::Null,
            (Some(name), None) | (None, Some(name)) => json!({"en": name, "ru": name}),
            (Some(en), Some(ru)) => json!({"en": en, "ru": ru}),
        };
        let body = json!({
            "agency": self.agency.as_str(),
            "roles": [self.role.to_string()],
            "name": names,
            "level": self.level.map(Level::as_str),
            "parent": self.parent.as_ref().map(AgencyId::as_str),
            "ttl_ms": self.ttl,
        });
        let Some(answer) = self.change.make(run, "/v1/tokens", &body).await? else {
            return Ok(());
        };
        if !run.console.for_programs() {
            run.console.talk("token-once", [("agency", self.agency.as_str().into())]);
        }
        run.console.result(&answer, |_| answer::text(&answer, "/token") + "\n")
    }
}

impl Revoke {
    async fn run(self, run: &Invocation) -> Outcome {
        let body = if self.what.starts_with("ogic://") {
            let identity = ogic_certs::Identity::parse(&self.what)?;
            json!({"identity": identity.to_string(), "reason": self.reason})
        } else {
            let serial = self.what.replace(':', "").to_ascii_lowercase();
            if serial.is_empty() || serial.len() > 40 || !serial.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(Problem::new(Code::ValueRefused, "IDENTITY|SERIAL")
                    .found(self.what)
                    .expected("ogic://<agency>/<role>, or a serial number of at most 20 bytes in hex")
                    .into());
            }
            json!({"serial": serial, "reason": self.reason})
        };
        if !self.change.dry_run {
            let question = run.console.text.say("revoke-question", [("what", self.what.clone().into())]);
            run.console.confirm(self.yes, &question)?;
        }
        let Some(answer) = self.change.make(run, "/v1/revocations", &body).await? else {
            return Ok(());
        };
        run.console.result(&answer, |text| {
            let values = [
                ("serial", answer::text(&answer, "/serial").into()),
                ("at", answer::time(&answer, "/at").into()),
                ("crl", answer::text(&answer, "/crl_number").into()),
            ];
            text.say("revoked", values) + "\n"
        })
    }
}

async fn members(run: &Invocation) -> Outcome {
    let members = run.client()?.get("/v1/members").await?;
    run.console.result(&members, |text| {
        let headings = ["peers-agency", "peers-name", "peers-level", "members-parent", "peers-endpoints"];
        let rows: Vec<Vec<String>> = answer::list(&members, "/members")
            .iter()
            .map(|member| {
                vec![
                    answer::text(member, "/agency"),
                    answer::title(member, "/name", text),
                    text.word_for("level", &answer::text(member, "/level")),
                    answer::text(member, "/parent"),
                    answer::text(member, "/endpoints"),
                ]
            })
            .collect();
        table(&headings.map(|key| text.word(key)), &rows)
    })
}

async fn issued(run: &Invocation) -> Outcome {
    let issued = run.client()?.get("/v1/issued").await?;
    run.console.result(&issued, |text| {
        let headings =
            ["issued-serial", "issued-identity", "issued-not-before", "issued-not-after", "issued-revoked"];
        let rows: Vec<Vec<String>> = answer::list(&issued, "/certificates")
            .iter()
            .map(|certificate| {
                vec![
                    answer::text(certificate, "/serial"),
                    answer::text(certificate, "/identity"),
                    answer::time(certificate, "/not_before"),
                    answer::time(certificate, "/not_after"),
                    answer::time(certificate, "/revoked_at"),
                ]
            })
            .collect();
        table(&headings.map(|key| text.word(key)), &rows)
    })
}
