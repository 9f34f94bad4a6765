//! One agency's node as a state machine: what comes in, what must go out, without sockets or clock.
