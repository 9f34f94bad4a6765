//! Frames: a length and one CBOR item. Allocation follows what has arrived, never what is claimed.

use std::collections::VecDeque;

use ogic_certs::cbor::{self, Limits};
use ogic_certs::{Code, Problem, Result};

use super::elements;
use super::message::Message;

/// Most bytes of a frame's CBOR (PROTOCOL.md, "Limits").
pub const FRAME_BYTES_MAX: usize = Limits::FRAME.bytes_max;
/// Most messages in one frame (PROTOCOL.md, "Limits").
pub const FRAME_MESSAGES_MAX: usize = 512;
/// Bytes of the length before the CBOR.
pub const LENGTH_BYTES: usize = 4;
/// Most bytes of one message, so that an array of it alone is a frame.
pub const MESSAGE_BYTES_MAX: usize = FRAME_BYTES_MAX - 1;

/// Cuts a stream of bytes into frames.
#[derive(Debug)]
pub struct FrameReader {
    buffer: Vec<u8>,
    /// Bytes at the front of `buffer` that belong to frames already given out.
    taken: usize,
    bytes_max: usize,
}

impl FrameReader {
    /// A reader of frames of at most `bytes_max` bytes of CBOR.
    pub const fn new(bytes_max: usize) -> Self {
        Self { buffer: Vec::new(), taken: 0, bytes_max }
    }

    /// Takes what has arrived. Errors as soon as a length is beyond the limit, without waiting for its bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        self.buffer.extend_from_slice(bytes);
        self.length().map(drop)
    }

    /// The next whole frame's CBOR, if it has arrived. Errors if the frame after it claims too much.
    pub fn next_frame(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(length) = self.length()? else { return Ok(None) };
        let (start, end) = (self.taken + LENGTH_BYTES, self.taken + LENGTH_BYTES + length);
        match self.buffer.get(start..end) {
            Some(frame) => {
                let frame = frame.to_vec();
                self.taken = end;
                Ok(Some(frame))
            }
            None => Ok(None),
        }
    }

    /// The next whole frame's messages, if it has arrived; never an empty list.
    #[expect(
        clippy::should_implement_trait,
        reason = "it can fail, and the end of what has arrived is not the end"
    )]
    pub fn next(&mut self) -> Result<Option<Vec<Message>>> {
        self.next_frame()?.map(|frame| decode(&frame)).transpose()
    }

    /// Bytes held that no frame has been made of yet.
    pub const fn pending_bytes(&self) -> usize {
        self.buffer.len() - self.taken
    }

    /// How many bytes the next frame still needs, as far as is known: reading no more leaves what follows alone.
    pub(super) fn missing_bytes(&self) -> usize {
        let wanted = self.length().ok().flatten().map_or(LENGTH_BYTES, |length| LENGTH_BYTES + length);
        wanted.saturating_sub(self.pending_bytes())
    }

    /// The length that the next frame claims, if its four bytes are there.
    fn length(&self) -> Result<Option<usize>> {
        let Some((length, _)) = self.buffer.get(self.taken..).and_then(<[u8]>::split_first_chunk) else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length);
        match usize::try_from(length) {
            Ok(length) if length <= self.bytes_max => Ok(Some(length)),
            _ => Err(Problem::new(Code::TooLarge, "frame")
                .found(format!("a length of {length}"))
                .expected(format!("at most {} bytes", self.bytes_max))),
        }
    }
}

/// Reads the messages of one frame's CBOR.
pub fn decode(frame: &[u8]) -> Result<Vec<Message>> {
    let value = cbor::decode(frame, &Limits::FRAME, "frame")?;
    let values = elements::list(value, "frame", FRAME_MESSAGES_MAX)?;
    if values.len() == 0 {
        return Err(Problem::new(Code::Malformed, "frame").found("no message").expected("at least one"));
    }
    values.map(Message::from_value).collect()
}

