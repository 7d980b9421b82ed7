//! Arguments that no call should get.

use core::ffi::c_char;
use core::ptr;

use barertc_capi::address::{brtc_address, brtc_route};
use barertc_capi::channel::{brtc_channel_config, brtc_channel_config_init, brtc_open_channel, brtc_write_channel};
use barertc_capi::connection::brtc_error_text;
use barertc_capi::negotiation::{brtc_create_answer, brtc_create_offer, brtc_set_answer};
use barertc_capi::network::{
    brtc_add_local_candidate, brtc_add_remote_candidate, brtc_handle, brtc_poll_transmit, brtc_transmit,
};
use barertc_capi::result::brtc_result::*;
use barertc_capi::result::brtc_result_name;
use barertc_capi::track::{
    brtc_add_track, brtc_codec, brtc_direction, brtc_frame, brtc_get_track, brtc_send_frame, brtc_set_direction,
    brtc_track, brtc_track_config, brtc_track_config_init,
};

use crate::pair::{Identity, Pair, Side, config};

fn track_config() -> brtc_track_config {
    let mut config = core::mem::MaybeUninit::<brtc_track_config>::uninit();
    let size = size_of::<brtc_track_config>();
    assert_eq!(unsafe { brtc_track_config_init(config.as_mut_ptr(), size) }, BRTC_OK);
    unsafe { config.assume_init() }
}

#[test]
fn null_is_refused_and_named() {
    let identity = Identity::new();
    let side = Side::new(&config(), &identity);
    let mut byte = 0_u8;
    unsafe {
        assert_eq!(brtc_add_local_candidate(0, side.handle, ptr::null()), BRTC_INVALID_ARGUMENT);
        assert_eq!(side.cause(), "address is null");
        assert_eq!(brtc_handle(0, side.handle, ptr::null(), &mut byte, 1), BRTC_INVALID_ARGUMENT);
        assert_eq!(side.cause(), "route is null");
        let local = brtc_address { family: 4, port: 1, ..brtc_address::default() };
        let route = brtc_route { local, remote: local };
        assert_eq!(brtc_handle(0, side.handle, &route, ptr::null_mut(), 1), BRTC_INVALID_ARGUMENT);
        assert_eq!(side.cause(), "datagram is null");
        assert_eq!(brtc_handle(0, side.handle, &route, &mut byte, usize::MAX), BRTC_INVALID_ARGUMENT);
        assert!(side.cause().starts_with("datagram must be at most"), "{}", side.cause());
        assert_eq!(brtc_poll_transmit(0, side.handle, &mut byte, 1, ptr::null_mut()), BRTC_INVALID_ARGUMENT);
        assert_eq!(brtc_create_offer(0, side.handle, ptr::null_mut(), 1, ptr::null_mut()), BRTC_INVALID_ARGUMENT);
        assert_eq!(brtc_set_answer(0, side.handle, ptr::null(), 4), BRTC_INVALID_ARGUMENT);
        assert_eq!(brtc_send_frame(0, side.handle, 0, ptr::null()), BRTC_NO_SUCH_TRACK);
    }
}

#[test]
fn numbers_that_stand_for_nothing_are_refused_and_named() {
    let identity = Identity::new();
    let side = Side::new(&config(), &identity);
    let mut number = 0;
    unsafe {
        let wrong = brtc_address { family: 5, port: 1, ..brtc_address::default() };
        assert_eq!(brtc_add_local_candidate(0, side.handle, &wrong), BRTC_INVALID_ARGUMENT);
        assert_eq!(side.cause(), "family is 5, which stands for nothing");

        let mut track = track_config();
        assert_eq!(brtc_add_track(0, side.handle, &track, &mut number), BRTC_INVALID_ARGUMENT);
        assert_eq!(side.cause(), "the track has no codec");
        track.codecs[0] = 99;
        assert_eq!(brtc_add_track(0, side.handle, &track, &mut number), BRTC_INVALID_ARGUMENT);
        assert_eq!(side.cause(), "codec is 99, which stands for nothing");
        track.codecs = [brtc_codec::BRTC_H264 as u32, brtc_codec::BRTC_OPUS as u32, 0, 0];
        assert_eq!(brtc_add_track(0, side.handle, &track, &mut number), BRTC_INVALID_ARGUMENT);
        track.codecs[1] = brtc_codec::BRTC_VP8 as u32;
        track.direction = 4;
        assert_eq!(brtc_add_track(0, side.handle, &track, &mut number), BRTC_INVALID_ARGUMENT);
        track.direction = 1;
        assert_eq!(brtc_add_track(0, side.handle, &track, &mut number), BRTC_OK);
        let mut info = brtc_track { size: size_of::<brtc_track>() as u32, ..brtc_track::default() };
        assert_eq!(brtc_get_track(side.handle, number, &mut info), BRTC_OK);
        let (sends, nobody) = (brtc_direction::BRTC_SENDONLY as u32, brtc_direction::BRTC_INACTIVE as u32);
        assert_eq!((info.direction, info.current_direction, info.codec), (sends, nobody, 0));
        assert_ne!(info.ssrc, 0);
        assert_eq!(brtc_get_track(side.handle, number + 1, &mut info), BRTC_NO_SUCH_TRACK);
        assert_eq!(brtc_set_direction(0, side.handle, number, 9), BRTC_INVALID_ARGUMENT);
        assert_eq!(brtc_set_direction(0, side.handle, number + 1, 0), BRTC_NO_SUCH_TRACK);
        assert_eq!(brtc_set_direction(0, side.handle, u32::MAX, 0), BRTC_NO_SUCH_TRACK);

        let (opened, channel) = side.open(c"chat");
        assert_eq!(opened, BRTC_OK);
        assert_eq!(brtc_write_channel(0, side.handle, channel, 2, ptr::null(), 0), BRTC_INVALID_ARGUMENT);
        assert_eq!(side.cause(), "kind is 2, which stands for nothing");
        assert_eq!(brtc_write_channel(0, side.handle, channel ^ 0x100, 0, ptr::null(), 0), BRTC_NO_SUCH_CHANNEL);
        assert_eq!(brtc_write_channel(0, side.handle, 0, 0, ptr::null(), 0), BRTC_NO_SUCH_CHANNEL);
    }
}

