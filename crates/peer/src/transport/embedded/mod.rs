//! DTLS in STUN (SPED, draft-hancke-webrtc-sped): until DTLS is up, connectivity checks and their responses carry its
//! datagrams in two attributes, so that the handshake does not wait for ICE.
//!
//! - DATA has one datagram of DTLS. Those of the last flight take turns, the same bytes again and again, until each is
//!   acknowledged.
//! - ACK has up to four CRC-32 of datagrams that were received. In a response it also acknowledges what the request
//!   carried.
//!
//! As soon as ICE has a path, the same datagrams go that way, too. A peer that puts neither attribute into its first
//! message does not know them: all goes by the path then.

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

use barertc_ice::Attributes;
use barertc_ice::stun::{Class, TransactionId, crc32};
use barertc_sdp::Transport as Description;
use barertc_wire::Instant;
use core::time::Duration;

/// META-DTLS-IN-STUN.
pub(super) const DATA: u16 = 0xC070;
/// META-DTLS-IN-STUN-ACKNOWLEDGEMENT.
pub(super) const ACK: u16 = 0xC071;
/// The ICE options that say so: the draft's, and that of the version that Chromium 156 speaks.
pub(super) const OPTIONS: [&str; 2] = ["sped", "googspedv1"];

/// Whether a description says that its checks carry DTLS.
pub(super) fn carries_dtls(description: &Description<'_>) -> bool {
    OPTIONS.iter().any(|option| description.has_option(option))
}

/// Bytes of a datagram that fits a check with user names of any usual length.
const MTU: usize = 900;
/// Bytes of all datagrams of a flight.
const ROOM: usize = 2_048;
/// DTLS is asked for no datagram in less room.
const LEAST: usize = 200;
/// Datagrams of a flight.
const PIECES: usize = 4;
/// Checksums in an acknowledgement.
const ACKS: usize = 4;
/// Requests of which it is known what they carried.
const REQUESTS: usize = 8;
/// Between two checks that ask for the rest of a ClientHello.
const BETWEEN_FETCHES: Duration = Duration::from_millis(10);
/// How many of them there are.
const FETCHES: u8 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Phase {
    /// Whether the peer knows the attributes is not known.
    Tentative,
    /// It does.
    Confirmed,
    /// DTLS is up, but the peer may not have got all that it needs for that.
    Pending,
    /// Nothing is carried any more. What was not sent by the path still has to be.
    Over,
}

/// A datagram of the last flight.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: u16,
    end: u16,
    checksum: u32,
    /// The peer has it.
    acknowledged: bool,
    /// It has gone by the path.
    left: bool,
}

/// What a request carried. A retransmission may carry something else: then its response does not say which one came.
#[derive(Clone, Copy, Debug)]
struct Request {
    id: TransactionId,
    carried: Option<u32>,
}

#[derive(Debug)]
pub(super) struct Embedded {
    phase: Phase,
    bytes: [u8; ROOM],
    pieces: heapless::Vec<Piece, PIECES>,
    /// The piece whose turn it is.
    turn: usize,
    requests: heapless::Deque<Request, REQUESTS>,
    /// Checksums of what came last, the oldest first.
    received: heapless::Deque<u32, ACKS>,
    /// ICE has had a path.
    has_path: bool,
    /// A check was asked for because there was no path.
    wanted_path: bool,
    /// When to ask for the rest of a ClientHello, and how often still.
    fetch: Option<(Instant, u8)>,
}

impl Embedded {
    pub(super) const fn new() -> Self {
        Self {
            phase: Phase::Tentative,
            bytes: [0; ROOM],
            pieces: heapless::Vec::new(),
            turn: 0,
            requests: heapless::Deque::new(),
            received: heapless::Deque::new(),
            has_path: false,
            wanted_path: false,
            fetch: None,
        }
    }

    fn enter(&mut self, phase: Phase) {
        if self.phase != phase {
            self.phase = phase;
            barertc_wire::trace!("DTLS in checks: {:?}", phase);
        }
    }

