//! RTP header extensions and their identifiers.

use core::fmt;

/// An RTP header extension that barertc knows (RFC 8285).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Extension {
    /// Media identification: the m-line that a packet belongs to (RFC 9143 §15).
    Mid,
    /// `RtpStreamId`: the simulcast layer that a packet belongs to (RFC 8852 §3.1).
    Rid,
    /// `RepairedRtpStreamId`: the simulcast layer that a retransmission repairs (RFC 8852 §3.2).
    RepairedRid,
    /// Absolute send time: 24 bits, in seconds as a fixed-point number with 6 integer and 18 fraction bits.
    AbsSendTime,
    /// Transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    TransportSequence,
    /// Audio level of the client (RFC 6464).
    AudioLevel,
    /// Coordination of video orientation (3GPP TS 26.114 §7.4.5).
    VideoOrientation,
    /// Limits of the playout delay, in units of 10 ms.
    PlayoutDelay,
    /// Absolute capture time: 64-bit NTP time stamp.
    AbsCaptureTime,
    /// Transmission time offset (RFC 5450).
    TransmissionOffset,
}

const COUNT: usize = Extension::ALL.len();

impl Extension {
    /// Every extension.
    pub const ALL: [Self; 10] = [
        Self::Mid,
        Self::Rid,
        Self::RepairedRid,
        Self::AbsSendTime,
        Self::TransportSequence,
        Self::AudioLevel,
        Self::VideoOrientation,
        Self::PlayoutDelay,
        Self::AbsCaptureTime,
        Self::TransmissionOffset,
    ];

    /// The URI in `a=extmap`.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::TransportSequence => "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::VideoOrientation => "urn:3gpp:video-orientation",
            Self::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            Self::AbsCaptureTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
            Self::TransmissionOffset => "urn:ietf:params:rtp-hdrext:toffset",
        }
    }

    /// The extension that `uri` names.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.uri() == uri)
    }
}

/// The reason why a header extension cannot have an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ExtensionIdError {
    /// The identifier is 0, which is for padding, or 15, which is reserved (RFC 8285 §4.2).
    Reserved {
        /// The identifier.
        id: u8,
    },
    /// Another extension has the identifier.
    Taken {
        /// The identifier.
        id: u8,
        /// The extension that has it.
        by: Extension,
    },
}

impl fmt::Display for ExtensionIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reserved { id } => write!(f, "header extension identifier {id} is reserved"),
            Self::Taken { id, by } => write!(f, "header extension identifier {id} belongs to {}", by.uri()),
        }
    }
}

impl core::error::Error for ExtensionIdError {}

/// The identifier of each header extension in use (RFC 8285 §5).
///
/// No two extensions have the same identifier. The reserved identifiers 0 and 15 are never in the map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtensionMap {
    /// The identifiers in the order of [`Extension::ALL`]; 0 for an extension that is not in use.
    ids: [u8; COUNT],
}

impl ExtensionMap {
    /// A map with no extension in use.
    #[must_use]
    pub const fn new() -> Self {
        Self { ids: [0; COUNT] }
    }

