//! TCP between this machine and the guest: smoltcp is the router's end of each connection, a socket of this machine the other.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr};

use super::frame::{GATEWAY, GATEWAY_MAC, GUEST};

const BUFFER: usize = 64 << 10;
/// Ports that the router calls the guest from.
const FIRST_PORT: u16 = 20_000;

/// The router's cable.
#[derive(Default)]
struct Cable {
    to_router: VecDeque<Vec<u8>>,
    to_guest: VecDeque<Vec<u8>>,
}

struct Received(Vec<u8>);
struct Sending<'a>(&'a mut VecDeque<Vec<u8>>);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl phy::TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.push_back(frame);
        result
    }
}

impl Device for Cable {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sending<'_>)> {
        let frame = self.to_router.pop_front()?;
        Some((Received(frame), Sending(&mut self.to_guest)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        Some(Sending(&mut self.to_guest))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

/// The end of a connection that is not the guest's: a socket of this machine, or somebody in this process, who takes part at the
/// guest's pace.
enum Outside {
    Machine(TcpStream),
    Process(UnixStream),
}

impl Outside {
    fn finish(&self) -> io::Result<()> {
        match self {
            Self::Machine(stream) => stream.shutdown(Shutdown::Write),
            Self::Process(stream) => stream.shutdown(Shutdown::Write),
        }
    }
}

impl io::Read for Outside {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Machine(stream) => stream.read(buffer),
            Self::Process(stream) => stream.read(buffer),
        }
    }
}

impl io::Write for Outside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Machine(stream) => stream.write(bytes),
            Self::Process(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Two ends of a connection in this process; neither waits.
fn both_ends() -> io::Result<(UnixStream, UnixStream)> {
    let ends = UnixStream::pair()?;
    ends.0.set_nonblocking(true)?;
    ends.1.set_nonblocking(true)?;
    Ok(ends)
}

/// A connection: the end outside, and the router's.
struct Pair {
    outside: Option<Outside>,
    inside: SocketHandle,
    /// The port that the guest is waited for at, until it has called.
    call: Option<u16>,
    outside_closed: bool,
}

/// All connections.
pub struct Tcp {
    cable: Cable,
    interface: Interface,
    sockets: SocketSet<'static>,
    listeners: Vec<(TcpListener, u16)>,
    outward: Vec<u16>,
    /// Ports at which somebody in this process listens, and the connections that nobody has taken yet.
    here: Vec<(u16, VecDeque<UnixStream>)>,
    pairs: Vec<Pair>,
    next_port: u16,
}

impl Tcp {
    pub fn new(forwards: &[(u16, u16)], outward: &[u16]) -> io::Result<Self> {
        let listeners = forwards.iter().map(|(outside, inside)| {
            let listener = TcpListener::bind(("127.0.0.1", *outside))?;
            listener.set_nonblocking(true)?;
            Ok((listener, *inside))
        });
        let listeners = listeners.collect::<io::Result<Vec<_>>>()?;
        let mut cable = Cable::default();
        let hardware = HardwareAddress::Ethernet(EthernetAddress(GATEWAY_MAC));
        let mut interface = Interface::new(Config::new(hardware), &mut cable, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            // There is room for more than one.
            let _ = addresses.push(IpCidr::new(GATEWAY.into(), 24));
        });
        let sockets = SocketSet::new(Vec::new());
        Ok(Self {
            cable,
            interface,
            sockets,
            listeners,
            outward: outward.to_vec(),
            here: Vec::new(),
            pairs: Vec::new(),
            next_port: FIRST_PORT,
        })
    }

    /// Where this machine listens.
    pub fn ports(&self) -> Vec<u16> {
        self.listeners.iter().filter_map(|(listener, _)| Some(listener.local_addr().ok()?.port())).collect()
    }

    /// A frame of the guest's.
    pub fn guest_sends(&mut self, frame: &[u8], now: u64, queue: &mut VecDeque<Vec<u8>>) {
        self.cable.to_router.push_back(frame.to_vec());
        self.poll(now, queue);
    }

    /// Moves what can be moved.
    pub fn poll(&mut self, now: u64, queue: &mut VecDeque<Vec<u8>>) {
        self.accept();
        self.listen();
        let at = Instant::from_micros((now / 400) as i64);
        self.interface.poll(at, &mut self.cable, &mut self.sockets);
        let mut moved = false;
        for pair in &mut self.pairs {
            moved |= pair.pump(self.sockets.get_mut(pair.inside), &mut self.here);
        }
        if moved {
            self.interface.poll(at, &mut self.cable, &mut self.sockets);
        }
        let sockets = &mut self.sockets;
        self.pairs.retain(|pair| {
            let over = !sockets.get::<Socket<'_>>(pair.inside).is_open();
            if over {
                sockets.remove(pair.inside);
            }
            !over
        });
        queue.append(&mut self.cable.to_guest);
    }

    fn socket() -> Socket<'static> {
        let mut socket = Socket::new(SocketBuffer::new(vec![0; BUFFER]), SocketBuffer::new(vec![0; BUFFER]));
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(None);
        socket
    }