    /// Takes over what DTLS has to send now: all of a flight, which takes the place of the one before. `poll` writes a
    /// datagram.
    pub(super) fn collect(&mut self, mut poll: impl FnMut(&mut [u8]) -> Option<usize>) {
        if self.phase == Phase::Over {
            return;
        }
        let mut start = 0usize;
        while ROOM.saturating_sub(start) >= LEAST && !(start > 0 && self.pieces.is_full()) {
            let end = start.saturating_add(MTU).min(ROOM);
            let Some(len) = self.bytes.get_mut(start..end).and_then(&mut poll) else { return };
            if start == 0 {
                self.pieces.clear();
                self.turn = 0;
            }
            let end = start.saturating_add(len);
            let checksum = crc32(self.bytes.get(start..end).unwrap_or_default());
            let (Ok(from), Ok(to)) = (u16::try_from(start), u16::try_from(end)) else { return };
            // There is room, or the loop had ended.
            let _ = self.pieces.push(Piece { start: from, end: to, checksum, acknowledged: false, left: false });
            start = end;
        }
    }

    /// The next datagram that has not gone by the path.
    pub(super) fn poll_path(&mut self, out: &mut [u8]) -> Option<usize> {
        let piece = self.pieces.iter_mut().find(|piece| !piece.left)?;
        piece.left = true;
        let bytes = self.bytes.get(usize::from(piece.start)..usize::from(piece.end))?;
        out.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(bytes.len())
    }

    /// Writes the attributes of a check or response.
    pub(super) fn write(&mut self, class: Class, id: TransactionId, attributes: &mut Attributes<'_, '_>) {
        if self.phase == Phase::Over {
            return;
        }
        let mut acks = [0; ACKS];
        let (front, back) = self.received.as_slices();
        acks.iter_mut().zip(front.iter().chain(back)).for_each(|(place, checksum)| *place = *checksum);
        let acks = acks.get(..self.received.len()).unwrap_or_default();
        if attributes.put_words(ACK, acks).is_err() && attributes.put_words(ACK, &[]).is_err() {
            return;
        }
        let carried = self.put_data(attributes);
        if class == Class::Request {
            self.remember(id, carried);
        }
    }

    /// Puts the datagram whose turn it is, if it fits; its checksum.
    fn put_data(&mut self, attributes: &mut Attributes<'_, '_>) -> Option<u32> {
        let count = self.pieces.len();
        let mut turns = (0..count).map(|i| self.turn.saturating_add(i).checked_rem(count).unwrap_or(0));
        let next = turns.find(|i| self.pieces.get(*i).is_some_and(|piece| !piece.acknowledged));
        let Some((index, piece)) = next.and_then(|i| Some((i, *self.pieces.get(i)?))) else {
            // The draft wants the attribute in each message until DTLS is up.
            if matches!(self.phase, Phase::Tentative | Phase::Confirmed) {
                let _ = attributes.put(DATA, &[]);
            }
            return None;
        };
        self.turn = index.saturating_add(1);
        let bytes = self.bytes.get(usize::from(piece.start)..usize::from(piece.end))?;
        attributes.put(DATA, bytes).ok().map(|()| piece.checksum)
    }

    fn remember(&mut self, id: TransactionId, carried: Option<u32>) {
        if let Some(known) = self.requests.iter_mut().find(|request| request.id == id) {
            if known.carried != carried {
                known.carried = None;
            }
            return;
        }
        if self.requests.is_full() {
            self.requests.pop_front();
        }
        // A place has just become free.
        let _ = self.requests.push_back(Request { id, carried });
    }

