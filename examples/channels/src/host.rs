//! What the operating system gives: a clock, an identity, a socket.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant as Clock};

use anyhow::{Context, Result};
use async_io::Timer;
use barertc::{Identity, Instant, RustCrypto};
use barertc_runner::Port;
use edge_nal::UdpBind;
use getrandom::SysRng;
use rand_core::UnwrapErr;

/// The host's clock, which begins with 0.
#[derive(Clone, Copy, Debug)]
pub struct HostClock(Clock);

impl HostClock {
    /// Begins now.
    #[must_use]
    pub fn start() -> Self {
        Self(Clock::now())
    }
}

impl barertc_runner::Clock for HostClock {
    fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    async fn sleep_until(&self, at: Instant) {
        match self.0.checked_add(Duration::from_micros(at.as_micros())) {
            Some(at) => Timer::at(at).await,
            None => Timer::never().await,
        };
    }
}

/// An identity that lives as long as the program.
#[must_use]
pub fn identity() -> &'static Identity {
    Box::leak(Box::new(Identity::generate(&RustCrypto, &mut UnwrapErr(SysRng))))
}

/// A socket for connections, at the address by which this machine is reached from outside.
///
/// # Errors
/// Where there is no network at all.
pub async fn socket() -> Result<Port<edge_nal_std::UdpSocket>> {
    // Nothing is sent by that: the system only says which address it would send from.
    let probe = UdpSocket::bind("0.0.0.0:0")?;
    let address = probe.connect("192.0.2.1:9").and_then(|()| probe.local_addr());
    let address = address.map_or([127, 0, 0, 1].into(), |address| address.ip());
    let local = UdpSocket::bind((address, 0))?.local_addr()?;
    Ok(Port { local, socket: UdpBind::bind(&edge_nal_std::Stack::new(), local).await? })
}

/// The address in the first argument, or port 8080 of this machine.
///
/// # Errors
/// Where the argument is none.
pub fn address() -> Result<SocketAddr> {
    parse_address(std::env::args().nth(1).as_deref())
}

/// The address in an argument, or port 8080 of this machine.
///
/// # Errors
/// Where the argument is none.
pub fn parse_address(argument: Option<&str>) -> Result<SocketAddr> {
    let text = argument.unwrap_or("127.0.0.1:8080");
    text.parse().with_context(|| format!("{text} is no address and port, such as 127.0.0.1:8080"))
}
