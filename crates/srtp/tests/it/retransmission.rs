//! A packet that is protected again, within its window, gives the same bytes with the right roll-over counter.

use crate::support;

use barertc_srtp::{Config, Discard, Error, Profile};
use support::{pair, protect, protect_again, rtp, unprotect};

#[test]
fn the_same_packet_gives_the_same_bytes() {
    for profile in Profile::ALL {
        let (mut us, mut peer) = pair(profile, Config::default());
        let first: Vec<_> = (65_000..65_536).chain(0..400).map(|seq| rtp(1, seq as u16, 100)).collect();
        let sent: Vec<_> = first.iter().map(|p| protect(&mut us, p)).collect();
        for (packet, datagram) in first.iter().zip(&sent) {
            assert_eq!(&protect_again(&mut us, packet).unwrap(), datagram);
        }
        // All of the first thousand and more are lost but the last, and come late: the window covers them.
        let newest = sent.last().unwrap();
        assert_eq!(unprotect(&mut peer, &sent[0]).unwrap(), first[0]);
        assert_eq!(unprotect(&mut peer, newest).unwrap(), *first.last().unwrap());
        for (packet, datagram) in first.iter().zip(&sent).skip(1).take(first.len() - 2) {
            assert_eq!(&unprotect(&mut peer, datagram).unwrap(), packet);
        }
        assert_eq!(peer.discards().total(), 0);
    }
}

/// RFC 3711 §9.1, RFC 7714 §8.4: another packet under a number that was used must not be encrypted.
#[test]
fn a_number_is_encrypted_once() {
    for profile in Profile::ALL {
        let (mut us, _) = pair(profile, Config::default());
        for seq in [65_530, 65_535, 3, 10] {
            protect(&mut us, &rtp(1, seq, 20));
        }
        // The last one, one before it, one that was left out, one before the roll-over, and one before the start.
        for seq in [10, 3, 7, 65_535, 65_000] {
            let mut buf = rtp(1, seq, 30);
            let len = buf.len();
            buf.resize(len + 16, 0);
            let before = buf.clone();
            assert_eq!(us.protect_rtp(&mut buf, len), Err(Error::SequenceUsed), "{profile:?} {seq}");
            assert_eq!(buf, before);
        }
        // Another stream has numbers of its own, and the next one goes on.
        protect(&mut us, &rtp(2, 10, 20));
        protect(&mut us, &rtp(1, 11, 20));
    }
}

#[test]
fn only_what_was_protected_is_protected_again() {
    let (mut us, _) = pair(Profile::AeadAes128Gcm, Config::default());
    assert_eq!(protect_again(&mut us, &rtp(1, 5, 20)), Err(Error::SequenceUnused));
    let datagram = protect(&mut us, &rtp(1, 5, 20));
    assert_eq!(protect_again(&mut us, &rtp(1, 6, 20)), Err(Error::SequenceUnused));
    assert_eq!(protect_again(&mut us, &rtp(2, 5, 20)), Err(Error::SequenceUnused));
    assert_eq!(protect_again(&mut us, &rtp(1, 5, 20)), Ok(datagram));
    // A number from the future that was refused is still free.
    protect(&mut us, &rtp(1, 6, 20));
}

#[test]
fn nothing_is_sent_before_the_roll_over_counter_began() {
    let (mut us, _) = pair(Profile::AeadAes128Gcm, Config::default());
    protect(&mut us, &rtp(1, 0, 10));
    let mut buf = rtp(1, 65_535, 10);
    buf.resize(64, 0);
    let before = buf.clone();
    assert_eq!(us.protect_rtp(&mut buf, 22), Err(Error::SequenceUsed));
    assert_eq!(us.protect_rtp_again(&mut buf, 22), Err(Error::SequenceUnused));
    assert_eq!(buf, before);
}

#[test]
fn a_retransmission_of_what_arrived_is_a_replay() {
    let (mut us, mut peer) = pair(Profile::AesCm128HmacSha1_80, Config::default());
    let datagram = protect(&mut us, &rtp(1, 5, 10));
    unprotect(&mut peer, &datagram).unwrap();
    assert_eq!(unprotect(&mut peer, &datagram), Err(Error::Discarded(Discard::Replayed)));
    assert_eq!(peer.discards().get(Discard::Replayed), 1);
}
