//! DTLS in STUN: a peer that knows the password says whatever it likes in the two attributes. Nothing panics, and every
//! acknowledgement of ours is of whole checksums, for one that is not ends a browser's tab.
#![no_main]

use std::net::SocketAddr;
use std::sync::OnceLock;

use barertc::ice::stun::{Builder, Class, Message, Method, TransactionId, attr};
use barertc::{Candidate, Config, Identity, Instant, PeerConnection, Route, RustCrypto};
use barertc_arena::Global;
use barertc_crypto::HmacSha1Key;
use barertc_crypto::selftest::Predictable;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

const ACK: u16 = 0xC071;
const DATA: u16 = 0xC070;

#[derive(Arbitrary, Debug)]
struct Said<'a> {
    /// A response to the last check of ours, or a check.
    response: bool,
    id: u8,
    acks: Option<&'a [u8]>,
    data: Option<&'a [u8]>,
    after: u8,
}

fn identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| Identity::generate(&RustCrypto, &mut Predictable::new(1)))
}

fuzz_target!(|said: (bool, Vec<Said<'_>>)| {
    let (answered, said) = said;
    let [ours, theirs] = [1, 2].map(|host| SocketAddr::from(([10, 0, 0, host], 4_000)));
    let mut now = Instant::from_millis(1);
    let config = Config { snap: true, sped: true, ..Config::default() };
    let mut rng = Predictable::new(2);
    let mut peer = PeerConnection::new(config.clone(), identity(), Global, &RustCrypto, &mut rng).expect("memory");
    let mut other = PeerConnection::new(config, identity(), Global, &RustCrypto, &mut rng).expect("memory");
    peer.add_local_candidate(now, Candidate::host(ours)).expect("room");
    other.add_local_candidate(now, Candidate::host(theirs)).expect("room");
    peer.add_data(now).expect("room");
    other.add_data(now).expect("room");
    let (mut offer, mut answer) = ([0; 4_096], [0; 4_096]);
    let offer = peer.create_offer(now, &mut offer).expect("an offer");
    let answer = other.create_answer(now, offer, &mut answer).expect("an answer");
    if answered {
        peer.set_answer(now, answer).expect("it fits");
    }
    let value = |sdp: &str, name: &str| {
        sdp.lines().find_map(|line| Some(line.strip_prefix(name)?.to_owned())).expect("it is there")
    };
    let user = format!("{}:{}", value(offer, "a=ice-ufrag:"), value(answer, "a=ice-ufrag:"));
    let [request_key, response_key] = [offer, answer].map(|sdp| value(sdp, "a=ice-pwd:"));
    let mut last = TransactionId([0; 12]);
    let mut out = [0; 1_500];
    for said in said {
        while let Some(sent) = peer.poll_transmit(now, &mut out) {
            let Ok(message) = Message::parse(&out[..sent.len]) else { continue };
            if message.class() == Class::Request {
                last = message.id();
            }
            assert!(message.get(ACK).is_none_or(|acks| acks.len() % 4 == 0 && acks.len() <= 16));
        }
        let (class, id, key) = match said.response {
            true => (Class::Success, last, &response_key),
            false => (Class::Request, TransactionId([said.id; 12]), &request_key),
        };
        let write = |out: &mut [u8]| {
            let mut b = Builder::new(out, class, Method::BINDING, id)?;
            match said.response {
                true => b.xor_address(attr::XOR_MAPPED_ADDRESS, ours)?,
                false => {
                    b.bytes(attr::USERNAME, user.as_bytes())?;
                    b.u32(attr::PRIORITY, 1)?;
                    b.u64(attr::ICE_CONTROLLED, 1)?;
                }
            }
            for (kind, value) in [(ACK, said.acks), (DATA, said.data)] {
                if let Some(value) = value {
                    b.bytes(kind, value)?;
                }
            }
            b.integrity(&RustCrypto, &HmacSha1Key::new(key.as_bytes()))?;
            b.fingerprint()
        };
        if let Ok(len) = write(&mut out) {
            let _ = peer.handle(now, Route::udp(ours, theirs), &mut out[..len]);
        }
        now += core::time::Duration::from_millis(said.after.into());
        peer.handle_timeout(now);
        while peer.poll_event().is_some() {}
    }
});
