//! Who may send to the media sockets.

use core::net::{IpAddr, SocketAddr};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Who may send to the media sockets.
#[derive(Clone, Debug)]
pub enum Senders {
    /// Everybody.
    All,
    /// This machine alone: a datagram or connection from another one is counted and dropped, before anything reads it.
    ///
    /// A browser on this machine uses the addresses of its network cards: Firefox takes no other. So the sockets are bound
    /// to those, and the operating system drops what comes from outside with one of them as its source.
    ThisMachine {
        /// The addresses of this machine.
        addresses: Rc<RefCell<Vec<IpAddr>>>,
        /// Datagrams and connections that came from elsewhere.
        refused: Rc<Cell<u64>>,
    },
}

impl Senders {
    /// This machine alone, which has these `addresses`.
    pub fn this_machine(addresses: &[IpAddr]) -> Self {
        Self::ThisMachine { addresses: Rc::new(RefCell::new(addresses.into())), refused: Rc::default() }
    }

    /// This machine has other addresses now.
    pub fn follow(&self, own: Vec<IpAddr>) {
        if let Self::ThisMachine { addresses, .. } = self {
            addresses.replace(own);
        }
    }

    /// Whether a datagram or connection of `remote` is to be read. One that is not is counted.
    pub fn admit(&self, remote: SocketAddr) -> bool {
        let Self::ThisMachine { addresses, refused } = self else { return true };
        let ip = remote.ip().to_canonical();
        let here = ip.is_loopback() || addresses.borrow().contains(&ip);
        if !here {
            refused.set(refused.get().saturating_add(1));
        }
        here
    }

    /// Datagrams and connections that came from elsewhere.
    pub fn refused(&self) -> u64 {
        match self {
            Self::All => 0,
            Self::ThisMachine { refused, .. } => refused.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_machine_is_counted_and_not_heard() {
        let senders = Senders::this_machine(&["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()]);
        for here in ["127.0.0.1:1", "192.0.2.7:9", "[::1]:1", "[2001:db8::7]:5", "[::ffff:192.0.2.7]:9"] {
            assert!(senders.admit(here.parse().unwrap()), "{here}");
        }
        assert_eq!(senders.refused(), 0);
        for elsewhere in ["192.0.2.8:9", "[2001:db8::8]:5", "0.0.0.0:1", "[::ffff:192.0.2.8]:9"] {
            assert!(!senders.admit(elsewhere.parse().unwrap()), "{elsewhere}");
        }
        assert_eq!(senders.refused(), 4);
        senders.follow(vec!["192.0.2.8".parse().unwrap()]);
        assert!(senders.admit("192.0.2.8:9".parse().unwrap()), "an address that is new");
        assert!(!senders.admit("192.0.2.7:9".parse().unwrap()), "one that is gone");
        assert!(Senders::All.admit("192.0.2.8:9".parse().unwrap()));
    }
}
