//! The connections, on one socket.

use std::net::SocketAddr;

use barertc::{ChannelId, ConnectionState, Event, Instant, MessageKind, Route, Transmit};
use barertc_runner::Connections;
use barertc_signaling::Id;

use crate::app::{App, Channel, Peer};

/// The longest message that is taken, in bytes.
pub(crate) const MESSAGE: usize = 64 << 10;

/// Connections with their programs.
pub(crate) struct Guests<T> {
    /// The address of the socket.
    pub(crate) local: SocketAddr,
    guests: Vec<Guest<T>>,
}

struct Guest<T> {
    /// By this name it is ended.
    session: Id,
    peer: Peer,
    app: T,
    channels: Vec<Open>,
    /// When the program's time is next.
    tick: Option<Instant>,
}

/// An open channel, and the message that comes on it.
struct Open {
    id: ChannelId,
    message: Vec<u8>,
    /// The whole message is there, and what it is.
    whole: Option<MessageKind>,
}

impl<T: App> Guests<T> {
    pub(crate) fn new(local: SocketAddr) -> Self {
        Self { local, guests: Vec::new() }
    }

    pub(crate) fn add(&mut self, now: Instant, session: Id, peer: Peer, app: T) {
        self.guests.push(Guest {
            session,
            peer,
            app,
            channels: Vec::new(),
            tick: T::PERIOD.map(|period| now + period),
        });
    }

    /// Closes the connection of a session; false where there is none.
    pub(crate) fn end(&mut self, now: Instant, session: &str) -> bool {
        let found = self.guests.iter_mut().find(|guest| guest.session == session);
        found.map(|guest| guest.peer.close(now)).is_some()
    }

    pub(crate) fn len(&self) -> usize {
        self.guests.len()
    }
}

impl<T: App> Guest<T> {
    fn events(&mut self, now: Instant) {
        while let Some(event) = self.peer.poll_event() {
            match event {
                Event::ChannelOpen(id) => {
                    self.channels.push(Open { id, message: Vec::new(), whole: None });
                    self.app.opened(&mut Channel { peer: &mut self.peer, id, now });
                }
                Event::ChannelReadable(id) | Event::ChannelWritable(id) => self.read(now, id),
                Event::FrameReceived(track) => self.app.frame(&mut self.peer, track, now),
                Event::ChannelClosed(id) => self.channels.retain(|channel| channel.id != id),
                _ => {}
            }
        }
    }

    /// Reads as long as the program is done with what came. What it does not take, the peer does not send.
    fn read(&mut self, now: Instant, id: ChannelId) {
        let Self { peer, app, channels, .. } = self;
        let Some(open) = channels.iter_mut().find(|open| open.id == id) else { return };
        let mut room = [0; 4_096];
        loop {
            if let Some(kind) = open.whole {
                if !app.message(&mut Channel { peer, id, now }, kind, &open.message) {
                    return;
                }
                (open.whole, open.message) = (None, Vec::new());
            }
            let Ok(read) = peer.read_channel(now, id, &mut room) else { return };
            open.message.extend_from_slice(&room[..read.len]);
            open.whole = read.end_of_message.then_some(read.kind);
        }
    }
}

impl<T: App> Connections for Guests<T> {
    fn handle(&mut self, now: Instant, route: Route, datagram: &mut [u8]) {
        if let Some(guest) = self.guests.iter_mut().find(|guest| guest.peer.is_for_us(route, datagram)) {
            // What is wrong with it has been counted.
            let _ = guest.peer.handle(now, route, datagram);
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        self.guests.iter_mut().find_map(|guest| guest.peer.poll_transmit(now, out))
    }

    fn timeout(&self) -> Option<Instant> {
        self.guests.iter().flat_map(|guest| [guest.peer.timeout(), guest.tick]).flatten().min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        for Guest { peer, app, channels, tick, .. } in &mut self.guests {
            peer.handle_timeout(now);
            while let (Some(at), Some(period)) = (*tick, T::PERIOD)
                && at <= now
            {
                *tick = Some(at + period);
                if let Some(open) = channels.first() {
                    app.tick(&mut Channel { peer, id: open.id, now });
                }
            }
        }
    }

    fn happened(&mut self, now: Instant) {
        self.guests.iter_mut().for_each(|guest| guest.events(now));
        self.guests.retain_mut(|guest| {
            let failed = matches!(guest.peer.connection_state(), ConnectionState::Failed(_));
            let ended = guest.peer.has_parted() || failed;
            if ended {
                guest.app.ended();
            }
            !ended
        });
        for Guest { peer, app, channels, .. } in &mut self.guests {
            for open in channels.iter() {
                app.turn(&mut Channel { peer, id: open.id, now });
            }
        }
    }

    fn uses_stream(&self, _: Route) -> bool {
        false
    }

    fn mtu(&self) -> usize {
        self.guests.iter().map(|guest| guest.peer.config().mtu.into()).max().unwrap_or(0)
    }
}
