//! Fields whose arithmetic `fiat-crypto` generated from machine-checked proofs.

// Indices are constants or counters within a fixed length; `cargo xtask no-panic` links this without a panic.
#![allow(clippy::indexing_slicing)]

use zeroize::Zeroize;

use crate::p256::field::Field;
use crate::p256::order::{N, ONE_N, ONE_P, P};
use crate::word::{Mask, hide};

/// Wraps one of the generated modules.
macro_rules! field {
    ($(#[$doc:meta])* $name:ident, $module:ident, $word:ident, $words:literal, $of_mask:ident, $zero:ident,
     $element:ident, $outside:ident, $add:ident, $sub:ident, $mul:ident, $square:ident, $to:ident, $from:ident,
     modulus $modulus:expr, one $one:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(crate) struct $name([$word; $words]);

        const _: () = {
            use fiat_crypto::$module as fiat;

            /// A word of 64 bits each, as words of this field.
            const fn words(wide: &[u64; 4]) -> [$word; $words] {
                let mut words = [0; $words];
                let mut i = 0;
                while i < $words {
                    let bits = $word::BITS as usize;
                    words[i] = (wide[i * bits / 64] >> (i * bits % 64)) as $word;
                    i += 1;
                }
                words
            }

            impl Field for $name {
                const ZERO: Self = Self([0; $words]);
                const ONE: Self = Self(words(&$one));

                #[inline]
                fn from_montgomery(wide: &[u64; 4]) -> Self {
                    Self(words(wide))
                }

                fn from_bytes(bytes: &[u8; 32]) -> (Self, Mask) {
                    const MODULUS: [$word; $words] = words(&$modulus);
                    let mut out = [0; $words];
                    for (word, bytes) in out.iter_mut().rev().zip(bytes.chunks_exact($word::BITS as usize / 8)) {
                        *word = bytes.iter().fold(0, |word, &byte| word << 8 | $word::from(byte));
                    }
                    // Below the modulus where subtracting it borrows.
                    let mut borrow = 0;
                    for (&word, &modulus) in out.iter().zip(&MODULUS) {
                        let (rest, first) = word.overflowing_sub(modulus);
                        let (_, second) = rest.overflowing_sub($word::from(borrow));
                        borrow = hide(u32::from(first) | u32::from(second));
                    }
                    let valid = Mask::from_bit(borrow);
                    out.iter_mut().for_each(|word| *word &= valid.$of_mask());
                    let mut element = Self::ZERO;
                    let mut inside = fiat::$element([0; $words]);
                    fiat::$to(&mut inside, &fiat::$outside(out));
                    element.0 = inside.0;
                    out.zeroize();
                    (element, valid)
                }

                fn to_bytes(self) -> [u8; 32] {
                    let mut outside = fiat::$outside([0; $words]);
                    fiat::$from(&mut outside, &fiat::$element(self.0));
                    let mut bytes = [0; 32];
                    for (bytes, word) in bytes.chunks_exact_mut($word::BITS as usize / 8).zip(outside.0.iter().rev()) {
                        bytes.copy_from_slice(&word.to_be_bytes());
                    }
                    outside.0.zeroize();
                    bytes
                }

                #[inline(never)]
                fn add(&self, other: &Self) -> Self {
                    let mut out = fiat::$element([0; $words]);
                    fiat::$add(&mut out, &fiat::$element(self.0), &fiat::$element(other.0));
                    Self(out.0)
                }

                #[inline(never)]
                fn sub(&self, other: &Self) -> Self {
                    let mut out = fiat::$element([0; $words]);
                    fiat::$sub(&mut out, &fiat::$element(self.0), &fiat::$element(other.0));
                    Self(out.0)
                }

                #[inline(never)]
                fn mul(&self, other: &Self) -> Self {
                    let mut out = fiat::$element([0; $words]);
                    fiat::$mul(&mut out, &fiat::$element(self.0), &fiat::$element(other.0));
                    Self(out.0)
                }

                #[inline(never)]
                fn square(&self) -> Self {
                    let mut out = fiat::$element([0; $words]);
                    fiat::$square(&mut out, &fiat::$element(self.0));
                    Self(out.0)
                }

                #[inline]
                fn is_zero(&self) -> Mask {
                    Mask::$zero(self.0.iter().fold(0, |all, word| all | word))
                }

                #[inline(always)]
                fn or_if(&mut self, mask: Mask, other: &Self) {
                    for (word, other) in self.0.iter_mut().zip(&other.0) {
                        *word |= other & mask.$of_mask();
                    }
                }
            }

            impl Zeroize for $name {
                fn zeroize(&mut self) {
                    self.0.zeroize();
                }
            }
        };
    };
}

field! {
    /// Modulo p, words of 64 bits.
    P64, p256_64, u64, 4, wide, is_zero_wide,
    fiat_p256_montgomery_domain_field_element, fiat_p256_non_montgomery_domain_field_element,
    fiat_p256_add, fiat_p256_sub, fiat_p256_mul, fiat_p256_square, fiat_p256_to_montgomery, fiat_p256_from_montgomery,
    modulus P, one ONE_P
}
field! {
    /// Modulo n, words of 64 bits.
    N64, p256_scalar_64, u64, 4, wide, is_zero_wide,
    fiat_p256_scalar_montgomery_domain_field_element, fiat_p256_scalar_non_montgomery_domain_field_element,
    fiat_p256_scalar_add, fiat_p256_scalar_sub, fiat_p256_scalar_mul, fiat_p256_scalar_square,
    fiat_p256_scalar_to_montgomery, fiat_p256_scalar_from_montgomery,
    modulus N, one ONE_N
}
#[cfg(test)]
field! {
    /// Modulo p, words of 32 bits.
    P32, p256_32, u32, 8, bits, is_zero,
    fiat_p256_montgomery_domain_field_element, fiat_p256_non_montgomery_domain_field_element,
    fiat_p256_add, fiat_p256_sub, fiat_p256_mul, fiat_p256_square, fiat_p256_to_montgomery, fiat_p256_from_montgomery,
    modulus P, one ONE_P
}
#[cfg(test)]
field! {
    /// Modulo n, words of 32 bits.
    N32, p256_scalar_32, u32, 8, bits, is_zero,
    fiat_p256_scalar_montgomery_domain_field_element, fiat_p256_scalar_non_montgomery_domain_field_element,
    fiat_p256_scalar_add, fiat_p256_scalar_sub, fiat_p256_scalar_mul, fiat_p256_scalar_square,
    fiat_p256_scalar_to_montgomery, fiat_p256_scalar_from_montgomery,
    modulus N, one ONE_N
}
