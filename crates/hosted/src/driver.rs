//! The device for `embassy-net`.

use core::task::Context;

use barertc_arena::Allocator;
use embassy_net_driver::{Capabilities, HardwareAddress, LinkState};

use crate::buffer::Buffer;
use crate::header;
use crate::state::{Frame, Handle};

/// The network device for `embassy_net::new`.
///
/// Its link is up while a network is joined. Its hardware address is known when the co-processor runs. `embassy-net` reads
/// both each time.
///
/// When [`Config::transmit_frames`](crate::Config::transmit_frames) frames wait for the co-processor, the network stack must
/// wait: its data stay in the buffers of the sockets. A frame that the stack sends without a link is dropped and counted.
pub struct Driver<A: Allocator + Clone> {
    state: Handle<A>,
}

impl<A: Allocator + Clone> Driver<A> {
    pub(crate) fn new(state: Handle<A>) -> Self {
        Self { state }
    }
}

impl<A: Allocator + Clone> embassy_net_driver::Driver for Driver<A> {
    type RxToken<'a>
        = RxToken<'a, A>
    where
        A: 'a;
    type TxToken<'a>
        = TxToken<'a, A>
    where
        A: 'a;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(RxToken<'_, A>, TxToken<'_, A>)> {
        let mut state = self.state.borrow_mut();
        state.wait_network(cx);
        // An answer may have to be sent at once.
        let room = state.take_to_send()?;
        let Some(frame) = state.take_received() else {
            state.give_back_to_send(room);
            return None;
        };
        drop(state);
        let rx = RxToken { state: &self.state, frame: Some(frame) };
        Some((rx, TxToken { state: &self.state, buffer: Some(room) }))
    }

    fn transmit(&mut self, cx: &mut Context<'_>) -> Option<TxToken<'_, A>> {
        let mut state = self.state.borrow_mut();
        if !state.has_room_to_send() {
            state.wait_network(cx);
            return None;
        }
        let buffer = state.take_to_send()?;
        drop(state);
        Some(TxToken { state: &self.state, buffer: Some(buffer) })
    }

    fn link_state(&mut self, cx: &mut Context<'_>) -> LinkState {
        let mut state = self.state.borrow_mut();
        state.wait_network(cx);
        if state.is_connected() { LinkState::Up } else { LinkState::Down }
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = self.state.borrow().mtu;
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.state.borrow().session.address())
    }
}

/// A frame that was received.
pub struct RxToken<'a, A: Allocator + Clone> {
    state: &'a Handle<A>,
    frame: Option<Frame<A>>,
}

impl<A: Allocator + Clone> embassy_net_driver::RxToken for RxToken<'_, A> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(mut self, f: F) -> R {
        match &mut self.frame {
            Some(frame) => {
                let end = header::LEN.saturating_add(frame.len);
                f(frame.buffer.range_mut(header::LEN, end))
            }
            None => f(&mut []),
        }
    }
}

impl<A: Allocator + Clone> Drop for RxToken<'_, A> {
    fn drop(&mut self) {
        if let Some(frame) = self.frame.take() {
            self.state.borrow_mut().give_back_received(frame.buffer);
        }
    }
}

/// Room for a frame to send.
pub struct TxToken<'a, A: Allocator + Clone> {
    state: &'a Handle<A>,
    buffer: Option<Buffer<A>>,
}

impl<A: Allocator + Clone> embassy_net_driver::TxToken for TxToken<'_, A> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(mut self, len: usize, f: F) -> R {
        let Some(mut buffer) = self.buffer.take() else { return f(&mut []) };
        // The stack writes straight into what is sent.
        let end = header::LEN.saturating_add(len);
        let result = f(buffer.range_mut(header::LEN, end));
        self.state.borrow_mut().send(Frame { buffer, len });
        result
    }
}

impl<A: Allocator + Clone> Drop for TxToken<'_, A> {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.state.borrow_mut().give_back_to_send(buffer);
        }
    }
}
