//! Promise P9: no panic can be reached from the network.
//!
//! Each feature makes one path the program's entry: a function that takes the state and the bytes as arguments, so that
//! nothing is known of them. The panic handler calls a function that exists nowhere. Where a panic can be reached, the
//! program does not link. `cargo xtask no-panic` links one path after the other.
//!
//! Cryptography is [`elsewhere::Elsewhere`]'s here, a provider without ciphers and curves, so that a path is ours alone.
//! What that leaves out is said in `SECURITY.md`.
#![no_std]
#![no_main]

mod elsewhere;

use core::panic::PanicInfo;

/// Promise P1 holds here too.
#[global_allocator]
static NO_GLOBAL_HEAP: barertc_arena::Unlinkable = barertc_arena::Unlinkable;

#[panic_handler]
#[inline(never)]
fn panic(_: &PanicInfo<'_>) -> ! {
    #[cfg(feature = "can-panic")]
    loop {
        core::hint::spin_loop();
    }
    #[cfg(not(feature = "can-panic"))]
    {
        unsafe extern "C" {
            fn a_panic_can_be_reached_but_this_path_must_not_have_one() -> !;
        }
        // SAFETY: the function exists nowhere, so a program that contains the call does not link.
        unsafe { a_panic_can_be_reached_but_this_path_must_not_have_one() }
    }
}

/// The entry of the program: what a path does with bytes. The linker keeps what it reaches and nothing else.
macro_rules! path {
    ($feature:literal, fn($($name:ident: $type:ty),* $(,)?) $body:block) => {
        #[cfg(feature = $feature)]
        #[unsafe(no_mangle)]
        #[allow(improper_ctypes_definitions)]
        pub extern "C" fn _start($($name: $type),*) $body
    };
}

#[allow(dead_code)]
type Memory = &'static barertc_arena::Heap<'static>;
#[allow(dead_code)]
type Crypto = &'static elsewhere::Elsewhere;

path!("broken-promise", fn(bytes: &[u8], at: usize) {
    core::hint::black_box(bytes[at]);
});

path!("wire", fn(bytes: &[u8], len: usize) {
    let mut reader = barertc_wire::Reader::new(bytes);
    while let (Ok(a), Ok(b), Ok(c)) = (reader.u8(), reader.u16(), reader.u32()) {
        core::hint::black_box((a, b, c, reader.take(len).ok()));
    }
});

path!("curves", fn(secret: &[u8; 32], peer: &[u8], digest: &[u8; 32], signature: &[u8; 64], u: &[u8; 32]) {
    use barertc_curves::{p256, x25519};
    if let (Ok(secret), Ok(peer)) = (p256::SecretKey::from_bytes(secret), p256::PublicKey::from_sec1(peer)) {
        core::hint::black_box((secret.public_key().to_sec1(), secret.agree(&peer)));
        core::hint::black_box(peer.verify(digest, signature).is_ok());
        core::hint::black_box(secret.sign_hedged(digest, u));
    }
    core::hint::black_box((x25519::public_key(u), x25519::agree(secret, u).is_ok()));
});

path!("sdp", fn(text: &str, index: usize) {
    if let Ok(session) = barertc_sdp::Session::parse(text) {
        for media in session.media() {
            core::hint::black_box(media);
        }
        if let Ok(transport) = session.transport(index) {
            transport.fingerprints().for_each(|fingerprint| { core::hint::black_box(fingerprint); });
            transport.candidates().for_each(|line| { core::hint::black_box(line); });
        }
    }
});

path!("stun", fn(bytes: &[u8], key: &barertc_crypto::HmacSha1Key) {
    if let Ok(message) = barertc_ice::stun::Message::parse(bytes) {
        for (kind, value) in message.attributes() {
            core::hint::black_box((value, message.xor_address(kind), message.u64(kind), message.text(kind)));
        }
        core::hint::black_box((message.username(), message.error_code(), message.verify(&elsewhere::Elsewhere, key)));
    }
});

path!("rtp", fn(bytes: &[u8], map: &barertc_wire::ExtensionMap) {
    if let Ok(packet) = barertc_rtp::Packet::parse(bytes) {
        core::hint::black_box((packet.extensions(map), packet.payload));
        packet.csrcs().for_each(|source| { core::hint::black_box(source); });
    }
});

path!("rtcp", fn(bytes: &[u8], _unused: usize) {
    for packet in barertc_rtp::rtcp::packets(bytes) {
        core::hint::black_box(&packet);
    }
});

path!("mdns", fn(resolver: &mut barertc_ice::mdns::Resolver<Memory>, now: barertc_wire::Instant, bytes: &[u8]) {
    resolver.handle(now, bytes);
});

