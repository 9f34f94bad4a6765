//! What the machine does without us: signatures that one core verifies, appends that the disk makes durable. Measured in
//! slices between the rows, so that both saw the same machine.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use ogic_certs::{Code, Problem};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use super::at_most;
use crate::client::random;
use crate::output::{Failure, Outcome};

/// How long one slice takes.
const SLICE: Duration = Duration::from_millis(250);
/// Bytes that are signed: about an event's header.
const MESSAGE_BYTES: usize = 500;
/// Bytes of one durable append.
const APPEND_BYTES: usize = 4096;

/// A rate, measured several times.
#[derive(Debug, Default)]
pub(super) struct Rate(Vec<f64>);

impl Rate {
    fn add(&mut self, count: u64, took: Duration) {
        self.0.push(count as f64 / took.as_secs_f64());
        self.0.sort_by(f64::total_cmp);
    }

    /// The median of the slices; 0 if there was none.
    pub(super) fn per_s(&self) -> f64 {
        at_most(&self.0, 50)
    }
}

/// Ed25519 verifications of ring on one core.
pub(super) fn verifications(rate: &mut Rate) -> Outcome {
    let broken = |what: &str| Failure::from(Problem::new(Code::Internal, what));
    let pair = Ed25519KeyPair::from_seed_unchecked(&random::<32>()?).map_err(|_| broken("seed"))?;
    let message = [0x5a; MESSAGE_BYTES];
    let signature = pair.sign(&message);
    let key = UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref().to_vec());
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < SLICE {
        key.verify(&message, signature.as_ref()).map_err(|_| broken("signature"))?;
        count += 1;
    }
    rate.add(count, begun.elapsed());
    Ok(())
}

/// Appends of 4 KiB to a file in `folder`, each made durable by fdatasync.
pub(super) fn appends(folder: &Path, rate: &mut Rate) -> Outcome {
    let path = folder.join("baseline");
    let failed = |error: std::io::Error| Failure::file(&path, &error);
    let mut file = File::create(&path).map_err(failed)?;
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < SLICE {
        file.write_all(&[0x5a; APPEND_BYTES]).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        count += 1;
    }
    rate.add(count, begun.elapsed());
    std::fs::remove_file(&path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_median_of_its_slices() {
        let mut rate = Rate::default();
        assert!(rate.per_s().abs() < f64::EPSILON);
        for count in [30, 10, 20] {
            rate.add(count, Duration::from_secs(2));
        }
        assert!((rate.per_s() - 10.0).abs() < f64::EPSILON);
    }
}
