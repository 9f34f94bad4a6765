//! Events: the signed header, the body that it commits to, and an official's approval.
