//! Lists that are written, read back, damaged and too clever.

use super::*;

#[test]
fn reasons_round_trip() {
    for reason in Reason::ALL {
        assert_eq!(Reason::from_number(reason.number()), Some(reason));
    }
    assert_eq!(Reason::from_number(7), None);
}
