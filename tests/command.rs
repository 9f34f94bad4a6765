//! The real binary at the terminal: what goes to stdout and stderr, which exit code, in which language. No daemon runs.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};

/// Runs `ogic` with `line` (words between single spaces) in an environment without a locale.
fn ogic(line: &str, environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ogic"));
    for name in ["OGIC_LANG", "OGIC_DATA", "LC_ALL", "LC_MESSAGES", "LANG"] {
        command.env_remove(name);
    }
    let words = line.split(' ').filter(|word| !word.is_empty());
    command.args(words).envs(environment.iter().copied()).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What `ogic explain OGIC-4007` prints, whole.
const EXPLAINED: &str = "\
OGIC-4007 NodeUnreachable
  what        the node's local socket does not answer
  what to do  start the node (ogic node serve --data DIR), or name its folder with --data DIR or OGIC_DATA
  side        on our own side
  exit code   7 (peer or authority unreachable: a retry makes sense)
  HTTP        503
";

const EXPLAINED_RU: &str = "\
OGIC-4007 NodeUnreachable
  что произошло  локальный сокет узла не отвечает
  что делать     запустите узел (ogic node serve --data DIR) или укажите его папку через --data DIR или OGIC_DATA
  сторона        на нашей стороне
  код выхода     7 (узел или удостоверяющий центр недоступен: имеет смысл повторить)
  HTTP           503
";

#[test]
fn the_language_follows_the_flag_then_the_environment() {
    for (line, environment, expected) in [
        ("explain OGIC-4007", &[][..], EXPLAINED),
        ("explain 4007", &[("LANG", "C")], EXPLAINED),
        ("explain 4007", &[("LANG", "ru_RU.UTF-8")], EXPLAINED_RU),
        ("explain 4007", &[("LC_ALL", "C"), ("LANG", "ru_RU.UTF-8")], EXPLAINED),
        ("explain 4007", &[("OGIC_LANG", "ru"), ("LC_ALL", "C")], EXPLAINED_RU),
        ("explain 4007 --lang en", &[("OGIC_LANG", "ru")], EXPLAINED),
        ("--lang=ru explain 4007", &[], EXPLAINED_RU),
    ] {
        let output = ogic(line, environment);
        assert_eq!(stdout(&output), expected, "{line} {environment:?}");
        assert!(output.status.success() && output.stderr.is_empty(), "{line}");
    }
}

#[test]
fn errors_go_to_stderr_with_the_exit_code_of_their_code() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none");
    let none = none.to_str().unwrap();
    let case = "ab".repeat(32);
    for (line, exit, said) in [
        (String::new(), 2, "Usage: ogic"),
        ("stauts".to_owned(), 2, "found stauts, expected status"),
        ("case".to_owned(), 2, "Usage: ogic case"),
        ("case show xyz".to_owned(), 2, "<CASE>: found xyz, expected 64 lower-case hex digits"),
        ("peers".to_owned(), 2, "export OGIC_DATA=DIR"),
        ("explain 1".to_owned(), 3, "found 1, expected a code such as OGIC-3003"),
        (format!("peers --data {none}"), 7, "OGIC-4007, on our own side"),
        (format!("wait ready --data {none} --for 10m"), 7, "OGIC-4007, on our own side"),
        ("wait registry x".to_owned(), 2, "a whole number such as 7"),
        ("explain 3003 --print exits".to_owned(), 2, "expected code, exit, hint, http, name, sentence, side"),
        (format!("case close {case} --outcome granted --reason x --data {none}"), 2, "Repeat with --yes"),
        (format!("case close {case} --outcome granted --reason x --yes --data {none}"), 7, "OGIC-4007"),
        (format!("document add {none} --data {none}"), 3, "No such file"),
        (
            format!(
                "case share {case} --to Health --read --purpose a --ground b --performer c --expires 2026-12-01"
            ),
            2,
            "--to <AGENCY>: found Health, expected a fully qualified name",
        ),
        (format!("case event {case} --key a"), 2, "--cert <FILE>"),
    ] {
        let output = ogic(&line, &[]);
        assert_eq!(output.status.code(), Some(exit), "{line}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{line}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{line}");
    }
}

#[test]
fn json_errors_are_results_and_nothing_else_is_said() {
    for (line, environment, exit, code) in [
        ("peers --json --data /nonexistent", &[][..], 7, "OGIC-4007"),
        ("peers --json", &[("OGIC_DATA", "/nonexistent")], 7, "OGIC-4007"),
        ("stauts --json", &[], 2, "OGIC-1005"),
        ("explain 3003 --print exit --json", &[], 2, "OGIC-1005"),
        ("case show xyz --json", &[("LANG", "ru_RU.UTF-8")], 2, "OGIC-1001"),
    ] {
        let output = ogic(line, environment);
        assert_eq!(output.status.code(), Some(exit), "{line}");
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(value["schema"], 1);
        assert_eq!(value["error"]["code"], code, "{line}");
        assert!(value["error"]["hint"].as_str().is_some_and(|hint| !hint.is_empty()));
        assert_eq!(stderr(&output), "", "{line}");
    }
}

