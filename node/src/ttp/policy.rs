//! The policy that the third party applies, as text whose digest stands in every evidence.
//!
//! The text is the contract of [`super::judge()`]: whoever changes what is judged changes the text, and with it the digest,
//! so that a replay never judges by other rules without saying so.

use ogic_certs::Digest;

/// The policy.
pub const TEXT: &str = "\
Ogic validation policy 1
1. The time of judgement is the clock of the trusted third party when the request arrived. Revocation counts as of then.
2. Anchors, membership and revocation lists are those of the registry that the third party itself holds. It is within its life.
3. The event's header is a COSE_Sign1 of its kind, signed by a seal of a member.
4. An approval that the header names is present, has that digest, covers case, kind, step and commitment of the event, and is
   signed by an official of the agency whose seal signed the event. An approval that no header names counts against the event.
5. Every signer's path leads to an anchor by RFC 5280 6.1 at that time. A list that is missing or past its life is TRY_LATER.
6. All checks are run. The worst verdict wins: TOTAL-FAILED, then INDETERMINATE.
7. Signatures inside of documents are not judged.
";

/// SHA-256 of [`TEXT`].
pub fn digest() -> Digest {
    Digest::of(TEXT.as_bytes())
}
