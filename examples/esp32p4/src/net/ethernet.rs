//! The Ethernet of the ESP32-P4 function EV board: an IP101 at RMII, which makes the clock.

use embassy_net::{Config, Runner, Stack, StackResources};
use embassy_time::Timer;
use esp_hal::Async;
use esp_hal::efuse;
use esp_hal::ethernet::clock::ExternalRefClock;
use esp_hal::ethernet::phy::generic::GenericPhy;
use esp_hal::ethernet::{Ethernet, EthernetDmaStorage, RmiiPinBundle};
use esp_hal::gpio::{Level, Output, OutputConfig};
use esp_hal::peripherals;
use static_cell::ConstStaticCell;

use barertc_streamer::embedded::SOCKETS;

/// Frames that the card may have received or may still have to send; in internal memory.
const RECEIVED: usize = 16;
const SENT: usize = 16;

// It begins as zeros, made by nobody: made at start, it would be 50 KB of the stack, twice.
static FRAMES: ConstStaticCell<EthernetDmaStorage<RECEIVED, SENT>> = ConstStaticCell::new(EthernetDmaStorage::new());

/// The card as embassy's network drives it.
pub type Card = Ethernet<'static, Async, GenericPhy>;

/// The pins it is wired to.
pub struct Pins {
    pub clock: peripherals::GPIO50<'static>,
    pub rxd0: peripherals::GPIO29<'static>,
    pub rxd1: peripherals::GPIO30<'static>,
    pub rx_dv: peripherals::GPIO28<'static>,
    pub txd0: peripherals::GPIO34<'static>,
    pub txd1: peripherals::GPIO35<'static>,
    pub tx_en: peripherals::GPIO49<'static>,
    pub mdc: peripherals::GPIO31<'static>,
    pub mdio: peripherals::GPIO52<'static>,
    pub reset: peripherals::GPIO51<'static>,
}

/// Starts the card.
pub async fn start(
    eth: peripherals::ETH<'static>,
    pins: Pins,
    resources: &'static mut StackResources<SOCKETS>,
    seed: u64,
) -> Result<(Stack<'static>, Runner<'static, Card>), &'static str> {
    let mut reset = Output::new(pins.reset, Level::Low, OutputConfig::default());
    Timer::after_millis(10).await;
    reset.set_high();
    // The IP101 answers 10 ms after its reset, and its clock is there by then.
    Timer::after_millis(20).await;
    core::mem::forget(reset);
    let bundle = RmiiPinBundle {
        clock: ExternalRefClock::new(pins.clock),
        rxd0: pins.rxd0,
        rxd1: pins.rxd1,
        rx_dv: pins.rx_dv,
        txd0: pins.txd0,
        txd1: pins.txd1,
        tx_en: pins.tx_en,
        mdc: pins.mdc,
        mdio: pins.mdio,
    };
    let mac = efuse::base_mac_address();
    let mac = mac.as_bytes().try_into().map_err(|_| "the chip has no MAC address")?;
    let card = Ethernet::new(eth, FRAMES.take(), mac, GenericPhy::new_auto(), bundle)
        .map_err(|_| "Ethernet: no PHY answers at the EV board's pins")?;
    Ok(embassy_net::new(card.into_async(), Config::dhcpv4(Default::default()), resources, seed))
}
