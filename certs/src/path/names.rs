//! Name constraints (RFC 5280 4.2.1.10): whether a name lies where its authority may issue.
//!
//! Our identities are URIs, so these rules are what bounds a constrained authority. A form of name that is constrained
//! and not understood is refused; so is a constraint that is not well-formed, once a name of its form is met.

use super::budget::Spent;
use crate::certificate::{GeneralName, NameConstraints};
use crate::{Code, Problem};

/// Whether `name` satisfies `constraints`; `spend` is called before each comparison.
pub(super) fn check(
    constraints: &NameConstraints,
    name: &GeneralName,
    spend: &mut impl FnMut() -> Result<(), Spent>,
) -> Result<Result<(), Problem>, Spent> {
    let mut of_form = |bases: &[GeneralName], excluded| {
        let mut any = false;
        for base in bases.iter().filter(|base| base.form() == name.form()) {
            spend()?;
            any = true;
            match lies_within(name, base, excluded) {
                Some(false) => {}
                Some(true) => return Ok(Within::Yes),
                None => return Ok(Within::Unknown),
            }
        }
        Ok(if any { Within::No } else { Within::Unbounded })
    };
    let refused = |expected: &str| {
        Problem::new(Code::PathInvalid, "name constraints").found(format!("{name:?}")).expected(expected)
    };
    Ok(match (of_form(&constraints.excluded, true)?, of_form(&constraints.permitted, false)?) {
        (Within::Unknown, _) | (_, Within::Unknown) => {
            Err(refused("a name and a constraint that can be compared"))
        }
        (Within::Yes, _) => Err(refused("a name outside of the excluded subtrees")),
        (_, Within::No) => Err(refused("a name inside of a permitted subtree")),
        (_, Within::Yes | Within::Unbounded) => Ok(()),
    })
}

enum Within {
    /// No base has the name's form.
    Unbounded,
    Yes,
    No,
    Unknown,
}

/// Whether `name` lies in the subtree of `base`, both of one form; `None` if that cannot be told. What is excluded is
/// read widely, what is permitted narrowly.
fn lies_within(name: &GeneralName, base: &GeneralName, excluded: bool) -> Option<bool> {
    match (name, base) {
        (GeneralName::Uri(uri), GeneralName::Uri(base)) => uri_within(uri, base),
        (GeneralName::Dns(name), GeneralName::Dns(base)) => dns_within(name, base, excluded),
        (GeneralName::Rfc822(mailbox), GeneralName::Rfc822(base)) => mailbox_within(mailbox, base),
        (GeneralName::Ip(address), GeneralName::Ip(base)) => ip_within(address, base),
        (GeneralName::Directory(name), GeneralName::Directory(base)) => Some(name.is_within(base)),
        _ => None,
    }
}

/// `host` is that host alone, `.host` everything below it and not itself. The URI must have a fully qualified host.
fn uri_within(uri: &str, base: &str) -> Option<bool> {
    let host = uri_host(uri)?;
    match base.strip_prefix('.') {
        Some(parent) => is_host(parent).then(|| is_below(host, parent)),
        None => is_host(base).then(|| host.eq_ignore_ascii_case(base)),
    }
}

/// The host of a URI (RFC 3986 3.2), if it is a fully qualified name. An address, a percent-encoding, an empty label or
/// one label alone is none.
fn uri_host(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once("://")?;
    let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => host,
    };
    // The last label of an address in digits has no letter; no domain at the top is a number.
    let named = host.rsplit('.').next()?.bytes().any(|b| b.is_ascii_alphabetic());
    (scheme_ok && named && host.contains('.') && is_host(host)).then_some(host)
}

fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

/// Whether `host` has at least one label more than `parent`, at the left.
fn is_below(host: &str, parent: &str) -> bool {
    match host.len().checked_sub(parent.len()).and_then(|at| host.split_at_checked(at)) {
        Some((labels, rest)) => {
            labels.len() > 1 && labels.ends_with('.') && rest.eq_ignore_ascii_case(parent)
        }
        None => false,
    }
}

