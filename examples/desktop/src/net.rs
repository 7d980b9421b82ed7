//! The host's sockets under device code: each poll of them is host code, which may allocate.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io;

use edge_nal::{
    Close, MulticastV4, MulticastV6, Readable, TcpAccept, TcpBind, TcpConnect, TcpShutdown, TcpSplit, UdpBind,
    UdpReceive, UdpSend, UdpSplit, UdpSplitMulticast,
};
use edge_nal_std::Stack;
use embedded_io_async::{ErrorType, Read, Write};

use crate::guard::host;

/// The host's network.
#[derive(Clone, Copy, Default)]
pub struct Net(Stack);

/// A socket, or a half of one, of the host.
pub struct Socket<S>(S);

impl UdpBind for Net {
    type Error = io::Error;
    type Socket<'a> = Socket<<Stack as UdpBind>::Socket<'a>>;

    async fn bind(&self, local: SocketAddr) -> Result<Self::Socket<'_>, io::Error> {
        host(UdpBind::bind(&self.0, local)).await.map(Socket)
    }
}

impl TcpBind for Net {
    type Error = io::Error;
    type Accept<'a> = Socket<<Stack as TcpBind>::Accept<'a>>;

    async fn bind(&self, local: SocketAddr) -> Result<Self::Accept<'_>, io::Error> {
        host(TcpBind::bind(&self.0, local)).await.map(Socket)
    }
}

impl TcpConnect for Net {
    type Error = io::Error;
    type Socket<'a> = Socket<<Stack as TcpConnect>::Socket<'a>>;

    async fn connect(&self, remote: SocketAddr) -> Result<Self::Socket<'_>, io::Error> {
        host(self.0.connect(remote)).await.map(Socket)
    }
}

impl<S: TcpAccept<Error = io::Error>> TcpAccept for Socket<S> {
    type Error = io::Error;
    type Socket<'a>
        = Socket<S::Socket<'a>>
    where
        Self: 'a;

    async fn accept(&self) -> Result<(SocketAddr, Self::Socket<'_>), io::Error> {
        host(self.0.accept()).await.map(|(remote, socket)| (remote, Socket(socket)))
    }
}

impl<S: ErrorType> ErrorType for Socket<S> {
    type Error = S::Error;
}

impl<S: Read> Read for Socket<S> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, S::Error> {
        host(self.0.read(buf)).await
    }
}

impl<S: Write> Write for Socket<S> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, S::Error> {
        host(self.0.write(buf)).await
    }

    async fn flush(&mut self) -> Result<(), S::Error> {
        host(self.0.flush()).await
    }
}

impl<S: Readable> Readable for Socket<S> {
    async fn readable(&mut self) -> Result<(), S::Error> {
        host(self.0.readable()).await
    }
}

impl<S: TcpShutdown> TcpShutdown for Socket<S> {
    async fn close(&mut self, what: Close) -> Result<(), S::Error> {
        host(self.0.close(what)).await
    }

    async fn abort(&mut self) -> Result<(), S::Error> {
        host(self.0.abort()).await
    }
}

impl<S: TcpSplit> TcpSplit for Socket<S> {
    type Read<'a>
        = Socket<S::Read<'a>>
    where
        Self: 'a;
    type Write<'a>
        = Socket<S::Write<'a>>
    where
        Self: 'a;

    fn split(&mut self) -> (Self::Read<'_>, Self::Write<'_>) {
        let (read, write) = self.0.split();
        (Socket(read), Socket(write))
    }
}

impl<S: UdpReceive> UdpReceive for Socket<S> {
    async fn receive(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), S::Error> {
        host(self.0.receive(buffer)).await
    }
}

impl<S: UdpSend> UdpSend for Socket<S> {
    async fn send(&mut self, remote: SocketAddr, data: &[u8]) -> Result<(), S::Error> {
        host(self.0.send(remote, data)).await
    }
}

impl<S: UdpSplit> UdpSplit for Socket<S> {
    type Receive<'a>
        = Socket<S::Receive<'a>>
    where
        Self: 'a;
    type Send<'a>
        = Socket<S::Send<'a>>
    where
        Self: 'a;

    fn split(&mut self) -> (Self::Receive<'_>, Self::Send<'_>) {
        let (receive, send) = self.0.split();
        (Socket(receive), Socket(send))
    }
}

impl<S: UdpSplitMulticast> UdpSplitMulticast for Socket<S> {
    type MulticastV4<'a>
        = Socket<S::MulticastV4<'a>>
    where
        Self: 'a;
    type MulticastV6<'a>
        = Socket<S::MulticastV6<'a>>
    where
        Self: 'a;

    fn split_multicast(
        &mut self,
    ) -> (Self::Receive<'_>, Self::Send<'_>, Self::MulticastV4<'_>, Self::MulticastV6<'_>) {
        let (receive, send, v4, v6) = self.0.split_multicast();
        (Socket(receive), Socket(send), Socket(v4), Socket(v6))
    }
}

impl<S: MulticastV4> MulticastV4 for Socket<S> {
    async fn join_v4(&mut self, group: Ipv4Addr, interface: Ipv4Addr) -> Result<(), S::Error> {
        host(self.0.join_v4(group, interface)).await
    }

    async fn leave_v4(&mut self, group: Ipv4Addr, interface: Ipv4Addr) -> Result<(), S::Error> {
        host(self.0.leave_v4(group, interface)).await
    }
}

impl<S: MulticastV6> MulticastV6 for Socket<S> {
    async fn join_v6(&mut self, group: Ipv6Addr, interface: u32) -> Result<(), S::Error> {
        host(self.0.join_v6(group, interface)).await
    }

    async fn leave_v6(&mut self, group: Ipv6Addr, interface: u32) -> Result<(), S::Error> {
        host(self.0.leave_v6(group, interface)).await
    }
}
