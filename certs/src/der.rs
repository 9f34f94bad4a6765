//! DER as X.690 demands it: one encoding of each value. A reader that refuses everything else, and a writer.
//!
//! It knows tags and lengths, nothing of certificates. Nothing here recurses, so depth costs nothing.

use crate::{Code, Problem, Result, Timestamp};

/// X.690 8.1.2 identifier octets that X.509 uses.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const ENUMERATED: u8 = 0x0a;
    pub(crate) const UTF8_STRING: u8 = 0x0c;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// `[n] IMPLICIT` of a primitive type.
    pub(crate) const fn primitive(n: u8) -> u8 {
        0x80 | n
    }

    /// `[n] EXPLICIT`, or `[n] IMPLICIT` of a constructed type.
    pub(crate) const fn constructed(n: u8) -> u8 {
        0xa0 | n
    }
}

/// One element: its tag, its content, and the whole of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
}

/// Reads elements one after another; whoever opened it calls [`Reader::end`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    field: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`; `field` names the structure in every error.
    pub(crate) const fn new(bytes: &'a [u8], field: &'static str) -> Self {
        Self { bytes, field }
    }

    pub(crate) fn malformed(&self, expected: &str) -> Problem {
        Problem::new(Code::Malformed, self.field).expected(expected)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Nothing may be left.
    pub(crate) fn end(&self) -> Result<()> {
        if self.bytes.is_empty() {
            Ok(())
        } else {
            Err(self.malformed("nothing after the last element").found(format!("{} bytes", self.bytes.len())))
        }
    }

    /// The next element, whatever it is.
    pub(crate) fn any(&mut self) -> Result<Element<'a>> {
        let start = self.bytes;
        let element = (|| {
            let (&tag, rest) = start.split_first()?;
            // X.509 has no tag number above 30, so the long form is never right.
            if tag & 0x1f == 0x1f {
                return None;
            }
            let (length, rest) = length(rest)?;
            let (content, rest) = rest.split_at_checked(length)?;
            let whole = start.get(..start.len() - rest.len())?;
            Some((Element { tag, content, whole }, rest))
        })();
        let (element, rest) =
            element.ok_or_else(|| self.malformed("a DER element of definite, shortest length"))?;
        self.bytes = rest;
        Ok(element)
    }

    /// Whether a time follows.
    pub(crate) fn next_is_time(&self) -> bool {
        self.next_is(tag::UTC_TIME) || self.next_is(tag::GENERALIZED_TIME)
    }

    fn next_is(&self, tag: u8) -> bool {
        self.bytes.first() == Some(&tag)
    }

    /// The next element, which has `tag`.
    pub(crate) fn element(&mut self, tag: u8) -> Result<Element<'a>> {
        if self.next_is(tag) {
            self.any()
        } else {
            let found = self.bytes.first().map_or_else(|| "nothing".to_owned(), |t| format!("tag {t:#04x}"));
            Err(self.malformed(&format!("tag {tag:#04x}")).found(found))
        }
    }

    /// The content of the next element, which has `tag`.
    pub(crate) fn read(&mut self, tag: u8) -> Result<&'a [u8]> {
        self.element(tag).map(|element| element.content)
    }

    /// The content of the next element if it has `tag`.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>> {
        if self.next_is(tag) { self.read(tag).map(Some) } else { Ok(None) }
    }

    /// Opens the next element, which has `tag`.
    pub(crate) fn open(&mut self, tag: u8) -> Result<Self> {
        Ok(Self { bytes: self.read(tag)?, field: self.field })
    }

    pub(crate) fn sequence(&mut self) -> Result<Self> {
        self.open(tag::SEQUENCE)
    }

    /// A reader over `bytes` that are one SEQUENCE and nothing else.
    pub(crate) fn whole_sequence(bytes: &'a [u8], field: &'static str) -> Result<Self> {
        let mut outer = Self::new(bytes, field);
        let inner = outer.sequence()?;
        outer.end()?;
        Ok(inner)
    }

    /// A BOOLEAN `DEFAULT FALSE`. An explicit FALSE is accepted: X.690 11.5 forbids it, and authorities
    /// write it all the same; it has one meaning.
    pub(crate) fn boolean_default_false(&mut self) -> Result<bool> {
        match self.optional(tag::BOOLEAN)? {
            None | Some([0x00]) => Ok(false),
            Some([0xff]) => Ok(true),
            Some(_) => Err(self.malformed("a BOOLEAN of 00 or ff")),
        }
    }

    /// The content of an INTEGER in its shortest form, sign included.
    pub(crate) fn integer(&mut self) -> Result<&'a [u8]> {
        let content = self.read(tag::INTEGER)?;
        self.shortest_integer(content)
    }

    /// Checks X.690 8.3.2 on the content of an INTEGER.
    pub(crate) fn shortest_integer(&self, content: &'a [u8]) -> Result<&'a [u8]> {
        match content {
            [] | [0x00, 0x00..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => {
                Err(self.malformed("an INTEGER in its shortest form"))
            }
            _ => Ok(content),
        }
    }

    /// The magnitude of an INTEGER that is not negative, without its leading zero octet.
    pub(crate) fn unsigned(&mut self) -> Result<&'a [u8]> {
        let content = self.integer()?;
        self.magnitude(content)
    }

    /// The magnitude of the content of an INTEGER that is not negative.
    pub(crate) fn magnitude(&self, content: &'a [u8]) -> Result<&'a [u8]> {
        match self.shortest_integer(content)? {
            [0x00, rest @ ..] => Ok(rest),
            [0x80..=0xff, ..] => Err(self.malformed("an INTEGER that is not negative")),
            other => Ok(other),
        }
    }

    /// An INTEGER of at most 64 bits that is not negative.
    pub(crate) fn u64(&mut self) -> Result<u64> {
        let magnitude = self.unsigned()?;
        big_endian(magnitude).ok_or_else(|| self.malformed("an INTEGER of at most 64 bits"))
    }

    /// The octets of a BIT STRING whose length is a multiple of 8.
    pub(crate) fn octets_of_bits(&mut self) -> Result<&'a [u8]> {
        match self.read(tag::BIT_STRING)? {
            [0, octets @ ..] => Ok(octets),
            _ => Err(self.malformed("a BIT STRING without unused bits")),
        }
    }

    /// A BIT STRING of named bits, bit 0 of the text in bit 0 of the result; at most 16 of them. Trailing zero bits are
    /// accepted as long as the unused ones are zero (X.690 11.2).
    pub(crate) fn named_bits(&mut self) -> Result<u16> {
        let content = self.read(tag::BIT_STRING)?;
        self.bits(content)
    }

    /// The same for the content of an implicitly tagged BIT STRING.
    pub(crate) fn bits(&self, content: &[u8]) -> Result<u16> {
        let wrong = || self.malformed("a BIT STRING of 1 to 16 named bits");
        let (&unused, octets) = content.split_first().ok_or_else(wrong)?;
        let (&last, _) = octets.split_last().ok_or_else(wrong)?;
        if unused > 7 || last.trailing_zeros() < u32::from(unused) {
            return Err(wrong());
        }
        match *octets {
            [first] => Ok(u16::from(first.reverse_bits())),
            [first, second] => Ok(u16::from_le_bytes([first.reverse_bits(), second.reverse_bits()])),
            _ => Err(wrong()),
        }
    }

    /// A UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 profiles them: UTC, seconds, no fraction. Times before 1970
    /// are read as 1970.
    pub(crate) fn time(&mut self) -> Result<Timestamp> {
        let Element { tag, content, .. } = self.any()?;
        parse_time(tag, content).ok_or_else(|| self.malformed("a time as RFC 5280 4.1.2.5 profiles it"))
    }
}

