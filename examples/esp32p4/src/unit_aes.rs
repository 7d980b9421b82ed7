//! Keys of AES and AES-GCM for the chip's unit, which expands a key itself each time. What is left to software is GHASH.

use barertc_crypto::{AeadKey, BadTag, BlockKey, KeyLength};
use esp_hal::aes::cipher_modes::{Ctr, Ecb};
use esp_hal::aes::{AesBackend, AesContext, AesWorkQueueDriver, CipherState, Key, Operation};
use esp_hal::peripherals::AES;
use static_cell::StaticCell;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::gcm;

/// What serves the unit's queue as long as it lives.
pub type Driver = AesWorkQueueDriver<'static, 'static>;

/// Starts the unit, and holds it against the vectors below.
pub fn start(aes: AES<'static>) -> Result<Driver, &'static str> {
    static BACKEND: StaticCell<AesBackend<'static>> = StaticCell::new();
    let driver = BACKEND.init(AesBackend::new(aes)).start();
    if works() {
        Ok(driver)
    } else {
        Err("the AES unit gives wrong results; the feature `software-aes` does without it")
    }
}

// Test cases 4 and 16 of McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", appendix B. The longer key is the shorter one twice.
const KEY: [u8; 16] = *b"\xfe\xff\xe9\x92\x86\x65\x73\x1c\x6d\x6a\x8f\x94\x67\x30\x83\x08";
const NONCE: [u8; 12] = *b"\xca\xfe\xba\xbe\xfa\xce\xdb\xad\xde\xca\xf8\x88";
const AAD: &[u8] = b"\xfe\xed\xfa\xce\xde\xad\xbe\xef\xfe\xed\xfa\xce\xde\xad\xbe\xef\xab\xad\xda\xd2";
const PLAINTEXT: [u8; 60] = *b"\xd9\x31\x32\x25\xf8\x84\x06\xe5\xa5\x59\x09\xc5\xaf\xf5\x26\x9a\
    \x86\xa7\xa9\x53\x15\x34\xf7\xda\x2e\x4c\x30\x3d\x8a\x31\x8a\x72\x1c\x3c\x0c\x95\x95\x68\x09\x53\
    \x2f\xcf\x0e\x24\x49\xa6\xb5\x25\xb1\x6a\xed\xf5\xaa\x0d\xe6\x57\xba\x63\x7b\x39";
/// With 16 bytes of key, and with 32. A tag is right only where the ciphertext is.
const TAGS: [[u8; 16]; 2] = [
    *b"\x5b\xc9\x4f\xbc\x32\x21\xa5\xdb\x94\xfa\xe9\x5a\xe7\x12\x1a\x47",
    *b"\x76\xfc\x6e\xce\x0f\x4e\x17\x68\xcd\xdf\x88\x53\xbb\x2d\x55\x1b",
];

fn works() -> bool {
    let mut long = [0; 32];
    long[..16].copy_from_slice(&KEY);
    long[16..].copy_from_slice(&KEY);
    [&KEY[..], &long].iter().zip(TAGS).all(|(key, tag)| {
        let Ok(key) = UnitKey::of(key) else { return false };
        let (mut data, mut carried, mut zeros) = (PLAINTEXT, [0; 32], [0; 16]);
        // The counter block behind the last one is that of zeros.
        key.ctr(&[0xff; 16], &mut carried);
        key.encrypt_block(&mut zeros);
        key.seal(&NONCE, AAD, &mut data) == tag && carried[16..] == zeros
    })
}

/// A key of 16 or 32 bytes, for blocks, counter mode and GCM. It is wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct UnitKey {
    bytes: [u8; 32],
    short: bool,
}

impl UnitKey {
    fn of(key: &[u8]) -> Result<Self, KeyLength> {
        let mut bytes = [0; 32];
        match key.len() {
            16 | 32 => bytes[..key.len()].copy_from_slice(key),
            _ => return Err(KeyLength),
        }
        Ok(Self { bytes, short: key.len() == 16 })
    }

    /// In place; the unit expands the key once for all of it.
    fn cipher(&self, mode: impl Into<CipherState>, data: &mut [u8]) {
        let key = match (self.short, self.bytes.first_chunk::<16>()) {
            (true, Some(short)) => Key::from(*short),
            _ => Key::from(self.bytes),
        };
        let mut context = AesContext::new(mode, Operation::Encrypt, key);
        context.process_in_place(data).expect("whole blocks where the mode wants them").wait_blocking();
    }
}

impl BlockKey for UnitKey {
    fn new(key: &[u8]) -> Result<Self, KeyLength> {
        Self::of(key)
    }

    fn encrypt_block(&self, block: &mut [u8; 16]) {
        self.cipher(Ecb, block);
    }

    fn ctr(&self, iv: &[u8; 16], data: &mut [u8]) {
        self.cipher(Ctr::new(*iv), data);
    }
}

impl AeadKey for UnitKey {
    fn new(key: &[u8]) -> Result<Self, KeyLength> {
        Self::of(key)
    }

    fn seal(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
        gcm::seal(self, nonce, aad, data)
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag> {
        gcm::open(self, nonce, aad, data, tag)
    }
}
