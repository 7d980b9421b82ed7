//! TLS for `wss://`, `https://` and `turns:`: the host's, with the certificate of the server verified. A device without an operating
//! system would put its own here.

use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::pin::Pin;
use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use async_io::Async;
use barertc::ice::stream::{CertificateFault, StreamEnd};
use edge_nal::{Close, Readable, TcpShutdown, TcpSplit};
use edge_nal_std::TcpSocket;
use embedded_io_async::{ErrorType, Read, Write};
use futures_lite::{AsyncRead, AsyncWrite};
use futures_rustls::TlsConnector;
use futures_rustls::client;
use futures_rustls::pki_types::pem::PemObject;
use futures_rustls::pki_types::{CertificateDer, ServerName};
use futures_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};

/// What makes connections to one server, and knows who may vouch for it.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// To servers that prove to be `name` with a certificate that goes back to one of `ca`, or of the authorities that
    /// browsers trust.
    pub fn new(name: &str, ca: Option<&Path>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        match ca {
            Some(path) => {
                for certificate in CertificateDer::pem_file_iter(path).context("reading --ca")? {
                    roots.add(certificate?)?;
                }
                if roots.is_empty() {
                    bail!("--ca {}: no certificate in it", path.display());
                }
            }
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Self { connector: Arc::new(config).into(), name: ServerName::try_from(name.to_owned())? })
    }

    /// Speaks TLS over a fresh connection.
    pub async fn connect(&self, socket: Async<TcpStream>) -> io::Result<TlsStream> {
        let connecting = self.connector.connect(self.name.clone(), socket).await;
        // Why it is not trusted would not go through the device's kinds of error.
        let inner = connecting.inspect_err(|error| eprintln!("TLS with {}: {error}", self.name.to_str()))?;
        Ok(TlsStream { inner: RefCell::new(inner), ahead: Cell::new(None) })
    }
}

/// What TLS says against the other end, if that is why a connection failed.
pub fn fault(error: &io::Error) -> Option<StreamEnd> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(match error {
        rustls::Error::InvalidCertificate(why) => StreamEnd::Certificate(match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => CertificateFault::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                CertificateFault::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                CertificateFault::WrongName
            }
            CertificateError::UnknownIssuer => CertificateFault::Untrusted,
            CertificateError::BadSignature => CertificateFault::BadSignature,
            _ => CertificateFault::Other,
        }),
        _ => StreamEnd::Tls,
    })
}

/// A connection with TLS in it. Both halves of it share it by reference: nothing is borrowed beyond a poll.
pub struct TlsStream {
    inner: RefCell<client::TlsStream<Async<TcpStream>>>,
    /// A byte that was read to see whether there is one.
    ahead: Cell<Option<u8>>,
}

impl ErrorType for &TlsStream {
    type Error = io::Error;
}

impl Read for &TlsStream {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let (Some(byte), Some(first)) = (self.ahead.get(), buf.first_mut()) {
            *first = byte;
            self.ahead.set(None);
            return Ok(1);
        }
        poll_fn(|cx| Pin::new(&mut *self.inner.borrow_mut()).poll_read(cx, buf)).await
    }
}

impl Write for &TlsStream {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| Pin::new(&mut *self.inner.borrow_mut()).poll_write(cx, buf)).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| Pin::new(&mut *self.inner.borrow_mut()).poll_flush(cx)).await
    }
}

impl Readable for &TlsStream {
    async fn readable(&mut self) -> io::Result<()> {
        if self.ahead.get().is_none() {
            let mut byte = [0];
            if self.read(&mut byte).await? == 1 {
                self.ahead.set(Some(byte[0]));
            }
        }
        Ok(())
    }
}

/// A TCP connection, or one with TLS in it. Its halves are references to it.
pub enum Stream {
    Plain(TcpSocket),
    Tls(Box<TlsStream>),
}

impl ErrorType for &Stream {
    type Error = io::Error;
}

impl Read for &Stream {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => Read::read(&mut &*socket, buf).await,
            Stream::Tls(socket) => Read::read(&mut &**socket, buf).await,
        }
    }
}

impl Write for &Stream {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => Write::write(&mut &*socket, buf).await,
            Stream::Tls(socket) => Write::write(&mut &**socket, buf).await,
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(socket) => Write::flush(&mut &*socket).await,
            Stream::Tls(socket) => Write::flush(&mut &**socket).await,
        }
    }
}

impl Readable for &Stream {
    async fn readable(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(socket) => Readable::readable(&mut &*socket).await,
            Stream::Tls(socket) => Readable::readable(&mut &**socket).await,
        }
    }
}

impl ErrorType for Stream {
    type Error = io::Error;
}

impl Read for Stream {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&mut &*self).read(buf).await
    }
}

impl Write for Stream {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&mut &*self).write(buf).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        (&mut &*self).flush().await
    }
}

impl Readable for Stream {
    async fn readable(&mut self) -> io::Result<()> {
        (&mut &*self).readable().await
    }
}

impl TcpSplit for Stream {
    type Read<'a> = &'a Self;
    type Write<'a> = &'a Self;

    fn split(&mut self) -> (&Self, &Self) {
        (self, self)
    }
}

impl TcpShutdown for Stream {
    async fn close(&mut self, what: Close) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.close(what).await,
            // TLS has no half that could be closed alone.
            Self::Tls(socket) => poll_fn(|cx| Pin::new(&mut *socket.inner.borrow_mut()).poll_close(cx)).await,
        }
    }

    async fn abort(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.abort().await,
            Self::Tls(_) => Ok(()),
        }
    }
}
