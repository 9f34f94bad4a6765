//! `docs/WALKTHROUGH.md` as its reader follows it: one shell in an empty folder runs every block over the real binary, in
//! order, in both languages. Each command ends with the exit code that the page names, what it shows is what the page
//! shows, and every step of the demo has its part on the page.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

const PAGE: &str = include_str!("../docs/WALKTHROUGH.md");
const README: &str = include_str!("../README.md");
/// The play, whose steps the page must have.
const PLAY: &str = include_str!("../cli/src/demo/mod.rs");

/// Longest that all of the page may take, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at whether the shell has ended.
const PAUSE: Duration = Duration::from_millis(20);
/// Begins a line of ours among those of the commands.
const MARK: char = '\u{1e}';

/// A block of commands, and what the page shows of their output.
#[derive(Default)]
struct Block {
    steps: Vec<Step>,
    shown: Vec<(usize, String)>,
}

/// A command of the page, with the lines that go on with it.
struct Step {
    line: usize,
    text: String,
    /// The exit code that the page names.
    exit: i32,
}

impl Step {
    /// The variable that it sets by what a command prints.
    fn sets(&self) -> Option<&str> {
        self.text.split_once("=$(").map(|(name, _)| name).filter(|name| !name.contains(' '))
    }
}

/// The blocks of the page.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut fence, mut goes_on, mut after) = ("", false, "");
    for (at, line) in page.lines().enumerate() {
        let number = at + 1;
        if let Some(opened) = line.strip_prefix("```") {
            match (fence, opened) {
                ("", "sh") => blocks.push(Block::default()),
                ("", "text") => assert_eq!(after, "sh", "line {number}: output of no commands"),
                ("", other) => panic!("line {number}: a block of {other:?}"),
                (_, closed) => assert_eq!(closed, "", "line {number}"),
            }
            assert!(!goes_on, "line {number}: the command above goes on");
            after = fence;
            fence = opened;
            continue;
        }
        let block = blocks.last_mut();
        match (fence, block) {
            ("sh", Some(block)) => {
                match block.steps.last_mut().filter(|_| goes_on) {
                    Some(step) => step.text.extend(["\n", line]),
                    None => block.steps.push(Step { line: number, text: line.to_owned(), exit: 0 }),
                }
                goes_on = line.ends_with(['\\', '|']);
                if let (Some(step), Some((_, exit))) = (block.steps.last_mut(), line.rsplit_once(" # exit "))
                {
                    step.exit = exit.parse().unwrap_or_else(|_| panic!("line {number}: exit code {exit}"));
                }
            }
            ("text", Some(block)) => block.shown.push((number, line.to_owned())),
            _ if !line.is_empty() => after = "",
            _ => {}
        }
    }
    assert_eq!(fence, "", "a block without an end");
    blocks
}

/// The page as a script that says after each command how it ended, and ends at the first that ends otherwise than it should,
/// with all that it has started.
fn script(blocks: &[Block]) -> String {
    let mut script = format!(
        "set -u\n\
         ended() {{ _exit=$?; printf '\\n{MARK}ended %s %s\\n' \"$1\" \"$_exit\"; [ \"$_exit\" -eq \"$2\" ] || kill -KILL 0; }}\n"
    );
    for step in blocks.iter().flat_map(|block| &block.steps) {
        script.push_str(&format!("{}\nended {} {}\n", step.text, step.line, step.exit));
        if let Some(name) = step.sets() {
            script.push_str(&format!("printf '{MARK}set {name} %s\\n' \"${name}\"\n"));
        }
    }
    script
}

/// The shell and all that it started; nothing of them is left when it goes.
struct Shell(Child);

