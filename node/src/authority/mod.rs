//! The certificate authority: enrols, issues, revokes, and keeps the registry.
