use core::fmt;

use crate::attr::parameter;
use crate::h264::ProfileLevelId;
use crate::media::Payload;

/// A codec with the parameters that are negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Codec {
    /// H.264 (RFC 6184).
    H264(H264),
    /// H.265 (RFC 7798), single stream transmission.
    H265 {
        /// `profile-id`: 1 is Main.
        profile_id: u8,
        /// `tier-flag`: 0 is the main tier.
        tier: u8,
        /// `level-id`: 30 times the level.
        level_id: u8,
    },
    /// VP8 (RFC 7741).
    Vp8,
    /// Opus (RFC 7587), always 48 kHz and two channels on the wire.
    Opus {
        /// Two channels are sent (`sprop-stereo`) and wanted (`stereo`).
        stereo: bool,
        /// In-band forward error correction is wanted (`useinbandfec`).
        fec: bool,
    },
    /// G.711 µ-law at 8 kHz.
    Pcmu,
    /// G.711 A-law at 8 kHz.
    Pcma,
    /// G.722; its RTP clock says 8 kHz (RFC 3551 §4.5.2).
    G722,
}

/// The parameters of H.264.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct H264 {
    /// The profile, and the highest level that its owner decodes.
    pub profile_level_id: ProfileLevelId,
    /// 0: each packet has one NAL unit. 1: NAL units are also aggregated and fragmented (RFC 6184 §6).
    pub packetization_mode: u8,
    /// Each side may have its own level (RFC 6184 §8.1).
    pub level_asymmetry_allowed: bool,
}

impl H264 {
    /// Constrained Baseline, level 3.1 (42e01f), packetization mode 1: every browser decodes it.
    pub const CONSTRAINED_BASELINE: Self = Self {
        profile_level_id: ProfileLevelId::CONSTRAINED_BASELINE_3_1,
        packetization_mode: 1,
        level_asymmetry_allowed: true,
    };

    fn parse(fmtp: &str) -> Option<Self> {
        let number = |name| parameter(fmtp, name).map_or(Some(0), |v| v.parse::<u8>().ok());
        Some(Self {
            profile_level_id: match parameter(fmtp, "profile-level-id") {
                Some(text) => ProfileLevelId::parse(text)?,
                None => ProfileLevelId::UNSAID,
            },
            packetization_mode: number("packetization-mode").filter(|m| *m <= 2)?,
            level_asymmetry_allowed: number("level-asymmetry-allowed")? == 1,
        })
    }
}

impl Codec {
    /// The codec of a payload type of the remote. `None` when this crate does not know it.
    #[must_use]
    pub fn parse(payload: &Payload<'_>) -> Option<Self> {
        let (map, fmtp) = (&payload.map, payload.fmtp);
        let is = |name: &str, rate, channels| {
            map.encoding.eq_ignore_ascii_case(name) && map.clock_rate == rate && map.channels == channels
        };
        let number = |name, unsaid| parameter(fmtp, name).map_or(Some(unsaid), |v| v.parse::<u8>().ok());
        let flag = |name| parameter(fmtp, name) == Some("1");
        Some(if is("H264", 90_000, 1) {
            Self::H264(H264::parse(fmtp)?)
        } else if is("H265", 90_000, 1) {
            // RFC 7798 §7.1: Main profile, main tier, level 3.1 when not said; only SRST can be received here.
            parameter(fmtp, "tx-mode").is_none_or(|m| m == "SRST").then_some(())?;
            Self::H265 {
                profile_id: number("profile-id", 1)?,
                tier: number("tier-flag", 0)?,
                level_id: number("level-id", 93)?,
            }
        } else if is("VP8", 90_000, 1) {
            Self::Vp8
        } else if is("opus", 48_000, 2) {
            Self::Opus { stereo: flag("stereo"), fec: flag("useinbandfec") }
        } else if is("PCMU", 8_000, 1) {
            Self::Pcmu
        } else if is("PCMA", 8_000, 1) {
            Self::Pcma
        } else if is("G722", 8_000, 1) {
            Self::G722
        } else {
            return None;
        })
    }

    /// Whether both are the same codec in the same configuration. The level may differ; profile and packetization mode
    /// must be equal (RFC 6184 §8.2.2).
    #[must_use]
    pub fn matches(&self, remote: &Self) -> bool {
        match (self, remote) {
            (Self::H264(a), Self::H264(b)) => {
                let (ours, theirs) = (a.profile_level_id.profile(), b.profile_level_id.profile());
                ours.is_some() && ours == theirs && a.packetization_mode == b.packetization_mode
            }
            (Self::H265 { profile_id: a, tier: s, .. }, Self::H265 { profile_id: b, tier: t, .. }) => a == b && s == t,
            (Self::Opus { .. }, Self::Opus { .. }) => true,
            (a, b) => a == b,
        }
    }

