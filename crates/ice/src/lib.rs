//! ICE without I/O: an [`Agent`] that finds a way to another agent (RFC 8445), full or lite, trickling or not.
//!
//! The caller owns the sockets. It tells the agent their addresses and gives it every datagram that comes in. It
//! sends what [`Agent::poll_transmit`] writes. Events tell it where its own data may go.
//!
//! ```
//! use barertc_arena::Heap;
//! use barertc_crypto::RustCrypto;
//! use barertc_ice::{Agent, Candidate, Config, Handled, Route, State};
//! use barertc_wire::Instant;
//! # use barertc_crypto::rand_core::{TryCryptoRng, TryRng};
//! # struct Dice(u64);
//! # impl TryRng for Dice {
//! #     type Error = core::convert::Infallible;
//! #     fn try_next_u32(&mut self) -> Result<u32, Self::Error> { self.try_next_u64().map(|n| n as u32) }
//! #     fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
//! #         self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
//! #         Ok(self.0.rotate_left(29))
//! #     }
//! #     fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
//! #         out.chunks_mut(8).try_for_each(|c| {
//! #             c.copy_from_slice(&self.try_next_u64()?.to_le_bytes()[..c.len()]);
//! #             Ok(())
//! #         })
//! #     }
//! # }
//! # impl TryCryptoRng for Dice {}
//! # let mut rng = Dice(1); // a real application takes its machine's generator
//! let mut region = vec![core::mem::MaybeUninit::uninit(); 64 * 1024];
//! let heap: Heap = Heap::new(&mut region).expect("a region that large");
//! let mut alice = Agent::new(Config::default(), true, &heap, RustCrypto, &mut rng)?;
//! let mut bob = Agent::new(Config::default(), false, &heap, RustCrypto, &mut rng)?;
//! let now = Instant::ZERO;
//! let (a, b) = ("10.0.0.1:1000".parse().unwrap(), "10.0.0.2:2000".parse().unwrap());
//! alice.add_local(now, Candidate::host(a))?;
//! bob.add_local(now, Candidate::host(b))?;
//!
//! // Descriptions travel by signalling. Bob's candidate does not reach Alice: his checks tell her where he is.
//! let (ufrag, pwd) = bob.local_credentials();
//! alice.set_remote_credentials(now, ufrag, pwd)?;
//! let (ufrag, pwd) = alice.local_credentials();
//! bob.set_remote_credentials(now, ufrag, pwd)?;
//! bob.add_remote(now, Candidate::host(a))?;
//!
//! let mut out = [0; 1200];
//! while let Some(t) = bob.poll_transmit(now, &mut out) {
//!     let handled = alice.handle(now, Route::udp(a, b), &mut out[..t.len]);
//!     assert_eq!(handled, Handled::Consumed);
//! }
//! while let Some(t) = alice.poll_transmit(now, &mut out) {
//!     bob.handle(now, Route::udp(b, a), &mut out[..t.len]);
//! }
//! assert_eq!(bob.selected(), Some(Route::udp(b, a)));
//! assert_eq!(bob.state(), State::Connected);
//! # Ok::<(), barertc_ice::Error>(())
//! ```
//!
//! # Features
//!
//! `turn` is on by default.
//!
//! - `turn`: A TURN client (RFC 8656): relayed candidates. Without it no TURN server can be added.
//! - `mdns`: Resolving and announcing `.local` names: module `mdns`.
//! - `log`: Traces checks and changes of state with `log`.
//! - `defmt`: Traces checks and changes of state with `defmt`; `defmt::Format` on the public types.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_debug_implementations, unnameable_types)]
// What is said of servers and to them.
#![cfg_attr(not(feature = "turn"), allow(dead_code))]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::disallowed_methods
    )
)]

#[cfg(test)]
extern crate std;

mod agent;
mod candidate;
mod carrier;
mod config;
mod credentials;
#[cfg(feature = "mdns")]
mod dns;
mod error;
mod event;
#[cfg(feature = "mdns")]
pub mod mdns;
mod route;
mod sdp;
mod stats;
pub mod stream;
pub mod stun;
mod transaction;
mod turn;
mod uri;

pub use agent::Agent;
pub use candidate::{Candidate, CandidateType, Foundation, TcpType};
pub use carrier::{Attributes, Carrier, Carries};
pub use config::{Config, PathMtuBounds};
pub use error::Error;
pub use event::{
    Carried, Discard, Discards, Event, FailureReason, GatheringState, Handled, ServerError, State, Transmit,
};
/// Strings and vectors of fixed capacity, which signatures of this crate have.
#[doc(no_inline)]
pub use heapless;
pub use route::{Protocol, Route};
pub use sdp::{Attribute, CandidateLine, MAX_NAME, Name, SdpLines};
pub use stats::{CandidatePairState, CandidatePairStats};
pub use turn::TurnServer;
pub use uri::TurnUri;
