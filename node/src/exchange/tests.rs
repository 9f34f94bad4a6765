//! The shell over real sockets on 127.0.0.1.

use ogic_certs::Digest;

use super::message::Message;
use super::request::Request;

mod identity;
mod links;
mod protocol;

const A: &str = "a.gov.example";
const B: &str = "b.gov.example";
const B2: &str = "b2.gov.example";
const C: &str = "c.gov.example";

fn notice(n: usize) -> Message {
    Message::Notice(n.to_be_bytes().to_vec())
}

fn certificate_request() -> Request {
    Request::Certificate(Digest::ZERO)
}
