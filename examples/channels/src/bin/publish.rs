//! Sends the sample's pictures and sound to a WHIP server (RFC 9725): `publish http://ADDRESS:PORT/whip [SECONDS]`.
//!
//! Frames come from a packed file, one at a time and each at its moment; of a live encoder they would come the same way. When
//! the server's path is slower than the pictures, those that there is no room for are left out.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use barertc::{Candidate, Config, Event, Frame, FrameInfo, LocalCodec, MediaKind, RustCrypto, TrackConfig, TrackId};
use barertc_arena::Global;
use barertc_channels::{HostClock, Peer, identity, socket};
use barertc_media::{Disk, FrameKind, Packed, PackedConfig, Schedule};
use barertc_runner::{Buffers, Clock, Driven};
use barertc_signaling::Url;
use barertc_signaling::whip::{self, Published, Session};
use edge_nal::{TcpConnect, io};
use futures_lite::future;
use getrandom::SysRng;
use rand_core::UnwrapErr;

const USAGE: &str = "publish http://ADDRESS:PORT/whip [SECONDS]";
const KINDS: [FrameKind; 2] = [FrameKind::H264, FrameKind::Opus];
/// How long the server may take to answer, and then to connect.
const PATIENCE: Duration = Duration::from_secs(10);

type Connection = Driven<'static, Global, RustCrypto>;

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let url = words.next().context(USAGE)?;
    let seconds = words.next().map(|word| word.parse()).transpose().context(USAGE)?;
    async_io::block_on(publish(&url, seconds.map(Duration::from_secs)))
}

async fn publish(text: &str, length: Option<Duration>) -> Result<()> {
    let url = Url::parse(text).map_err(|error| anyhow!("{text}: {error}"))?;
    if url.secure {
        bail!("{text}: this example has no TLS. `desktop --whip` publishes over https");
    }
    let (clock, mut ports) = (HostClock::start(), [socket().await?]);
    let now = clock.now();
    let mut peer = Peer::new(Config::default(), identity(), Global, &RustCrypto, &mut UnwrapErr(SysRng))?;
    peer.add_local_candidate(now, Candidate::host(ports[0].local))?;
    let video = TrackConfig::sendonly(MediaKind::Video, "0", "sample", [LocalCodec::h264()])?;
    let audio = TrackConfig::sendonly(MediaKind::Audio, "1", "sample", [LocalCodec::opus()])?;
    let tracks = [peer.add_track(now, video)?, peer.add_track(now, audio)?];

    let (mut room, mut reply) = (vec![0; peer.config().max_description_bytes()], vec![0; 8 << 10]);
    let offer = peer.create_offer(now, &mut room)?;
    let mut session = None;
    let asked = async {
        let mut stream = connect(&url).await?;
        match whip::publish(&mut stream, &url, None, offer, &mut session, &mut reply).await {
            Ok(Published::Answer(answer)) => Ok(peer.set_answer(clock.now(), answer)?),
            Ok(Published::Redirect(to)) => bail!("{text} is at {to} now"),
            Err(error) => bail!("{text}: {error}"),
        }
    };
    let late = async {
        clock.sleep_until(clock.now() + PATIENCE).await;
        bail!("{text} does not answer")
    };
    if let Err(error) = future::or(asked, late).await {
        // What it began for us is not left behind.
        end(session).await;
        return Err(error);
    }

    let driven = Driven::<_, _>::new(peer);
    let mut buffers = Buffers::new();
    let network = async { driven.run(&mut ports, &mut buffers, &clock).await.map_err(anyhow::Error::from) };
    // Frames go out until the time is over, or until the connection ends.
    let played = future::or(play(&driven, &clock, tracks, length), watch(&driven));
    let played = async {
        let played = played.await;
        end(session).await;
        driven.with(|peer| peer.close(clock.now()));
        driven.wake();
        // The network goes on until the goodbye is sent.
        while driven.next_event().await.is_some() {}
        played
    };
    let (ended, played) = future::zip(network, played).await;
    ended?;
    println!("{} frames sent to {text}", played?);
    Ok(())
}

/// Reads the sample, and sends each frame when it is due. Returns how many left.
async fn play(driven: &Connection, clock: &HostClock, tracks: [TrackId; 2], length: Option<Duration>) -> Result<u64> {
    let mut disk = Disk::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../media"));
    let mut open = async |kind| Packed::open(&mut disk, "sample.brtc", kind, PackedConfig::default(), Global).await;
    let mut sources = [open(KINDS[0]).await?, open(KINDS[1]).await?];
    let start = clock.now();
    while !driven.with(|peer| peer.is_sending(tracks[0])) {
        if clock.now().saturating_since(start) > PATIENCE {
            bail!("the server takes no pictures");
        }
        clock.sleep_until(clock.now() + Duration::from_millis(5)).await;
    }
    let (begun, mut sent) = (clock.now(), 0);
    let mut schedule = Schedule::new(KINDS.map(FrameKind::clock_rate));
    while length.is_none_or(|length| clock.now().saturating_since(begun) < length) {
        let Some(track) = schedule.poll(clock.now()) else {
            if let Some(due) = schedule.due() {
                clock.sleep_until(due).await;
            }
            continue;
        };
        let read = sources[track].next(&mut disk).await?;
        let timestamp = schedule.advance(track, read.duration) as u32;
        let (format, framing) = (read.kind.payload_format(), read.kind.framing());
        let info = FrameInfo { timestamp, ..FrameInfo::default() };
        let frame = Frame::new(read.data, format, framing, info, Global)?;
        match driven.with(|peer| peer.send_frame(clock.now(), tracks[track], &frame)) {
            Ok(()) => sent += 1,
            Err(barertc::Error::WouldBlock) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(sent)
}

/// Ends with the connection.
async fn watch(driven: &Connection) -> Result<u64> {
    while let Some(event) = driven.next_event().await {
        if let Event::ConnectionState(state) = event {
            println!("connection: {state:?}");
        }
    }
    bail!("the connection has ended")
}

/// Tells the server that there will be no more (RFC 9725 §4.2). One that does not hear it notices by the connection.
async fn end(session: Option<Session>) {
    let Some(session) = session else { return };
    let Ok(url) = Url::parse(session.url()) else { return };
    if let Ok(mut stream) = connect(&url).await {
        let _ = whip::end(&mut stream, &session, None, &mut [0; 4 << 10]).await;
    }
}

async fn connect(url: &Url<'_>) -> Result<impl io::Read + io::Write + use<>> {
    let server = format!("{}:{}", url.host, url.port);
    let server = server.parse().with_context(|| format!("{server} is no address and port"))?;
    Ok(TcpConnect::connect(&edge_nal_std::Stack::new(), server).await?)
}
