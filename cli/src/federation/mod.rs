//! Daemons of this binary as child processes, and how a federation of them comes to be: what `ogic demo` and `ogic bench`
//! share. It knows neither a play nor a measurement. Begin with [`found`] and [`join`].

pub(crate) mod party;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ogic_certs::{Code, Problem, Timestamp};
use ogic_node::exchange::quic::system_clock;
use ogic_node::folder::Folder;
use serde_json::{Value, json};

use self::party::{Party, ogic};
use crate::answer;
use crate::output::{Failure, Outcome};

/// How long anything is waited for: much longer than it takes, for a machine that is busy with other things.
pub(crate) const WAIT_MS_MAX: u64 = 60_000;
/// Between two looks at what is waited for.
const LOOK_MS: u64 = 10;
/// The federation's domain.
pub(crate) const FEDERATION: &str = "gov.example";

/// What the registry is to say of one who joins.
#[derive(Debug)]
pub(crate) struct Member {
    /// The role of its token, and the command by which it joins.
    role: &'static str,
    command: &'static str,
    level: &'static str,
    name_en: &'static str,
    name_ru: &'static str,
}

impl Member {
    /// An agency of a level.
    pub(crate) const fn agency(level: &'static str, name_en: &'static str, name_ru: &'static str) -> Self {
        Self { role: "node", command: "join", level, name_en, name_ru }
    }

    /// A trusted third party.
    pub(crate) const fn ttp(name_en: &'static str, name_ru: &'static str) -> Self {
        Self { role: "ttp", command: "init", level: "service", name_en, name_ru }
    }
}

/// Founds the authority and starts it.
pub(crate) async fn found(exe: &Path, authority: &mut Party) -> Outcome {
    let (federation, agency) = (OsStr::new(FEDERATION), OsStr::new(authority.agency.as_str()));
    let data = authority.folder.as_os_str();
    let words = ["authority", "init", "--federation"].map(OsStr::new);
    let words = [&words[..], &[federation, "--authority".as_ref(), agency, "--data".as_ref(), data]];
    ogic(exe, &words.concat(), None).await?.done()?;
    authority.start(exe).await
}

/// Lets one join by a one-time token, and starts it.
pub(crate) async fn join(exe: &Path, authority: &Party, joining: &mut Party, member: &Member) -> Outcome {
    let body = json!({
        "agency": joining.agency.as_str(), "roles": [member.role], "level": member.level,
        "name": {"en": member.name_en, "ru": member.name_ru},
    });
    let token = token(authority, &body).await?;
    let data = joining.folder.clone();
    let words = [member.role, member.command, "-", "--data"].map(OsStr::new);
    let words: Vec<&OsStr> = words.into_iter().chain([data.as_os_str()]).collect();
    ogic(exe, &words, Some(&token)).await?.done()?;
    joining.start(exe).await
}

/// Enrols an official of an agency, whose key and certificate lie in `out` afterwards.
pub(crate) async fn enrol(exe: &Path, authority: &Party, agency: &str, name: &str, out: &Path) -> Outcome {
    let body = json!({"agency": agency, "roles": [format!("official/{name}")]});
    let token = token(authority, &body).await?;
    let words = ["official", "enrol", "-", "--out"].map(OsStr::new);
    let words: Vec<&OsStr> = words.into_iter().chain([out.as_os_str()]).collect();
    ogic(exe, &words, Some(&token)).await?.done()?;
    Ok(())
}

async fn token(authority: &Party, body: &Value) -> Outcome<String> {
    Ok(answer::text(&authority.post("/v1/tokens", body).await?, "/token"))
}

/// Makes the folder closed to other users; one that holds something already is refused.
pub(crate) fn scratch(path: &Path) -> Outcome<PathBuf> {
    let folder = Folder::create(path)?;
    let mut entries = std::fs::read_dir(folder.path()).map_err(|error| Failure::file(path, &error))?;
    if entries.next().is_some() {
        return Err(Problem::new(Code::ValueRefused, "--dir")
            .found(format!("{}, which holds something", path.display()))
            .expected("a new or empty folder")
            .into());
    }
    // Daemons are told of it by their arguments, whatever folder they work in.
    std::fs::canonicalize(folder.path()).map_err(|error| Failure::file(path, &error))
}

/// Looks until there is something, which soon there is.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Outcome<Option<T>>) -> Outcome<T> {
    let begun = std::time::Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if begun.elapsed() > Duration::from_millis(WAIT_MS_MAX) {
            return Err(Problem::new(Code::Internal, what)
                .found(format!("nothing within {} s", WAIT_MS_MAX / 1000))
                .into());
        }
        tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
    }
}

/// Now.
pub(crate) fn now() -> Timestamp {
    system_clock()()
}