    fn accept(&mut self) {
        let mut accepted = Vec::new();
        for (listener, inside) in &self.listeners {
            let Ok((stream, _)) = listener.accept() else { continue };
            if stream.set_nonblocking(true).is_err() || stream.set_nodelay(true).is_err() {
                continue;
            }
            accepted.push((Outside::Machine(stream), *inside));
        }
        for (stream, inside) in accepted {
            self.call_guest(stream, inside);
        }
    }

    /// Connects somebody outside with a port of the guest.
    fn call_guest(&mut self, outside: Outside, inside: u16) {
        let handle = self.sockets.add(Self::socket());
        let socket = self.sockets.get_mut::<Socket<'_>>(handle);
        let connected = socket.connect(self.interface.context(), (GUEST, inside), self.next_port);
        self.next_port = self.next_port.checked_add(1).unwrap_or(FIRST_PORT);
        if connected.is_ok() {
            self.pairs.push(Pair { outside: Some(outside), inside: handle, call: None, outside_closed: false });
        } else {
            self.sockets.remove(handle);
        }
    }

    /// A connection of this process to a port of the guest.
    pub fn connect(&mut self, port: u16) -> io::Result<UnixStream> {
        let (near, far) = both_ends()?;
        self.call_guest(Outside::Process(far), port);
        Ok(near)
    }

    /// Listens in this process at a port of the router.
    pub fn listen_here(&mut self, port: u16) {
        self.here.push((port, VecDeque::new()));
    }

    /// The next connection of the guest to such a port.
    pub fn accept_here(&mut self, port: u16) -> Option<UnixStream> {
        self.here.iter_mut().find(|(this, _)| *this == port)?.1.pop_front()
    }

    /// Keeps somebody listening for the guest's own calls.
    fn listen(&mut self) {
        for port in self.outward.iter().chain(self.here.iter().map(|(port, _)| port)) {
            let waiting = self.pairs.iter().any(|pair| pair.call == Some(*port));
            if !waiting {
                let handle = self.sockets.add(Self::socket());
                if self.sockets.get_mut::<Socket<'_>>(handle).listen(*port).is_ok() {
                    self.pairs.push(Pair { outside: None, inside: handle, call: Some(*port), outside_closed: false });
                }
            }
        }
    }
}

/// Who is at a port that the guest has called.
fn answer(port: u16, here: &mut [(u16, VecDeque<UnixStream>)]) -> io::Result<Outside> {
    if let Some((_, waiting)) = here.iter_mut().find(|(this, _)| *this == port) {
        let (near, far) = both_ends()?;
        waiting.push_back(near);
        return Ok(Outside::Process(far));
    }
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nonblocking(true)?;
    Ok(Outside::Machine(stream))
}

impl Pair {
    /// Moves bytes both ways; tells whether any were moved.
    fn pump(&mut self, inside: &mut Socket<'static>, here: &mut [(u16, VecDeque<UnixStream>)]) -> bool {
        if let Some(port) = self.call
            && inside.may_send()
        {
            self.call = None;
            match answer(port, here) {
                Ok(outside) => self.outside = Some(outside),
                Err(_) => inside.abort(),
            }
            return true;
        }
        let Some(outside) = &mut self.outside else { return false };
        let mut moved = false;
        while inside.can_send() && !self.outside_closed {
            let mut buffer = [0; 4096];
            let room = (inside.send_capacity() - inside.send_queue()).min(buffer.len());
            match outside.read(&mut buffer[..room]) {
                Ok(0) => {
                    self.outside_closed = true;
                    inside.close();
                    moved = true;
                }
                Ok(len) => {
                    let _ = inside.send_slice(&buffer[..len]);
                    moved = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.outside_closed = true;
                    inside.abort();
                    return true;
                }
            }
        }
        while inside.can_recv() {
            let written = inside.recv(|bytes| match outside.write(bytes) {
                Ok(len) => (len, Some(len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => (0, Some(0)),
                Err(_) => (0, None),
            });
            match written {
                Ok(Some(0)) => break,
                Ok(Some(_)) => moved = true,
                _ => {
                    inside.abort();
                    return true;
                }
            }
        }
        if matches!(inside.state(), State::CloseWait | State::LastAck | State::Closing | State::TimeWait)
            && !inside.can_recv()
        {
            // The guest has said all it had to say.
            let _ = outside.finish();
        }
        moved
    }
}
