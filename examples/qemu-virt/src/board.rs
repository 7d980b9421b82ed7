//! The emulated machine as a board of the streamer.

use core::cell::RefCell;
use core::fmt;
use core::net::SocketAddr;

use barertc::RustCrypto;
use barertc_arena::{Heap, Label, Stats};
use barertc_runner::Clock;
use barertc_streamer::{Board, Memory, OWNERS};
use barertc_wire::Instant;
use chacha20::ChaCha20Rng;
use edge_nal::{TcpBind, UdpBind};
use edge_nal_embassy::{Tcp, TcpAccept, Udp, UdpSocket};
use embassy_net::Stack;

use crate::machine::say;

pub type Handle = Label<&'static Heap<'static>>;

/// The machine.
pub struct Virt {
    psram: &'static Heap<'static>,
    /// One handle for each of [`OWNERS`].
    owners: [Handle; OWNERS.len()],
    stack: Stack<'static>,
    tcp: Tcp<'static>,
    udp: Udp<'static>,
    rng: RefCell<ChaCha20Rng>,
}

impl Virt {
    pub fn new(
        psram: &'static Heap<'static>,
        stack: Stack<'static>,
        tcp: Tcp<'static>,
        udp: Udp<'static>,
        rng: ChaCha20Rng,
    ) -> Self {
        let owners = OWNERS.map(|name| Handle::try_new(psram, name).expect("the PSRAM has room for nine labels"));
        Self { psram, owners, stack, tcp, udp, rng: RefCell::new(rng) }
    }
}

impl Clock for Virt {
    fn now(&self) -> Instant {
        Instant::from_micros(embassy_time::Instant::now().as_micros())
    }

    async fn sleep_until(&self, at: Instant) {
        embassy_time::Timer::at(embassy_time::Instant::from_micros(at.as_micros())).await;
    }
}

impl Board for Virt {
    type Psram = Handle;
    type Acceptor<'a> = TcpAccept<'a>;
    type Udp<'a> = UdpSocket<'a>;
    type Connect = Tcp<'static>;
    type Error = Unusable;
    type Crypto = RustCrypto;
    type Rng = ChaCha20Rng;

    fn psram(&self, owner: &'static str) -> Handle {
        let known = OWNERS.iter().position(|name| *name == owner);
        self.owners[known.unwrap_or_default()].clone()
    }

    async fn listen(&self, local: SocketAddr) -> Result<(TcpAccept<'_>, SocketAddr), Unusable> {
        let acceptor = TcpBind::bind(&self.tcp, local).await.map_err(|_| Unusable)?;
        let ip = self.stack.config_v4().map_or(local.ip(), |config| config.address.address().into());
        Ok((acceptor, SocketAddr::new(ip, local.port())))
    }

    async fn bind(&self, local: SocketAddr) -> Result<(UdpSocket<'_>, SocketAddr), Unusable> {
        let socket = UdpBind::bind(&self.udp, local).await.map_err(|_| Unusable)?;
        Ok((socket, local))
    }

    fn tcp(&self) -> &Tcp<'static> {
        &self.tcp
    }

    fn crypto(&self) -> &RustCrypto {
        &RustCrypto
    }

    fn random<T>(&self, f: impl FnOnce(&mut ChaCha20Rng) -> T) -> T {
        f(&mut self.rng.borrow_mut())
    }

    fn memory(&self) -> Memory {
        let named = OWNERS.iter().zip(&self.owners);
        let owners = named.filter_map(|(name, label)| Some((*name, label.stats()?))).collect();
        // Nothing that belongs to a connection is inside: there is no heap there at all.
        Memory { internal: Stats::ZERO, psram: self.psram.stats(), owners }
    }

    fn log(&self, line: fmt::Arguments<'_>) {
        say!("{line}");
    }
}

/// An address that the stack does not take.
#[derive(Debug)]
pub struct Unusable;
