//! A connection over a byte stream.

use core::cell::{Cell, RefCell};

use barertc_arena::{AllocError, Allocator, Box};
use barertc_crypto::Provider;
use edge_nal::{Close, Readable, TcpShutdown, TcpSplit};
use embedded_io_async::{ErrorType, Read, Write};
use rand_core::CryptoRng;

use crate::client::{Client, Received, Receiver, Sender};
use crate::config::Config;
use crate::error::Error;
use crate::handshake::Trust;

/// A connection with TLS in it, over the socket `S`.
///
/// What is written leaves as a record when the next one is written, or with `flush`. `flush` gives all to the socket and
/// does not wait until the other end has it.
pub struct TlsStream<S, A: Allocator, P: Provider> {
    socket: S,
    session: Box<Session<A, P>, A>,
}

/// Both directions, in memory of their own.
struct Session<A: Allocator, P: Provider> {
    receiver: Receiver<A, P>,
    sender: Sender<A, P>,
    shared: Shared,
}

/// What one direction wants of the other one.
#[derive(Default)]
struct Shared {
    /// The server wants our next key.
    wants_update: Cell<bool>,
    /// Why nothing can be read any more.
    failed: Cell<Option<Error>>,
}

impl<S, A: Allocator + Clone, P: Provider + Clone> TlsStream<S, A, P> {
    /// The most that a connection takes from its allocator, in bytes.
    #[must_use]
    pub const fn worst_case_bytes(config: &Config) -> usize {
        // The state of the handshake goes when that of the connection comes.
        let handshake = size_of::<Client<'_, A, P>>();
        let session = size_of::<Session<A, P>>();
        Client::<A, P>::worst_case_bytes(config).saturating_add(if handshake > session { handshake } else { session })
    }

    /// Makes a connection over a socket that is connected. The caller bounds the time that it takes.
    ///
    /// # Errors
    /// Why there is none. The server is told by an alert.
    pub async fn connect<R: CryptoRng>(
        mut socket: S,
        config: Config,
        trust: Trust<'_>,
        alloc: A,
        provider: P,
        rng: &RefCell<R>,
    ) -> Result<Self, Error>
    where
        S: Read + Write,
    {
        let mut client = begin(config, trust, &alloc, provider, rng)?;
        loop {
            let advanced = client.advance(&mut *rng.borrow_mut());
            while !client.waiting().is_empty() {
                let sent = socket.write(client.waiting()).await;
                // Why the handshake failed says more than that the server does not listen any more.
                if let (Err(_) | Ok(0), Err(error)) = (&sent, advanced) {
                    return Err(error);
                }
                client.consume(some(sent)?);
            }
            if advanced? {
                break;
            }
            let len = io(socket.read(client.room()).await)?;
            if len == 0 {
                return Err(Error::Cut);
            }
            client.received(len);
        }
        Ok(Self { socket, session: establish(client, alloc)? })
    }

    #[allow(clippy::type_complexity)] // three parts
    fn halves(&mut self) -> (Half<'_, Receiver<A, P>>, Half<'_, Sender<A, P>>, &mut S) {
        let Session { receiver, sender, shared } = &mut *self.session;
        (Half { state: receiver, shared }, Half { state: sender, shared }, &mut self.socket)
    }
}

/// Out of line, so that the client does not pass through the stack of who waits.
#[inline(never)]
fn begin<'t, A: Allocator + Clone, P: Provider, R: CryptoRng>(
    config: Config,
    trust: Trust<'t>,
    alloc: &A,
    provider: P,
    rng: &RefCell<R>,
) -> Result<Box<Client<'t, A, P>, A>, Error> {
    Box::try_init(alloc.clone(), || Client::new(config, trust, alloc.clone(), provider, &mut *rng.borrow_mut()))
}

#[inline(never)]
fn establish<A: Allocator + Clone, P: Provider + Clone>(
    client: Box<Client<'_, A, P>, A>,
    alloc: A,
) -> Result<Box<Session<A, P>, A>, Error> {
    let (receiver, sender) = client.into_inner().finish()?;
    Box::try_new(Session { receiver, sender, shared: Shared::default() }, alloc).map_err(|AllocError| Error::NoMemory)
}

/// One direction of a connection.
struct Half<'s, H> {
    state: &'s mut H,
    shared: &'s Shared,
}

impl<A: Allocator, P: Provider> Half<'_, Receiver<A, P>> {
    /// Waits for data; `false` when there will be none any more.
    async fn wait<S: Read>(&mut self, socket: &mut S) -> Result<bool, Error> {
        loop {
            let received = self.state.advance().inspect_err(|error| self.shared.failed.set(Some(*error)))?;
            if self.state.take_wants_update() {
                self.shared.wants_update.set(true);
            }
            match received {
                Received::Data => return Ok(true),
                Received::Closed => return Ok(false),
                Received::Nothing => {
                    let len = io(socket.read(self.state.room()).await)?;
                    self.state.received(len);
                }
            }
        }
    }

    async fn read<S: Read>(&mut self, socket: &mut S, buf: &mut [u8]) -> Result<usize, Error> {
        if buf.is_empty() || !self.wait(socket).await? {
            return Ok(0);
        }
        let data = self.state.data();
        let len = data.len().min(buf.len());
        buf.iter_mut().zip(data).for_each(|(to, from)| *to = *from);
        self.state.consume(len);
        Ok(len)
    }
}

