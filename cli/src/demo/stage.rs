//! The demo's federation: five daemons under one scratch folder, and their officials. It knows who there is, not what is
//! played. Begin with [`Stage::raise`].

use std::path::{Path, PathBuf};

use ogic_certs::AgencyId;
use ogic_certs::trust::Trust;
use ogic_node::folder::Folder;

use crate::answer;
use crate::case::act::Approver;
use crate::federation::party::Party;
use crate::federation::{self, FEDERATION, Member, until};
use crate::output::Outcome;
use crate::text::Language;

/// Everybody in the play.
#[derive(Debug)]
pub(super) struct Stage {
    /// This binary.
    pub(super) exe: PathBuf,
    /// The scratch folder.
    pub(super) folder: PathBuf,
    pub(super) authority: Party,
    pub(super) ttp: Party,
    /// The municipal service centre, where the case is opened.
    pub(super) city: Party,
    /// The federal agency, which becomes the home.
    pub(super) transport: Party,
    /// The performer of the medical step.
    pub(super) health: Party,
    /// The city's official.
    pub(super) clerk: Approver,
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
        let approver = |name: &str| {
            let own = official(&folder, name);
            Approver { key: Some(own.join("official.key")), cert: Some(own.join("official.pem")) }
        };
        Ok(Self {
            authority: party("authority", "authority")?,
            ttp: party("ttp", "ttp")?,
            city: party("node", "city")?,
            transport: party("node", "transport")?,
            health: party("node", "health")?,
            clerk: approver("clerk-1"),
            licensing: approver("licensing-1"),
            physician: approver("physician-1"),
            physician_2: approver("physician-2"),
            exe,
            folder,
        })
    }

    /// Founds the authority, lets the others join with one-time tokens, enrols the officials, and waits until the agencies have
    /// found each other.
    pub(super) async fn raise(&mut self) -> Outcome {
        self.found().await?;
        for name in ["ttp", "city", "transport", "health"] {
            self.join(name).await?;
        }
        for (agency, name) in [
            ("city", "clerk-1"),
            ("transport", "licensing-1"),
            ("health", "physician-1"),
            ("health", "physician-2"),
        ] {
            self.enrol(agency, name).await?;
        }
        self.met().await
    }

    /// Waits until the agencies have found each other and the third party.
    pub(super) async fn met(&self) -> Outcome {
        let agencies = [&self.city, &self.transport, &self.health];
        let everybody = agencies.into_iter().chain([&self.ttp]).map(|party| party.agency.clone());
        let everybody: Vec<AgencyId> = everybody.collect();
        for party in agencies {
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
        federation::found(&self.exe, &mut self.authority).await
    }

    /// Lets one join, and starts it.
    pub(super) async fn join(&mut self, name: &str) -> Outcome {
        let member = match name {
            "ttp" => Member::ttp("Trusted third party", "Доверенная третья сторона"),
            "city" => Member::agency("municipal", "City service centre", "Городской центр услуг"),
            "transport" => Member::agency("federal", "Transport agency", "Ведомство транспорта"),
            _ => Member::agency("regional", "Health agency", "Ведомство здравоохранения"),
        };
        let exe = self.exe.clone();
        let joining = match name {
            "ttp" => &mut self.ttp,
            "city" => &mut self.city,
            "transport" => &mut self.transport,
            _ => &mut self.health,
        };
        federation::join(&exe, &self.authority, joining, &member).await
    }

    /// Enrols an official: the key is made by his own program, and stays with him.
    pub(super) async fn enrol(&self, agency: &str, name: &str) -> Outcome {
        let agency = format!("{agency}.{FEDERATION}");
        federation::enrol(&self.exe, &self.authority, &agency, name, &official(&self.folder, name)).await
    }

    /// The daemons, in the order in which they are stopped.
    pub(super) fn parties(&mut self) -> [&mut Party; 5] {
        [&mut self.health, &mut self.transport, &mut self.city, &mut self.ttp, &mut self.authority]
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

/// Where an official keeps what is his.
fn official(folder: &Path, name: &str) -> PathBuf {
    folder.join("officials").join(name)
}
