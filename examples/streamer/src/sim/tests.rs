//! Simulations of the streamer with viewers.

use core::pin::pin;
use core::time::Duration;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;
use std::{format, println};

use barertc::{ConnectionState, Identity, RustCrypto};
use barertc_arena::{Counting, Global};
use barertc_crypto::selftest::Predictable;
use barertc_littlefs::{Flash, LittleFs, image};
use barertc_media::{Embedded, Storage};
use barertc_signaling::{Message, Peer, Signals};
use embassy_futures::join::join3;

use super::{SimBoard, SimClock, SimViewer, pass};
use crate::app::App;
use crate::player::{Player, Stored};
use crate::settings::Settings;
use crate::signaling::{Handler, OURSELVES, Source};
use crate::{bind_media, report};

const SECOND: Duration = Duration::from_secs(1);
const PAGE: Peer<'_> = Peer { socket: 1, id: "page", token: None };
const SAMPLE: &[u8] = include_bytes!("../../../media/sample.brtc");

/// Runs the application with `storage` and lets `watch` see one viewer of it.
fn with_viewer<S: Storage>(
    clock: &SimClock,
    media: &str,
    storage: &mut S,
    watch: impl FnOnce(&mut dyn FnMut(Duration, &mut SimViewer<'_>), &SimBoard<'_>, &mut SimViewer<'_>),
) {
    let (heap, frames) = (Counting::new(Global), Counting::new(Global));
    with_player(clock, media, &mut Stored(storage), [&heap, &frames], watch);
}

/// Runs the application with any player, and memory that the player may share.
pub(crate) fn with_player<'w>(
    clock: &'w SimClock,
    media: &str,
    player: &mut impl Player<SimBoard<'w>>,
    [heap, frames]: [&'w Counting<Global>; 2],
    watch: impl FnOnce(&mut dyn FnMut(Duration, &mut SimViewer<'_>), &SimBoard<'_>, &mut SimViewer<'_>),
) {
    {
        let [one, two] = [1, 2].map(|seed| Identity::generate(&RustCrypto, &mut Predictable::new(seed)));
        let board = SimBoard::new(clock, heap, frames);
        let mut settings = Settings::loopback(80, media, b"");
        settings.stats = true;
        let app = App::new(&board, &settings, &one).expect("memory for the application");
        let page = Handler { app: &app, source: Source::Page(OURSELVES, None) };
        let mut buffers = barertc_runner::Buffers::<{ crate::MAX_ADDRESSES }>::new();
        let device = async {
            let mut ports = bind_media(&app).await.expect("a socket");
            let network = barertc_runner::run(&mut ports, &mut buffers, &board, &app.viewers, &app.wake);
            let (network, ..) = join3(network, player.play(&app), report::report(&app)).await;
            network.expect("the buffers are large enough");
        };
        let mut device = pin!(device);
        let mut viewer = SimViewer::new(clock.now(), &two).expect("a viewer");
        pass(&mut device, &board, &mut viewer, 2 * SECOND);
        let idle = [heap, frames].map(|h| h.stats().live);

        let (mut offer, mut answer) = (vec![0; 8_192], vec![0; 8_192]);
        let asked = barertc_media::pack::block_on(page.message(PAGE, Message::Request, &mut offer));
        let Some(Message::Offer { sdp }) = asked else { panic!("no offer: {:?}", board.log) };
        let sdp = viewer.answer(clock.now(), sdp, &mut answer).expect("an answer");
        barertc_media::pack::block_on(page.message(PAGE, Message::Answer { sdp }, &mut []));
        watch(&mut |time, viewer| pass(&mut device, &board, viewer, time), &board, &mut viewer);
        viewer.connection.close(clock.now());
        pass(&mut device, &board, &mut viewer, 2 * SECOND);
        assert_eq!([heap, frames].map(|h| h.stats().live), idle, "bytes of a viewer who is gone");
    }
    assert_eq!([heap, frames].map(|h| h.stats().live), [0; 2], "bytes left behind");
}

/// A second of directories: 30 pictures of nine packets, of which the first is a key frame of 40, and 50 sounds.
fn directories() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for n in 0..30_u8 {
        let (len, nal) = if n == 0 { (44_000, 0x65) } else { (9_900, 0x41) };
        let mut unit = vec![0x5a_u8 ^ n; len];
        unit[0] = nal;
        files.push((format!("h264/sample-{n}.h264"), [&(len as u32).to_be_bytes()[..], &unit].concat()));
    }
    files.extend((0..50_u8).map(|n| (format!("opus/sample-{n}.opus"), [&[0xfc], &[n; 159][..]].concat())));
    files
}

/// The library that this project follows once took memory with every packet until a device had none left: ten minutes at
/// 320 packets a second, the history full all the time.
#[test]
fn ten_minutes_take_no_more_memory_than_one() {
    let files = directories();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, content)| (&path[..], &content[..])).collect();
    with_viewer(&SimClock::new(), "", &mut Embedded(&files), |pass, board, viewer| {
        let mut minutes = Vec::new();
        for minute in 0..10 {
            if minute == 1 {
                // Frames are counted from when the history is full.
                board.frames.reset_peak();
            }
            pass(60 * SECOND, viewer);
            minutes.push((board.heap.stats(), board.frames.stats()));
        }
        let packets = board.log.borrow().iter().rev().find_map(|line| {
            let (_, rest) = line.split_once("· sent ")?;
            let numbers: Vec<u64> = rest.split_whitespace().filter_map(|word| word.parse().ok()).collect();
            Some(numbers[0] + numbers[1])
        });
        let per_second = packets.expect("figures in the log") / 600;
        let (first, last) = (minutes[0], minutes[9]);
        println!(
            "{per_second} packets a second; {} frames of video, {} of sound",
            viewer.frames[0].len(),
            viewer.frames[1].len()
        );
        for (n, (heap, frames)) in minutes.iter().enumerate() {
            println!(
                "minute {}: {} bytes in {} blocks, peak {}; frames {} bytes, peak {}",
                n + 1,
                heap.live,
                heap.allocations - heap.frees,
                heap.peak,
                frames.live,
                frames.peak
            );
        }
        assert!(per_second >= 320, "{per_second} packets a second");
        assert!(viewer.frames[0].len() > 17_900 && viewer.frames[1].len() > 29_900);
        assert_eq!(first.0.live, last.0.live, "bytes after one minute and after ten");
        assert_eq!(first.0.peak, last.0.peak);
        assert_eq!(first.0.allocations, last.0.allocations, "nothing is taken while it sends");
        assert_eq!(minutes[1].1.peak, last.1.peak, "frames at the most");
    });
}

/// Flash that needs its time to be asked, and for every byte.
struct Slow<'a> {
    image: &'a [u8],
    clock: &'a SimClock,
    nanos_per_byte: u64,
}

