//! Named files in a folder of their own, which goes with them.

use std::path::PathBuf;

use tempfile::TempDir;

pub(crate) struct Files {
    folder: TempDir,
    names: Vec<String>,
}

impl Files {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("ogic-verifiers-").tempdir().unwrap();
        Self { folder, names: Vec::new() }
    }

    pub(crate) fn add(&mut self, name: impl Into<String>, bytes: &[u8]) {
        std::fs::write(self.folder.path().join(self.names.len().to_string()), bytes).unwrap();
        self.names.push(name.into());
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// In the order of the names.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        (0..self.names.len()).map(|nth| self.folder.path().join(nth.to_string())).collect()
    }
}