impl<A: Allocator, P: Provider> Half<'_, Sender<A, P>> {
    /// Gives all that waits to the socket.
    async fn drain<S: Write>(&mut self, socket: &mut S) -> Result<(), Error> {
        while !self.state.waiting().is_empty() {
            let sent = some(socket.write(self.state.waiting()).await)?;
            self.state.consume(sent);
        }
        Ok(())
    }

    async fn write<S: Write>(&mut self, socket: &mut S, buf: &[u8]) -> Result<usize, Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.drain(socket).await?;
        if self.shared.wants_update.take() {
            self.state.update()?;
            self.drain(socket).await?;
        }
        // From here on nothing waits: either the data are taken, or they are not.
        self.state.push(buf)
    }

    /// Says goodbye. Only the first time counts.
    async fn close<S: Write>(&mut self, socket: &mut S) -> Result<(), Error> {
        self.drain(socket).await?;
        if self.state.close(self.shared.failed.get()).is_ok() {
            self.drain(socket).await?;
        }
        Ok(())
    }
}

fn io<T, E: embedded_io_async::Error>(result: Result<T, E>) -> Result<T, Error> {
    result.map_err(|error| Error::Io(error.kind()))
}

/// What was written, which is not nothing.
fn some<E: embedded_io_async::Error>(written: Result<usize, E>) -> Result<usize, Error> {
    match io(written)? {
        0 => Err(Error::Io(embedded_io_async::ErrorKind::WriteZero)),
        len => Ok(len),
    }
}

impl<S, A: Allocator, P: Provider> ErrorType for TlsStream<S, A, P> {
    type Error = Error;
}

impl<S: Read, A: Allocator + Clone, P: Provider + Clone> Read for TlsStream<S, A, P> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        let (mut receiver, _, socket) = self.halves();
        receiver.read(socket, buf).await
    }
}

impl<S: Read, A: Allocator + Clone, P: Provider + Clone> Readable for TlsStream<S, A, P> {
    async fn readable(&mut self) -> Result<(), Error> {
        let (mut receiver, _, socket) = self.halves();
        receiver.wait(socket).await.map(drop)
    }
}

impl<S: Write, A: Allocator + Clone, P: Provider + Clone> Write for TlsStream<S, A, P> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Error> {
        let (_, mut sender, socket) = self.halves();
        sender.write(socket, buf).await
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let (_, mut sender, socket) = self.halves();
        sender.drain(socket).await
    }
}

impl<S: Write + TcpShutdown, A: Allocator + Clone, P: Provider + Clone> TcpShutdown for TlsStream<S, A, P> {
    async fn close(&mut self, what: Close) -> Result<(), Error> {
        let (_, mut sender, socket) = self.halves();
        if what != Close::Read {
            sender.close(socket).await?;
        }
        io(socket.close(what).await)
    }

    async fn abort(&mut self) -> Result<(), Error> {
        io(self.socket.abort().await)
    }
}

impl<S: TcpSplit, A: Allocator + Clone, P: Provider + Clone> TcpSplit for TlsStream<S, A, P> {
    type Read<'a>
        = TlsRead<'a, S::Read<'a>, A, P>
    where
        Self: 'a;
    type Write<'a>
        = TlsWrite<'a, S::Write<'a>, A, P>
    where
        Self: 'a;

    fn split(&mut self) -> (Self::Read<'_>, Self::Write<'_>) {
        let (receiver, sender, socket) = self.halves();
        let (read, write) = socket.split();
        (TlsRead { half: receiver, socket: read }, TlsWrite { half: sender, socket: write })
    }
}

/// The half of a [`TlsStream`] that is read.
pub struct TlsRead<'s, S, A: Allocator, P: Provider> {
    half: Half<'s, Receiver<A, P>>,
    socket: S,
}

/// The half of a [`TlsStream`] that is written.
pub struct TlsWrite<'s, S, A: Allocator, P: Provider> {
    half: Half<'s, Sender<A, P>>,
    socket: S,
}

impl<S, A: Allocator, P: Provider> ErrorType for TlsRead<'_, S, A, P> {
    type Error = Error;
}

impl<S: Read, A: Allocator, P: Provider> Read for TlsRead<'_, S, A, P> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        self.half.read(&mut self.socket, buf).await
    }
}

impl<S: Read, A: Allocator, P: Provider> Readable for TlsRead<'_, S, A, P> {
    async fn readable(&mut self) -> Result<(), Error> {
        self.half.wait(&mut self.socket).await.map(drop)
    }
}

impl<S, A: Allocator, P: Provider> ErrorType for TlsWrite<'_, S, A, P> {
    type Error = Error;
}

impl<S: Write, A: Allocator, P: Provider> Write for TlsWrite<'_, S, A, P> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Error> {
        self.half.write(&mut self.socket, buf).await
    }

    async fn flush(&mut self) -> Result<(), Error> {
        self.half.drain(&mut self.socket).await
    }
}
