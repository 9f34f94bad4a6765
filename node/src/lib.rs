//! An agency's node: the case model, the log, the store, the exchange and the daemons' faces.
//!
//! Imports run one way: `log` ← `store` → `case`; both ← `desk` ← `exchange`, `api`. `authority` and `ttp` stand on
//! `log` and on the exchange's shell, never on `store`. Begin with [`case`], then [`desk`].

pub mod acceptance;
pub mod announce;
pub mod api;
pub mod authority;
pub mod case;
pub mod daemon;
pub mod desk;
pub mod exchange;
pub mod folder;
pub mod join;
pub mod local;
pub mod log;
pub mod refresh;
pub mod sim;
pub mod store;
pub mod ttp;
