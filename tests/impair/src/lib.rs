//! A bad network that is the same every time.
//!
//! [`Link`] is one direction of a path as a state machine without I/O: packets go in with a time and come out when
//! they are due, or never. The same seed and the same packets give the same fate. The program of this package puts two
//! of them between two UDP sockets, for browsers and other real peers.
//!
//! ```
//! use barertc_impair::{Link, Loss, Profile};
//! use std::time::Duration;
//!
//! let profile = Profile { loss: Loss::Independent(0.5), delay: Duration::from_millis(25), ..Profile::default() };
//! let mut link = Link::new(profile, 7);
//! for n in 0..100u8 {
//!     link.send(Duration::ZERO, vec![n]);
//! }
//! assert!(link.receive(Duration::from_millis(24)).is_none());
//! let arrived = std::iter::from_fn(|| link.receive(Duration::from_millis(25))).count();
//! assert_eq!(arrived as u64, 100 - link.counts().lost);
//! ```

mod link;
mod profile;

pub use link::{Counts, Link};
pub use profile::{Loss, Outage, Profile};
