//! The local API: HTTP/JSON on a Unix socket, for the agency's own people and systems.