    /// An authentic check or response, with the values of its attributes; whether DATA is to be handled.
    pub(super) fn take(&mut self, class: Class, id: TransactionId, data: Option<&[u8]>, acks: Option<&[u8]>) -> bool {
        match (self.phase, data.is_some() || acks.is_some()) {
            (Phase::Over, _) => return false,
            // The peer does not know the attributes, or needs them no more.
            (Phase::Tentative | Phase::Pending, false) => {
                self.enter(Phase::Over);
                return false;
            }
            (Phase::Tentative, true) => self.enter(Phase::Confirmed),
            _ => {}
        }
        if let Some(acks) = acks {
            for checksum in acks.as_chunks().0.iter().map(|bytes| u32::from_be_bytes(*bytes)) {
                self.acknowledge(checksum);
            }
            if class == Class::Success
                && let Some(request) = self.requests.iter().find(|request| request.id == id)
                && let Some(checksum) = request.carried
            {
                self.acknowledge(checksum);
            }
        }
        // RFC 7983 §7: what else came is not DTLS.
        data.is_some_and(|data| matches!(data.first(), Some(20..=63)) && self.received(data))
    }

    fn acknowledge(&mut self, checksum: u32) {
        let named = self.pieces.iter_mut().filter(|piece| piece.checksum == checksum);
        named.for_each(|piece| piece.acknowledged = true);
    }

    /// A datagram of DTLS has come, by whatever way; false when it has come before.
    pub(super) fn received(&mut self, datagram: &[u8]) -> bool {
        let checksum = crc32(datagram);
        if self.received.iter().any(|known| *known == checksum) {
            return false;
        }
        if self.received.is_full() {
            self.received.pop_front();
        }
        // A place has just become free.
        let _ = self.received.push_back(checksum);
        true
    }

    /// ICE has a path; true the first time.
    pub(super) const fn found_path(&mut self) -> bool {
        !core::mem::replace(&mut self.has_path, true)
    }

    pub(super) const fn has_path(&self) -> bool {
        self.has_path
    }

    /// All but the path is there; true the first time.
    pub(super) const fn wants_path(&mut self) -> bool {
        !core::mem::replace(&mut self.wanted_path, true)
    }

    /// DTLS is up. With `heard` the peer has proven that it is there, too: nothing needs to be carried.
    pub(super) fn connected(&mut self, heard: bool) {
        if self.phase != Phase::Over {
            let all = heard || self.pieces.iter().all(|piece| piece.acknowledged);
            self.enter(if all { Phase::Over } else { Phase::Pending });
        }
    }

    /// The peer's description says that it does not know the attributes.
    pub(super) fn refuse(&mut self) {
        if matches!(self.phase, Phase::Tentative) {
            self.enter(Phase::Over);
        }
    }

    /// ICE has begun anew: what was told in the session before is told again (draft-hancke-webrtc-sped).
    pub(super) fn restart(&mut self) {
        if self.phase == Phase::Confirmed {
            self.enter(Phase::Tentative);
        }
        self.requests.clear();
        self.received.clear();
        self.pieces.iter_mut().for_each(|piece| piece.acknowledged = false);
        self.turn = 0;
    }

    /// Whether nothing is carried and nothing waits for the path.
    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over && self.pieces.iter().all(|piece| piece.left)
    }

    // The rest of a ClientHello. A browser's may take two datagrams, and each message carries one: checks of ours are
    // answered with the other one, sooner than the browser checks again.

    /// A ClientHello is waited for, and the peer can be asked for it.
    pub(super) fn begin_fetching(&mut self, now: Instant) {
        if self.fetch.is_none() && matches!(self.phase, Phase::Tentative | Phase::Confirmed) {
            self.fetch = Some((now + BETWEEN_FETCHES, FETCHES));
        }
    }

    /// When to ask again.
    pub(super) fn fetch_at(&self) -> Option<Instant> {
        self.fetch.filter(|(_, left)| *left > 0 && self.phase != Phase::Over).map(|(at, _)| at)
    }

    /// Whether to ask now. `whole`: nothing is missing any more.
    pub(super) fn poll_fetch(&mut self, now: Instant, whole: bool) -> bool {
        let due = self.fetch_at().is_some_and(|at| at <= now);
        match &mut self.fetch {
            Some((_, left)) if whole => *left = 0,
            Some((at, left)) if due => {
                *at = now + BETWEEN_FETCHES;
                *left = left.saturating_sub(1);
                return true;
            }
            _ => {}
        }
        false
    }
}
