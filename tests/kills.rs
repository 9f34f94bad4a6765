//! Any daemon is killed at forty seeded moments while commands run. The command in flight ends well, or with exit 7 and the
//! words to repeat; repeated once it succeeds, with one effect; and nothing else needs a hand: at the end every history is
//! complete, nothing waits, and what is exported verifies.

mod federation;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use ogic_certs::record::Record;
use serde_json::Value;

use federation::command::{Ran, command, paste};
use federation::{Daemon, Federation, HEALTH, PATIENCE, in_a_month, ogic, path, until};

/// How often something is killed.
const MOMENTS: usize = 40;
/// The seed, unless `OGIC_KILLS_SEED` says another.
const SEED: u64 = 20_261_125;

/// Who is killed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Victim {
    Home,
    Performer,
    Authority,
    ThirdParty,
}

impl Victim {
    const ALL: [Self; 4] = [Self::Home, Self::Performer, Self::Authority, Self::ThirdParty];

    fn of(self, federation: &mut Federation) -> &mut Daemon {
        match self {
            Self::Home => &mut federation.transport,
            Self::Performer => &mut federation.health,
            Self::Authority => &mut federation.authority,
            Self::ThirdParty => &mut federation.ttp,
        }
    }
}

/// What people do meanwhile; each has a mark of its own, by which its effect is found and counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Deed {
    /// A case is opened at the home, with a document.
    Open,
    /// The home notes.
    HomeNote,
    /// The home grants.
    Share,
    /// The performer notes, and waits for the home's receipt.
    Note,
    /// The performer works on its step with a document, which has no effect before the third party's evidence.
    Step,
    /// A token is made.
    Token,
    /// An official enrols over the network.
    Enrol,
    /// The evidence that was given is looked at.
    Evidence,
}

impl Deed {
    /// Those that the victim has a part in.
    const fn with(victim: Victim) -> &'static [Self] {
        match victim {
            Victim::Home => &[Self::Open, Self::HomeNote, Self::Share, Self::Note, Self::Step],
            Victim::Performer => &[Self::Note, Self::Step, Self::Share],
            Victim::Authority => &[Self::Token, Self::Enrol],
            Victim::ThirdParty => &[Self::Step, Self::Evidence],
        }
    }

    /// Whose daemon the command speaks to.
    const fn asks(self) -> Victim {
        match self {
            Self::Open | Self::HomeNote | Self::Share => Victim::Home,
            Self::Note | Self::Step => Victim::Performer,
            Self::Token | Self::Enrol => Victim::Authority,
            Self::Evidence => Victim::ThirdParty,
        }
    }
}

/// Numbers from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

/// How the commands in flight ended.
#[derive(Default, Debug)]
struct Endings {
    well: usize,
    /// The answer was lost: whether the change was made had to be found out by repeating.
    lost: usize,
    /// The daemon was gone before anything was asked, or the question changes nothing.
    unreachable: usize,
}

struct World {
    federation: Federation,
    /// The case that the performer works on.
    case: String,
    expires: String,
    /// What was acknowledged, by what it was.
    done: BTreeMap<Deed, BTreeSet<String>>,
    /// How long each takes when nobody dies.
    usual: BTreeMap<Deed, Duration>,
    /// What makes a token's text for an official's enrolment.
    tokens: BTreeMap<String, String>,
    endings: Endings,
}

impl World {
    fn new() -> Self {
        let federation = Federation::start();
        federation.publish();
        let case = federation.open_case("p-0");
        federation.share(&case, HEALTH);
        federation.referenced(&case);
        let mut world = Self {
            federation,
            case,
            expires: in_a_month(),
            done: BTreeMap::new(),
            usual: BTreeMap::new(),
            tokens: BTreeMap::new(),
            endings: Endings::default(),
        };
        for (n, deed) in Victim::ALL.iter().flat_map(|victim| Deed::with(*victim)).enumerate() {
            let mark = format!("calm-{n}");
            world.prepare(*deed, &mark);
            let words = world.words(*deed, &mark, true);
            let began = Instant::now();
            run(&words).ok();
            world.usual.insert(*deed, began.elapsed());
            world.done.entry(*deed).or_default().insert(mark);
        }
        world
    }

    /// What must be there before the deed.
    fn prepare(&mut self, deed: Deed, mark: &str) {
        if deed == Deed::Enrol {
            let words = ["authority", "token", HEALTH, "--role", &format!("official/{mark}")];
            let token = self.federation.authority.ogic(&words).ok()["token"].as_str().unwrap().to_owned();
            self.tokens.insert(mark.to_owned(), token);
        }
    }

    /// A file of the deed's own.
    fn file(&self, mark: &str) -> PathBuf {
        self.federation.file(&format!("{mark}.pdf"), format!("%PDF-1.7\n% {mark}\n").as_bytes())
    }