path!("frames", fn(buffer: &mut barertc_rtp::JitterBuffer<Memory>, now: barertc_wire::Instant, bytes: &[u8], out: &mut [u8]) {
    if let Ok(packet) = barertc_rtp::Packet::parse(bytes) {
        core::hint::black_box(buffer.insert(now, &packet));
    }
    core::hint::black_box(buffer.poll_frame(now, out));
});

path!("srtp", fn(session: &mut barertc_srtp::Session<Memory, Crypto>, bytes: &mut [u8]) {
    core::hint::black_box(session.unprotect_rtp(bytes)).ok();
    core::hint::black_box(session.unprotect_rtcp(bytes)).ok();
});

path!("nack", fn(stream: &mut barertc_rtcp_nack::RecvStream<Memory>, now: barertc_wire::Instant, bytes: &[u8]) {
    if let Ok(packet) = barertc_rtp::Packet::parse(bytes) {
        stream.handle(now, &packet);
    }
});

path!("sctp", fn(association: &mut barertc_sctp::Association<Memory>, now: barertc_wire::Instant, bytes: &mut [u8]) {
    core::hint::black_box(association.handle(now, bytes)).ok();
});

path!("ice", fn(agent: &mut barertc_ice::Agent<Memory, Crypto>, now: barertc_wire::Instant, route: barertc_ice::Route, bytes: &mut [u8]) {
    core::hint::black_box(agent.handle(now, route, bytes));
});

path!("http", fn(head: &[u8], body: &mut [u8], field: &str, number: u32) {
    use barertc_signaling::parsers;
    core::hint::black_box((parsers::request(head).ok(), parsers::response(head).ok(), parsers::chunks(body).ok()));
    core::hint::black_box((parsers::fragment(field), parsers::if_match(field, number)));
});

path!("url", fn(text: &str, reference: &str) {
    if let Ok(url) = barertc_signaling::Url::parse(text) {
        core::hint::black_box((url.is_local(), url.has_origin_of(&url), url.resolve(reference).ok()));
    }
});

path!("websocket", fn(raw: &mut [u8], payload: &[u8]) {
    use barertc_signaling::parsers;
    core::hint::black_box((parsers::web_socket_frame(raw).ok(), parsers::web_socket_close(payload).ok()));
});

path!("json", fn(text: &mut [u8], out: &mut [u8]) {
    if let Ok(envelope) = barertc_signaling::Envelope::parse(text) {
        core::hint::black_box(envelope.write(out).ok());
    }
});

path!("hosted", fn(driver: &mut barertc_hosted::parsers::Received<Memory>, now: barertc_wire::Instant, transfer: &[u8]) {
    core::hint::black_box(driver.handle(now, transfer));
});

path!("dtls", fn(connection: &mut barertc_dtls::Connection<Memory, Crypto>, now: barertc_wire::Instant, bytes: &mut [u8]) {
    core::hint::black_box(connection.handle(now, bytes, |data| { core::hint::black_box(data); })).ok();
});

path!("tls", fn(client: &mut barertc_tls::Client<'static, Memory, Crypto>, receiver: &mut barertc_tls::Receiver<Memory, Crypto>, rng: &mut barertc_crypto::Generator, bytes: &[u8]) {
    let room = client.room();
    let len = room.len().min(bytes.len());
    room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    client.received(len);
    core::hint::black_box(client.advance(rng)).ok();
    core::hint::black_box(client.waiting().len());
    core::hint::black_box(receiver.room().len());
    receiver.received(len);
    core::hint::black_box(receiver.advance()).ok();
    core::hint::black_box(barertc_tls::TrustAnchors::new(bytes)).ok();
});

path!("peer", fn(connection: &mut barertc::PeerConnection<'static, Memory, Crypto>, now: barertc_wire::Instant, route: barertc_ice::Route, bytes: &mut [u8]) {
    core::hint::black_box(connection.handle(now, route, bytes)).ok();
});

// What follows from what has come: events, frames and messages for the application, and what is sent on.
path!("peer-polls", fn(connection: &mut barertc::PeerConnection<'static, Memory, Crypto>, now: barertc_wire::Instant, track: barertc::TrackId, channel: barertc::ChannelId, out: &mut [u8]) {
    connection.handle_timeout(now);
    core::hint::black_box(connection.poll_event());
    core::hint::black_box(connection.read_frame(now, track, out)).ok();
    core::hint::black_box(connection.read_channel(now, channel, out)).ok();
    core::hint::black_box(connection.poll_transmit(now, out));
    core::hint::black_box(connection.timeout());
});

path!("peer-descriptions", fn(connection: &mut barertc::PeerConnection<'static, Memory, Crypto>, now: barertc_wire::Instant, text: &str, out: &mut [u8]) {
    core::hint::black_box(connection.create_answer(now, text, out)).ok();
    core::hint::black_box(connection.set_answer(now, text)).ok();
    core::hint::black_box(connection.add_remote_candidate(now, text)).ok();
});
