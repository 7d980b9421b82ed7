//! The flight of this side: its messages, and their retransmission (RFC 6347 §4.2.4).

use core::time::Duration;

use barertc_arena::{AllocError, Allocator, Box};
use barertc_crypto::Provider;
use barertc_wire::{Instant, NoRoom, Writer, put_at};

use super::ranges::Ranges;
use super::reassembly::{HEADER, header};
use crate::error::Error;
use crate::record::{Records, content};

/// Room for the longest flight of ours, which is a server's: hello, certificate, key exchange, request and Finished.
pub(crate) const CAPACITY: usize = 1_280;

const TOO_LONG: Error = Error::FlightTooLong { limit: CAPACITY };

/// Messages of the longest flight, ChangeCipherSpec included.
const ITEMS: usize = 6;

/// Sent records that are remembered for acknowledgements.
const SENT: usize = 16;

/// Repetitions without an answer after which datagrams are [short](SHORT): some path may let no longer ones through (RFC 9147
/// §4.4).
const UNANSWERED: u8 = 2;

/// Bytes of a short datagram: 576, which every host takes (RFC 1122 §3.3.2), less the headers of IPv4 and UDP.
const SHORT: usize = 548;

/// Less than this of a message isn't worth a fragment at the end of a datagram.
const WORTHWHILE: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Item {
    content: u8,
    epoch: u16,
    start: u16,
    /// Bytes of the whole message, its header included.
    len: u16,
    seq: u16,
    /// What the peer has acknowledged.
    acked: Ranges,
}

impl Item {
    fn body_len(&self) -> u16 {
        self.len.saturating_sub(HEADER as u16)
    }

    /// The next piece at or after `offset` that still has to be sent. A ChangeCipherSpec, and a message without a body,
    /// are one piece.
    fn piece(&self, offset: u16) -> Option<(u16, u16)> {
        if self.content != content::HANDSHAKE || self.body_len() == 0 {
            return (offset == 0 && self.acked.iter().next().is_none()).then_some((0, 1));
        }
        self.acked.gap(offset, self.body_len())
    }
}

/// Which piece of which item went out in a record.
#[derive(Clone, Copy, Debug)]
struct Sent {
    epoch: u16,
    number: u64,
    item: u8,
    start: u16,
    end: u16,
}

/// How far the current flight is written. A default one is at its beginning.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FlightCursor {
    item: usize,
    offset: u16,
}

/// The states of RFC 9147 §5.8.1 (RFC 6347 §4.2.4), after PREPARING.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Nothing to send, or all of it acknowledged.
    Finished,
    Sending(FlightCursor),
    /// Sent; repeated at the deadline. The last flight of a handshake has none: it is repeated when the peer does.
    Waiting(Option<Instant>),
}

/// The messages that we sent last, as long as they may be lost.
#[derive(Debug)]
pub(crate) struct Flight<A: Allocator> {
    bytes: Box<[u8], A>,
    used: usize,
    items: [Option<Item>; ITEMS],
    sent: [Option<Sent>; SENT],
    next_sent: usize,
    /// message_seq of the next message.
    next_seq: u16,
    phase: Phase,
    /// Whether an answer, or an acknowledgement, is to be waited for.
    expects_answer: bool,
    answered: bool,
    timeout: Duration,
    repeats: u8,
    /// The path lets no long datagrams through, as far as can be told.
    is_path_small: bool,
    last_sent: Instant,
}

impl<A: Allocator> Flight<A> {
    pub(crate) fn new(timeout: Duration, alloc: A) -> Result<Self, AllocError> {
        Ok(Self {
            bytes: Box::<[u8], A>::try_zeroed(CAPACITY, alloc)?,
            used: 0,
            items: [None; ITEMS],
            sent: [None; SENT],
            next_sent: 0,
            next_seq: 0,
            phase: Phase::Finished,
            expects_answer: false,
            answered: false,
            timeout,
            repeats: 0,
            is_path_small: false,
            last_sent: Instant::ZERO,
        })
    }

    /// Starts a new flight: the one before has been answered. A flight that had to be repeated leaves its timeout to the
    /// next one (RFC 6347 §4.2.4.1).
    pub(crate) fn begin(&mut self) {
        self.used = 0;
        self.items = [None; ITEMS];
        self.sent = [None; SENT];
        self.repeats = 0;
        self.answered = false;
        self.phase = Phase::Finished;
    }

