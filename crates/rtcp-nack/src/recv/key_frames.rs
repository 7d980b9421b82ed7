//! When a receiver asks for a key frame.

use core::time::Duration;

use barertc_wire::Instant;

/// A key frame is asked for again when none came in this time, then in twice the time, and so on.
const KEY_REQUEST_INTERVAL: Duration = Duration::from_millis(300);
/// So many requests are made for one loss. A source that has not answered by then refreshes its picture by other means.
const KEY_REQUESTS: u32 = 7;

/// Whether a key frame is needed, and how often one was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyFrameRequests {
    /// Something is lost for good and only a key frame helps.
    needed: bool,
    requested: Option<Instant>,
    requests: u32,
    /// No key frame has come out yet, so nothing can be decoded.
    joining: bool,
}

impl KeyFrameRequests {
    pub(super) const fn new(video: bool) -> Self {
        Self { needed: false, requested: None, requests: 0, joining: video }
    }

    /// Nothing can be decoded before the first key frame of a stream that begins; that of video.
    pub(super) const fn join(&mut self, video: bool) {
        self.joining = video;
    }

    /// The stream has begun anew, and is not what was asked about.
    pub(super) const fn forget(&mut self, video: bool) {
        (self.needed, self.requested, self.joining) = (false, None, video);
    }

    /// Something was lost for good: a new round of requests begins unless one is under way.
    pub(super) const fn need(&mut self) {
        if !self.needed {
            (self.needed, self.requests) = (true, 0);
        }
    }

    /// A frame of video came out.
    pub(super) const fn frame(&mut self, key: bool, complete: bool, lost: u32) {
        if complete && key {
            (self.needed, self.requested, self.joining) = (false, None, false);
        } else if !complete || lost > 0 || self.joining {
            self.joining = false;
            self.need();
        }
    }

    /// A request was written. The last one of a round ends it.
    pub(super) const fn sent(&mut self, now: Instant) {
        self.requested = Some(now);
        self.requests = self.requests.saturating_add(1);
        if self.requests >= KEY_REQUESTS {
            self.needed = false;
        }
    }

    /// Whether a request is due.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.timeout().is_some_and(|at| at <= now)
    }

    /// When the next request is due.
    pub(super) fn timeout(&self) -> Option<Instant> {
        self.needed.then(|| self.requested.map_or(Instant::ZERO, |at| at + self.interval()))
    }

    /// Time between the last request and the next.
    fn interval(&self) -> Duration {
        KEY_REQUEST_INTERVAL.saturating_mul(1 << self.requests.saturating_sub(1).min(KEY_REQUESTS))
    }
}
