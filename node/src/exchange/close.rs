//! How a connection ends: our codes in QUIC's close reason, and what its errors mean here.

use ogic_certs::{Code, Problem};
use quinn::{ConnectionError, VarInt};

/// QUIC's application code of an end without fault: shutting down, or another connection has taken over.
pub(super) const WITHOUT_FAULT: u32 = 0;
/// Most bytes of the reason that is told.
const REASON_BYTES_MAX: usize = 128;
/// RFC 9001 4.8: TLS alerts are QUIC errors from here on.
const CRYPTO_ERRORS: u64 = 0x100;

/// Closes with a problem's number and field: the peer learns no more.
pub(super) fn close_with(connection: &quinn::Connection, problem: &Problem) {
    let code = VarInt::from_u64(problem.code.number()).unwrap_or(VarInt::from_u32(WITHOUT_FAULT));
    let reason = problem.field.as_bytes();
    connection.close(code, reason.get(..REASON_BYTES_MAX).unwrap_or(reason));
}

/// What the end of a connection means to us.
pub(super) fn problem_of(error: &ConnectionError) -> Problem {
    let lost = |found: String| Problem::new(Code::PeerUnreachable, "connection").found(found);
    match error {
        ConnectionError::ApplicationClosed(close) => {
            let said = String::from_utf8_lossy(&close.reason).into_owned();
            match Code::from_number(close.error_code.into_inner()) {
                Some(code) => Problem::new(code, "connection").found(format!("closed by the peer: {said}")),
                None => lost(format!("closed by the peer: {said}")),
            }
        }
        ConnectionError::ConnectionClosed(close) => match alert(u64::from(close.error_code)) {
            Some(code) => Problem::new(code, "our certificate, as the peer sees it")
                .found(format!("refused by the peer: {}", close.error_code)),
            None => lost(format!("aborted by the peer: {}", close.error_code)),
        },
        ConnectionError::TimedOut => Problem::new(Code::PeerUnreachable, "connection").found("silence"),
        other => lost(other.to_string()),
    }
}

/// The alerts with which a peer refuses a certificate (RFC 8446 6.2).
const fn alert(error: u64) -> Option<Code> {
    Some(match error.wrapping_sub(CRYPTO_ERRORS) {
        42 | 43 | 46 => Code::PathInvalid,
        44 => Code::CertificateRevoked,
        45 => Code::CertificateExpired,
        48 => Code::PathInvalid,
        49 => Code::AgencyUnknown,
        51 => Code::SignatureInvalid,
        116 => Code::CertificateUnknown,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peers_code_is_read_back_from_its_close() {
        for (name, number, code) in [
            ("ours", Code::ProtocolViolation.number(), Code::ProtocolViolation),
            ("without fault", 0, Code::PeerUnreachable),
            ("a newer peer's", 4999, Code::PeerUnreachable),
        ] {
            let close = quinn::ApplicationClose {
                error_code: VarInt::from_u64(number).unwrap(),
                reason: b"stream".to_vec().into(),
            };
            let problem = problem_of(&ConnectionError::ApplicationClosed(close));
            assert_eq!(problem.code, code, "{name}");
            assert!(problem.found.unwrap().ends_with("stream"), "{name}");
        }
        assert_eq!(problem_of(&ConnectionError::TimedOut).code, Code::PeerUnreachable);
        assert_eq!(alert(0x100 + 44), Some(Code::CertificateRevoked));
        assert_eq!(alert(44), None);
    }
}
