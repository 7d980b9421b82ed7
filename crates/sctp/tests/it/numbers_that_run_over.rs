//! TSNs and the numbers of reset requests, which begin with the same value (RFC 6525 §4.1), run over their end while packets are
//! lost, doubled and overtaken.

use std::collections::BTreeMap;
use std::time::Duration;

use barertc_arena::{Counting, Global};
use barertc_sctp::{Association, ChannelConfig, ChannelId, Config, Event, MessageKind, Role};

use crate::support::raw::{chunks, word};
use crate::support::{Assoc, Heap, Link, Net, Rng, message, read_all};

const DATA: u8 = 0;
const I_DATA: u8 = 64;
const RE_CONFIG: u8 = 130;
const MS: Duration = Duration::from_millis(1);

/// A generator whose first number, of which an association makes its first TSN, is chosen.
struct First(Option<u32>, Rng);

impl rand_core::TryRng for First {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.0.take().map_or_else(|| self.1.try_next_u32(), Ok)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.1.try_next_u64()
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        self.1.try_fill_bytes(out)
    }
}
impl rand_core::TryCryptoRng for First {}

type Ends = Net<Assoc, Assoc>;

/// Both ends begin with the TSN `first`.
fn pair(first: u32, link: Link, seed: u64) -> Ends {
    let end = |n| {
        let heap: Heap = Box::leak(Box::new(Counting::new(Global)));
        Association::new(Config::new(), heap, &mut First(Some(first), Rng::new(seed + n))).expect("memory")
    };
    let mut net = Net::new(end(1), end(2), link, seed);
    net.left.set_role(net.now, Role::Client);
    net.right.set_role(net.now, Role::Server);
    net.left.connect(net.now);
    net.right.connect(net.now);
    net
}

/// Opens a channel, sends `count` messages by it, closes it. What arrives at the other end must be the same, and its end is heard.
fn one_channel(net: &mut Ends, number: u64, count: u64) {
    let id = net.left.open(net.now, &ChannelConfig::default()).expect("a channel");
    let (mut sent, mut heard, mut there, mut closed) = (0, 0, None::<ChannelId>, [false; 2]);
    let done = net.run_until(MS * 120_000, |net| {
        let now = net.now;
        while sent < count {
            let bytes = message(number, sent, 50 + (sent as usize * 977) % 2_500);
            if net.left.write(now, id, MessageKind::Binary, &bytes).is_err() {
                break;
            }
            sent += 1;
            if sent == count {
                net.left.close(now, id).expect("open");
            }
        }
        closed[0] |= std::iter::from_fn(|| net.left.poll_event()).any(|e| e == Event::ChannelClosed(id));
        while let Some(event) = net.right.poll_event() {
            match event {
                Event::ChannelOpened { id, .. } => there = Some(id),
                Event::ChannelClosed(id) => closed[1] |= Some(id) == there,
                _ => {}
            }
            while let Some((bytes, _)) = there.and_then(|there| read_all(&mut net.right, now, there)) {
                assert_eq!(bytes, message(number, heard, 50 + (heard as usize * 977) % 2_500), "message {heard}");
                heard += 1;
            }
        }
        closed == [true; 2]
    });
    assert!(done && heard == count, "channel {number}: {heard} of {count} messages, closed: {closed:?}");
}

#[test]
fn nothing_is_lost_or_doubled_where_they_do() {
    let paths = [
        Link { delay: MS * 10, ..Link::default() },
        Link { delay: MS * 10, jitter: MS * 15, loss: 80, duplicate: 40, ..Link::default() },
    ];
    for (n, back) in [0, 1, 2, 7, 30, 200].into_iter().enumerate() {
        for link in &paths {
            let first = u32::MAX - back;
            let mut net = pair(first, link.clone(), n as u64);
            net.log = Some(Vec::new());
            for channel in 0..6 {
                one_channel(&mut net, channel, 60);
            }
            // What was seen of each kind of number: before the end, and behind it.
            let mut seen = BTreeMap::<u8, [u32; 2]>::new();
            for (kind, _, value) in net.log.take().expect("a log").iter().flat_map(|(_, packet)| chunks(packet)) {
                let number = match kind {
                    DATA | I_DATA => word(&value, 0),
                    RE_CONFIG if value[1] == 13 => word(&value, 4),
                    _ => continue,
                };
                let kind = if kind == RE_CONFIG { RE_CONFIG } else { DATA };
                seen.entry(kind).or_default()[usize::from(number < 1 << 31)] += 1;
            }
            assert!(seen[&DATA].iter().all(|count| *count > 0), "TSNs from {first} did not run over: {seen:?}");
            let resets = seen[&RE_CONFIG];
            // There are six, at least; with more than that to the end, none runs over.
            assert!(resets[0] > 0 && (back > 5 || resets[1] > 0), "numbers of resets from {first}: {resets:?}");
        }
    }
}
