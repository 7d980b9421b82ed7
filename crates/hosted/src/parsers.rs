//! What becomes of bytes from the co-processor, without a transport: for programs that prove that nothing in it can panic.
//! Applications have no use for it.

use barertc_arena::Allocator;
use barertc_wire::Instant;

use crate::header::Header;
use crate::init::PADDING;
use crate::state::State;
use crate::stats::Discard;
use crate::transport::split::split;
use crate::transport::{PACKET_OVER_SDIO, Sink};

/// The receive side of a driver.
pub struct Received<A: Allocator>(State<A>);

barertc_wire::opaque! { [A: Allocator] Received<A>; }

struct Into<'s, A: Allocator> {
    state: &'s mut State<A>,
    now: Instant,
}

impl<A: Allocator + Clone> Received<A> {
    /// Takes in the packets of one transfer, and does what is due. Returns the bytes behind the last whole packet.
    pub fn handle(&mut self, now: Instant, transfer: &[u8]) -> usize {
        let mut sink = Into { state: &mut self.0, now };
        let rest = match split(transfer, PACKET_OVER_SDIO, &mut sink) {
            Ok(step) => step.rest,
            Err(reason) => {
                sink.discard(reason);
                0
            }
        };
        self.0.handle_timeout(now);
        rest
    }
}

impl<A: Allocator + Clone> Sink for Into<'_, A> {
    fn checksum(&self) -> bool {
        self.state.session.checksum()
    }

    fn padding(&self) -> usize {
        if self.state.session.framing().is_padded { PADDING } else { 1 }
    }

    fn packet(&mut self, header: &Header, payload: &[u8]) {
        self.state.handle(self.now, header, payload);
    }

    fn discard(&mut self, reason: Discard) {
        self.state.stats.discards.count(reason);
    }

    fn transfer(&mut self, _: usize) {}

    fn pause(&mut self, on: bool) {
        self.state.pause(self.now, on);
    }
}
