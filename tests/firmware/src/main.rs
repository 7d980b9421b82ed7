//! The smallest firmware with a data channel: it joins a network, takes an offer over TCP, and answers each message.
//!
//! What depends on the chip is in [`board`], as functions that the board's crate brings. So this compiles for any RV32 chip with
//! compare-and-swap, and links with none: `cargo xtask outside` checks it.
#![no_std]
#![no_main]

mod board;

use core::convert::Infallible;
use core::mem::MaybeUninit;
use core::net::SocketAddr;

use barertc::arena::Heap;
use barertc::{Candidate, Config, Event, Identity, Instant, MessageKind, PeerConnection, RustCrypto};
use barertc_runner::{Buffers, Clock, Driven, Port};
use edge_nal::UdpBind;
use edge_nal_embassy::{Udp, UdpBuffers};
use embassy_executor::{Executor, Spawner};
use embassy_futures::join::join;
use embassy_net::tcp::{self, TcpSocket};
use embassy_net::{Stack, StackResources};
use embassy_net_driver_channel::{self as channel, driver::HardwareAddress};
use embedded_io_async::Write;
use static_cell::{ConstStaticCell, StaticCell};

/// Bytes of an Ethernet frame.
const MTU: usize = 1514;
/// Where offers are taken and where media and data come.
const SIGNALING_PORT: u16 = 4000;
const UDP_PORT: u16 = 4001;

/// No global heap: a program in which anybody can reach one does not link.
#[global_allocator]
static NO_GLOBAL_HEAP: barertc::arena::Unlinkable = barertc::arena::Unlinkable;

/// The bounds of the connection, and the memory that follows from them at compile time.
const CONFIG: Config = Config::new();
const REGION: usize = PeerConnection::<&Heap, RustCrypto>::region_bytes(&CONFIG);

static REGION_OF_THE_HEAP: ConstStaticCell<[MaybeUninit<u8>; REGION]> =
    ConstStaticCell::new([MaybeUninit::uninit(); REGION]);
static UDP_BUFFERS: ConstStaticCell<UdpBuffers<1, 4096, 4096, 8>> = ConstStaticCell::new(UdpBuffers::new());
static DATAGRAMS: ConstStaticCell<Buffers<1>> = ConstStaticCell::new(Buffers::new());
static CARD: ConstStaticCell<channel::State<MTU, 4, 4>> = ConstStaticCell::new(channel::State::new());
static SOCKETS: ConstStaticCell<StackResources<4>> = ConstStaticCell::new(StackResources::new());
static EXECUTOR: StaticCell<Executor> = StaticCell::new();

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    EXECUTOR.init(Executor::new()).run(|spawner| {
        let (card, device) = channel::new(CARD.take(), HardwareAddress::Ethernet(board::ethernet_address()));
        let seed = u64::from(board::random_word()) << 32 | u64::from(board::random_word());
        let config = embassy_net::Config::dhcpv4(Default::default());
        let (stack, runner) = embassy_net::new(device, config, SOCKETS.take(), seed);
        spawn(spawner, card, runner, stack);
    })
}

fn spawn(
    spawner: Spawner,
    card: channel::Runner<'static, MTU>,
    runner: embassy_net::Runner<'static, channel::Device<'static, MTU>>,
    stack: Stack<'static>,
) {
    board::start_card(card);
    spawner.spawn(network(runner).expect("one task each"));
    spawner.spawn(application(stack).expect("one task each"));
}

#[embassy_executor::task]
async fn network(mut runner: embassy_net::Runner<'static, channel::Device<'static, MTU>>) -> ! {
    runner.run().await
}

#[embassy_executor::task]
async fn application(stack: Stack<'static>) {
    stack.wait_config_up().await;
    let address = stack.config_v4().expect("the network is up").address.address();
    let local = SocketAddr::from((address, UDP_PORT));
    let mut heap = Heap::new(REGION_OF_THE_HEAP.take()).expect("the region was sized for a connection");
    let identity = Identity::generate(&RustCrypto, &mut board::Random);
    let udp = Udp::new(stack, UDP_BUFFERS.take());
    let buffers = DATAGRAMS.take();
    loop {
        let socket = udp.bind(local).await.expect("the port is free");
        if let Err(error) = serve(stack, &mut heap, &identity, Port { local, socket }, buffers).await {
            board::log(error);
        }
    }
}

