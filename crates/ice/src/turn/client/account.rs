//! Another account in place of one that runs out.

use barertc_arena::Allocator;
use barertc_wire::Instant;

use super::{Allocation, Client, FIRST_RECONNECT};
use crate::error::Error;
use crate::event::ServerError;
use crate::turn::auth::Account;

impl<A: Allocator + Clone> Client<A> {
    /// Has another account from the next allocation on: the server binds one to the account that it was made with (RFC 8656
    /// §5). Where there is none, and none is being made, one is asked for.
    pub(crate) fn renew(&mut self, now: Instant, username: &str, password: &str, alloc: A) -> Result<(), Error> {
        Account::<A>::check(username, password)?;
        // First the old one goes, so that there are never three.
        self.renewed = None;
        self.renewed = Some(Account::new(username, password, alloc)?);
        if matches!(self.allocation, Allocation::Failed | Allocation::Waiting { .. }) {
            self.begin_anew();
        } else {
            self.leave_if_useless(now);
        }
        Ok(())
    }

    /// Leaves an allocation to the server whose account was refused every permission, where there is another account. It
    /// cannot be given back, and its 5-tuple is taken until it expires (RFC 8656 §7.2): another socket or stream is to be used.
    pub(super) fn leave_if_useless(&mut self, now: Instant) {
        let is_useless = !self.permissions.is_empty() && self.permissions.iter().all(|p| p.refused_account);
        if self.renewed.is_none() || !is_useless || self.relayed().is_none() || self.releasing {
            return;
        }
        self.failure = Some(ServerError::Credentials);
        self.request = None;
        self.permissions.clear();
        self.channels.clear();
        self.allocation = if self.protocol.is_stream() {
            // The stream is closed meanwhile.
            Allocation::Waiting { until: now + FIRST_RECONNECT }
        } else {
            if let Some(base) = self.base.take() {
                let _ = self.tried.push(base);
            }
            Allocation::Idle
        };
    }

    /// Whether an allocation that was refused for its account can be had by another one.
    pub(super) fn is_outdated(&self, error: ServerError) -> bool {
        self.renewed.is_some() && is_of_the_account(error)
    }
}

/// Whether the server has refused the account, and not what was asked for.
pub(super) const fn is_of_the_account(error: ServerError) -> bool {
    matches!(error, ServerError::Credentials | ServerError::Refused(441))
}
