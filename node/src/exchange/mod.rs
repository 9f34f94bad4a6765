//! The exchange with other agencies: sessions and outbox, and the QUIC shell that pumps them.
