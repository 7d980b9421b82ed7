//! What the two sides negotiate about a stream.

use barertc_rtp::{ExtensionMap, PayloadFormat};

use crate::config::{Mid, RepairConfig, Rid, RtxConfig, SendConfig};

/// The part of a [`SendConfig`] that the two sides negotiate. A later description can change it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SendTerms {
    /// As [`SendConfig::payload_type`].
    pub payload_type: u8,
    /// As [`SendConfig::format`].
    pub format: PayloadFormat,
    /// As [`SendConfig::rtx`]. The stream keeps its sequence numbers where it has a retransmission stream already.
    pub rtx: Option<RtxConfig>,
    /// As [`SendConfig::repair`]. The stream keeps its sequence numbers where it has a repair stream already.
    pub repair: Option<RepairConfig>,
    /// As [`SendConfig::red`].
    pub red: Option<u8>,
    /// As [`SendConfig::extensions`].
    pub extensions: ExtensionMap,
    /// As [`SendConfig::mid`].
    pub mid: Mid,
    /// As [`SendConfig::rid`].
    pub rid: Rid,
}

impl SendTerms {
    /// The terms of this configuration.
    #[must_use]
    pub fn of(config: &SendConfig) -> Self {
        Self {
            payload_type: config.payload_type,
            format: config.format,
            rtx: config.rtx,
            repair: config.repair,
            red: config.red,
            extensions: config.extensions,
            mid: config.mid.clone(),
            rid: config.rid.clone(),
        }
    }

    /// The configuration of a stream with these terms and the bounds of `config`.
    #[must_use]
    pub fn apply(&self, config: SendConfig) -> SendConfig {
        SendConfig {
            payload_type: self.payload_type,
            format: self.format,
            rtx: self.rtx,
            repair: self.repair,
            red: self.red,
            extensions: self.extensions,
            mid: self.mid.clone(),
            rid: self.rid.clone(),
            ..config
        }
    }

    /// Whether packets of `config` look the same by these terms.
    pub(crate) fn hold_for(&self, config: &SendConfig) -> bool {
        let rtx = |rtx: Option<RtxConfig>| rtx.map(|rtx| (rtx.ssrc, rtx.payload_type));
        let repair = |repair: Option<RepairConfig>| repair.map(|repair| (repair.ssrc, repair.payload_type));
        (self.payload_type, self.format, self.red) == (config.payload_type, config.format, config.red)
            && rtx(self.rtx) == rtx(config.rtx)
            && repair(self.repair) == repair(config.repair)
            && self.extensions == config.extensions
            && self.mid == config.mid
            && self.rid == config.rid
    }
}