impl Shell {
    fn run(folder: &Path, script: &str, language: &str) -> Self {
        let place = |name: &str| folder.join(name);
        fs::create_dir(place("reader")).unwrap();
        fs::write(place("script.sh"), script).unwrap();
        let out = File::options().create_new(true).append(true).open(place("output.txt")).unwrap();
        let exe = Path::new(env!("CARGO_BIN_EXE_ogic"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = exe.parent().map(Path::to_owned).into_iter().chain(std::env::split_paths(&path));
        let mut shell = Command::new("sh");
        for name in ["OGIC_DATA", "OGIC_LOG", "LC_ALL", "LC_MESSAGES", "LANG"] {
            shell.env_remove(name);
        }
        // A daemon ends with the shell that started it, and the shell's group is ended with the test.
        shell
            .arg(place("script.sh"))
            .current_dir(place("reader"))
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("OGIC_LANG", language)
            .env("OGIC_WITH_PARENT", "1")
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .process_group(0);
        Self(shell.spawn().unwrap())
    }

    /// Waits for the end of the script, and says whether it got there.
    fn ended(&mut self) -> bool {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.success();
            }
            if Instant::now() > end {
                return false;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // One that has ended was waited for; its daemons were too, or end with it.
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
            let _ = self.0.wait();
        }
    }
}

/// What became of a command.
struct Ended {
    line: usize,
    exit: i32,
    said: String,
    set: Option<String>,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "line {}: exit {}\n{}", self.line, self.exit, self.said)
    }
}

/// What the shell's output tells of each command that came to an end.
fn ends(output: &str) -> Vec<Ended> {
    let mut ends: Vec<Ended> = Vec::new();
    let mut said = String::new();
    for line in output.lines() {
        let Some(mark) = line.strip_prefix(MARK) else {
            said.extend([line, "\n"]);
            continue;
        };
        let words: Vec<&str> = mark.splitn(3, ' ').collect();
        match words[..] {
            ["ended", line, exit] => {
                let (line, exit) = (line.parse().unwrap(), exit.parse().unwrap());
                ends.push(Ended { line, exit, said: std::mem::take(&mut said), set: None });
            }
            ["set", _, value] => ends.last_mut().unwrap().set = Some(value.to_owned()),
            _ => panic!("{line}"),
        }
    }
    ends
}

/// Whether a line is of a pattern, in which `…` stands for anything. How wide a table's columns are does not matter.
fn is_of(pattern: &str, line: &str) -> bool {
    let narrow = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (pattern, line) = (narrow(pattern), narrow(line));
    let mut pieces = pattern.split('…');
    let Some(mut rest) = pieces.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, between)) = pieces.split_last() else { return rest.is_empty() };
    for piece in between {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

/// Words that are the same in every language: codes, verdicts, ids of agencies and people.
fn of_no_language(shown: &str) -> impl Iterator<Item = &str> {
    let words = shown.split_whitespace().map(|word| word.trim_matches([',', ':', ';', '(', ')']));
    words.filter(|word| {
        let begins = ["OGIC-", "TOTAL-", "INDETERMINATE", "official/", "ogic://"];
        !word.contains('…')
            && (begins.iter().any(|it| word.starts_with(it)) || word.ends_with(".gov.example"))
    })
}

/// Follows the page in a language, and gives what each command said.
fn follow(language: &str) -> (Vec<Block>, Vec<Ended>) {
    let blocks = blocks(PAGE);
    let folder = tempfile::Builder::new().prefix("ogic-walk-").tempdir().unwrap();
    let mut shell = Shell::run(folder.path(), &script(&blocks), language);
    let whole = shell.ended();
    let output = String::from_utf8(fs::read(folder.path().join("output.txt")).unwrap()).unwrap();
    let ends = ends(&output);
    let (at, last) = (ends.len().saturating_sub(1), ends.last().map(Ended::to_string).unwrap_or_default());
    let steps: Vec<&Step> = blocks.iter().flat_map(|block| &block.steps).collect();
    assert!(whole && ends.len() == steps.len(), "{language}: {}\n{last}", steps[at].text);
    for (step, ended) in steps.iter().zip(&ends) {
        assert_eq!((step.line, step.exit), (ended.line, ended.exit), "{language}: {}\n{ended}", step.text);
        let Some(value) = &ended.set else { continue };
        // A number or an id, and never a sentence.
        let id = value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit());
        assert!(id || value.trim().parse::<u64>().is_ok(), "{language}: {}: {value:?}", step.text);
    }
    (blocks, ends)
}

