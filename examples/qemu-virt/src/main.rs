//! The streamer on an emulated RISC-V machine without an operating system.
#![no_std]
#![no_main]

mod machine;
mod net;
mod time;
mod virtio;

use embassy_executor::Spawner;
use embassy_net::{Config, StackResources};
use embassy_net_driver_channel as channel;
use embedded_io_async::Write;
use edge_nal::{TcpAccept, TcpBind};
use machine::say;
use static_cell::StaticCell;

#[global_allocator]
static NO_GLOBAL_HEAP: barertc_arena::Unlinkable = barertc_arena::Unlinkable;

static STATE: StaticCell<net::State> = StaticCell::new();
static ROOMS: StaticCell<net::Rooms> = StaticCell::new();
static RESOURCES: StaticCell<StackResources<16>> = StaticCell::new();

#[embassy_executor::task]
async fn card(card: net::Card, runner: channel::Runner<'static, { net::MTU }>) {
    card.run(runner).await;
}

#[embassy_executor::task]
async fn network(mut runner: embassy_net::Runner<'static, net::Driver>) {
    runner.run().await;
}

#[embassy_executor::main(entry = "riscv_rt::entry")]
async fn main(spawner: Spawner) {
    say!("hello");
    time::start();
    // SAFETY: all handlers are in place.
    unsafe { riscv::interrupt::enable() };
    let c = net::Card::find(ROOMS.init(net::Rooms::new())).expect("a network card");
    let (runner, device) =
        channel::new(STATE.init(net::State::new()), channel::driver::HardwareAddress::Ethernet(c.address()));
    let (stack, net_runner) =
        embassy_net::new(device, Config::dhcpv4(Default::default()), RESOURCES.init(StackResources::new()), 1);
    spawner.spawn(card(c, runner).unwrap());
    spawner.spawn(network(net_runner).unwrap());
    stack.wait_config_up().await;
    say!("address {:?}", stack.config_v4().map(|c| c.address));
    static BUFS: StaticCell<edge_nal_embassy::TcpBuffers<4, 2048, 2048>> = StaticCell::new();
    let tcp = edge_nal_embassy::Tcp::new(stack, BUFS.init(edge_nal_embassy::TcpBuffers::new()));
    let acc = tcp.bind("0.0.0.0:80".parse().unwrap()).await.unwrap();
    loop {
        let (from, mut sock) = acc.accept().await.unwrap();
        say!("from {from}");
        let _ = sock.write_all(b"HTTP/1.0 200 OK\r\n\r\nhi\n").await;
        let _ = sock.flush().await;
        let _ = edge_nal::TcpShutdown::close(&mut sock, edge_nal::Close::Both).await;
    }
}
