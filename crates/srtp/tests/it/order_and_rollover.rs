//! Any loss and any order inside the window, over many roll-overs.

use crate::support;

use barertc_srtp::{Config, Discard, Error, Profile};
use proptest::prelude::*;
use support::{pair, protect, protect_rtcp, rtcp, rtp, unprotect, unprotect_rtcp};

#[test]
fn the_counter_rolls_over_with_every_65536_packets() {
    for profile in [Profile::AesCm128HmacSha1_32, Profile::AeadAes256Gcm] {
        let (mut us, mut peer) = pair(profile, Config::default());
        let mut seq = 30_000u16;
        for _ in 0..40_000 {
            let packet = rtp(1, seq, 1);
            let datagram = protect(&mut us, &packet);
            assert_eq!(unprotect(&mut peer, &datagram).unwrap(), packet);
            seq = seq.wrapping_add(5);
        }
    }
}

#[test]
fn what_is_behind_the_window_is_too_old() {
    let config = Config { window: 64, ..Config::default() };
    let (mut us, mut peer) = pair(Profile::AeadAes128Gcm, config);
    let sent: Vec<_> = (0..65).map(|seq| protect(&mut us, &rtp(1, seq, 9))).collect();
    unprotect(&mut peer, &sent[64]).unwrap();
    assert_eq!(unprotect(&mut peer, &sent[0]), Err(Error::Discarded(Discard::TooOld)));
    assert!(unprotect(&mut peer, &sent[1]).is_ok());
    assert_eq!(peer.discards().get(Discard::TooOld), 1);
}

#[test]
fn rtcp_has_an_index_of_its_own_per_sender() {
    for profile in Profile::ALL {
        let (mut us, mut peer) = pair(profile, Config::default());
        let sent: Vec<_> = (0..300).map(|i| protect_rtcp(&mut us, &rtcp(1 + i % 2))).collect();
        for (i, datagram) in sent.iter().enumerate() {
            assert_eq!(datagram.len(), rtcp(1).len() + profile.rtcp_overhead());
            assert_eq!(unprotect_rtcp(&mut peer, datagram).unwrap(), rtcp(1 + i as u32 % 2));
            assert_eq!(unprotect_rtcp(&mut peer, datagram), Err(Error::Discarded(Discard::Replayed)));
        }
        assert_eq!(unprotect_rtcp(&mut peer, &sent[1]), Err(Error::Discarded(Discard::TooOld)));
    }
}

#[test]
fn headers_with_csrcs_and_extensions_stay_in_clear() {
    for profile in Profile::ALL {
        let (mut us, mut peer) = pair(profile, Config::default());
        let mut packet = rtp(1, 1, 0);
        packet[0] |= 0x11;
        packet.extend([0, 0, 0, 9, 0xbe, 0xde, 0, 1, 0x10, 1, 0, 0]);
        let header = packet.len();
        packet.extend(b"secret payload");
        let datagram = protect(&mut us, &packet);
        assert_eq!(datagram[..header], packet[..header]);
        assert_ne!(datagram[header..packet.len()], packet[header..]);
        assert_eq!(unprotect(&mut peer, &datagram).unwrap(), packet);
    }
}

proptest! {
    #[test]
    fn every_packet_is_accepted_once_and_only_once(
        start in 0u16..0x8000,
        gaps in prop::collection::vec(1u16..900, 2..60),
        swaps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..60),
    ) {
        let (mut us, mut peer) = pair(Profile::AeadAes128Gcm, Config { window: 1024, ..Config::default() });
        let mut index = u64::from(start);
        let mut sent = vec![];
        for gap in gaps {
            let packet = rtp(1, index as u16, 3);
            sent.push((index, protect(&mut us, &packet), packet));
            index += u64::from(gap);
        }
        for (a, b) in swaps {
            let (a, b) = (a.index(sent.len()), b.index(sent.len()));
            // The first must come first, and within half of the number space, or its roll-over counter is anyone's guess.
            if a > 0 && b > 0 && sent[a].0.abs_diff(sent[b].0) < 0x4000 {
                sent.swap(a, b);
            }
        }
        let mut highest = None;
        for (index, datagram, packet) in &sent {
            if highest.is_some_and(|h: u64| index.abs_diff(h) >= 0x8000) {
                return Ok(());
            }
            let late = highest.is_some_and(|h| index + 1024 <= h);
            match unprotect(&mut peer, datagram) {
                Ok(opened) => prop_assert!(!late && opened == *packet),
                Err(e) => prop_assert!(late && e == Error::Discarded(Discard::TooOld), "{:?} {} {:?}", e, index, highest),
            }
            highest = highest.max(Some(*index));
            prop_assert!(unprotect(&mut peer, datagram).is_err());
        }
    }
}
