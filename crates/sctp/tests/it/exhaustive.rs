//! Every way in which the first packets can be lost, doubled or delayed, to a stated depth.
//!
//! Two associations on a virtual clock. Each of the first `DEPTH` packets of a phase, whichever side it is from, arrives,
//! is lost, arrives twice, or arrives behind everything that is on its way. All 4^DEPTH combinations are run, then the
//! network is perfect again.
//!
//! What must hold in each, at every step:
//! - set-up: both sides are established within a minute, each says `Connected` once, and a message gets through;
//! - reset: both sides close the channel, everything written before arrives once and in order, and the stream id is used
//!   again by the next channel, whose first message arrives;
//! - shutdown: both sides are over, nobody has failed, everything written before has arrived, every channel is closed, and
//!   no timer runs;
//! - in all: no memory is taken, and all is given back.
//!
//! `SCTP_DEPTH=n` goes deeper.

use std::collections::VecDeque;
use std::time::Duration;

use barertc_sctp::{Association, ChannelConfig, ChannelId, Config, Event, MessageKind, Role};
use barertc_wire::Instant;

use crate::support::{Assoc, Heap, association};

const DEPTH: u32 = 6;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Arrives,
    Lost,
    Twice,
    Late,
}

/// Two ends, with a packet in a queue each way.
struct World {
    now: Instant,
    ends: [Assoc; 2],
    heaps: [Heap; 2],
    wires: [VecDeque<Vec<u8>>; 2],
    /// What is to become of the next packets.
    fates: VecDeque<Fate>,
    connected: [u32; 2],
    opened: [Vec<ChannelId>; 2],
    closed: [u32; 2],
    read: [Vec<u8>; 2],
}

impl World {
    fn new() -> Self {
        let config = || {
            let mut config = Config::small();
            config.heartbeat_interval = Duration::ZERO;
            config
        };
        let ((a, h), (b, i)) = (association(config(), 1), association(config(), 2));
        let mut world = Self {
            now: Instant::from_millis(1),
            ends: [a, b],
            heaps: [h, i],
            wires: Default::default(),
            fates: VecDeque::new(),
            connected: [0; 2],
            opened: Default::default(),
            closed: [0; 2],
            read: Default::default(),
        };
        world.ends[0].set_role(world.now, Role::Client);
        world.ends[1].set_role(world.now, Role::Server);
        world
    }

    fn send(&mut self) {
        for from in 0..2 {
            let mut room = [0; 1_200];
            while let Some(len) = self.ends[from].poll_transmit(self.now, &mut room) {
                let packet = room[..len].to_vec();
                match self.fates.pop_front().unwrap_or(Fate::Arrives) {
                    Fate::Lost => {}
                    Fate::Arrives => self.wires[1 - from].push_back(packet),
                    Fate::Twice => self.wires[1 - from].extend([packet.clone(), packet]),
                    // Behind the next one.
                    Fate::Late => {
                        let wire = &mut self.wires[1 - from];
                        let at = wire.len();
                        wire.push_back(packet);
                        wire.rotate_right(usize::from(at > 0));
                    }
                }
            }
        }
    }

