//! Issuing: certificates, certificate requests and CRLs by profile.
