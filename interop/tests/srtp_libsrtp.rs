//! Cisco's libsrtp 2 opens what we protect, and we open what it protects: every profile, RTP and RTCP, header
//! extensions, loss, reordering and roll-over. Needs libsrtp2.so.1 (Debian: libsrtp2-1, or libsrtp2-dev).

use std::ffi::{c_int, c_uint, c_ulong, c_void};
use std::ptr;
use std::sync::OnceLock;

use barertc_arena::Global;
use barertc_crypto::RustCrypto;
use barertc_srtp::{Config, Masters, Profile, Session, Side};
use libloading::{Library, Symbol};

const OK: c_int = 0;
const AUTH_FAIL: c_int = 7;
const REPLAY_FAIL: c_int = 9;

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CryptoPolicy {
    cipher_type: u32,
    cipher_key_len: c_int,
    auth_type: u32,
    auth_key_len: c_int,
    auth_tag_len: c_int,
    sec_serv: c_uint,
}

#[repr(C)]
struct Policy {
    ssrc_type: c_uint,
    ssrc: c_uint,
    rtp: CryptoPolicy,
    rtcp: CryptoPolicy,
    key: *mut u8,
    keys: *mut c_void,
    num_master_keys: c_ulong,
    deprecated_ekt: *mut c_void,
    window_size: c_ulong,
    allow_repeat_tx: c_int,
    enc_xtn_hdr: *mut c_int,
    enc_xtn_hdr_count: c_int,
    next: *mut Policy,
}

type Transform = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_int) -> c_int;

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        // SAFETY: libsrtp has no initialisers; `srtp_init` is called once, before anything else.
        unsafe {
            let library = Library::new("libsrtp2.so.1").expect("libsrtp2.so.1 is missing: apt-get install libsrtp2-1");
            let init: Symbol<'_, unsafe extern "C" fn() -> c_int> = library.get(b"srtp_init").unwrap();
            assert_eq!(init(), OK);
            library
        }
    })
}

/// One direction of libsrtp.
struct Theirs(*mut c_void);

impl Theirs {
    fn new(profile: Profile, master: &[u8], outbound: bool) -> Self {
        type FromProfile = unsafe extern "C" fn(*mut CryptoPolicy, c_uint) -> c_int;
        type Create = unsafe extern "C" fn(*mut *mut c_void, *const Policy) -> c_int;
        let mut key = master.to_vec();
        let (mut rtp, mut rtcp) = (CryptoPolicy::default(), CryptoPolicy::default());
        let mut session = ptr::null_mut();
        // SAFETY: the signatures and structures are those of libsrtp 2's srtp.h; it copies the key.
        unsafe {
            let for_rtp: Symbol<'_, FromProfile> =
                library().get(b"srtp_crypto_policy_set_from_profile_for_rtp").unwrap();
            let for_rtcp: Symbol<'_, FromProfile> =
                library().get(b"srtp_crypto_policy_set_from_profile_for_rtcp").unwrap();
            assert_eq!(for_rtp(&mut rtp, profile.dtls_id().into()), OK, "{profile:?}");
            assert_eq!(for_rtcp(&mut rtcp, profile.dtls_id().into()), OK, "{profile:?}");
            let policy = Policy {
                ssrc_type: if outbound { 3 } else { 2 },
                ssrc: 0,
                rtp,
                rtcp,
                key: key.as_mut_ptr(),
                keys: ptr::null_mut(),
                num_master_keys: 0,
                deprecated_ekt: ptr::null_mut(),
                window_size: 1024,
                allow_repeat_tx: 1,
                enc_xtn_hdr: ptr::null_mut(),
                enc_xtn_hdr_count: 0,
                next: ptr::null_mut(),
            };
            let create: Symbol<'_, Create> = library().get(b"srtp_create").unwrap();
            assert_eq!(create(&mut session, &policy), OK, "{profile:?}");
        }
        Self(session)
    }

