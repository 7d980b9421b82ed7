//! The host's sockets under device code: each poll of them is host code, which may allocate.

use core::net::SocketAddr;
use std::io;
use std::net::{TcpListener, TcpStream};

use async_io::Async;
use edge_nal::{Close, Readable, TcpAccept, TcpConnect, TcpShutdown, TcpSplit, UdpBind, UdpReceive, UdpSend};
use edge_nal_std::{Stack, TcpSocket, UdpSocket};
use embedded_io_async::{ErrorType, Read, Write};

use crate::guard::{host, host_call};
use crate::senders::Senders;
#[cfg(feature = "tls")]
use crate::tls::{Stream, Tls};

#[cfg(not(feature = "tls"))]
type Stream = TcpSocket;

/// The host's network; the TCP connections of one with `tls` speak TLS.
#[derive(Clone, Default)]
pub struct Net {
    stack: Stack,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

/// A socket, or a half of one, of the host.
pub struct Socket<S>(S);

/// Bytes that the system holds back of what is sent by a connection.
const SEND_BUFFER: usize = 32 << 10;

/// What accepts TCP connections.
pub struct Acceptor {
    listener: Async<TcpListener>,
    senders: Senders,
    /// Its connections carry media.
    media: bool,
}

impl Net {
    /// The same with TLS in its connections.
    #[cfg(feature = "tls")]
    pub fn with_tls(&self, tls: Tls) -> Self {
        Self { tls: Some(tls), ..self.clone() }
    }

    /// Accepts TCP connections at `local`, and where that is when the port was 0.
    pub async fn listen(&self, local: SocketAddr) -> io::Result<(Acceptor, SocketAddr)> {
        self.listen_to(local, Senders::All, false).await
    }

    /// The same for media, of `senders` alone.
    pub async fn listen_media(&self, local: SocketAddr, senders: Senders) -> io::Result<(Acceptor, SocketAddr)> {
        self.listen_to(local, senders, true).await
    }

    async fn listen_to(&self, local: SocketAddr, senders: Senders, media: bool) -> io::Result<(Acceptor, SocketAddr)> {
        host(async {
            let listener = Async::<TcpListener>::bind(local)?;
            let local = listener.get_ref().local_addr()?;
            Ok((Acceptor { listener, senders, media }, local))
        })
        .await
    }

    /// A UDP socket at `local`, and where that is when the port was 0.
    pub async fn udp(&self, local: SocketAddr) -> io::Result<(Socket<UdpSocket>, SocketAddr)> {
        host(async {
            let socket = UdpBind::bind(&self.stack, local).await?;
            let local = socket.get_ref().local_addr()?;
            Ok((Socket(socket), local))
        })
        .await
    }
}

/// Messages are small and cannot wait; and what the system holds back, congestion control cannot see.
fn for_media(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    rustix::net::sockopt::set_socket_send_buffer_size(socket, SEND_BUFFER)?;
    Ok(())
}

impl TcpConnect for Net {
    type Error = io::Error;
    type Socket<'a> = Socket<Stream>;

    async fn connect(&self, remote: SocketAddr) -> Result<Socket<Stream>, io::Error> {
        host(async {
            let socket = self.stack.connect(remote).await?;
            for_media(socket.get_ref())?;
            #[cfg(feature = "tls")]
            let socket = match &self.tls {
                Some(tls) => Stream::Tls(Box::new(tls.connect(socket.release()).await?)),
                None => Stream::Plain(socket),
            };
            Ok(Socket(socket))
        })
        .await
    }
}

impl TcpAccept for Acceptor {
    type Error = io::Error;
    type Socket<'a> = Socket<TcpSocket>;

    async fn accept(&self) -> Result<(SocketAddr, Self::Socket<'_>), io::Error> {
        loop {
            let (socket, remote) = host(self.listener.accept()).await?;
            if !self.senders.admit(remote) {
                host_call(|| drop(socket));
                continue;
            }
            if self.media {
                host_call(|| for_media(socket.get_ref()))?;
            }
            return Ok((remote, Socket(TcpSocket::new(socket))));
        }
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
