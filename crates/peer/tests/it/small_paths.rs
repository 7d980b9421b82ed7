//! Paths that carry less than a datagram of the configured size, from the start or from some moment on.

use core::time::Duration;

use crate::support::{Arena, Identities, Pair, arena, picture, receiving, recv_tracks, send_tracks};
use barertc::{ChannelId, Config, Event, FrameInfo, Framing, MessageKind, PayloadFormat, Shared, TrackId};

const SECOND: Duration = Duration::from_secs(1);

/// What of a path of so many bytes is left for UDP's payload, over IPv4 and IPv6. No IPv6 path has less than 1,280 (RFC 8200
/// §5), but an endpoint may be told so.
const PATHS: [usize; 6] = [600 - 28, 600 - 48, 1_000 - 28, 1_000 - 48, 1_280 - 28, 1_280 - 48];

const MESSAGE: usize = 100_000;

struct Session<'m> {
    pair: Pair<'m>,
    frames: &'m Arena,
    video: TrackId,
    channels: [ChannelId; 2],
    shown: u32,
}

impl<'m> Session<'m> {
    fn new(ids: &'m Identities, arenas: [&'m Arena; 2], config: &Config, largest: usize) -> Self {
        let mut pair = Pair::new(ids, [arenas[0]; 2], config, largest as u64).expect("enough memory");
        pair.largest = largest;
        let [video, _] = send_tracks(&mut pair.offerer).expect("room");
        let there = pair.offerer.open("there").expect("room");
        recv_tracks(&mut pair.answerer).expect("room");
        pair.answerer.add_data().expect("room");
        pair.signal().expect("they agree");
        assert!(pair.connect(), "{largest}: {:?}", pair.offerer.events);
        assert!(pair.drive(10 * SECOND, |p| !p.answerer.open_channels().is_empty()), "{largest}");
        let back = pair.answerer.open_channels()[0];
        Self { pair, frames: arenas[1], video, channels: [there, back], shown: 0 }
    }

    /// Shows a picture of its own; its bytes.
    fn show(&mut self, key: bool, len: usize) -> Vec<u8> {
        self.shown += 1;
        let bytes = picture(key, len, self.shown.into());
        let info = FrameInfo { timestamp: self.shown * 3_000, ..FrameInfo::default() };
        let shared = Shared::<[u8], _>::try_from_slice(&bytes, self.frames).expect("memory");
        let frame =
            barertc::Frame::new(shared, PayloadFormat::H264, Framing::AnnexB, info, self.frames).expect("a frame");
        let _ = self.pair.offerer.connection.send_frame(self.pair.now, self.video, &frame);
        bytes
    }

    /// A hundred kilobytes each way, written as room comes, beside pictures. Whether both came whole.
    fn exchange(&mut self, patience: u32, mut each: impl FnMut(&mut Self, u32)) -> bool {
        let messages: [Vec<u8>; 2] = [3, 5].map(|n| (0..MESSAGE).map(|i| (i * n % 251) as u8).collect());
        let mut written = [0; 2];
        self.pair.offerer.messages.clear();
        self.pair.answerer.messages.clear();
        for tick in 0..patience * 30 {
            each(self, tick);
            let now = self.pair.now;
            let sides = [&mut self.pair.offerer, &mut self.pair.answerer];
            for (((side, id), message), written) in
                sides.into_iter().zip(self.channels).zip(&messages).zip(&mut written)
            {
                while *written < MESSAGE {
                    let end = (*written + 5_000).min(MESSAGE);
                    let part = &message[*written..end];
                    if side.connection.write_channel(now, id, MessageKind::Binary, part).is_err() {
                        break;
                    }
                    *written = end;
                }
            }
            self.pair.pass(SECOND / 30);
            let came = |side: &crate::support::Side<'_>| side.messages.iter().map(|(_, m)| m.len()).sum::<usize>();
            if came(&self.pair.offerer) == MESSAGE && came(&self.pair.answerer) == MESSAGE {
                break;
            }
        }
        let all =
            |side: &crate::support::Side<'_>| side.messages.iter().flat_map(|(_, m)| m.clone()).collect::<Vec<_>>();
        all(&self.pair.answerer) == messages[0] && all(&self.pair.offerer) == messages[1]
    }

    fn has_frame(&self, bytes: &[u8]) -> bool {
        self.pair.answerer.frames.iter().any(|(_, _, frame)| frame == bytes)
    }

    fn is_over(&self) -> bool {
        let over = |e: &Event| matches!(e, Event::DataClosed(_));
        self.pair.offerer.events.iter().chain(&self.pair.answerer.events).any(over)
    }
}