    fn run(&mut self, function: &str, packet: &[u8]) -> Result<Vec<u8>, c_int> {
        let mut buf = packet.to_vec();
        buf.resize(packet.len() + 160, 0);
        let mut len = packet.len() as c_int;
        // SAFETY: the buffer has the room behind the packet that libsrtp asks for, and malloc's alignment.
        let status = unsafe {
            let transform: Symbol<'_, Transform> = library().get(function.as_bytes()).unwrap();
            transform(self.0, buf.as_mut_ptr().cast(), &mut len)
        };
        buf.truncate(len as usize);
        if status == OK { Ok(buf) } else { Err(status) }
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        // SAFETY: made by `srtp_create`, and given back once.
        unsafe {
            let dealloc: Symbol<'_, unsafe extern "C" fn(*mut c_void) -> c_int> =
                library().get(b"srtp_dealloc").unwrap();
            dealloc(self.0);
        }
    }
}

struct Bench {
    ours: Session<Global, RustCrypto>,
    sends: Theirs,
    receives: Theirs,
}

impl Bench {
    fn new(profile: Profile) -> Self {
        let exported: Vec<u8> = (0..profile.exporter_len()).map(|i| (i * 29 + 3) as u8).collect();
        let client = Masters::split(profile, &exported, Side::Client).unwrap();
        let server = Masters::split(profile, &exported, Side::Server).unwrap();
        let config = Config::default();
        Self {
            ours: Session::new(config, profile, client.local(), client.remote(), Global, RustCrypto).unwrap(),
            sends: Theirs::new(profile, server.local(), true),
            receives: Theirs::new(profile, server.remote(), false),
        }
    }

    fn protect(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut buf = packet.to_vec();
        buf.resize(packet.len() + 16, 0);
        let len = self.ours.protect_rtp(&mut buf, packet.len()).unwrap();
        buf.truncate(len);
        buf
    }

    fn protect_again(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut buf = packet.to_vec();
        buf.resize(packet.len() + 16, 0);
        let len = self.ours.protect_rtp_again(&mut buf, packet.len()).unwrap();
        buf.truncate(len);
        buf
    }

    fn protect_rtcp(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut buf = packet.to_vec();
        buf.resize(packet.len() + 20, 0);
        let len = self.ours.protect_rtcp(&mut buf, packet.len()).unwrap();
        buf.truncate(len);
        buf
    }
}

fn rtp(ssrc: u32, seq: u16, extension: bool, payload: usize) -> Vec<u8> {
    let mut packet = vec![if extension { 0x90 } else { 0x80 }, 102];
    packet.extend(seq.to_be_bytes());
    packet.extend(u32::from(seq).wrapping_mul(3000).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    if extension {
        packet.extend([0xbe, 0xde, 0, 2, 0x22, 1, 2, 3, 0x10, b'v', 0, 0]);
    }
    packet.extend((0..payload).map(|i| (i * 31 + usize::from(seq)) as u8));
    packet
}

fn rtcp(ssrc: u32, blocks: u8) -> Vec<u8> {
    let mut packet = vec![0x80 | blocks, 201, 0, 1 + 6 * blocks];
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..24 * usize::from(blocks)).map(|i| i as u8));
    packet
}

#[test]
fn libsrtp_opens_what_we_protect_over_roll_over() {
    for profile in Profile::ALL {
        let mut bench = Bench::new(profile);
        // 3 roll-overs of two streams, with gaps that a window survives.
        for i in 0..700u32 {
            for ssrc in [1, 0xdead_beef] {
                let seq = (20_000 + i * 331) as u16;
                let packet = rtp(ssrc, seq, i % 3 == 0, (i as usize * 7) % 1180);
                let datagram = bench.protect(&packet);
                assert_eq!(datagram.len(), packet.len() + profile.tag_len());
                assert_eq!(bench.receives.run("srtp_unprotect", &datagram).unwrap(), packet, "{profile:?} {i}");
            }
            let report = rtcp(1, (i % 4) as u8);
            let datagram = bench.protect_rtcp(&report);
            assert_eq!(bench.receives.run("srtp_unprotect_rtcp", &datagram).unwrap(), report, "{profile:?} {i}");
        }
    }
}

