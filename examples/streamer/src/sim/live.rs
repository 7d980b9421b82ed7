//! An encoder that obeys, and a link that changes under it.

use core::cell::{Cell, RefCell};
use core::convert::Infallible;
use core::time::Duration;
use std::println;
use std::vec::Vec;

use barertc::ConnectionState;
use barertc_arena::{Counting, Global, Shared};
use barertc_media::{Encoder, EncoderRate, FrameKind, RateConfig, SourceFrame};
use barertc_wire::Instant;

use super::tests::with_player;
use super::{SimClock, SimViewer};
use crate::live::Live;

type Heap<'w> = &'w Counting<Global>;

/// What was asked of an encoder, and when.
#[derive(Default)]
struct Asked {
    rates: RefCell<Vec<(Instant, u64)>>,
    keys: RefCell<Vec<Instant>>,
    made: Cell<u32>,
}

/// Pictures of exactly the rate that was asked for; a key frame is as large as five others.
struct Synthetic<'w> {
    clock: &'w SimClock,
    heap: Heap<'w>,
    asked: &'w Asked,
    next: Instant,
    key: bool,
    rate: EncoderRate,
}

impl<'w> Synthetic<'w> {
    fn new(clock: &'w SimClock, heap: Heap<'w>, asked: &'w Asked, rate: RateConfig) -> Self {
        let rate = EncoderRate { bits_per_second: rate.max, frames_per_second: rate.frames_per_second };
        Self { clock, heap, asked, next: clock.now(), key: true, rate }
    }
}

impl<'w> Encoder<Heap<'w>> for Synthetic<'w> {
    type Error = Infallible;

    fn kind(&self) -> Option<FrameKind> {
        Some(FrameKind::H264)
    }

    async fn next(&mut self) -> Result<SourceFrame<Heap<'w>>, Infallible> {
        self.clock.sleep_until(self.next).await;
        let now = self.clock.now();
        self.next += Duration::from_secs(1) / self.rate.frames_per_second;
        let key = core::mem::take(&mut self.key);
        let usual = (self.rate.bits_per_second / 8 / u64::from(self.rate.frames_per_second)) as usize;
        let len = usual.max(20) * if key { 5 } else { 1 };
        // Parameter sets stand before a key frame.
        let sets: &[u8] = if key { &[0, 0, 0, 2, 0x67, 1, 0, 0, 0, 2, 0x68, 1] } else { &[] };
        let data = Shared::<[u8], _>::try_fill(sets.len() + len + 4, self.heap, |out| {
            out.fill(0x5a);
            let (head, slice) = out.split_at_mut(sets.len());
            head.copy_from_slice(sets);
            slice[..4].copy_from_slice(&(len as u32).to_be_bytes());
            // The second byte tells that it is the first slice.
            slice[4..6].copy_from_slice(&[if key { 0x65 } else { 0x41 }, 0x9a]);
            Ok::<(), barertc_arena::AllocError>(())
        });
        let number = self.asked.made.get();
        self.asked.made.set(number + 1);
        let timestamp = now.as_micros() * 9 / 100;
        let data = data.expect("memory");
        Ok(SourceFrame { data, kind: FrameKind::H264, keyframe: key, number, timestamp, duration: 3_000 })
    }

    fn request_key_frame(&mut self, now: Instant) {
        self.key = true;
        self.asked.keys.borrow_mut().push(now);
    }

    fn set_rate(&mut self, now: Instant, rate: EncoderRate) {
        self.rate = rate;
        self.asked.rates.borrow_mut().push((now, rate.bits_per_second));
    }
}

impl Asked {
    /// What the encoder made at a time.
    fn rate_at(&self, at: Instant, first: u64) -> u64 {
        self.rates.borrow().iter().take_while(|(when, _)| *when <= at).last().map_or(first, |(_, bits)| *bits)
    }
}

/// The longest time between two pictures that were complete, from `from` on.
fn longest_pause(viewer: &SimViewer<'_>, from: Instant, to: Instant) -> Duration {
    let times: Vec<Instant> = viewer.frames[0].iter().map(|(at, _)| *at).filter(|at| (from..to).contains(at)).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(Duration::MAX)
}

/// A link that carries 3 Mbit/s, then 0.5, then 3 again: the encoder follows within two seconds, both ways, and no pause
/// between two pictures is long.
#[test]
fn the_encoder_follows_the_link_within_two_seconds() {
    let (clock, asked) = (SimClock::new(), Asked::default());
    let (heap, frames) = (Counting::new(Global), Counting::new(Global));
    let rate = RateConfig::new(2_500_000);
    let video = Some(Synthetic::new(&clock, &frames, &asked, rate));
    let mut live: Live<_, Synthetic<'_>> = Live { video, sound: None, rate };
    with_player(&clock, "", &mut live, [&heap, &frames], |pass, board, viewer| {
        let mut phase = |link: u64, seconds: u64, viewer: &mut SimViewer<'_>| {
            let begin = board.clock.now();
            viewer.rate = Some(link);
            let mut rates = Vec::new();
            for _ in 0..seconds * 10 {
                pass(Duration::from_millis(100), viewer);
                rates.push(asked.rate_at(board.clock.now(), rate.max));
            }
            println!("{link}: {:?} kbit/s each 100 ms", rates.iter().map(|bits| bits / 1_000).collect::<Vec<_>>());
            let pause = longest_pause(viewer, begin, board.clock.now());
            println!("  longest pause {} ms", pause.as_millis());
            (rates, pause)
        };
        let (begin, _) = phase(3_000_000, 10, viewer);
        // A newcomer's first picture asks the path for more than it carries, and repair packets take their part for a while.
        assert!(begin[30..].iter().all(|bits| *bits >= 1_000_000), "three seconds after it began");
        let (narrow, pause) = phase(500_000, 20, viewer);
        assert!(narrow[3..120].iter().all(|bits| *bits <= 500_000), "0.3 seconds after it became narrow");
        // The estimate grows until a queue does, and is a little too high then.
        assert!(narrow[19..].iter().all(|bits| *bits <= 600_000), "it stays so");
        assert!(narrow[3..].iter().all(|bits| *bits >= 250_000), "what there is, is used");
        assert!(pause <= Duration::from_millis(300), "{pause:?}");
        let (wide, pause) = phase(3_000_000, 10, viewer);
        // Repair packets take their part for a while.
        assert!(wide[25..].iter().all(|bits| *bits >= 1_000_000), "two seconds after it became wide");
        assert!(pause <= Duration::from_millis(300), "{pause:?}");
    });
    // A viewer comes once, and nothing was lost for good.
    println!("{} key frames were asked for", asked.keys.borrow().len());
}