    /// Whether no extension is in use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids == [0; COUNT]
    }

    /// Gives `extension` the identifier `id`, which replaces its earlier one.
    ///
    /// # Errors
    /// [`ExtensionIdError`] when `id` is reserved or belongs to another extension. The map is then unchanged.
    pub fn set(&mut self, extension: Extension, id: u8) -> Result<(), ExtensionIdError> {
        if id == 0 || id == 15 {
            return Err(ExtensionIdError::Reserved { id });
        }
        if let Some(by) = self.extension(id).filter(|e| *e != extension) {
            return Err(ExtensionIdError::Taken { id, by });
        }
        if let Some(place) = self.ids.get_mut(extension as usize) {
            *place = id;
        }
        Ok(())
    }

    /// Returns this map with the identifier `id` for `extension`, so that calls can be chained.
    ///
    /// The map is unchanged when `id` is reserved or taken, or when `extension` already has an identifier.
    #[must_use]
    pub fn with(mut self, extension: Extension, id: u8) -> Self {
        if self.id(extension).is_none() {
            let _ = self.set(extension, id);
        }
        self
    }

    /// Takes `extension` out of use.
    pub fn clear(&mut self, extension: Extension) {
        if let Some(place) = self.ids.get_mut(extension as usize) {
            *place = 0;
        }
    }

    /// The identifier of `extension`. `None` when it is not in use.
    #[must_use]
    pub fn id(&self, extension: Extension) -> Option<u8> {
        self.ids.get(extension as usize).copied().filter(|id| *id != 0)
    }

    /// The extension with the identifier `id`.
    #[must_use]
    pub fn extension(&self, id: u8) -> Option<Extension> {
        self.iter().find(|(_, i)| *i == id).map(|(e, _)| e)
    }

    /// The extensions in use, with their identifiers.
    pub fn iter(&self) -> impl Iterator<Item = (Extension, u8)> + '_ {
        Extension::ALL.into_iter().zip(self.ids).filter(|(_, id)| *id != 0)
    }

    /// The extensions that both maps have, with the identifiers of this one.
    ///
    /// An answerer uses it on the offer's map: the offerer chooses the identifiers (RFC 8285 §6).
    #[must_use]
    pub fn accepted_by(&self, local: &Self) -> Self {
        self.iter().filter(|(e, _)| local.id(*e).is_some()).fold(Self::new(), |all, (e, id)| all.with(e, id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_identifiers_are_refused() {
        let mut map = ExtensionMap::new();
        for id in [0, 15] {
            assert_eq!(map.set(Extension::Mid, id), Err(ExtensionIdError::Reserved { id }));
            assert_eq!(map.with(Extension::Mid, id), ExtensionMap::new());
        }
        for id in (1..=255).filter(|id| *id != 15) {
            map.set(Extension::Mid, id).unwrap();
            assert_eq!((map.id(Extension::Mid), map.extension(id)), (Some(id), Some(Extension::Mid)));
        }
    }

    #[test]
    fn an_identifier_belongs_to_one_extension() {
        let mut map = ExtensionMap::new().with(Extension::Mid, 4);
        let taken = ExtensionIdError::Taken { id: 4, by: Extension::Mid };
        assert_eq!(map.set(Extension::AbsSendTime, 4), Err(taken));
        assert_eq!(map.id(Extension::AbsSendTime), None);
        map.set(Extension::Mid, 5).unwrap();
        map.set(Extension::AbsSendTime, 4).unwrap();
        assert!(map.iter().eq([(Extension::Mid, 5), (Extension::AbsSendTime, 4)]));
        map.clear(Extension::Mid);
        map.clear(Extension::AbsSendTime);
        assert!(map.is_empty());
    }

    #[test]
    fn a_chain_keeps_the_first_identifier() {
        let map = ExtensionMap::new().with(Extension::Mid, 4).with(Extension::Rid, 4).with(Extension::Mid, 5);
        assert!(map.iter().eq([(Extension::Mid, 4)]));
    }

    #[test]
    fn the_offerer_chooses_identifiers() {
        let theirs = ExtensionMap::new().with(Extension::Mid, 9).with(Extension::AudioLevel, 1);
        let ours = ExtensionMap::new().with(Extension::Mid, 1).with(Extension::Rid, 2);
        assert_eq!(theirs.accepted_by(&ours), ExtensionMap::new().with(Extension::Mid, 9));
    }

    #[test]
    fn the_place_in_the_table_is_the_discriminant() {
        for (i, e) in Extension::ALL.into_iter().enumerate() {
            assert_eq!(i, e as usize);
            assert_eq!(Extension::from_uri(e.uri()), Some(e));
        }
        assert_eq!(Extension::from_uri("urn:unknown"), None);
    }
}
