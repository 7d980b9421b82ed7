//! Whatever comes from elsewhere is counted, and changes nothing about what is accepted afterwards.

use crate::support;

use barertc_srtp::{Config, Discard, Error, Profile};
use proptest::prelude::*;
use support::{pair, protect, protect_rtcp, rtcp, rtp, unprotect, unprotect_rtcp};

const UNAUTHENTICATED: Error = Error::Discarded(Discard::Unauthenticated);

#[test]
fn every_flipped_bit_is_noticed() {
    for profile in Profile::ALL {
        let (mut us, mut peer) = pair(profile, Config::default());
        let (packet, report) = (rtp(7, 9, 20), rtcp(7));
        let (good, good_report) = (protect(&mut us, &packet), protect_rtcp(&mut us, &report));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(unprotect(&mut peer, &bad).is_err(), "{profile:?} bit {bit}");
        }
        for bit in 0..good_report.len() * 8 {
            let mut bad = good_report.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(unprotect_rtcp(&mut peer, &bad).is_err(), "{profile:?} bit {bit}");
        }
        for cut in 0..good.len() {
            assert!(unprotect(&mut peer, &good[..cut]).is_err());
        }
        for cut in 0..good_report.len() {
            assert!(unprotect_rtcp(&mut peer, &good_report[..cut]).is_err());
        }
        // Forged roll-overs and new streams took no room and moved no window: the true ones are still fresh.
        assert_eq!(unprotect(&mut peer, &good).unwrap(), packet);
        assert_eq!(unprotect_rtcp(&mut peer, &good_report).unwrap(), report);
    }
}

#[test]
fn forged_streams_take_no_place() {
    let config = Config { remote_streams: 2, ..Config::default() };
    let (mut us, mut peer) = pair(Profile::AeadAes128Gcm, config);
    for ssrc in 100..200 {
        let mut forged = rtp(ssrc, 1, 40);
        forged.resize(70, 1);
        assert_eq!(unprotect(&mut peer, &forged), Err(UNAUTHENTICATED));
    }
    for ssrc in [1, 2] {
        let datagram = protect(&mut us, &rtp(ssrc, 1, 40));
        assert!(unprotect(&mut peer, &datagram).is_ok());
    }
    let third = protect(&mut us, &rtp(3, 1, 40));
    assert_eq!(unprotect(&mut peer, &third), Err(Error::Discarded(Discard::TooManyStreams)));
    assert_eq!(peer.discards().get(Discard::Unauthenticated), 100);

    // A stream that is given up makes room, and leaves the other's window as it was.
    let second = protect(&mut us, &rtp(2, 2, 40));
    assert!(unprotect(&mut peer, &second).is_ok());
    assert!(peer.forget_remote(1));
    assert!(!peer.forget_remote(1));
    assert!(unprotect(&mut peer, &third).is_ok());
    assert_eq!(unprotect(&mut peer, &second), Err(Error::Discarded(Discard::Replayed)));
    assert_eq!(unprotect(&mut peer, &third), Err(Error::Discarded(Discard::Replayed)));
}

#[test]
fn our_own_packets_come_back_unbelieved() {
    for profile in Profile::ALL {
        let (mut us, _) = pair(profile, Config::default());
        let datagram = protect(&mut us, &rtp(1, 1, 40));
        assert_eq!(unprotect(&mut us, &datagram), Err(UNAUTHENTICATED));
        let datagram = protect_rtcp(&mut us, &rtcp(1));
        assert_eq!(unprotect_rtcp(&mut us, &datagram), Err(UNAUTHENTICATED));
    }
}

proptest! {
    #[test]
    fn noise_between_packets_changes_nothing(
        profile in prop::sample::select(Profile::ALL.to_vec()),
        noise in prop::collection::vec((any::<u16>(), prop::collection::vec(any::<u8>(), 0..80)), 0..40),
        start in 0u16..0x8000,
    ) {
        let (mut us, mut peer) = pair(profile, Config::default());
        let mut seq = start;
        for (junk_seq, junk) in noise {
            let packet = rtp(1, seq, 30);
            let datagram = protect(&mut us, &packet);
            let mut forged = rtp(1, junk_seq, 0);
            forged.extend(&junk);
            prop_assert!(unprotect(&mut peer, &forged).is_err());
            prop_assert!(unprotect(&mut peer, &junk).is_err());
            prop_assert!(unprotect_rtcp(&mut peer, &junk).is_err());
            prop_assert_eq!(unprotect(&mut peer, &datagram).unwrap(), packet);
            seq = seq.wrapping_add(1);
        }
    }
}
