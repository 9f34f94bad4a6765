//! The direction of imports, held: ARCHITECTURE's two tables are read and every path in the crates is compared with them.
//!
//! The tables are the only statement of what may import what; nothing is repeated here. Unit tests are left out: they may
//! look wherever they like.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A part of the program: some of its modules, and the parts that they may import.
struct Part {
    name: String,
    /// Files and folders without `.rs`, from the workspace's root.
    places: Vec<String>,
    imports: BTreeSet<String>,
}

/// A crate or function of others, and the only places that may name it.
struct Confined {
    path: Vec<String>,
    places: Vec<String>,
}

#[test]
fn imports_follow_the_arrows_of_architecture() {
    let parts = parts();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for file in sources() {
        let Some(part) = part_of(&parts, &file.place) else {
            wrong.push(format!("{} belongs to no part of ARCHITECTURE's table", file.place));
            continue;
        };
        for target in file.targets() {
            let Some(imported) = part_of(&parts, &target) else { continue };
            if imported.name == part.name {
                continue;
            }
            seen.insert((part.name.clone(), imported.name.clone()));
            if !part.imports.contains(&imported.name) {
                wrong.push(format!("{} ({}) imports {target} ({})", file.place, part.name, imported.name));
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the arrows:\n{}", wrong.join("\n"));
    // The scan finds what is there, so that an empty list of faults means something.
    for (from, to) in
        [("desk", "store"), ("desk", "messages"), ("store", "log"), ("cli", "certs"), ("ttp", "log")]
    {
        assert!(seen.contains(&(from.to_owned(), to.to_owned())), "{from} → {to} was not seen");
    }
}

#[test]
fn other_crates_and_the_world_stay_where_they_belong() {
    let confined = confined();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for file in sources() {
        for rule in confined.iter().filter(|rule| file.names(&rule.path)) {
            seen.insert(rule.path.clone());
            if !rule.places.iter().any(|place| is_within(&file.place, place)) {
                wrong.push(format!("{} names {}", file.place, rule.path.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "outside of their places:\n{}", wrong.join("\n"));
    for rule in &confined {
        assert!(seen.contains(&rule.path), "nobody names {}: strike its row", rule.path.join("::"));
    }
}

#[test]
fn the_arrows_form_no_circle() {
    let parts = parts();
    let mut left: BTreeMap<&str, &BTreeSet<String>> =
        parts.iter().map(|part| (part.name.as_str(), &part.imports)).collect();
    while !left.is_empty() {
        let free: Vec<&str> = left
            .iter()
            .filter(|(_, imports)| imports.iter().all(|name| !left.contains_key(name.as_str())))
            .map(|(name, _)| *name)
            .collect();
        assert!(!free.is_empty(), "a circle among {:?}", left.keys().collect::<Vec<_>>());
        left.retain(|name, _| !free.contains(name));
    }
}

#[test]
fn the_scan_understands_what_it_reads() {
    let file = |place: &str, text: &str| Source::of(place.to_owned(), text);
    let rows: [(&str, &str, &[&str]); 9] = [
        (
            "node/src/desk/stage",
            "use crate::log::{Disk, Entry};",
            &["node/src/log/Disk", "node/src/log/Entry"],
        ),
        ("node/src/desk/mod", "use super::case;", &["node/src/case"]),
        ("node/src/desk/stage", "use super::fact::Fact;", &["node/src/desk/fact/Fact"]),
        (
            "node/src/join",
            "use super::exchange::{enrol, quic::Clock};",
            &["node/src/exchange/enrol", "node/src/exchange/quic/Clock"],
        ),
        ("cli/src/main", "fn f() { ogic_node::case::x() }", &["node/src/case/x"]),
        ("node/src/store/mod", "use ogic_certs::{Code, Problem};", &["certs/src/Code", "certs/src/Problem"]),
        ("node/src/case/mod", "pub(in super::super) fn f() {} pub(super) fn g() {}", &[]),
        ("node/src/case/mod", "// use crate::log;\n/* crate::log */ const S: &str = \"crate::log\";", &[]),
        ("node/src/case/mod", "#[cfg(test)]\nmod tests {\n    use crate::log;\n}", &[]),
    ];
    for (place, text, expected) in rows {
        assert_eq!(file(place, text).targets(), expected.iter().map(|s| (*s).to_owned()).collect(), "{text}");
    }
    let path = |text: &str| text.split("::").map(str::to_owned).collect::<Vec<_>>();
    assert!(file("a", "use quinn::VarInt;").names(&path("quinn")));
    assert!(file("a", "let t = std::time::SystemTime::now();").names(&path("SystemTime::now")));
    assert!(!file("a", "use rustls::quinn::X;").names(&path("quinn")));
    assert!(!file("a", "use rustls_pki_types::X;").names(&path("rustls")));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

/// The rows of the table under `heading` in ARCHITECTURE, as cells.
fn table(heading: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("docs/ARCHITECTURE.md");
    let (_, section) = text.split_once(&format!("# {heading}\n")).expect(heading);
    let rows =
        section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()
    };
    rows.skip(2).map(cells).collect()
}

fn parts() -> Vec<Part> {
    let words =
        |cell: &str| cell.split([',', ' ']).filter(|w| !w.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let parts: Vec<Part> = table("Direction of imports")
        .into_iter()
        .map(|row| {
            let [name, places, imports, _] = row.as_slice() else { panic!("a row of four cells: {row:?}") };
            let imports = words(imports).into_iter().filter(|name| name != "–").collect();
            Part { name: name.clone(), places: words(places), imports }
        })
        .collect();
    for name in parts.iter().flat_map(|part| &part.imports) {
        assert!(parts.iter().any(|part| part.name == *name), "{name} is no part of the table");
    }
    for place in parts.iter().flat_map(|part| &part.places) {
        let path = root().join(place);
        assert!(path.is_dir() || path.with_extension("rs").is_file(), "{place} of the table is not there");
    }
    parts
}

fn confined() -> Vec<Confined> {
    table("Confined to their places")
        .into_iter()
        .map(|row| {
            let [path, places, _] = row.as_slice() else { panic!("a row of three cells: {row:?}") };
            Confined {
                path: path.split("::").map(str::to_owned).collect(),
                places: places.split([',', ' ']).filter(|w| !w.is_empty()).map(str::to_owned).collect(),
            }
        })
        .collect()
}

/// The part with the longest place that `place` lies in.
fn part_of<'a>(parts: &'a [Part], place: &str) -> Option<&'a Part> {
    parts
        .iter()
        .flat_map(|part| part.places.iter().map(move |within| (within, part)))
        .filter(|(within, _)| is_within(place, within))
        .max_by_key(|(within, _)| within.len())
        .map(|(_, part)| part)
}

fn is_within(place: &str, within: &str) -> bool {
    place.strip_prefix(within).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// One file of a crate, as tokens, without comments, literals and unit tests.
struct Source {
    /// Its path without `.rs`, from the workspace's root.
    place: String,
    tokens: Vec<String>,
}

/// Every file of the three crates that is not a unit test's.
fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    let mut texts = BTreeMap::new();
    for krate in ["certs", "node", "cli"] {
        collect(&root().join(krate).join("src"), &mut files);
    }
    for file in &files {
        let place = file.strip_prefix(root()).expect("within the workspace").with_extension("");
        let place = place.to_str().expect("names are plain").replace('\\', "/");
        texts.insert(place, fs::read_to_string(file).expect("a file that was listed"));
    }
    // `#[cfg(test)] mod x;` makes x's file, and what lies under it, a test.
    let mut tests = Vec::new();
    for (place, text) in &texts {
        for (_, rest) in
            text.match_indices("#[cfg(test)]\n").map(|(at, marker)| (at, &text[at + marker.len()..]))
        {
            let line = rest.lines().next().unwrap_or_default();
            let module = line.rsplit_once("mod ").and_then(|(_, name)| name.strip_suffix(';'));
            tests.extend(module.map(|name| format!("{}/{name}", folder(place))));
        }
    }
    texts.retain(|place, _| !tests.iter().any(|test| is_within(place, test)));
    assert!(texts.len() > 100, "only {} files were found", texts.len());
    texts.into_iter().map(|(place, text)| Source::of(place, &text)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Where the modules of `place` lie: `a/b/mod` and `a/b` have theirs in `a/b`, `a/lib` in `a`.
fn folder(place: &str) -> &str {
    ["/mod", "/lib", "/main"].iter().find_map(|root| place.strip_suffix(root)).unwrap_or(place)
}

impl Source {
    fn of(place: String, text: &str) -> Self {
        Self { place, tokens: tokens(without_tests(text)) }
    }

    /// The modules and items of our crates that the file names, as places.
    fn targets(&self) -> BTreeSet<String> {
        let krate = self.place.split_once("/src").map_or("", |(krate, _)| krate);
        let mut targets = BTreeSet::new();
        for at in self.heads() {
            let mut module = match self.tokens[at].as_str() {
                "crate" => format!("{krate}/src"),
                "ogic_certs" => "certs/src".to_owned(),
                "ogic_node" => "node/src".to_owned(),
                "super" => folder(&self.place).rsplit_once('/').map_or("", |(parent, _)| parent).to_owned(),
                _ => continue,
            };
            let mut next = at + 1;
            while self.tokens[at] == "super"
                && self.tokens.get(next).is_some_and(|t| t == "::")
                && self.tokens.get(next + 1).is_some_and(|t| t == "super")
            {
                module = module.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
                next += 2;
            }
            self.branches(next, &module, &mut targets);
        }
        targets
    }

    /// Adds what the path that goes on at `at` names under `module`, and gives the place behind it.
    fn branches(&self, at: usize, module: &str, targets: &mut BTreeSet<String>) -> usize {
        let token = |at: usize| self.tokens.get(at).map_or("", String::as_str);
        if token(at) != "::" {
            targets.insert(module.to_owned());
            return at;
        }
        if token(at + 1) != "{" {
            let name = token(at + 1);
            if name == "self" || name == "*" || !is_name(name) {
                targets.insert(module.to_owned());
                return at + 2;
            }
            return self.branches(at + 2, &format!("{module}/{name}"), targets);
        }
        let mut at = at + 2;
        while at < self.tokens.len() && token(at) != "}" {
            if token(at) == "self" {
                targets.insert(module.to_owned());
                at += 1;
            } else if is_name(token(at)) {
                let branch = format!("{module}/{}", token(at));
                at = self.branches(at + 1, &branch, targets);
                if token(at) == "as" {
                    at += 2;
                }
            } else {
                at += 1;
            }
        }
        at + 1
    }

    /// Where a path begins: a name that no `::` stands before, and that is no visibility's.
    fn heads(&self) -> impl Iterator<Item = usize> {
        let before =
            |at: usize| at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or("", String::as_str);
        (0..self.tokens.len()).filter(move |at| {
            let of_pub = before(*at) == "in" || (before(*at) == "(" && before(at.saturating_sub(1)) == "pub");
            is_name(&self.tokens[*at]) && before(*at) != "::" && !of_pub
        })
    }

    /// Whether the file names `path`: a crate at the head of a path, or a longer path anywhere.
    fn names(&self, path: &[String]) -> bool {
        let here = |at: usize| {
            path.iter().enumerate().all(|(i, name)| {
                self.tokens.get(at + 2 * i) == Some(name)
                    && (i == 0 || self.tokens.get(at + 2 * i - 1).is_some_and(|t| t == "::"))
            })
        };
        if path.len() > 1 {
            (0..self.tokens.len()).any(here)
        } else {
            self.heads().any(|at| here(at) && self.tokens.get(at + 1).is_some_and(|t| t == "::"))
        }
    }
}

/// Cuts the unit tests off that stand at the end of a file.
fn without_tests(text: &str) -> &str {
    let inline = |at: &usize| {
        let line = text[at + "\n#[cfg(test)]\n".len()..].lines().next().unwrap_or_default();
        line.contains("mod ") && line.ends_with('{')
    };
    let whole = text.match_indices("#[cfg(test)]\nmod tests {").find(|(at, _)| *at == 0);
    let end = text.match_indices("\n#[cfg(test)]\n").map(|(at, _)| at).find(inline);
    if whole.is_some() { "" } else { &text[..end.unwrap_or(text.len())] }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::` and single signs. Comments and literals give nothing.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        } else if rest.starts_with("/*") {
            rest = rest.split_once("*/").map_or("", |(_, rest)| rest);
        } else if let Some(raw) =
            ["r\"", "br\"", "r#\"", "br#\""].iter().find(|open| rest.starts_with(**open))
        {
            let close = if raw.contains('#') { "\"#" } else { "\"" };
            rest = rest[raw.len()..].split_once(close).map_or("", |(_, rest)| rest);
        } else if first == '"' {
            rest = behind_string(&rest[1..]);
        } else if first == '\'' {
            rest = behind_quote(&rest[1..]);
        } else if is_name(rest) {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(rest[..end].to_owned());
            rest = &rest[end..];
        } else if let Some(after) = rest.strip_prefix("::") {
            tokens.push("::".to_owned());
            rest = after;
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    tokens
}

fn behind_string(text: &str) -> &str {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

/// Behind a character's literal; a lifetime is left as a name.
fn behind_quote(text: &str) -> &str {
    let mut chars = text.char_indices();
    match chars.next() {
        Some((_, '\\')) => text.get(2..).and_then(|rest| rest.split_once('\'')).map_or("", |(_, rest)| rest),
        Some(_) => match chars.next() {
            Some((at, '\'')) => &text[at + 1..],
            _ => text,
        },
        None => "",
    }
}
