//! Codecs, as they are negotiated.

use core::fmt;

use barertc_wire::text;

use crate::attr::parameter;
use crate::h264::ProfileLevelId;
use crate::media::Payload;

/// A codec with its negotiated parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Codec {
    /// H.264 (RFC 6184).
    H264(H264),
    /// H.265 (RFC 7798) in single RTP stream transmission (SRST).
    H265 {
        /// `profile-id`: 1 is Main.
        profile_id: u8,
        /// `tier-flag`: 0 is the main tier.
        tier: u8,
        /// `level-id`: 30 times the level, so 93 is level 3.1.
        level_id: u8,
    },
    /// VP8 (RFC 7741).
    Vp8,
    /// VP9 (RFC 9628).
    Vp9 {
        /// `profile-id`: 0 has 8 bits a sample and 4:2:0.
        profile_id: u8,
    },
    /// AV1 (RTP payload format of the Alliance for Open Media, §7.2).
    Av1 {
        /// `profile`: 0 is Main.
        profile: u8,
        /// `level-idx`: 5 is level 3.1.
        level_idx: u8,
        /// `tier`: 0 is the main tier.
        tier: u8,
    },
    /// Opus (RFC 7587). Its `rtpmap` is always 48 kHz with two channels.
    Opus {
        /// This side sends stereo (`sprop-stereo`) and prefers to receive it (`stereo`).
        stereo: bool,
        /// This side can use in-band forward error correction (`useinbandfec`).
        fec: bool,
    },
    /// G.711 µ-law at 8 kHz.
    Pcmu,
    /// G.711 A-law at 8 kHz.
    Pcma,
    /// G.722. It samples at 16 kHz, but its RTP clock rate is 8 kHz (RFC 3551 §4.5.2).
    G722,
}

/// The format parameters of H.264 (RFC 6184 §8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct H264 {
    /// The profile, and the highest level that this side decodes.
    pub profile_level_id: ProfileLevelId,
    /// The packetization mode (RFC 6184 §6). In mode 0 a packet has one NAL unit. In mode 1 packets may also aggregate
    /// and fragment NAL units.
    pub packetization_mode: u8,
    /// Whether each side may have its own level.
    pub level_asymmetry_allowed: bool,
}

impl H264 {
    /// Constrained Baseline, level 3.1 (42e01f), packetization mode 1. Every browser decodes it.
    pub const CONSTRAINED_BASELINE: Self = Self {
        profile_level_id: ProfileLevelId::CONSTRAINED_BASELINE_3_1,
        packetization_mode: 1,
        level_asymmetry_allowed: true,
    };

