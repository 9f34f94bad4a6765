//! Path validation (RFC 5280 6) at any time, within budgets, recording each decision.
