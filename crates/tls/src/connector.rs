//! What makes connections: TCP, with TLS in it or without.

use core::cell::RefCell;
use core::net::SocketAddr;

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use edge_nal::{Close, Readable, TcpConnect, TcpShutdown, TcpSplit};
use embedded_io_async::{ErrorType, Read, Write};
use rand_core::CryptoRng;

use crate::chain::TrustAnchors;
use crate::config::Config;
use crate::error::Error;
use crate::handshake::Trust;
use crate::name::ServerName;
use crate::stream::{TlsRead, TlsStream, TlsWrite};
use crate::time::UnixTime;

/// Tells the time of day.
pub trait WallClock {
    /// The time, or `None` while it is not known.
    fn unix_time(&self) -> Option<UnixTime>;
}

/// Makes connections over those of `T`.
pub enum Connector<'t, T, A, P, R, C> {
    /// TCP alone.
    Plain(T),
    /// TCP with TLS in it.
    Tls {
        /// What makes the connections below.
        tcp: T,
        /// Bounds of each connection.
        config: Config,
        /// The name that the server has to prove.
        name: ServerName<'t>,
        /// Who may vouch for it.
        anchors: TrustAnchors<'t>,
        /// The time that certificates are judged by.
        clock: &'t C,
        /// Where the buffers are from.
        alloc: A,
        /// The crypto provider.
        provider: P,
        /// Randomness for keys.
        rng: &'t RefCell<R>,
    },
}

impl<T, A, P, R, C> TcpConnect for Connector<'_, T, A, P, R, C>
where
    T: TcpConnect,
    A: Allocator + Clone,
    P: Provider + Clone,
    R: CryptoRng,
    C: WallClock,
{
    type Error = Error;
    type Socket<'a>
        = Stream<T::Socket<'a>, A, P>
    where
        Self: 'a;

    async fn connect(&self, remote: SocketAddr) -> Result<Self::Socket<'_>, Error> {
        match self {
            Self::Plain(tcp) => io(tcp.connect(remote).await).map(Stream::Plain),
            Self::Tls { tcp, config, name, anchors, clock, alloc, provider, rng } => {
                // Without a time there is no need to ask the server.
                clock.unix_time().ok_or(Error::NoTime)?;
                let socket = io(tcp.connect(remote).await)?;
                let now = clock.unix_time().ok_or(Error::NoTime)?;
                let trust = Trust { name: *name, anchors: *anchors, now };
                TlsStream::connect(socket, *config, trust, alloc.clone(), provider.clone(), rng).await.map(Stream::Tls)
            }
        }
    }
}

/// A connection of a [`Connector`].
#[allow(clippy::large_enum_variant)] // the socket is the larger part of both
pub enum Stream<S, A: Allocator, P: Provider> {
    /// TCP alone.
    Plain(S),
    /// TCP with TLS in it.
    Tls(TlsStream<S, A, P>),
}

/// The half of a [`Stream`] that is read.
pub enum StreamRead<'s, S, A: Allocator, P: Provider> {
    /// TCP alone.
    Plain(S),
    /// TCP with TLS in it.
    Tls(TlsRead<'s, S, A, P>),
}

/// The half of a [`Stream`] that is written.
pub enum StreamWrite<'s, S, A: Allocator, P: Provider> {
    /// TCP alone.
    Plain(S),
    /// TCP with TLS in it.
    Tls(TlsWrite<'s, S, A, P>),
}

fn io<T, E: embedded_io_async::Error>(result: Result<T, E>) -> Result<T, Error> {
    result.map_err(|error| Error::Io(error.kind()))
}

/// Writes the traits of a type whose two variants have them.
macro_rules! streams {
    ($(<$($life:lifetime)?> $name:ident { $($what:tt)* })*) => {$(
        impl<S, A: Allocator, P: Provider> ErrorType for $name<$($life,)? S, A, P> {
            type Error = Error;
        }
        streams! { @ <$($life)?> $name $($what)* }
    )*};
    (@ <$($life:lifetime)?> $name:ident read $($rest:tt)*) => {
        impl<S: Read, A: Allocator + Clone, P: Provider + Clone> Read for $name<$($life,)? S, A, P> {
            async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
                match self {
                    Self::Plain(socket) => io(socket.read(buf).await),
                    Self::Tls(stream) => stream.read(buf).await,
                }
            }
        }

        impl<S: Read + Readable, A: Allocator + Clone, P: Provider + Clone> Readable for $name<$($life,)? S, A, P> {
            async fn readable(&mut self) -> Result<(), Error> {
                match self {
                    Self::Plain(socket) => io(socket.readable().await),
                    Self::Tls(stream) => stream.readable().await,
                }
            }
        }
        streams! { @ <$($life)?> $name $($rest)* }
    };
    (@ <$($life:lifetime)?> $name:ident write $($rest:tt)*) => {
        impl<S: Write, A: Allocator + Clone, P: Provider + Clone> Write for $name<$($life,)? S, A, P> {
            async fn write(&mut self, buf: &[u8]) -> Result<usize, Error> {
                match self {
                    Self::Plain(socket) => io(socket.write(buf).await),
                    Self::Tls(stream) => stream.write(buf).await,
                }
            }

            async fn flush(&mut self) -> Result<(), Error> {
                match self {
                    Self::Plain(socket) => io(socket.flush().await),
                    Self::Tls(stream) => stream.flush().await,
                }
            }
        }
        streams! { @ <$($life)?> $name $($rest)* }
    };
    (@ <$($life:lifetime)?> $name:ident) => {};
}

streams! {
    <> Stream { read write }
    <'_> StreamRead { read }
    <'_> StreamWrite { write }
}

impl<S: Write + TcpShutdown, A: Allocator + Clone, P: Provider + Clone> TcpShutdown for Stream<S, A, P> {
    async fn close(&mut self, what: Close) -> Result<(), Error> {
        match self {
            Self::Plain(socket) => io(socket.close(what).await),
            Self::Tls(stream) => stream.close(what).await,
        }
    }

    async fn abort(&mut self) -> Result<(), Error> {
        match self {
            Self::Plain(socket) => io(socket.abort().await),
            Self::Tls(stream) => stream.abort().await,
        }
    }
}

impl<S: TcpSplit, A: Allocator + Clone, P: Provider + Clone> TcpSplit for Stream<S, A, P> {
    type Read<'a>
        = StreamRead<'a, S::Read<'a>, A, P>
    where
        Self: 'a;
    type Write<'a>
        = StreamWrite<'a, S::Write<'a>, A, P>
    where
        Self: 'a;

    fn split(&mut self) -> (Self::Read<'_>, Self::Write<'_>) {
        match self {
            Self::Plain(socket) => {
                let (read, write) = socket.split();
                (StreamRead::Plain(read), StreamWrite::Plain(write))
            }
            Self::Tls(stream) => {
                let (read, write) = stream.split();
                (StreamRead::Tls(read), StreamWrite::Tls(write))
            }
        }
    }
}
