//! The connections, on one socket, and what they are told.

use barertc::arena::Heap;
use barertc::{
    ChannelId, ConnectionState, Error, Event, Instant, MessageKind, PeerConnection, Route, RustCrypto, Transmit,
};
use barertc_runner::{Connections, Lost};
use heapless::Vec;

use crate::board::Board;
use crate::bounds::{CHANNELS, CONFIG, MESSAGE, PLACES};

/// A connection in the region.
pub(crate) type Peer<'p> = PeerConnection<'p, &'p Heap<'p>, RustCrypto>;

/// Connections with what they have said and not heard back.
pub(crate) struct Guests<'p, B> {
    board: &'p B,
    heap: &'p Heap<'p>,
    guests: Vec<Guest<'p>, PLACES>,
    /// Datagrams that a socket has lost.
    lost: u32,
    /// Datagrams of nobody who is connected.
    strangers: u32,
}

struct Guest<'p> {
    peer: Peer<'p>,
    /// When its offer came.
    since: Instant,
    channels: Vec<Open, CHANNELS>,
}

/// An open channel, and the message that comes on it.
struct Open {
    id: ChannelId,
    message: Vec<u8, MESSAGE>,
    /// The whole message is there, and what it is.
    whole: Option<MessageKind>,
}

impl<'p, B: Board> Guests<'p, B> {
    pub(crate) const fn new(board: &'p B, heap: &'p Heap<'p>) -> Self {
        Self { board, heap, guests: Vec::new(), lost: 0, strangers: 0 }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.guests.is_full()
    }

    /// Takes a connection in. False where there is no place for it. Out of line: it is made on the stack, and then put into its place.
    #[inline(never)]
    pub(crate) fn add(&mut self, now: Instant, peer: Peer<'p>) -> bool {
        self.guests.push(Guest { peer, since: now, channels: Vec::new() }).is_ok()
    }

    /// What has been used of the memory.
    fn report(&self) {
        let (heap, stack) = (self.heap.stats(), self.board.stack());
        self.board.log(format_args!(
            "pages {}, region {} B, peak {} of {} B, stack {} of {} B, lost {}, of strangers {}",
            self.guests.len(),
            heap.live,
            heap.peak,
            heap.capacity,
            stack.peak,
            stack.capacity,
            self.lost,
            self.strangers
        ));
    }
}

impl Guest<'_> {
    /// Takes the events. True if one of them should be known.
    fn events<B: Board>(&mut self, now: Instant, board: &B) -> bool {
        let mut told = false;
        while let Some(event) = self.peer.poll_event() {
            match event {
                Event::ChannelOpen(id) => {
                    // There are as many places as the configuration lets channels be open.
                    let _ = self.channels.push(Open { id, message: Vec::new(), whole: None });
                    let after = now.saturating_since(self.since).as_millis();
                    board.log(format_args!("a channel is open, {after} ms after the offer"));
                    told = true;
                }
                Event::ChannelReadable(id) | Event::ChannelWritable(id) => self.answer(now, id, board),
                Event::ChannelClosed(id) => self.channels.retain(|channel| channel.id != id),
                Event::ConnectionState(state @ (ConnectionState::Connected | ConnectionState::Failed(_))) => {
                    board.log(format_args!("{state:?}"));
                }
                _ => {}
            }
        }
        told
    }

    /// Says back what was said. While a message waits for room nothing is read, and so the page has to wait, too.
    fn answer<B: Board>(&mut self, now: Instant, id: ChannelId, board: &B) {
        let Self { peer, channels, .. } = self;
        let Some(open) = channels.iter_mut().find(|open| open.id == id) else { return };
        loop {
            if let Some(kind) = open.whole {
                match peer.write_channel(now, id, kind, &open.message) {
                    Err(Error::WouldBlock) => return,
                    // A channel that is closed has nobody to hear it.
                    Ok(()) | Err(_) => open.whole = None,
                }
                open.message.clear();
            }
            // A message may come in parts.
            let len = open.message.len();
            let _ = open.message.resize(MESSAGE, 0);
            let read = peer.read_channel(now, id, &mut open.message[len..]);
            open.message.truncate(len + read.as_ref().map_or(0, |read| read.len));
            let Ok(read) = read else { return };
            if read.end_of_message {
                open.whole = Some(read.kind);
            } else if open.message.is_full() {
                // The answer said how long messages may be (`a=max-message-size`, RFC 8841 §6).
                board.log(format_args!("a message is longer than {MESSAGE} B: its channel is closed"));
                let _ = peer.close_channel(now, id);
                return;
            }
        }
    }
}

impl<B: Board> Connections for Guests<'_, B> {
    fn handle(&mut self, now: Instant, route: Route, datagram: &mut [u8]) {
        if let Some(guest) = self.guests.iter_mut().find(|guest| guest.peer.is_for_us(route, datagram)) {
            // What is wrong with it has been counted.
            let _ = guest.peer.handle(now, route, datagram);
        } else {
            self.strangers = self.strangers.saturating_add(1);
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        self.guests.iter_mut().find_map(|guest| guest.peer.poll_transmit(now, out))
    }

    fn timeout(&self) -> Option<Instant> {
        self.guests.iter().filter_map(|guest| guest.peer.timeout()).min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.guests.iter_mut().for_each(|guest| guest.peer.handle_timeout(now));
    }

    fn happened(&mut self, now: Instant) {
        let mut told = false;
        for guest in &mut self.guests {
            told |= guest.events(now, self.board);
        }
        let before = self.guests.len();
        self.guests.retain(|guest| {
            !guest.peer.has_parted() && !matches!(guest.peer.connection_state(), ConnectionState::Failed(_))
        });
        if told || self.guests.len() != before {
            self.report();
        }
    }

    fn lost(&mut self, _: Lost) {
        self.lost = self.lost.saturating_add(1);
    }

    fn uses_stream(&self, _: Route) -> bool {
        false
    }

    fn mtu(&self) -> usize {
        CONFIG.mtu.into()
    }
}