/// X.690 8.1.3 in its definite, shortest form; four octets of length are more than any limit here.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        return Some((usize::from(first), rest));
    }
    let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    let shortest = (1..=4).contains(&octets.len()) && octets.first() != Some(&0);
    let length = usize::try_from(big_endian(octets)?).ok()?;
    (shortest && length >= 0x80).then_some((length, rest))
}

/// The number that at most 8 octets hold.
pub(crate) fn big_endian(octets: &[u8]) -> Option<u64> {
    (octets.len() <= 8).then(|| octets.iter().fold(0, |number, &octet| number << 8 | u64::from(octet)))
}

fn parse_time(tag: u8, content: &[u8]) -> Option<Timestamp> {
    let digits = content.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let pairs: Vec<u32> = digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
        .collect();
    let (year, rest) = match (tag, digits.len(), pairs.as_slice()) {
        // RFC 5280 4.1.2.5.1: 50 and above is the twentieth century.
        (tag::UTC_TIME, 12, [yy, rest @ ..]) => (if *yy >= 50 { 1900 + yy } else { 2000 + yy }, rest),
        (tag::GENERALIZED_TIME, 14, [century, yy, rest @ ..]) => (century * 100 + yy, rest),
        _ => return None,
    };
    let &[month, day, hour, minute, second] = rest else { return None };
    let in_range = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    in_range.then(|| {
        let days = days_from_civil(i64::from(year), i64::from(month), i64::from(day));
        Timestamp::from_secs_clamped(days * 86_400 + i64::from(hour * 3600 + minute * 60 + second))
    })
}

