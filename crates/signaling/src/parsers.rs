//! The parsers for data of the network, one function each, for fuzzing and for the proof that they cannot panic.
//! Applications do not need them.

use crate::error::Violation;
use crate::whep::{Fragment, Tag};
use crate::{frame, http, whep, ws};

/// Reads a request's head and returns its method, its path, its query and the length of its body.
///
/// # Errors
/// The rule of RFC 9112 that is broken.
pub fn request(head: &[u8]) -> Result<(&str, &str, &str, Option<usize>), Violation> {
    let request = http::parse_request(head)?;
    let _ = (request.fields.bearer(), request.fields.is_type(whep::SDP), request.fields.is_websocket());
    Ok((request.method, request.path, request.query, request.fields.content_length))
}

/// Reads a response's head and returns its status.
///
/// # Errors
/// The rule of RFC 9112 that is broken.
pub fn response(head: &[u8]) -> Result<u16, Violation> {
    Ok(http::parse_response(head)?.status)
}

/// Joins the chunks of a body and returns its length (RFC 9112 §7.1). `None` when the body is incomplete.
///
/// # Errors
/// [`Violation::Chunk`] when a chunk is malformed.
pub fn chunks(body: &mut [u8]) -> Result<Option<usize>, Violation> {
    let filled = body.len();
    http::dechunk(body, filled, true)
}

/// Reads the header of a WebSocket frame and returns the lengths of the payload and of the header, in bytes (RFC 6455
/// §5.2). The call unmasks the payload behind the header.
///
/// # Errors
/// The rule of RFC 6455 that is broken.
pub fn web_socket_frame(raw: &mut [u8]) -> Result<Option<(u64, usize)>, Violation> {
    let Some(header) = frame::Header::parse(raw)? else { return Ok(None) };
    header.apply_mask(raw.get_mut(header.len..).unwrap_or_default());
    Ok(Some((header.payload, header.len)))
}

/// Reads the code in the payload of a close frame (RFC 6455 §5.5.1).
///
/// # Errors
/// The rule of RFC 6455 that is broken.
pub fn web_socket_close(payload: &[u8]) -> Result<Option<u16>, Violation> {
    ws::close_frame(payload)
}

/// The number of candidates in a fragment of a description (RFC 8840 §9). `None` when the text is no fragment.
pub fn fragment(text: &str) -> Option<usize> {
    let fragment = Fragment::parse(text)?;
    Some(fragment.candidates().count())
}

/// Whether the field `If-Match` allows the change of a session in ICE generation `number` (RFC 9110 §13.1.1).
pub fn if_match(field: &str, number: u32) -> bool {
    whep::if_match(field, Tag::of(number)) != whep::Match::Other
}
