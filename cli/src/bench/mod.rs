//! `ogic bench`: what this machine makes of the real thing, as a table and as JSON. Beside every figure stands what the
//! same machine does at the same time without us, since machines are shared and drift. Nothing here is tuned for the
//! bench: it starts the same binary with the same defaults, and says what it changed.

mod baseline;
mod exchange;
mod journal;
mod office;
mod report;
mod store;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use data_encoding::HEXLOWER;

use crate::client::random;
use crate::federation::scratch;
use crate::invocation::Invocation;
use crate::output::{Failure, Outcome};

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Exchange(exchange::Arguments),
    Store(store::Arguments),
}

impl Command {
    pub(crate) async fn run(self, run: &Invocation) -> Outcome {
        match self {
            Self::Exchange(arguments) => exchange::run(&arguments, run).await,
            Self::Store(arguments) => store::run(&arguments, run),
        }
    }
}

/// Where a bench works: a folder that was named and is kept, or one of its own that goes when it is done.
#[derive(Debug)]
struct Place {
    folder: PathBuf,
    kept: bool,
}

impl Place {
    fn new(named: Option<&Path>) -> Outcome<Self> {
        match named {
            Some(folder) => Ok(Self { folder: scratch(folder)?, kept: true }),
            None => {
                let name = format!("ogic-bench-{}", HEXLOWER.encode(&random::<6>()?));
                Ok(Self { folder: scratch(&std::env::temp_dir().join(name))?, kept: false })
            }
        }
    }

    fn leave(self) -> Outcome {
        if self.kept {
            return Ok(());
        }
        std::fs::remove_dir_all(&self.folder).map_err(|error| Failure::file(&self.folder, &error))
    }
}

/// The value that so many of a hundred do not exceed; the values are sorted.
fn at_most<T: Copy + Default>(sorted: &[T], percent: usize) -> T {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        assert_eq!(at_most::<u64>(&[], 50), 0);
        assert_eq!(at_most(&[7], 99), 7);
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!((at_most(&hundred, 50), at_most(&hundred, 99)), (50, 99));
    }
}
