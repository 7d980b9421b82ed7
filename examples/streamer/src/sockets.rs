//! The sockets that media leave from.

use core::cell::RefCell;
use core::net::SocketAddr;

use crate::settings::{MAX_ADDRESSES, MAX_RELAYED};

/// The addresses of the sockets, once they are bound.
#[derive(Default)]
pub(crate) struct MediaSockets {
    /// Those that all connections share.
    shared: RefCell<heapless::Vec<SocketAddr, MAX_ADDRESSES>>,
    /// Those that are lent, one to each connection that is to have a relay.
    lendable: RefCell<heapless::Vec<SocketAddr, MAX_RELAYED>>,
    /// Those that viewers connect to over TCP.
    #[cfg(feature = "ice-tcp")]
    listening: RefCell<heapless::Vec<SocketAddr, MAX_ADDRESSES>>,
}

impl MediaSockets {
    /// One more that all share. There are as many places as settings have addresses.
    pub(crate) fn add_shared(&self, address: SocketAddr) {
        let _ = self.shared.borrow_mut().push(address);
    }

    /// One is gone.
    pub(crate) fn remove_shared(&self, address: SocketAddr) {
        self.shared.borrow_mut().retain(|shared| *shared != address);
    }

    /// One more to be lent. There are as many places as are asked for.
    pub(crate) fn add_lendable(&self, address: SocketAddr) {
        let _ = self.lendable.borrow_mut().push(address);
    }

    /// Those that all connections share.
    pub(crate) fn shared(&self) -> heapless::Vec<SocketAddr, MAX_ADDRESSES> {
        self.shared.borrow().clone()
    }

    /// One more that viewers connect to. There are as many places as settings have addresses.
    #[cfg(feature = "ice-tcp")]
    pub(crate) fn add_listening(&self, address: SocketAddr) {
        let _ = self.listening.borrow_mut().push(address);
    }

    /// Those that viewers connect to.
    #[cfg(feature = "ice-tcp")]
    pub(crate) fn listening(&self) -> heapless::Vec<SocketAddr, MAX_ADDRESSES> {
        self.listening.borrow().clone()
    }

    /// One that is to be lent and `is_free`.
    pub(crate) fn lendable(&self, is_free: impl Fn(SocketAddr) -> bool) -> Option<SocketAddr> {
        self.lendable.borrow().iter().copied().find(|socket| is_free(*socket))
    }
}
