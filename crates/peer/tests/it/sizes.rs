//! The figures of docs/memory.md.

use core::mem::size_of;

use barertc::dtls::Connection as Dtls;
use barertc::ice::Agent;
use barertc::rtcp_nack::{RecvStream, SendConfig, SendStream};
use barertc::sctp::Association;
use barertc::srtp::Session as Srtp;
use barertc::{Config, PayloadFormat, PeerConnection, RecvBounds, RustCrypto};
use barertc_arena::Heap;

use crate::support::{Connection, Identities, Pair, arena, recv_tracks, send_tracks};

/// A connection is moved when it is made and when it is put where it stays: its value must fit a small stack several
/// times.
const LARGEST_VALUE: usize = 2_032;

type Handle = &'static Heap<'static>;
type Peer = PeerConnection<'static, Handle, RustCrypto>;

/// It can be known when the program is built.
const REGION: usize = Peer::region_bytes(&Config::new());

#[test]
fn a_connection_is_small_and_its_memory_is_told_before() {
    let value = size_of::<Peer>();
    println!("PeerConnection {value}, of which Config {}", size_of::<Config>());
    println!("in its allocator:\n  ice::Agent {}", size_of::<Agent<Handle, &RustCrypto>>());
    println!("  dtls::Connection {}", size_of::<Dtls<Handle, &RustCrypto>>());
    println!("  srtp::Session {}", size_of::<Srtp<Handle, &RustCrypto>>());
    println!("  sctp::Association {}", size_of::<Association<Handle>>());
    println!("SendStream {}", size_of::<SendStream<Handle>>());
    println!("RecvStream {}", size_of::<RecvStream<Handle>>());
    for (name, config) in [
        ("video", Config { recv_video: RecvBounds::video(1), ..Config::default() }),
        ("audio", Config { recv_audio: RecvBounds::audio(1), ..Config::default() }),
    ] {
        let more = Peer::worst_case_bytes(&config) - Peer::worst_case_bytes(&Config::default());
        println!("  a track that receives {name} adds {more}, reports about arrivals included");
    }
    println!("TrackConfig {}, Event {}", size_of::<barertc::TrackConfig>(), size_of::<barertc::Event>());
    let config = Config::default();
    println!("worst case {}, region {REGION}:", Peer::worst_case_bytes(&config));
    println!("  ice {}", Agent::<Handle, &RustCrypto>::worst_case_bytes(&config.ice));
    println!("  dtls {}", Dtls::<Handle, &RustCrypto>::worst_case_bytes(&config.dtls));
    println!("  srtp {}", Srtp::<Handle, &RustCrypto>::worst_case_bytes(&config.srtp));
    println!("  sctp {}", Association::<Handle>::worst_case_bytes(&config.sctp));
    let stream = SendStream::<Handle>::worst_case_bytes(&SendConfig::video(1, 0, PayloadFormat::H264));
    println!("  each video stream {stream}");

    let (ids, one, two) = (Identities::new(), arena(0), arena(0));
    let mut pair = Pair::new(&ids, [&one, &two], &config, 1).expect("enough memory");
    println!("live when made {}", one.inner().stats().live);
    send_tracks(&mut pair.offerer).expect("room");
    pair.offerer.open("chat").expect("room");
    recv_tracks(&mut pair.answerer).expect("room");
    pair.answerer.add_data().expect("room");
    pair.signal().expect("they agree");
    println!("live when agreed {}", one.inner().stats().live);
    assert!(pair.connect());
    pair.pass(core::time::Duration::from_secs(5));
    let [sender, receiver] = [&one, &two].map(|a| a.inner().stats());
    println!("live when connected: sender {}, receiver {}", sender.live, receiver.live);
    println!("peak: sender {}, receiver {}", sender.peak, receiver.peak);
    let bound = Connection::worst_case_bytes(&config);
    assert!(sender.peak <= bound && receiver.peak <= bound);
    assert!(value <= LARGEST_VALUE, "a connection is {value} bytes");
}

/// The region that was told before is enough for a whole session, with the heap's own overhead.
#[test]
fn a_region_of_the_size_that_is_told_serves_a_connection() {
    use barertc_crypto::selftest::Predictable;
    use core::mem::MaybeUninit;
    let mut region = vec![MaybeUninit::uninit(); REGION];
    let heap: Heap = Heap::new(&mut region).expect("large enough");
    let ids = Identities::new();
    let mut rng = Predictable::new(1);
    let connection = PeerConnection::new(Config::new(), &ids.0[0], &heap, &RustCrypto, &mut rng);
    assert!(connection.is_ok());
}
