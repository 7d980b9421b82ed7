//! The networks: Ethernet of the function EV board, or WiFi through a co-processor.

#[cfg(feature = "ethernet")]
pub mod ethernet;
#[cfg(feature = "ethernet")]
mod phy;
#[cfg(feature = "wifi")]
pub mod wifi;

#[cfg(not(any(feature = "ethernet", feature = "wifi")))]
compile_error!("an image needs a network: the feature `ethernet` or `wifi`");
