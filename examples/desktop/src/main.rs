//! The streamer on a desktop. `barertc-desktop --help` says what it can do.

mod board;
mod child;
mod commands;
#[cfg(feature = "aws-lc")]
mod crypto;
mod ear;
mod feedback;
mod forwarder;
mod guard;
mod live;
mod lookup;
mod media_socket;
mod net;
mod options;
mod record;
mod say;
mod senders;
mod speaker;
mod storage;
#[cfg(feature = "tls")]
mod tls;
mod turn;

use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;

use anyhow::{Context, Result};
use async_signal::{Signal, Signals};
use barertc::Identity;
use barertc_runner::{Buffers, StreamBounds, Streams};
use barertc_streamer::{Board, Forwarder, MAX_ADDRESSES, Settings, Whip};
use futures_lite::{StreamExt, future};

use board::Desktop;
use guard::{Guard, device, host, host_call};
use options::{HELP, Options};
use say::Say;
use storage::{Media, SAMPLE};
use turn::TurnOption;

#[global_allocator]
static GUARD: Guard = Guard;

/// UDP sockets: one for each address, and one for each viewer who needs a relay.
const SOCKETS: usize = MAX_ADDRESSES + 8;

/// TCP and TLS connections to TURN servers: one for each viewer and server.
const STREAMS: usize = 16;

/// TCP connections of viewers: two for each of eight, since one that moves has another one for a while.
const ACCEPTED: usize = 16;

const PAGE: &[u8] = include_bytes!("../../viewer/index.html");

fn main() -> ExitCode {
    let result = match Options::parse() {
        Ok(Some(options)) if options.forwarder => forward(&options),
        Ok(Some(options)) => stream(&options),
        Ok(None) => {
            println!("{HELP}");
            Ok(())
        }
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("barertc-desktop: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn forward(options: &Options) -> Result<()> {
    let mut signals = signals()?;
    forwarder::run(options, async {
        signals.next().await;
    })
}

fn signals() -> Result<Signals> {
    // A terminal that is closed says Hup: commands end with the streamer then, too.
    Signals::new([Signal::Int, Signal::Term, Signal::Hup]).context("listening for Ctrl-C")
}

fn stream(options: &Options) -> Result<()> {
    if let Some(file) = &options.feedback {
        feedback::write_to(file)?;
    }
    let board = Desktop::new(options)?;
    let identity = board.random(|rng| Identity::generate(board.crypto(), rng));
    let (mut media, path) = media(options.media.as_deref())?;
    let mut settings = Settings::loopback(options.listen.port(), &path, PAGE);
    settings.http = options.listen;
    settings.addresses = options.addresses()?.into_iter().take(MAX_ADDRESSES).collect();
    settings.udp_port = options.udp_port;
    settings.advertise = options.advertise;
    settings.ice_tcp = options.ice_tcp;
    settings.token = options.token.as_deref();
    settings.latency = std::time::Duration::from_millis(options.latency.into());
    settings.mtu = options.mtu;
    settings.max_viewers = options.viewers;
    settings.stats = options.stats;
    settings.forwarder = options.signaling.as_ref().map(|(url, address)| Forwarder { address: Some(*address), url });
    let token = options.whip_token.as_deref();
    settings.whip = options.whip.as_ref().map(|(url, address)| Whip { address: Some(*address), url, token });
    settings.record = options.record.is_some();
    settings.listen = options.speaker.is_some();
    settings.stun = options.stun;
    settings.turn = options.turn.iter().map(TurnOption::server).collect();
    settings.relay_only = options.relay_only;

    let before = board.psram_stats().live;
    let mut signals = signals()?;
    let stop = host(async {
        signals.next().await;
    });
    let ready = |address| host_call(|| announce(address, options));
    let mut buffers = Box::new(Buffers::<SOCKETS>::new());
    {
        let streams = Streams::<_, STREAMS, ACCEPTED>::accepting(StreamBounds::new(), board.psram("signaling"));
        let speaking = async {
            match &options.speaker {
                Some(command) => match speaker::play(&board, command).await {},
                None => future::pending().await,
            }
        };
        if let Some(mut live) = live::encoders(&board, options) {
            let app = pin!(barertc_streamer::run_live(
                &board,
                &settings,
                &identity,
                &mut live,
                &mut buffers,
                &streams,
                ready,
                stop
            ));
            async_io::block_on(future::or(device(app), speaking))?;
        } else {
            let app = pin!(barertc_streamer::run(
                &board,
                &settings,
                &identity,
                &mut media,
                &mut buffers,
                &streams,
                ready,
                stop
            ));
            async_io::block_on(future::or(device(app), speaking))?;
        }
    }
    board.finish().context("--record")?;
    let after = board.psram_stats();
    if board.refused() > 0 {
        Say::new(options).log(format_args!(
            "{} datagrams and connections of other machines were dropped: without --token only this one may connect",
            board.refused()
        ));
    }
    if options.stats {
        Say::new(options).log(format_args!(
            "large memory: {} B in use before, {} B after, {} B at most",
            before, after.live, after.peak
        ));
    }
    Ok(())
}

fn announce(address: std::net::SocketAddr, options: &Options) {
    let host = if address.ip().is_unspecified() {
        let first = options.addresses().ok().and_then(|all| all.first().copied());
        first.unwrap_or(address.ip())
    } else {
        address.ip()
    };
    let token = options.token.as_ref().map(|token| format!("?token={}", encoded(token))).unwrap_or_default();
    let address = std::net::SocketAddr::new(host, address.port());
    Say::new(options).ready(&format!("http://{address}/{token}"));
}

/// As it stands in an address (RFC 3986 §2.1).
fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// The storage, and the path in it.
fn media(path: Option<&Path>) -> Result<(Media, String)> {
    let Some(path) = path else { return Ok((Media::sample(), SAMPLE.into())) };
    if path.is_dir() {
        return Ok((Media::disk(path), String::new()));
    }
    let name = path.file_name().and_then(|name| name.to_str()).context("--media: the file's name is not UTF-8")?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((Media::disk(folder), name.into()))
}
