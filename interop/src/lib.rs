//! Tests of the crates against independent implementations live in `tests/`, one file a peer.

use std::net::{TcpListener, UdpSocket};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// Ports below those that systems hand out by themselves (Linux: 32,768 and above, RFC 6335: 49,152 and above).
const FIRST: u16 = 20_000;
const PORTS: u16 = 12_000;

/// A port of 127.0.0.1 that nothing uses, over UDP or TCP, for a program that a test starts.
///
/// A port that the system chose could be given to somebody else before the program binds it.
///
/// # Panics
/// When no port is free.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Tests run in many processes at once: each begins at another place.
    let begin = (process::id() % u32::from(PORTS)) as u16;
    (0..PORTS)
        .map(|_| FIRST + (begin.wrapping_mul(97) % PORTS + NEXT.fetch_add(1, Ordering::Relaxed) % PORTS) % PORTS)
        .find(|port| {
            let address = ("127.0.0.1", *port);
            UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok()
        })
        .expect("a port that is free")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_and_is_free() {
        let ports = [(); 50].map(|()| free_port());
        for (n, port) in ports.iter().enumerate() {
            assert!(!ports[..n].contains(port));
            assert!((FIRST..FIRST + PORTS).contains(port));
        }
        let taken = UdpSocket::bind(("127.0.0.1", 0)).expect("a port");
        assert!(UdpSocket::bind(taken.local_addr().expect("bound")).is_err(), "a port that is taken is seen");
    }
}
