//! One connection's protocol state without I/O or clock: hello first and once, nothing sent before the peer's.
//!
//! Feed it what came in ([`Session::handle_bytes`]) and the time, send what it gives ([`Session::poll_transmit`]),
//! act on what it says ([`Session::poll_event`]). An error closes the connection, and is said again ever after.

use std::collections::VecDeque;

use ogic_certs::{AgencyId, Code, Problem, Result, Timestamp};

use super::frame::{FRAME_BYTES_MAX, FRAME_MESSAGES_MAX, FramePacker, FrameReader};
use super::message::{Hello, Message};

/// How long the peer's hello may take.
pub const HELLO_MS_MAX: u64 = 10_000;
/// Most bytes of the events stream that wait for the peer's hello, which may be overtaken on its way.
pub const EARLY_BYTES_MAX: usize = 2 << 20;
/// Most bytes that wait to be sent on one stream: a peer that does not read is let go.
pub const QUEUE_BYTES_MAX: usize = 16 << 20;

/// The two long-lived streams that each side opens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum StreamKind {
    /// Hello, receipts, refusals: never behind events.
    Control = 1,
    /// Events, notices and the certificates that they need.
    Events = 2,
}

impl StreamKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Control, Self::Events];

    /// The byte that the stream begins with.
    pub const fn byte(self) -> u8 {
        self as u8
    }

    const fn index(self) -> usize {
        match self {
            Self::Control => 0,
            Self::Events => 1,
        }
    }
}

/// What a session has to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SessionEvent {
    /// The peer's hello has been accepted; from now on messages are sent.
    Ready(Hello),
    /// One frame's messages, in order within their stream.
    Messages(Vec<Message>),
}

/// The state of one connection.
#[derive(Debug)]
pub struct Session {
    peer: AgencyId,
    started: Timestamp,
    state: State,
    incoming: [Incoming; 2],
    outgoing: [Outgoing; 2],
    events: VecDeque<SessionEvent>,
    skew_ms: Option<i64>,
}

#[derive(Debug)]
enum State {
    /// The peer's hello is awaited.
    Greeting,
    /// It was accepted.
    Ready,
    /// The protocol was broken, or time ran out.
    Closed(Problem),
}

#[derive(Debug)]
struct Incoming {
    opened: bool,
    reader: FrameReader,
}

#[derive(Debug, Default)]
struct Outgoing {
    begun: bool,
    queue: FramePacker,
}

impl Session {
    /// A session with `peer`, as its certificate says, that begins by sending `hello`.
    pub fn new(peer: AgencyId, hello: Hello, now: Timestamp) -> Result<Self> {
        let incoming = || Incoming { opened: false, reader: FrameReader::new(FRAME_BYTES_MAX) };
        let mut greeting = Outgoing::default();
        greeting.queue.push(&Message::Hello(hello))?;
        Ok(Self {
            peer,
            started: now,
            state: State::Greeting,
            incoming: [incoming(), incoming()],
            // The hello goes out alone: what is queued behind it waits for the peer's.
            outgoing: [greeting, Outgoing::default()],
            events: VecDeque::new(),
            skew_ms: None,
        })
    }

    /// The peer.
    pub const fn peer(&self) -> &AgencyId {
        &self.peer
    }

