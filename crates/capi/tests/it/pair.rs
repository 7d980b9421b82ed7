//! Connections in regions of their own, for the tests.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr;

use barertc_capi::address::{brtc_address, brtc_route};
use barertc_capi::channel::{
    brtc_add_data, brtc_channel_config, brtc_channel_config_init, brtc_message, brtc_open_channel, brtc_read_channel,
    brtc_write_channel,
};
use barertc_capi::config::{brtc_config, brtc_config_init};
use barertc_capi::connection::{brtc_connection_create, brtc_connection_destroy, brtc_error_text, brtc_region_bytes};
use barertc_capi::event::{brtc_event, brtc_event_kind, brtc_poll_event};
use barertc_capi::handle::brtc_connection;
use barertc_capi::identity::{brtc_identity, brtc_identity_bytes, brtc_identity_destroy, brtc_identity_generate};
use barertc_capi::negotiation::{brtc_create_answer, brtc_create_offer, brtc_set_answer};
use barertc_capi::network::{
    brtc_add_local_candidate, brtc_handle, brtc_handle_timeout, brtc_poll_transmit, brtc_transmit,
};
use barertc_capi::result::brtc_result::{self, *};

/// Bytes that look random, the same in every run.
pub unsafe extern "C" fn random(context: *mut c_void, out: *mut u8, len: usize) -> c_int {
    let seed = context.addr() as u64;
    let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ seed;
    for n in 0..len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        unsafe { out.add(n).write((state >> 56) as u8) };
    }
    0
}

pub fn config() -> brtc_config {
    let mut config = core::mem::MaybeUninit::<brtc_config>::uninit();
    assert_eq!(unsafe { brtc_config_init(config.as_mut_ptr(), size_of::<brtc_config>()) }, BRTC_OK);
    let mut config = unsafe { config.assume_init() };
    config.random = Some(random);
    config
}

pub fn event() -> brtc_event {
    let mut event: brtc_event = unsafe { core::mem::zeroed() };
    event.size = size_of::<brtc_event>() as u32;
    event
}

/// An identity, with its memory.
pub struct Identity {
    pub handle: *mut brtc_identity,
    pub memory: Vec<u8>,
}

impl Identity {
    pub fn new() -> Self {
        let mut memory = vec![0; brtc_identity_bytes()];
        let mut handle = ptr::null_mut();
        let made = unsafe {
            brtc_identity_generate(memory.as_mut_ptr().cast(), memory.len(), Some(random), ptr::null_mut(), &mut handle)
        };
        assert_eq!(made, BRTC_OK);
        Self { handle, memory }
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        assert_eq!(unsafe { brtc_identity_destroy(self.handle) }, BRTC_OK);
    }
}

/// A connection, with its region.
pub struct Side {
    pub handle: *mut brtc_connection,
    pub region: Vec<u8>,
    pub address: brtc_address,
}

impl Side {
    pub fn new(config: &brtc_config, identity: &Identity) -> Self {
        let mut region = vec![0xA5; unsafe { brtc_region_bytes(config) }];
        let mut handle = ptr::null_mut();
        let made = unsafe {
            brtc_connection_create(config, identity.handle, region.as_mut_ptr().cast(), region.len(), &mut handle)
        };
        assert_eq!(made, BRTC_OK);
        let mut address = brtc_address { family: 4, port: 4000, ..brtc_address::default() };
        address.ip[0] = 10;
        Self { handle, region, address }
    }

    /// Why the last call failed.
    pub fn cause(&self) -> String {
        let mut out = [0 as c_char; 160];
        assert_eq!(unsafe { brtc_error_text(self.handle, out.as_mut_ptr(), out.len(), ptr::null_mut()) }, BRTC_OK);
        unsafe { CStr::from_ptr(out.as_ptr()) }.to_str().unwrap().to_owned()
    }

    pub fn events(&self) -> Vec<brtc_event> {
        let mut found = Vec::new();
        let mut next = event();
        while unsafe { brtc_poll_event(self.handle, &mut next) } == BRTC_OK {
            found.push(next);
        }
        found
    }

