//! Two devices without a browser: `devices [ADDRESS:PORT]` waits, `devices call http://ADDRESS:PORT/whip` calls it.
//!
//! The caller sends its offer by HTTP as a publisher does (WHIP, RFC 9725), says "Hello" on a data channel, hears the answer and
//! ends the connection.

use anyhow::{Context, Result, anyhow, bail};
use barertc::{Candidate, ChannelConfig, Config, Event, MessageKind, RustCrypto};
use barertc_arena::Global;
use barertc_channels::{App, Channel, HostClock, Peer, address, identity, serve, socket};
use barertc_runner::{Buffers, Clock, Driven};
use barertc_signaling::Url;
use barertc_signaling::whip::{Published, publish};
use edge_nal::TcpConnect;
use futures_lite::future;
use getrandom::SysRng;
use rand_core::UnwrapErr;

/// The device that waits.
struct Waiting;

impl App for Waiting {
    fn message(&mut self, channel: &mut Channel<'_>, _: MessageKind, message: &[u8]) -> bool {
        println!("heard: {}", String::from_utf8_lossy(message));
        channel.send(MessageKind::Text, b"Hello, caller").unwrap_or(true)
    }
}

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("call") => async_io::block_on(call(&std::env::args().nth(2).context("call http://ADDRESS:PORT/whip")?)),
        _ => serve(address()?, "devices: call me by POST /whip", || Waiting),
    }
}

async fn call(url: &str) -> Result<()> {
    let url = Url::parse(url).map_err(|error| anyhow!("{url}: {error}"))?;
    let (clock, mut ports) = (HostClock::start(), [socket().await?]);
    let mut peer = Peer::new(Config::default(), identity(), Global, &RustCrypto, &mut UnwrapErr(SysRng))?;
    peer.add_local_candidate(clock.now(), Candidate::host(ports[0].local))?;
    peer.open_channel(clock.now(), &ChannelConfig { label: "devices", ..ChannelConfig::default() })?;
    let (mut room, mut reply) = (vec![0; peer.config().max_description_bytes()], vec![0; 8 << 10]);
    let offer = peer.create_offer(clock.now(), &mut room)?;

    let server = format!("{}:{}", url.host, url.port).parse()?;
    let mut stream = TcpConnect::connect(&edge_nal_std::Stack::new(), server).await?;
    match publish(&mut stream, &url, None, offer, &mut None, &mut reply).await.map_err(|error| anyhow!("{error}"))? {
        Published::Answer(answer) => peer.set_answer(clock.now(), answer)?,
        Published::Redirect(to) => bail!("it is at {to} now"),
    }

    let driven = Driven::<_, _>::new(peer);
    let mut buffers = Buffers::new();
    let network = driven.run(&mut ports, &mut buffers, &clock);
    let (ended, heard) = future::zip(network, talk(&driven, &clock)).await;
    ended?;
    println!("heard: {}", heard?);
    Ok(())
}

/// Says "Hello" and returns the answer.
async fn talk(driven: &Driven<'static, Global, RustCrypto>, clock: &HostClock) -> Result<String> {
    let mut answer = None;
    while let Some(event) = driven.next_event().await {
        match event {
            Event::ChannelOpen(id) => {
                driven.with(|peer| peer.write_channel(clock.now(), id, MessageKind::Text, b"Hello, device"))?;
            }
            Event::ChannelReadable(id) => {
                let mut text = [0; 64];
                let read = driven.with(|peer| peer.read_channel(clock.now(), id, &mut text))?;
                answer = Some(String::from_utf8_lossy(&text[..read.len]).into_owned());
                driven.with(|peer| peer.close(clock.now()));
            }
            _ => {}
        }
    }
    answer.context("the connection ended without an answer")
}
