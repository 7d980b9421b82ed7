//! SRTP with the keys that come of DTLS.

use barertc_arena::{Allocator, Box};
use barertc_crypto::Provider;
use barertc_dtls::{Connection as Dtls, Role};
use barertc_srtp::{Masters, Profile, Side};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::error::Failure;

pub(crate) use barertc_srtp::Session as Srtp;

/// RFC 5764 §4.2.
const SRTP_LABEL: &str = "EXTRACTOR-dtls_srtp";
/// Two keys of 32 and two salts of 12 bytes.
const MAX_EXPORT: usize = 88;

/// A session in its place, where there is a profile.
type Made<'p, A, P> = Option<Box<Srtp<A, &'p P>, A>>;

/// Takes the keys of the profile that was agreed on out of DTLS (RFC 5764 §4.2). None without a profile.
pub(super) fn from_dtls<'p, A: Allocator + Clone, P: Provider>(
    config: &Config,
    memory: &A,
    provider: &&'p P,
    dtls: &Dtls<A, &'p P>,
    profile: Option<u16>,
) -> Result<Made<'p, A, P>, Failure> {
    let Some(profile) = profile.and_then(Profile::from_dtls) else { return Ok(None) };
    let mut exported = Zeroizing::new([0; MAX_EXPORT]);
    let exported = exported.get_mut(..profile.exporter_len()).unwrap_or_default();
    dtls.export(SRTP_LABEL, None, exported).map_err(Failure::Dtls)?;
    let side = if dtls.role() == Role::Client { Side::Client } else { Side::Server };
    let masters = Masters::split(profile, exported, side).map_err(Failure::Srtp)?;
    let (local, remote) = (masters.local(), masters.remote());
    let session = Box::try_init::<barertc_srtp::Error, _>(memory.clone(), || {
        Srtp::new(config.srtp(), profile, local, remote, memory.clone(), *provider)
    });
    session.map(Some).map_err(Failure::Srtp)
}

/// What a session takes at the most.
pub(super) const fn worst_case_bytes<'p, A: Allocator + Clone, P: Provider + 'p>(config: &Config) -> usize {
    size_of::<Srtp<A, &'p P>>().saturating_add(Srtp::<A, &'p P>::worst_case_bytes(&config.srtp()))
}
