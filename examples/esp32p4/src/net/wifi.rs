//! WiFi through an ESP32-C6 on SDIO, with ESP-Hosted-MCU firmware.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use aligned::{A4, Aligned};
use barertc_arena::Heap;
use barertc_hosted::{Clock, Config, Control, Driver, Event, Instant, Network, Runner, Sdio, SdioBus};
use barertc_streamer::Lines;
use barertc_streamer::embedded::SOCKETS;
use embassy_futures::join::join;
use embassy_net::{Stack, StackResources};
use embassy_time::{Delay, Timer};
use esp_hal::Async;
use esp_hal::gpio::interconnect::{PeripheralInput, PeripheralOutput};
use esp_hal::gpio::{Level, Output, OutputConfig, OutputPin};
use esp_hal::peripherals::{GPIO, SDHOST};
use esp_hal::sdmmc::{SdHostController, Slot, SlotConfig};
use sdio::MmcError;
use sdio::sdio::{CCCR_IO_ABORT, SdioCard};
use static_cell::StaticCell;

use crate::log;

/// The fastest clock that the host has.
const CLOCK_HZ: u32 = 40_000_000;
const BLOCK: usize = 512;
/// `CCCR_IO_ABORT`: resets the card.
const RESET_CARD: u8 = 1 << 3;

/// Where the driver's memory is.
pub type Memory = &'static Heap<'static>;
/// The device for embassy's network.
pub type Device = Driver<Memory>;
/// What moves packets.
pub type Radio = Runner<Sdio<Card>, EmbassyClock, Memory>;
/// What steers.
pub type Steering = Control<Memory>;

/// embassy's clock.
pub struct EmbassyClock;

impl Clock for EmbassyClock {
    fn now(&self) -> Instant {
        Instant::from_micros(embassy_time::Instant::now().as_micros())
    }

    async fn sleep_until(&self, at: Instant) {
        Timer::at(embassy_time::Instant::from_micros(at.as_micros())).await;
    }
}

/// The co-processor as a card of the SDIO host.
pub struct Card {
    card: SdioCard<Slot<'static, 1, Async>, Delay>,
    enable: Output<'static>,
    /// The pin of DAT1, which the card interrupts by.
    dat1: u8,
}

/// The pins of a board. The co-processor is held in reset while `enable` is low.
pub struct Pins<Clk, Cmd, D0, D1, D2, D3, Enable> {
    pub clk: Clk,
    pub cmd: Cmd,
    pub d0: D0,
    pub d1: D1,
    pub d2: D2,
    pub d3: D3,
    pub enable: Enable,
}

impl Card {
    /// The co-processor at these pins.
    pub fn new<Clk, Cmd, D0, D1, D2, D3, Enable>(
        host: SDHOST<'static>,
        pins: Pins<Clk, Cmd, D0, D1, D2, D3, Enable>,
    ) -> Result<Self, &'static str>
    where
        Clk: PeripheralOutput<'static>,
        Cmd: PeripheralInput<'static> + PeripheralOutput<'static>,
        D0: PeripheralInput<'static> + PeripheralOutput<'static>,
        D1: PeripheralInput<'static> + PeripheralOutput<'static> + esp_hal::gpio::Pin,
        D2: PeripheralInput<'static> + PeripheralOutput<'static>,
        D3: PeripheralInput<'static> + PeripheralOutput<'static>,
        Enable: OutputPin + 'static,
    {
        static HOST: StaticCell<SdHostController<'static>> = StaticCell::new();
        let host = SdHostController::new(host, Default::default()).map_err(|_| "the SDIO host does not start")?;
        let slot = HOST.init(host).slot::<1>(SlotConfig::default()).map_err(|_| "the SDIO host does not start")?;
        let dat1 = pins.d1.number();
        let slot = slot
            .with_clk(pins.clk)
            .with_cmd(pins.cmd)
            .with_data0(pins.d0)
            .with_data1(pins.d1)
            .with_data2(pins.d2)
            .with_data3(pins.d3);
        let enable = Output::new(pins.enable, Level::High, OutputConfig::default());
        Ok(Self { card: SdioCard::new_uninit(slot.into_async(), Delay), enable, dat1 })
    }
}

/// Whether a pin, one of the first 32, is low.
fn is_low(pin: u8) -> bool {
    GPIO::regs().in_().read().bits() & 1 << pin == 0
}

impl SdioBus for Card {
    type Error = MmcError;

    fn hold_in_reset(&mut self, hold: bool) {
        self.enable.set_level(if hold { Level::Low } else { Level::High });
    }