    /// Whether a decoder of `remote` decodes this codec, though its profile has another name.
    ///
    /// A decoder of Baseline, Main or High decodes Constrained Baseline. It helps a track that only sends.
    #[must_use]
    pub fn can_be_sent_as(&self, remote: &Self) -> bool {
        match (self, remote) {
            (Self::H264(a), Self::H264(b)) => {
                a.packetization_mode == b.packetization_mode && a.profile_level_id.is_within(b.profile_level_id)
            }
            (a, b) => a.matches(b),
        }
    }

    /// Whether we can receive what `remote` sends, though we would not send it this way.
    ///
    /// That is H.264 of our profile in packetization mode 0, the mode that a missing parameter means: who reads mode 1
    /// reads mode 0 as well. As a sender we need mode 1, for frames that are larger than a packet.
    #[must_use]
    pub fn can_be_received_as(&self, remote: &Self) -> bool {
        match (self, remote) {
            (Self::H264(a), Self::H264(b)) => {
                let same_mode = H264 { packetization_mode: a.packetization_mode, ..*b };
                b.packetization_mode == 0 && self.matches(&Self::H264(same_mode))
            }
            (a, b) => a.matches(b),
        }
    }

    /// The parameters that an answer says for the offered codec `remote`.
    ///
    /// The level is our own when both sides allow asymmetry, else the lower of the two (RFC 6184 §8.2.2).
    #[must_use]
    pub fn answered(&self, remote: &Self) -> Self {
        match (self, remote) {
            (Self::H264(ours), Self::H264(theirs)) => {
                let asymmetry = ours.level_asymmetry_allowed && theirs.level_asymmetry_allowed;
                let (our_id, their_id) = (ours.profile_level_id, theirs.profile_level_id);
                let profile_level_id = match our_id.profile() == their_id.profile() {
                    true if asymmetry => our_id,
                    true => our_id.at_most(their_id),
                    // Sent under another profile's name: that name is what the answer must repeat.
                    false => their_id,
                };
                // The mode is theirs: RFC 6184 §8.2.2 wants the same in offer and answer.
                let packetization_mode = theirs.packetization_mode;
                Self::H264(H264 { profile_level_id, level_asymmetry_allowed: asymmetry, packetization_mode })
            }
            (ours, _) => *ours,
        }
    }

    /// The clock rate of its RTP timestamps in hertz.
    #[must_use]
    pub const fn clock_rate(&self) -> u32 {
        match self {
            Self::H264(_) | Self::H265 { .. } | Self::Vp8 => 90_000,
            Self::Opus { .. } => 48_000,
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
        }
    }

    /// Whether it is video. Otherwise it is audio.
    #[must_use]
    pub const fn is_video(&self) -> bool {
        matches!(self, Self::H264(_) | Self::H265 { .. } | Self::Vp8)
    }

    /// The `rtpmap` value behind the payload type.
    #[must_use]
    pub const fn rtpmap(&self) -> &'static str {
        match self {
            Self::H264(_) => "H264/90000",
            Self::H265 { .. } => "H265/90000",
            Self::Vp8 => "VP8/90000",
            Self::Opus { .. } => "opus/48000/2",
            Self::Pcmu => "PCMU/8000",
            Self::Pcma => "PCMA/8000",
            Self::G722 => "G722/8000",
        }
    }

    /// The format parameters, for `Display`. `None` when there are none.
    #[must_use]
    pub fn fmtp(&self) -> Option<impl fmt::Display + use<'_>> {
        (!matches!(self, Self::Vp8 | Self::Pcmu | Self::Pcma | Self::G722)).then_some(Fmtp(self))
    }
}

struct Fmtp<'a>(&'a Codec);

impl fmt::Display for Fmtp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Codec::H264(h) => {
                if h.level_asymmetry_allowed {
                    f.write_str("level-asymmetry-allowed=1;")?;
                }
                write!(f, "packetization-mode={};profile-level-id={}", h.packetization_mode, h.profile_level_id)
            }
            Codec::H265 { profile_id, tier, level_id } => {
                write!(f, "level-id={level_id};profile-id={profile_id};tier-flag={tier};tx-mode=SRST")
            }
            Codec::Opus { stereo, fec } => {
                f.write_str("minptime=10")?;
                f.write_str(if *fec { ";useinbandfec=1" } else { "" })?;
                f.write_str(if *stereo { ";stereo=1;sprop-stereo=1" } else { "" })
            }
            _ => Ok(()),
        }
    }
}
