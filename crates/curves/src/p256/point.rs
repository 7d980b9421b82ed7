//! Points of the curve y^2 = x^3 - 3 x + b.
//!
//! Two kinds of coordinates. [`Jacobian`] is fast. Its addition is wrong where both points are the same or one is at
//! infinity. Each caller shows that neither happens. [`Projective`] has an addition that is right for all points.

use zeroize::Zeroize;

use crate::p256::field::Field;
use crate::word::Mask;

/// b, in the Montgomery domain (SP 800-186 section 3.2.1.3).
const B: [u64; 4] = [0xd89cdf6229c4bddf, 0xacf005cd78843090, 0xe5a220abf7212ed6, 0xdc30061d04874834];

/// A point that is not at infinity: x and y.
#[derive(Clone, Copy, Zeroize)]
pub(crate) struct Affine<F: Field> {
    pub(crate) x: F,
    pub(crate) y: F,
}

/// x = X / Z^2, y = Y / Z^3; at infinity where Z is zero.
#[derive(Clone, Copy, Zeroize)]
pub(crate) struct Jacobian<F: Field> {
    pub(crate) x: F,
    pub(crate) y: F,
    pub(crate) z: F,
}

/// x = X / Z, y = Y / Z; at infinity where Z is zero.
#[derive(Clone, Copy, Zeroize)]
pub(crate) struct Projective<F: Field> {
    x: F,
    y: F,
    z: F,
}

impl<F: Field> Affine<F> {
    /// x^3 - 3 x + b.
    pub(crate) fn right_side(x: &F) -> F {
        let three = F::ONE.double().add(&F::ONE);
        x.square().sub(&three).mul(x).add(&F::from_montgomery(&B))
    }

    /// Whether y^2 = x^3 - 3 x + b.
    pub(crate) fn is_on_curve(&self) -> Mask {
        self.y.square().equals(&Self::right_side(&self.x))
    }

    #[inline(always)]
    pub(crate) fn negate_if(mut self, mask: Mask) -> Self {
        self.y = self.y.negate_if(mask);
        self
    }

    #[inline(always)]
    pub(crate) fn jacobian(&self) -> Jacobian<F> {
        Jacobian { x: self.x, y: self.y, z: F::ONE }
    }

    #[inline(always)]
    pub(crate) fn projective(&self) -> Projective<F> {
        Projective { x: self.x, y: self.y, z: F::ONE }
    }
}

impl<F: Field> Jacobian<F> {
    pub(crate) const INFINITY: Self = Self { x: F::ONE, y: F::ONE, z: F::ZERO };

    #[inline(always)]
    pub(crate) fn negate_if(mut self, mask: Mask) -> Self {
        self.y = self.y.negate_if(mask);
        self
    }

    /// The point twice, for every point: the curve has no point of order two, and infinity stays there.
    ///
    /// M = 3 (X - Z^2)(X + Z^2), S = 4 X Y^2; X' = M^2 - 2 S, Y' = M (S - X') - 8 Y^4, Z' = 2 Y Z (a = -3).
    #[inline(never)]
    pub(crate) fn double(&self) -> Self {
        let zz = self.z.square();
        let m = self.x.sub(&zz).mul(&self.x.add(&zz));
        let m = m.double().add(&m);
        let yy2 = self.y.square().double();
        let s = self.x.mul(&yy2).double();
        let x = m.square().sub(&s.double());
        let y = m.mul(&s.sub(&x)).sub(&yy2.square().double());
        let z = self.y.mul(&self.z).double();
        Self { x, y, z }
    }

    /// The sum of two points, neither of them at infinity and not the same. Of a point and its negative it is infinity.
    #[inline(never)]
    pub(crate) fn add_distinct(&self, other: &Self) -> Self {
        let (zz, other_zz) = (self.z.square(), other.z.square());
        let u = self.x.mul(&other_zz);
        let h = other.x.mul(&zz).sub(&u);
        let s = self.y.mul(&other.z).mul(&other_zz);
        let r = other.y.mul(&self.z).mul(&zz).sub(&s);
        Self::sum(&u, &s, &h, &r, &self.z.mul(&other.z))
    }

