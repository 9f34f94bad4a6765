//! One run of the command: where it prints, which daemon it speaks to, what was typed.

use crate::args::Globals;
use crate::client::Client;
use crate::output::{Console, Outcome};

/// What every command is given beside its own arguments.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) console: Console,
    pub(crate) globals: Globals,
    /// The words typed after `ogic`.
    pub(crate) words: Vec<String>,
}

impl Invocation {
    /// The daemon whose folder was named.
    pub(crate) fn client(&self) -> Outcome<Client> {
        Ok(Client::at(self.globals.folder(&self.console.text)?))
    }
}
