//! The five verbs without events, and the addresses of both sides.

use core::ffi::c_char;

use barertc::{Candidate, GatheringState, Instant, Protocol, TurnServer};

use crate::address::{brtc_address, brtc_route};
use crate::handle::{self, brtc_connection};
use crate::log::brtc_log_level::BRTC_LOG_DEBUG;
use crate::raw;
use crate::result::{Cause, brtc_result};

/// A datagram that is to be sent.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct brtc_transmit {
    /// The socket to send from, and the destination.
    pub route: brtc_route,
    /// Bytes in the caller's buffer, from its start.
    pub length: usize,
}

/// The longest line of a candidate, name of an account or password.
pub(crate) const MAX_TEXT: usize = 508;

/// Takes a datagram that has come in on `route`. It is decrypted in place: its bytes change.
///
/// An error needs no action. The statistics count a bad datagram, and an event tells when the connection ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_handle(
    now: u64,
    connection: *mut brtc_connection,
    route: *const brtc_route,
    datagram: *mut u8,
    length: usize,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with_level(connection, BRTC_LOG_DEBUG, |inside| {
            let route = raw::get("route", route)?.route()?;
            let datagram = raw::bytes_mut("datagram", datagram, length)?;
            Ok(inside.peer.handle(Instant::from_micros(now), route, datagram)?)
        })
    }
}

/// Tells whether a datagram is for this connection, where many connections share a socket. `BRTC_OK` if it is a check with
/// the connection's user name fragment, or if it comes from an address of its peer or of its servers. Else `BRTC_NOTHING`.
/// The call changes nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_is_for_us(
    connection: *mut brtc_connection,
    route: *const brtc_route,
    datagram: *const u8,
    length: usize,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let route = raw::get("route", route)?.route()?;
            let datagram = raw::bytes("datagram", datagram, length)?;
            if inside.peer.is_for_us(route, datagram) { Ok(()) } else { Err(Cause::Nothing) }
        })
    }
}

/// Takes a datagram that `brtc_is_for_us` has given to no connection. `BRTC_OK` if it is authentic and from this
/// connection's peer: the peer then has a new address. Else `BRTC_NOTHING`, or `BRTC_INVALID_ARGUMENT`. The datagram is of
/// no use afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_handle_unknown(
    now: u64,
    connection: *mut brtc_connection,
    route: *const brtc_route,
    datagram: *mut u8,
    length: usize,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let route = raw::get("route", route)?.route()?;
            let datagram = raw::bytes_mut("datagram", datagram, length)?;
            let is_ours = inside.peer.handle_unknown(Instant::from_micros(now), route, datagram);
            if is_ours { Ok(()) } else { Err(Cause::Nothing) }
        })
    }
}

/// Writes at most one datagram that is to be sent into `out`. `BRTC_NOTHING` where there is none now. To be called after
/// every other call until there is none. `BRTC_BUFFER_TOO_SHORT`: `out` has less than the `mtu` of the configuration; the
/// datagrams wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_poll_transmit(
    now: u64,
    connection: *mut brtc_connection,
    out: *mut u8,
    size: usize,
    transmit: *mut brtc_transmit,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            // Checked before: a datagram that could not be told of would be lost.
            raw::put("transmit", transmit, brtc_transmit::default())?;
            let out = raw::bytes_mut("out", out, size)?;
            let needed = usize::from(inside.peer.config().mtu);
            if out.len() < needed {
                return Err(Cause::Short { needed });
            }
            let sent = inside.peer.poll_transmit(Instant::from_micros(now), out).ok_or(Cause::Nothing)?;
            raw::put("transmit", transmit, brtc_transmit { route: sent.route.into(), length: sent.len })
        })
    }
}

/// When to call `brtc_handle_timeout` and `brtc_poll_transmit` again, in microseconds; it may lie in the past.
/// `BRTC_NOTHING`: not before something else happens.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_timeout(connection: *mut brtc_connection, at: *mut u64) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let timeout = inside.peer.timeout();
            raw::put("at", at, timeout.map_or(u64::MAX, Instant::as_micros))?;
            timeout.map(drop).ok_or(Cause::Nothing)
        })
    }
}