const fn days_in(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a Gregorian date, counted in 400-year eras that begin on 1 March of year 0.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// An element of `tag` whose content is the concatenation of `parts`.
pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length + 6);
    out.push(tag);
    let octets = length.to_be_bytes();
    let significant = octets.iter().skip_while(|octet| **octet == 0);
    if length < 0x80 {
        out.extend(octets.last());
    } else {
        let count = significant.clone().count();
        out.extend(u8::try_from(0x80 | count));
        out.extend(significant);
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(tag::SEQUENCE, parts)
}

/// The INTEGER of a big-endian magnitude, which need not be in its shortest form.
pub(crate) fn integer(magnitude: &[u8]) -> Vec<u8> {
    let start = magnitude.iter().position(|octet| *octet != 0).unwrap_or(magnitude.len());
    let shortest = magnitude.get(start..).unwrap_or_default();
    let sign: &[u8] = if shortest.first().is_none_or(|octet| *octet >= 0x80) { &[0] } else { &[] };
    element(tag::INTEGER, &[sign, shortest])
}

/// A BIT STRING of whole octets.
pub(crate) fn bit_string(octets: &[u8]) -> Vec<u8> {
    element(tag::BIT_STRING, &[&[0], octets])
}

/// A BIT STRING of named bits, bit 0 of the text in bit 0 of `bits`, without trailing zeroes (X.690 11.2.2).
pub(crate) fn named_bits(bits: u16) -> Vec<u8> {
    let [first, second] = bits.to_le_bytes().map(u8::reverse_bits);
    let octets: &[u8] = if second == 0 { &[first] } else { &[first, second] };
    let unused = octets.last().map_or(0, |last| last.trailing_zeros().min(7));
    element(tag::BIT_STRING, &[&[u8::try_from(unused).unwrap_or_default()], octets])
}

/// UTCTime through 2049, GeneralizedTime after (RFC 5280 4.1.2.5), cut to the second.
pub(crate) fn time(at: Timestamp) -> Vec<u8> {
    let digits: String = at.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    match digits.strip_prefix("20").or_else(|| digits.strip_prefix("19")) {
        Some(short) if digits.as_str() < "2050" => element(tag::UTC_TIME, &[short.as_bytes(), b"Z"]),
        _ => element(tag::GENERALIZED_TIME, &[digits.as_bytes(), b"Z"]),
    }
}

