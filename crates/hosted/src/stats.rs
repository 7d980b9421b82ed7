//! Statistics of the driver.

use core::fmt;

barertc_wire::reasons! {
    /// The reason why a packet, a frame, a message or an event was dropped.
    pub enum Discard: Discards {
        /// The packet is shorter than its header, or than its header says.
        Truncated,
        /// The header is malformed: its payload starts at a wrong position, or is longer than a buffer.
        BadHeader,
        /// The checksum is wrong.
        BadChecksum,
        /// The packet is for an interface that this driver does not support.
        Interface,
        /// The receive queue has no free buffer for the frame.
        NoBuffer,
        /// The network stack sent a frame without a connection.
        NoLink,
        /// The network stack sent a frame that is longer than the co-processor accepts.
        TooLong,
        /// A malformed header made the rest of its transfer unreadable.
        OutOfStep,
        /// The private packet is not an event, or is truncated.
        Event,
        /// The RPC message is longer than [`Config::message_bytes`](crate::Config::message_bytes).
        MessageTooLong,
        /// The RPC message is malformed.
        Message,
        /// The RPC response has the number of no pending request, because it is late or was not asked for.
        Uid,
        /// The RPC response has the number of the pending request, but another type.
        Answer,
        /// The queue of events was full, and the oldest event was dropped.
        EventLost,
    }
}

/// The statistics since the driver was made.
// More than fifteen fields: each counts one thing.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Statistics {
    /// Ethernet frames given to the network stack's queue.
    pub frames_received: u32,
    /// Ethernet frames handed to the co-processor.
    pub frames_sent: u32,
    /// Bytes of the frames received.
    pub bytes_received: u64,
    /// Bytes of the frames sent.
    pub bytes_sent: u64,
    /// Bytes of frames that the driver has copied in memory. It copies each received frame once. It copies a frame
    /// that it sends only where several are packed into one transfer.
    pub bytes_copied: u64,
    /// Transfers of packets from the co-processor; one may hold several.
    pub transfers_received: u32,
    /// The longest of them, in bytes.
    pub longest_transfer: u32,
    /// Transfers with frames to the co-processor; one may hold several.
    pub transfers_sent: u32,
    /// How often the co-processor had no buffer left, and was waited for.
    pub credit_waits: u32,
    /// How often the co-processor asked for a pause.
    pub throttles: u32,
    /// How often a pause was ended because nobody ended it.
    pub throttles_expired: u32,
    /// Most frames that waited for the co-processor.
    pub transmit_peak: u32,
    /// How often the network stack was held back.
    pub held_back: u32,
    /// Transfers that failed.
    pub bus_errors: u32,
    /// Answers that did not come in time.
    pub timeouts: u32,
    /// How often the co-processor was started again.
    pub restarts: u32,
    /// What was dropped, by reason.
    pub discards: Discards,
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "frames in {} out {}, bytes in {} out {} copied {}, credit waits {}, throttles {}, held back {}, \
             bus errors {}, timeouts {}, restarts {}, discards {}",
            self.frames_received,
            self.frames_sent,
            self.bytes_received,
            self.bytes_sent,
            self.bytes_copied,
            self.credit_waits,
            self.throttles,
            self.held_back,
            self.bus_errors,
            self.timeouts,
            self.restarts,
            self.discards.total()
        )
    }
}

/// One more, at most `u32::MAX`.
pub(crate) fn count(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}