/// A frame around one CBOR item: requests and answers are such.
pub fn framed(item: &[u8]) -> Result<Vec<u8>> {
    let length = u32::try_from(item.len())
        .map_err(|_| Problem::new(Code::TooLarge, "frame").found(format!("{} bytes", item.len())))?;
    Ok([&length.to_be_bytes(), item].concat())
}

/// Packs messages to as few frames as their order allows, lengths included. Errors if one message fits into none.
pub fn pack(messages: &[Message]) -> Result<Vec<Vec<u8>>> {
    let mut packer = FramePacker::default();
    for message in messages {
        packer.push(message)?;
    }
    Ok(std::iter::from_fn(|| packer.pop()).collect())
}

/// Messages that wait to be sent on one stream, in order.
#[derive(Debug, Default)]
pub struct FramePacker {
    encoded: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl FramePacker {
    /// Puts a message behind the others. Errors if it fits into no frame; nothing has then changed.
    pub fn push(&mut self, message: &Message) -> Result<()> {
        let bytes = message.encode();
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(Problem::new(Code::TooLarge, "message")
                .found(format!("{} bytes", bytes.len()))
                .expected(format!("at most {MESSAGE_BYTES_MAX} bytes")));
        }
        self.bytes += bytes.len();
        self.encoded.push_back(bytes);
        Ok(())
    }

    /// One frame of what waits in front, length included.
    pub fn pop(&mut self) -> Option<Vec<u8>> {
        self.pop_at_most(FRAME_MESSAGES_MAX)
    }

    /// One frame of at most `count_max` messages of what waits in front, length included.
    pub(super) fn pop_at_most(&mut self, count_max: usize) -> Option<Vec<u8>> {
        let (mut count, mut bytes) = (0, 0);
        for message in &self.encoded {
            let head = array_head(count + 1).len();
            if count == count_max || head + bytes + message.len() > FRAME_BYTES_MAX {
                break;
            }
            count += 1;
            bytes += message.len();
        }
        if count == 0 {
            return None;
        }
        let head = array_head(count);
        // A frame is at most 256 KiB, so that the length fits its four bytes.
        let length = u32::try_from(head.len() + bytes).unwrap_or(u32::MAX);
        let mut frame = Vec::with_capacity(LENGTH_BYTES + head.len() + bytes);
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(&head);
        self.encoded.drain(..count).for_each(|message| frame.extend_from_slice(&message));
        self.bytes -= bytes;
        Some(frame)
    }

    /// Bytes that wait.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The head of a CBOR array of `count` elements, at most [`FRAME_MESSAGES_MAX`], in its shortest form (RFC 8949 3).
/// Written here so that each message is encoded once, though where a frame ends depends on their sizes.
fn array_head(count: usize) -> Vec<u8> {
    match u8::try_from(count) {
        Ok(count @ 0..=23) => vec![0x80 | count],
        Ok(count) => vec![0x98, count],
        Err(_) => {
            let [.., high, low] = count.to_be_bytes();
            vec![0x99, high, low]
        }
    }
}

#[cfg(test)]
mod tests {
    use ogic_certs::cbor::Value;
    use proptest::prelude::*;

    use super::super::message::tests::any_message;
    use super::*;

    fn read_all(reader: &mut FrameReader) -> Result<Vec<Message>> {
        let mut all = Vec::new();
        while let Some(messages) = reader.next()? {
            all.extend(messages);
        }
        Ok(all)
    }

    #[test]
    fn heads_are_the_codecs() {
        for count in [0, 1, 23, 24, 255, 256, 512] {
            let whole = cbor::encode(&Value::Array(vec![Value::Null; count]));
            assert_eq!(array_head(count), whole[..whole.len() - count], "{count}");
        }
    }