/// To be asked takes a tenth of a millisecond.
const ASKED: Duration = Duration::from_micros(100);

impl Flash for Slow<'_> {
    type Error = core::convert::Infallible;

    fn size(&self) -> u32 {
        self.image.len() as u32
    }

    async fn read(&mut self, offset: u32, buf: &mut [u8]) -> Result<(), Self::Error> {
        let time = Duration::from_nanos(self.nanos_per_byte * buf.len() as u64);
        self.clock.sleep_until(self.clock.now() + ASKED + time).await;
        buf.copy_from_slice(&self.image[offset as usize..][..buf.len()]);
        Ok(())
    }
}

/// The longest time between two of these.
fn longest_pause(times: impl Iterator<Item = barertc_wire::Instant>) -> Duration {
    let times: Vec<_> = times.collect();
    times.windows(2).map(|two| two[1] - two[0]).max().expect("at least two")
}

#[test]
fn slow_flash_holds_up_neither_sound_nor_consent() {
    let image = image::build(4 << 20, 4096, &[("sample.brtc".to_string(), SAMPLE.to_vec())]).expect("room");
    let clock = SimClock::new();
    // 1.4 MB/s: a large key frame takes longer than a picture lasts.
    let flash = Slow { image: &image, clock: &clock, nanos_per_byte: 700 };
    let mut cache = [0; 4096];
    let mut storage = LittleFs::new(flash, 4096, &mut cache);
    with_viewer(&clock, "sample.brtc", &mut storage, |pass, _, viewer| {
        pass(5 * SECOND, viewer);
        let before = viewer.frames.each_ref().map(Vec::len);
        pass(60 * SECOND, viewer);
        let [video, sound] = [0, 1].map(|n| longest_pause(viewer.frames[n][before[n]..].iter().map(|(at, _)| *at)));
        let count = [0, 1].map(|n| viewer.frames[n].len() - before[n]);
        let consent = longest_pause(viewer.consents.iter().copied());
        println!("{count:?} frames in a minute; longest pause: video {video:?}, sound {sound:?}, consent {consent:?}");
        assert!(count[0] > 1_790 && count[1] > 2_990, "{count:?} frames in a minute");
        assert!(sound < Duration::from_millis(45), "sound stood still for {sound:?}");
        assert!(video < Duration::from_millis(150), "the picture stood still for {video:?}");
        assert!(consent < Duration::from_secs(7), "consent was not answered for {consent:?}");
    });
}

