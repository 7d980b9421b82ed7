/// An RTP header extension that can be negotiated (RFC 8285).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Extension {
    /// The m-line a packet belongs to (RFC 9143 §15).
    Mid,
    /// The simulcast layer a packet belongs to (RFC 8852).
    StreamId,
    /// The simulcast layer a retransmission belongs to (RFC 8852).
    RepairedStreamId,
    /// Transport-wide sequence number.
    TransportSequence,
    /// 24-bit departure time.
    AbsSendTime,
    /// When the media was captured, 64-bit NTP time.
    AbsCaptureTime,
    /// Transmission time offset (RFC 5450).
    TimeOffset,
    /// Loudness of an audio packet (RFC 6464).
    AudioLevel,
    /// Rotation (3GPP TS 26.114).
    VideoOrientation,
    /// Wanted bounds of the jitter buffer.
    PlayoutDelay,
}

impl Extension {
    /// Every extension.
    pub const ALL: &'static [Self] = &[
        Self::Mid,
        Self::StreamId,
        Self::RepairedStreamId,
        Self::TransportSequence,
        Self::AbsSendTime,
        Self::AbsCaptureTime,
        Self::TimeOffset,
        Self::AudioLevel,
        Self::VideoOrientation,
        Self::PlayoutDelay,
    ];

    /// The URI that names it.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::StreamId => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedStreamId => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::TransportSequence => "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::AbsCaptureTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
            Self::TimeOffset => "urn:ietf:params:rtp-hdrext:toffset",
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::VideoOrientation => "urn:3gpp:video-orientation",
            Self::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
        }
    }

    /// The extension that `uri` names.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|e| e.uri() == uri)
    }
}

/// The identifiers of the extensions in use on an m-line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Extensions {
    /// By place in [`Extension::ALL`]; 0, which RFC 8285 §4.2 reserves for padding, means not in use.
    ids: [u8; Extension::ALL.len()],
}

impl Extensions {
    /// None.
    pub const NONE: Self = Self { ids: [0; Extension::ALL.len()] };

    /// The identifier of `extension`, when it is in use.
    #[must_use]
    pub fn id(&self, extension: Extension) -> Option<u8> {
        self.ids.get(extension as usize).copied().filter(|id| *id != 0)
    }

    /// The extension with that identifier.
    #[must_use]
    pub fn get(&self, id: u8) -> Option<Extension> {
        self.iter().find(|(_, i)| *i == id).map(|(e, _)| e)
    }

    /// These with `extension` under `id`, for constants and chains. Identifiers 0 and 15 are reserved (RFC 8285
    /// §4.2) and one that another extension has is not given twice: both leave everything as it was.
    #[must_use]
    pub fn with(mut self, extension: Extension, id: u8) -> Self {
        let free = id != 0 && id != 15 && self.get(id).is_none();
        if let Some(place) = self.ids.get_mut(extension as usize).filter(|place| free && **place == 0) {
            *place = id;
        }
        self
    }

    /// Those in use with their identifiers.
    pub fn iter(&self) -> impl Iterator<Item = (Extension, u8)> + '_ {
        Extension::ALL.iter().copied().zip(self.ids).filter(|(_, id)| *id != 0)
    }

    /// Those of these that `local` knows as well, under the numbers of these (RFC 8285 §6: the offerer chooses).
    #[must_use]
    pub fn accepted_by(&self, local: &Self) -> Self {
        self.iter().filter(|(e, _)| local.id(*e).is_some()).fold(Self::NONE, |all, (e, id)| all.with(e, id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_and_repeated_identifiers_are_left_out() {
        let e = Extensions::NONE.with(Extension::Mid, 15).with(Extension::AbsSendTime, 0);
        assert_eq!(e, Extensions::NONE);
        let e = Extensions::NONE.with(Extension::Mid, 4).with(Extension::AbsSendTime, 4).with(Extension::Mid, 5);
        assert_eq!(e.id(Extension::Mid), Some(4));
        assert_eq!(e.id(Extension::AbsSendTime), None);
    }

    #[test]
    fn the_place_in_the_table_is_the_discriminant() {
        for (i, e) in Extension::ALL.iter().enumerate() {
            assert_eq!(i, *e as usize);
            assert_eq!(Extension::from_uri(e.uri()), Some(*e));
        }
    }
}