/// An encoder whose frames cannot be sent.
struct Broken<'w> {
    clock: &'w SimClock,
    heap: Heap<'w>,
    kind: FrameKind,
    bytes: &'static [u8],
    next: Instant,
}

impl<'w> Encoder<Heap<'w>> for Broken<'w> {
    type Error = Infallible;

    fn kind(&self) -> Option<FrameKind> {
        Some(self.kind)
    }

    async fn next(&mut self) -> Result<SourceFrame<Heap<'w>>, Infallible> {
        self.clock.sleep_until(self.next).await;
        self.next += Duration::from_millis(500);
        let data = Shared::<[u8], _>::try_from_slice(self.bytes, self.heap).expect("memory");
        Ok(SourceFrame { data, kind: self.kind, keyframe: true, number: 0, timestamp: 0, duration: 0 })
    }

    fn request_key_frame(&mut self, _: Instant) {}

    fn set_rate(&mut self, _: Instant, _: EncoderRate) {}
}

#[test]
fn a_frame_that_cannot_be_sent_is_told() {
    let clock = SimClock::new();
    let (heap, frames) = (Counting::new(Global), Counting::new(Global));
    // A NAL unit that is shorter than its length says, and a packet of no bytes.
    let of = |kind, bytes| Some(Broken { clock: &clock, heap: &frames, kind, bytes, next: clock.now() });
    let (video, sound) = (of(FrameKind::H264, &[0, 0, 0, 9, 0x65]), of(FrameKind::Opus, &[]));
    let mut live = Live { video, sound, rate: RateConfig::new(2_500_000) };
    with_player(&clock, "", &mut live, [&heap, &frames], |pass, board, viewer| {
        pass(Duration::from_secs(2), viewer);
        for track in ["video: ", "audio: "] {
            assert!(board.log.borrow().iter().any(|line| line.starts_with(track)), "{track}{:?}", board.log);
        }
    });
}

/// An encoder that is started again with another codec after two seconds.
struct Switching<'w> {
    clock: &'w SimClock,
    heap: Heap<'w>,
    next: Instant,
    made: u32,
}

impl<'w> Encoder<Heap<'w>> for Switching<'w> {
    type Error = Infallible;

    /// As of a command, which has not begun.
    fn kind(&self) -> Option<FrameKind> {
        None
    }

    async fn next(&mut self) -> Result<SourceFrame<Heap<'w>>, Infallible> {
        self.clock.sleep_until(self.next).await;
        self.next += Duration::from_millis(100);
        self.made += 1;
        let (kind, bytes) = match self.made {
            ..50 => (FrameKind::H264, &[0, 0, 0, 2, 0x65, 0x88][..]),
            _ => (FrameKind::Vp9, &[0x82, 0x49][..]),
        };
        let data = Shared::<[u8], _>::try_from_slice(bytes, self.heap).expect("memory");
        let timestamp = u64::from(self.made) * 9_000;
        Ok(SourceFrame { data, kind, keyframe: true, number: self.made, timestamp, duration: 9_000 })
    }

    fn request_key_frame(&mut self, _: Instant) {}

    fn set_rate(&mut self, _: Instant, _: EncoderRate) {}
}

#[test]
fn viewers_of_another_codec_are_told_goodbye() {
    let clock = SimClock::new();
    let (heap, frames) = (Counting::new(Global), Counting::new(Global));
    let video = Some(Switching { clock: &clock, heap: &frames, next: clock.now(), made: 0 });
    let mut live = Live::<_, Broken<'_>> { video, sound: None, rate: RateConfig::new(2_500_000) };
    with_player(&clock, "", &mut live, [&heap, &frames], |pass, board, viewer| {
        pass(Duration::from_secs(2), viewer);
        assert_eq!(viewer.connection.connection_state(), ConnectionState::Connected);
        assert!(!viewer.frames[0].is_empty(), "pictures of the first codec");
        pass(Duration::from_secs(3), viewer);
        let said = |line: &std::string::String| line == "video is Vp9 now: 1 viewers have to connect again";
        assert!(board.log.borrow().iter().any(said), "{:?}", board.log);
        assert_eq!(viewer.connection.connection_state(), ConnectionState::Closed);
    });
}