    async fn acquire(&mut self) -> Result<(), MmcError> {
        if self.card.freq() > 0 {
            // A card that was in use is told to forget it; one that was reset by its pin does not answer.
            let _ = self.card.cmd52_write(0, CCCR_IO_ABORT, RESET_CARD).await;
        }
        self.card.reacquire(CLOCK_HZ).await
    }

    async fn read_byte(&mut self, function: u8, address: u32) -> Result<u8, MmcError> {
        self.card.cmd52_read(function, address).await
    }

    async fn write_byte(&mut self, function: u8, address: u32, value: u8) -> Result<(), MmcError> {
        self.card.cmd52_write(function, address, value).await
    }

    async fn read(&mut self, address: u32, buf: &mut [u8]) -> Result<(), MmcError> {
        assert!(buf.as_ptr().addr().is_multiple_of(align_of::<A4>()), "the driver aligns its buffers");
        // SAFETY: `Aligned` is its bytes behind nothing, and they are aligned.
        let buf = unsafe { &mut *(core::ptr::from_mut(buf) as *mut Aligned<A4, [u8]>) };
        self.card.cmd53_read::<BLOCK>(1, address, buf).await
    }

    async fn write(&mut self, address: u32, buf: &[u8]) -> Result<(), MmcError> {
        assert!(buf.as_ptr().addr().is_multiple_of(align_of::<A4>()), "the driver aligns its buffers");
        // SAFETY: `Aligned` is its bytes behind nothing, and they are aligned.
        let buf = unsafe { &*(core::ptr::from_ref(buf) as *const Aligned<A4, [u8]>) };
        self.card.cmd53_write::<BLOCK>(1, address, buf).await
    }

    async fn interrupt(&mut self) -> Result<(), MmcError> {
        let dat1 = self.dat1;
        let mut event = pin!(self.card.wait_for_event());
        // The host sees an edge, and only while it is waited for. Of one that came before, the level is left: looked at once the host
        // is told to wait, so that none comes between.
        poll_fn(|cx| match event.as_mut().poll(cx) {
            Poll::Pending if is_low(dat1) => Poll::Ready(Ok(())),
            other => other,
        })
        .await
    }
}

/// What has to run: the network stack, the driver, and what joins the network.
pub struct Wifi {
    pub stack: Stack<'static>,
    pub runner: embassy_net::Runner<'static, Device>,
    pub radio: Radio,
    pub steering: Steering,
    pub network: Network,
}

/// What fits the 68 KB of internal memory: video goes out, little comes in.
fn config() -> Config {
    Config {
        alignment: 64,
        receive_frames: 12,
        transmit_frames: 16,
        transfer_bytes: 8 * 1024,
        message_bytes: 4 * 1024,
        // Firmware 3.x is sent one frame at a time: there is no room to pack several.
        aggregate_bytes: 0,
        ..Config::default()
    }
}

/// Makes the driver, with memory for DMA. `ssid` and `password` come from the settings.
pub fn start(
    card: Card,
    lines: Lines<'_>,
    memory: Memory,
    resources: &'static mut StackResources<SOCKETS>,
    seed: u64,
) -> Result<Wifi, &'static str> {
    let ssid = lines.get("ssid").ok_or("settings: no ssid")?;
    let network = match lines.get("password") {
        Some(password) => Network::new(ssid, password),
        None => Network::open(ssid),
    };
    let network = network.map_err(|_| "settings: ssid or password has a length that no network has")?;
    let handles = barertc_hosted::new(Sdio::new(card), EmbassyClock, config(), memory);
    let (device, steering, radio) = handles.map_err(|_| "the internal memory is too small for the WiFi driver")?;
    let config = embassy_net::Config::dhcpv4(Default::default());
    let (stack, runner) = embassy_net::new(device, config, resources, seed);
    Ok(Wifi { stack, runner, radio, steering, network })
}

/// Joins the network, and says what becomes of it; the driver joins it again by itself.
pub async fn steer(steering: Steering, network: Network) {
    let joined = async {
        if let Err(error) = steering.connect(&network).await {
            log::line(format_args!("wifi: {error}"));
        }
    };
    // Beside it: without a card there is no end to it, and only events tell why.
    join(joined, tell(&steering)).await;
}

/// Says what happens.
async fn tell(steering: &Steering) {
    loop {
        match steering.event().await {
            Event::Connected(point) => {
                let rssi = steering.rssi().await.unwrap_or_default();
                log::line(format_args!("wifi: joined on channel {}, {rssi} dBm", point.channel));
            }
            event => log::line(format_args!("wifi: {event:?}")),
        }
    }
}
