//! Frames that cannot go, and probes that cannot tell anything.

use barertc_capi::address::brtc_address;
use barertc_capi::config::brtc_config;
use barertc_capi::event::brtc_event_kind;
use barertc_capi::network::brtc_remove_local_candidate;
use barertc_capi::result::brtc_result::*;
use barertc_capi::track::{
    brtc_add_track, brtc_codec, brtc_direction, brtc_frame, brtc_is_sending, brtc_probe, brtc_read_frame,
    brtc_received_frame, brtc_send_frame, brtc_track_config, brtc_track_config_init,
};

use crate::pair::{Identity, Pair, Side, config};

fn add(side: &Side, direction: brtc_direction, codecs: [u32; 4]) {
    let mut track = core::mem::MaybeUninit::<brtc_track_config>::uninit();
    let mut number = 0;
    unsafe {
        assert_eq!(brtc_track_config_init(track.as_mut_ptr(), size_of::<brtc_track_config>()), BRTC_OK);
        let mut track = track.assume_init();
        (track.direction, track.codecs) = (direction as u32, codecs);
        assert_eq!(brtc_add_track(0, side.handle, &track, &mut number), BRTC_OK);
    }
}

/// A side that sends sound to the other, both with A-law before µ-law.
fn sound(config: &brtc_config, identity: &Identity) -> Pair {
    let codecs = [brtc_codec::BRTC_PCMA as u32, brtc_codec::BRTC_PCMU as u32, 0, 0];
    Pair::prepared(config, identity, |one, two| {
        add(one, brtc_direction::BRTC_SENDONLY, codecs);
        add(two, brtc_direction::BRTC_RECVONLY, codecs);
    })
}

fn frame(codec: brtc_codec, data: &[u8]) -> brtc_frame {
    let (data, length) = (data.as_ptr(), data.len());
    brtc_frame { codec: codec as u32, framing: 0, timestamp: 0, reserved: 0, data, length }
}

#[test]
fn sound_of_the_other_law_is_refused() {
    let identity = Identity::new();
    let mut config = config();
    config.receive_audio = 1;
    let mut pair = sound(&config, &identity);
    let quiet = [0xD5_u8; 160];
    let send = |pair: &Pair, codec| unsafe { brtc_send_frame(pair.now, pair.one.handle, 0, &frame(codec, &quiet)) };
    assert_eq!(send(&pair, brtc_codec::BRTC_PCMU), BRTC_MEDIA);
    assert!(pair.one.cause().contains("payload format"), "{}", pair.one.cause());
    assert_eq!(send(&pair, brtc_codec::BRTC_OPUS), BRTC_MEDIA);
    assert_eq!(send(&pair, brtc_codec::BRTC_PCMA), BRTC_OK);
    pair.until(|_, two| two.iter().any(|event| event.kind == brtc_event_kind::BRTC_EVENT_FRAME_RECEIVED as u32));
    // A frame waits for a buffer with room.
    let (mut out, mut got) = ([0; 200], brtc_received_frame::default());
    let mut read = |size| unsafe { brtc_read_frame(pair.now, pair.two.handle, 0, out.as_mut_ptr(), size, &mut got) };
    assert_eq!(read(0), BRTC_BUFFER_TOO_SHORT);
    assert_eq!(read(200), BRTC_OK);
    assert_eq!((got.length, got.complete), (160, 1));
}

#[test]
fn a_probe_needs_a_track_that_sends_and_a_rate() {
    let identity = Identity::new();
    let mut config = config();
    config.receive_audio = 1;
    let data = Pair::connected(&config, &identity);
    assert_eq!(unsafe { brtc_probe(data.now, data.one.handle, 1_000_000) }, BRTC_NOT_READY);
    let pair = sound(&config, &identity);
    assert_eq!(unsafe { brtc_is_sending(pair.one.handle, 0) }, BRTC_OK);
    assert_eq!(unsafe { brtc_probe(pair.now, pair.one.handle, 0) }, BRTC_INVALID_ARGUMENT);
    assert_eq!(pair.one.cause(), "bits_per_second must be at least 1, but is 0");
    assert_eq!(unsafe { brtc_probe(pair.now, pair.one.handle, 1_000_000) }, BRTC_OK);
    assert_eq!(unsafe { brtc_probe(pair.now, pair.two.handle, 1_000_000) }, BRTC_NOT_READY, "it only receives");
}

#[test]
fn an_address_that_is_none_of_ours_cannot_be_removed() {
    let identity = Identity::new();
    let mut pair = Pair::connected(&config(), &identity);
    let stranger = brtc_address { port: 9, ..pair.one.address };
    assert_eq!(unsafe { brtc_remove_local_candidate(pair.now, pair.one.handle, &stranger) }, BRTC_ICE);
    assert!(!pair.one.cause().is_empty());
    assert_eq!(pair.write(b"still there"), BRTC_OK);
    pair.until(|_, two| two.iter().any(|event| event.kind == brtc_event_kind::BRTC_EVENT_CHANNEL_READABLE as u32));
}
