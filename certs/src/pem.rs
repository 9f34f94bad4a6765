//! PEM (RFC 7468), strictly: labelled blocks of base64. What stands between blocks is ignored, as section 2 asks.

use data_encoding::{BASE64, Encoding, Specification};
use zeroize::Zeroizing;

use crate::{Code, Problem, Result};

/// Blocks in one text: more than any chain or bundle here needs.
pub(crate) const PEM_BLOCKS_MAX: usize = 1024;

/// The contents of every block labelled `label`, in their order. Blocks with other labels are an error: a key in a
/// file of certificates is a mistake that should be seen.
pub(crate) fn decode(text: &str, label: &str, field: &'static str) -> Result<Vec<Zeroizing<Vec<u8>>>> {
    let malformed = |expected: &str| Problem::new(Code::Malformed, field).expected(expected);
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut blocks = Vec::new();
    let mut open: Option<Zeroizing<String>> = None;
    for line in text.lines().map(str::trim_end) {
        match &mut open {
            None if line == begin => open = Some(Zeroizing::new(String::with_capacity(text.len()))),
            None if line.starts_with("-----") => {
                return Err(malformed(&format!("blocks labelled {label}")).found(line));
            }
            None => {}
            Some(body) if line == end => {
                let der = BASE64.decode(body.as_bytes()).map_err(|_| malformed("base64 inside the block"))?;
                blocks.push(Zeroizing::new(der));
                if blocks.len() > PEM_BLOCKS_MAX {
                    return Err(Problem::new(Code::TooLarge, field).expected("at most 1024 blocks"));
                }
                open = None;
            }
            Some(body) => body.push_str(line),
        }
    }
    match open {
        None => Ok(blocks),
        Some(_) => Err(malformed("the end of the block")),
    }
}

/// One block, 64 characters a line.
pub(crate) fn encode(der: &[u8], label: &str) -> Zeroizing<String> {
    let wrapped = wrapped();
    // Allocated whole at once: a growing string would leave copies of a key behind.
    let mut text =
        Zeroizing::new(String::with_capacity(wrapped.encode_len(der.len()) + 2 * label.len() + 64));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    wrapped.encode_append(der, &mut text);
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

fn wrapped() -> Encoding {
    let mut specification = Specification::new();
    specification.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    specification.padding = Some('=');
    specification.wrap.width = 64;
    specification.wrap.separator.push('\n');
    specification.encoding().unwrap_or(BASE64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_round_trip() {
        let der: Vec<u8> = (0..200).collect();
        let text = format!("a comment\n{}\n{}", &*encode(&der, "X"), &*encode(b"", "X"));
        assert!(text.lines().all(|line| line.len() <= 64));
        let blocks = decode(&text, "X", "pem").unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!(*blocks[0], der);
        assert!(blocks[1].is_empty());
    }

    #[test]
    fn damage_is_refused() {
        let good = encode(b"abcdef", "X");
        for (name, text) in [
            ("other label", good.replace('X', "Y")),
            ("no end", good.replace("-----END X-----", "")),
            ("not base64", good.replace("YWJj", "YW*j")),
            ("bad padding", good.replace("YWJjZGVm", "YWJjZGV")),
        ] {
            assert_eq!(decode(&text, "X", "pem").unwrap_err().code, Code::Malformed, "{name}");
        }
    }
}
