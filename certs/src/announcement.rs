//! Announcements: a member tells the authority where it answers and which log it keeps.
//!
//! Signed by the member's seal, or by the `ttp` key of a member that has no seal. Nothing here decides who may announce.

use std::net::SocketAddr;

use crate::cbor::{self, Fields, Limits};
use crate::checkpoint::Origin;
use crate::cose::{Kind, Payload};
use crate::{Code, Problem, Result, Timestamp};

/// Most endpoints in one announcement.
pub const ENDPOINTS_MAX: usize = 8;

/// A member's endpoints and its log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Announcement {
    /// Where it answers; none for a member that only dials out.
    pub endpoints: Vec<SocketAddr>,
    /// The log that it writes now.
    pub log: Origin,
    /// When it was made; a later one replaces an earlier one.
    pub at: Timestamp,
}

impl Payload for Announcement {
    const KIND: Kind = Kind::Announcement;

    fn encode(&self) -> Vec<u8> {
        cbor::encode(&cbor::map([
            (1, cbor::array(self.endpoints.iter().map(SocketAddr::to_string))),
            (2, self.log.to_string().into()),
            (3, self.at.into()),
        ]))
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::of(cbor::decode(bytes, &Limits::HEADER, "announcement")?, "announcement")?;
        let endpoints = fields.take(1, "endpoints")?;
        let endpoints = endpoints.as_array("endpoints")?;
        if endpoints.len() > ENDPOINTS_MAX {
            return Err(Problem::new(Code::TooLarge, "endpoints")
                .found(format!("{} endpoints", endpoints.len()))
                .expected(format!("at most {ENDPOINTS_MAX}")));
        }
        let announcement = Self {
            endpoints: endpoints.iter().map(|v| endpoint(v.as_text("endpoints")?)).collect::<Result<_>>()?,
            log: Origin::parse(fields.take(2, "log origin")?.as_text("log origin")?, "log origin")?,
            at: fields.take(3, "time")?.as_time("time")?,
        };
        fields.finish()?;
        Ok(announcement)
    }
}

/// Reads an endpoint that somebody can dial: a canonical `ip:port` of one host.
pub fn endpoint(text: &str) -> Result<SocketAddr> {
    let refused = || {
        Problem::new(Code::ValueRefused, "endpoints")
            .found(text)
            .expected("ip:port of one host, such as 192.0.2.7:4433")
    };
    let address: SocketAddr = text.parse().map_err(|_| refused())?;
    let dialable = address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast();
    if dialable && address.to_string() == text { Ok(address) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AgencyId;

    fn announcement() -> Announcement {
        Announcement {
            endpoints: vec!["192.0.2.7:4433".parse().unwrap(), "[2001:db8::7]:4433".parse().unwrap()],
            log: Origin {
                agency: AgencyId::parse("transport.gov.example", "id").unwrap(),
                log: [7; 16],
                generation: 1,
            },
            at: Timestamp::from_ms_clamped(1_795_576_803_007),
        }
    }

    #[test]
    fn announcements_round_trip() {
        assert_eq!(Announcement::decode(&announcement().encode()).unwrap(), announcement());
        let none = Announcement { endpoints: Vec::new(), ..announcement() };
        assert_eq!(Announcement::decode(&none.encode()).unwrap(), none);
        let many = Announcement { endpoints: vec!["192.0.2.7:1".parse().unwrap(); 9], ..announcement() };
        assert_eq!(Announcement::decode(&many.encode()).unwrap_err().code, Code::TooLarge);
    }

    #[test]
    fn only_what_can_be_dialled_is_an_endpoint() {
        for text in [
            "",
            "node:4433",
            "192.0.2.7",
            "192.0.2.7:0",
            "0.0.0.0:4433",
            "[::]:1",
            "224.0.0.1:1",
            "1.2.3.4:004",
        ] {
            assert_eq!(endpoint(text).unwrap_err().code, Code::ValueRefused, "{text:?}");
        }
    }
}
