# `just check` before every push: it is the whole gate, and exactly what CI runs.

# The whole gate: format, lints, tests, documentation, the demo, dependencies.
check:
    .ci/run

# The tests alone.
test:
    cargo test --workspace

# Formats everything.
fmt:
    cargo fmt --all

# Two agencies work on one case, with proof in hand.
demo *ARGS:
    cargo run --release -- demo {{ARGS}}
