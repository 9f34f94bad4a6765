//! `ogic service`: definitions of public services, published under this node's seal.

use std::path::PathBuf;

use clap::Subcommand;
use ogic_certs::{Code, Digest, Problem};

use crate::answer;
use crate::change::Change;
use crate::invocation::Invocation;
use crate::output::{Failure, Outcome, table};

/// Most bytes of a definition (PROTOCOL.md, Signed objects).
const DEFINITION_BYTES_MAX: u64 = 64 << 10;

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Publish {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        change: Change,
    },
    List,
}

impl Command {
    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        match self {
            Self::Publish { file, change } => publish(&file, &change, run).await,
            Self::List => list(run).await,
        }
    }
}

async fn publish(path: &std::path::Path, change: &Change, run: &Invocation) -> Outcome {
    let failed = |error| Failure::file(path, &error);
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > DEFINITION_BYTES_MAX {
        return Err(Problem::new(Code::TooLarge, path.display().to_string())
            .found(format!("{bytes} bytes"))
            .expected(format!("at most {DEFINITION_BYTES_MAX} bytes"))
            .into());
    }
    let definition = std::fs::read_to_string(path).map_err(failed)?;
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
        None => {
            let known = answer::list(&services, "/services").len();
            Err(Problem::new(Code::ServiceUnknown, "--service")
                .found(service)
                .expected(format!("a digest, or one of the {known} services of ogic service list"))
                .into())
        }
    }
}