#[test]
fn we_open_what_libsrtp_protects_over_roll_over() {
    for profile in Profile::ALL {
        let mut bench = Bench::new(profile);
        for i in 0..700u32 {
            for ssrc in [1, 0xdead_beef] {
                let seq = (20_000 + i * 331) as u16;
                let packet = rtp(ssrc, seq, i % 3 == 0, (i as usize * 7) % 1180);
                let mut datagram = bench.sends.run("srtp_protect", &packet).unwrap();
                let len = bench.ours.unprotect_rtp(&mut datagram).unwrap();
                assert_eq!(datagram[..len], packet, "{profile:?} {i}");
            }
            let report = rtcp(1, (i % 4) as u8);
            let mut datagram = bench.sends.run("srtp_protect_rtcp", &report).unwrap();
            let len = bench.ours.unprotect_rtcp(&mut datagram).unwrap();
            assert_eq!(datagram[..len], report, "{profile:?} {i}");
        }
        assert_eq!(bench.ours.discards().total(), 0);
    }
}

#[test]
fn both_protect_a_packet_to_the_same_bytes() {
    for profile in Profile::ALL {
        let exported: Vec<u8> = (0..profile.exporter_len()).map(|i| (i * 5 + 9) as u8).collect();
        let client = Masters::split(profile, &exported, Side::Client).unwrap();
        let mut theirs = Theirs::new(profile, client.local(), true);
        let mut ours =
            Session::new(Config::default(), profile, client.local(), client.remote(), Global, RustCrypto).unwrap();
        for seq in (30_000..=65_535).chain(0..3000).step_by(500) {
            let packet = rtp(7, seq, true, 900);
            let mut buf = packet.clone();
            buf.resize(packet.len() + 16, 0);
            let len = ours.protect_rtp(&mut buf, packet.len()).unwrap();
            assert_eq!(buf[..len], theirs.run("srtp_protect", &packet).unwrap(), "{profile:?} {seq}");
        }
    }
}

#[test]
fn a_lost_burst_over_the_roll_over_comes_again_and_libsrtp_takes_it() {
    for profile in Profile::ALL {
        let mut bench = Bench::new(profile);
        let packets: Vec<_> = (65_480u32..65_620).map(|i| rtp(1, i as u16, false, 1000)).collect();
        let sent: Vec<_> = packets.iter().map(|p| bench.protect(p)).collect();
        let last = packets.len() - 1;
        assert!(bench.receives.run("srtp_unprotect", &sent[0]).is_ok());
        assert!(bench.receives.run("srtp_unprotect", &sent[last]).is_ok());
        for (packet, first) in packets[1..last].iter().zip(&sent[1..last]) {
            let again = bench.protect_again(packet);
            assert_eq!(&again, first);
            assert_eq!(&bench.receives.run("srtp_unprotect", &again).unwrap(), packet);
            assert_eq!(bench.receives.run("srtp_unprotect", &again), Err(REPLAY_FAIL));
        }
    }
}

#[test]
fn libsrtp_refuses_what_was_changed_after_we_protected_it() {
    for profile in Profile::ALL {
        let mut bench = Bench::new(profile);
        for byte in [0usize, 4, 12, 40, 59] {
            let mut datagram = bench.protect(&rtp(1, 100 + byte as u16, false, 48));
            datagram[byte] ^= 0x10;
            let status = bench.receives.run("srtp_unprotect", &datagram).unwrap_err();
            // A header that says it has an extension is refused before its tag is looked at.
            assert!(status == AUTH_FAIL || byte == 0, "{profile:?} byte {byte}: status {status}");
        }
    }
}
