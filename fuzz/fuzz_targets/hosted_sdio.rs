//! A co-processor that sends anything over SDIO: no panic, no leak. The input is pieces of what it sends, each behind
//! its length (two bytes); a length from 0xF000 on is a register that says something wrong instead.
#![no_main]

mod hosted_support;

use std::cell::Cell;
use std::convert::Infallible;
use std::future::pending;

use barertc_hosted::{Sdio, SdioBus};
use libfuzzer_sys::fuzz_target;

struct Bus<'a> {
    input: &'a [u8],
    /// What was announced and not read yet.
    waiting: &'a [u8],
    ever: u32,
    sent: u32,
    is_over: &'a Cell<bool>,
}

impl Bus<'_> {
    fn announce(&mut self) -> Option<u32> {
        let (len, rest) = self.input.split_first_chunk()?;
        let len = usize::from(u16::from_le_bytes(*len));
        self.input = rest;
        if len >= 0xF000 {
            return Some(u32::try_from(len).unwrap().wrapping_mul(0x1_0001));
        }
        let (piece, rest) = rest.split_at(len.min(rest.len()));
        (self.waiting, self.input) = (piece, rest);
        self.ever = self.ever.wrapping_add(u32::try_from(piece.len()).unwrap());
        Some(self.ever & 0xF_FFFF)
    }
}

impl SdioBus for Bus<'_> {
    type Error = Infallible;

    fn hold_in_reset(&mut self, hold: bool) {
        if hold {
            (self.ever, self.sent, self.waiting) = (0, 0, &[]);
        }
    }

    async fn acquire(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn read_byte(&mut self, _: u8, _: u32) -> Result<u8, Infallible> {
        Ok(2)
    }

    async fn write_byte(&mut self, _: u8, _: u32, _: u8) -> Result<(), Infallible> {
        Ok(())
    }

    async fn read(&mut self, address: u32, buf: &mut [u8]) -> Result<(), Infallible> {
        buf.fill(0);
        match address {
            0x44 => buf[..4].copy_from_slice(&((self.sent + 5 & 0xFFF) << 16).to_le_bytes()),
            0..0x400 => match self.announce() {
                Some(length) => {
                    buf[..4].copy_from_slice(&(length & 0x80_00C0).to_le_bytes());
                    buf[16..20].copy_from_slice(&length.to_le_bytes());
                }
                None => {
                    self.is_over.set(true);
                    pending().await
                }
            },
            _ => {
                let len = (0x1F800 - address as usize).min(self.waiting.len()).min(buf.len());
                let (read, rest) = self.waiting.split_at(len);
                buf[..len].copy_from_slice(read);
                self.waiting = rest;
            }
        }
        Ok(())
    }

    async fn write(&mut self, address: u32, _: &[u8]) -> Result<(), Infallible> {
        self.sent += u32::from(address >= 0x400);
        Ok(())
    }

    async fn interrupt(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

fuzz_target!(|data: &[u8]| {
    let is_over = Cell::new(false);
    let bus = Bus { input: data, waiting: &[], ever: 0, sent: 0, is_over: &is_over };
    hosted_support::drive(Sdio::new(bus), &is_over);
});