    fn words(&self, deed: Deed, mark: &str, json: bool) -> Vec<String> {
        let field = format!("mark={mark}");
        let data = match deed.asks() {
            Victim::Home => &self.federation.transport,
            Victim::Performer => &self.federation.health,
            Victim::Authority => &self.federation.authority,
            Victim::ThirdParty => &self.federation.ttp,
        };
        let data = path(&data.data).to_owned();
        let case = self.case.as_str();
        let labelled = |label: &str| format!("{label}={}", path(&self.file(mark)));
        let words: Vec<String> = match deed {
            Deed::Open => {
                let open = ["case", "open", "--service", "driving-licence", "--field", "category=B"];
                let more = ["--citizen", mark, "--document", &labelled("application")];
                owned(&[&open[..], &more].concat())
            }
            Deed::HomeNote => owned(&["case", "event", case, "--kind", "note", "--field", &field]),
            Deed::Share => owned(&federation::share_words(case, HEALTH, mark, &self.expires)),
            Deed::Note => {
                owned(&["case", "event", case, "--kind", "note", "--field", &field, "--wait", "20s"])
            }
            Deed::Step => {
                let step = ["case", "event", case, "--step", "medical", "--field", &field, "--wait", "20s"];
                owned(&[&step[..], &["--document", &labelled("medical-certificate")]].concat())
            }
            Deed::Token => owned(&["authority", "token", &format!("{mark}.gov.example")]),
            Deed::Enrol => {
                let out = self.federation.at(&format!("official-{mark}"));
                owned(&["official", "enrol", &self.tokens[mark], "--out", path(&out)])
            }
            Deed::Evidence => owned(&["ttp", "evidence"]),
        };
        let mut words = words;
        if deed != Deed::Enrol {
            words.extend(["--data".to_owned(), data]);
        }
        if json {
            words.push("--json".to_owned());
        }
        words
    }

    /// One command, one death, one restart; the command is repeated if it asks for it.
    fn moment(&mut self, n: usize, random: &mut Random) {
        let victim = random.pick(&Victim::ALL);
        let deed = random.pick(Deed::with(victim));
        let mark = format!("m{n}");
        self.prepare(deed, &mark);
        let json = random.below(2) == 0;
        let words = self.words(deed, &mark, json);
        // From before it has connected until after it has been answered.
        let usual = u64::try_from(self.usual[&deed].as_micros()).unwrap();
        let delay = Duration::from_micros(usual / 8 + random.below(usual));

        let child = command(&words.iter().map(String::as_str).collect::<Vec<_>>()).spawn().unwrap();
        std::thread::sleep(delay);
        victim.of(&mut self.federation).kill();
        victim.of(&mut self.federation).again();
        let ran = Ran::of(words.join(" "), child.wait_with_output().unwrap());

        let place = format!("moment {n}: {deed:?}, {victim:?} killed after {delay:?}");
        if ran.exit == 0 {
            self.endings.well += 1;
        } else {
            assert_eq!(victim, deed.asks(), "{place}: nobody else's death is the caller's matter: {ran}");
            assert_eq!(ran.exit, 7, "{place}: {ran}");
            let (code, line) = told(&ran, json);
            match code.as_str() {
                "OGIC-4004" => self.endings.lost += 1,
                _ => self.endings.unreachable += 1,
            }
            // What changes something is named to be repeated under its key. The others change nothing, or hold a secret
            // that is not printed.
            let names = !matches!(deed, Deed::Evidence | Deed::Enrol);
            let repeated = match line {
                Some(line) => {
                    assert!(names && line.contains("--idempotency-key "), "{place}: {ran}");
                    paste(&line)
                }
                None => {
                    assert!(!names, "{place}: {ran}");
                    run(&words)
                }
            };
            assert_eq!(repeated.exit, 0, "{place}: first {ran}\nthen {repeated}");
        }
        self.done.entry(deed).or_default().insert(mark);
    }

    fn marks(&self, deeds: &[Deed]) -> BTreeSet<String> {
        deeds.iter().filter_map(|deed| self.done.get(deed)).flatten().cloned().collect()
    }

    /// Waits until nothing is under way any more.
    fn settle(&self) {
        for daemon in [&self.federation.transport, &self.federation.health] {
            until("every message is delivered", PATIENCE, || {
                let outbox = daemon.get("/v1/outbox");
                outbox["items"].as_array().unwrap().is_empty().then_some(())
            });
        }
        until("every event is judged", PATIENCE, || {
            let shown = self.federation.transport.get(&format!("/v1/cases/{}", self.case));
            shown["pending"].as_array().unwrap().is_empty().then_some(())
        });
        // The verdicts, too, are messages.
        until("every verdict is delivered", PATIENCE, || {
            let outbox = self.federation.transport.get("/v1/outbox");
            outbox["items"].as_array().unwrap().is_empty().then_some(())
        });
    }