#[test]
fn help_is_asked_for_in_either_way_and_goes_to_stdout() {
    let flag = ogic("case share --help", &[]);
    let word = ogic("help case share", &[]);
    assert!(flag.status.success() && word.status.success());
    assert_eq!(stdout(&flag), stdout(&word));
    assert!(stdout(&flag).starts_with("Grant another agency a right to the case\n\nUsage: ogic case share"));
    assert!(stdout(&flag).contains("Examples:\n  ogic case share CASE --to health.gov.example"));
    let ru = stdout(&ogic("help case share", &[("LANG", "ru_RU.UTF-8")]));
    assert!(ru.starts_with("Предоставить другому ведомству право на дело\n\nВызов: ogic case share"), "{ru}");
    assert!(stdout(&ogic("--version", &[])).starts_with("ogic "));
}

#[test]
fn a_dry_run_of_a_change_prints_it_and_needs_no_daemon() {
    let case = "ab".repeat(32);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("medical-certificate.pdf");
    std::fs::write(&file, b"%PDF-1.7\n").unwrap();
    let line = format!(
        "case event {case} --step medical --code done --field fit:=true --document {} --dry-run --json",
        file.display()
    );
    let output = ogic(&line, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["dry_run"], true);
    assert_eq!(value["path"], format!("/v1/cases/{case}/events?wait=10000"));
    assert_eq!(value["body"]["content"]["fields"]["fit"], true);
    let document = &value["body"]["content"]["documents"][0];
    assert_eq!(document["label"], "medical-certificate");
    assert_eq!(document["media_type"], "application/pdf");
    assert_eq!(document["bytes"], 9);
}

#[test]
fn a_definition_is_checked_without_a_daemon() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/services/driving-licence.toml");
    let output = ogic(&format!("service check {}", file.display()), &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("driving-licence, version 1: nothing to object to\n"));

    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("deadline_working_days = 10\n", "");
    std::fs::write(&broken, text).unwrap();
    let output = ogic(&format!("service check {}", broken.display()), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("medical"), "{}", stderr(&output));
}

#[test]
fn one_value_of_a_result_is_printed_for_a_script_and_an_example_to_begin_with() {
    let printed = |line: &str| stdout(&ogic(line, &[("OGIC_LANG", "ru")]));
    assert_eq!(printed("explain 3003 --print exit"), "4\n");
    assert_eq!(printed("explain 3003 --print hint.en").lines().count(), 1);
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/services/driving-licence.toml");
    assert_eq!(printed("service example"), std::fs::read_to_string(sample).unwrap());
}

#[test]
fn a_lost_answer_names_the_command_to_repeat_and_the_repeat_carries_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("api.sock")).unwrap();
    // The first request is read and its connection closed; the second is answered.
    let daemon = std::thread::spawn(move || {
        ["", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"].map(|answer| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n{}") {
                let mut piece = [0; 4096];
                let length = stream.read(&mut piece).unwrap();
                asked.extend_from_slice(&piece[..length]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(asked).unwrap()
        })
    });
    let lost = ogic(&format!("outbox retry 17 --data {}", folder.path().display()), &[]);
    assert_eq!(lost.status.code(), Some(7), "{}", stderr(&lost));
    let said = stderr(&lost);
    assert!(said.contains("OGIC-4004, on our own side"), "{said}");
    let command = said.lines().last().unwrap().trim().strip_prefix("ogic ").unwrap();
    assert!(command.starts_with("outbox retry 17 --data "), "{said}");
    let repeated = ogic(command, &[]);
    assert!(repeated.status.success(), "{}", stderr(&repeated));
    let asked = daemon.join().unwrap();
    let key = |request: &str| {
        request.lines().find_map(|line| line.strip_prefix("idempotency-key: ").map(str::to_owned)).unwrap()
    };
    assert_eq!(key(&asked[0]), key(&asked[1]));
    assert_eq!(key(&asked[0]).len(), 32);
}

#[test]
fn a_folder_says_which_daemon_is_to_be_started_or_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    std::fs::create_dir(folder.path().join("keys")).unwrap();
    for (mark, status, serve) in [
        ("authority.toml", "ogic authority serve --data DIR", "node serve"),
        ("keys/ttp.key", "ogic ttp serve --data DIR", "authority serve"),
        ("keys/seal.key", "ogic node serve --data DIR", "ttp serve"),
    ] {
        std::fs::write(folder.path().join(mark), b"").unwrap();
        let away = ogic(&format!("status --data {data}"), &[]);
        assert!(stderr(&away).contains(status), "{}", stderr(&away));
        let wrong = ogic(&format!("{serve} --listen 127.0.0.1:0 --data {data}"), &[]);
        assert_eq!(wrong.status.code(), Some(2), "{}", stderr(&wrong));
        assert!(stderr(&wrong).contains("found the folder of a"), "{}", stderr(&wrong));
        std::fs::remove_file(folder.path().join(mark)).unwrap();
    }
}

#[test]
fn a_pin_that_is_nothing_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    std::fs::write(&file, b"x").unwrap();
    let line = format!("verify {0} --trust {0} --pin abc", file.display());
    let output = ogic(&line, &[]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}
