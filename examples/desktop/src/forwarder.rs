//! `--forwarder`: a forwarding server with the protocol of the libdatachannel examples. It runs on a desktop only, so it
//! uses the host's memory as it likes.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use async_io::{Async, Timer};
use barertc_signaling::{Access, AccessControl, Admission, Caller, Hub, Url};
use barertc_streamer::Refused;
use barertc_wire::Clock;
use edge_nal::{Close, TcpShutdown};
use edge_nal_std::TcpSocket;
use futures_lite::future;

use crate::options::Options;

/// Clients at the same time: streamers and pages.
const CLIENTS: usize = 64;
/// The longest message: Chromium's longest description in JSON, with as much again to spare.
const MESSAGE: usize = 16 << 10;

/// Connections at the same time: those of clients, and some that are only just coming or going.
const CONNECTIONS: usize = CLIENTS + 16;

struct HostClock(Instant);

impl Clock for HostClock {
    fn now(&self) -> barertc_wire::Instant {
        barertc_wire::Instant::from_micros(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    async fn sleep_until(&self, at: barertc_wire::Instant) {
        match self.0.checked_add(Duration::from_micros(at.as_micros())) {
            Some(at) => Timer::at(at).await,
            None => Timer::never().await,
        };
    }
}

/// Forwards until `stop` is ready.
pub fn run(options: &Options, stop: impl Future<Output = ()>) -> Result<()> {
    let hub = Box::new(Hub::<CLIENTS, MESSAGE>::new());
    let clock = HostClock(Instant::now());
    let access = AccessControl::new(Access::new(options.token.as_deref()).context("--token")?);
    let listener = Async::<std::net::TcpListener>::bind(options.listen)
        .with_context(|| format!("cannot listen on {}: is something else there?", options.listen))?;
    let listening = listener.get_ref().local_addr()?;
    if options.json {
        println!("{{\"event\":\"ready\",\"url\":\"ws://{listening}/\"}}");
    } else {
        println!("Forwarding at ws://{listening}/");
    }
    let open = Cell::new(0);
    let executor = async_executor::LocalExecutor::new();
    let accepting = async {
        loop {
            match listener.accept().await {
                // Who comes when all are taken is let go; the hub has told somebody to make room.
                Ok(_) if open.get() >= CONNECTIONS => clock.sleep_until(clock.now() + Duration::from_millis(10)).await,
                Ok((socket, remote)) => {
                    open.set(open.get() + 1);
                    let (hub, access, clock, open) = (&hub, &access, &clock, &open);
                    let task = async move {
                        serve(hub, socket, remote, access, clock).await;
                        open.set(open.get() - 1);
                    };
                    executor.spawn(task).detach();
                }
                Err(_) => clock.sleep_until(clock.now() + Duration::from_millis(100)).await,
            }
        }
    };
    async_io::block_on(executor.run(future::or(accepting, stop)));
    if options.stats {
        for (reason, count) in hub.discards().iter().filter(|(_, count)| *count > 0) {
            println!("refused {count} times: {}", Refused(reason));
        }
    }
    Ok(())
}

async fn serve(
    hub: &Hub<CLIENTS, MESSAGE>,
    socket: Async<std::net::TcpStream>,
    remote: SocketAddr,
    access: &AccessControl<'_>,
    clock: &HostClock,
) {
    let mut socket = TcpSocket::new(socket);
    let mut buf = vec![0; MESSAGE];
    let allow = |caller: &Caller<'_>| decide(access, clock.now(), caller);
    if let Err(error) = hub.serve(&mut socket, remote.ip(), allow, &mut buf, clock).await {
        eprintln!("{remote}: {error}");
    }
    let _ = socket.close(Close::Write).await;
}

/// As everywhere, but that pages may come from another server on this machine: this one serves none.
fn decide(access: &AccessControl<'_>, now: barertc_wire::Instant, caller: &Caller<'_>) -> Admission {
    let local = caller.origin.is_some_and(|origin| Url::parse(origin).is_ok_and(|url| url.is_local()));
    let origin = caller.origin.filter(|_| !local);
    access.decide(now, &Caller { origin, ..*caller })
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
        let allows = |token, caller: &Caller<'_>| {
            let access = AccessControl::new(Access::new(token).unwrap());
            decide(&access, barertc_wire::Instant::ZERO, caller) == Admission::Granted
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