/// A base and everything below it; the empty base is everything, and a leading period is no name. A wildcard stands for
/// whatever it might.
fn dns_within(name: &str, base: &str, excluded: bool) -> Option<bool> {
    if base.is_empty() {
        return Some(true);
    }
    let (wildcard, host) = match name.strip_prefix("*.") {
        Some(rest) => (true, rest),
        None => (false, name),
    };
    if !is_host(base) || !is_host(host) {
        return None;
    }
    let within = host.eq_ignore_ascii_case(base) || is_below(host, base);
    // `*.a.b` may be `x.a.b`, so that excluding `x.a.b` excludes it.
    Some(within || excluded && wildcard && is_below(base, host))
}

/// A mailbox, all mailboxes of a host, or of all hosts below `.domain`; the empty base is everything.
fn mailbox_within(mailbox: &str, base: &str) -> Option<bool> {
    if base.is_empty() {
        return Some(true);
    }
    let (local, host) =
        mailbox.rsplit_once('@').filter(|(local, _)| !local.is_empty() && !local.contains('@'))?;
    if !is_host(host) {
        return None;
    }
    match (base.rsplit_once('@'), base.strip_prefix('.')) {
        (Some((base_local, base_host)), _) => {
            is_host(base_host).then(|| local == base_local && host.eq_ignore_ascii_case(base_host))
        }
        (None, Some(parent)) => is_host(parent).then(|| is_below(host, parent)),
        (None, None) => is_host(base).then(|| host.eq_ignore_ascii_case(base)),
    }
}

