//! The Ethernet of the ESP32-P4 function EV board: an IP101 at RMII, which makes the clock.

use embassy_net::{Config, Runner, Stack, StackResources};
use embassy_time::Timer;
use esp_hal::Async;
use esp_hal::efuse;
use esp_hal::ethernet::clock::ExternalRefClock;
use esp_hal::ethernet::{Ethernet, EthernetDmaStorage, RmiiClockConfig as _, RmiiPinBundle};
use esp_hal::gpio::{Level, Output, OutputConfig};
use esp_hal::peripherals::{self, EMAC_DMA, HP_SYS_CLKRST};

use barertc_streamer::embedded::SOCKETS;

use super::phy::CalmPhy;

/// Frames that the card may have received or may still have to send; in internal memory.
const RECEIVED: usize = 16;
const SENT: usize = 16;

/// Descriptors and frames, which begin as zeros.
pub type Frames = EthernetDmaStorage<RECEIVED, SENT>;

/// The card as embassy's network drives it.
pub type Card = Ethernet<'static, Async, CalmPhy>;

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
    mut pins: Pins,
    frames: &'static mut Frames,
    resources: &'static mut StackResources<SOCKETS>,
    seed: u64,
) -> Result<(Stack<'static>, Runner<'static, Card>), &'static str> {
    let mut reset = Output::new(pins.reset, Level::Low, OutputConfig::default());
    Timer::after_millis(10).await;
    reset.set_high();
    // The IP101 answers 10 ms after its reset, and its clock is there by then.
    Timer::after_millis(20).await;
    core::mem::forget(reset);
    clock_runs(pins.clock.reborrow())?;
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
    let card = Ethernet::new(eth, frames, mac, CalmPhy::new(), bundle)
        .map_err(|_| "Ethernet: no PHY answers at the EV board's pins")?;
    Ok(embassy_net::new(card.into_async(), Config::dhcpv4(Default::default()), resources, seed))
}

/// Microseconds that a reset of the controller may take; with its clock it takes less than one.
const RESET_US: u32 = 10_000;

/// Whether the clock at pin 50 runs: the controller's reset ends with it and not before, and esp-hal waits for that without an end.
fn clock_runs(pin: peripherals::GPIO50<'_>) -> Result<(), &'static str> {
    ExternalRefClock::new(pin).configure();
    HP_SYS_CLKRST::regs().soc_clk_ctrl1().modify(|_, w| w.emac_sys_clk_en().set_bit());
    EMAC_DMA::regs().dmabusmode().modify(|_, w| w.sw_rst().set_bit());
    for _ in 0..RESET_US {
        if EMAC_DMA::regs().dmabusmode().read().sw_rst().bit_is_clear() {
            return Ok(());
        }
        esp_hal::rom::ets_delay_us(1);
    }
    Err("Ethernet: no 50 MHz clock at pin 50")
}

/// Stops the controller's reads and writes of memory, if it is in use.
pub fn stop() {
    if HP_SYS_CLKRST::regs().soc_clk_ctrl1().read().emac_sys_clk_en().bit_is_clear() {
        HP_SYS_CLKRST::regs().soc_clk_ctrl1().modify(|_, w| w.emac_sys_clk_en().set_bit());
    }
    EMAC_DMA::regs().dmaoperation_mode().modify(|_, w| {
        w.start_stop_rx().clear_bit();
        w.start_stop_transmission_command().clear_bit()
    });
}
