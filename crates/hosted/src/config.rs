//! The bounds and times of the driver.

use core::time::Duration;

/// The configuration of the driver: sizes of its buffers and queues, and time limits.
// More than fifteen fields: each is a bound or a time that is set on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// The alignment of buffers in bytes: the length of a cache line, for DMA. A power of two.
    pub alignment: usize,
    /// The most received Ethernet frames that wait for the network stack. Further frames are dropped and counted.
    pub receive_frames: usize,
    /// The most Ethernet frames that wait for the co-processor. When the queue is full, the network stack must wait.
    pub transmit_frames: usize,
    /// The length of a read from the co-processor over SDIO, in bytes: a multiple of 512, at least 2048.
    pub transfer_bytes: usize,
    /// The size of the buffer in which frames are packed into one SDIO transfer, in bytes: a multiple of 512. Firmware 3.x
    /// takes such transfers. With fewer than 1536 bytes each frame has its own transfer.
    pub aggregate_bytes: usize,
    /// The longest message of the co-processor in bytes, at most 8192. The longest one is a list of access points.
    pub message_bytes: usize,
    /// The most access points that a scan returns.
    pub scan_results: usize,
    /// The most events that wait for the application. A further event replaces the oldest one.
    pub events: usize,
    /// The time between two looks at the bus without an interrupt.
    pub poll_interval: Duration,
    /// The interval of the co-processor's heartbeat, in whole seconds, at least one. After three missing heartbeats the
    /// co-processor is started again. `None` turns the heartbeat off.
    pub heartbeat: Option<Duration>,
    /// The longest time until the answer to a request.
    pub rpc_timeout: Duration,
    /// The longest time in which the access point must accept the connection.
    pub connect_timeout: Duration,
    /// The pause before the second attempt to connect. Each further pause is twice as long.
    pub backoff_min: Duration,
    /// The longest pause between two attempts to connect.
    pub backoff_max: Duration,
    /// The fill level in percent at which the co-processor's queue makes it ask for a pause.
    pub throttle_high: u8,
    /// The fill level in percent at which the co-processor ends the pause.
    pub throttle_low: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            alignment: 64,
            receive_frames: 24,
            transmit_frames: 32,
            transfer_bytes: 16 * 1024,
            aggregate_bytes: 31 * 512,
            message_bytes: 8192,
            scan_results: 16,
            events: 8,
            poll_interval: Duration::from_millis(500),
            heartbeat: Some(Duration::from_secs(10)),
            rpc_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(20),
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
            throttle_high: 80,
            throttle_low: 60,
        }
    }
}