    /// Every acknowledged deed has had its effect, and once.
    fn check_effects(&self) {
        let shown = self.federation.transport.get(&format!("/v1/cases/{}", self.case));
        let history = shown["history"].as_array().unwrap();
        let marked = history.iter().filter_map(|entry| entry["fields"]["mark"].as_str());
        assert_once("notes and steps", marked, &self.marks(&[Deed::HomeNote, Deed::Note, Deed::Step]));
        for entry in history {
            assert_eq!(entry["effect"], "held", "{entry}");
        }
        let purposes =
            shown["grants"].as_array().unwrap().iter().filter_map(|grant| grant["purpose"].as_str());
        let shares = self.marks(&[Deed::Share]);
        assert_once("grants", purposes.filter(|purpose| *purpose != "medical examination"), &shares);

        let list = self.federation.transport.get("/v1/cases");
        let citizens: Vec<String> = list["cases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| self.federation.transport.get(&format!("/v1/cases/{}", row["case"].as_str().unwrap())))
            .map(|case| case["citizen"].as_str().unwrap().to_owned())
            .collect();
        let opened = citizens.iter().map(String::as_str).filter(|citizen| *citizen != "p-0");
        assert_once("cases", opened, &self.marks(&[Deed::Open]));

        let issued = self.federation.authority.get("/v1/issued");
        let officials = issued["certificates"].as_array().unwrap().iter().filter_map(|certificate| {
            certificate["identity"].as_str()?.strip_prefix(&format!("ogic://{HEALTH}/official/"))
        });
        assert_once("officials", officials, &self.marks(&[Deed::Enrol]));
        let open = self.federation.authority.status()["tokens_open"].as_u64().unwrap();
        assert_eq!(open, self.marks(&[Deed::Token]).len() as u64, "tokens");
    }

    /// What the performer has sent and holds receipts for is, byte for byte, what the home has recorded.
    fn check_both_sides(&self) {
        let mut history = Vec::new();
        loop {
            let from = history.len();
            let page = self.federation.transport.get(&format!("/v1/cases/{}/history?from={from}", self.case));
            let entries = page["entries"].as_array().unwrap();
            if entries.is_empty() {
                break;
            }
            history.extend(entries.iter().cloned());
        }
        let sent = self.federation.health.get(&format!("/v1/sent?case={}", self.case));
        let sent = sent["sent"].as_array().unwrap();
        assert_eq!(sent.len(), self.marks(&[Deed::Note, Deed::Step]).len());
        for event in sent {
            let seq = event["seq"].as_u64().unwrap_or_else(|| panic!("without a receipt: {event}"));
            let recorded = &history[usize::try_from(seq).unwrap()];
            for part in ["header", "body"] {
                assert_eq!(event[part], recorded[part], "{part} of {event}");
            }
            let record = BASE64.decode(recorded["record"].as_str().unwrap().as_bytes()).unwrap();
            let record = Record::from_bytes(&record).unwrap();
            assert_eq!(
                (record.seq, record.digest().to_string().as_str()),
                (seq, event["record"].as_str().unwrap())
            );
            assert!(event["receipt"].is_string(), "{event}");
        }
    }

    /// Every case verifies offline, by what the performer trusts.
    fn check_capsules(&self) {
        let list = self.federation.transport.get("/v1/cases");
        for row in list["cases"].as_array().unwrap() {
            let case = row["case"].as_str().unwrap();
            let capsule = self.federation.at(&format!("{case}.ogic"));
            self.federation.transport.ogic(&["case", "export", case, "--out", path(&capsule)]).ok();
            let trust = path(&self.federation.health.data);
            let verified: Value = ogic(&["verify", path(&capsule), "--trust", trust, "--json"]).ok();
            assert!(verified.to_string().contains("TOTAL-PASSED"), "{verified}");
        }
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn run(words: &[String]) -> Ran {
    ogic(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The code of a failure, and the command that it names to be repeated.
fn told(ran: &Ran, json: bool) -> (String, Option<String>) {
    let (code, said) = if json {
        assert!(ran.stderr.is_empty(), "{ran}");
        (ran.code(), ran.json()["error"]["hint"].as_str().unwrap().to_owned())
    } else {
        assert!(ran.stdout.is_empty(), "{ran}");
        let at = ran.stderr.find("OGIC-").unwrap_or_else(|| panic!("no code: {ran}"));
        (ran.stderr[at..at + 9].to_owned(), ran.stderr.clone())
    };
    (code, said.lines().map(str::trim).find(|line| line.starts_with("ogic ")).map(str::to_owned))
}

fn assert_once<'a>(what: &str, found: impl Iterator<Item = &'a str>, wanted: &BTreeSet<String>) {
    let mut counts: BTreeMap<&str, usize> = wanted.iter().map(|mark| (mark.as_str(), 0)).collect();
    for mark in found {
        *counts.entry(mark).or_default() += 1;
    }
    let wrong: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(wrong.is_empty(), "{what}: not once each: {wrong:?}");
    assert_eq!(counts.len(), wanted.len(), "{what}: some that nobody asked for: {counts:?}");
}

#[test]
fn forty_deaths_lose_nothing_double_nothing_and_need_no_hand() {
    let seed = std::env::var("OGIC_KILLS_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(SEED);
    println!("seed {seed}: repeat with OGIC_KILLS_SEED={seed}");
    let mut random = Random(seed);
    let mut world = World::new();
    for n in 0..MOMENTS {
        world.moment(n, &mut random);
    }
    println!("{MOMENTS} deaths, commands in flight: {:?}", world.endings);
    world.settle();
    world.check_effects();
    world.check_both_sides();
    world.check_capsules();
    world.federation.assert_no_panic();
}
