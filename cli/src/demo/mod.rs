//! `ogic demo`: a federation of real processes, and one case worked on by three agencies that take nobody's word. Every
//! step checks what it tells. Begin with [`run`]; the play is [`play`], one file an act.

mod begin;
mod check;
mod crash;
mod custody;
mod damage;
mod examine;
mod finish;
mod forge;
mod oracle;
mod papers;
mod refuse;
mod report;
mod stage;
mod withdraw;

use std::path::{Path, PathBuf};

use clap::Args;
use data_encoding::HEXLOWER;
use ogic_certs::{Code, Problem};
use serde_json::{Value, json};

use self::report::Report;
use self::stage::Stage;
use crate::client::random;
use crate::daemon::Ending;
use crate::federation::scratch;
use crate::invocation::Invocation;
use crate::output::{Failure, Outcome};

/// The service of the play, so that the binary alone is enough; it is the file that `config/services` shows.
pub(crate) const SERVICE: &str = include_str!("../../../config/services/driving-licence.toml");

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[arg(long)]
    keep: bool,
    #[arg(long, value_name = "NUMBER", value_parser = crate::parse::number)]
    seed: Option<u64>,
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) async fn run(arguments: Arguments, run: &Invocation) -> Outcome {
    let seed = match arguments.seed {
        Some(seed) => seed,
        // Six digits can be typed again.
        None => u64::from(u32::from_le_bytes(random()?) % 1_000_000),
    };
    let exe = std::env::current_exe().map_err(|error| Failure::file(Path::new("ogic"), &error))?;
    let folder = match &arguments.dir {
        Some(dir) => scratch(dir)?,
        None => {
            let name = format!("ogic-demo-{}", HEXLOWER.encode(&random::<6>()?));
            scratch(&std::env::temp_dir().join(name))?
        }
    };
    let mut ending = Ending::new()?;
    let mut stage = Stage::new(exe, folder.clone(), run.console.text.language())?;
    let mut report = Report::new(&run.console);
    let opening = json!({"folder": folder.display().to_string(), "seed": seed.to_string()});
    run.console.line(&run.console.text.tell("demo-begins", &opening));
    let played = tokio::select! {
        played = play(&mut stage, seed, arguments.keep, &mut report) => Some(played),
        () = ending.told() => None,
    };
    let interrupted = played.is_none();
    let played = played.unwrap_or_else(|| {
        Err(Problem::new(Code::Internal, "demo").found("a signal").expected("the end of the play").into())
    });
    report.figure("total_ms", report.elapsed_ms());
    let told = report.finish(seed, &played);
    match played {
        Ok(kept) => {
            if !kept.is_null() {
                run.console.line(&commands(&kept, run));
            } else if arguments.dir.is_none() {
                std::fs::remove_dir_all(&folder).map_err(|error| Failure::file(&folder, &error))?;
            }
            run.console.line(&format!("\n{}", run.console.text.word("demo-next")));
            told
        }
        Err(failure) => {
            for party in stage.parties() {
                // One that is not running any more needs no end.
                let _ = party.kill().await;
            }
            if interrupted {
                run.console.line(&run.console.text.word("demo-interrupted"));
                if arguments.dir.is_none() {
                    std::fs::remove_dir_all(&folder).map_err(|error| Failure::file(&folder, &error))?;
                }
                return Err(Failure { told: true, ..failure });
            }
            let logs = stage.parties().into_iter().flat_map(|party| party.logs());
            let logs: Vec<String> =
                logs.filter(|log| log.exists()).map(|log| log.display().to_string()).collect();
            let mut failure = report.failure(failure, &folder.display().to_string(), &logs);
            failure.told = run.console.json;
            if failure.told {
                run.console.line(&failure.lines(&run.console.text));
            }
            Err(failure)
        }
    }
}

/// The play; says what was kept running, or null.
async fn play(stage: &mut Stage, seed: u64, keep: bool, report: &mut Report<'_>) -> Outcome<Value> {
    report.step("federation", begin::federation(stage)).await?;
    let opened = report.step("open", begin::open(stage, seed)).await?;
    report.step("custody", custody::play(stage, &opened)).await?;
    let grant = report.step("share", begin::share(stage, &opened, "demo-1")).await?;
    report.step("examine", examine::play(stage, &opened, seed)).await?;
    report.step("revoked", refuse::play(stage, &opened)).await?;
    report.step("unshare", withdraw::play(stage, &opened, &grant)).await?;
    let crash = report.step("crash", crash::play(stage, &opened, seed)).await?;
    report.figure("send_to_receipt_p50_ms", crash.p50_ms);
    report.figure("send_to_receipt_p99_ms", crash.p99_ms);
    let capsule = report.step("close", finish::close(stage, &opened)).await?;
    report.figure("capsule_bytes", capsule.bytes);
    finish::figures(stage, &crash, report).await?;
    report.step("stop", finish::stop(stage, keep)).await?;
    report.step("verify", damage::play(stage, &capsule, seed)).await?;
    report.step("forged", forge::play(stage, &capsule)).await?;
    if keep { finish::keep(stage, &opened).await } else { Ok(Value::Null) }
}

/// How to talk to the daemons that were kept.
fn commands(kept: &Value, run: &Invocation) -> String {
    let mut out = run.console.text.tell("demo-kept", kept);
    for command in crate::answer::list(kept, "/commands") {
        out.push_str("\n  ");
        out.push_str(command.as_str().unwrap_or_default());
    }
    out
}
