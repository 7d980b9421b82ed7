//! What connections take of their allocator.

use std::sync::Arc;

use barertc_arena::{Counting, FailNth, Global};
use barertc_crypto::RustCrypto;
use core::cell::RefCell;
use embedded_io_async::{ErrorType, Read, Write};
use futures_lite::future::block_on;
use rustls::ServerConnection;

use super::{data, from_server, provider, rng, server_config, to_server, trust, usual_server};
use crate::config::Config;
use crate::error::Error;
use crate::stream::TlsStream;

/// A server at the other end of a socket, in the same thread.
struct Socket(ServerConnection, std::vec::Vec<u8>);

impl ErrorType for Socket {
    type Error = core::convert::Infallible;
}

impl Read for Socket {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        self.1.extend_from_slice(&from_server(&mut self.0));
        let len = self.1.len().min(buf.len());
        buf[..len].copy_from_slice(&self.1[..len]);
        self.1.drain(..len);
        Ok(len)
    }
}

impl Write for Socket {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        Ok(to_server(buf, &mut self.0))
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

fn talk<A: barertc_arena::Allocator + Clone>(config: Config, alloc: A, server: ServerConnection) -> Result<(), Error> {
    block_on(async {
        let rng = RefCell::new(rng(3));
        let socket = Socket(server, std::vec![]);
        let mut stream = TlsStream::connect(socket, config, trust(), alloc, RustCrypto, &rng).await?;
        stream.write_all(b"hello").await?;
        stream.flush().await
    })
}

#[test]
fn a_connection_takes_what_it_says_and_gives_all_back() {
    for config in [Config::new(), Config { record: 1024, handshake: 1024, sent: 1024 }] {
        let alloc = Counting::new(Global);
        talk(config, &alloc, usual_server()).unwrap();
        let bound = TlsStream::<Socket, &Counting<Global>, RustCrypto>::worst_case_bytes(&config);
        let stats = alloc.stats();
        assert!(stats.peak <= bound, "{} B of {bound} B", stats.peak);
        assert!(stats.peak + 2_048 > bound, "the bound of {bound} B is far above {} B", stats.peak);
        assert_eq!(stats.live, 0);
    }
}

#[test]
fn every_allocation_may_fail() {
    let mut failures = 0;
    for nth in 1.. {
        let alloc = FailNth::new(Global, nth);
        let talked = talk(Config::new(), &alloc, usual_server());
        if !alloc.has_failed() {
            assert_eq!(talked, Ok(()));
            break;
        }
        assert_eq!(talked, Err(Error::NoMemory), "allocation {nth}");
        failures += 1;
    }
    assert!(failures >= 5, "only {failures} allocations");
}

#[test]
fn refused_connections_give_all_back() {
    let alloc = Counting::new(Global);
    let config = server_config(provider(), &[&rustls::version::TLS12], &[data!("server.der")], data!("server.key"));
    let server = ServerConnection::new(Arc::new(config)).unwrap();
    assert_eq!(talk(Config::new(), &alloc, server), Err(Error::OnlyOldVersions));
    assert_eq!(alloc.stats().live, 0);
}
