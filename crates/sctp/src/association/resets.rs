//! The two directions of re-configuration requests (RFC 6525 §5).

use crate::chunk::{ResetOutcome, Response};
use crate::serial::Tsn;

/// Streams that one request names at most, and streams refused that are remembered.
pub(super) const REQUEST: usize = 32;

/// A request of ours that has not been answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) number: u32,
    /// Everything on the streams was sent, and acknowledged, up to here.
    pub(super) last: Tsn,
    /// The peer has said that it is at it.
    pub(super) in_progress: bool,
}

/// Requests of both sides. There is at most one of each at a time (RFC 6525 §5.1.1).
#[derive(Debug)]
pub(super) struct Resets {
    next: u32,
    pub(super) asked: Option<Asked>,
    /// The request is to be sent.
    pub(super) send: bool,
    /// The number that the peer's next request must have.
    pub(super) expected: u32,
    /// What its last request was answered.
    pub(super) last_outcome: ResetOutcome,
    /// The peer's request that waits until everything up to this TSN has come.
    pub(super) deferred: Option<Tsn>,
    /// To be sent.
    pub(super) answer: Option<Response>,
    /// Streams on which the peer sends and for which there is no channel.
    refused: [u16; REQUEST],
    refused_len: usize,
    /// Those of them that the present request names.
    refused_asked: usize,
}

impl Resets {
    pub(super) const fn new(first: Tsn) -> Self {
        Self {
            next: first.0,
            asked: None,
            send: false,
            expected: 0,
            last_outcome: ResetOutcome::Nothing,
            deferred: None,
            answer: None,
            refused: [0; REQUEST],
            refused_len: 0,
            refused_asked: 0,
        }
    }

    pub(super) const fn start(&mut self, peer: Tsn) {
        self.expected = peer.0;
    }

    pub(super) const fn stop(&mut self) {
        self.asked = None;
        self.send = false;
        self.deferred = None;
        self.answer = None;
    }

    /// Starts a request.
    pub(super) const fn ask(&mut self, last: Tsn) {
        self.refused_asked = self.refused_len;
        self.asked = Some(Asked { number: self.next, last, in_progress: false });
        self.next = self.next.wrapping_add(1);
        self.send = true;
    }

    /// Asks for the same under the next number. There are peers that answer a repetition with what they said before
    /// (libwebrtc until 2024).
    pub(super) const fn renumber(&mut self) {
        if let Some(asked) = &mut self.asked {
            asked.number = self.next;
            asked.in_progress = false;
            self.next = self.next.wrapping_add(1);
        }
    }

    /// Streams to name in the next request.
    pub(super) fn refused(&self) -> &[u16] {
        self.refused.get(..self.refused_len).unwrap_or_default()
    }

    /// Streams named in the present request.
    pub(super) fn refused_asked(&self) -> &[u16] {
        self.refused.get(..self.refused_asked).unwrap_or_default()
    }

    /// Remembers that the peer is to be told; false when there is no room for that now.
    pub(super) fn refuse(&mut self, stream: u16) -> bool {
        if self.refused().contains(&stream) {
            return true;
        }
        let Some(slot) = self.refused.get_mut(self.refused_len) else { return false };
        *slot = stream;
        self.refused_len = self.refused_len.saturating_add(1);
        true
    }

    /// The request was answered: those that it named need not be told any more.
    pub(super) fn forget_refused(&mut self) {
        let n = core::mem::take(&mut self.refused_asked);
        self.refused.rotate_left(n.min(REQUEST));
        self.refused_len = self.refused_len.saturating_sub(n);
    }
}