    fn parse(fmtp: &str) -> Option<Self> {
        let number = |name| parameter(fmtp, name).map_or(Some(0), text::number::<u8>);
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
    /// The codec of a remote payload type. `None` when this crate does not know it, or a parameter is malformed.
    #[must_use]
    pub fn parse(payload: &Payload<'_>) -> Option<Self> {
        let (map, fmtp) = (&payload.map, payload.fmtp);
        let is = |name: &str, rate, channels| {
            map.encoding.eq_ignore_ascii_case(name) && map.clock_rate == rate && map.channels == channels
        };
        let number = |name, unsaid| parameter(fmtp, name).map_or(Some(unsaid), text::number);
        let flag = |name| parameter(fmtp, name) == Some("1");
        Some(if is("H264", 90_000, 1) {
            Self::H264(H264::parse(fmtp)?)
        } else if is("H265", 90_000, 1) {
            // The defaults are Main profile, main tier, level 3.1 (RFC 7798 §7.1). This crate supports SRST only.
            parameter(fmtp, "tx-mode").is_none_or(|m| m == "SRST").then_some(())?;
            Self::H265 {
                profile_id: number("profile-id", 1)?,
                tier: number("tier-flag", 0)?,
                level_id: number("level-id", 93)?,
            }
        } else if is("VP8", 90_000, 1) {
            Self::Vp8
        } else if is("VP9", 90_000, 1) {
            // The default is profile 0 (RFC 9628 §6.1).
            Self::Vp9 { profile_id: number("profile-id", 0)? }
        } else if is("AV1", 90_000, 1) {
            Self::Av1 { profile: number("profile", 0)?, level_idx: number("level-idx", 5)?, tier: number("tier", 0)? }
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

    /// Whether both are the same codec in the same configuration.
    ///
    /// For H.264, profile and packetization mode must be equal (RFC 6184 §8.2.2). For H.265, profile and tier must be
    /// equal, and the same for AV1; for VP9, the profile. Levels may differ, and so may the parameters of Opus.
    #[must_use]
    pub fn matches(&self, remote: &Self) -> bool {
        match (self, remote) {
            (Self::H264(a), Self::H264(b)) => {
                let (ours, theirs) = (a.profile_level_id.profile(), b.profile_level_id.profile());
                ours.is_some() && ours == theirs && a.packetization_mode == b.packetization_mode
            }
            (Self::H265 { profile_id: a, tier: s, .. }, Self::H265 { profile_id: b, tier: t, .. }) => a == b && s == t,
            (Self::Av1 { profile: a, tier: s, .. }, Self::Av1 { profile: b, tier: t, .. }) => a == b && s == t,
            (Self::Opus { .. }, Self::Opus { .. }) => true,
            (a, b) => a == b,
        }
    }

    /// Whether a decoder for `remote` also decodes a stream of this codec.
    ///
    /// The H.264 profiles may differ: for example, a decoder for Baseline, Main or High decodes Constrained Baseline.
    /// Negotiation uses this for tracks that only send.
    #[must_use]
    pub fn can_be_sent_as(&self, remote: &Self) -> bool {
        match (self, remote) {
            (Self::H264(a), Self::H264(b)) => {
                a.packetization_mode == b.packetization_mode && a.profile_level_id.is_within(b.profile_level_id)
            }
            (a, b) => a.matches(b),
        }
    }

    /// Whether a receiver of this codec can receive what `remote` sends.
    ///
    /// A receiver of H.264 in packetization mode 1 also reads mode 0, the default. A sender needs mode 1, because a frame
    /// can be larger than a packet. Negotiation uses this for tracks that receive, and then makes them receive only.
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

    /// The parameters to put into the answer to the offered codec `remote`.
    ///
    /// For H.264, the level is that of this codec when both sides allow level asymmetry. Otherwise it is the lower of the
    /// two levels (RFC 6184 §8.2.2).
    #[must_use]
    pub fn answered(&self, remote: &Self) -> Self {
        match (self, remote) {
            (Self::H264(ours), Self::H264(theirs)) => {
                let asymmetry = ours.level_asymmetry_allowed && theirs.level_asymmetry_allowed;
                let (our_id, their_id) = (ours.profile_level_id, theirs.profile_level_id);
                let profile_level_id = match our_id.profile() == their_id.profile() {
                    true if asymmetry => our_id,
                    true => our_id.at_most(their_id),
                    // The offer names another profile, and the answer must repeat it.
                    false => their_id,
                };
                // Offer and answer must have the same packetization mode (RFC 6184 §8.2.2).
                let packetization_mode = theirs.packetization_mode;
                Self::H264(H264 { profile_level_id, level_asymmetry_allowed: asymmetry, packetization_mode })
            }
            (ours, _) => *ours,
        }
    }

    /// The clock rate of the RTP timestamps, in hertz.
    #[must_use]
    pub const fn clock_rate(&self) -> u32 {
        match self {
            Self::H264(_) | Self::H265 { .. } | Self::Vp8 | Self::Vp9 { .. } | Self::Av1 { .. } => 90_000,
            Self::Opus { .. } => 48_000,
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
        }
    }

    /// Whether the codec is for video. Otherwise it is for audio.
    #[must_use]
    pub const fn is_video(&self) -> bool {
        matches!(self, Self::H264(_) | Self::H265 { .. } | Self::Vp8 | Self::Vp9 { .. } | Self::Av1 { .. })
    }

    /// The value of `a=rtpmap` without the payload type, such as `H264/90000`.
    #[must_use]
    pub const fn rtpmap(&self) -> &'static str {
        match self {
            Self::H264(_) => "H264/90000",
            Self::H265 { .. } => "H265/90000",
            Self::Vp8 => "VP8/90000",
            Self::Vp9 { .. } => "VP9/90000",
            Self::Av1 { .. } => "AV1/90000",
            Self::Opus { .. } => "opus/48000/2",
            Self::Pcmu => "PCMU/8000",
            Self::Pcma => "PCMA/8000",
            Self::G722 => "G722/8000",
        }
    }

    /// The value of `a=fmtp` without the payload type, written by `Display`. `None` for a codec without parameters.
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
            Codec::Vp9 { profile_id } => write!(f, "profile-id={profile_id}"),
            Codec::Av1 { profile, level_idx, tier } => write!(f, "level-idx={level_idx};profile={profile};tier={tier}"),
            Codec::Opus { stereo, fec } => {
                f.write_str("minptime=10")?;
                f.write_str(if *fec { ";useinbandfec=1" } else { "" })?;
                f.write_str(if *stereo { ";stereo=1;sprop-stereo=1" } else { "" })
            }
            _ => Ok(()),
        }
    }
}
