//! A co-processor that sends anything over SPI: no panic, no leak. The input is what transfers bring, each behind its
//! length (two bytes).
#![no_main]

mod hosted_support;

use std::cell::Cell;
use std::convert::Infallible;
use std::future::pending;

use barertc_hosted::{Spi, SpiBus};
use libfuzzer_sys::fuzz_target;

struct Bus<'a> {
    input: &'a [u8],
    is_over: &'a Cell<bool>,
}

impl SpiBus for Bus<'_> {
    type Error = Infallible;

    fn hold_in_reset(&mut self, _: bool) {}

    fn data_ready(&mut self) -> Result<bool, Infallible> {
        Ok(true)
    }

    async fn wait_data_ready(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn wait_handshake(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn transfer(&mut self, received: &mut [u8], _: &[u8]) -> Result<(), Infallible> {
        received.fill(0);
        let Some((len, rest)) = self.input.split_first_chunk() else {
            self.is_over.set(true);
            return pending().await;
        };
        let len = usize::from(u16::from_le_bytes(*len)).min(rest.len()).min(received.len());
        let (piece, rest) = rest.split_at(len);
        received[..len].copy_from_slice(piece);
        self.input = rest;
        Ok(())
    }
}

fuzz_target!(|data: &[u8]| {
    let is_over = Cell::new(false);
    hosted_support::drive(Spi::new(Bus { input: data, is_over: &is_over }), &is_over);
});
