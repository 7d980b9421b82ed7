//! Arithmetic of `f32` that `core` does not have.

/// Limits `value` to `low..=high`. A value that is not a number becomes `low`.
///
/// `f32::clamp` would put its numbers into words when the limits are swapped, and the formatting of floating point takes
/// 15 KB of a firmware image.
pub(crate) const fn within(value: f32, low: f32, high: f32) -> f32 {
    value.max(low).min(high)
}
