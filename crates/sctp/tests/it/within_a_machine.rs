//! Two ends on one machine, whose round trip is a few microseconds: no pause is made that a timer would have to end.

use std::time::Duration;

use barertc_sctp::{ChannelConfig, Config, Congestion, Event, MessageKind, Role};
use barertc_wire::Instant;

use crate::support::association;

/// What a transfer took.
#[derive(Debug, PartialEq, Eq)]
struct Effort {
    packets: [usize; 2],
    polls: usize,
    /// How often both ends had nothing to do but to wait.
    waits: usize,
}

/// `count` messages of `size` bytes with `window` of them under way, in packets that take a microsecond each.
fn transfer(congestion: Congestion, size: usize, window: usize, count: usize) -> Effort {
    let mut config = Config::with_buffers(1 << 20, 1 << 20);
    config.congestion = congestion;
    let ((mut a, _a), (mut b, _b)) = (association(config.clone(), 1), association(config, 2));
    let mut now = Instant::from_millis(1);
    a.set_role(now, Role::Client);
    b.set_role(now, Role::Server);
    a.connect(now);
    b.connect(now);
    let channel = a.open(now, &ChannelConfig::default()).unwrap();
    let mut effort = Effort { packets: [0; 2], polls: 0, waits: 0 };
    let (mut sent, mut got) = (0, 0);
    let mut packet = [0; 1_500];
    while got < count {
        while sent < count && sent - got < window && a.write(now, channel, MessageKind::Binary, &vec![5; size]).is_ok()
        {
            sent += 1;
        }
        let before = effort.packets;
        effort.polls += 1;
        if let Some(len) = a.poll_transmit(now, &mut packet) {
            effort.packets[0] += 1;
            now += Duration::from_micros(1);
            b.handle(now, &mut packet[..len]).unwrap();
        }
        while let Some(len) = b.poll_transmit(now, &mut packet) {
            effort.packets[1] += 1;
            now += Duration::from_micros(1);
            a.handle(now, &mut packet[..len]).unwrap();
        }
        while a.poll_event().is_some() {}
        while let Some(event) = b.poll_event() {
            let Event::Readable(id) = event else { continue };
            while let Ok(read) = b.read_with(now, id, <[u8]>::len) {
                got += usize::from(read.end_of_message);
            }
        }
        if before == effort.packets {
            effort.waits += 1;
            now = now.max(a.timeout().into_iter().chain(b.timeout()).min().expect("something is due"));
            a.handle_timeout(now);
            b.handle_timeout(now);
        }
    }
    effort
}

#[test]
fn paced_takes_what_the_standard_takes() {
    for (size, window, count) in [(100, 1_024, 6_000), (1_024, 32, 2_000), (1_024, 1, 500), (65_536, 16, 64)] {
        let [paced, standard] =
            [Congestion::Paced, Congestion::Rfc9260].map(|congestion| transfer(congestion, size, window, count));
        assert_eq!(paced.waits, 0, "{size} bytes, {window} under way: {paced:?}");
        assert_eq!(paced, standard, "{size} bytes, {window} under way");
    }
}
