//! The units for AES, SHA and points of an elliptic curve.
//!
//! Sources: FIPS 197, FIPS 180-4 and NIST SP 800-186 for what they compute; ESP-IDF's `aes_reg.h`, `sha_reg.h`, `ecc_mult_reg.h` (revision 3),
//! `hal/aes_ll.h`, `hal/sha_ll.h`, `hal/ecc_ll.h` for how it is asked of them. How long they take is not published: the times here are
//! assumptions, which docs/esp32-p4.md names.

use aes::cipher::{BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _};
use p256::elliptic_curve::PrimeField as _;
use p256::elliptic_curve::sec1::{FromSec1Point as _, ToSec1Point as _};
use p256::{AffinePoint, ProjectivePoint, Scalar, Sec1Point};

use crate::block::{Block, Register, reg};
use crate::bus::Fault;

/// Ticks of 2.5 ns for a block or a multiplication.
const AES_TIME: u64 = 60;
const SHA_TIME: u64 = 160;
const ECC_TIME: u64 = 1_000_000;

fn word(bytes: &[u8], offset: u32) -> u32 {
    let at = offset as usize;
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn set_word(bytes: &mut [u8], offset: u32, value: u32) {
    if let Some(place) = bytes.get_mut(offset as usize..offset as usize + 4) {
        place.copy_from_slice(&value.to_le_bytes());
    }
}

/// AES, block by block.
#[derive(Default)]
pub struct Aes {
    key: [u8; 32],
    input: [u8; 16],
    output: [u8; 16],
    mode: u32,
    busy_until: u64,
    /// Blocks done.
    pub blocks: u64,
}

impl Aes {
    /// As a reset leaves it; what was counted stays.
    pub fn reset(&mut self) {
        *self = Self { blocks: self.blocks, ..Self::default() };
    }

    pub fn read(&self, offset: u32, now: u64) -> Result<u32, Fault> {
        Ok(match offset {
            0x20..=0x2c => word(&self.input, offset - 0x20),
            0x30..=0x3c => word(&self.output, offset - 0x30),
            0x40 => self.mode,
            // Idle or busy; "done" is for DMA.
            0x4c => u32::from(now < self.busy_until),
            _ => return Err(Fault::unmodelled(format!("AES+{offset:#x} was read"))),
        })
    }

    pub fn write(&mut self, offset: u32, value: u32, now: u64) -> Result<(), Fault> {
        if now < self.busy_until {
            return Err(Fault::new(format!("AES+{offset:#x} is written while the unit works")));
        }
        match offset {
            0x00..=0x1c => set_word(&mut self.key, offset, value),
            0x20..=0x2c => set_word(&mut self.input, offset - 0x20, value),
            0x40 => self.mode = value & 7,
            0x48 if value & 1 == 1 => {
                self.run()?;
                self.busy_until = now + AES_TIME;
                self.blocks += 1;
            }
            0x48 => {}
            0x90 if value == 0 => {}
            _ => return Err(Fault::unmodelled(format!("AES+{offset:#x} was written ({value:#x})"))),
        }
        Ok(())
    }

    fn run(&mut self) -> Result<(), Fault> {
        let mut block = self.input.into();
        let (short, long) = (&self.key[..16], &self.key[..]);
        let key_error = |_| Fault::new("AES: a key of another length".into());
        // Mode: 0 and 2 encrypt with 128 and 256 bits, 4 and 6 decrypt.
        match self.mode {
            0 => aes::Aes128::new_from_slice(short).map_err(key_error)?.encrypt_block(&mut block),
            2 => aes::Aes256::new_from_slice(long).map_err(key_error)?.encrypt_block(&mut block),
            4 => aes::Aes128::new_from_slice(short).map_err(key_error)?.decrypt_block(&mut block),
            6 => aes::Aes256::new_from_slice(long).map_err(key_error)?.decrypt_block(&mut block),
            mode => return Err(Fault::unmodelled(format!("AES: mode {mode}"))),
        }
        self.output = block.into();
        Ok(())
    }
}

/// SHA, block by block.
pub struct Sha {
    mode: u32,
    /// The state as its bytes, in the order of the standard.
    state: [u8; 64],
    message: [u8; 128],
    busy_until: u64,
    /// Blocks done.
    pub blocks: u64,
}

impl Default for Sha {
    fn default() -> Self {
        Self { mode: 0, state: [0; 64], message: [0; 128], busy_until: 0, blocks: 0 }
    }
}

/// FIPS 180-4 §5.3: what each hash starts with.
const H_SHA1: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
const H_SHA224: [u32; 8] =
    [0xc105_9ed8, 0x367c_d507, 0x3070_dd17, 0xf70e_5939, 0xffc0_0b31, 0x6858_1511, 0x64f9_8fa7, 0xbefa_4fa4];
const H_SHA256: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
const H_SHA384: [u64; 8] = [
    0xcbbb_9d5d_c105_9ed8,
    0x629a_292a_367c_d507,
    0x9159_015a_3070_dd17,
    0x152f_ecd8_f70e_5939,
    0x6733_2667_ffc0_0b31,
    0x8eb4_4a87_6858_1511,
    0xdb0c_2e0d_64f9_8fa7,
    0x47b5_481d_befa_4fa4,
];
const H_SHA512: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

impl Sha {
    /// As a reset leaves it; what was counted stays.
    pub fn reset(&mut self) {
        *self = Self { blocks: self.blocks, ..Self::default() };
    }

    pub fn read(&self, offset: u32, now: u64) -> Result<u32, Fault> {
        Ok(match offset {
            0x00 => self.mode,
            0x18 => u32::from(now < self.busy_until),
            0x40..=0x7c => word(&self.state, offset - 0x40),
            0x80..=0xfc => word(&self.message, offset - 0x80),
            _ => return Err(Fault::unmodelled(format!("SHA+{offset:#x} was read"))),
        })
    }

    pub fn write(&mut self, offset: u32, value: u32, now: u64) -> Result<(), Fault> {
        // The next block may be written meanwhile: the manual of the family's SHA units says so of the typical mode.
        if now < self.busy_until && !(0x80..0x100).contains(&offset) {
            return Err(Fault::new(format!("SHA+{offset:#x} is written while the unit works")));
        }
        match offset {
            0x00 => self.mode = value & 7,
            0x10 | 0x14 if value & 1 == 1 => {
                if offset == 0x10 {
                    self.start()?;
                }
                self.run()?;
                self.busy_until = now + SHA_TIME;
                self.blocks += 1;
            }
            0x10 | 0x14 => {}
            0x40..=0x7c => set_word(&mut self.state, offset - 0x40, value),
            0x80..=0xfc => set_word(&mut self.message, offset - 0x80, value),
            _ => return Err(Fault::unmodelled(format!("SHA+{offset:#x} was written"))),
        }
        Ok(())
    }

    fn start(&mut self) -> Result<(), Fault> {
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        let longs = |words: &[u64]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        let bytes = match self.mode {
            0 => words(&H_SHA1),
            1 => words(&H_SHA224),
            2 => words(&H_SHA256),
            3 => longs(&H_SHA384),
            4 => longs(&H_SHA512),
            mode => return Err(Fault::unmodelled(format!("SHA: mode {mode}"))),
        };
        self.state[..bytes.len()].copy_from_slice(&bytes);
        Ok(())
    }

    fn run(&mut self) -> Result<(), Fault> {
        let block: [u8; 64] = std::array::from_fn(|n| self.message[n]);
        match self.mode {
            0 => {
                let mut state: [u32; 5] = self.words();
                sha1::block_api::compress(&mut state, &[block]);
                self.put(&state.map(u32::to_be_bytes));
            }
            1 | 2 => {
                let mut state: [u32; 8] = self.words();
                sha2::block_api::compress256(&mut state, &[block]);
                self.put(&state.map(u32::to_be_bytes));
            }
            3 | 4 => {
                let mut state = [0_u64; 8];
                for (word, bytes) in state.iter_mut().zip(self.state.as_chunks::<8>().0) {
                    *word = u64::from_be_bytes(*bytes);
                }
                sha2::block_api::compress512(&mut state, &[self.message]);
                self.put(&state.map(u64::to_be_bytes));
            }
            mode => return Err(Fault::unmodelled(format!("SHA: mode {mode}"))),
        }
        Ok(())
    }

    fn words<const N: usize>(&self) -> [u32; N] {
        std::array::from_fn(|n| u32::from_be_bytes(self.state.as_chunks::<4>().0[n]))
    }

    fn put<const N: usize>(&mut self, words: &[[u8; N]]) {
        for (place, bytes) in self.state.chunks_mut(N).zip(words) {
            place.copy_from_slice(bytes);
        }
    }
}

const ECC_TABLE: &[Register] = &[reg(0x1c, "MULT_CONF", 0, 0xc000_03fc)];
const CONF: u32 = 0x1c;
const START: u32 = 1;
const VERIFIED: u32 = 1 << 29;

/// Points on P-256.
pub struct Ecc {
    block: Block,
    k: [u8; 32],
    x: [u8; 32],
    y: [u8; 32],
    busy_until: u64,
    /// Calls done.
    pub calls: u64,
}

impl Default for Ecc {
    fn default() -> Self {
        Self { block: Block::new("ECC", ECC_TABLE), k: [0; 32], x: [0; 32], y: [0; 32], busy_until: 0, calls: 0 }
    }
}

impl Ecc {
    /// As a reset leaves it; what was counted stays.
    pub fn reset(&mut self) {
        *self = Self { calls: self.calls, ..Self::default() };
    }

    pub fn read(&self, offset: u32, now: u64) -> Result<u32, Fault> {
        Ok(match offset {
            CONF => self.block.get(CONF) | u32::from(now < self.busy_until),
            0x100..=0x11c => word(&self.k, offset - 0x100),
            0x130..=0x14c => word(&self.x, offset - 0x130),
            0x160..=0x17c => word(&self.y, offset - 0x160),
            _ => return self.block.read(offset),
        })
    }

    pub fn write(&mut self, offset: u32, value: u32, now: u64) -> Result<(), Fault> {
        if now < self.busy_until {
            return Err(Fault::new(format!("ECC+{offset:#x} is written while the unit works")));
        }
        match offset {
            CONF => {
                if value & 2 != 0 {
                    (self.k, self.x, self.y) = ([0; 32], [0; 32], [0; 32]);
                }
                self.block.write(offset, value)?;
                if value & START != 0 {
                    self.run()?;
                    self.busy_until = now + ECC_TIME;
                    self.calls += 1;
                }
            }
            0x100..=0x11c => set_word(&mut self.k, offset - 0x100, value),
            0x130..=0x14c => set_word(&mut self.x, offset - 0x130, value),
            0x160..=0x17c => set_word(&mut self.y, offset - 0x160, value),
            _ => _ = self.block.write(offset, value)?,
        }
        Ok(())
    }

    fn run(&mut self) -> Result<(), Fault> {
        let conf = self.block.get(CONF);
        if conf >> 2 & 3 != 1 {
            return Err(Fault::unmodelled(format!("ECC: another curve than P-256 (MULT_CONF {conf:#x})")));
        }
        let big = |little: [u8; 32]| {
            let mut bytes = little;
            bytes.reverse();
            bytes
        };
        let encoded = Sec1Point::from_affine_coordinates(&big(self.x).into(), &big(self.y).into(), false);
        let point = Option::<AffinePoint>::from(AffinePoint::from_sec1_point(&encoded));
        self.block.change(CONF, VERIFIED, if point.is_some() { VERIFIED } else { 0 });
        let multiply = match conf >> 5 & 0xf {
            // Multiplication, verification, both.
            0 | 3 => true,
            2 => false,
            mode => return Err(Fault::unmodelled(format!("ECC: mode {mode}"))),
        };
        let Some(point) = point else {
            // What a multiplication of a point that is none gives is not said.
            (self.x, self.y) = ([0; 32], [0; 32]);
            return Ok(());
        };
        if multiply {
            let scalar = Option::<Scalar>::from(Scalar::from_repr(big(self.k).into()));
            let scalar = scalar.ok_or_else(|| Fault::unmodelled("ECC: a scalar above the group's order".into()))?;
            let product = (ProjectivePoint::from(point) * scalar).to_affine().to_sec1_point(false);
            let coordinate = |bytes: Option<&[u8]>| {
                let mut out = [0; 32];
                out.copy_from_slice(bytes.unwrap_or(&[0; 32]));
                big(out)
            };
            let (x, y) = (product.x().map(|x| x.as_slice()), product.y().map(|y| y.as_slice()));
            (self.x, self.y) = (coordinate(x), coordinate(y));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        std::array::from_fn(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).expect("a digit"))
    }

    fn put(bytes: &[u8], at: u32, mut write: impl FnMut(u32, u32)) {
        for (n, four) in bytes.chunks(4).enumerate() {
            write(at + 4 * n as u32, u32::from_le_bytes(four.try_into().expect("four")));
        }
    }

    #[test]
    fn aes_gives_what_fips_197_has() {
        // Appendix C.1 and C.3.
        let plain: [u8; 16] = hex("00112233445566778899aabbccddeeff");
        let key: [u8; 32] = hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
        for (mode, len, cipher) in
            [(0, 16, "69c4e0d86a7b0430d8cdb78070b4c55a"), (2, 32, "8ea2b7ca516745bfeafc49904b496089")]
        {
            let mut unit = Aes::default();
            put(&key[..len], 0, |at, value| unit.write(at, value, 0).expect("a register"));
            put(&plain, 0x20, |at, value| unit.write(at, value, 0).expect("a register"));
            unit.write(0x40, mode, 0).expect("a register");
            unit.write(0x48, 1, 0).expect("a register");
            assert_eq!(unit.read(0x4c, 1).expect("a register"), 1, "busy");
            assert!(unit.write(0x20, 0, 1).is_err(), "not while it works");
            assert_eq!(unit.output, hex(cipher));
        }
    }

    #[test]
    fn sha_gives_what_the_examples_of_fips_180_have() {
        // NIST's examples for "abc".
        let cases = [
            (0, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (2, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (3, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"),
            (
                4,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ];
        for (mode, digest) in cases {
            let len = if mode < 3 { 64 } else { 128 };
            let mut block = vec![0; len];
            block[..4].copy_from_slice(b"abc\x80");
            block[len - 1] = 24;
            let mut unit = Sha::default();
            unit.write(0, mode, 0).expect("a register");
            put(&block, 0x80, |at, value| unit.write(at, value, 0).expect("a register"));
            unit.write(0x10, 1, 0).expect("a register");
            let text: String = unit.state[..digest.len() / 2].iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(text, digest);
        }
    }

    #[test]
    fn ecc_multiplies_and_verifies() {
        // 2 G, from the NIST's list of P-256's multiples.
        let reversed = |text| {
            let mut bytes: [u8; 32] = hex(text);
            bytes.reverse();
            bytes
        };
        let (gx, gy) = (
            reversed("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
            reversed("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"),
        );
        let mut unit = Ecc { x: gx, y: gy, ..Ecc::default() };
        unit.k[0] = 2;
        unit.write(CONF, 1 << 2 | START, 0).expect("a register");
        assert_eq!(unit.read(CONF, 0).expect("a register") & START, START, "busy");
        assert_eq!(unit.x, reversed("7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978"));
        let mut off = Ecc { x: gx, y: gx, ..Ecc::default() };
        off.write(CONF, 1 << 2 | 2 << 5 | START, 0).expect("a register");
        assert_eq!(off.read(CONF, ECC_TIME).expect("a register") & VERIFIED, 0);
        assert!(off.write(CONF, START, ECC_TIME).is_err(), "no other curve");
    }
}
