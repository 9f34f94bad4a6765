//! Evidence: the trusted third party's signed answer, re-provable offline.
