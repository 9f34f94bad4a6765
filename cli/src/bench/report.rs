//! What a bench found: rows, the baseline beside them, goals; as one JSON value, or as tables for people.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::answer;
use crate::output::table;
use crate::text::Text;

/// The magic number of a file system in memory, which makes nothing durable (statfs(2)).
const TMPFS: i64 = 0x0102_1994;

/// The report as it grows.
#[derive(Debug)]
pub(super) struct Report {
    bench: &'static str,
    machine: Value,
    rows: Vec<Value>,
    baseline: Map<String, Value>,
}

impl Report {
    /// An empty report of a bench that works in `folder`.
    pub(super) fn new(bench: &'static str, folder: &Path) -> Self {
        let in_memory =
            rustix::fs::statfs(folder).is_ok_and(|told| i128::from(told.f_type) == i128::from(TMPFS));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let machine = json!({"cores": cores, "load": load(), "durable": !in_memory});
        Self { bench, machine, rows: Vec::new(), baseline: Map::new() }
    }

    pub(super) fn row(&mut self, row: Value) {
        self.rows.push(row);
    }

    pub(super) fn each_row(&mut self, edit: impl FnMut(&mut Value)) {
        self.rows.iter_mut().for_each(edit);
    }

    pub(super) fn baseline(&mut self, name: &str, value: f64) {
        self.baseline.insert(name.to_owned(), json!(value));
    }

    /// The shape of all benches.
    pub(super) fn json(&self) -> Value {
        json!({
            "bench": self.bench,
            "machine": self.machine,
            "rows": self.rows,
            "baseline": self.baseline,
            // None is set yet: a goal is a ratio to the baseline, and comes with the first measured distance to it.
            "goals": [],
        })
    }

    /// Tables of `ogic bench exchange`: the rows, and what each message costs where.
    pub(super) fn exchange(&self, text: &Text) -> String {
        let columns = [
            "/in_flight",
            "/messages",
            "/messages_per_s",
            "/of_baseline",
            "/p50_us",
            "/p99_us",
            "/home/syncs",
            "/home/signatures",
            "/sender/syncs",
        ];
        let mut out = self.rows_under(text, &columns, &self.rows.iter().collect::<Vec<_>>());
        out.push_str(&format!("\n{}\n", text.word("bench-costs")));
        let mut headings = vec![text.word("bench-part")];
        let mut costs: Vec<Vec<String>> =
            self.parts().iter().map(|part| vec![text.word_for("bench-part", part)]).collect();
        for row in &self.rows {
            let messages = row["messages"].as_f64().unwrap_or(1.0);
            for side in ["home", "sender"] {
                headings.push(format!(
                    "{} {}",
                    text.word_for("bench-side", side),
                    answer::text(row, "/in_flight")
                ));
                for (part, cells) in self.parts().iter().zip(&mut costs) {
                    let cost = match part.as_str() {
                        "exchange" => &row[side]["exchange_cpu_us"],
                        "all" => &row[side]["cpu_us"],
                        // A sync costs time, and hardly any of a processor's.
                        "sync" => &row[side]["parts"]["sync"]["wall_us"],
                        part => &row[side]["parts"][part]["cpu_us"],
                    };
                    cells.push(format!("{:.1}", cost.as_f64().unwrap_or_default() / messages));
                }
            }
        }
        out.push_str(&table(&headings, &costs));
        out + &self.foot(text)
    }

    /// Tables of `ogic bench store`.
    pub(super) fn store(&self, text: &Text) -> String {
        let of = |part: &str| self.rows.iter().filter(|row| row["part"] == part).collect::<Vec<_>>();
        let columns = [
            "/store",
            "/records",
            "/records_per_s",
            "/bytes",
            "/reopen_ms",
            "/rebuild_ms",
            "/case_p50_us",
            "/case_p99_us",
        ];
        let mut out = self.rows_under(text, &columns, &of("store"));
        let columns = [
            "/batch",
            "/records",
            "/commits_per_s",
            "/records_per_s",
            "/sync_p50_us",
            "/sync_p99_us",
            "/reopen_ms",
        ];
        out.push('\n');
        out.push_str(&self.rows_under(text, &columns, &of("journal")));
        out + &self.foot(text)
    }

    fn rows_under(&self, text: &Text, columns: &[&str], rows: &[&Value]) -> String {
        let name = |pointer: &&str| match *pointer {
            "/messages" => text.word("bench-messages-count"),
            "/store" => text.word("bench-store-name"),
            pointer => text.word_for("bench", &pointer.trim_start_matches('/').replace('/', "-")),
        };
        let headings: Vec<String> = columns.iter().map(name).collect();
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| columns.iter().map(|column| answer::text(row, column)).collect()).collect();
        table(&headings, &rows)
    }

    /// Every part of the work, then what is left, then the whole.
    fn parts(&self) -> Vec<String> {
        let first = self.rows.first().and_then(|row| row["home"]["parts"].as_object());
        let mut parts: Vec<String> = first.into_iter().flatten().map(|(name, _)| name.clone()).collect();
        // To wait costs nothing.
        parts.retain(|part| part != "wait");
        parts.extend(["exchange", "all"].map(str::to_owned));
        parts
    }

    fn foot(&self, text: &Text) -> String {
        let mut out = String::from("\n");
        for (name, value) in &self.baseline {
            out.push_str(&format!("{}: {}\n", text.word_for("bench", name), answer::text(value, "")));
        }
        let told = if self.machine["durable"] == true { "bench-machine" } else { "bench-machine-memory" };
        out + &text.tell(told, &self.machine) + "\n"
    }
}

/// The load of the last minute, as the system tells it.
fn load() -> String {
    let told = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    told.split_whitespace().next().unwrap_or(answer::NOTHING).to_owned()
}