/// What the commands of each block said, beside the block.
fn said_by_block<'a>(blocks: &'a [Block], ends: &'a [Ended]) -> impl Iterator<Item = (&'a Block, String)> {
    let mut ends = ends.iter();
    blocks.iter().map(move |block| {
        let said: String = ends.by_ref().take(block.steps.len()).map(|ended| ended.said.as_str()).collect();
        (block, said)
    })
}

#[test]
fn every_command_does_what_the_page_says() {
    let (blocks, ends) = follow("en");
    for (block, said) in said_by_block(&blocks, &ends) {
        let mut lines = said.lines();
        for (number, shown) in &block.shown {
            assert!(
                lines.any(|line| is_of(shown, line)),
                "line {number} shows {shown:?}; it was said:\n{said}"
            );
        }
    }
}

#[test]
fn every_command_does_it_in_russian_too() {
    let (blocks, ends) = follow("ru");
    let mut russian = 0;
    for (block, said) in said_by_block(&blocks, &ends) {
        for (number, shown) in &block.shown {
            for word in of_no_language(shown) {
                assert!(said.contains(word), "line {number} shows {word:?}; it was said:\n{said}");
            }
        }
        russian += usize::from(said.contains(|c| ('а'..='я').contains(&c)));
    }
    assert!(russian * 10 > blocks.len() * 8, "{russian} of {} blocks spoke Russian", blocks.len());
}

#[test]
fn every_step_of_the_demo_has_its_part() {
    let steps: Vec<&str> =
        PLAY.split("report.step(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(steps.len() >= 12, "{steps:?}");
    let parts: Vec<(&str, &str)> = (PAGE.split("\n<a id=\"").skip(1))
        .map(|rest| rest.split_once("\"></a>\n\n").expect("an anchor stands above its heading"))
        .collect();
    let names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, steps);
    for (at, (name, part)) in parts.iter().enumerate() {
        assert!(part.starts_with(&format!("## {}. ", at + 1)), "{name}");
        assert!(part.contains("\n```sh\n"), "{name} is told and not done");
    }
    assert!(README.contains("(docs/WALKTHROUGH.md)"));
}

#[test]
fn a_page_is_read_as_its_reader_reads_it() {
    let page =
        "```sh\na \\\n  b\nc=$(d |\n  e) # exit 3\n```\n```text\nx … z\n```\n\nwords\n\n```sh\nf\n```\n";
    let blocks = blocks(page);
    let read: Vec<(usize, &str, i32, Option<&str>)> = (blocks.iter().flat_map(|block| &block.steps))
        .map(|step| (step.line, step.text.as_str(), step.exit, step.sets()))
        .collect();
    assert_eq!(
        read,
        [(2, "a \\\n  b", 0, None), (4, "c=$(d |\n  e) # exit 3", 3, Some("c")), (14, "f", 0, None)]
    );
    assert_eq!(blocks[0].shown, [(8, "x … z".to_owned())]);
    for (pattern, line, fits) in [
        ("x … z", "x  y   z", true),
        ("x … z", "x z", false),
        ("… z", "anything z", true),
        ("… z", "anything z!", false),
        ("a … b … c", "a 1 b 2 c", true),
        ("a … b … c", "a 1 c 2 c", false),
        ("  a  b", "a b", true),
        ("a b", "a b c", false),
    ] {
        assert_eq!(is_of(pattern, line), fits, "{pattern:?} {line:?}");
    }
    assert_eq!(of_no_language("a OGIC-3003, (TOTAL-PASSED) OGIC-… x.gov.example").count(), 3);
}