    /// Adds a message that `write` writes, and returns it with its header, as a transcript takes it.
    pub(crate) fn message(
        &mut self,
        kind: u8,
        epoch: u16,
        write: impl FnOnce(&mut Writer<'_>) -> Result<(), NoRoom>,
    ) -> Result<&[u8], Error> {
        let start = self.used;
        let place = self.items.iter_mut().find(|i| i.is_none()).ok_or(TOO_LONG)?;
        let room = self.bytes.get_mut(start..).ok_or(TOO_LONG)?;
        let mut w = Writer::new(room);
        w.zeros(HEADER).and_then(|()| write(&mut w)).map_err(|_| TOO_LONG)?;
        let len = w.len();
        let body = len.saturating_sub(HEADER);
        w.patch(0, &header(kind, body, self.next_seq, 0, body)).map_err(|_| TOO_LONG)?;
        let (from, size) = (u16::try_from(start), u16::try_from(len));
        let (Ok(from), Ok(size)) = (from, size) else { return Err(TOO_LONG) };
        let seq = self.next_seq;
        *place =
            Some(Item { content: content::HANDSHAKE, epoch, start: from, len: size, seq, acked: Ranges::default() });
        self.next_seq = self.next_seq.checked_add(1).ok_or(Error::KeysExhausted)?;
        self.used = start.saturating_add(len);
        self.bytes.get(start..self.used).ok_or(TOO_LONG)
    }

    /// Adds a ChangeCipherSpec (RFC 5246 §7.1).
    pub(crate) fn change_cipher_spec(&mut self) -> Result<(), Error> {
        let start = self.used;
        *self.bytes.get_mut(start).ok_or(TOO_LONG)? = 1;
        let place = self.items.iter_mut().find(|i| i.is_none()).ok_or(TOO_LONG)?;
        *place = Some(Item {
            content: content::CHANGE_CIPHER_SPEC,
            epoch: 0,
            start: u16::try_from(start).map_err(|_| TOO_LONG)?,
            len: 1,
            seq: 0,
            acked: Ranges::default(),
        });
        self.used = start.saturating_add(1);
        Ok(())
    }

    /// Lets the flight out.
    pub(crate) fn send(&mut self, expects_answer: bool) {
        self.expects_answer = expects_answer;
        self.phase = Phase::Sending(FlightCursor::default());
    }

    /// The `nth` message of the flight with its header: the ClientHello, for a transcript that begins with the answer.
    pub(crate) fn first_message(&self) -> &[u8] {
        let item = self.items.iter().flatten().next();
        item.and_then(|i| self.message_bytes(i)).unwrap_or_default()
    }

    /// The peer has begun to answer, which acknowledges all of it. The timer goes on, since the rest of the answer may
    /// never come.
    pub(crate) fn answered(&mut self) {
        self.answered = true;
    }

    /// Nothing more is expected.
    pub(crate) fn finish(&mut self) {
        self.phase = Phase::Finished;
    }

    /// Whether the peer has begun to answer.
    pub(crate) fn is_answered(&self) -> bool {
        self.answered
    }

    /// Whether every message has been acknowledged or answered, or there is none.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished)
    }

