//! The primes of the curve, in words of 64 bits, the least significant first.

/// p = 2^256 - 2^224 + 2^192 + 2^96 - 1 (SP 800-186 section 3.2.1.3), in words of 64 bits.
pub(crate) const P: [u64; 4] = [0xffffffffffffffff, 0x00000000ffffffff, 0x0000000000000000, 0xffffffff00000001];
/// 2^256 modulo p.
pub(crate) const ONE_P: [u64; 4] = [0x0000000000000001, 0xffffffff00000000, 0xffffffffffffffff, 0x00000000fffffffe];
/// n, the order of the curve.
pub(crate) const N: [u64; 4] = [0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000];
/// 2^256 modulo n.
pub(crate) const ONE_N: [u64; 4] = [0x0c46353d039cdaaf, 0x4319055258e8617b, 0x0000000000000000, 0x00000000ffffffff];
