//! Reading the documents: fenced blocks, tables, marks; and writing what is generated when asked to.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use data_encoding::HEXLOWER;

/// Tests run side by side; of those that write one file each must see what the others wrote.
static WRITING: Mutex<()> = Mutex::new(());

/// Bytes of a line of hex.
const LINE_BYTES: usize = 48;

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

/// Every document, from the root.
pub(crate) fn documents() -> Vec<String> {
    let mut names = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned(), "CHANGELOG.md".to_owned()];
    for entry in fs::read_dir(root().join("docs")).expect("docs") {
        let name = entry.expect("an entry").file_name().into_string().expect("names are plain");
        names.extend(name.ends_with(".md").then(|| format!("docs/{name}")));
    }
    names
}

/// One document.
pub(crate) struct Page {
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn read(name: &str) -> Self {
        Self { text: fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}")) }
    }

    /// What stands between backticks within a line, outside of fenced blocks.
    pub(crate) fn marked(&self) -> impl Iterator<Item = &str> {
        let mut fenced = false;
        let lines = self.text.lines().filter(move |line| {
            fenced ^= line.starts_with("```");
            !fenced && !line.starts_with("```")
        });
        lines.flat_map(|line| line.split('`').skip(1).step_by(2))
    }

    /// The rows of the first table under a heading, as cells without code marks.
    pub(crate) fn table(&self, heading: &str) -> Vec<Vec<String>> {
        let (_, section) = self.text.split_once(&format!("# {heading}\n")).expect(heading);
        let rows = section
            .lines()
            .skip_while(|line| !line.starts_with('|'))
            .take_while(|line| line.starts_with('|'));
        let cells = |line: &str| -> Vec<String> {
            line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()
        };
        rows.skip(2).map(cells).collect()
    }

    /// The fenced block whose info string is `name`.
    pub(crate) fn block(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.text.split_once(&format!("\n```{name}\n"))?;
        rest.split_once("```").map(|(block, _)| block)
    }

    /// What all fenced blocks with this info string hold.
    pub(crate) fn all_blocks(&self, name: &str) -> Vec<&str> {
        let open = format!("\n```{name}\n");
        let starts = self.text.match_indices(&open).map(|(at, open)| at + open.len());
        starts.filter_map(|at| self.text[at..].split_once("```").map(|(block, _)| block)).collect()
    }

    /// The info strings of all fenced blocks that begin so.
    pub(crate) fn blocks<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.text
            .lines()
            .filter_map(|line| line.strip_prefix("```"))
            .filter(move |name| name.starts_with(prefix))
    }
}

/// Holds what stands between `<!-- name -->` and `<!-- end of name -->`, or writes it when blessing.
pub(crate) fn hold(sections: &[(&str, &str, String)]) {
    for (file, name, expected) in sections {
        let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
        rewrite(file, &[(open, close, name, expected)]);
    }
}

/// Holds fenced blocks by their info strings, or writes them when blessing.
pub(crate) fn hold_blocks(file: &str, blocks: &[(String, String)]) {
    let edits: Vec<_> = blocks
        .iter()
        .map(|(name, expected)| (format!("\n```{name}\n"), "```".to_owned(), name.as_str(), expected))
        .collect();
    rewrite(file, &edits);
}

fn rewrite(file: &str, edits: &[(String, String, &str, &String)]) {
    let _guard = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let blessed = std::env::var_os("OGIC_BLESS").is_some();
    let mut text = Page::read(file).text;
    for (open, close, name, expected) in edits {
        let Some((before, rest)) = text.split_once(open.as_str()) else {
            panic!("{file} has no place for {name}")
        };
        let (found, after) =
            rest.split_once(close.as_str()).unwrap_or_else(|| panic!("{file}: {name} has no end"));
        assert!(
            blessed || found == expected.as_str(),
            "{file}: {name} is not what the code makes; OGIC_BLESS=1 writes it anew.\nfound:\n{found}\nexpected:\n{expected}"
        );
        text = format!("{before}{open}{expected}{close}{after}");
    }
    if blessed {
        // Other tests read meanwhile: they see the old page or the new one.
        let beside = root().join(format!("{file}.new"));
        fs::write(&beside, text)
            .and_then(|()| fs::rename(&beside, root().join(file)))
            .expect("the document can be written");
    }
}

/// Lower-case hex in lines.
pub(crate) fn hex_lines(bytes: &[u8]) -> String {
    bytes.chunks(LINE_BYTES).map(|line| HEXLOWER.encode(line) + "\n").collect()
}

/// The bytes of such lines.
pub(crate) fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    HEXLOWER.decode(digits.as_bytes()).unwrap_or_else(|error| panic!("no hex: {error}"))
}