    /// When the flight is to be repeated.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Waiting(deadline) => deadline,
            _ => None,
        }
    }

    /// How long is waited for an answer.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A better guess of how long to wait for an answer; what had to be repeated already knows better.
    pub(crate) fn guess_timeout(&mut self, timeout: Duration) {
        if self.repeats == 0 {
            self.timeout = timeout;
        }
    }

    /// What was sent leaves only now, and is waited for from now on, perhaps for another time.
    pub(crate) fn restart_timer(&mut self, now: Instant, timeout: Option<Duration>) {
        if self.repeats == 0 {
            self.timeout = timeout.unwrap_or(self.timeout);
        }
        if let Phase::Waiting(Some(deadline)) = &mut self.phase {
            *deadline = now + self.timeout;
        }
    }

    /// The deadline has passed: sends again and waits longer; false when it was repeated too often.
    pub(crate) fn repeat(&mut self, now: Instant, longest: Duration, most: u8) -> bool {
        if self.repeats >= most {
            self.phase = Phase::Finished;
            return false;
        }
        self.repeats = self.repeats.saturating_add(1);
        self.timeout = self.timeout.saturating_mul(2).min(longest);
        self.is_path_small |= self.repeats >= UNANSWERED && !self.answered;
        self.phase = match self.answered {
            true => Phase::Waiting(Some(now + self.timeout)),
            false => Phase::Sending(FlightCursor::default()),
        };
        true
    }

    /// The peer has repeated the flight before this one, so part of this one may be lost. At most once in a quarter of
    /// the timeout, or duplicated packets would make the two sides repeat to each other for ever.
    pub(crate) fn peer_repeated(&mut self, now: Instant) {
        let quiet = now.saturating_since(self.last_sent);
        if !self.answered && matches!(self.phase, Phase::Waiting(_)) && quiet.saturating_mul(4) >= self.timeout {
            self.phase = Phase::Sending(FlightCursor::default());
        }
    }

    /// The peer has got this record (RFC 9147 §7.2).
    pub(crate) fn acknowledge(&mut self, epoch: u64, number: u64) -> bool {
        let mut known = false;
        for sent in self.sent.iter().flatten() {
            if u64::from(sent.epoch) == epoch && sent.number == number {
                known = true;
                if let Some(item) = self.items.get_mut(usize::from(sent.item)).and_then(Option::as_mut) {
                    item.acked.insert(sent.start, sent.end);
                }
            }
        }
        known
    }

    /// After acknowledgements: finished when nothing is missing, else what is missing is sent at once.
    pub(crate) fn acknowledged(&mut self) {
        if self.is_finished() {
        } else if self.items.iter().flatten().all(|i| i.piece(0).is_none()) {
            self.phase = Phase::Finished;
        } else if matches!(self.phase, Phase::Waiting(_)) {
            self.phase = Phase::Sending(FlightCursor::default());
        }
    }

    /// Writes the next datagram of the flight.
    pub(crate) fn poll<P: Provider>(
        &mut self,
        now: Instant,
        p: &P,
        records: &mut Records<A, P>,
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let Phase::Sending(mut cursor) = self.phase else { return Ok(0) };
        let most = if self.is_path_small { out.len().min(SHORT) } else { out.len() };
        let out = out.get_mut(..most).unwrap_or_default();
        let len = self.fill(&mut cursor, p, records, out)?;
        self.last_sent = now;
        self.phase = match self.at_end(&cursor) {
            true => Phase::Waiting(self.expects_answer.then(|| now + self.timeout)),
            false => Phase::Sending(cursor),
        };
        Ok(len)
    }

    /// Writes the datagram at the cursor and moves it on, whatever the state of the timer.
    fn fill<P: Provider>(
        &mut self,
        cursor: &mut FlightCursor,
        p: &P,
        records: &mut Records<A, P>,
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let mut used = 0usize;
        while let Some(item) = self.items.get(cursor.item).copied().flatten() {
            let Some((start, end)) = item.piece(cursor.offset) else {
                *cursor = FlightCursor { item: cursor.item.saturating_add(1), offset: 0 };
                continue;
            };
            let room = out.get_mut(used..).unwrap_or_default();
            match self.put(&item, start, end, p, records, room, used == 0)? {
                None => break,
                Some((len, end, number)) => {
                    used = used.saturating_add(len);
                    let index = u8::try_from(cursor.item).unwrap_or(u8::MAX);
                    self.remember(Sent { epoch: item.epoch, number, item: index, start, end });
                    cursor.offset = end;
                }
            }
        }
        Ok(used)
    }

    /// Whether nothing is left to be sent at the cursor.
    fn at_end(&self, cursor: &FlightCursor) -> bool {
        let mut items = self.items.iter().skip(cursor.item).flatten();
        items.next().is_none_or(|i| i.piece(cursor.offset).is_none()) && items.all(|i| i.piece(0).is_none())
    }

    /// Writes one record with as much of `start..end` as fits: its length, how far it came, and its number. `None` when
    /// a new datagram should be begun.
    #[allow(clippy::too_many_arguments)]
    fn put<P: Provider>(
        &self,
        item: &Item,
        start: u16,
        end: u16,
        p: &P,
        records: &mut Records<A, P>,
        out: &mut [u8],
        first: bool,
    ) -> Result<Option<(usize, u16, u64)>, Error> {
        let (front, back) = records.overhead(item.epoch);
        let message = self.message_bytes(item).ok_or(TOO_LONG)?;
        if item.content != content::HANDSHAKE {
            if put_at(out, front, message).is_err() {
                return Ok(None);
            }
            let (len, number) = records.seal(p, item.epoch, item.content, out, message.len())?;
            return Ok(Some((len, 1, number)));
        }
        let overhead = front.saturating_add(back).saturating_add(HEADER);
        let wanted = usize::from(end.min(item.body_len()).saturating_sub(start));
        let room = out.len().checked_sub(overhead);
        let fits = match room {
            Some(room) if room >= wanted => wanted,
            Some(room) if room > 0 && (first || room >= WORTHWHILE) => room,
            // A message without a body needs its header only.
            _ if first => return Err(Error::BufferTooShort { needed: overhead.saturating_add(wanted.min(1)) }),
            _ => return Ok(None),
        };
        let (head, body) = message.split_first_chunk::<HEADER>().ok_or(TOO_LONG)?;
        let from = usize::from(start);
        let piece = body.get(from..from.saturating_add(fits)).ok_or(TOO_LONG)?;
        let kind = head.first().copied().unwrap_or(0);
        let short = Error::BufferTooShort { needed: overhead.saturating_add(fits) };
        let mut w = Writer::new(out);
        w.reserve(front)
            .map(drop)
            .and_then(|()| w.put(&header(kind, body.len(), item.seq, from, fits)))
            .and_then(|()| w.put(piece))
            .map_err(|_| short)?;
        let payload = HEADER.saturating_add(fits);
        let (len, number) = records.seal(p, item.epoch, content::HANDSHAKE, out, payload)?;
        let end = if item.body_len() == 0 { 1 } else { start.saturating_add(fits as u16) };
        Ok(Some((len, end, number)))
    }

    fn message_bytes(&self, item: &Item) -> Option<&[u8]> {
        let start = usize::from(item.start);
        self.bytes.get(start..start.checked_add(usize::from(item.len))?)
    }

    fn remember(&mut self, sent: Sent) {
        let at = self.next_sent;
        if let Some(place) = self.sent.get_mut(at) {
            *place = Some(sent);
        }
        self.next_sent = at.wrapping_add(1).checked_rem(SENT).unwrap_or(0);
    }
}
