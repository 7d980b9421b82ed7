//! DTLS, and SRTP with the keys that come of it.

use barertc_arena::{Allocator, Box};
use barertc_crypto::{Generator, Provider};
use barertc_dtls::{Connection as Dtls, Event, Identity, Role, Version};

use super::srtp::{self, Srtp};
use crate::config::Config;
use crate::error::{Error, Failure};

/// How far the protection of the path is.
pub(crate) enum Security<'p, A: Allocator + Clone, P: Provider> {
    /// No description has asked for it.
    None,
    /// DTLS is at work.
    Handshaking(Box<Dtls<A, &'p P>, A>),
    /// There are keys. A connection without media has none of SRTP.
    Up { dtls: Box<Dtls<A, &'p P>, A>, srtp: Option<Box<Srtp<A, &'p P>, A>>, version: Version },
    /// It did not work, or works no more. What is left is the alert that says so to the peer.
    Failed { dtls: Box<Dtls<A, &'p P>, A>, reason: Failure },
    /// Closed by either side. What is left is the alert that says so to the peer.
    Closed { dtls: Box<Dtls<A, &'p P>, A> },
}

/// A DTLS connection, in its place. Out of line, so that it is not on the stack beside other things.
#[inline(never)]
pub(super) fn new_dtls<'p, A: Allocator + Clone, P: Provider>(
    config: &Config,
    memory: &A,
    role: Role,
    identity: &'p Identity,
    provider: &'p P,
    random: &mut Generator,
) -> Result<Box<Dtls<A, &'p P>, A>, Error> {
    Box::try_init(memory.clone(), || Dtls::new(config.dtls(), role, identity, memory.clone(), provider, random))
}

impl<'p, A: Allocator + Clone, P: Provider> Security<'p, A, P> {
    pub(crate) const fn worst_case_bytes(config: &Config) -> usize {
        let dtls = size_of::<Dtls<A, &'p P>>().saturating_add(Dtls::<A, &'p P>::worst_case_bytes(&config.dtls));
        let srtp = if config.has_media() { srtp::worst_case_bytes::<A, P>(config) } else { 0 };
        dtls.saturating_add(srtp)
    }

    pub(crate) fn dtls(&self) -> Option<&Dtls<A, &'p P>> {
        match self {
            Self::None => None,
            Self::Handshaking(dtls) | Self::Up { dtls, .. } | Self::Failed { dtls, .. } | Self::Closed { dtls } => {
                Some(dtls)
            }
        }
    }

    pub(crate) fn dtls_mut(&mut self) -> Option<&mut Dtls<A, &'p P>> {
        match self {
            Self::None => None,
            Self::Handshaking(dtls) | Self::Up { dtls, .. } | Self::Failed { dtls, .. } | Self::Closed { dtls } => {
                Some(dtls)
            }
        }
    }

    pub(crate) fn srtp(&self) -> Option<&Srtp<A, &'p P>> {
        if let Self::Up { srtp, .. } = self { srtp.as_deref() } else { None }
    }

    pub(crate) fn srtp_mut(&mut self) -> Option<&mut Srtp<A, &'p P>> {
        if let Self::Up { srtp, .. } = self { srtp.as_deref_mut() } else { None }
    }

    pub(crate) fn role(&self) -> Option<Role> {
        self.dtls().map(|dtls| dtls.role())
    }

    /// The version that was agreed on.
    pub(crate) const fn version(&self) -> Option<Version> {
        if let Self::Up { version, .. } = self { Some(*version) } else { None }
    }

    pub(crate) const fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }

    pub(crate) const fn is_handshaking(&self) -> bool {
        matches!(self, Self::Handshaking(_))
    }

    pub(crate) const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed { .. })
    }

    pub(crate) const fn failure(&self) -> Option<Failure> {
        if let Self::Failed { reason, .. } = self { Some(*reason) } else { None }
    }

    /// Follows what DTLS has come to.
    pub(super) fn update(&mut self, config: &Config, memory: &A, provider: &'p P) {
        while let Some(event) = self.dtls_mut().and_then(|dtls| dtls.poll_event()) {
            let next = match event {
                Event::Connected { srtp, version, .. } => self.connected(config, memory, provider, srtp, version),
                Event::Closed => self.take().map(|dtls| Self::Closed { dtls }),
                Event::Failed(error) => self.take().map(|dtls| Self::Failed { dtls, reason: Failure::Dtls(error) }),
                _ => None,
            };
            if let Some(next) = next {
                *self = next;
                if let Self::Failed { reason, .. } = self {
                    barertc_wire::trace!("security: {:?}", *reason);
                }
            }
        }
    }

    // Out of line: this is once a connection, and what it needs of the stack is not for every packet.
    #[inline(never)]
    fn connected(
        &mut self,
        config: &Config,
        memory: &A,
        provider: &'p P,
        profile: Option<u16>,
        version: Version,
    ) -> Option<Self> {
        let dtls = self.take()?;
        Some(match srtp::from_dtls(config, memory, &provider, &dtls, profile) {
            Ok(srtp) => {
                barertc_wire::trace!("security: {:?} with SRTP profile {:?}", version, profile);
                Self::Up { dtls, srtp, version }
            }
            Err(reason) => Self::Failed { dtls, reason },
        })
    }

    fn take(&mut self) -> Option<Box<Dtls<A, &'p P>, A>> {
        match core::mem::replace(self, Self::None) {
            Self::None => None,
            Self::Handshaking(dtls) | Self::Up { dtls, .. } | Self::Failed { dtls, .. } | Self::Closed { dtls } => {
                Some(dtls)
            }
        }
    }
}
