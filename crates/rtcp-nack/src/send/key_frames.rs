//! When the source of a stream is asked for a key frame.

use core::time::Duration;

use barertc_wire::Instant;

/// A stream that dropped frames asks its source for a key frame at most this often: a key frame is larger than what was
/// too late, and would be later still. A receiver that asks is always heard.
const OWN_KEY_FRAMES: Duration = Duration::from_secs(5);
/// A source that is refused a picture may offer it again for so long; then it counts as dropped.
const RETRY: Duration = Duration::from_millis(100);

/// Whether a key frame is needed, and who says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyFrames {
    /// The source has not been told yet.
    untold: bool,
    /// Frames are dropped up to the next key frame.
    skipping: bool,
    /// One is needed since frames were dropped here, and when one was asked for last for that reason.
    wanted: bool,
    own_request: Option<Instant>,
    /// Since when pictures are refused for want of room.
    refused: Option<Instant>,
    last_fir: Option<u8>,
}

impl KeyFrames {
    pub(super) const fn new() -> Self {
        Self { untold: false, skipping: false, wanted: false, own_request: None, refused: None, last_fir: None }
    }

    /// The receiver asks.
    pub(super) const fn pli(&mut self) {
        self.untold = true;
    }

    /// The receiver asks by a request with a number; whether it is a new one. A repetition keeps its number (RFC 5104 section
    /// 4.3.1.1).
    pub(super) fn fir(&mut self, number: u8) -> bool {
        let new = self.last_fir != Some(number);
        self.last_fir = Some(number);
        self.untold |= new;
        new
    }

    /// Whether the source has to be told; it is by that.
    pub(super) const fn take(&mut self) -> bool {
        core::mem::replace(&mut self.untold, false)
    }

    /// A frame of video was dropped.
    pub(super) const fn dropped(&mut self) {
        if !self.skipping {
            (self.skipping, self.wanted) = (true, true);
        }
    }

    /// Frames are dropped up to the next key frame, which is asked for at once.
    pub(super) const fn begin(&mut self) {
        (self.skipping, self.untold, self.wanted) = (true, true, false);
    }

    /// A picture was queued.
    pub(super) const fn queued(&mut self, key: bool) {
        self.refused = None;
        if key {
            self.wanted = false;
        }
    }

    /// A picture did not fit the queue.
    pub(super) fn refused(&mut self, now: Instant) {
        self.refused.get_or_insert(now);
    }

    /// Frames are sent again.
    pub(super) const fn resume(&mut self) {
        self.skipping = false;
    }

    /// Whether frames are dropped up to the next one.
    pub(super) const fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Asks for the one that is needed since frames were dropped, unless one was asked for just now.
    pub(super) fn ask(&mut self, now: Instant) {
        if self.refused.is_some_and(|at| at + RETRY <= now) {
            (self.refused, self.wanted) = (None, true);
        }
        if self.wanted && self.own_request.is_none_or(|at| at + OWN_KEY_FRAMES <= now) {
            (self.wanted, self.own_request, self.untold) = (false, Some(now), true);
        }
    }
}