#[test]
fn texts_are_checked() {
    let identity = Identity::new();
    let side = Side::new(&config(), &identity);
    let endless = vec![b'x'; 2_000];
    let wrong = [0xFF_u8, 0xFE, 0];
    unsafe {
        assert_eq!(brtc_add_remote_candidate(0, side.handle, endless.as_ptr().cast()), BRTC_INVALID_ARGUMENT);
        assert_eq!(side.cause(), "line must be at most 508, but is 509");
        assert_eq!(brtc_add_remote_candidate(0, side.handle, wrong.as_ptr().cast()), BRTC_INVALID_ARGUMENT);
        assert_eq!(side.cause(), "line is no text in UTF-8");
        assert_eq!(brtc_add_remote_candidate(0, side.handle, c"candidate:nonsense".as_ptr()), BRTC_ICE);
        assert_eq!(brtc_set_answer(0, side.handle, wrong.as_ptr().cast(), 2), BRTC_INVALID_ARGUMENT);
        assert_eq!(brtc_set_answer(0, side.handle, c"v=1\r\n".as_ptr(), 5), BRTC_DESCRIPTION);

        let mut channel = core::mem::MaybeUninit::<brtc_channel_config>::uninit();
        brtc_channel_config_init(channel.as_mut_ptr(), size_of::<brtc_channel_config>());
        let mut channel = channel.assume_init();
        let mut number = 7;
        channel.reliability = 3;
        assert_eq!(brtc_open_channel(0, side.handle, &channel, &mut number), BRTC_INVALID_ARGUMENT);
        (channel.reliability, channel.limit) = (1, 70_000);
        assert_eq!(brtc_open_channel(0, side.handle, &channel, &mut number), BRTC_INVALID_ARGUMENT);
        assert_eq!(side.cause(), "limit must be at most 65535, but is 70000");
        (channel.limit, channel.negotiated_id) = (3, 65_536);
        assert_eq!(brtc_open_channel(0, side.handle, &channel, &mut number), BRTC_INVALID_ARGUMENT);
    }
}

#[test]
fn a_description_that_does_not_fit_says_how_long_it_is_and_nothing_has_changed() {
    let identity = Identity::new();
    let side = Side::new(&config(), &identity);
    let mut out = vec![0 as c_char; 8_192];
    let mut needed = 0;
    unsafe {
        assert_eq!(brtc_create_offer(0, side.handle, out.as_mut_ptr(), out.len(), &mut needed), BRTC_WRONG_STATE);
        assert_eq!(side.open(c"chat").0, BRTC_OK);
        for size in [0, 1, 100] {
            let offered = brtc_create_offer(0, side.handle, out.as_mut_ptr(), size, &mut needed);
            assert_eq!((offered, needed > 100 && needed < out.len()), (BRTC_BUFFER_TOO_SHORT, true), "{needed}");
        }
        let mut length = 0;
        assert_eq!(brtc_create_offer(0, side.handle, out.as_mut_ptr(), needed - 1, &mut length), BRTC_BUFFER_TOO_SHORT);
        assert_eq!(brtc_create_offer(0, side.handle, out.as_mut_ptr(), needed, &mut length), BRTC_OK);
        assert_eq!((length, out[length]), (needed - 1, 0));
        assert_eq!(brtc_create_offer(0, side.handle, out.as_mut_ptr(), needed, &mut length), BRTC_WRONG_STATE);
    }
}

