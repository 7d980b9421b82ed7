//! Comparison of secrets.

/// Whether `a` and `b` have the same bytes. The time of the call depends on their lengths only.
///
/// ```
/// assert!(barertc_crypto::constant_time_eq(b"tag", b"tag"));
/// assert!(!barertc_crypto::constant_time_eq(b"tag", b"tags"));
/// ```
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    use subtle::ConstantTimeEq;
    a.ct_eq(b).into()
}
