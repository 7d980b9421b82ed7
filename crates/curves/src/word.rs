//! Machine words whose value must not decide which instructions run.
//!
//! RISC-V has no conditional move and no carry flag. LLVM therefore turns masks and carries of 64-bit sums into branches
//! there, and a branch on a secret shows the secret. [`hide`] keeps the compiler from knowing that a value is a bit or a
//! mask. The accumulator of products is written in RISC-V's own instructions, so that no compiler can add a branch.
//!
//! This is the only file of the crate with `unsafe`: register arithmetic without access to memory.

#[cfg(all(target_arch = "riscv32", target_feature = "m", not(miri)))]
use core::arch::asm;

/// The same value, of which the compiler knows nothing.
#[inline(always)]
// The name of a wider register stands in a comment.
#[allow(asm_sub_register)]
pub(crate) fn hide(x: u32) -> u32 {
    #[cfg(all(
        any(
            target_arch = "riscv32",
            target_arch = "riscv64",
            target_arch = "arm",
            target_arch = "aarch64",
            target_arch = "x86",
            target_arch = "x86_64"
        ),
        not(miri)
    ))]
    {
        let mut x = x;
        // SAFETY: no instruction; the register is read and written as it is.
        unsafe { core::arch::asm!("/* {0} */", inout(reg) x, options(pure, nomem, nostack, preserves_flags)) };
        x
    }
    #[cfg(any(
        not(any(
            target_arch = "riscv32",
            target_arch = "riscv64",
            target_arch = "arm",
            target_arch = "aarch64",
            target_arch = "x86",
            target_arch = "x86_64"
        )),
        miri
    ))]
    {
        core::hint::black_box(x)
    }
}

/// All ones or all zeros: a condition that selects without a branch.
#[derive(Clone, Copy)]
pub(crate) struct Mask(u32);

impl Mask {
    /// From a bit, 0 or 1.
    #[inline(always)]
    pub(crate) fn from_bit(bit: u32) -> Self {
        Self(hide(bit).wrapping_neg())
    }

    /// Whether `x` is zero.
    #[inline(always)]
    pub(crate) fn is_zero(x: u32) -> Self {
        let x = hide(x);
        Self::from_bit(((x | x.wrapping_neg()) >> 31) ^ 1)
    }

    /// Whether `x` is zero.
    #[inline(always)]
    #[cfg(any(test, target_arch = "x86_64", target_arch = "aarch64"))]
    pub(crate) fn is_zero_wide(x: u64) -> Self {
        Self::is_zero((x | x >> 32) as u32)
    }

    #[inline(always)]
    pub(crate) fn equal(a: u32, b: u32) -> Self {
        Self::is_zero(a ^ b)
    }

    #[inline(always)]
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    #[inline(always)]
    pub(crate) fn not(self) -> Self {
        Self(!self.0)
    }

    #[inline(always)]
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    #[inline(always)]
    #[cfg(any(test, target_arch = "x86_64", target_arch = "aarch64"))]
    pub(crate) fn wide(self) -> u64 {
        u64::from(self.0) | u64::from(self.0) << 32
    }

    /// Turns the condition into a `bool`. Only for what may be known: the validity of public bytes, the end of a computation.
    #[inline(always)]
    pub(crate) fn declassify(self) -> bool {
        self.0 != 0
    }
}

/// a + b + carry; the new carry, 0 or 1, replaces the old one.
#[inline(always)]
#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(crate) fn add_carry(a: u32, b: u32, carry: &mut u32) -> u32 {
    let (sum, first) = a.overflowing_add(b);
    let (sum, second) = sum.overflowing_add(*carry);
    *carry = hide(u32::from(first) | u32::from(second));
    sum
}

/// a - b - borrow; the new borrow, 0 or 1, replaces the old one.
#[inline(always)]
pub(crate) fn sub_borrow(a: u32, b: u32, borrow: &mut u32) -> u32 {
    let (rest, first) = a.overflowing_sub(b);
    let (rest, second) = rest.overflowing_sub(*borrow);
    *borrow = hide(u32::from(first) | u32::from(second));
    rest
}

/// 32 big-endian bytes as words, the least significant first.
#[inline]
pub(crate) fn words(bytes: &[u8; 32]) -> [u32; 8] {
    let mut words = [0; 8];
    for (word, bytes) in words.iter_mut().rev().zip(bytes.chunks_exact(4)) {
        *word = bytes.iter().fold(0, |word, &byte| word << 8 | u32::from(byte));
    }
    words
}

