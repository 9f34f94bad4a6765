//! The opening: the sealed header that opened a case, which proves to anybody who did so.
//!
//! A case's id is made of the digest of these bytes, so nobody can put another opening under it. Whoever is told of a case
//! learns from the opening whose it was first, and from the releases that follow whose it is. PROTOCOL.md, "Opening".

use crate::certificate::Certificate;
use crate::cose::Signed;
use crate::event::{Header, Kind};
use crate::trust::{Trust, Verified};
use crate::{CaseId, Code, Digest, EventId, Problem, Result, Timestamp};

/// The header of an opening event; its form and its bond with the case are proven, its signature is not.
#[derive(Clone, Debug)]
pub struct Opening {
    header: Signed<Header>,
}

impl Opening {
    /// Reads the header, COSE bytes, that opened `case`. Errors: what the header's form says; `KindMismatch` if it opens none,
    /// `DigestMismatch` if it opened another case.
    pub fn parse(bytes: &[u8], case: CaseId) -> Result<Self> {
        let header = Signed::<Header>::parse(bytes).map_err(|problem| problem.within("opening"))?;
        if header.value().kind != Kind::Open {
            return Err(Problem::new(Code::KindMismatch, "opening")
                .found(header.value().kind.as_str())
                .expected(Kind::Open.as_str()));
        }
        let opened = CaseId::opened_by(EventId(header.digest()));
        if opened != case {
            return Err(Problem::new(Code::DigestMismatch, "opening")
                .found(format!("the header that opened case {opened}"))
                .expected(format!("the header that opened case {case}")));
        }
        Ok(Self { header })
    }

    /// The digest of the certificate whose key signed it.
    pub fn signer(&self) -> Digest {
        self.header.envelope().signer()
    }

    /// Verifies the seal, whose agency opened the case. It is judged as of the time that the header names, `now` at
    /// the latest: the agency may have left since, and what its key signs under an old date is a case that nobody knows.
    /// Errors are those of [`Trust::open_recorded`].
    pub fn open(
        self,
        trust: &Trust,
        certificates: &[Certificate],
        now: Timestamp,
    ) -> Result<Verified<Header>> {
        let at = self.header.value().created.min(now);
        trust.open_recorded(self.header, certificates, at)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::AgencyId;
    use crate::cose::Signer;
    use crate::event::{Body, Detail, SALT_BYTES, StepTimes};
    use crate::testing::{Federation, agency};

    const NOW: u64 = 1_795_576_800_000;

    fn time(ms: u64) -> Timestamp {
        Timestamp::from_ms(NOW + ms, "t").unwrap()
    }

    fn header(seal: &Signer, kind: Kind, created: Timestamp) -> Vec<u8> {
        let body = Body::of(Detail::None).to_blob(&[3; SALT_BYTES]);
        let named = CaseId(Digest::of(b"another case"));
        let head = crate::event::HeadAt { seq: 1, record: Digest::ZERO };
        let header = Header {
            case: (kind != Kind::Open).then_some(named),
            head: (kind != Kind::Open).then_some(head),
            kind,
            step: None,
            created,
            body_bytes: body.len() as u64,
            commitment: Digest::of(&body),
            approval: None,
            grant: None,
            code: 0,
            times: StepTimes::default(),
        };
        Signed::sign(header, seal).unwrap().bytes().to_vec()
    }

    fn case(opening: &[u8]) -> CaseId {
        CaseId::opened_by(EventId::of(opening))
    }

    #[test]
    fn whoever_sealed_the_opening_opened_the_case() {
        let mut federation = Federation::new(7, time(0));
        let seal = federation.signer("ogic://city.gov.example/seal");
        let trust = |federation: &mut Federation| {
            let (registry, crl) = (federation.registry(), federation.crl());
            Trust::new(Arc::new(registry), vec![crl], federation.pin()).unwrap()
        };
        let certificates = [seal.certificate().clone()];
        let opening = header(&seal, Kind::Open, time(0));
        let open = |trust: &Trust, bytes: &[u8], certificates: &[Certificate]| -> Result<AgencyId> {
            let opening = Opening::parse(bytes, case(bytes))?.open(trust, certificates, time(9))?;
            Ok(opening.identity().agency.clone())
        };
        let member = trust(&mut federation);
        assert_eq!(open(&member, &opening, &certificates).unwrap(), agency("city.gov.example"));
        // A clock that is ahead of ours opens cases too.
        let ahead = header(&seal, Kind::Open, time(60_000));
        assert_eq!(open(&member, &ahead, &certificates).unwrap(), agency("city.gov.example"));
        let unknown = open(&member, &opening, &[]).unwrap_err();
        assert_eq!(unknown.code, Code::CertificateUnknown, "{unknown}");
        let mut forged = opening.clone();
        *forged.last_mut().unwrap() ^= 1;
        let forged = open(&member, &forged, &certificates).unwrap_err();
        assert_eq!(forged.code, Code::SignatureInvalid, "{forged}");
        // Whoever left since is still the one who opened it.
        federation.remove_member(&agency("city.gov.example"));
        assert_eq!(
            open(&trust(&mut federation), &opening, &certificates).unwrap(),
            agency("city.gov.example")
        );
    }

    #[test]
    fn nothing_else_is_the_opening_of_a_case() {
        let mut federation = Federation::new(7, time(0));
        let seal = federation.signer("ogic://city.gov.example/seal");
        let opening = header(&seal, Kind::Open, time(0));
        let (note, other) = (header(&seal, Kind::Note, time(0)), header(&seal, Kind::Open, time(1)));
        let rows: [(&str, &[u8], Code); 4] = [
            ("nothing", &[], Code::Malformed),
            ("another event", &note, Code::KindMismatch),
            ("the opening of another case", &other, Code::DigestMismatch),
            ("a byte more", &[opening.as_slice(), &[0]].concat(), Code::Malformed),
        ];
        for (name, bytes, code) in rows {
            let problem = Opening::parse(bytes, case(&opening)).expect_err(name);
            assert_eq!(problem.code, code, "{name}: {problem}");
        }
    }
}
