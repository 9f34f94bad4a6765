//! The two agencies of a measurement: processes of this binary over folders of their own, joined in a federation whose
//! authority is away while time runs. Never measures anything. Begin with [`Office::raise`].

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ogic_certs::event::{Body, Detail, FieldValue, Kind, Terms};
use ogic_certs::{AgencyId, CaseId, Code, Digest, Problem};
use tokio::task::JoinSet;

use crate::answer;
use crate::case::act::{Act, Approver};
use crate::client::{Key, random};
use crate::demo::SERVICE;
use crate::document;
use crate::federation::party::Party;
use crate::federation::{self, FEDERATION, Member, now, until};
use crate::output::{Failure, Outcome};
use crate::text::Language;

/// Acts that are asked for at once while messages are made.
const MAKERS: usize = 64;
/// Characters of a note's text: with its signed header a message has about half a kilobyte.
const TEXT_CHARS: usize = 128;
const DAY_MS: u64 = 86_400_000;

/// Home and sender, and where they live.
#[derive(Debug)]
pub(super) struct Office {
    exe: PathBuf,
    folder: PathBuf,
    authority: Party,
    pub(super) home: Party,
    pub(super) sender: Party,
    approver: Approver,
    service: Option<Digest>,
}

impl Office {
    pub(super) fn new(exe: PathBuf, folder: PathBuf, language: Language) -> Outcome<Self> {
        let party = |role, name: &str| -> Outcome<Party> {
            let agency = AgencyId::parse(&format!("{name}.{FEDERATION}"), "agency")?;
            Ok(Party::new(role, agency, folder.join(name), language))
        };
        let own = folder.join("official");
        Ok(Self {
            authority: party("authority", "authority")?,
            home: party("node", "home")?,
            sender: party("node", "sender")?,
            approver: Approver { key: Some(own.join("official.key")), cert: Some(own.join("official.pem")) },
            exe,
            folder,
            service: None,
        })
    }

    /// Founds the federation of the two, has a service published, and lets the authority go.
    pub(super) async fn raise(&mut self) -> Outcome {
        federation::found(&self.exe, &mut self.authority).await?;
        let home = Member::agency("federal", "Home", "Держатель");
        federation::join(&self.exe, &self.authority, &mut self.home, &home).await?;
        let sender = Member::agency("regional", "Sender", "Отправитель");
        federation::join(&self.exe, &self.authority, &mut self.sender, &sender).await?;
        let (agency, own) = (self.home.agency.to_string(), self.folder.join("official"));
        federation::enrol(&self.exe, &self.authority, &agency, "clerk-1", &own).await?;
        let client = self.home.client();
        let published =
            client.post_raw("/v1/services", "application/toml", SERVICE.to_owned(), &Key::random()?).await?;
        self.service = Some(Digest::from_hex(&answer::text(&published, "/digest"), "digest")?);
        for (party, other) in [(&self.home, &self.sender), (&self.sender, &self.home)] {
            until(&format!("{}: peers", party.agency), async || {
                let peers = party.get("/v1/peers").await?;
                let mut peers = answer::list(&peers, "/peers").iter();
                let found =
                    peers.any(|peer| peer["agency"] == other.agency.as_str() && peer["connected"] == true);
                Ok(found.then_some(()))
            })
            .await?;
        }
        self.authority.stop().await
    }

    /// Opens cases at the home, and gives the sender the right to append to each.
    pub(super) async fn cases(&self, count: usize) -> Outcome<Vec<CaseId>> {
        let service = self.service.ok_or_else(|| Problem::new(Code::Internal, "service"))?;
        let paper = self.folder.join("application.txt");
        std::fs::write(&paper, b"application").map_err(|error| Failure::file(&paper, &error))?;
        let mut cases = Vec::new();
        for _ in 0..count {
            let citizen = format!("p-{}", Key::random()?);
            let mut act = Act::new(None, Kind::Open, Body::of(Detail::Open { service, citizen }));
            act.body.fields = vec![("category".to_owned(), FieldValue::Text("B".to_owned()))];
            act.body.documents = vec![document::describe(&paper, Some("application")).await?];
            act.files = vec![paper.clone()];
            let opened = self.home.act("/v1/cases", act, &self.approver).await?;
            let case = CaseId::from_hex(&answer::text(&opened, "/case"), "case")?;
            let terms = Terms {
                grantee: self.sender.agency.clone(),
                read: true,
                steps: vec!["medical".to_owned()],
                purpose: "measurement".to_owned(),
                ground: "ogic bench".to_owned(),
                performer: "official/clerk-2".to_owned(),
                deadline: None,
                expires: now().plus_ms(DAY_MS),
            };
            let act = Act::new(Some(case), Kind::Share, Body::of(Detail::Share(terms)));
            self.home.act(&format!("/v1/cases/{case}/events"), act, &self.approver).await?;
            cases.push(case);
        }
        until("sender: references", async || {
            let held = self.sender.get("/v1/references").await?;
            let held = answer::list(&held, "/references");
            let all = cases.iter().all(|case| held.iter().any(|held| held["case"] == case.to_string()));
            Ok(all.then_some(()))
        })
        .await?;
        Ok(cases)
    }

    /// Stops the home, and starts the sender anew with a window of `in_flight` messages.
    pub(super) async fn part(&mut self, in_flight: usize) -> Outcome {
        self.home.stop().await?;
        self.sender.stop().await?;
        self.sender.start_again(&self.exe, &["--window", &in_flight.to_string()]).await
    }

    /// Has the sender's people write `count` notes to the cases in turn: sealed and durable in its outbox when this returns.
    pub(super) async fn write(&self, cases: &[CaseId], count: usize) -> Outcome {
        let requests: Vec<(String, Act)> = (0..count)
            .zip(cases.iter().cycle())
            .map(|(number, case)| {
                let mut act = Act::new(Some(*case), Kind::Note, Body::of(Detail::None));
                let text = format!("{number:0TEXT_CHARS$}");
                act.body.fields = vec![("text".to_owned(), FieldValue::Text(text))];
                (format!("/v1/cases/{case}/events?wait=0"), act)
            })
            .collect();
        let waiting = Arc::new(Mutex::new(requests.into_iter()));
        let mut makers = JoinSet::new();
        for _ in 0..MAKERS {
            let (waiting, client) = (Arc::clone(&waiting), self.sender.client());
            makers.spawn(async move {
                loop {
                    // An iterator is whole after every step.
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((path, act)) = next else { return Outcome::Ok(()) };
                    let request = act.request(&act.blob(&random()?)?, None, now())?;
                    client.post(&path, &request, &Key::random()?).await?;
                }
            });
        }
        while let Some(ended) = makers.join_next().await {
            ended.map_err(|error| Problem::new(Code::Internal, "messages").found(error.to_string()))??;
        }
        Ok(())
    }

    /// Starts the home where the sender looks for it.
    pub(super) async fn meet(&mut self) -> Outcome {
        self.home.start_again(&self.exe, &[]).await
    }

    /// Ends both as an operator does.
    pub(super) async fn close(&mut self) -> Outcome {
        self.sender.stop().await?;
        self.home.stop().await
    }

    /// The folders' logs, to be read after a failure.
    pub(super) fn place(&self) -> &Path {
        &self.folder
    }
}
