//! Wakes the loop.

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;

/// Tells the loop that a connection has something to send: to be signalled whenever the application gave it something.
///
/// `M` says from where it may be signalled: with `CriticalSectionRawMutex` of `embassy-sync` from interrupts and other
/// cores, with the default from the loop's own executor only.
pub type Wake<M = NoopRawMutex> = Signal<M, ()>;