/// Undoes [`words`].
#[inline]
pub(crate) fn bytes(words: &[u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.chunks_exact_mut(4).zip(words.iter().rev()) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

/// `a`, or `a - b` where that is not negative.
#[inline]
pub(crate) fn sub_if_below(a: &[u32; 8], b: &[u32; 8]) -> [u32; 8] {
    let (mut less, mut borrow) = ([0; 8], 0);
    for ((less, &a), &b) in less.iter_mut().zip(a).zip(b) {
        *less = sub_borrow(a, b, &mut borrow);
    }
    let below = Mask::from_bit(borrow).0;
    less.iter_mut().zip(a).for_each(|(less, a)| *less ^= (*less ^ a) & below);
    less
}

/// A sum of products: 96 bits in two's complement.
///
/// It is exact while the sum stays within 95 bits and a sign. The most that a column of this crate adds is eight products, sixteen
/// where a square counts each twice, and a few words: less than 2^69.
#[derive(Clone, Copy)]
#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(crate) struct Sum {
    low: u32,
    middle: u32,
    high: u32,
}

#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
impl Sum {
    pub(crate) const ZERO: Self = Self { low: 0, middle: 0, high: 0 };

    /// The least significant word.
    #[inline(always)]
    pub(crate) fn low(&self) -> u32 {
        self.low
    }

    /// Gives the least significant word away and divides what is left by 2^32; the sign is kept.
    #[inline(always)]
    pub(crate) fn shift(&mut self) -> u32 {
        let low = self.low;
        *self = Self { low: self.middle, middle: self.high, high: ((self.high as i32) >> 31) as u32 };
        low
    }
}

#[cfg(all(target_arch = "riscv32", target_feature = "m", not(miri)))]
impl Sum {
    /// Adds a * b.
    #[inline(always)]
    pub(crate) fn multiply_add(&mut self, a: u32, b: u32) {
        // SAFETY: arithmetic on registers that are all named.
        unsafe {
            asm!(
                "mul {lo}, {a}, {b}",
                "mulhu {hi}, {a}, {b}",
                "add {c0}, {c0}, {lo}",
                "sltu {lo}, {c0}, {lo}",
                // The high word of a product is at most 2^32 - 2: a carry fits.
                "add {hi}, {hi}, {lo}",
                "add {c1}, {c1}, {hi}",
                "sltu {hi}, {c1}, {hi}",
                "add {c2}, {c2}, {hi}",
                a = in(reg) a, b = in(reg) b, lo = out(reg) _, hi = out(reg) _,
                c0 = inout(reg) self.low, c1 = inout(reg) self.middle, c2 = inout(reg) self.high,
                options(pure, nomem, nostack),
            );
        }
    }

    /// Adds 2 * a * b.
    #[inline(always)]
    pub(crate) fn multiply_add_twice(&mut self, a: u32, b: u32) {
        // SAFETY: arithmetic on registers that are all named.
        unsafe {
            asm!(
                "mul {lo}, {a}, {b}",
                "mulhu {hi}, {a}, {b}",
                "add {c0}, {c0}, {lo}",
                "sltu {t}, {c0}, {lo}",
                "add {t}, {t}, {hi}",
                "add {c1}, {c1}, {t}",
                "sltu {t}, {c1}, {t}",
                "add {c2}, {c2}, {t}",
                "add {c0}, {c0}, {lo}",
                "sltu {t}, {c0}, {lo}",
                "add {t}, {t}, {hi}",
                "add {c1}, {c1}, {t}",
                "sltu {t}, {c1}, {t}",
                "add {c2}, {c2}, {t}",
                a = in(reg) a, b = in(reg) b, lo = out(reg) _, hi = out(reg) _, t = out(reg) _,
                c0 = inout(reg) self.low, c1 = inout(reg) self.middle, c2 = inout(reg) self.high,
                options(pure, nomem, nostack),
            );
        }
    }

    /// Adds a word.
    #[inline(always)]
    pub(crate) fn add(&mut self, x: u32) {
        // SAFETY: arithmetic on registers that are all named.
        unsafe {
            asm!(
                "add {c0}, {c0}, {x}",
                "sltu {t}, {c0}, {x}",
                "add {c1}, {c1}, {t}",
                "sltu {t}, {c1}, {t}",
                "add {c2}, {c2}, {t}",
                x = in(reg) x, t = out(reg) _,
                c0 = inout(reg) self.low, c1 = inout(reg) self.middle, c2 = inout(reg) self.high,
                options(pure, nomem, nostack),
            );
        }
    }

    /// Subtracts a word.
    #[inline(always)]
    pub(crate) fn sub(&mut self, x: u32) {
        // SAFETY: arithmetic on registers that are all named.
        unsafe {
            asm!(
                "sltu {t}, {c0}, {x}",
                "sub {c0}, {c0}, {x}",
                "sltu {u}, {c1}, {t}",
                "sub {c1}, {c1}, {t}",
                "sub {c2}, {c2}, {u}",
                x = in(reg) x, t = out(reg) _, u = out(reg) _,
                c0 = inout(reg) self.low, c1 = inout(reg) self.middle, c2 = inout(reg) self.high,
                options(pure, nomem, nostack),
            );
        }
    }
}

#[cfg(all(
    any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))),
    not(all(target_arch = "riscv32", target_feature = "m", not(miri)))
))]
impl Sum {
    /// Adds a * b.
    #[inline(always)]
    pub(crate) fn multiply_add(&mut self, a: u32, b: u32) {
        let product = u64::from(a) * u64::from(b);
        let mut carry = 0;
        self.low = add_carry(self.low, product as u32, &mut carry);
        self.middle = add_carry(self.middle, (product >> 32) as u32, &mut carry);
        self.high = self.high.wrapping_add(carry);
    }

    /// Adds 2 * a * b.
    #[inline(always)]
    pub(crate) fn multiply_add_twice(&mut self, a: u32, b: u32) {
        self.multiply_add(a, b);
        self.multiply_add(a, b);
    }

    /// Adds a word.
    #[inline(always)]
    pub(crate) fn add(&mut self, x: u32) {
        let mut carry = 0;
        self.low = add_carry(self.low, x, &mut carry);
        self.middle = add_carry(self.middle, 0, &mut carry);
        self.high = self.high.wrapping_add(carry);
    }

    /// Subtracts a word.
    #[inline(always)]
    pub(crate) fn sub(&mut self, x: u32) {
        let mut borrow = 0;
        self.low = sub_borrow(self.low, x, &mut borrow);
        self.middle = sub_borrow(self.middle, 0, &mut borrow);
        self.high = self.high.wrapping_sub(borrow);
    }
}
