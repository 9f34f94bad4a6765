//! Reading the arrays that messages are: element by element, nothing copied, everything bounded.

use ogic_certs::cbor::Value;
use ogic_certs::{Code, Problem, Result};

/// The elements of one array, taken in order; what is left over is refused.
pub(super) struct Elements {
    what: &'static str,
    left: std::vec::IntoIter<Value>,
}

impl Elements {
    /// Opens `value`, which must be an array; `what` names it in errors.
    pub(super) fn of(value: Value, what: &'static str) -> Result<Self> {
        match value {
            Value::Array(values) => Ok(Self { what, left: values.into_iter() }),
            _ => Err(Problem::new(Code::Malformed, what).expected("an array")),
        }
    }

    /// The next element, which must be there.
    pub(super) fn take(&mut self, field: &'static str) -> Result<Value> {
        self.left.next().ok_or_else(|| {
            Problem::new(Code::Malformed, field)
                .found("nothing")
                .expected(format!("an element of {}", self.what))
        })
    }

    /// The next element as the number that says which kind of message this is.
    pub(super) fn tag(&mut self) -> Result<u64> {
        self.take(self.what)?.as_uint(self.what)
    }

    /// The next element as at most `max` bytes.
    pub(super) fn bytes(&mut self, field: &'static str, max: usize) -> Result<Vec<u8>> {
        bytes(self.take(field)?, field, max)
    }

    /// The next element as at most `max` bytes, or null.
    pub(super) fn optional_bytes(&mut self, field: &'static str, max: usize) -> Result<Option<Vec<u8>>> {
        match self.take(field)? {
            Value::Null => Ok(None),
            value => bytes(value, field, max).map(Some),
        }
    }

    /// The next element as an array of at most `count_max` byte strings of at most `max` bytes each.
    pub(super) fn byte_strings(
        &mut self,
        field: &'static str,
        count_max: usize,
        max: usize,
    ) -> Result<Vec<Vec<u8>>> {
        let values = list(self.take(field)?, field, count_max)?;
        values.map(|value| bytes(value, field, max)).collect()
    }

    /// The next element as an array of at most `count_max` elements.
    pub(super) fn list(
        &mut self,
        field: &'static str,
        count_max: usize,
    ) -> Result<impl ExactSizeIterator<Item = Value> + use<>> {
        list(self.take(field)?, field, count_max)
    }

    /// The next element as text of at most `max` bytes.
    pub(super) fn text(&mut self, field: &'static str, max: usize) -> Result<String> {
        text(self.take(field)?, field, max)
    }

    /// Ends the reading.
    pub(super) fn finish(self) -> Result<()> {
        match self.left.len() {
            0 => Ok(()),
            more => Err(Problem::new(Code::Malformed, self.what)
                .found(format!("{more} elements more"))
                .expected("the elements of PROTOCOL.md alone")),
        }
    }
}

/// Text of at most `max` bytes.
pub(super) fn text(value: Value, field: &'static str, max: usize) -> Result<String> {
    match value {
        Value::Text(text) if text.len() <= max => Ok(text),
        Value::Text(text) => Err(too_large(field, text.len(), max)),
        _ => Err(Problem::new(Code::Malformed, field).expected("text")),
    }
}

/// An array of at most `count_max` elements.
pub(super) fn list(
    value: Value,
    field: &'static str,
    count_max: usize,
) -> Result<impl ExactSizeIterator<Item = Value> + use<>> {
    match value {
        Value::Array(values) if values.len() <= count_max => Ok(values.into_iter()),
        Value::Array(values) => Err(Problem::new(Code::TooLarge, field)
            .found(format!("{} elements", values.len()))
            .expected(format!("at most {count_max}"))),
        _ => Err(Problem::new(Code::Malformed, field).expected("an array")),
    }
}

fn bytes(value: Value, field: &'static str, max: usize) -> Result<Vec<u8>> {
    match value {
        Value::Bytes(bytes) if bytes.len() <= max => Ok(bytes),
        Value::Bytes(bytes) => Err(too_large(field, bytes.len(), max)),
        _ => Err(Problem::new(Code::Malformed, field).expected("a byte string")),
    }
}

fn too_large(field: &'static str, bytes: usize, max: usize) -> Problem {
    Problem::new(Code::TooLarge, field)
        .found(format!("{bytes} bytes"))
        .expected(format!("at most {max} bytes"))
}