    #[test]
    fn frames_are_cut_at_both_limits() {
        let small = vec![Message::Notice(vec![1]); FRAME_MESSAGES_MAX + 1];
        let large = vec![Message::Notice(vec![1; 60_000]); 9];
        for (name, messages, frames) in [("count", small, 2), ("bytes", large, 3), ("none", vec![], 0)] {
            let packed = pack(&messages).unwrap();
            assert_eq!(packed.len(), frames, "{name}");
            assert!(packed.iter().all(|frame| frame.len() <= LENGTH_BYTES + FRAME_BYTES_MAX), "{name}");
            let mut reader = FrameReader::new(FRAME_BYTES_MAX);
            reader.push(&packed.concat()).unwrap();
            assert_eq!(read_all(&mut reader).unwrap(), messages, "{name}");
        }
    }

    #[test]
    fn the_largest_message_fits_and_one_more_does_not() {
        // Five bytes of its array, tag and byte string's head come before the content.
        let overhead = Message::Receipts(vec![0; 200_000]).encode().len() - 200_000;
        let largest = Message::Receipts(vec![0; MESSAGE_BYTES_MAX - overhead]);
        assert_eq!(pack(std::slice::from_ref(&largest)).unwrap()[0].len(), LENGTH_BYTES + FRAME_BYTES_MAX);
        let larger = Message::Receipts(vec![0; MESSAGE_BYTES_MAX - overhead + 1]);
        assert_eq!(pack(&[larger]).unwrap_err().code, Code::TooLarge);
    }

    #[test]
    fn bad_frames_are_refused() {
        let frame = |cbor: &[u8]| framed(cbor).unwrap();
        let many = cbor::encode(&Value::Array(vec![Message::Notice(vec![]).to_value(); 513]));
        for (name, bytes, code) in [
            ("length beyond the limit", (FRAME_BYTES_MAX as u32 + 1).to_be_bytes().to_vec(), Code::TooLarge),
            ("length of 4 GiB", vec![0xff; 4], Code::TooLarge),
            ("empty", frame(&[]), Code::Malformed),
            ("no message", frame(&[0x80]), Code::Malformed),
            ("no array", frame(&[0x00]), Code::Malformed),
            ("garbage", frame(b"GET / HTTP/1.1"), Code::Malformed),
            ("513 messages", frame(&many), Code::TooLarge),
            (
                "bytes claimed beyond the frame",
                frame(&[0x5b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1]),
                Code::Malformed,
            ),
            ("byte after the array", frame(&[0x81, 0x82, 0x03, 0x40, 0x00]), Code::Malformed),
        ] {
            let mut reader = FrameReader::new(FRAME_BYTES_MAX);
            let outcome = reader.push(&bytes).and_then(|()| read_all(&mut reader));
            assert_eq!(outcome.expect_err(name).code, code, "{name}");
        }
    }

    #[test]
    fn a_claimed_length_allocates_nothing() {
        let mut reader = FrameReader::new(FRAME_BYTES_MAX);
        reader.push(&(FRAME_BYTES_MAX as u32).to_be_bytes()).unwrap();
        reader.push(&[0x81]).unwrap();
        assert_eq!(reader.next().unwrap(), None);
        assert!(reader.buffer.capacity() < 64);
    }

    proptest! {
        #[test]
        fn any_cutting_gives_the_same_messages(
            messages in proptest::collection::vec(any_message(), 0..20),
            cuts in proptest::collection::vec(1_usize..40, 1..20),
        ) {
            let bytes = pack(&messages).unwrap().concat();
            let mut reader = FrameReader::new(FRAME_BYTES_MAX);
            let (mut all, mut rest) = (Vec::new(), bytes.as_slice());
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                reader.push(now).unwrap();
                all.extend(read_all(&mut reader).unwrap());
                rest = later;
                if rest.is_empty() { break }
            }
            prop_assert_eq!(all, messages);
            prop_assert_eq!(reader.pending_bytes(), 0);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = FrameReader::new(64);
            let _ = reader.push(&bytes).and_then(|()| read_all(&mut reader));
        }
    }
}
