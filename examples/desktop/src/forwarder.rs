//! `--forwarder`: a forwarding server with the protocol of the libdatachannel examples. It runs on a desktop only, so it
//! uses the host's memory as it likes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use async_io::{Async, Timer};
use barertc_signaling::{Access, Caller, Clock, Hub};
use edge_nal::{Close, TcpShutdown};
use edge_nal_std::TcpSocket;
use futures_lite::future;

use crate::options::Options;

/// Clients at the same time: streamers and pages.
const CLIENTS: usize = 64;
/// The longest message: Chromium's longest description in JSON, with as much again to spare.
const MESSAGE: usize = 16 << 10;

struct HostClock;

impl Clock for HostClock {
    async fn sleep(&self, duration: Duration) {
        Timer::after(duration).await;
    }
}

/// Forwards until `stop` is ready.
pub fn run(options: &Options, stop: impl Future<Output = ()>) -> Result<()> {
    let hub = Box::new(Hub::<CLIENTS, MESSAGE>::new());
    let executor = async_executor::LocalExecutor::new();
    let listener = Async::<std::net::TcpListener>::bind(options.listen)
        .with_context(|| format!("cannot listen on {}: is something else there?", options.listen))?;
    println!("Forwarding at ws://{}/", listener.get_ref().local_addr()?);
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((socket, remote)) => executor.spawn(serve(&hub, socket, remote, options)).detach(),
                Err(_) => HostClock.sleep(Duration::from_millis(100)).await,
            }
        }
    };
    async_io::block_on(executor.run(future::or(accepting, stop)));
    if options.stats {
        for (reason, count) in hub.discards().iter().filter(|(_, count)| *count > 0) {
            println!("refused, {reason:?}: {count}");
        }
    }
    Ok(())
}

async fn serve(hub: &Hub<CLIENTS, MESSAGE>, socket: Async<std::net::TcpStream>, remote: SocketAddr, options: &Options) {
    let mut socket = TcpSocket::new(socket);
    let mut buf = vec![0; MESSAGE];
    let allow = |caller: &Caller<'_>| allows(options.token.as_deref(), caller);
    if let Err(error) = hub.serve(&mut socket, remote.ip(), allow, &mut buf, &HostClock).await {
        eprintln!("{remote}: {error}");
    }
    let _ = socket.close(Close::Write).await;
}

/// As everywhere, but that pages may come from another server on this machine: this one serves none.
fn allows(token: Option<&str>, caller: &Caller<'_>) -> bool {
    let origin = caller.origin.and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    let local = origin.is_some_and(|authority| {
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host).trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    });
    let origin = caller.origin.filter(|_| token.is_some() || !local);
    Access::new(token).allows(&Caller { origin, ..*caller })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_this_machine_may_come() {
        let caller = |origin| Caller {
            address: "127.0.0.1".parse().unwrap(),
            token: None,
            host: Some("127.0.0.1:8000"),
            origin,
        };
        for origin in [None, Some("http://127.0.0.1:8080"), Some("http://localhost"), Some("http://[::1]:1")] {
            assert!(allows(None, &caller(origin)), "{origin:?}");
        }
        for origin in ["https://evil.example", "null", "http://127.0.0.1.evil.example", "http://192.0.2.1:8000"] {
            assert!(!allows(None, &caller(Some(origin))), "{origin}");
        }
        assert!(!allows(Some("secret"), &caller(None)));
        assert!(allows(Some("secret"), &Caller { token: Some("secret"), ..caller(Some("https://page.example")) }));
    }
}
