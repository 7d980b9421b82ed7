//! HKDF-Expand (RFC 5869 §2.3) over any HMAC, so that it can use an HMAC in hardware.

use zeroize::Zeroizing;

use crate::error::TooLong;

/// T(n) = HMAC(PRK, T(n-1) | info | n), as many as `out` takes.
pub(crate) fn expand<const N: usize>(
    hmac: impl Fn(&[&[u8]]) -> [u8; N],
    info: &[&[u8]],
    out: &mut [u8],
) -> Result<(), TooLong> {
    if out.len() > N.saturating_mul(255) {
        return Err(TooLong);
    }
    // Enough for TLS, whose labels come as length, label and context; longer lists are hashed by the caller.
    let mut parts: [&[u8]; MAX_PARTS] = [&[]; MAX_PARTS];
    let mut previous = Zeroizing::new([0u8; N]);
    for (n, piece) in (1..=255u8).zip(out.chunks_mut(N)) {
        let counter = [n];
        let before: &[u8] = if n == 1 { &[] } else { &previous[..] };
        let all = core::iter::once(before).chain(info.iter().copied()).chain(core::iter::once(&counter[..]));
        let mut len = 0usize;
        for part in all {
            *parts.get_mut(len).ok_or(TooLong)? = part;
            len = len.saturating_add(1);
        }
        let t = Zeroizing::new(hmac(parts.get(..len).unwrap_or_default()));
        parts = [&[]; MAX_PARTS];
        *previous = *t;
        piece.iter_mut().zip(previous.iter()).for_each(|(to, from)| *to = *from);
    }
    Ok(())
}

/// The pieces of `info`, and T(n-1) and n around them.
const MAX_PARTS: usize = 10;
