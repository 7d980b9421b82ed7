//! The network card: moves frames between the device's queues and embassy-net's.

use core::future::poll_fn;
use core::task::Poll;

use embassy_futures::select::{Either, select};
use embassy_net_driver_channel::driver::LinkState;
use embassy_net_driver_channel::{Device, Runner};
use virtio_drivers::device::net::VirtIONetRaw;
use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::mmio::MmioTransport;

use crate::virtio::{INTERRUPTED, Memory, find};

/// Bytes of an Ethernet frame's payload.
pub const MTU: usize = 1514;
/// Frames in each queue of the device.
const QUEUE: usize = 16;
/// A frame behind the header that the device puts before it (12 bytes).
const ROOM: usize = MTU + 14;

/// The driver for embassy-net.
pub type Driver = Device<'static, MTU>;
/// What the two sides share.
pub type State = embassy_net_driver_channel::State<MTU, 16, 32>;

/// The room that the device writes to and reads from.
pub struct Rooms {
    received: [[u8; ROOM]; QUEUE],
    sent: [u8; ROOM],
}

impl Rooms {
    pub const fn new() -> Self {
        Self { received: [[0; ROOM]; QUEUE], sent: [0; ROOM] }
    }
}

/// The card.
pub struct Card {
    raw: VirtIONetRaw<Memory, MmioTransport<'static>, QUEUE>,
    rooms: &'static mut Rooms,
    /// Which of the rooms a token of the device belongs to.
    tokens: [u16; QUEUE],
}

impl Card {
    /// The emulator's network card, with all its receive buffers given to it.
    pub fn find(rooms: &'static mut Rooms) -> Option<Self> {
        let mut raw = VirtIONetRaw::new(find(DeviceType::Network)?).ok()?;
        raw.enable_interrupts();
        let mut tokens = [0; QUEUE];
        for (room, token) in rooms.received.iter_mut().zip(&mut tokens) {
            // SAFETY: the room is not touched until the device has given it back.
            *token = unsafe { raw.receive_begin(room) }.ok()?;
        }
        Some(Self { raw, rooms, tokens })
    }

    pub fn address(&self) -> [u8; 6] {
        self.raw.mac_address()
    }

    /// Moves frames both ways for ever.
    pub async fn run(&mut self, mut runner: Runner<'static, MTU>) -> ! {
        runner.set_link_state(LinkState::Up);
        loop {
            self.deliver(&mut runner);
            let interrupted = poll_fn(|cx| {
                INTERRUPTED.register(cx.waker());
                if self.raw.poll_receive().is_some() { Poll::Ready(()) } else { Poll::Pending }
            });
            if let Either::First(frame) = select(runner.tx_buf(), interrupted).await {
                let (head, room) = self.rooms.sent.split_at_mut(12);
                let header = self.raw.fill_buffer_header(head).unwrap_or(0);
                room[..frame.len()].copy_from_slice(frame);
                let len = header + frame.len();
                runner.tx_done();
                self.send(len);
            }
        }
    }

    fn deliver(&mut self, runner: &mut Runner<'static, MTU>) {
        while let Some(token) = self.raw.poll_receive() {
            let Some(place) = self.tokens.iter().position(|t| *t == token) else { return };
            let room = &mut self.rooms.received[place];
            // SAFETY: the same room that was given to the device under this token.
            let Ok((header, len)) = (unsafe { self.raw.receive_complete(token, room) }) else { return };
            // No room in embassy-net's queue: the frame is lost, as on a real card.
            if let Some(buf) = runner.try_rx_buf() {
                let len = len.min(buf.len());
                buf[..len].copy_from_slice(&room[header..header + len]);
                runner.rx_done(len);
            }
            // SAFETY: the room is not touched until the device has given it back.
            if let Ok(token) = unsafe { self.raw.receive_begin(room) } {
                self.tokens[place] = token;
            }
        }
    }

    fn send(&mut self, len: usize) {
        let frame = &self.rooms.sent[..len];
        // SAFETY: the frame stays untouched until the device has taken it, which is waited for here: the emulator does
        // it while we wait.
        unsafe {
            let Ok(token) = self.raw.transmit_begin(frame) else { return };
            while self.raw.poll_transmit() != Some(token) {
                core::hint::spin_loop();
            }
            let _ = self.raw.transmit_complete(token, frame);
        }
    }
}
