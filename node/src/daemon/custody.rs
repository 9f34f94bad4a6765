//! Before the custody of a case is accepted: its whole history, its definition and its documents are brought here, verified
//! and held. What is decided and in which order, the desk knows ([`crate::desk`]).

use std::time::Duration;

use ogic_certs::{AgencyId, CaseId, Code, Problem, Result};

use super::node::Handle;
use super::remote::{CaseView, REACH_MS};
use crate::case::Effect;
use crate::desk::Work;

/// Records that are held by one piece of work: few enough that other work goes on in between.
const HELD_AT_ONCE: usize = 64;
/// What the look at the offered case is registered as at its home.
const PURPOSE: &str = "custody";

impl Handle {
    /// Brings a case that is offered here, whole, and holds it durably. Nothing happens without an offer that stands: the desk
    /// will say so. What is held already is verified again and not kept twice.
    pub async fn hold_offered(&self, case: CaseId) -> Result<()> {
        let offered =
            self.ask(move |desk| desk.book().custody.get(&case).and_then(|k| k.offered.clone())).await?;
        let Some(offered) = offered else { return Ok(()) };
        let definition = self.reference(case).await?.service;
        let link = self.endpoint().reach(&offered.from, REACH_MS).await?;
        let service = self.service_from(&link, definition).await?;
        let reading = self.read_pages(&link, &offered.from, case, offered.offer, PURPOSE).await?;
        let mut entries = reading.checked();
        let view = reading.fold(&service)?;
        self.bring_documents(&view, &offered.from, Some(offered.offer)).await?;
        while !entries.is_empty() {
            let rest = entries.split_off(entries.len().min(HELD_AT_ONCE));
            self.writer().call(|ticket| Work::Hold { ticket, case, entries }).await?;
            entries = rest;
        }
        Ok(())
    }

    /// Every document that the history rests on, from its present home.
    async fn bring_documents(
        &self,
        view: &CaseView,
        home: &AgencyId,
        grant: Option<ogic_certs::EventId>,
    ) -> Result<()> {
        let case = view.case.id;
        for entry in &view.history {
            for document in &entry.body.documents {
                if entry.author == *self.agency() {
                    continue;
                }
                match self.bring_from(home, case, grant, document).await {
                    Ok(()) => self.documents().take_over(case, &entry.author, &document.sha256).await?,
                    // What has no effect, or none yet, may name what was never brought; its author is asked when it is judged.
                    Err(problem)
                        if entry.effect != Effect::Held
                            && matches!(problem.code, Code::DocumentMissing | Code::DigestMismatch) => {}
                    Err(problem) => return Err(problem),
                }
            }
        }
        Ok(())
    }

    /// Waits until this agency is the home of the case, at most `wait_ms`; says whether it is.
    pub async fn taken(&self, case: CaseId, wait_ms: u64) -> Result<bool> {
        let mut settled = self.writer().board.settled();
        let waiting = async {
            loop {
                settled.borrow_and_update();
                if self.orders(case).await? {
                    return Ok(true);
                }
                // The sender lives as long as the writer, and its end is told by the next question.
                let _ = settled.changed().await;
            }
        };
        tokio::time::timeout(Duration::from_millis(wait_ms), waiting).await.unwrap_or(Ok(false))
    }

    /// Whether this agency is the home of the case, and orders its history.
    pub async fn orders(&self, case: CaseId) -> Result<bool> {
        let us = self.agency().clone();
        let ordered = self
            .ask(move |desk| desk.case(&case).map(|held| held.is_some_and(|held| held.is_ordered_by(&us))));
        ordered.await?
    }

    /// Whether the case is offered to this agency. `CustodyRefused` if it is not.
    pub async fn is_offered(&self, case: CaseId) -> Result<()> {
        let known = self.ask(move |desk| desk.book().custody.get(&case).cloned()).await?;
        let offered = known
            .is_some_and(|known| known.offered.is_some_and(|offered| known.declined != Some(offered.offer)));
        if offered {
            return Ok(());
        }
        Err(Problem::new(Code::CustodyRefused, "offer")
            .found("none to this agency")
            .expected("an offer by the home of the case"))
    }
}
