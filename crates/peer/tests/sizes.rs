//! The figures of docs/memory.md.

use crate::util;

use core::mem::size_of;

use barertc::{Config, PeerConnection, RustCrypto};
use barertc_arena::Heap;
use util::{Arena, Identities, Pair, arena, recv_tracks, send_tracks};

/// A connection is moved when it is made and when it is put where it stays: its value must fit a small stack several
/// times.
const LARGEST_VALUE: usize = 2 << 10;

#[test]
fn a_connection_is_small_and_its_memory_is_told_before() {
    type Handle = &'static Heap<'static>;
    let value = size_of::<PeerConnection<'_, Handle, RustCrypto>>();
    println!("PeerConnection {value}, of which Config {}", size_of::<Config>());
    println!("in its allocator:\n  ice::Agent {}", size_of::<barertc_ice::Agent<Handle, &RustCrypto>>());
    println!("  dtls::Connection {}", size_of::<barertc_dtls::Connection<Handle, &RustCrypto>>());
    println!("  srtp::Session {}", size_of::<barertc_srtp::Session<Handle, &RustCrypto>>());
    println!("  sctp::Association {}", size_of::<barertc_sctp::Association<Handle>>());
    println!("SendStream {}", size_of::<barertc_rtcp_nack::SendStream<Handle>>());
    println!("RecvStream {}", size_of::<barertc_rtcp_nack::RecvStream<Handle>>());
    for (name, config) in [
        ("video", Config { recv_video: barertc::RecvBounds::video(1), ..Config::default() }),
        ("audio", Config { recv_audio: barertc::RecvBounds::audio(1), ..Config::default() }),
    ] {
        let more = config.worst_case_bytes::<Handle>() - Config::default().worst_case_bytes::<Handle>();
        println!("  a track that receives {name} adds {more}, reports about arrivals included");
    }
    println!("TrackConfig {}, Event {}", size_of::<barertc::TrackConfig>(), size_of::<barertc::Event>());
    let config = Config::default();
    println!("worst case {}:", config.worst_case_bytes::<Handle>());
    println!("  ice {}", barertc_ice::Agent::<Handle, barertc_crypto::RustCrypto>::worst_case_bytes(&config.ice));
    type Dtls = barertc_dtls::Connection<Handle, &'static RustCrypto>;
    println!("  dtls {}, established {}", Dtls::worst_case_bytes(&config.dtls), Dtls::established_bytes());
    println!(
        "  srtp {}, sctp {}",
        barertc_srtp::Session::<Handle, &RustCrypto>::worst_case_bytes(&config.srtp),
        barertc_sctp::Association::<Handle>::worst_case_bytes(&config.sctp)
    );
    let stream = barertc_rtcp_nack::SendConfig::video(1, 0, barertc::PayloadFormat::H264);
    let stream = barertc_rtcp_nack::SendStream::<Handle>::worst_case_bytes(&stream);
    println!("  each video stream {stream}, events {}", usize::from(config.max_events) * size_of::<barertc::Event>());

    let (ids, one, two) = (Identities::new(), arena(0), arena(0));
    let mut pair = Pair::new(&ids, [&one, &two], &config, 1).expect("enough memory");
    println!("live when made {}", one.inner().stats().live);
    send_tracks(&mut pair.offerer).expect("room");
    pair.offerer.open("chat").expect("room");
    recv_tracks(&mut pair.answerer).expect("room");
    pair.answerer.connection.add_data(&mut pair.answerer.rng).expect("room");
    pair.signal().expect("they agree");
    println!("live when agreed {}", one.inner().stats().live);
    assert!(pair.connect());
    pair.pass(core::time::Duration::from_secs(5));
    let [sender, receiver] = [&one, &two].map(|a| a.inner().stats());
    println!("live when connected: sender {}, receiver {}", sender.live, receiver.live);
    println!("peak: sender {}, receiver {}", sender.peak, receiver.peak);
    let bound = config.worst_case_bytes::<&Arena>();
    assert!(sender.peak <= bound && receiver.peak <= bound);
    assert!(value <= LARGEST_VALUE, "a connection is {value} bytes");
}
