//! Bad input at every face of every daemon, over real sockets: a table of face × input → code. After each row an honest
//! request is answered on the same connection, or on a new one where the protocol ends it; a bystander's connection is
//! unaffected; nothing was stored but what the row says; the daemon lives, and no log tells of a panic.

mod federation;

#[path = "bad_input/channel.rs"]
mod channel;
#[path = "bad_input/enrolment.rs"]
mod enrolment;
#[path = "bad_input/events.rs"]
mod events;
#[path = "bad_input/files.rs"]
mod files;
#[path = "bad_input/local.rs"]
mod local;
#[path = "bad_input/receipts.rs"]
mod receipts;
#[path = "bad_input/requests.rs"]
mod requests;
#[path = "bad_input/stage.rs"]
mod stage;

use ogic_certs::{Code, Digest};
use ogic_node::exchange::message::Message;
use ogic_node::exchange::session::StreamKind;

use federation::peer::{Caller, Peer, Told, dial};
use stage::{Face, Stage};

/// One row of the table.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) input: Input,
    pub(crate) told: Told,
    /// Leaves that the row may add to the log: a refused or allowed look at a case is registered.
    pub(crate) leaves: u64,
}

/// What is done to a face.
pub(crate) enum Input {
    /// A handshake.
    Dial(Option<Caller>, &'static [u8]),
    /// Bytes that no connection begins with.
    Datagram(Vec<u8>),
    /// An honest handshake, and a control stream that begins with these bytes in the hello's place.
    First(Vec<u8>),
    /// Bytes on a stream after an honest hello.
    Bytes(StreamKind, Vec<u8>),
    /// One more stream that begins with these bytes.
    Stream(Vec<u8>),
    /// The end of the control stream.
    Finish,
    /// Messages that break the protocol, or are passed over.
    Messages(StreamKind, Vec<Message>),
    /// A message whose refusal names this.
    Refusable(Message, Digest),
    /// A request's whole stream.
    Request(Vec<u8>),
}

impl Row {
    pub(crate) const fn new(name: &'static str, input: Input, told: Told) -> Self {
        Self { name, input, told, leaves: 0 }
    }

    pub(crate) const fn closed(name: &'static str, input: Input, code: Code) -> Self {
        Self::new(name, input, Told::Closed(code))
    }

    pub(crate) const fn refused(name: &'static str, request: Vec<u8>, code: Code) -> Self {
        Self::new(name, Input::Request(request), Told::Refused(code))
    }

