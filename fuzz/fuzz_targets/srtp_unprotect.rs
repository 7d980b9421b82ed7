//! Any datagrams, each half of the time one of the peer's that was changed: no panic, nothing is believed that the peer
//! did not send, nothing twice, and the peer's true packets go on being taken.
#![no_main]

use barertc_arena::Global;
use barertc_crypto::{Provider, RustCrypto};
use barertc_srtp::{Config, Masters, Profile, Session, Side};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, mut rest)) = data.split_first() else { return };
    let profile = Profile::ALL[usize::from(*first) % Profile::ALL.len()];
    // Keys of this input only: the fuzzer remembers what was compared, and would know the peer's packets of an earlier run.
    // Both directions have the same, so one side can play both.
    let digest = RustCrypto.sha256(&[data]);
    let (key, salt) = (&digest[..profile.key_len()], &digest[..profile.salt_len()]);
    let exported = [key, key, salt, salt].concat();
    let make = |side| {
        let masters = Masters::split(profile, &exported, side).unwrap();
        let config = Config { remote_streams: 2, window: 64, ..Config::default() };
        Session::new(config, profile, masters.local(), masters.remote(), Global, RustCrypto).unwrap()
    };
    let (mut us, mut peer) = (make(Side::Client), make(Side::Server));
    let mut seq = 0u16;
    while let Some((op, tail)) = rest.split_first() {
        let (chunk, tail) = tail.split_at(usize::from(op >> 2).min(tail.len()));
        rest = tail;
        seq += 1;
        let mut packet = vec![0x80, 96];
        packet.extend(seq.to_be_bytes());
        packet.extend([0, 0, 0, 0, 0, 0, 0, 1]);
        packet.extend(chunk);
        let len = packet.len();
        packet.resize(len + 20, 0);
        let rtcp = op & 1 != 0;
        let total = if rtcp { peer.protect_rtcp(&mut packet, len) } else { peer.protect_rtp(&mut packet, len) };
        packet.truncate(total.unwrap());

        let mut open = |datagram: &[u8]| {
            let mut datagram = datagram.to_vec();
            if rtcp { us.unprotect_rtcp(&mut datagram) } else { us.unprotect_rtp(&mut datagram) }
        };
        assert!(open(chunk).is_err(), "made-up bytes were believed");
        if op & 2 != 0 && !chunk.is_empty() {
            let mut forged = packet.clone();
            for (to, from) in forged.iter_mut().zip(chunk) {
                *to ^= from;
            }
            assert!(forged == packet || open(&forged).is_err(), "a changed packet was believed");
        }
        assert_eq!(open(&packet), Ok(len));
        assert!(open(&packet).is_err(), "a packet was taken twice");
    }
});
