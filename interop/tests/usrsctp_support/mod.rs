//! usrsctp's C interface, as far as the tests use it: numbers, structures and functions of usrsctp.h.
#![allow(unsafe_code, reason = "a C library")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::{c_int, c_uint, c_void};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use libloading::Library;

pub const AF_CONN: u16 = 123;
pub const SOCK_STREAM: c_int = 1;
pub const IPPROTO_SCTP: c_int = 132;
pub const SOL_SOCKET: c_int = 1;
pub const SO_SNDBUF: c_int = 7;
pub const SO_RCVBUF: c_int = 8;
pub const SO_LINGER: c_int = 13;
pub const EINPROGRESS: i32 = 115;
pub const MSG_EOR: c_int = 0x80;
pub const MSG_NOTIFICATION: c_int = 0x2000;
pub const SHUT_WR: c_int = 1;

// Option names and numbers of usrsctp.h; the one for interleaving is in its netinet/sctp.h.
pub const SCTP_RTOINFO: c_int = 1;
pub const SCTP_INITMSG: c_int = 3;
pub const SCTP_NODELAY: c_int = 4;
pub const SCTP_FRAGMENT_INTERLEAVE: c_int = 0x10;
pub const SCTP_EVENT: c_int = 0x1e;
pub const SCTP_RECVRCVINFO: c_int = 0x1f;
pub const SCTP_ECN_SUPPORTED: c_int = 0x25;
pub const SCTP_ENABLE_STREAM_RESET: c_int = 0x900;
pub const SCTP_RESET_STREAMS: c_int = 0x901;
pub const SCTP_INTERLEAVING_SUPPORTED: c_int = 0x1206;

pub const SCTP_ASSOC_CHANGE: u16 = 1;
pub const SCTP_STREAM_RESET_EVENT: u16 = 9;
pub const SCTP_COMM_UP: u16 = 1;
pub const SCTP_COMM_LOST: u16 = 2;
pub const SCTP_SHUTDOWN_COMP: u16 = 4;
pub const SUPPORTS_INTERLEAVING: u8 = 6;
pub const RESET_INCOMING: u16 = 1;
pub const RESET_OUTGOING: u16 = 2;
pub const RESET_TROUBLE: u16 = 0x1c;

pub const SNDINFO_AND_PRINFO: u32 = 3;
pub const SENDV_SPA: c_uint = 4;
pub const UNORDERED: u16 = 0x400;
pub const PR_RTX: u16 = 3;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Address {
    pub family: u16,
    pub port: u16,
    pub addr: *mut c_void,
}

#[repr(C)]
#[derive(Default)]
pub struct SendInfo {
    pub flags: u32,
    pub sid: u16,
    pub snd_flags: u16,
    pub protocol: u32,
    pub context: u32,
    pub assoc: u32,
    pub policy: u16,
    pub value: u32,
    pub key: u16,
}

#[repr(C)]
#[derive(Default)]
pub struct ReceiveInfo {
    pub sid: u16,
    pub ssn: u16,
    pub flags: u16,
    pub protocol: u32,
    pub tsn: u32,
    pub cumulative: u32,
    pub context: u32,
    pub assoc: u32,
}

pub type Socket = *mut c_void;
pub type Output = unsafe extern "C" fn(*mut c_void, *mut c_void, usize, u8, u8) -> c_int;

/// The functions in use, with the signatures of usrsctp.h.
pub struct Functions {
    pub socket: unsafe extern "C" fn(c_int, c_int, c_int, *const c_void, *const c_void, u32, *mut c_void) -> Socket,
    pub setsockopt: unsafe extern "C" fn(Socket, c_int, c_int, *const c_void, u32) -> c_int,
    pub set_non_blocking: unsafe extern "C" fn(Socket, c_int) -> c_int,
    pub bind: unsafe extern "C" fn(Socket, *const Address, u32) -> c_int,
    pub listen: unsafe extern "C" fn(Socket, c_int) -> c_int,
    pub accept: unsafe extern "C" fn(Socket, *mut c_void, *mut u32) -> Socket,
    pub connect: unsafe extern "C" fn(Socket, *const Address, u32) -> c_int,
    #[allow(clippy::type_complexity)]
    pub sendv: unsafe extern "C" fn(
        Socket,
        *const c_void,
        usize,
        *const c_void,
        c_int,
        *const c_void,
        u32,
        c_uint,
        c_int,
    ) -> isize,
    #[allow(clippy::type_complexity)]
    pub recvv: unsafe extern "C" fn(
        Socket,
        *mut c_void,
        usize,
        *mut c_void,
        *mut u32,
        *mut c_void,
        *mut u32,
        *mut c_uint,
        *mut c_int,
    ) -> isize,
    pub conninput: unsafe extern "C" fn(*mut c_void, *const c_void, usize, u8),
    pub handle_timers: unsafe extern "C" fn(u32),
    pub shutdown: unsafe extern "C" fn(Socket, c_int) -> c_int,
    pub close: unsafe extern "C" fn(Socket),
    pub register: unsafe extern "C" fn(*mut c_void),
    pub deregister: unsafe extern "C" fn(*mut c_void),
}

