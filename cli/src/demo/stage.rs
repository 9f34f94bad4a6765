//! The demo's federation: four daemons under one scratch folder, and their officials. It knows who there is, not what is
//! played. Begin with [`Stage::raise`].

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ogic_certs::trust::Trust;
use ogic_certs::{AgencyId, Code, Problem, Timestamp};
use ogic_node::exchange::quic::system_clock;
use ogic_node::folder::Folder;
use serde_json::{Value, json};

use super::party::{Party, ogic};
use crate::answer;
use crate::case::act::Approver;
use crate::output::{Failure, Outcome};
use crate::text::Language;

/// How long anything is waited for: much longer than it takes, for a machine that is busy with other things.
pub(super) const WAIT_MS_MAX: u64 = 60_000;
/// Between two looks at what is waited for.
const LOOK_MS: u64 = 10;
/// The federation's domain.
const FEDERATION: &str = "gov.example";

/// Everybody in the play.
#[derive(Debug)]
pub(super) struct Stage {
    /// This binary.
    pub(super) exe: PathBuf,
    /// The scratch folder.
    pub(super) folder: PathBuf,
    pub(super) authority: Party,
    pub(super) ttp: Party,
    /// The home.
    pub(super) transport: Party,
    /// The performer of the medical step.
    pub(super) health: Party,
    /// Transport's official.
    pub(super) licensing: Approver,
    /// Health's official.
    pub(super) physician: Approver,
    /// Health's other official, whose certificate will be revoked.
    pub(super) physician_2: Approver,
}

impl Stage {
    /// The empty stage under `folder`.
    pub(super) fn new(exe: PathBuf, folder: PathBuf, language: Language) -> Outcome<Self> {
        let party = |role, name: &str| -> Outcome<Party> {
            let agency = AgencyId::parse(&format!("{name}.{FEDERATION}"), "agency")?;
            Ok(Party::new(role, agency, folder.join(name), language))
        };
        let official = |name: &str| {
            let own = folder.join("officials").join(name);
            Approver { key: Some(own.join("official.key")), cert: Some(own.join("official.pem")) }
        };
        Ok(Self {
            authority: party("authority", "authority")?,
            ttp: party("ttp", "ttp")?,
            transport: party("node", "transport")?,
            health: party("node", "health")?,
            licensing: official("licensing-1"),
            physician: official("physician-1"),
            physician_2: official("physician-2"),
            exe,
            folder,
        })
    }

    /// Founds the authority, lets the others join with one-time tokens, enrols the officials, and waits until the agencies have
    /// found each other.
    pub(super) async fn raise(&mut self) -> Outcome {
        self.found().await?;
        for name in ["ttp", "transport", "health"] {
            self.join(name).await?;
        }
        for (agency, name) in
            [("transport", "licensing-1"), ("health", "physician-1"), ("health", "physician-2")]
        {
            self.enrol(agency, name).await?;
        }
        self.met().await
    }

    /// Waits until the agencies have found each other and the third party.
    pub(super) async fn met(&self) -> Outcome {
        let everybody = [&self.transport, &self.health, &self.ttp].map(|party| party.agency.clone());
        for party in [&self.transport, &self.health] {
            until(&format!("{}: peers", party.agency), async || {
                let peers = party.get("/v1/peers").await?;
                let connected = answer::list(&peers, "/peers")
                    .iter()
                    .filter(|peer| peer["connected"] == true)
                    .map(|peer| answer::text(peer, "/agency"));
                let connected: Vec<String> = connected.collect();
                let missing = everybody.iter().filter(|agency| **agency != party.agency);
                let found = missing.into_iter().all(|agency| connected.iter().any(|c| c == agency.as_str()));
                Ok(found.then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    /// Founds the authority and starts it.
    pub(super) async fn found(&mut self) -> Outcome {
        let (federation, agency) = (OsStr::new(FEDERATION), OsStr::new(self.authority.agency.as_str()));
        let data = self.authority.folder.as_os_str();
        let words = ["authority", "init", "--federation"].map(OsStr::new);
        let words = [&words[..], &[federation, "--authority".as_ref(), agency, "--data".as_ref(), data]];
        ogic(&self.exe, &words.concat(), None).await?.done()?;
        self.authority.start(&self.exe).await
    }

    /// Lets one join, and starts it.
    pub(super) async fn join(&mut self, name: &str) -> Outcome {
        let (role, level, command, names) = match name {
            "ttp" => ("ttp", "service", "init", ("Trusted third party", "Доверенная третья сторона")),
            "transport" => ("node", "federal", "join", ("Transport agency", "Ведомство транспорта")),
            _ => ("node", "regional", "join", ("Health agency", "Ведомство здравоохранения")),
        };
        let agency = self.party(name).agency.clone();
        let body = json!({
            "agency": agency.as_str(), "roles": [role], "level": level,
            "name": {"en": names.0, "ru": names.1},
        });
        let token = self.token(&body).await?;
        let data = self.party(name).folder.clone();
        let words = [role, command, "-", "--data"].map(OsStr::new).into_iter().chain([data.as_os_str()]);
        ogic(&self.exe, &words.collect::<Vec<_>>(), Some(&token)).await?.done()?;
        let exe = self.exe.clone();
        self.party(name).start(&exe).await
    }

    /// Enrols an official: the key is made by his own program, and stays with him.
    pub(super) async fn enrol(&self, agency: &str, name: &str) -> Outcome {
        let body = json!({"agency": format!("{agency}.{FEDERATION}"), "roles": [format!("official/{name}")]});
        let token = self.token(&body).await?;
        let out = self.folder.join("officials").join(name);
        let words = ["official", "enrol", "-", "--out"].map(OsStr::new).into_iter().chain([out.as_os_str()]);
        ogic(&self.exe, &words.collect::<Vec<_>>(), Some(&token)).await?.done()?;
        Ok(())
    }

    async fn token(&self, body: &Value) -> Outcome<String> {
        Ok(answer::text(&self.authority.post("/v1/tokens", body).await?, "/token"))
    }

    fn party(&mut self, name: &str) -> &mut Party {
        match name {
            "authority" => &mut self.authority,
            "ttp" => &mut self.ttp,
            "transport" => &mut self.transport,
            _ => &mut self.health,
        }
    }

    /// The daemons, in the order in which they are stopped.
    pub(super) fn parties(&mut self) -> [&mut Party; 4] {
        [&mut self.health, &mut self.transport, &mut self.ttp, &mut self.authority]
    }

    /// What a daemon's folder trusts, read as anybody who was handed the folder's public files could: without any network.
    pub(super) fn trust_of(&self, party: &Party) -> Outcome<Trust> {
        Ok(Folder::open(&party.folder)?.trust()?)
    }

    /// The path of `name` in the scratch folder.
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Makes the folder closed to other users; one that holds something already is refused.
pub(super) fn scratch(path: &Path) -> Outcome<PathBuf> {
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
pub(super) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Outcome<Option<T>>) -> Outcome<T> {
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
pub(super) fn now() -> Timestamp {
    system_clock()()
}
