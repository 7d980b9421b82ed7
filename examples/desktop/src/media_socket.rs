//! The sockets that media leave from.

use core::net::SocketAddr;
use std::io;

use edge_nal::{UdpReceive, UdpSend};
use edge_nal_std::UdpSocket;
use embedded_io_async::ErrorType;

use crate::net::Socket;
use crate::senders::Senders;

/// A socket that media leave from.
pub struct MediaSocket {
    socket: Socket<UdpSocket>,
    senders: Senders,
}

impl MediaSocket {
    /// A socket that hears only `senders`.
    pub fn new(socket: Socket<UdpSocket>, senders: Senders) -> Self {
        Self { socket, senders }
    }
}

impl ErrorType for MediaSocket {
    type Error = io::Error;
}

impl UdpReceive for MediaSocket {
    async fn receive(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        loop {
            let (len, remote) = self.socket.receive(buffer).await?;
            if self.senders.admit(remote) {
                return Ok((len, remote));
            }
        }
    }
}

impl UdpSend for MediaSocket {
    async fn send(&mut self, remote: SocketAddr, data: &[u8]) -> io::Result<()> {
        self.socket.send(remote, data).await
    }
}
