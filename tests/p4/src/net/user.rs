//! A network that needs no rights: one machine, and a router at 10.0.2.2 behind which is this machine's own loopback. Ports of this machine are
//! forwarded to the guest, as QEMU's user network does it.

mod dhcp;
mod frame;
mod tcp;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::Network;
use frame::Udp;
pub use frame::{GATEWAY, GUEST};
use tcp::Tcp;

/// The longest sleep while something may come from outside.
const NAP: Duration = Duration::from_micros(300);

/// What is forwarded.
#[derive(Clone, Debug, Default)]
pub struct Forward {
    /// A port of this machine (0: any), and the guest's port for TCP.
    pub tcp: Vec<(u16, u16)>,
    /// The same for UDP.
    pub udp: Vec<(u16, u16)>,
    /// Ports of this machine that the guest may connect to at 10.0.2.2.
    pub outward: Vec<u16>,
    /// Nobody gives out addresses.
    pub no_lease: bool,
}

/// The network.
pub struct UserNetwork {
    forward: Forward,
    tcp: Tcp,
    udp: Vec<(UdpSocket, u16)>,
    /// Ports of the router at which somebody in this process takes datagrams, and those that have come.
    here: Vec<(u16, VecDeque<Vec<u8>>)>,
    /// For the guest.
    queue: VecDeque<Vec<u8>>,
    guest_mac: [u8; 6],
    /// Frames that nobody here wants.
    pub strange: u64,
}

impl UserNetwork {
    pub fn new(forward: Forward) -> io::Result<Self> {
        let udp = forward.udp.iter().map(|(outside, inside)| {
            let socket = UdpSocket::bind(("127.0.0.1", *outside))?;
            socket.set_nonblocking(true)?;
            Ok((socket, *inside))
        });
        let udp = udp.collect::<io::Result<Vec<_>>>()?;
        let tcp = Tcp::new(&forward.tcp, &forward.outward)?;
        Ok(Self { forward, tcp, udp, here: Vec::new(), queue: VecDeque::new(), guest_mac: [0xff; 6], strange: 0 })
    }

    /// The ports of this machine that lead to the guest's TCP ports.
    pub fn tcp_ports(&self) -> Vec<u16> {
        self.tcp.ports()
    }

    /// Those that lead to its UDP ports.
    pub fn udp_ports(&self) -> Vec<u16> {
        self.udp.iter().filter_map(|(socket, _)| Some(socket.local_addr().ok()?.port())).collect()
    }

    /// A TCP connection of this process to a port of the guest. Who is in this process takes part at the guest's pace, so that a run with
    /// the machine's own clock is like any other.
    pub fn connect(&mut self, port: u16) -> io::Result<UnixStream> {
        self.tcp.connect(port)
    }

    /// Listens in this process at a TCP port of the router's.
    pub fn listen_here(&mut self, port: u16) {
        self.tcp.listen_here(port);
    }

    /// The guest's next connection to such a port.
    pub fn accept_here(&mut self, port: u16) -> Option<UnixStream> {
        self.tcp.accept_here(port)
    }

    /// Takes datagrams in this process at a UDP port of the router's.
    pub fn open_here(&mut self, port: u16) {
        self.here.push((port, VecDeque::new()));
    }

    /// Takes none any more.
    pub fn close_here(&mut self, port: u16) {
        self.here.retain(|(this, _)| *this != port);
    }

    /// The next datagram that came to such a port.
    pub fn take_here(&mut self, port: u16) -> Option<Vec<u8>> {
        self.here.iter_mut().find(|(this, _)| *this == port)?.1.pop_front()
    }

    /// Sends a datagram to a port of the guest's.
    pub fn send_here(&mut self, from: u16, to: u16, payload: &[u8]) {
        let datagram = Udp { from: (GATEWAY, from), to: (GUEST, to), payload };
        self.queue.push_back(datagram.frame(self.guest_mac));
    }

    fn take_datagrams(&mut self) {
        let mut buffer = [0; 2048];
        for (socket, inside) in &self.udp {
            // A port that nobody listens on any more is told as an error of the next call.
            while let Ok((len, SocketAddr::V4(from))) = socket.recv_from(&mut buffer) {
                let datagram = Udp { from: (GATEWAY, from.port()), to: (GUEST, *inside), payload: &buffer[..len] };
                self.queue.push_back(datagram.frame(self.guest_mac));
            }
        }
    }

    fn datagram(&mut self, frame: &[u8]) -> bool {
        let Some(udp) = Udp::parse(frame) else { return false };
        if udp.to.1 == dhcp::SERVER {
            if !self.forward.no_lease
                && let Some(answer) = dhcp::answer(udp.payload)
            {
                self.queue.push_back(answer);
            }
            return true;
        }
        if udp.to.0 == GATEWAY
            && let Some((_, queue)) = self.here.iter_mut().find(|(port, _)| *port == udp.to.1)
        {
            queue.push_back(udp.payload.to_vec());
            return true;
        }
        let socket = self.udp.iter().find(|(_, inside)| *inside == udp.from.1);
        let Some((socket, _)) = socket.filter(|_| udp.to.0 == GATEWAY) else { return false };
        match socket.send_to(udp.payload, ("127.0.0.1", udp.to.1)) {
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::ConnectionRefused,
        }
    }
}

impl Network for UserNetwork {
    fn send(&mut self, frame: &[u8], now: u64) {
        if let Some(source) = frame.get(6..12) {
            self.guest_mac.copy_from_slice(source);
        }
        match frame.get(12..14) {
            Some([8, 0]) if frame.get(23) == Some(&17) => {
                if !self.datagram(frame) {
                    self.strange += 1;
                }
            }
            Some([8, 0 | 6]) => self.tcp.guest_sends(frame, now, &mut self.queue),
            _ => self.strange += 1,
        }
    }

    fn receive(&mut self, now: u64) -> Option<Vec<u8>> {
        if self.queue.is_empty() {
            self.take_datagrams();
            self.tcp.poll(now, &mut self.queue);
        }
        self.queue.pop_front()
    }

    fn wait(&mut self, at_most: Duration) {
        std::thread::sleep(at_most.min(NAP));
    }
}
