//! The parsers of what a peer sends, one call each: for programs that fuzz them, or that prove that they cannot panic.
//! Applications have no use for them.

use crate::error::Violation;
use crate::whep::{Fragment, Tag};
use crate::{frame, http, whep, ws};

/// A request's head: its method, path and query, and what its fields say about the body.
///
/// # Errors
/// The rule of RFC 9112 that is broken.
pub fn request(head: &[u8]) -> Result<(&str, &str, &str, Option<usize>), Violation> {
    let request = http::parse_request(head)?;
    let _ = (request.fields.bearer(), request.fields.is_type(whep::SDP), request.fields.is_websocket());
    Ok((request.method, request.path, request.query, request.fields.content_length))
}

/// A response's head: its status.
///
/// # Errors
/// The rule of RFC 9112 that is broken.
pub fn response(head: &[u8]) -> Result<u16, Violation> {
    Ok(http::parse_response(head)?.status)
}

/// Joins the chunks of a body, and returns its length once all of it is there (RFC 9112 §7.1).
///
/// # Errors
/// What is not a chunk.
pub fn chunks(body: &mut [u8]) -> Result<Option<usize>, Violation> {
    let filled = body.len();
    http::dechunk(body, filled, true)
}

/// The header of a WebSocket frame: bytes of the payload and of the header (RFC 6455 §5.2). The payload behind it is unmasked.
///
/// # Errors
/// The rule of RFC 6455 that is broken.
pub fn web_socket_frame(raw: &mut [u8]) -> Result<Option<(u64, usize)>, Violation> {
    let Some(header) = frame::Header::parse(raw)? else { return Ok(None) };
    header.apply_mask(raw.get_mut(header.len..).unwrap_or_default());
    Ok(Some((header.payload, header.len)))
}

/// The code in the payload of a close frame (RFC 6455 §5.5.1).
///
/// # Errors
/// The rule of RFC 6455 that is broken.
pub fn web_socket_close(payload: &[u8]) -> Result<Option<u16>, Violation> {
    ws::close_frame(payload)
}

/// How many candidates a fragment of a description has (RFC 8840 §9); `None` when it is no fragment.
pub fn fragment(text: &str) -> Option<usize> {
    let fragment = Fragment::parse(text)?;
    Some(fragment.candidates().count())
}

/// Whether the field `If-Match` lets the change of a session pass (RFC 9110 §13.1.1).
pub fn if_match(field: &str, number: u32) -> bool {
    whep::if_match(field, Tag::of(number)) != whep::Match::Other
}
