//! `worst_case_bytes` of any configuration is never exceeded, and no more than a quarter above what a full run reaches.

use core::time::Duration;

use crate::support::{Arena, Connection, Identities, Pair, arena, picture};
use barertc::{
    Config, Error, Frame, FrameInfo, Framing, LocalCodec, MediaKind, MessageKind, PayloadFormat, RecvBounds, Shared,
    TrackConfig,
};

const SECOND: Duration = Duration::from_secs(1);

/// What a connection is asked for.
struct Case {
    name: &'static str,
    config: Config,
    /// Tracks of both sides; all send and receive.
    video: u8,
    audio: u8,
    codec: LocalCodec,
}

impl Case {
    fn sound(&self) -> LocalCodec {
        if self.codec.codec == LocalCodec::pcmu().codec { self.codec } else { LocalCodec::opus() }
    }
}

/// As many tracks as fit, in both directions.
fn case(name: &'static str, [video, audio]: [u8; 2], codec: LocalCodec) -> Case {
    let config = Config {
        max_tracks: video + audio,
        recv_video: RecvBounds::video(video),
        recv_audio: RecvBounds::audio(audio),
        ..Config::new()
    };
    Case { name, config, video, audio, codec }
}

fn cases() -> Vec<Case> {
    let mut all = vec![
        case("H.264", [1, 0], LocalCodec::h264()),
        case("H.265", [1, 0], LocalCodec::h265()),
        case("VP8", [1, 0], LocalCodec::vp8()),
        case("VP9", [1, 0], LocalCodec::vp9()),
        case("AV1", [1, 0], LocalCodec::av1()),
        case("G.711", [0, 1], LocalCodec::pcmu()),
        case("video and Opus", [1, 1], LocalCodec::h264()),
        case("five tracks", [4, 1], LocalCodec::h264()),
        case("Opus", [0, 1], LocalCodec::h264()),
        case("no track", [0, 0], LocalCodec::h264()),
    ];
    for (name, max_channels) in [("one channel", 1), ("64 channels", 64)] {
        let mut c = case(name, [1, 0], LocalCodec::h264());
        c.config.sctp.max_channels = max_channels;
        all.push(c);
    }
    for (name, bytes) in [("small channel buffers", 8 << 10), ("large channel buffers", 256 << 10)] {
        let mut c = case(name, [0, 0], LocalCodec::h264());
        c.config.sctp = barertc::config::SctpConfig::with_buffers(bytes, bytes);
        c.config.sctp.mtu = u16::MAX;
        all.push(c);
    }
    for (name, packets, bytes) in [("no history", 0, 0), ("long history", 4_096, 8 << 20)] {
        let mut c = case(name, [1, 0], LocalCodec::h264());
        c.config.video.history.packets = packets;
        c.config.video.history.bytes = bytes;
        all.push(c);
    }
    for (name, repair_packets, repair_window) in [("no repair packets", 0, 0), ("many repair packets", 16, 512)] {
        let mut c = case(name, [1, 1], LocalCodec::h264());
        c.config.video.repair_packets = repair_packets;
        c.config.recv_video.repair_window = repair_window;
        all.push(c);
    }
    for (name, relays) in [("no relay", 0), ("four relays", 4)] {
        let mut c = case(name, [1, 0], LocalCodec::h264());
        c.config.ice.max_relays = relays;
        all.push(c);
    }
    let mut many = case("many candidates", [1, 0], LocalCodec::h264());
    (many.config.ice.max_remote, many.config.ice.max_pairs) = (64, 128);
    all.push(many);
    all
}