    /// The sum with a point that has Z = 1; the same conditions.
    #[inline(never)]
    pub(crate) fn add_distinct_affine(&self, other: &Affine<F>) -> Self {
        let zz = self.z.square();
        let h = other.x.mul(&zz).sub(&self.x);
        let r = other.y.mul(&self.z).mul(&zz).sub(&self.y);
        Self::sum(&self.x, &self.y, &h, &r, &self.z)
    }

    /// U, S of the first point, H and R the differences to the second's, and the product of both Z.
    ///
    /// X = R^2 - H^3 - 2 U H^2, Y = R (U H^2 - X) - S H^3, Z = H Z1 Z2.
    #[inline(always)]
    fn sum(u: &F, s: &F, h: &F, r: &F, zs: &F) -> Self {
        let hh = h.square();
        let hhh = hh.mul(h);
        let v = u.mul(&hh);
        let x = r.square().sub(&hhh).sub(&v.double());
        let y = r.mul(&v.sub(&x)).sub(&s.mul(&hhh));
        Self { x, y, z: h.mul(zs) }
    }

    /// The sum of any two points. Which formula is right is found out by branches: for public points only.
    pub(crate) fn add_public(&self, other: &Self) -> Self {
        if self.z.is_zero().declassify() {
            return *other;
        }
        if other.z.is_zero().declassify() {
            return *self;
        }
        let sum = self.add_distinct(other);
        // Z = H Z1 Z2 is zero where both have the same x.
        if sum.z.is_zero().declassify() { self.add_same_x(other) } else { sum }
    }

    /// The sum of any point and one of a table; for public points only.
    pub(crate) fn add_public_affine(&self, other: &Affine<F>) -> Self {
        if self.z.is_zero().declassify() {
            return other.jacobian();
        }
        let sum = self.add_distinct_affine(other);
        if sum.z.is_zero().declassify() { self.add_same_x(&other.jacobian()) } else { sum }
    }

    /// The sum of two points with the same x: they are the same, or one is the other's negative.
    fn add_same_x(&self, other: &Self) -> Self {
        let (zz, other_zz) = (self.z.square(), other.z.square());
        let s = self.y.mul(&other.z).mul(&other_zz);
        let other_s = other.y.mul(&self.z).mul(&zz);
        if s.equals(&other_s).declassify() { self.double() } else { Self::INFINITY }
    }

    /// The same point, which is not at infinity, in the other coordinates.
    pub(crate) fn projective(&self) -> Projective<F> {
        Projective { x: self.x.mul(&self.z), y: self.y, z: self.z.square().mul(&self.z) }
    }
}

impl<F: Field> Projective<F> {
    /// The sum of any two points, infinity and equal ones included, always by the same steps.
    ///
    /// Renes, Costello, Batina: Complete addition formulas for prime order elliptic curves, 2016, algorithm 4 (a = -3). The
    /// comments number its steps.
    #[inline(never)]
    pub(crate) fn add(&self, other: &Self) -> Self {
        let b = F::from_montgomery(&B);
        // 1-3
        let xx = self.x.mul(&other.x);
        let yy = self.y.mul(&other.y);
        let zz = self.z.mul(&other.z);
        // 4-8, 9-13, 14-18: the mixed products
        let xy = self.x.add(&self.y).mul(&other.x.add(&other.y)).sub(&xx.add(&yy));
        let yz = self.y.add(&self.z).mul(&other.y.add(&other.z)).sub(&yy.add(&zz));
        let xz = self.x.add(&self.z).mul(&other.x.add(&other.z)).sub(&xx.add(&zz));
        // 19-24
        let t = xz.sub(&b.mul(&zz));
        let t = t.double().add(&t);
        let (minus, plus) = (yy.sub(&t), yy.add(&t));
        // 25-31
        let zz3 = zz.double().add(&zz);
        let t = b.mul(&xz).sub(&zz3).sub(&xx);
        let t = t.double().add(&t);
        // 32-34
        let w = xx.double().add(&xx).sub(&zz3);
        // 35-43
        Self {
            x: xy.mul(&plus).sub(&yz.mul(&t)),
            y: plus.mul(&minus).add(&w.mul(&t)),
            z: yz.mul(&minus).add(&xy.mul(&w)),
        }
    }

    pub(crate) fn z(&self) -> &F {
        &self.z
    }

    /// x and y, given 1 / Z.
    pub(crate) fn affine(&self, inverse: &F) -> Affine<F> {
        Affine { x: self.x.mul(inverse), y: self.y.mul(inverse) }
    }
}