/// One connection, from its offer to its end.
async fn serve(
    stack: Stack<'static>,
    heap: &mut Heap<'static>,
    identity: &Identity,
    port: Port<edge_nal_embassy::UdpSocket<'_>>,
    buffers: &mut Buffers<1>,
) -> Result<(), Failed> {
    let now = board::Time.now();
    let mut connection = PeerConnection::new(CONFIG, identity, &*heap, &RustCrypto, &mut board::Random)?;
    connection.add_local_candidate(now, Candidate::host(port.local))?;
    connection.add_data(now)?;
    signal(stack, &mut connection).await?;

    let connection: Driven<'_, _, _> = Driven::new(connection);
    let mut ports = [port];
    let answered = async {
        while let Some(event) = connection.next_event().await {
            if let Event::ChannelReadable(id) = event {
                let mut room = [0; 256];
                connection.with(|connection| {
                    let now = board::Time.now();
                    while let Ok(read) = connection.read_channel(now, id, &mut room) {
                        // What finds no room is lost, and the other side can see that no answer comes.
                        let _ = connection.write_channel(now, id, MessageKind::Binary, &room[..read.len]);
                    }
                });
            }
        }
    };
    let (ended, ()) = join(connection.run(&mut ports, buffers, &board::Time), answered).await;
    ended.map_err(|_| Failed::Datagrams)
}

/// Takes an offer from whoever connects, ended by a zero byte, and writes the answer back.
async fn signal(
    stack: Stack<'static>,
    connection: &mut PeerConnection<'_, &Heap<'static>, RustCrypto>,
) -> Result<(), Failed> {
    let (mut received, mut sent) = ([0; 2048], [0; 2048]);
    let mut socket = TcpSocket::new(stack, &mut received, &mut sent);
    socket.accept(SIGNALING_PORT).await.map_err(|_| Failed::Signaling)?;
    let (mut offer, mut len) = ([0; 4096], 0);
    while !offer[..len].ends_with(&[0]) {
        len += match socket.read(&mut offer[len..]).await? {
            0 => return Err(Failed::Signaling),
            read => read,
        };
    }
    let offer = core::str::from_utf8(&offer[..len - 1]).map_err(|_| Failed::Signaling)?;
    let mut answer = [0; 2048];
    let answer = connection.create_answer(board::Time.now(), offer, &mut answer)?;
    socket.write_all(answer.as_bytes()).await?;
    socket.flush().await?;
    socket.close();
    Ok(())
}

/// Why a connection was not served.
pub enum Failed {
    /// barertc says why.
    Connection(barertc::Error),
    /// No offer came.
    Signaling,
    /// The connection's datagrams are larger than the buffers.
    Datagrams,
}

impl From<barertc::Error> for Failed {
    fn from(error: barertc::Error) -> Self {
        Self::Connection(error)
    }
}

impl From<tcp::Error> for Failed {
    fn from(_: tcp::Error) -> Self {
        Self::Signaling
    }
}

impl Clock for board::Time {
    fn now(&self) -> Instant {
        Instant::from_micros(embassy_time::Instant::now().as_micros())
    }

    async fn sleep_until(&self, at: Instant) {
        embassy_time::Timer::at(embassy_time::Instant::from_micros(at.as_micros())).await;
    }
}

impl barertc::rand_core::TryRng for board::Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(board::random_word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from(board::random_word()) << 32 | u64::from(board::random_word()))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for bytes in out.chunks_mut(4) {
            bytes.copy_from_slice(&board::random_word().to_le_bytes()[..bytes.len()]);
        }
        Ok(())
    }
}

impl barertc::rand_core::TryCryptoRng for board::Random {}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