#[test]
fn everything_goes_by_a_path_that_is_small_from_the_start() {
    let ids = Identities::new();
    for largest in PATHS {
        let [memory, frames] = [arena(0), arena(0)];
        let mut session = Session::new(&ids, [&memory, &frames], &receiving(), largest);
        let mut sent = vec![session.show(true, 30_000)];
        let whole = session.exchange(30, |session, tick| {
            if tick > 0 && tick % 3 == 0 && tick < 90 {
                sent.push(session.show(false, 2_000));
            }
        });
        assert!(whole && !session.is_over(), "{largest}: {:?}", session.pair.offerer.events);
        session.pair.pass(2 * SECOND);
        let came = sent.iter().filter(|frame| session.has_frame(frame)).count();
        assert_eq!(came, sent.len(), "{largest}: pictures");
        session.pair.pass(30 * SECOND);
        let found = session.pair.offerer.connection.path_mtu();
        let most = largest.min(1_200) as u16;
        assert!(found <= most && (found + 40 > most || found == 548), "{largest}: {found}");
    }
}

/// Chunks that fit the smallest path survive that the path shrinks; pictures come again once the size has followed.
#[test]
fn everything_goes_on_when_the_path_shrinks() {
    let ids = Identities::new();
    for largest in PATHS {
        let [memory, frames] = [arena(0), arena(0)];
        let mut config = receiving();
        config.sctp.max_chunk = 472;
        let mut session = Session::new(&ids, [&memory, &frames], &config, usize::MAX);
        session.pair.pass(SECOND);
        assert_eq!(session.pair.offerer.connection.path_mtu(), 1_200);
        session.show(true, 30_000);
        let mut last = vec![];
        let whole = session.exchange(60, |session, tick| {
            if tick == 1 {
                session.pair.largest = largest;
            }
            session.show(tick % 30 == 0, 2_000);
        });
        assert!(whole && !session.is_over(), "{largest}: {:?}", session.pair.offerer.events);
        for tick in 0..900 {
            last.push(session.show(tick % 30 == 0, 2_000));
            session.pair.pass(SECOND / 30);
        }
        session.pair.pass(SECOND);
        let tail = &last[last.len() - 60..];
        let came = tail.iter().filter(|frame| session.has_frame(frame)).count();
        assert_eq!(came, 60, "{largest}: pictures");
        let found = usize::from(session.pair.offerer.connection.path_mtu());
        assert!(found <= largest && (found + 40 > largest.min(1_200) || found == 548), "{largest}: {found}");
    }
}

/// A chunk that fills its packet cannot be cut again: the application is told, and the connection stays.
#[test]
fn chunks_that_do_not_fit_any_more_are_told() {
    let ids = Identities::new();
    let [memory, frames] = [arena(0), arena(0)];
    let mut session = Session::new(&ids, [&memory, &frames], &receiving(), usize::MAX);
    session.pair.pass(SECOND);
    session.pair.largest = 572;
    let now = session.pair.now;
    let id = session.channels[0];
    session.pair.offerer.connection.write_channel(now, id, MessageKind::Binary, &[7; 3_000]).expect("room");
    let told = |e: &Event| matches!(e, Event::PathMtuExceeded { size } if *size > 572);
    assert!(session.pair.drive(10 * SECOND, |p| p.offerer.events.iter().any(told)));
    let over = Event::DataClosed(Some(barertc::sctp::Failure::PathMtu));
    assert!(session.pair.drive(120 * SECOND, |p| p.offerer.saw(&over)), "{:?}", session.pair.offerer.events);
    assert!(session.pair.offerer.is_connected());
    // A new association knows the path.
    session.pair.pass(30 * SECOND);
    assert!(session.pair.offerer.connection.path_mtu() <= 572);
}

/// Where the size is fixed, nothing is searched and no check is padded.
#[test]
fn a_fixed_size_is_not_searched() {
    let ids = Identities::new();
    let [memory, frames] = [arena(0), arena(0)];
    let config = Config { min_mtu: 1_200, ..receiving() };
    let mut session = Session::new(&ids, [&memory, &frames], &config, usize::MAX);
    session.show(true, 30_000);
    session.pair.pass(20 * SECOND);
    assert_eq!(session.pair.offerer.connection.path_mtu(), 1_200);
    let ice = session.pair.offerer.sent.iter().filter(|(_, sort, _)| *sort == crate::support::Sort::Ice);
    assert!(ice.map(|(_, _, len)| *len).max().unwrap_or(0) < 300);
}
