//! A TLS client and a hostile server: any bytes in any pieces. No panic, no connection, the same end however the bytes are
//! cut, and always room for what has to come.
#![no_main]

use barertc_arena::Global;
use barertc_crypto::RustCrypto;
use barertc_crypto::selftest::Predictable;
use barertc_tls::{Client, Config, Error, ServerName, Trust, TrustAnchors, UnixTime};
use libfuzzer_sys::fuzz_target;

fn run(mut bytes: &[u8], piece: usize) -> Result<bool, Error> {
    let config = Config { record: 600, handshake: 512, sent: 1024 };
    let name = ServerName::Dns("server.test");
    let trust = Trust { name, anchors: TrustAnchors::new(&[]).unwrap().0, now: UnixTime(0) };
    let mut rng = Predictable::new(7);
    let mut client = Client::new(config, trust, Global, RustCrypto, &mut rng).unwrap();
    let sent = client.waiting().len();
    client.consume(sent);
    loop {
        match client.advance(&mut rng) {
            Err(error) => {
                assert_eq!(client.advance(&mut rng), Err(error));
                assert!(client.finish().is_err());
                return Err(error);
            }
            advanced if bytes.is_empty() => return advanced,
            _ => {}
        }
        let sent = client.waiting().len();
        client.consume(sent);
        let room = client.room();
        assert!(!room.is_empty());
        let (now, later) = bytes.split_at(piece.min(bytes.len()).min(room.len()));
        room[..now.len()].copy_from_slice(now);
        client.received(now.len());
        bytes = later;
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let whole = run(bytes, usize::MAX);
    assert_ne!(whole, Ok(true));
    assert_eq!(whole, run(bytes, usize::from(piece) + 1));
});
