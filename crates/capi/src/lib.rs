//! The C interface of `barertc`: a WebRTC connection that lives in a region of memory which the caller gives.
//!
//! `include/barertc.h` is written from this crate by cbindgen. Its comments are the doc comments of the items here;
//! `docs/c.md` tells how to build the library and how the loop looks. `examples/` has programs in C.
//!
//! The functions can be called from Rust too, for example to reserve the region of a C program at its size:
//!
//! ```
//! use barertc_capi::config::{brtc_config, brtc_config_init};
//! use barertc_capi::connection::brtc_region_bytes;
//! use barertc_capi::result::brtc_result;
//! use std::mem::MaybeUninit;
//!
//! let mut config = MaybeUninit::<brtc_config>::uninit();
//! // SAFETY: the pointer is valid for as many bytes as are named.
//! let result = unsafe { brtc_config_init(config.as_mut_ptr(), size_of::<brtc_config>()) };
//! assert_eq!(result, brtc_result::BRTC_OK);
//! // SAFETY: it has been filled in.
//! let bytes = unsafe { brtc_region_bytes(config.as_ptr()) };
//! assert!(bytes > 64 << 10, "a connection with tracks and data channels");
//! ```
//!
//! # Rules for all functions
//!
//! - Each pointer is null or valid for what the function does with it. A null pointer where a value is needed gives
//!   `BRTC_INVALID_ARGUMENT`. Text that is passed without a length ends with a zero byte.
//! - Each function checks its handle. A handle that was destroyed gives `BRTC_INVALID_HANDLE`. This holds while its
//!   memory exists and is not used for something else.
//! - A connection and its identity are used by one thread at a time. Connections with identities of their own are
//!   independent. A callback does not call into the connection that called it; it gets `BRTC_BUSY` there.
//! - A structure that begins with `size` is filled in by its `…_init` function, or has `size` set by the caller. A program
//!   that was compiled with another version of the header works with this library: what it does not know keeps its default.
//!
//! # Features
//!
//! `wide-crc` is on by default.
//!
//! - `wide-crc`: A faster checksum of data channels. It takes sixteen bytes a step, and 16 KiB of tables instead of 1 KiB.
//! - `critical-section`: On chips without compare-and-swap: atomics by the `critical-section` that the firmware links.
//! - `panic-handler`: For a static library without an operating system. It has a panic handler, which calls the
//!   application's `brtc_panic`. Its global allocator does not link.
//! - `std`: The panic handler of the standard library: for a static library on an operating system.
#![no_std]
#![deny(missing_debug_implementations, unnameable_types)]
#![allow(non_camel_case_types, reason = "the names of types and constants are those of the header")]
#![allow(clippy::missing_safety_doc, reason = "the rules above hold for every function")]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::disallowed_methods,
        clippy::undocumented_unsafe_blocks
    )
)]

#[cfg(feature = "std")]
extern crate std;

pub mod address;
pub mod channel;
pub mod config;
pub mod connection;
pub mod event;
pub mod handle;
pub mod identity;
pub mod log;
pub mod negotiation;
pub mod network;
mod numbers;
#[cfg(feature = "panic-handler")]
mod panic;
mod raw;
pub mod result;
pub mod seed;
pub mod statistics;
mod text;
pub mod track;
