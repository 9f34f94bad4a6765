//! Checkpoints: a log's signed tree head in the form of C2SP tlog-checkpoint.