    fn events(&mut self) {
        for side in 0..2 {
            let end = &mut self.ends[side];
            while let Some(event) = end.poll_event() {
                match event {
                    Event::Connected => self.connected[side] += 1,
                    Event::ChannelOpened { id, .. } => self.opened[side].push(id),
                    Event::ChannelClosed(_) => self.closed[side] += 1,
                    Event::Readable(id) => {
                        let mut room = [0; 64];
                        while let Ok(read) = end.read(self.now, id, &mut room) {
                            self.read[side].extend_from_slice(&room[..read.len]);
                        }
                    }
                    Event::Closed | Event::BufferedAmountLow(_) | Event::Writable(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    /// Packets move, and when none is on its way the clock does; until `done`, within a minute.
    fn run(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = self.now + Duration::from_secs(60);
        loop {
            self.send();
            self.events();
            if done(self) && self.wires.iter().all(VecDeque::is_empty) {
                return;
            }
            let mut moved = false;
            for to in 0..2 {
                if let Some(mut packet) = self.wires[to].pop_front() {
                    self.now += Duration::from_millis(1);
                    let _ = self.ends[to].handle(self.now, &mut packet);
                    moved = true;
                }
            }
            if !moved {
                let at = Instant::earliest(self.ends[0].timeout(), self.ends[1].timeout());
                self.now = self.now.max(at.unwrap_or_else(|| panic!("{what}: nothing will ever happen")));
                self.ends.iter_mut().for_each(|end| end.handle_timeout(self.now));
            }
            assert!(self.now < end, "{what}: not within a minute");
        }
    }

    fn connect(&mut self) {
        self.ends.iter_mut().for_each(|end| end.connect(self.now));
        self.run("set-up", |w| w.ends.iter().all(Association::is_established) && w.connected == [1, 1]);
    }

    fn open(&mut self) -> ChannelId {
        let id = self.ends[0].open(self.now, &ChannelConfig::default()).expect("a channel");
        let before = self.opened[1].len();
        self.run("open", |w| w.opened[1].len() == before + 1 && w.opened[0].contains(&id));
        id
    }

    fn write(&mut self, side: usize, id: ChannelId, message: &[u8]) {
        self.ends[side].write(self.now, id, MessageKind::Binary, message).expect("room");
    }

    fn finish(self) {
        let Self { ends, heaps, .. } = self;
        for (end, heap) in ends.iter().zip(heaps) {
            assert!(heap.stats().peak <= Assoc::worst_case_bytes(&Config::small()), "{:?}", end.stats());
        }
        drop(ends);
        assert!(heaps.iter().all(|heap| heap.stats().live == 0));
    }
}

/// Every sequence of fates of so many packets.
fn every_sequence() -> impl Iterator<Item = VecDeque<Fate>> {
    let depth = std::env::var("SCTP_DEPTH").map_or(DEPTH, |v| v.parse().expect("a number"));
    (0..4u64.pow(depth)).map(move |n| {
        (0..depth)
            .map(|i| match n >> (2 * i) & 3 {
                0 => Fate::Arrives,
                1 => Fate::Lost,
                2 => Fate::Twice,
                _ => Fate::Late,
            })
            .collect()
    })
}

#[test]
fn set_up_survives_everything() {
    for fates in every_sequence() {
        let mut w = World::new();
        w.fates = fates;
        w.connect();
        w.fates.clear();
        let id = w.open();
        w.write(0, id, b"through");
        w.run("a message", |w| w.read[1] == b"through");
        assert_eq!(w.connected, [1, 1]);
        w.finish();
    }
}

#[test]
fn a_reset_survives_everything() {
    for (from_both, fates) in [false, true].into_iter().flat_map(|both| every_sequence().map(move |f| (both, f))) {
        let mut w = World::new();
        w.connect();
        let id = w.open();
        let stream = w.ends[0].channel(id).expect("open").stream;
        w.fates = fates.clone();
        w.write(0, id, b"one ");
        w.write(0, id, b"two");
        w.ends[0].close(w.now, id).expect("open");
        if from_both {
            let there = w.opened[1][0];
            w.ends[1].close(w.now, there).expect("open");
        }
        w.run(&format!("reset {fates:?}"), |w| w.closed == [1, 1]);
        if !from_both {
            assert_eq!(w.read[1], b"one two", "{fates:?}");
        }
        w.fates.clear();
        let next = w.open();
        assert_eq!(w.ends[0].channel(next).expect("open").stream, stream, "the id is used again");
        w.write(0, next, b", three");
        w.run("a message on the next channel", |w| w.read[1].ends_with(b", three"));
        w.finish();
    }
}

#[test]
fn a_shutdown_survives_everything() {
    for (from_both, fates) in [false, true].into_iter().flat_map(|both| every_sequence().map(move |f| (both, f))) {
        let mut w = World::new();
        w.connect();
        let id = w.open();
        let there = w.opened[1][0];
        w.fates = fates.clone();
        w.write(0, id, b"forth");
        w.write(1, there, b"back");
        w.ends[0].shutdown(w.now);
        if from_both {
            w.ends[1].shutdown(w.now);
        }
        w.run(&format!("shutdown {fates:?}"), |w| w.ends.iter().all(Association::is_over));
        assert!(w.ends.iter().all(|end| end.failure().is_none() && end.timeout().is_none()));
        assert_eq!((&w.read[1][..], w.closed), (&b"forth"[..], [1, 1]), "{fates:?}");
        w.finish();
    }
}
