use core::time::Duration;

/// How much the driver may take, and how patient it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// What buffers start at a multiple of, in bytes: a cache line, for DMA. A power of two.
    pub alignment: usize,
    /// Ethernet frames that wait for the network stack; more are dropped and counted.
    pub receive_frames: usize,
    /// Ethernet frames that wait for the co-processor; the network stack is held back when there are as many.
    pub transmit_frames: usize,
    /// Bytes that are read from the co-processor at a time, over SDIO: a multiple of 512, at least 2048.
    pub transfer_bytes: usize,
    /// Bytes that frames to the co-processor are packed into, over SDIO, where its firmware takes several in one
    /// transfer (3.x): a multiple of 512. With less than 1536 each frame goes alone.
    pub aggregate_bytes: usize,
    /// Bytes of the longest message of the co-processor (a list of access points); at most 8192 make sense.
    pub message_bytes: usize,
    /// Access points that a scan remembers.
    pub scan_results: usize,
    /// Events that wait for the application; the oldest is dropped when there are more.
    pub events: usize,
    /// How long the driver goes without looking at the bus when there is no interrupt.
    pub poll_interval: Duration,
    /// How often the co-processor has to say that it lives, in whole seconds from one on; three times silence is death.
    /// `None`: never.
    pub heartbeat: Option<Duration>,
    /// How long an answer may take.
    pub rpc_timeout: Duration,
    /// How long the access point may take to let us in.
    pub connect_timeout: Duration,
    /// What is waited before the second attempt to connect; each further one waits twice as long.
    pub backoff_min: Duration,
    /// What is waited at most.
    pub backoff_max: Duration,
    /// How full, in percent, the co-processor's queue may become until it asks for a pause.
    pub throttle_high: u8,
    /// How empty it has to become again.
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
