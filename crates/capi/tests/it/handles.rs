//! Handles that are none, and states in which a call has no place.

use core::ffi::{c_char, c_int, c_void};
use core::ptr;
use std::cell::Cell;

use barertc_capi::address::{brtc_address, brtc_route};
use barertc_capi::connection::{brtc_connection_create, brtc_connection_destroy, brtc_get_memory, brtc_region_bytes};
use barertc_capi::event::brtc_event_kind;
use barertc_capi::handle::brtc_connection;
use barertc_capi::identity::{
    BRTC_IDENTITY_EXPORT_MAX, brtc_identity_destroy, brtc_identity_export, brtc_identity_fingerprint,
    brtc_identity_generate, brtc_identity_import,
};
use barertc_capi::log::brtc_log_level;
use barertc_capi::network::{brtc_close, brtc_handle_timeout, brtc_handle_unknown, brtc_is_for_us, brtc_timeout};
use barertc_capi::result::brtc_result::*;

use crate::pair::{Identity, Pair, Side, config, read};

#[test]
fn no_handle_and_a_destroyed_one_are_refused() {
    let identity = Identity::new();
    let mut at = 0;
    unsafe {
        assert_eq!(brtc_timeout(ptr::null_mut(), &mut at), BRTC_INVALID_HANDLE);
        assert_eq!(brtc_handle_timeout(0, ptr::without_provenance_mut(1)), BRTC_INVALID_HANDLE, "not aligned");
        // An identity is no connection, and the other way round.
        assert_eq!(brtc_handle_timeout(0, identity.handle.cast()), BRTC_INVALID_HANDLE);
    }
    let mut side = Side::new(&config(), &identity);
    assert_eq!(unsafe { brtc_identity_destroy(side.handle.cast()) }, BRTC_INVALID_HANDLE);
    let gone = side.handle;
    let region = core::mem::take(&mut side.region);
    drop(side);
    unsafe {
        assert_eq!(brtc_handle_timeout(0, gone), BRTC_INVALID_HANDLE);
        assert_eq!(brtc_connection_destroy(gone, ptr::null_mut()), BRTC_INVALID_HANDLE);
    }
    drop(region);
}

#[test]
fn a_region_that_is_too_small_is_refused_and_one_that_is_not_aligned_works() {
    let (identity, config) = (Identity::new(), config());
    let needed = unsafe { brtc_region_bytes(&config) };
    let mut region = vec![0_u8; needed + 1];
    let mut handle = ptr::null_mut();
    let mut make = |skip: usize, size: usize| unsafe {
        brtc_connection_create(&config, identity.handle, region.as_mut_ptr().add(skip).cast(), size, &mut handle)
    };
    assert_eq!(make(0, needed - 1), BRTC_REGION_TOO_SMALL);
    assert_eq!(make(0, 0), BRTC_REGION_TOO_SMALL);
    assert_eq!(make(1, needed), BRTC_OK);
    assert_eq!(unsafe { brtc_connection_destroy(handle, ptr::null_mut()) }, BRTC_OK);
}

#[test]
fn an_identity_outlives_its_connections_and_a_restart() {
    let identity = Identity::new();
    let side = Side::new(&config(), &identity);
    assert_eq!(unsafe { brtc_identity_destroy(identity.handle) }, BRTC_IN_USE);
    drop(side);

    let (mut exported, mut length) = ([0; BRTC_IDENTITY_EXPORT_MAX], 0);
    let mut names = [[0 as c_char; 128]; 2];
    let mut memory = vec![0_u8; identity.memory.len()];
    let mut again = ptr::null_mut();
    unsafe {
        assert_eq!(brtc_identity_export(identity.handle, exported.as_mut_ptr(), 8, &mut length), BRTC_BUFFER_TOO_SHORT);
        let out = exported.as_mut_ptr();
        assert_eq!(brtc_identity_export(identity.handle, out, exported.len(), &mut length), BRTC_OK);
        let room = memory.as_mut_ptr().cast();
        assert_eq!(brtc_identity_import(room, memory.len(), out, length - 1, &mut again), BRTC_BAD_IDENTITY);
        assert!(again.is_null());
        assert_eq!(brtc_identity_import(room, memory.len(), out, length, &mut again), BRTC_OK);
        for (handle, name) in [identity.handle, again].into_iter().zip(&mut names) {
            assert_eq!(brtc_identity_fingerprint(handle, name.as_mut_ptr(), name.len()), BRTC_OK);
        }
        assert_eq!(brtc_identity_destroy(again), BRTC_OK);
        assert_eq!(brtc_identity_destroy(again), BRTC_INVALID_HANDLE);
    }
    assert_eq!(names[0], names[1]);
}

