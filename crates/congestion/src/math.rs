/// Limits `value` to `low..=high`. A value that is not a number becomes `low`.
///
/// `f32::clamp` would put its numbers into words when the limits are swapped, and the formatting of floating point takes
/// 15 KB of a firmware image.
pub(crate) const fn within(value: f32, low: f32, high: f32) -> f32 {
    value.max(low).min(high)
}

/// The square root of a number that is not negative, to a part in a thousand: `core` has none.
pub(crate) fn root(value: f32) -> f32 {
    if !(value > 0.0 && value.is_finite()) {
        return 0.0;
    }
    // Half the exponent is within six percent; each step of Newton's squares the error.
    let mut root = f32::from_bits((value.to_bits() >> 1).wrapping_add(0x1FBD_1DF5));
    root = 0.5 * (root + value / root);
    0.5 * (root + value / root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_rates() {
        for value in [1.0f32, 2.0, 1e3, 3e6, 1e10, 4e12] {
            assert!((root(value) * root(value) / value - 1.0).abs() < 1e-3, "{value}");
        }
        for value in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert_eq!(root(value), 0.0);
        }
    }
}