/// Address and mask, of IPv4 or IPv6; the mask must be a prefix (RFC 4632). Families do not meet.
fn ip_within(address: &[u8], base: &[u8]) -> Option<bool> {
    if !matches!(address.len(), 4 | 16) || !matches!(base.len(), 8 | 32) {
        return None;
    }
    let (network, mask) = base.split_at_checked(base.len() / 2)?;
    let ones: u32 = mask.iter().map(|octet| octet.count_ones()).sum();
    let leading: u32 = {
        let full = mask.iter().take_while(|octet| **octet == 0xff).count();
        let partial = mask.get(full).map_or(0, |octet| octet.leading_ones());
        u32::try_from(full).ok()? * 8 + partial
    };
    if ones != leading {
        return None;
    }
    let same = || address.iter().zip(network).zip(mask).all(|((a, n), m)| a & m == n & m);
    Some(address.len() == network.len() && same())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn uri(text: &str) -> GeneralName {
        GeneralName::Uri(text.to_owned())
    }

    #[test]
    fn uris_are_bound_by_their_host() {
        for (name, base, expected) in [
            ("ogic://a.gov.example/seal", "a.gov.example", Some(true)),
            ("ogic://a.gov.example/seal", ".gov.example", Some(true)),
            ("ogic://b.a.gov.example/seal", ".gov.example", Some(true)),
            ("ogic://A.GOV.example/seal", "a.gov.example", Some(true)),
            ("ogic://b.a.gov.example/seal", "a.gov.example", Some(false)),
            ("ogic://a.gov.example/seal", ".a.gov.example", Some(false)),
            ("ogic://xa.gov.example/seal", "a.gov.example", Some(false)),
            ("ogic://xgov.example/seal", ".gov.example", Some(false)),
            ("ogic://b.example/a.gov.example", "a.gov.example", Some(false)),
            ("ogic://a.gov.example@b.example/seal", "a.gov.example", Some(false)),
            ("ogic://b.example#@a.gov.example/seal", "a.gov.example", Some(false)),
            ("ogic://b.example?@a.gov.example", "a.gov.example", Some(false)),
            ("ogic://b.example\\@a.gov.example", "a.gov.example", Some(false)),
            ("ogic://u@a.gov.example:1/seal", "a.gov.example", Some(true)),
            ("ogic://a.gov.example./seal", "a.gov.example", None),
            ("ogic://a%2egov.example/seal", "a.gov.example", None),
            ("ogic://localhost/seal", "localhost", None),
            ("ogic://10.0.0.1/seal", "10.0.0.1", None),
            ("ogic://[::1]/seal", "a.gov.example", None),
            ("ogic:///seal", "a.gov.example", None),
            ("ogic:a.gov.example", "a.gov.example", None),
            ("urn:x", "a.gov.example", None),
            ("ogic://a.gov.example/seal", "", None),
            ("ogic://a.gov.example/seal", "..gov.example", None),
            ("ogic://a.gov.example/seal", "ogic://a.gov.example", None),
        ] {
            assert_eq!(lies_within(&uri(name), &uri(base), false), expected, "{name} in {base:?}");
        }
    }

    #[test]
    fn other_forms_are_bound_too() {
        let dns = |text: &str| GeneralName::Dns(text.to_owned());
        let mail = |text: &str| GeneralName::Rfc822(text.to_owned());
        let ip = |octets: &[u8]| GeneralName::Ip(octets.to_vec());
        for (name, base, excluded, expected) in [
            (dns("a.b.c"), dns("b.c"), false, Some(true)),
            (dns("b.c"), dns("b.c"), false, Some(true)),
            (dns("xb.c"), dns("b.c"), false, Some(false)),
            (dns("*.b.c"), dns("b.c"), false, Some(true)),
            (dns("*.b.c"), dns("x.b.c"), false, Some(false)),
            (dns("*.b.c"), dns("x.b.c"), true, Some(true)),
            (dns("a.b"), dns(""), true, Some(true)),
            (dns("a..b"), dns("b"), true, None),
            (dns("a.b"), dns(".b"), true, None),
            (mail("u@h.c"), mail("h.c"), false, Some(true)),
            (mail("u@x.h.c"), mail("h.c"), false, Some(false)),
            (mail("u@x.h.c"), mail(".h.c"), false, Some(true)),
            (mail("u@h.c"), mail("u@H.c"), false, Some(true)),
            (mail("U@h.c"), mail("u@h.c"), false, Some(false)),
            (mail("h.c"), mail("h.c"), false, None),
            (mail("u@x@h.c"), mail("h.c"), false, None),
            (ip(&[10, 1, 2, 3]), ip(&[10, 0, 0, 0, 255, 0, 0, 0]), false, Some(true)),
            (ip(&[11, 1, 2, 3]), ip(&[10, 0, 0, 0, 255, 0, 0, 0]), false, Some(false)),
            (ip(&[0; 16]), ip(&[0; 8]), true, Some(false)),
            (ip(&[0; 4]), ip(&[0, 0, 0, 0, 255, 0, 255, 0]), false, None),
            (ip(&[0; 5]), ip(&[0; 8]), true, None),
            (GeneralName::Registered(vec![1]), GeneralName::Registered(vec![1]), true, None),
            (GeneralName::Other(vec![1]), GeneralName::Other(vec![2]), false, None),
        ] {
            assert_eq!(lies_within(&name, &base, excluded), expected, "{name:?} in {base:?}");
        }
    }

    #[test]
    fn excluded_wins_and_other_forms_are_free() {
        let constraints =
            NameConstraints { permitted: vec![uri(".gov.example")], excluded: vec![uri("mvd.gov.example")] };
        let check = |name| check(&constraints, &name, &mut || Ok(())).unwrap();
        assert_eq!(check(uri("ogic://a.gov.example/seal")), Ok(()));
        assert_eq!(check(GeneralName::Dns("x.y".to_owned())), Ok(()));
        for name in
            ["ogic://mvd.gov.example/seal", "ogic://a.example/seal", "ogic://gov.example/seal", "urn:x"]
        {
            assert_eq!(check(uri(name)).unwrap_err().code, Code::PathInvalid, "{name}");
        }
    }

    proptest! {
        #[test]
        fn strange_text_never_panics(name in "\\PC{0,40}", base in "\\PC{0,40}") {
            let _ = lies_within(&uri(&name), &uri(&base), true);
            let _ = dns_within(&name, &base, true);
            let _ = mailbox_within(&name, &base);
        }
    }
}
