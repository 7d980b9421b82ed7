//! The messages between a viewer and a device.

use core::fmt;

use barertc_wire::Writer;

use crate::error::Error;
use crate::json;

/// The longest name of a peer, in bytes.
pub const MAX_ID: usize = 64;

/// The name of a peer, without an allocation.
pub type Id = heapless::String<MAX_ID>;

/// The dialect of a message. The two dialects differ in the name of the member that has the session description.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Dialect {
    /// The member is `sdp`, as in the streamer example of libdatachannel.
    #[default]
    Streamer,
    /// The member is `description`, as in the client and web examples of libdatachannel.
    Client,
}

/// The contents of a signaling message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Message<'a> {
    /// `request`: the sender asks for an offer.
    Request,
    /// `offer`: an offer.
    Offer {
        /// The session description.
        sdp: &'a str,
    },
    /// `answer`: an answer.
    Answer {
        /// The session description.
        sdp: &'a str,
    },
    /// `candidate`: one trickled ICE candidate.
    Candidate {
        /// The candidate as `candidate:…` (RFC 8839 §5.1). Empty when no further candidates will follow.
        candidate: &'a str,
        /// The mid of the m-line that the candidate belongs to. Empty when the message has none.
        mid: &'a str,
    },
    /// `refused`: the receiver's request was refused.
    Refused {
        /// The reason as a text for people.
        reason: &'a str,
    },
}

/// A signaling message with the name of its receiver or its sender.
///
/// A sender writes the receiver's name. A forwarding server replaces it with the sender's name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The name of the other side. Empty when the message has none.
    pub id: &'a str,
    /// The sender's token. Messages through a forwarding server need it, because the server does not check tokens.
    pub token: Option<&'a str>,
    /// The dialect of the message.
    pub dialect: Dialect,
    /// The contents. `None` for an unknown type, which the receiver ignores.
    pub message: Option<Message<'a>>,
}

impl fmt::Debug for Envelope<'_> {
    /// Says whether there is a token, and never which.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, token, dialect, message } = self;
        let mut shown = f.debug_struct("Envelope");
        shown
            .field("id", id)
            .field("token", &token.is_some())
            .field("dialect", dialect)
            .field("message", message)
            .finish()
    }
}

barertc_wire::opaque_format! { [] Envelope<'_> }

impl<'a> Envelope<'a> {
    /// Reads a message. The call unescapes the strings in place, so it changes `text`.
    ///
    /// # Errors
    /// [`Error::Json`] when `text` is not a JSON object with a `type`, or when a member is missing that the type needs.
    pub fn parse(text: &'a mut [u8]) -> Result<Self, Error> {
        let [id, token, kind, sdp, description, candidate, mid, reason] =
            json::strings(text, ["id", "token", "type", "sdp", "description", "candidate", "mid", "reason"])?;
        let dialect = if sdp.is_none() && description.is_some() { Dialect::Client } else { Dialect::Streamer };
        let sdp = sdp.or(description).ok_or(Error::Json);
        let message = match kind.ok_or(Error::Json)? {
            "request" => Some(Message::Request),
            "offer" => Some(Message::Offer { sdp: sdp? }),
            "answer" => Some(Message::Answer { sdp: sdp? }),
            "candidate" => {
                let candidate = candidate.ok_or(Error::Json)?;
                Some(Message::Candidate { candidate, mid: mid.unwrap_or_default() })
            }
            "refused" => Some(Message::Refused { reason: reason.unwrap_or_default() }),
            _ => None,
        };
        Ok(Self { id: id.unwrap_or_default(), token, dialect, message })
    }

    /// Writes the message as JSON into `out`.
    ///
    /// # Errors
    /// [`Error::NoRoom`] when `out` is too short.
    pub fn write<'o>(&self, out: &'o mut [u8]) -> Result<&'o mut [u8], Error> {
        let mut w = Writer::new(out);
        w.put(b"{\"id\":")?;
        json::write_string(&mut w, self.id)?;
        let mut member = |name: &str, value: &str| {
            w.put(b",\"")?;
            w.put(name.as_bytes())?;
            w.put(b"\":")?;
            json::write_string(&mut w, value)
        };
        if let Some(token) = self.token {
            member("token", token)?;
        }
        let description = match self.dialect {
            Dialect::Streamer => "sdp",
            Dialect::Client => "description",
        };
        match self.message {
            Some(Message::Request) => member("type", "request")?,
            Some(Message::Offer { sdp }) => member("type", "offer").and_then(|()| member(description, sdp))?,
            Some(Message::Answer { sdp }) => member("type", "answer").and_then(|()| member(description, sdp))?,
            Some(Message::Candidate { candidate, mid }) => {
                member("type", "candidate")?;
                member("candidate", candidate)?;
                member("mid", mid)?;
            }
            Some(Message::Refused { reason }) => member("type", "refused").and_then(|()| member("reason", reason))?,
            None => {}
        }
        w.put(b"}")?;
        Ok(w.into_written())
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn both_dialects_are_understood() {
        let mut text = Vec::from(&br#"{"id":"server","type":"answer","sdp":"v=0\r\n"}"#[..]);
        let e = Envelope::parse(&mut text).unwrap();
        assert_eq!((e.id, e.dialect), ("server", Dialect::Streamer));
        assert_eq!(e.message, Some(Message::Answer { sdp: "v=0\r\n" }));

        let mut text = Vec::from(&br#"{"description":"v=0\r\n","type":"offer","id":"x"}"#[..]);
        let e = Envelope::parse(&mut text).unwrap();
        assert_eq!((e.dialect, e.message), (Dialect::Client, Some(Message::Offer { sdp: "v=0\r\n" })));
    }

    #[test]
    fn unknown_types_are_no_error_and_incomplete_ones_are() {
        let parse = |text: &str| Envelope::parse(&mut Vec::from(text)).map(|e| e.message.is_some());
        assert_eq!(parse(r#"{"id":"x","type":"leave","more":[1]}"#), Ok(false));
        for bad in [r#"{"id":"x"}"#, r#"{"type":"offer"}"#, r#"{"type":"offer","sdp":7}"#, r#"{"type":"candidate"}"#] {
            assert_eq!(parse(bad), Err(Error::Json), "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let messages = [
            Message::Request,
            Message::Offer { sdp: "v=0\r\ns=\"\\\r\n" },
            Message::Answer { sdp: "" },
            Message::Candidate { candidate: "candidate:1 1 udp 1 ::1 9 typ host", mid: "0" },
            Message::Refused { reason: "full" },
        ];
        for message in messages {
            for dialect in [Dialect::Streamer, Dialect::Client] {
                let wrote = Envelope { id: "a\"b", token: Some("t"), dialect, message: Some(message) };
                let mut room = [0; 256];
                let read = Envelope::parse(wrote.write(&mut room).unwrap()).unwrap();
                assert_eq!((read.id, read.token, read.message), (wrote.id, wrote.token, wrote.message));
                assert_eq!(wrote.write(&mut [0; 20]), Err(Error::NoRoom));
            }
        }
    }
}
