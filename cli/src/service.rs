//! `ogic service`: definitions of public services, published under this node's seal.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use ogic_certs::service::SERVICE_BYTES_MAX;
use ogic_certs::{Code, Digest, Problem};
use ogic_node::case::Service;
use serde_json::{Value, json};

use crate::answer;
use crate::change::Change;
use crate::demo::SERVICE;
use crate::invocation::Invocation;
use crate::output::{Failure, Outcome, table};

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Check {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    Publish {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        change: Change,
    },
    List,
    Example,
}

impl Command {
    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        match self {
            Self::Check { file } => check(&file, run),
            Self::Publish { file, change } => publish(&file, &change, run).await,
            Self::List => list(run).await,
            Self::Example => example(run),
        }
    }
}

/// Prints a definition that a publisher may begin with.
fn example(run: &Invocation) -> Outcome {
    run.console.result(&json!({"definition": SERVICE}), |_| SERVICE.to_owned())
}

/// Lints a definition without any node.
fn check(path: &Path, run: &Invocation) -> Outcome {
    let service = Service::parse(read(path)?.as_bytes()).map_err(|problem| problem.within(path.display()))?;
    let steps: Vec<Value> = service
        .steps
        .iter()
        .map(|step| {
            json!({
                "step": step.id,
                "title": {"en": step.title.en, "ru": step.title.ru},
                "performer": step.performer.as_str(),
                "after": step.after,
                "deadline_working_days": step.deadline_working_days,
            })
        })
        .collect();
    let checked = json!({"service": service.id, "version": service.version, "steps": steps});
    run.console.result(&checked, |text| {
        let headings = ["plan-step", "plan-title", "service-performer", "service-after", "service-days"]
            .map(|key| text.word(key));
        let rows: Vec<Vec<String>> = steps
            .iter()
            .map(|step| {
                vec![
                    answer::text(step, "/step"),
                    answer::title(step, "/title", text),
                    answer::text(step, "/performer"),
                    answer::text(step, "/after"),
                    answer::text(step, "/deadline_working_days"),
                ]
            })
            .collect();
        let values = [("service", service.id.clone().into()), ("version", service.version.into())];
        format!("{}\n{}", text.say("service-checked", values), table(&headings, &rows))
    })
}

async fn publish(path: &Path, change: &Change, run: &Invocation) -> Outcome {
    let definition = read(path)?;
    Service::parse(definition.as_bytes()).map_err(|problem| problem.within(path.display()))?;
    let Some(answer) = change.make_raw(run, "/v1/services", "application/toml", &definition).await? else {
        return Ok(());
    };
    run.console.result(&answer, |text| {
        let values = ["service", "version", "digest"].map(|key| answer::text(&answer, &format!("/{key}")));
        let [service, version, digest] = values;
        text.say(
            "service-published",
            [("service", service.into()), ("version", version.into()), ("digest", digest.into())],
        ) + "\n"
    })
}

/// The text of a definition, if it is not larger than one may be.
fn read(path: &Path) -> Outcome<String> {
    let failed = |error| Failure::file(path, &error);
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > SERVICE_BYTES_MAX as u64 {
        return Err(Problem::new(Code::TooLarge, path.display().to_string())
            .found(format!("{bytes} bytes"))
            .expected(format!("at most {SERVICE_BYTES_MAX} bytes"))
            .into());
    }
    std::fs::read_to_string(path).map_err(failed)
}

async fn list(run: &Invocation) -> Outcome {
    let services = run.client()?.get("/v1/services").await?;
    run.console.result(&services, |text| {
        let headings = ["service-name", "service-version", "service-digest"];
        let rows: Vec<Vec<String>> = answer::list(&services, "/services")
            .iter()
            .map(|s| ["/service", "/version", "/digest"].map(|p| answer::text(s, p)).to_vec())
            .collect();
        table(&headings.map(|key| text.word(key)), &rows)
    })
}

/// The digest of a service given as such, or by its name: then the newest version that the node holds.
pub(crate) async fn resolve(service: &str, run: &Invocation) -> Outcome<Digest> {
    if let Ok(digest) = Digest::from_hex(service, "--service") {
        return Ok(digest);
    }
    let services = run.client()?.get("/v1/services").await?;
    let newest = answer::list(&services, "/services")
        .iter()
        .filter(|s| s["service"].as_str() == Some(service))
        .max_by_key(|s| s["version"].as_u64());
    match newest.and_then(|s| s["digest"].as_str()) {
        Some(digest) => Ok(Digest::from_hex(digest, "digest")?),
        None => Err(Problem::new(Code::ServiceUnknown, "--service")
            .found(service)
            .expected("a digest, or a name of ogic service list")
            .into()),
    }
}
