//! A one-time token as it is given to a command, and what comes of it: keys made here, certificates from the authority.
//! A token is a secret: it is taken from a file or from stdin, never printed, and wiped when dropped.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use ogic_certs::token::{PREFIX, Token};
use ogic_certs::{Code, Identity, Problem, Role};
use ogic_node::exchange::quic::system_clock;
use ogic_node::join::{self, Joined};
use serde_json::json;
use zeroize::Zeroizing;

use crate::daemon::draw;
use crate::invocation::Invocation;
use crate::output::{Advice, Failure, Outcome};

/// Longest file that is read as a token.
const FILE_BYTES_MAX: u64 = 16 << 10;

/// Where the token comes from.
#[derive(Args, Debug)]
pub(crate) struct Source {
    /// The token itself, which other users of the machine can see while the command runs; `-` reads it from stdin.
    #[arg(value_name = "TOKEN", required_unless_present = "token_file", conflicts_with = "token_file")]
    token: Option<Secret>,
    /// A file that holds it.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// An argument that cannot print itself.
#[derive(Clone)]
struct Secret(Zeroizing<String>);

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Source {
    /// Reads the token.
    pub(crate) fn read(&self) -> Outcome<Token> {
        let text = match (&self.token, &self.token_file) {
            (_, Some(file)) => {
                let opened = std::fs::File::open(file).map_err(|error| Failure::file(file, &error))?;
                read(opened, file)?
            }
            (Some(secret), None) if *secret.0 == "-" => read(std::io::stdin(), Path::new("stdin"))?,
            (Some(secret), None) => secret.0.clone(),
            (None, None) => return Err(Failure::usage("TOKEN", "none", "--token-file FILE, or - for stdin")),
        };
        Token::from_text(&text).map_err(|_| damaged(&text))
    }
}

/// What is wrong with a token's text, without any of it: it is a secret.
fn damaged(text: &str) -> Failure {
    let text = text.trim();
    let found = if text.starts_with(PREFIX) {
        format!("{} characters that are no whole token", text.chars().count())
    } else {
        format!("a text that does not begin with {PREFIX}")
    };
    Failure::from(
        Problem::new(Code::Malformed, "token")
            .found(found)
            .expected("the whole token, as ogic authority token printed it"),
    )
    .advice(Advice::Say("token-damaged"))
}

fn read(source: impl Read, name: &Path) -> Outcome<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(4096));
    source.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(|error| Failure::file(name, &error))?;
    Ok(text)
}

/// Refuses a token whose role is not the one that the command enrols.
pub(crate) fn for_role(token: &Token, fits: impl Fn(&Role) -> bool, expected: &str) -> Outcome {
    match token.roles.iter().find(|role| fits(role)) {
        Some(_) => Ok(()),
        None => {
            let roles: Vec<String> = token.roles.iter().map(Role::to_string).collect();
            Err(Problem::new(Code::ValueRefused, "token")
                .found(format!("a token for {}", roles.join(", ")))
                .expected(expected)
                .into())
        }
    }
}

/// Lets a daemon join: keys and certificates are kept in `folder`.
pub(crate) async fn join(folder: &Path, token: &Token) -> Outcome<Joined> {
    Ok(join::join(folder, token, system_clock(), seed).await?)
}

/// Enrols an official: key and certificate are kept in `out`.
pub(crate) async fn join_official(out: &Path, token: &Token) -> Outcome<Joined> {
    Ok(join::join_official(out, token, system_clock(), seed).await?)
}

fn seed() -> Result<Zeroizing<[u8; 32]>, Problem> {
    let mut seed = Zeroizing::new([0; 32]);
    draw(seed.as_mut_slice())?;
    Ok(seed)
}

/// Prints who the folder speaks for now.
pub(crate) fn joined(run: &Invocation, folder: &Path, joined: &Joined) -> Outcome {
    let identities: Vec<String> = joined.identities.iter().map(Identity::to_string).collect();
    let folder = folder.display().to_string();
    let value = json!({"folder": folder, "identities": identities, "not_after": joined.not_after.ms(), "repeated": joined.repeated});
    let said = if joined.repeated { "joined-again" } else { "joined" };
    run.console.result(&value, |text| {
        let values = [
            ("identities", identities.join(", ").into()),
            ("folder", folder.into()),
            ("until", joined.not_after.to_string().into()),
        ];
        text.say(said, values) + "\n"
    })
}