    pub fn open(&self, label: &CStr) -> (brtc_result, u32) {
        let mut config = core::mem::MaybeUninit::<brtc_channel_config>::uninit();
        let size = size_of::<brtc_channel_config>();
        assert_eq!(unsafe { brtc_channel_config_init(config.as_mut_ptr(), size) }, BRTC_OK);
        let mut config = unsafe { config.assume_init() };
        config.label = label.as_ptr();
        let mut channel = 0;
        (unsafe { brtc_open_channel(0, self.handle, &config, &mut channel) }, channel)
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        let mut live = usize::MAX;
        assert_eq!(unsafe { brtc_connection_destroy(self.handle, &mut live) }, BRTC_OK);
        assert_eq!(live, 0, "every byte is given back");
    }
}

/// Two sides with a channel between them.
pub struct Pair {
    pub one: Side,
    pub two: Side,
    pub channel: u32,
    pub now: u64,
}

impl Pair {
    pub fn connected(config: &brtc_config, identity: &Identity) -> Self {
        Self::prepared(config, identity, |_, _| {})
    }

    /// As [`connected`](Self::connected). `prepare` may add tracks to both sides before.
    pub fn prepared(config: &brtc_config, identity: &Identity, prepare: impl FnOnce(&Side, &Side)) -> Self {
        let (mut one, mut two) = (Side::new(config, identity), Side::new(config, identity));
        (one.address.ip[3], two.address.ip[3]) = (1, 2);
        prepare(&one, &two);
        let (opened, channel) = one.open(c"chat");
        assert_eq!(opened, BRTC_OK);
        let mut texts = [[0 as c_char; 8192]; 2];
        let [offer, answer] = &mut texts;
        let (mut offered, mut answered) = (0, 0);
        unsafe {
            assert_eq!(brtc_add_local_candidate(0, one.handle, &one.address), BRTC_OK);
            assert_eq!(brtc_add_local_candidate(0, two.handle, &two.address), BRTC_OK);
            assert_eq!(brtc_add_data(0, two.handle), BRTC_OK);
            assert_eq!(brtc_create_offer(0, one.handle, offer.as_mut_ptr(), offer.len(), &mut offered), BRTC_OK);
            let made = brtc_create_answer(
                0,
                two.handle,
                offer.as_ptr(),
                offered,
                answer.as_mut_ptr(),
                answer.len(),
                &mut answered,
            );
            assert_eq!(made, BRTC_OK);
            assert_eq!(brtc_set_answer(0, one.handle, answer.as_ptr(), answered), BRTC_OK);
        }
        let mut pair = Self { one, two, channel, now: 0 };
        pair.until(|one, _| one.iter().any(|event| event.kind == brtc_event_kind::BRTC_EVENT_CHANNEL_OPEN as u32));
        pair
    }

    /// Lets time pass until something has happened.
    pub fn until(&mut self, happened: impl Fn(&[brtc_event], &[brtc_event]) -> bool) {
        for _ in 0..2_000 {
            carry(self.now, &self.one, &self.two);
            carry(self.now, &self.two, &self.one);
            self.now += 5_000;
            if happened(&self.one.events(), &self.two.events()) {
                return;
            }
        }
        panic!("it does not happen within ten seconds");
    }

    pub fn write(&self, message: &[u8]) -> brtc_result {
        unsafe { brtc_write_channel(self.now, self.one.handle, self.channel, 1, message.as_ptr(), message.len()) }
    }
}

/// Reads from a channel.
pub fn read(now: u64, side: &Side, channel: u32, room: &mut [u8]) -> (brtc_result, brtc_message) {
    let mut message = brtc_message::default();
    let read = unsafe { brtc_read_channel(now, side.handle, channel, room.as_mut_ptr(), room.len(), &mut message) };
    (read, message)
}

fn carry(now: u64, from: &Side, to: &Side) {
    let mut datagram = [0; 1_200];
    let mut sent = brtc_transmit::default();
    unsafe {
        assert_eq!(brtc_handle_timeout(now, from.handle), BRTC_OK);
        while brtc_poll_transmit(now, from.handle, datagram.as_mut_ptr(), datagram.len(), &mut sent) == BRTC_OK {
            let route = brtc_route { local: sent.route.remote, remote: sent.route.local };
            brtc_handle(now, to.handle, &route, datagram.as_mut_ptr(), sent.length);
        }
    }
}