    /// The row leaves so many leaves in the log.
    pub(crate) const fn leaves(mut self, leaves: u64) -> Self {
        self.leaves = leaves;
        self
    }
}

/// Does to `face` what the row says, on `peer` where that is possible, and gives what was told.
async fn play(stage: &Stage, face: &Face<'_>, peer: &Peer, input: &Input) -> Told {
    match input {
        Input::Dial(caller, alpn) => match dial(&face.address, &face.agency, caller.as_ref(), alpn).await {
            Err(told) => told,
            // In TLS 1.3 a client is connected before it is judged.
            Ok(connection) => match Peer::over(connection, &[]).await {
                Err(told) => told,
                Ok(_) => Told::Taken,
            },
        },
        Input::Datagram(bytes) => {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.send_to(bytes, &face.address).unwrap();
            Told::Taken
        }
        Input::First(bytes) => match Peer::meet(&face.address, &face.agency, &stage.caller, bytes).await {
            Err(told) => told,
            Ok(peer) => peer.ended().await,
        },
        Input::Bytes(kind, bytes) => {
            peer.send_raw(*kind, bytes).await;
            peer.ended().await
        }
        Input::Stream(bytes) => {
            let _stream = peer.open(bytes).await;
            peer.ended().await
        }
        Input::Finish => {
            peer.finish().await;
            peer.ended().await
        }
        Input::Messages(kind, messages) => {
            peer.send(*kind, messages).await;
            Told::Taken
        }
        Input::Refusable(message, subject) => {
            peer.send(StreamKind::Events, std::slice::from_ref(message)).await;
            peer.answer_to(*subject).await
        }
        Input::Request(bytes) => match peer.ask_raw(bytes).await {
            Ok(_) => Told::Taken,
            Err(told) => told,
        },
    }
}

/// Plays the table against one face, and checks what must hold after each row.
async fn play_all(stage: &Stage, face: &Face<'_>, rows: Vec<Row>) {
    let bystander = face.bystander(stage).await;
    let mut peer = face.honest(stage).await;
    assert!(!rows.is_empty());
    println!("{}: {} rows", face.agency, rows.len());
    let mut wrong = Vec::new();
    for Row { name, input, told, leaves } in rows {
        let before = face.stored();
        let heard = match (&told, play(stage, face, &peer, &input).await) {
            // A message that ends the connection says so a moment later.
            (Told::Closed(_), Told::Taken) => peer.ended().await,
            (_, heard) => heard,
        };
        if heard != told {
            wrong.push(format!("{}: {name}: {heard:?} and not {told:?}", face.agency));
        }
        if peer.connection.close_reason().is_some() {
            peer = face.honest(stage).await;
        }
        face.check_honest(stage, &peer).await;
        face.check_bystander(&bystander).await;
        let after = face.stored();
        let stored_alone = after.size == before.size + leaves && (leaves > 0 || after == before);
        if !stored_alone {
            wrong.push(format!("{}: {name}: {before:?} became {after:?}", face.agency));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(face.daemon_lives());
}

/// A table that has lost its rows passes as well as a whole one.
#[test]
fn the_table_has_its_rows_at_each_face() {
    let stage = Stage::set();
    let mut all = 0;
    for face in stage.faces() {
        let rows = channel::rows(&stage, &face).len();
        assert!(rows > 0, "{}: a row at least", face.agency);
        all += rows;
    }
    let tables = [
        ("events", events::rows(&stage).len()),
        ("requests of a node", requests::of_a_node(&stage).len()),
        ("requests of the third party", requests::of_the_third_party(&stage).len()),
        ("requests of the authority", requests::of_the_authority(&stage).len()),
    ];
    for (name, rows) in tables {
        assert!(rows > 0, "{name}: a row at least");
        all += rows;
    }
    assert!(all >= 40, "{all} rows and not 40 at least");
}

#[test]
fn each_wrong_handshake_hello_and_frame_ends_its_own_connection_alone() {
    let stage = Stage::set();
    stage.block_on(async {
        for face in stage.faces() {
            play_all(&stage, &face, channel::rows(&stage, &face)).await;
        }
    });
    stage.federation.assert_no_panic();
}

#[test]
fn each_wrong_event_is_refused_with_its_code_and_stores_nothing() {
    let stage = Stage::set();
    stage.block_on(play_all(&stage, &stage.home(), events::rows(&stage)));
    stage.federation.assert_no_panic();
}

#[test]
fn each_wrong_request_is_refused_on_its_stream_alone() {
    let stage = Stage::set();
    stage.block_on(async {
        play_all(&stage, &stage.home(), requests::of_a_node(&stage)).await;
        play_all(&stage, &stage.third_party(), requests::of_the_third_party(&stage)).await;
        play_all(&stage, &stage.authority(), requests::of_the_authority(&stage)).await;
    });
    stage.federation.assert_no_panic();
}

#[test]
fn no_forged_receipt_or_refusal_takes_a_message_out_of_the_outbox() {
    let stage = Stage::set();
    stage.block_on(async {
        let notice = receipts::reference_of(&stage).await;
        for row in receipts::rows(&stage, &notice) {
            let name = row.name;
            play_all(&stage, &stage.home(), vec![row]).await;
            assert!(stage.outbox_holds(Digest::of(&notice)), "{name}: it is still to be delivered");
        }
        receipts::acknowledge(&stage, &notice).await;
    });
    stage.federation.assert_no_panic();
}

#[test]
fn each_wrong_enrolment_is_refused_and_the_right_one_still_passes() {
    let stage = Stage::set();
    stage.block_on(enrolment::play(&stage));
    stage.federation.assert_no_panic();
}

#[test]
fn each_wrong_call_of_a_local_api_is_refused_in_its_form() {
    let stage = Stage::set();
    local::play(&stage);
    stage.federation.assert_no_panic();
}

#[test]
fn each_wrong_file_is_refused_by_name() {
    let stage = Stage::set();
    files::play(&stage);
    stage.federation.assert_no_panic();
}