#[test]
fn buffers_that_overlap_are_refused() {
    let identity = Identity::new();
    let side = Side::new(&config(), &identity);
    let mut text = vec![b'v' as c_char; 4_096];
    let start = text.as_mut_ptr();
    let answer = |offer: usize, out: usize| unsafe {
        brtc_create_answer(0, side.handle, start.add(offer), 100, start.add(out), 100, ptr::null_mut())
    };
    assert_eq!(answer(0, 0), BRTC_INVALID_ARGUMENT);
    assert_eq!(answer(0, 99), BRTC_INVALID_ARGUMENT);
    assert_eq!(answer(99, 0), BRTC_INVALID_ARGUMENT);
    assert_eq!(side.cause(), "two buffers overlap");
    assert_eq!(answer(0, 100), BRTC_DESCRIPTION);
}

#[test]
fn a_cause_is_cut_where_it_does_not_fit_and_says_how_long_it_is() {
    let identity = Identity::new();
    let side = Side::new(&config(), &identity);
    let mut out = [0x55 as c_char; 16];
    let mut length = 0;
    unsafe {
        assert_eq!(brtc_add_local_candidate(0, side.handle, ptr::null()), BRTC_INVALID_ARGUMENT);
        assert_eq!(brtc_error_text(side.handle, out.as_mut_ptr(), 8, &mut length), BRTC_BUFFER_TOO_SHORT);
        assert_eq!(length, "address is null".len() + 1, "what the buffer must have");
        assert_eq!(out[..9].iter().map(|c| *c as u8).collect::<Vec<_>>(), b"address\0\x55");
        assert_eq!(brtc_error_text(side.handle, out.as_mut_ptr(), length, &mut length), BRTC_OK);
        assert_eq!(length, "address is null".len());
        assert_eq!(brtc_error_text(side.handle, ptr::null_mut(), 0, &mut length), BRTC_BUFFER_TOO_SHORT);
        for (number, name) in [(0, c"BRTC_OK"), (-27, c"BRTC_BAD_IDENTITY"), (-28, c"BRTC_?"), (i32::MIN, c"BRTC_?")] {
            assert_eq!(core::ffi::CStr::from_ptr(brtc_result_name(number)), name);
        }
    }
}

#[test]
fn a_frame_that_never_fits_is_told_from_one_that_does_not_fit_now() {
    let identity = Identity::new();
    let mut config = config();
    (config.video_history, config.largest_key_frame, config.frame_memory) = (8_192, 8_192, 17_000);
    let side = Side::new(&config, &identity);
    let mut track = track_config();
    track.codecs[0] = brtc_codec::BRTC_VP8 as u32;
    let bytes = vec![0_u8; 64 << 10];
    let mut frame = brtc_frame {
        codec: brtc_codec::BRTC_VP8 as u32,
        framing: 0,
        timestamp: 0,
        reserved: 0,
        data: bytes.as_ptr(),
        length: bytes.len(),
    };
    let mut number = 0;
    unsafe {
        assert_eq!(brtc_add_track(0, side.handle, &track, &mut number), BRTC_OK);
        assert_eq!(brtc_send_frame(0, side.handle, number, &frame), BRTC_TOO_LARGE);
        assert!(side.cause().ends_with("and frame_memory has 17000"), "{}", side.cause());
        frame.length = 1_000;
        assert_eq!(brtc_send_frame(0, side.handle, number, &frame), BRTC_NOT_READY);
        frame.length = 0;
        assert_eq!(brtc_send_frame(0, side.handle, number, &frame), BRTC_INVALID_ARGUMENT);
        frame.codec = 77;
        assert_eq!(brtc_send_frame(0, side.handle, number, &frame), BRTC_INVALID_ARGUMENT);
    }
}

#[test]
fn hostile_datagrams_and_times_change_nothing_but_counters() {
    let identity = Identity::new();
    let mut pair = Pair::connected(&config(), &identity);
    let route = brtc_route { local: pair.one.address, remote: pair.two.address };
    let mut state = 1_u64;
    for length in 0..400_usize {
        let mut datagram = [0_u8; 400];
        for byte in &mut datagram {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (state >> 56) as u8;
        }
        // Every protocol's first byte comes by.
        datagram[0] = length as u8;
        unsafe { brtc_handle(pair.now, pair.one.handle, &route, datagram.as_mut_ptr(), length) };
    }
    assert_eq!(pair.write(b"still there"), BRTC_OK);
    pair.until(|_, two| two.iter().any(|event| event.channel != 0));
    let (mut out, mut sent) = ([0; 1_200], brtc_transmit::default());
    for now in [0, u64::MAX, 1, u64::MAX - 1] {
        unsafe {
            barertc_capi::network::brtc_handle_timeout(now, pair.one.handle);
            brtc_poll_transmit(now, pair.one.handle, out.as_mut_ptr(), out.len(), &mut sent);
        }
    }
}