#[test]
fn randomness_that_fails_or_writes_nothing_is_noticed() {
    unsafe extern "C" fn fails(_: *mut c_void, _: *mut u8, _: usize) -> c_int {
        -1
    }
    unsafe extern "C" fn lies(_: *mut c_void, _: *mut u8, _: usize) -> c_int {
        0
    }
    let (identity, mut config) = (Identity::new(), config());
    let mut region = vec![0_u8; unsafe { brtc_region_bytes(&config) }];
    let mut memory = vec![0_u8; identity.memory.len()];
    let (mut connection, mut other) = (ptr::null_mut(), ptr::null_mut());
    for (function, refused) in [
        (None, BRTC_INVALID_ARGUMENT),
        (Some(fails as unsafe extern "C" fn(_, _, _) -> _), BRTC_NO_RANDOMNESS),
        (Some(lies), BRTC_NO_RANDOMNESS),
    ] {
        config.random = function;
        unsafe {
            let place = region.as_mut_ptr().cast();
            let made = brtc_connection_create(&config, identity.handle, place, region.len(), &mut connection);
            assert_eq!(made, refused);
            assert!(connection.is_null());
            let place = memory.as_mut_ptr().cast();
            assert_eq!(brtc_identity_generate(place, memory.len(), function, ptr::null_mut(), &mut other), refused);
        }
    }
}

/// What the log's callback works with.
struct Called {
    connection: Cell<*mut brtc_connection>,
    results: Cell<[i32; 2]>,
    lines: Cell<u32>,
}

unsafe extern "C" fn calls_back(context: *mut c_void, _: brtc_log_level, text: *const c_char) {
    let called = unsafe { &*context.cast::<Called>() };
    assert!(!unsafe { core::ffi::CStr::from_ptr(text) }.is_empty());
    let connection = called.connection.get();
    let results =
        unsafe { [brtc_close(0, connection) as i32, brtc_connection_destroy(connection, ptr::null_mut()) as i32] };
    called.results.set(results);
    called.lines.set(called.lines.get() + 1);
}

#[test]
fn a_callback_cannot_call_into_its_connection() {
    let called = Called { connection: Cell::new(ptr::null_mut()), results: Cell::new([0; 2]), lines: Cell::new(0) };
    let (identity, mut config) = (Identity::new(), config());
    config.log = Some(calls_back);
    config.log_context = (&raw const called).cast_mut().cast();
    let side = Side::new(&config, &identity);
    called.connection.set(side.handle);
    assert_eq!(unsafe { brtc_get_memory(side.handle, ptr::null_mut()) }, BRTC_INVALID_ARGUMENT);
    assert_eq!(called.results.get(), [BRTC_BUSY as i32; 2]);
    assert_eq!(called.lines.get(), 1);
    assert_eq!(unsafe { brtc_handle_timeout(0, side.handle) }, BRTC_OK, "and afterwards it works");
}

#[test]
fn the_number_of_a_closed_channel_names_no_other() {
    let identity = Identity::new();
    let mut pair = Pair::connected(&config(), &identity);
    let first = pair.channel;
    assert_eq!(pair.write(b"hello"), BRTC_OK);
    pair.until(|_, two| two.iter().any(|event| event.kind == brtc_event_kind::BRTC_EVENT_CHANNEL_READABLE as u32));
    let mut room = [0; 16];
    // The other side has numbers of its own, and its first channel the first of them.
    let (result, message) = read(pair.now, &pair.two, first, &mut room);
    assert_eq!((result, message.length, message.kind, message.complete), (BRTC_OK, 5, 1, 1));
    assert_eq!(&room[..5], b"hello");
    assert_eq!(read(pair.now, &pair.two, first, &mut room).0, BRTC_NOTHING);

    assert_eq!(unsafe { barertc_capi::channel::brtc_close_channel(pair.now, pair.one.handle, first) }, BRTC_OK);
    pair.until(|one, _| one.iter().any(|event| event.kind == brtc_event_kind::BRTC_EVENT_CHANNEL_CLOSED as u32));
    let (opened, second) = pair.one.open(c"again");
    assert_eq!(opened, BRTC_OK);
    assert_ne!(first, second);
    assert_eq!(pair.write(b"late"), BRTC_NO_SUCH_CHANNEL);
    assert_eq!(pair.one.cause(), "no such data channel");
}

#[test]
fn a_shared_socket_learns_whose_a_datagram_is() {
    let identity = Identity::new();
    let pair = Pair::connected(&config(), &identity);
    let stranger = brtc_address { port: 9, ..pair.two.address };
    let mut datagram = [0x80_u8; 40];
    let ask = |remote| unsafe {
        let route = brtc_route { local: pair.one.address, remote };
        brtc_is_for_us(pair.one.handle, &route, datagram.as_ptr(), datagram.len())
    };
    assert_eq!(ask(pair.two.address), BRTC_OK);
    assert_eq!(ask(stranger), BRTC_NOTHING);
    let route = brtc_route { local: pair.one.address, remote: stranger };
    let unknown =
        unsafe { brtc_handle_unknown(pair.now, pair.one.handle, &route, datagram.as_mut_ptr(), datagram.len()) };
    assert_eq!(unknown, BRTC_NOTHING, "it is no authentic RTCP");
}