    /// Whether the peer's hello has been accepted.
    pub const fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready)
    }

    /// How far the peer's clock is ahead of ours, in milliseconds, judged by its hello and so within the time that the
    /// hello took; none before it. Only ever an alarm.
    pub const fn skew_ms(&self) -> Option<i64> {
        self.skew_ms
    }

    /// Takes the first byte of a stream that the peer has opened. Each kind may be opened once.
    pub fn handle_opened(&mut self, byte: u8) -> Result<StreamKind> {
        self.alive()?;
        let Some(kind) = StreamKind::ALL.into_iter().find(|kind| kind.byte() == byte) else {
            return self.close(
                Problem::new(Code::ProtocolViolation, "stream")
                    .found(format!("a stream of kind {byte:#04x}"))
                    .expected("0x01 or 0x02"),
            );
        };
        if std::mem::replace(&mut self.incoming_mut(kind).opened, true) {
            return self.close(
                Problem::new(Code::ProtocolViolation, "stream")
                    .found(format!("a second stream of kind {byte:#04x}"))
                    .expected("one of each kind"),
            );
        }
        Ok(kind)
    }

    /// Takes bytes of an opened stream, after its first. What they mean comes from [`Session::poll_event`].
    pub fn handle_bytes(&mut self, kind: StreamKind, bytes: &[u8], now: Timestamp) -> Result<()> {
        self.alive()?;
        match self.read(kind, bytes, now) {
            Ok(()) => Ok(()),
            Err(problem) => self.close(problem),
        }
    }

    /// The peer has finished one of its streams, which live as long as the connection.
    pub fn handle_finished(&mut self, kind: StreamKind) -> Result<()> {
        self.alive()?;
        self.close(
            Problem::new(Code::ProtocolViolation, "stream")
                .found(format!("the end of the stream of kind {:#04x}", kind.byte()))
                .expected("a stream as long as the connection"),
        )
    }

    /// Takes the time.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Result<()> {
        self.alive()?;
        match self.next_timeout() {
            Some(deadline) if deadline <= now => self.close(
                Problem::new(Code::HelloExpected, "hello")
                    .found("nothing")
                    .expected(format!("a hello within {HELLO_MS_MAX} ms")),
            ),
            _ => Ok(()),
        }
    }

    /// When [`Session::handle_timeout`] wants to be called.
    pub const fn next_timeout(&self) -> Option<Timestamp> {
        match self.state {
            State::Greeting => Some(self.started.plus_ms(HELLO_MS_MAX)),
            State::Ready | State::Closed(_) => None,
        }
    }

    /// Queues messages in order; they go out once the peer's hello has been accepted. [`Code::TooLarge`] for a message
    /// that fits into no frame, [`Code::LimitReached`] if the peer has not read for too long; what is queued before the
    /// one at fault stays queued.
    pub fn send(&mut self, kind: StreamKind, messages: &[Message]) -> Result<()> {
        self.alive()?;
        for message in messages {
            if matches!(message, Message::Hello(_)) {
                return Err(Problem::new(Code::Internal, "message").found("a second hello"));
            }
            let queue = &mut self.outgoing_mut(kind).queue;
            queue.push(message)?;
            if queue.bytes() > QUEUE_BYTES_MAX {
                return Err(Problem::new(Code::LimitReached, "queue")
                    .found(format!("{} bytes unsent", queue.bytes()))
                    .expected(format!("at most {QUEUE_BYTES_MAX}")));
            }
        }
        Ok(())
    }

    /// Bytes to be written next, and on which stream; control first.
    pub fn poll_transmit(&mut self) -> Option<(StreamKind, Vec<u8>)> {
        StreamKind::ALL.into_iter().find_map(|kind| Some((kind, self.poll_transmit_on(kind)?)))
    }

    /// Bytes to be written next on one stream, so that a stream that is blocked never holds up the other. The first
    /// begin with the stream's kind.
    pub fn poll_transmit_on(&mut self, kind: StreamKind) -> Option<Vec<u8>> {
        let may_send = match self.state {
            State::Greeting => kind == StreamKind::Control && !self.outgoing_mut(kind).begun,
            State::Ready => true,
            State::Closed(_) => false,
        };
        if !may_send {
            return None;
        }
        let count_max = if self.is_ready() { FRAME_MESSAGES_MAX } else { 1 };
        let outgoing = self.outgoing_mut(kind);
        let frame = outgoing.queue.pop_at_most(count_max)?;
        if std::mem::replace(&mut outgoing.begun, true) {
            Some(frame)
        } else {
            Some([&[kind.byte()], frame.as_slice()].concat())
        }
    }

    /// What has happened, in order.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    fn read(&mut self, kind: StreamKind, bytes: &[u8], now: Timestamp) -> Result<()> {
        let early = matches!(self.state, State::Greeting) && kind == StreamKind::Events;
        let reader = &mut self.incoming_mut(kind).reader;
        reader.push(bytes)?;
        if early {
            // The streams are not ordered among each other: the hello may still be on its way.
            let pending = reader.pending_bytes();
            if pending > EARLY_BYTES_MAX {
                return Err(Problem::new(Code::HelloExpected, "hello")
                    .found(format!("{pending} bytes of events before it"))
                    .expected(format!("at most {EARLY_BYTES_MAX}")));
            }
            return Ok(());
        }
        let was_ready = self.is_ready();
        self.read_frames(kind, now)?;
        if self.is_ready() && !was_ready {
            self.read_frames(StreamKind::Events, now)?;
        }
        Ok(())
    }

    fn read_frames(&mut self, kind: StreamKind, now: Timestamp) -> Result<()> {
        while let Some(mut messages) = self.incoming_mut(kind).reader.next()? {
            if matches!(self.state, State::Greeting) {
                let hello = self.accept(messages.remove(0), now)?;
                self.state = State::Ready;
                self.events.push_back(SessionEvent::Ready(hello));
            }
            if messages.iter().any(|message| matches!(message, Message::Hello(_))) {
                return Err(Problem::new(Code::ProtocolViolation, "hello")
                    .found("a second hello")
                    .expected("one, first of the control stream"));
            }
            if !messages.is_empty() {
                self.events.push_back(SessionEvent::Messages(messages));
            }
        }
        Ok(())
    }

    /// Judges the first message of the control stream.
    fn accept(&mut self, first: Message, now: Timestamp) -> Result<Hello> {
        let Message::Hello(hello) = first else {
            return Err(Problem::new(Code::HelloExpected, "hello")
                .found("another message")
                .expected("hello first"));
        };
        if hello.agency != self.peer {
            return Err(Problem::new(Code::IdentityMismatch, "hello agency")
                .found(hello.agency.to_string())
                .expected(self.peer.to_string()));
        }
        let distance = |later: Timestamp, earlier| i64::try_from(later.since_ms(earlier)).unwrap_or(i64::MAX);
        self.skew_ms = Some(distance(hello.clock, now) - distance(now, hello.clock));
        Ok(hello)
    }

    fn alive(&self) -> Result<()> {
        match &self.state {
            State::Closed(problem) => Err(problem.clone()),
            _ => Ok(()),
        }
    }

    fn close<T>(&mut self, problem: Problem) -> Result<T> {
        self.state = State::Closed(problem.clone());
        Err(problem)
    }

    const fn incoming_mut(&mut self, kind: StreamKind) -> &mut Incoming {
        &mut self.incoming[kind.index()]
    }

    const fn outgoing_mut(&mut self, kind: StreamKind) -> &mut Outgoing {
        &mut self.outgoing[kind.index()]
    }
}

#[cfg(test)]
mod tests;
