//! A forwarding server with the protocol of the libdatachannel examples, as `signaling::Hub` has it. It prints where it
//! listens, and whoever comes from this machine may use it.

use std::net::{IpAddr, TcpListener};
use std::rc::Rc;

use anyhow::Result;
use async_io::Async;
use barertc_signaling::Hub;
use barertc_test_peer::HostClock;
use edge_nal_std::TcpSocket;
use futures_lite::future;

const CLIENTS: usize = 8;
const MESSAGE: usize = 12 << 10;

fn main() -> Result<()> {
    let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0))?;
    println!("forwarding at ws://{}", listener.get_ref().local_addr()?);
    let hub = Rc::new(Hub::<CLIENTS, MESSAGE>::new());
    let clock = HostClock::start();
    // Each place of the hub serves one connection after the other.
    let places = (0..CLIENTS).map(|_| {
        let (hub, listener) = (hub.clone(), &listener);
        Box::pin(async move {
            let mut buf = vec![0; MESSAGE];
            loop {
                let Ok((stream, remote)) = listener.accept().await else { continue };
                let mut socket = TcpSocket::new(stream);
                let here = |caller: &barertc_signaling::Caller<'_>| is_here(caller.address).into();
                if let Err(error) = hub.serve(&mut socket, remote.ip(), here, &mut buf, &clock).await {
                    eprintln!("{remote}: {error}");
                }
            }
        })
    });
    let mut places: Vec<_> = places.collect();
    async_io::block_on(future::poll_fn(|cx| {
        for place in &mut places {
            let _: core::task::Poll<()> = core::future::Future::poll(place.as_mut(), cx);
        }
        core::task::Poll::Pending
    }))
}

fn is_here(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}
