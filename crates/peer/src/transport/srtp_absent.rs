//! SRTP where the feature `media` is off: a session that is never made.

use core::convert::Infallible;
use core::marker::PhantomData;

use barertc_arena::{Allocator, Box};
use barertc_srtp::{Discards, Error, Profile};

use crate::config::Config;
use crate::error::Failure;

/// There is none: DTLS agrees on no profile.
pub(crate) struct Srtp<A, P>(Infallible, PhantomData<(A, P)>);

impl<A: Allocator + Clone, P> Srtp<A, P> {
    pub(crate) const fn profile(&self) -> Profile {
        match self.0 {}
    }

    pub(crate) const fn discards(&self) -> &Discards {
        match self.0 {}
    }

    pub(crate) const fn protect_rtp(&mut self, _: &mut [u8], _: usize) -> Result<usize, Error> {
        match self.0 {}
    }

    pub(crate) const fn protect_rtp_again(&mut self, _: &mut [u8], _: usize) -> Result<usize, Error> {
        match self.0 {}
    }

    pub(crate) const fn protect_rtcp(&mut self, _: &mut [u8], _: usize) -> Result<usize, Error> {
        match self.0 {}
    }

    pub(crate) const fn unprotect_rtp(&mut self, _: &mut [u8]) -> Result<usize, Error> {
        match self.0 {}
    }

    pub(crate) const fn unprotect_rtcp(&mut self, _: &mut [u8]) -> Result<usize, Error> {
        match self.0 {}
    }
}

/// The keys of SRTP are not taken out of DTLS.
pub(super) const fn from_dtls<A: Allocator + Clone, P, D>(
    _: &Config,
    _: &A,
    _: &P,
    _: &D,
    _: Option<u16>,
) -> Result<Option<Box<Srtp<A, P>, A>>, Failure> {
    Ok(None)
}

/// What a session takes that is never made.
pub(super) const fn worst_case_bytes<'p, A: Allocator + Clone, P: 'p>(_: &Config) -> usize {
    0
}