thread_local! {
    /// Packets that the library wants sent; it calls back on the thread that called it.
    pub static OUT: RefCell<VecDeque<Vec<u8>>> = const { RefCell::new(VecDeque::new()) };
}

unsafe extern "C" fn output(_: *mut c_void, bytes: *mut c_void, len: usize, _: u8, _: u8) -> c_int {
    // SAFETY: the library lends `len` bytes for the duration of the call.
    let packet = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), len) };
    OUT.with(|out| out.borrow_mut().push_back(packet.to_vec()));
    0
}

/// Microseconds since the beginning of 1970, as the library sees them.
static CLOCK: AtomicI64 = AtomicI64::new(1_000_000_000_000_000);

/// What the library asks for the time, in the place of the C library's function: a symbol of the program goes before those of the
/// libraries. So round trips, life times and retransmissions go by the simulated clock.
#[unsafe(no_mangle)]
extern "C" fn gettimeofday(time: *mut [i64; 2], _: *mut c_void) -> c_int {
    let now = CLOCK.load(Ordering::Relaxed);
    if !time.is_null() {
        // SAFETY: a `struct timeval`: two words, and the caller's to write to.
        unsafe { *time = [now / 1_000_000, now % 1_000_000] };
    }
    0
}

/// Lets time pass for the library. To be called from one thread at a time.
pub fn pass(milliseconds: u32) {
    CLOCK.fetch_add(i64::from(milliseconds) * 1_000, Ordering::Relaxed);
    // SAFETY: no other thread is in the library.
    unsafe { (functions().handle_timers)(milliseconds) };
}

pub fn functions() -> &'static Functions {
    static FUNCTIONS: OnceLock<Functions> = OnceLock::new();
    FUNCTIONS.get_or_init(|| {
        // SAFETY: the signatures are those of usrsctp.h; the library is initialised once, before anything else, and
        // stays loaded for ever.
        unsafe {
            let library =
                Library::new("libusrsctp.so.2").expect("libusrsctp.so.2 is missing: apt-get install libusrsctp2");
            let library: &'static Library = Box::leak(Box::new(library));
            let init = library.get::<unsafe extern "C" fn(u16, Output, *const c_void)>(b"usrsctp_init_nothreads");
            init.unwrap()(0, output, ptr::null());
            for (name, value) in [
                (&b"usrsctp_sysctl_set_sctp_blackhole"[..], 2),
                (b"usrsctp_sysctl_set_sctp_no_csum_on_loopback", 0),
                (b"usrsctp_sysctl_set_sctp_asconf_enable", 0),
                (b"usrsctp_sysctl_set_sctp_auth_enable", 0),
                // As libdatachannel sets them: no bursts of a few packets only, and acknowledgements after 20 ms.
                (b"usrsctp_sysctl_set_sctp_max_burst_default", 10),
                (b"usrsctp_sysctl_set_sctp_initial_cwnd", 10),
                (b"usrsctp_sysctl_set_sctp_delayed_sack_time_default", 20),
            ] {
                let set = library.get::<unsafe extern "C" fn(u32) -> c_int>(name).unwrap();
                assert_eq!(set(value), 0, "{name:?}");
            }
            macro_rules! get {
                ($name:literal) => {
                    *library.get($name).unwrap()
                };
            }
            Functions {
                socket: get!(b"usrsctp_socket"),
                setsockopt: get!(b"usrsctp_setsockopt"),
                set_non_blocking: get!(b"usrsctp_set_non_blocking"),
                bind: get!(b"usrsctp_bind"),
                listen: get!(b"usrsctp_listen"),
                accept: get!(b"usrsctp_accept"),
                connect: get!(b"usrsctp_connect"),
                sendv: get!(b"usrsctp_sendv"),
                recvv: get!(b"usrsctp_recvv"),
                conninput: get!(b"usrsctp_conninput"),
                handle_timers: get!(b"usrsctp_handle_timers"),
                shutdown: get!(b"usrsctp_shutdown"),
                close: get!(b"usrsctp_close"),
                register: get!(b"usrsctp_register_address"),
                deregister: get!(b"usrsctp_deregister_address"),
            }
        }
    })
}
