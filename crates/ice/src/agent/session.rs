//! Whose checks are believed: the credentials of both sides, those of before a restart among them.
use crate::candidate::fnv;
use crate::credentials::{Local, Remote};

/// The credentials of before a restart, with which the old path is kept alive until there is a new one.
pub(super) struct Previous {
    pub(super) local: Local,
    pub(super) remote: Remote,
}

pub(super) struct Session {
    local: Local,
    remote: Option<Remote>,
    previous: Option<Previous>,
}

/// Whose credentials a check names.
pub(super) struct Named<'s> {
    pub(super) local: &'s Local,
    /// Those of before a restart.
    pub(super) is_previous: bool,
}

impl Session {
    pub(super) const fn new(local: Local) -> Self {
        Self { local, remote: None, previous: None }
    }

    pub(super) const fn local(&self) -> &Local {
        &self.local
    }

    pub(super) const fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    pub(super) const fn previous(&self) -> Option<&Previous> {
        self.previous.as_ref()
    }

    /// The credentials for a message of the present session, or of the one before the restart.
    pub(super) fn of(&self, previous: bool) -> Option<(&Local, Option<&Remote>)> {
        match &self.previous {
            Some(p) if previous => Some((&p.local, Some(&p.remote))),
            None if previous => None,
            _ => Some((&self.local, self.remote.as_ref())),
        }
    }

    pub(super) fn set_remote(&mut self, remote: Remote) {
        self.remote = Some(remote);
    }

    pub(super) fn is_remote(&self, ufrag: &str, pwd: &str) -> bool {
        self.remote.as_ref().is_some_and(|c| c.is(ufrag, pwd))
    }

    /// Fresh local credentials. With `keep`, the ones before go on being used for the path in use.
    pub(super) fn restart(&mut self, fresh: Local, keep: bool) {
        let local = core::mem::replace(&mut self.local, fresh);
        if let Some(remote) = self.remote.take().filter(|_| keep) {
            self.previous = Some(Previous { local, remote });
        }
    }

    pub(super) fn forget_previous(&mut self) {
        self.previous = None;
    }

    /// Forgets the credentials: from now on no message is authentic.
    pub(super) fn close(&mut self) {
        self.previous = None;
        self.remote = None;
        self.local.wipe();
    }

    /// The credentials that a check with the user name `ours:theirs` has to be made with.
    pub(super) fn named(&self, ours: &str, theirs: &str) -> Option<Named<'_>> {
        let previous = self.previous.as_ref().filter(|p| p.local.ufrag() == ours);
        let local = previous.map_or(&self.local, |p| &p.local);
        let remote = previous.map(|p| &p.remote).or(self.remote.as_ref());
        let is_ours = !ours.is_empty() && local.ufrag() == ours && remote.is_none_or(|r| r.ufrag() == theirs);
        is_ours.then_some(Named { local, is_previous: previous.is_some() })
    }

    pub(super) fn is_local_ufrag(&self, ufrag: &str) -> bool {
        self.local.ufrag() == ufrag || self.previous.as_ref().is_some_and(|p| p.local.ufrag() == ufrag)
    }
}

/// What is kept of a user name fragment that a check named before the description did.
pub(super) fn claim(ufrag: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    fnv(&mut hash, ufrag.as_bytes());
    hash
}
