//! Buffers of the caller that are too short: nothing is lost, and the length that is needed is told.

use core::ffi::c_char;

use barertc_capi::channel::{brtc_channel_label, brtc_message, brtc_read_channel};
use barertc_capi::event::brtc_event_kind;
use barertc_capi::identity::brtc_identity_export;
use barertc_capi::network::{brtc_close, brtc_poll_transmit, brtc_transmit};
use barertc_capi::result::brtc_result::*;

use crate::pair::{Identity, Pair, config, read};

#[test]
fn a_datagram_waits_for_a_buffer_of_the_mtu() {
    let identity = Identity::new();
    let config = config();
    let pair = Pair::connected(&config, &identity);
    assert_eq!(pair.write(&[7; 900]), BRTC_OK);
    let mut out = vec![0_u8; config.mtu.into()];
    let mut sent = brtc_transmit::default();
    let mut poll = |size: usize| unsafe {
        let polled = brtc_poll_transmit(pair.now, pair.one.handle, out.as_mut_ptr(), size, &mut sent);
        (polled, sent.length)
    };
    for size in [0, 100, usize::from(config.mtu) - 1] {
        assert_eq!(poll(size), (BRTC_BUFFER_TOO_SHORT, 0));
        assert_eq!(pair.one.cause(), "the buffer is too short: 1200 bytes are needed");
    }
    let (polled, length) = poll(config.mtu.into());
    assert_eq!((polled, length > 900), (BRTC_OK, true), "{length}");
    assert_eq!(unsafe { brtc_close(pair.now, pair.one.handle) }, BRTC_OK);
}

#[test]
fn a_message_waits_for_a_buffer_with_room() {
    let identity = Identity::new();
    let mut pair = Pair::connected(&config(), &identity);
    assert_eq!(pair.write(b"hello"), BRTC_OK);
    pair.until(|_, two| two.iter().any(|event| event.kind == brtc_event_kind::BRTC_EVENT_CHANNEL_READABLE as u32));
    let mut message = brtc_message::default();
    let channel = pair.channel;
    let none = unsafe { brtc_read_channel(pair.now, pair.two.handle, channel, core::ptr::null_mut(), 0, &mut message) };
    assert_eq!(none, BRTC_BUFFER_TOO_SHORT);
    assert_eq!(pair.two.cause(), "the buffer is too short: 1 bytes are needed");
    let mut room = [0; 16];
    assert_eq!(read(pair.now, &pair.two, channel, &mut room).1.length, 5);
}

#[test]
fn every_text_tells_the_room_that_it_needs() {
    let identity = Identity::new();
    let pair = Pair::connected(&config(), &identity);
    let mut out = [0 as c_char; 16];
    let mut length = 0;
    let mut label = |size: usize| unsafe {
        let told = brtc_channel_label(pair.one.handle, pair.channel, out.as_mut_ptr(), size, &mut length);
        (told, length)
    };
    assert_eq!(label(0), (BRTC_BUFFER_TOO_SHORT, 5));
    assert_eq!(label(4), (BRTC_BUFFER_TOO_SHORT, 5));
    assert_eq!(label(5), (BRTC_OK, 4));
}

#[test]
fn an_identity_tells_the_room_that_it_needs() {
    let identity = Identity::new();
    let (mut out, mut length) = (vec![0_u8; 4_096], 0);
    let mut export = |size: usize| unsafe {
        let exported = brtc_identity_export(identity.handle, out.as_mut_ptr(), size, &mut length);
        (exported, length)
    };
    let (short, needed) = export(10);
    assert_eq!((short, needed > 100), (BRTC_BUFFER_TOO_SHORT, true));
    assert_eq!(export(needed - 1), (BRTC_BUFFER_TOO_SHORT, needed));
    assert_eq!(export(needed), (BRTC_OK, needed));
}
