//! Integers modulo 2^255 - 19 whose arithmetic `fiat-crypto` generated from machine-checked proofs.

use zeroize::Zeroize;

use crate::word::Mask;
use crate::x25519::field::Field;

/// Wraps one of the generated modules.
macro_rules! field {
    ($(#[$doc:meta])* $name:ident, $module:ident, $word:ident, $words:literal, $of_mask:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(crate) struct $name([$word; $words]);

        const _: () = {
            use fiat_crypto::$module as fiat;

            impl $name {
                #[inline(always)]
                fn tight(&self) -> fiat::fiat_25519_tight_field_element {
                    fiat::fiat_25519_tight_field_element(self.0)
                }
            }

            impl Field for $name {
                type Loose = fiat::fiat_25519_loose_field_element;

                const ZERO: Self = Self([0; $words]);
                const ONE: Self = {
                    let mut one = [0; $words];
                    one[0] = 1;
                    Self(one)
                };

                fn from_bytes(bytes: &[u8; 32]) -> Self {
                    let mut bytes = *bytes;
                    if let Some(last) = bytes.last_mut() {
                        *last &= 0x7f;
                    }
                    let mut out = Self::ZERO.tight();
                    fiat::fiat_25519_from_bytes(&mut out, &bytes);
                    Self(out.0)
                }

                fn to_bytes(self) -> [u8; 32] {
                    let mut bytes = [0; 32];
                    fiat::fiat_25519_to_bytes(&mut bytes, &self.tight());
                    bytes
                }

                #[inline(always)]
                fn relax(&self) -> Self::Loose {
                    fiat::fiat_25519_loose_field_element(self.0)
                }

                #[inline(always)]
                fn add(&self, other: &Self) -> Self::Loose {
                    let mut out = Self::ZERO.relax();
                    fiat::fiat_25519_add(&mut out, &self.tight(), &other.tight());
                    out
                }

                #[inline(always)]
                fn sub(&self, other: &Self) -> Self::Loose {
                    let mut out = Self::ZERO.relax();
                    fiat::fiat_25519_sub(&mut out, &self.tight(), &other.tight());
                    out
                }

                #[inline(never)]
                fn mul(a: &Self::Loose, b: &Self::Loose) -> Self {
                    let mut out = Self::ZERO.tight();
                    fiat::fiat_25519_carry_mul(&mut out, a, b);
                    Self(out.0)
                }

                #[inline(never)]
                fn square(a: &Self::Loose) -> Self {
                    let mut out = Self::ZERO.tight();
                    fiat::fiat_25519_carry_square(&mut out, a);
                    Self(out.0)
                }

                #[inline(always)]
                fn mul_121666(a: &Self::Loose) -> Self {
                    let mut out = Self::ZERO.tight();
                    fiat::fiat_25519_carry_scmul_121666(&mut out, a);
                    Self(out.0)
                }

                #[inline(always)]
                fn swap(mask: Mask, a: &mut Self, b: &mut Self) {
                    for (a, b) in a.0.iter_mut().zip(&mut b.0) {
                        let change = (*a ^ *b) & mask.$of_mask();
                        *a ^= change;
                        *b ^= change;
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
    /// Five words of 51 bits.
    F64, curve25519_64, u64, 5, wide
}
#[cfg(test)]
field! {
    /// Ten words of 25 and 26 bits.
    F32, curve25519_32, u32, 10, bits
}