/// Connects, sends on everything, restarts ICE and renegotiates: the largest peak of both sides.
fn run(ids: &Identities, case: &Case, seed: u64) -> Result<usize, Error> {
    let [one, two, frames] = [arena(0), arena(0), arena(0)];
    let mut pair = Pair::new(ids, [&one, &two], &case.config, seed)?;
    let mut tracks = Vec::new();
    for side in [&mut pair.offerer, &mut pair.answerer] {
        for n in 0..case.video + case.audio {
            let (kind, codec) =
                if n < case.video { (MediaKind::Video, case.codec) } else { (MediaKind::Audio, case.sound()) };
            let name = format!("track{n}");
            let track = TrackConfig::sendrecv(kind, &name, "stream", [codec])?;
            tracks.push(side.connection.add_track(side.now, track)?);
        }
    }
    tracks.truncate(usize::from(case.video + case.audio));
    let channels = case.config.sctp.max_channels.min(8);
    pair.offerer.add_data()?;
    pair.answerer.add_data()?;
    for n in 0..channels {
        pair.offerer.open(&format!("channel {n}"))?;
    }
    pair.signal()?;
    assert!(pair.connect(), "{}: {:?}", case.name, pair.offerer.events);
    pair.loss = 20;
    for n in 0..10 {
        for (i, track) in tracks.iter().enumerate() {
            let frame = frame(&frames, case, i < case.video.into(), n)?;
            let _ = pair.offerer.connection.send_frame(pair.now, *track, &frame);
            let _ = pair.answerer.connection.send_frame(pair.now, *track, &frame);
        }
        for id in pair.offerer.open_channels() {
            let _ = pair.offerer.connection.write_channel(pair.now, id, MessageKind::Binary, &[0x33; 3_000]);
        }
        pair.pass(SECOND / 10);
        if n == 5 {
            pair.offerer.restart_ice()?;
            pair.signal()?;
        }
    }
    let sent = pair.offerer.sent.len();
    assert!(sent > 20, "{}: {sent} datagrams", case.name);
    drop(pair);
    assert_eq!([&one, &two].map(|a| a.inner().stats().live), [0; 2], "{}", case.name);
    Ok([&one, &two].map(|a| a.inner().stats().peak).into_iter().max().unwrap_or_default())
}

fn frame<'m>(arena: &'m Arena, case: &Case, video: bool, n: u32) -> Result<Frame<&'m Arena>, Error> {
    let (format, bytes) = match (video, case.codec.codec) {
        (false, barertc::Codec::Pcmu) => (PayloadFormat::G711, vec![0xA5; 160]),
        (false, _) => (PayloadFormat::Opus, vec![0xA5; 160]),
        (_, barertc::Codec::Vp8) => (PayloadFormat::Vp8, vec![0x10; 3_000]),
        (_, barertc::Codec::Vp9 { .. }) => {
            (PayloadFormat::Vp9, [&[0x82, 0x49, 0x83, 0x42][..], &[0x5A; 3_000]].concat())
        }
        // One OBU of a frame, whose size stands before it.
        (_, barertc::Codec::Av1 { .. }) => (PayloadFormat::Av1, [&[0x32, 0xB8, 0x17][..], &[0x5A; 3_000]].concat()),
        (_, barertc::Codec::H265 { .. }) => {
            (PayloadFormat::H265, [&[0, 0, 0, 1, 0x26, 1][..], &[0x5A; 3_000]].concat())
        }
        _ => (PayloadFormat::H264, picture(n == 0, 3_000, n.into())),
    };
    let bytes = Shared::<[u8], _>::try_from_slice(&bytes, arena)?;
    let info = FrameInfo { timestamp: n * 9_000, ..FrameInfo::default() };
    Frame::new(bytes, format, Framing::AnnexB, info, arena).map_err(|_| Error::NoMemory)
}

#[test]
fn the_bound_holds_and_is_reached() {
    let ids = Identities::new();
    let mut worst = (0.0, "");
    let cases = cases();
    for (seed, case) in cases.iter().enumerate() {
        let bound = Connection::worst_case_bytes(&case.config);
        let peak = run(&ids, case, seed as u64).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let ratio = bound as f64 / peak as f64;
        println!("{}: at most {bound} bytes, {peak} reached, {ratio:.2} times", case.name);
        assert!(peak <= bound, "{}: {peak} bytes of {bound}", case.name);
        if ratio > worst.0 {
            worst = (ratio, case.name);
        }
    }
    println!(
        "figure: {} configurations, none above its bound, which is at most {:.2} times what was reached ({})",
        cases.len(),
        worst.0,
        worst.1
    );
    assert!(worst.0 <= 1.25, "{}: {:.2} times", worst.1, worst.0);
}