/// Flash that is slower than the media: the whole schedule waits for it, nobody is cut off, and nothing piles up.
#[test]
fn flash_that_is_too_slow_delays_the_media_and_nothing_else() {
    let image = image::build(4 << 20, 4096, &[("sample.brtc".to_string(), SAMPLE.to_vec())]).expect("room");
    let clock = SimClock::new();
    let flash = Slow { image: &image, clock: &clock, nanos_per_byte: 20_000 };
    let mut cache = [0; 4096];
    let mut storage = LittleFs::new(flash, 4096, &mut cache);
    with_viewer(&clock, "sample.brtc", &mut storage, |pass, board, viewer| {
        pass(60 * SECOND, viewer);
        let early = board.heap.stats().live;
        pass(60 * SECOND, viewer);
        assert_eq!(board.heap.stats().live, early);
        let consent = longest_pause(viewer.consents.iter().copied());
        println!("{} pictures, {} sounds in two minutes", viewer.frames[0].len(), viewer.frames[1].len());
        assert!(viewer.frames[0].len() > 100, "it goes on, slowly");
        assert!(viewer.messages > 100, "figures come every second");
        assert!(consent < Duration::from_secs(7), "consent was not answered for {consent:?}");
    });
}

/// How long after the viewer is connected its first picture is there, which is a key frame. A second more has passed.
fn connected_to_picture(
    clock: &SimClock,
    pass: &mut dyn FnMut(Duration, &mut SimViewer<'_>),
    viewer: &mut SimViewer<'_>,
) -> Duration {
    while viewer.connection.connection_state() != ConnectionState::Connected {
        pass(Duration::from_millis(1), viewer);
        assert!(clock.now() < barertc_wire::Instant::from_millis(10_000), "not connected");
    }
    let connected = clock.now();
    pass(SECOND, viewer);
    let (first, is_key) = *viewer.frames[0].first().expect("a picture");
    assert!(is_key);
    first - connected
}

/// The key frame is read while the viewer connects, and leaves at once, faster than what follows.
#[test]
fn the_first_picture_is_there_soon() {
    let image = image::build(4 << 20, 4096, &[("sample.brtc".to_string(), SAMPLE.to_vec())]).expect("room");
    let clock = SimClock::new();
    let flash = Slow { image: &image, clock: &clock, nanos_per_byte: 100 };
    let mut cache = [0; 4096];
    let mut storage = LittleFs::new(flash, 4096, &mut cache);
    with_viewer(&clock, "sample.brtc", &mut storage, |pass, _, viewer| {
        let until_picture = connected_to_picture(&clock, pass, viewer);
        let keys = viewer.frames[0].iter().filter(|(_, key)| *key).count();
        println!("connected to picture: {until_picture:?}; {keys} key frames in the first second");
        assert!(until_picture < Duration::from_millis(100), "{until_picture:?}");
        assert_eq!(keys, 1, "key frames in the first second");
    });
}

/// A viewer who is far away sees the small rendition first, and the large one from the next key frame on.
#[test]
fn who_is_far_away_begins_with_the_small_rendition() {
    const SMALL: &[u8] = include_bytes!("../../../media/sample-small.brtc");
    let files = [("sample.brtc".to_string(), SAMPLE.to_vec()), ("sample-small.brtc".to_string(), SMALL.to_vec())];
    let image = image::build(8 << 20, 4096, &files).expect("room");
    let clock = SimClock::new();
    let flash = Slow { image: &image, clock: &clock, nanos_per_byte: 100 };
    let mut cache = [0; 4096];
    let mut storage = LittleFs::new(flash, 4096, &mut cache);
    with_viewer(&clock, "sample.brtc", &mut storage, |pass, board, viewer| {
        viewer.latency = Duration::from_millis(100);
        let until_picture = connected_to_picture(&clock, pass, viewer);
        let bytes = viewer.first_key.expect("a key frame");
        pass(9 * SECOND, viewer);
        let log = board.log.borrow();
        let large = log.iter().position(|line| line.contains("large")).expect("the large rendition");
        println!("connected to picture: {until_picture:?}, {bytes} bytes; line {large} of {}", log.len());
        assert!(bytes < 40_000, "a key frame of {bytes} bytes");
        // Its own round trip: we are connected later than the viewer is.
        assert!(until_picture < Duration::from_millis(230), "{until_picture:?}");
        assert!(log.last().is_some_and(|line| !line.contains("small")), "{log:?}");
        assert!(longest_pause(viewer.frames[0].iter().map(|(at, _)| *at)) < Duration::from_millis(250));
    });
}

/// Who answers each `Ping` at once gets no more than two a second: the game would take all the processor has.
#[test]
fn a_viewer_that_answers_at_once_is_not_asked_at_once() {
    let files = directories();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, content)| (&path[..], &content[..])).collect();
    with_viewer(&SimClock::new(), "", &mut Embedded(&files), |pass, _, viewer| {
        pass(2 * SECOND, viewer);
        let from = viewer.pings;
        pass(20 * SECOND, viewer);
        let pings = viewer.pings - from;
        println!("{pings} pings in 20 s");
        assert!((10..=41).contains(&pings), "{pings} pings");
    });
}
