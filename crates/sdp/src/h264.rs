//! The `profile-level-id` of H.264 (RFC 6184 §8.1).

use core::fmt;

/// The parameter `profile-level-id` of H.264: profile_idc, constraint flags and level_idc (RFC 6184 §8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ProfileLevelId {
    /// `profile_idc`.
    pub profile_idc: u8,
    /// The constraint flags; `constraint_set0_flag` is the most significant bit.
    pub constraints: u8,
    /// `level_idc`: ten times the level, except for level 1b.
    pub level_idc: u8,
}

/// A profile of H.264. profile_idc and the constraint flags together give the profile (RFC 6184 §8.1, table 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Profile {
    /// Constrained Baseline. Every decoder of a browser decodes it.
    ConstrainedBaseline,
    /// Baseline. It adds flexible macroblock ordering and redundant slices to Constrained Baseline.
    Baseline,
    /// Main.
    Main,
    /// Extended.
    Extended,
    /// Constrained High: High without interlacing and B slices.
    ConstrainedHigh,
    /// High.
    High,
    /// High 4:4:4 Predictive.
    High444,
}

/// Each profile's profile_idc, the mask of the constraint flags that matter, and the value of these flags.
const PROFILES: &[(u8, u8, u8, Profile)] = &[
    (0x42, 0x4f, 0x40, Profile::ConstrainedBaseline),
    (0x4d, 0x8f, 0x80, Profile::ConstrainedBaseline),
    (0x58, 0xcf, 0xc0, Profile::ConstrainedBaseline),
    (0x42, 0x4f, 0x00, Profile::Baseline),
    (0x58, 0xcf, 0x80, Profile::Baseline),
    (0x4d, 0xaf, 0x00, Profile::Main),
    (0x58, 0xcf, 0x00, Profile::Extended),
    (0x64, 0xff, 0x00, Profile::High),
    (0x64, 0xff, 0x0c, Profile::ConstrainedHigh),
    (0xf4, 0xff, 0x00, Profile::High444),
];

/// A level of H.264. A decoder of a level decodes all lower levels. Level 1b lies between 1 and 1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Level(u8);

impl ProfileLevelId {
    /// Constrained Baseline, level 3.1 (42e01f), which allows 1280x720 at 30 frames a second.
    pub const CONSTRAINED_BASELINE_3_1: Self = Self { profile_idc: 0x42, constraints: 0xe0, level_idc: 0x1f };

    /// The default for a missing `profile-level-id`: Constrained Baseline, level 3.1, as in libwebrtc.
    ///
    /// RFC 6184 §8.1 has Baseline, level 1, as its default. This crate differs, because peers that omit the parameter
    /// (Janus, cameras) send Constrained Baseline.
    pub const UNSAID: Self = Self::CONSTRAINED_BASELINE_3_1;

    /// Reads the six hexadecimal digits of the parameter. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = (text.len() == 6 && text.bytes().all(|b| b.is_ascii_hexdigit())).then_some(text)?;
        let [_, profile_idc, constraints, level_idc] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
        Some(Self { profile_idc, constraints, level_idc })
    }

    /// The profile. `None` when RFC 6184 §8.1, table 5, does not list it.
    #[must_use]
    pub fn profile(self) -> Option<Profile> {
        PROFILES
            .iter()
            .find(|(idc, mask, value, _)| *idc == self.profile_idc && self.constraints & mask == *value)
            .map(|(.., profile)| *profile)
    }

    /// The level.
    ///
    /// In Baseline, Main and Extended, level 1b is level_idc 11 with constraint_set3_flag. In all other profiles it is
    /// level_idc 9.
    #[must_use]
    pub fn level(self) -> Level {
        let old = matches!(self.profile_idc, 0x42 | 0x4d | 0x58);
        let is_1b = if old { self.level_idc == 11 && self.constraints & 0x10 != 0 } else { self.level_idc == 9 };
        // Doubled, so that 1b has a place between 1 and 1.1.
        Level(if is_1b { 21 } else { self.level_idc.saturating_mul(2) })
    }

    /// Whether a decoder of the profile of `other` decodes every stream of this profile.
    #[must_use]
    pub fn is_within(self, other: Self) -> bool {
        use Profile::{Baseline, ConstrainedBaseline, ConstrainedHigh, Extended, High, Main};
        match (self.profile(), other.profile()) {
            (Some(a), Some(b)) if a == b => true,
            (Some(ConstrainedBaseline), Some(Baseline | Main | Extended | ConstrainedHigh | High)) => true,
            (Some(Baseline), Some(Extended)) | (Some(Main | ConstrainedHigh), Some(High)) => true,
            _ => false,
        }
    }

    /// The profile of `self` with the lower level of `self` and `other`.
    #[must_use]
    pub fn at_most(self, other: Self) -> Self {
        if other.level() < self.level() {
            // Level 1b is a constraint flag in the older profiles, so the flag travels with the level.
            let flag = if matches!(self.profile_idc, 0x42 | 0x4d | 0x58) { other.constraints & 0x10 } else { 0 };
            Self { level_idc: other.level_idc, constraints: self.constraints & !0x10 | flag, ..self }
        } else {
            self
        }
    }
}

impl fmt::Display for ProfileLevelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}{:02x}", self.profile_idc, self.constraints, self.level_idc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ProfileLevelId {
        ProfileLevelId::parse(text).unwrap()
    }

    #[test]
    fn profiles_of_table_5() {
        for (text, profile) in [
            ("42e01f", Some(Profile::ConstrainedBaseline)),
            ("42c01f", Some(Profile::ConstrainedBaseline)),
            ("4d801f", Some(Profile::ConstrainedBaseline)),
            ("58c01f", Some(Profile::ConstrainedBaseline)),
            ("42001f", Some(Profile::Baseline)),
            ("42a01f", Some(Profile::Baseline)),
            ("58801f", Some(Profile::Baseline)),
            ("4d001f", Some(Profile::Main)),
            ("4d401f", Some(Profile::Main)),
            ("58001f", Some(Profile::Extended)),
            ("640c1f", Some(Profile::ConstrainedHigh)),
            ("64001f", Some(Profile::High)),
            ("f4001f", Some(Profile::High444)),
            ("42e11f", None),
            ("13001f", None),
        ] {
            assert_eq!(id(text).profile(), profile, "{text}");
        }
    }

    #[test]
    fn level_1b_lies_between_1_and_1_1() {
        let (l1, l1b, l11) = (id("42e00a").level(), id("42f00b").level(), id("42e00b").level());
        assert!(l1 < l1b && l1b < l11);
        assert_eq!(id("640009").level(), l1b);
        assert_eq!(id("42e01f").at_most(id("42f00b")), id("42f00b"));
        assert_eq!(id("42f00b").at_most(id("42e00a")), id("42e00a"));
        assert_eq!(id("42e01f").at_most(id("42e028")), id("42e01f"));
    }

    #[test]
    fn only_six_hexadecimal_digits_are_read() {
        for bad in ["", "42e01", "42e01f0", "+2e01f", "42e01g", "42é1f"] {
            assert_eq!(ProfileLevelId::parse(bad), None, "{bad}");
        }
        assert_eq!(std::format!("{}", id("42E01F")), "42e01f");
    }
}
