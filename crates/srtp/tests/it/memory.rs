//! Everything is allocated when the session is made, as much as the configuration said, and given back.

use crate::support;

use core::mem::MaybeUninit;

use barertc_arena::{FailNth, Heap};
use barertc_crypto::RustCrypto;
use barertc_srtp::{Config, Error, Profile, Session};
use barertc_wire::{ConfigError, Rule};
use support::rtp;

const MASTER: [u8; 28] = [3; 28];

fn session<A: barertc_arena::Allocator + Clone>(config: Config, alloc: A) -> Result<Session<A, RustCrypto>, Error> {
    Session::new(config, Profile::AeadAes128Gcm, &MASTER, &MASTER, alloc, RustCrypto)
}

#[test]
fn the_bound_is_kept_and_everything_comes_back() {
    let mut region = [MaybeUninit::uninit(); 65_536];
    let heap: Heap = Heap::new(&mut region).unwrap();
    for (local_streams, remote_streams, window) in [(1, 1, 64), (8, 8, 1024), (3, 40, 4096)] {
        let config = Config { local_streams, remote_streams, window, rtcp_window: 64 };
        let before = heap.stats();
        let mut session = session(config, &heap).unwrap();
        let made = heap.stats();
        for ssrc in 0..50 {
            let mut buf = rtp(ssrc, 1, 50);
            buf.resize(128, 0);
            let sent = session.protect_rtp(&mut buf, 62);
            assert_eq!(sent.is_ok(), (ssrc as usize) < local_streams);
            // Both directions have the same keys here, so it can be opened again.
            let opened = session.unprotect_rtp(&mut buf[..78]);
            assert_eq!(opened.is_ok(), (ssrc as usize) < local_streams.min(remote_streams));
        }
        assert_eq!(heap.stats().allocations, made.allocations, "an allocation per packet");
        assert!(made.live - before.live <= Session::<&Heap, RustCrypto>::worst_case_bytes(&config));
        drop(session);
        assert_eq!(heap.stats().live, before.live);
    }
}

#[test]
fn every_failed_allocation_is_an_error() {
    let mut region = [MaybeUninit::uninit(); 65_536];
    let heap: Heap = Heap::new(&mut region).unwrap();
    for nth in 1..=3 {
        let failing = FailNth::new(&heap, nth);
        assert_eq!(session(Config::default(), &failing).err(), Some(Error::NoMemory));
        assert_eq!(heap.stats().live, 0);
    }
}

#[test]
fn impossible_configurations_are_refused() {
    for (config, field, rule, value) in [
        (Config { window: 1000, ..Config::default() }, "window", Rule::PowerOfTwo, 1000),
        (Config { window: 32, ..Config::default() }, "window", Rule::AtLeast(64), 32),
        (Config { window: 1 << 16, ..Config::default() }, "window", Rule::AtMost(1 << 15), 1 << 16),
        (Config { rtcp_window: 0, ..Config::default() }, "rtcp_window", Rule::AtLeast(64), 0),
        (Config { local_streams: 0, ..Config::default() }, "local_streams", Rule::AtLeast(1), 0),
        (Config { remote_streams: 0, ..Config::default() }, "remote_streams", Rule::AtLeast(1), 0),
    ] {
        let error = ConfigError { field, rule, value };
        assert_eq!(config.check(), Err(error));
        assert_eq!(session(config, barertc_arena::Global).err(), Some(Error::Config(error)));
    }
    let short =
        Session::new(Config::default(), Profile::AeadAes256Gcm, &MASTER, &MASTER, barertc_arena::Global, RustCrypto);
    assert_eq!(short.err(), Some(Error::KeyLength));
}
