//! A packet that is protected again, within its window, gives the same bytes with the right roll-over counter.

use crate::common;

use barertc_srtp::{Config, Discard, Error, Profile};
use common::{pair, protect, rtp, unprotect};

#[test]
fn the_same_packet_gives_the_same_bytes() {
    for profile in Profile::ALL {
        let (mut us, mut peer) = pair(profile, Config::default());
        let first: Vec<_> = (65_000..65_536).chain(0..400).map(|seq| rtp(1, seq as u16, 100)).collect();
        let sent: Vec<_> = first.iter().map(|p| protect(&mut us, p)).collect();
        for (packet, datagram) in first.iter().zip(&sent) {
            assert_eq!(&protect(&mut us, packet), datagram);
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

#[test]
fn nothing_is_sent_before_the_roll_over_counter_began() {
    let (mut us, _) = pair(Profile::AeadAes128Gcm, Config::default());
    protect(&mut us, &rtp(1, 0, 10));
    let mut buf = rtp(1, 65_535, 10);
    buf.resize(64, 0);
    let before = buf.clone();
    assert_eq!(us.protect_rtp(&mut buf, 22), Err(Error::TooOld));
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
