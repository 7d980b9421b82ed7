//! What protecting a full packet costs, next to the cipher and the hash alone.

use barertc_arena::Heap;
use barertc_crypto::{AesKey, GcmKey, HmacSha1Key, Provider, RustCrypto};
use barertc_srtp::{Config, Error, Masters, Profile, Session, Side};
use core::hint::black_box;

use crate::bench::Bench;
use crate::machine::instructions;

/// A full packet of video: a header of 12 bytes, and the payload that the cipher sees.
const PACKET: usize = 1_200;
const HEADER: usize = 12;

type Memory<'m> = &'m Heap<'static>;

pub fn run(bench: &mut Bench) {
    for (name, profile) in [
        ("AES_CM_128_HMAC_SHA1_80 over a roll-over", Profile::AesCm128HmacSha1_80),
        ("AES_CM_128_HMAC_SHA1_32 over a roll-over", Profile::AesCm128HmacSha1_32),
        ("AEAD_AES_128_GCM over a roll-over", Profile::AeadAes128Gcm),
        ("AEAD_AES_256_GCM over a roll-over", Profile::AeadAes256Gcm),
    ] {
        bench.test(name, || survives(bench.psram, profile));
    }
    let config = Config::default();
    bench.figure("session, itself", size_of::<Session<Memory, RustCrypto>>(), "bytes");
    bench.figure("session, memory at most", Session::<Memory, RustCrypto>::worst_case_bytes(&config), "bytes");
    bench.test("memory is within its bound", || {
        let session = session(bench.internal, Profile::AeadAes128Gcm, Side::Client)?;
        let live = bench.internal.stats().live;
        drop(session);
        if live <= Session::<Memory, RustCrypto>::worst_case_bytes(&config) { Ok(()) } else { Err(Error::NoMemory) }
    });

    let (counter_mode, gcm) = alone();
    for (name, profile, primitives) in [
        ("protect 1200 B, AES_CM_128_HMAC_SHA1_80", Profile::AesCm128HmacSha1_80, counter_mode),
        ("protect 1200 B, AEAD_AES_128_GCM", Profile::AeadAes128Gcm, gcm),
    ] {
        // A twentieth for everything that is not the cipher and the hash.
        let most = primitives + primitives / 20;
        let Ok(mut us) = session(bench.psram, profile, Side::Client) else { continue };
        let Ok(mut peer) = session(bench.psram, profile, Side::Server) else { continue };
        let mut buf = packet(1);
        let mut len = us.protect_rtp(&mut buf, PACKET); // enters the stream
        buf = packet(2);
        bench.within(name, most, || len = us.protect_rtp(black_box(&mut buf), PACKET));
        bench.figure("of those, the primitives alone", primitives as usize, "instructions");
        let mut opened = Ok(0);
        let end = len.unwrap_or(0);
        bench.within("unprotect the same", most, || opened = peer.unprotect_rtp(black_box(&mut buf[..end])));
        bench.test("it opens", || opened.map(|_| ()));
    }
}

/// The instructions that the primitives take for the packet: AES-CM and HMAC-SHA1; GCM.
fn alone() -> (u64, u64) {
    let (aes, gcm) = (AesKey::new(black_box(&[1; 16])).unwrap(), GcmKey::new(black_box(&[1; 16])).unwrap());
    let sha1 = HmacSha1Key::new(black_box(&[1; 20]));
    let mut data = black_box([5; PACKET]);
    let start = instructions();
    RustCrypto.aes_ctr(&aes, black_box(&[2; 16]), &mut data[HEADER..]);
    black_box(RustCrypto.hmac_sha1(&sha1, &[&data, black_box(&[0; 4])]));
    let middle = instructions();
    let (aad, payload) = data.split_at_mut(HEADER);
    black_box(RustCrypto.gcm_seal(&gcm, black_box(&[2; 12]), aad, payload));
    (middle - start, instructions() - middle)
}

fn session(memory: Memory, profile: Profile, side: Side) -> Result<Session<Memory, RustCrypto>, Error> {
    let exported: [u8; 88] = core::array::from_fn(|i| i as u8);
    let masters = Masters::split(profile, &exported[..profile.exporter_len()], side)?;
    Session::new(Config::default(), profile, masters.local(), masters.remote(), memory, RustCrypto)
}

fn packet(seq: u16) -> [u8; PACKET + 16] {
    let mut packet = [7; PACKET + 16];
    let [high, low] = seq.to_be_bytes();
    packet[..HEADER].copy_from_slice(&[0x80, 96, high, low, 0, 0, 0, 1, 0, 0, 0, 9]);
    packet
}

fn survives(memory: Memory, profile: Profile) -> Result<(), Error> {
    let mut us = session(memory, profile, Side::Client)?;
    let mut peer = session(memory, profile, Side::Server)?;
    for seq in [0x7000, 0xb000, 0xffff, 0, 0x3000] {
        let mut buf = packet(seq);
        let len = us.protect_rtp(&mut buf, PACKET)?;
        let len = peer.unprotect_rtp(&mut buf[..len])?;
        if buf[..len] != packet(seq)[..PACKET] {
            return Err(Error::Malformed);
        }
        let mut report = [0; 64];
        report[..8].copy_from_slice(&[0x80, 201, 0, 1, 0, 0, 0, 9]);
        let len = us.protect_rtcp(&mut report, 8)?;
        if peer.unprotect_rtcp(&mut report[..len])? != 8 {
            return Err(Error::Malformed);
        }
    }
    Ok(())
}