/// An object identifier as people write it, from its content octets.
pub(crate) fn dotted(oid: &[u8]) -> String {
    let mut arcs: Vec<u64> = Vec::new();
    let mut arc = 0_u64;
    for &octet in oid {
        arc = arc.saturating_mul(128).saturating_add(u64::from(octet & 0x7f));
        if octet & 0x80 == 0 {
            if arcs.is_empty() {
                let root = (arc / 40).min(2);
                arcs.push(root);
                arc -= root * 40;
            }
            arcs.push(arc);
            arc = 0;
        }
    }
    arcs.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn second_encodings_are_refused() {
        for (name, bytes) in [
            ("indefinite length", &[0x30, 0x80, 0, 0][..]),
            ("long form of a short length", &[0x04, 0x81, 0x01, 0x00]),
            ("leading zero in the length", &[0x04, 0x82, 0x00, 0x80]),
            ("length beyond the end", &[0x04, 0x02, 0x00]),
            ("five octets of length", &[0x04, 0x85, 1, 1, 1, 1, 1]),
            ("high tag number", &[0x1f, 0x20, 0x00]),
            ("nothing", &[]),
        ] {
            assert_eq!(Reader::new(bytes, "t").any().unwrap_err().code, Code::Malformed, "{name}");
        }
        for bad in [&[][..], &[0, 0x7f], &[0xff, 0x80]] {
            assert!(Reader::new(&element(tag::INTEGER, &[bad]), "t").integer().is_err());
        }
        for bad in [&[][..], &[0], &[8, 1], &[1, 1], &[0, 1, 2, 3]] {
            assert!(Reader::new(&element(tag::BIT_STRING, &[bad]), "t").named_bits().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn times_are_read_as_rfc_5280_profiles_them() {
        let read = |tag, text: &str| Reader::new(&element(tag, &[text.as_bytes()]), "t").time();
        for (tag, text, ms) in [
            (tag::UTC_TIME, "700101000000Z", 0),
            (tag::UTC_TIME, "500101000000Z", 0),
            (tag::UTC_TIME, "491231235959Z", 2_524_607_999_000),
            (tag::GENERALIZED_TIME, "20500101000000Z", 2_524_608_000_000),
            (tag::GENERALIZED_TIME, "20000229000000Z", 951_782_400_000),
            (tag::GENERALIZED_TIME, "99991231235959Z", 253_402_300_799_000),
        ] {
            assert_eq!(read(tag, text).unwrap().ms(), ms, "{text}");
        }
        for (tag, text) in [
            (tag::UTC_TIME, "7001010000Z"),
            (tag::UTC_TIME, "700101000000+0000"),
            (tag::UTC_TIME, "700101000060Z"),
            (tag::UTC_TIME, "700229000000Z"),
            (tag::UTC_TIME, "701301000000Z"),
            (tag::GENERALIZED_TIME, "20500101000000.5Z"),
            (tag::GENERALIZED_TIME, "2050010100000Z"),
            (tag::GENERALIZED_TIME, "500101000000Z"),
            (tag::OCTET_STRING, "700101000000Z"),
            (tag::UTC_TIME, "7001-1000000Z"),
        ] {
            assert!(read(tag, text).is_err(), "{text}");
        }
    }

    #[test]
    fn identifiers_are_dotted() {
        assert_eq!(dotted(&[0x55, 0x1d, 0x0f]), "2.5.29.15");
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]), "1.2.840.10045.4.3.2");
    }

    proptest! {
        #[test]
        fn elements_round_trip(content in proptest::collection::vec(any::<u8>(), 0..70_000)) {
            let bytes = element(tag::OCTET_STRING, &[&content]);
            let mut reader = Reader::new(&bytes, "t");
            prop_assert_eq!(reader.read(tag::OCTET_STRING).unwrap(), &content[..]);
            prop_assert!(reader.end().is_ok());
        }

        #[test]
        fn numbers_bits_and_times_round_trip(number: u64, bits in 1_u16.., secs in 0_u64..253_402_300_799) {
            prop_assert_eq!(Reader::new(&integer(&number.to_be_bytes()), "t").u64().unwrap(), number);
            prop_assert_eq!(Reader::new(&named_bits(bits), "t").named_bits().unwrap(), bits);
            let at = Timestamp::from_ms(secs * 1000, "t").unwrap();
            prop_assert_eq!(Reader::new(&time(at), "t").time().unwrap(), at);
        }

        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = Reader::new(&bytes, "t");
            while !reader.is_empty() && reader.any().is_ok() {}
            let _ = Reader::new(&bytes, "t").named_bits();
            let _ = Reader::new(&bytes, "t").time();
            let _ = dotted(&bytes);
        }
    }
}
