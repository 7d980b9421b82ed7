//! The cipher alone, as RustCrypto has it, over the payload of one packet.

use aes::cipher::{BlockCipherEncrypt, BlockSizeUser};
use aes::{Aes128Enc, Aes256Enc};
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AesGcm, KeyInit};
use ctr::cipher::consts::{U12, U16};
use ctr::cipher::{InnerIvInit, StreamCipherCore};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use std::hint::black_box;

use crate::{Contender, FRAME, HEADER};

type Ctr<'k> = ctr::CtrCore<&'k Aes128Enc, ctr::flavors::Ctr128BE>;

/// AES-GCM as `AEAD_AES_128_GCM` and `AEAD_AES_256_GCM` have it.
pub struct Gcm<C>(&'static str, AesGcm<C, U12>);

/// AES-128-CTR and HMAC-SHA1 as `AES_CM_128_HMAC_SHA1_80` has them, the key of the hash absorbed before.
pub struct CounterMode(Aes128Enc, Hmac<Sha1>);

impl Gcm<Aes128Enc> {
    pub fn with_128() -> Self {
        Self("AES-128-GCM alone (RustCrypto)", AesGcm::new(&[7; 16].into()))
    }
}

impl Gcm<Aes256Enc> {
    pub fn with_256() -> Self {
        Self("AES-256-GCM alone (RustCrypto)", AesGcm::new(&[7; 32].into()))
    }
}

impl CounterMode {
    pub fn new() -> Self {
        Self(Aes128Enc::new(&[7; 16].into()), Hmac::new_from_slice(&[7; 20]).unwrap())
    }
}

/// So many packets of this size are what our packetizer makes of the frame.
fn packets(room: usize) -> impl Iterator<Item = usize> {
    let payload = room - HEADER - 2;
    (0..FRAME.div_ceil(payload)).map(move |i| payload.min(FRAME - i * payload) + 2)
}

impl<C: BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt> Contender for Gcm<C> {
    fn name(&self) -> &'static str {
        self.0
    }

    fn frame(&mut self) -> (usize, usize) {
        let mut sent = (0, 0);
        let mut datagram = [5; 1_200];
        for payload in packets(1_200 - 16) {
            let datagram = black_box(&mut datagram);
            let (aad, rest) = datagram.split_at_mut(HEADER);
            let buffer = InOutBuf::from(&mut rest[..payload]);
            let tag = self.1.encrypt_inout_detached(black_box(&[2; 12].into()), aad, buffer).unwrap();
            rest[payload..payload + 16].copy_from_slice(&tag);
            sent = (sent.0 + 1, sent.1 + HEADER + payload + 16);
        }
        sent
    }
}

impl Contender for CounterMode {
    fn name(&self) -> &'static str {
        "AES-128-CTR and HMAC-SHA1 alone (RustCrypto)"
    }

    fn frame(&mut self) -> (usize, usize) {
        let mut sent = (0, 0);
        let mut datagram = [5; 1_200];
        for payload in packets(1_200 - 10) {
            let datagram = black_box(&mut datagram);
            let buffer = InOutBuf::from(&mut datagram[HEADER..HEADER + payload]);
            Ctr::inner_iv_init(&self.0, black_box(&[2; 16].into())).apply_keystream_partial(buffer);
            let mut mac = self.1.clone();
            mac.update(&datagram[..HEADER + payload]);
            mac.update(black_box(&[0; 4]));
            datagram[HEADER + payload..][..10].copy_from_slice(&mac.finalize().into_bytes()[..10]);
            sent = (sent.0 + 1, sent.1 + HEADER + payload + 10);
        }
        sent
    }
}
