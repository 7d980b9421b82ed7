//! The error of a configuration that breaks a rule.

use core::fmt;

/// The error for an invalid configuration: the field, the rule that it breaks, and its value.
///
/// ```
/// use barertc_wire::{ConfigError, Rule};
///
/// fn check(mtu: u16) -> Result<(), ConfigError> {
///     ConfigError::check("mtu", mtu as u64, Rule::AtLeast(576))
/// }
/// assert_eq!(check(1200), Ok(()));
/// assert_eq!(check(500).unwrap_err().to_string(), "mtu must be at least 576, but is 500");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConfigError {
    /// The path of the field in the configuration, such as `mtu` or `sctp.max_channels`.
    pub field: &'static str,
    /// The rule that `value` breaks.
    pub rule: Rule,
    /// The value of the field. Durations are in milliseconds unless the field's name says otherwise.
    pub value: u64,
}

/// The rule for the value of a configuration field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Rule {
    /// The value is at least this number.
    AtLeast(u64),
    /// The value is at most this number.
    AtMost(u64),
    /// The value is this number.
    Exactly(u64),
    /// The value is a multiple of this number.
    MultipleOf(u64),
    /// The value is a power of two.
    PowerOfTwo,
}

impl Rule {
    /// Whether `value` keeps the rule.
    #[must_use]
    pub const fn holds(self, value: u64) -> bool {
        match self {
            Self::AtLeast(limit) => value >= limit,
            Self::AtMost(limit) => value <= limit,
            Self::Exactly(one) => value == one,
            Self::MultipleOf(unit) => match value.checked_rem(unit) {
                Some(rest) => rest == 0,
                None => value == 0,
            },
            Self::PowerOfTwo => value.is_power_of_two(),
        }
    }
}

impl ConfigError {
    /// Checks one field.
    ///
    /// # Errors
    /// [`ConfigError`] when `value` breaks `rule`.
    pub const fn check(field: &'static str, value: u64, rule: Rule) -> Result<(), Self> {
        if rule.holds(value) { Ok(()) } else { Err(Self { field, rule, value }) }
    }

    /// Checks that a field lies between two limits, both included.
    ///
    /// # Errors
    /// [`ConfigError`] when `value` is below `least` or above `most`.
    pub const fn check_range(field: &'static str, value: u64, least: u64, most: u64) -> Result<(), Self> {
        match Self::check(field, value, Rule::AtLeast(least)) {
            Ok(()) => Self::check(field, value, Rule::AtMost(most)),
            error => error,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(limit) => write!(f, "at least {limit}"),
            Self::AtMost(limit) => write!(f, "at most {limit}"),
            Self::Exactly(one) => write!(f, "{one}"),
            Self::MultipleOf(unit) => write!(f, "a multiple of {unit}"),
            Self::PowerOfTwo => f.write_str("a power of two"),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}, but is {}", self.field, self.rule, self.value)
    }
}

impl core::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn each_rule_says_field_limit_and_value() {
        for (rule, good, bad, text) in [
            (Rule::AtLeast(3), 3, 2, "f must be at least 3, but is 2"),
            (Rule::AtMost(3), 3, 4, "f must be at most 3, but is 4"),
            (Rule::Exactly(3), 3, 4, "f must be 3, but is 4"),
            (Rule::MultipleOf(4), 8, 9, "f must be a multiple of 4, but is 9"),
            (Rule::PowerOfTwo, 8, 0, "f must be a power of two, but is 0"),
        ] {
            assert_eq!(ConfigError::check("f", good, rule), Ok(()));
            let error = ConfigError::check("f", bad, rule).unwrap_err();
            assert_eq!(error, ConfigError { field: "f", rule, value: bad });
            assert_eq!(error.to_string(), text);
        }
        assert!(!Rule::MultipleOf(0).holds(1));
    }

    #[test]
    fn a_range_names_the_limit_that_is_broken() {
        assert_eq!(ConfigError::check_range("f", 2, 2, 4), Ok(()));
        assert_eq!(ConfigError::check_range("f", 4, 2, 4), Ok(()));
        assert_eq!(ConfigError::check_range("f", 1, 2, 4).unwrap_err().rule, Rule::AtLeast(2));
        assert_eq!(ConfigError::check_range("f", 5, 2, 4).unwrap_err().rule, Rule::AtMost(4));
    }
}