/// Does what is due.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_handle_timeout(now: u64, connection: *mut brtc_connection) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            inside.peer.handle_timeout(Instant::from_micros(now));
            Ok(())
        })
    }
}

/// The address of a bound socket: a host candidate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_add_local_candidate(
    now: u64,
    connection: *mut brtc_connection,
    address: *const brtc_address,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let address = raw::get("address", address)?.socket()?;
            Ok(inside.peer.add_local_candidate(Instant::from_micros(now), Candidate::host(address))?)
        })
    }
}

/// A socket that others reach under `visible`: behind a port forwarding, or a NAT that maps one address to one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_add_mapped_candidate(
    now: u64,
    connection: *mut brtc_connection,
    local: *const brtc_address,
    visible: *const brtc_address,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let (local, visible) = (raw::get("local", local)?.socket()?, raw::get("visible", visible)?.socket()?);
            Ok(inside.peer.add_mapped_candidate(Instant::from_micros(now), local, visible)?)
        })
    }
}

/// A socket that is gone, with the network that it was in. `BRTC_ICE` where no candidate has this address: nothing has
/// changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_remove_local_candidate(
    now: u64,
    connection: *mut brtc_connection,
    address: *const brtc_address,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let address = raw::get("address", address)?.socket()?;
            Ok(inside.peer.remove_local_candidate(Instant::from_micros(now), address)?)
        })
    }
}

/// A candidate that the peer has trickled: the text of an `a=candidate` line, with or without `a=`. Names (mDNS) are
/// ignored: such a peer is seen when its checks arrive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_add_remote_candidate(
    now: u64,
    connection: *mut brtc_connection,
    line: *const c_char,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let line = raw::c_text("line", line, MAX_TEXT)?;
            Ok(inside.peer.add_remote_candidate(Instant::from_micros(now), line)?)
        })
    }
}

/// A STUN server that tells which address this side has from outside.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_add_stun_server(
    now: u64,
    connection: *mut brtc_connection,
    server: *const brtc_address,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let server = raw::get("server", server)?.socket()?;
            Ok(inside.peer.add_stun_server(Instant::from_micros(now), server)?)
        })
    }
}

/// A TURN server over UDP, and an account there. Name and password have at most 508 bytes each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_add_turn_server(
    now: u64,
    connection: *mut brtc_connection,
    server: *const brtc_address,
    username: *const c_char,
    password: *const c_char,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let server = TurnServer {
                addr: raw::get("server", server)?.socket()?,
                protocol: Protocol::Udp,
                username: raw::c_text("username", username, MAX_TEXT)?,
                password: raw::c_text("password", password, MAX_TEXT)?,
                ipv6: false,
            };
            Ok(inside.peer.add_turn_server(Instant::from_micros(now), &server)?)
        })
    }
}

/// Asks the STUN and TURN servers now, and not with the first description. When `BRTC_EVENT_GATHERING_STATE` says that
/// gathering is complete, a description has all candidates.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_gather(now: u64, connection: *mut brtc_connection) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe { handle::with(connection, |inside| Ok(inside.peer.gather(Instant::from_micros(now))?)) }
}

/// `BRTC_OK` when gathering is complete, else `BRTC_NOTHING`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_is_gathered(connection: *mut brtc_connection) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| match inside.peer.ice_gathering_state() {
            GatheringState::Complete => Ok(()),
            _ => Err(Cause::Nothing),
        })
    }
}

/// Ends the connection: the peer is told when `brtc_poll_transmit` is emptied once more. Go on with the loop until
/// `brtc_has_parted`, so that TURN servers get back what they lent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_close(now: u64, connection: *mut brtc_connection) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            inside.peer.close(Instant::from_micros(now));
            Ok(())
        })
    }
}

/// `BRTC_OK` when the connection is closed, the peer has been told, and nothing is left to be sent or waited for; else
/// `BRTC_NOTHING`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_has_parted(connection: *mut brtc_connection) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe { handle::with(connection, |inside| if inside.peer.has_parted() { Ok(()) } else { Err(Cause::Nothing) }) }
}
