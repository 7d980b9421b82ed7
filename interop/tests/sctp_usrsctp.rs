//! Against usrsctp, the kernel SCTP of FreeBSD in user space, which libdatachannel, GStreamer and older browsers use:
//! in-process through its AF_CONN sockets, without threads, on the simulated clock. Needs libusrsctp.so.2 (Debian:
//! libusrsctp2, or libusrsctp-dev).
//!
//! The library asks the C library for the time. Here it asks the test, so that round trips, life times and retransmissions go
//! by the simulated clock, too.
#![allow(unsafe_code, reason = "a C library")]

mod sctp_support;
mod usrsctp_support;

use std::collections::VecDeque;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use barertc_wire::Instant;
use sctp_support::{How, Link, Message, Peer, Stack, Who, bench, connect, lossy, roomy};
use usrsctp_support::*;

/// Milliseconds between two looks at its timers.
const TICK: u64 = 5;

/// One association; there is one at a time, since the library has one clock for all.
struct Usrsctp {
    socket: Socket,
    /// What the library knows it by.
    name: *mut c_void,
    next_tick: Instant,
    listening: bool,
    up: bool,
    closed: bool,
    failed: Option<String>,
    interleaves: bool,
    /// Messages that arrive in parts, by stream.
    parts: std::collections::HashMap<u16, Vec<u8>>,
    ready: VecDeque<Message>,
    reset_in: Vec<u16>,
    reset_out: Vec<u16>,
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl Usrsctp {
    fn new(interleaving: bool) -> Self {
        let alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        OUT.with(|out| out.borrow_mut().clear());
        let f = functions();
        // Any address of our own: the library compares it and gives it back.
        let name: *mut c_void = Box::into_raw(Box::new(0u64)).cast();
        // SAFETY: no callbacks are given, and the name is registered.
        let socket = unsafe {
            (f.register)(name);
            (f.socket)(AF_CONN.into(), SOCK_STREAM, IPPROTO_SCTP, ptr::null(), ptr::null(), 0, ptr::null_mut())
        };
        assert!(!socket.is_null());
        let this = Self {
            socket,
            name,
            next_tick: Instant::from_millis(TICK),
            listening: false,
            up: false,
            closed: false,
            failed: None,
            interleaves: false,
            parts: std::collections::HashMap::new(),
            ready: VecDeque::new(),
            reset_in: vec![],
            reset_out: vec![],
            _alone: alone,
        };
        this.configure(interleaving);
        this
    }

    fn configure(&self, interleaving: bool) {
        // SAFETY: the socket is live.
        assert_eq!(unsafe { (functions().set_non_blocking)(self.socket, 1) }, 0);
        self.set(SOL_SOCKET, SO_SNDBUF, &[1 << 20]);
        self.set(SOL_SOCKET, SO_RCVBUF, &[1 << 20]);
        self.set(SOL_SOCKET, SO_LINGER, &[1, 0]);
        self.sctp(SCTP_NODELAY, &[1]);
        self.sctp(SCTP_RECVRCVINFO, &[1]);
        self.sctp(SCTP_ECN_SUPPORTED, &[0, 0]);
        // Initial, largest and smallest RTO: as libdatachannel sets them.
        self.sctp(SCTP_RTOINFO, &[0, 1_000, 10_000, 200]);
        // Streams in and out: 1,024 each; ten attempts, ten seconds.
        self.sctp(SCTP_INITMSG, &[1_024 | 1_024 << 16, 10 | 10_000 << 16]);
        self.sctp(SCTP_ENABLE_STREAM_RESET, &[2, 7]);
        for event in [SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT] {
            self.sctp(SCTP_EVENT, &[0, u32::from(event) | 1 << 16]);
        }
        if interleaving {
            self.sctp(SCTP_FRAGMENT_INTERLEAVE, &[2]);
            self.sctp(SCTP_INTERLEAVING_SUPPORTED, &[0, 1]);
        }
        let at = self.address(5000);
        // SAFETY: an address of the length told.
        assert_eq!(unsafe { (functions().bind)(self.socket, &at, size_of::<Address>() as u32) }, 0);
    }

    fn address(&self, port: u16) -> Address {
        Address { family: AF_CONN, port: port.to_be(), addr: self.name }
    }

    fn sctp(&self, name: c_int, words: &[u32]) {
        self.set(IPPROTO_SCTP, name, words);
    }

    fn set(&self, level: c_int, name: c_int, words: &[u32]) {
        // SAFETY: the option's structure is made of these words.
        let result = unsafe {
            (functions().setsockopt)(self.socket, level, name, words.as_ptr().cast(), size_of_val(words) as u32)
        };
        assert_eq!(result, 0, "option {name:#x}: {}", std::io::Error::last_os_error());
    }

    fn poll(&mut self) {
        if self.listening {
            // SAFETY: no address is asked for. The listening socket has done its work once there is another.
            unsafe {
                let mut len = 0;
                let accepted = (functions().accept)(self.socket, ptr::null_mut(), &mut len);
                if accepted.is_null() {
                    return;
                }
                (functions().close)(self.socket);
                self.socket = accepted;
                (functions().set_non_blocking)(accepted, 1);
            }
            self.listening = false;
        }
        let mut room = vec![0u8; 300 << 10];
        loop {
            let mut info = ReceiveInfo::default();
            let (mut from, mut from_len) = ([0u8; 32], 32u32);
            let (mut len, mut kind, mut flags) = (size_of::<ReceiveInfo>() as u32, 0, 0);
            // SAFETY: every pointer is to memory of the length told.
            let n = unsafe {
                (functions().recvv)(
                    self.socket,
                    room.as_mut_ptr().cast(),
                    room.len(),
                    from.as_mut_ptr().cast(),
                    &mut from_len,
                    (&raw mut info).cast(),
                    &mut len,
                    &mut kind,
                    &mut flags,
                )
            };
            if n <= 0 {
                self.closed |= n == 0 && self.up;
                return;
            }
            let bytes = &room[..n as usize];
            if flags & MSG_NOTIFICATION != 0 {
                self.notified(bytes);
                continue;
            }
            let part = self.parts.entry(info.sid).or_default();
            part.extend_from_slice(bytes);
            if flags & MSG_EOR != 0 {
                self.ready.push_back((info.sid, u32::from_be(info.protocol), std::mem::take(part)));
            }
        }
    }

    fn notified(&mut self, bytes: &[u8]) {
        let word = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        match word(0) {
            SCTP_ASSOC_CHANGE => match word(8) {
                SCTP_COMM_UP => {
                    self.up = true;
                    self.interleaves = bytes[20..].contains(&SUPPORTS_INTERLEAVING);
                }
                SCTP_COMM_LOST => {
                    self.closed = true;
                    self.failed = Some("lost".into());
                }
                SCTP_SHUTDOWN_COMP => self.closed = true,
                _ => {}
            },
            SCTP_STREAM_RESET_EVENT if word(2) & RESET_TROUBLE == 0 => {
                let streams = bytes[12..].chunks_exact(2).map(|s| u16::from_ne_bytes([s[0], s[1]]));
                if word(2) & RESET_INCOMING != 0 {
                    self.reset_in.extend(streams.clone());
                }
                if word(2) & RESET_OUTGOING != 0 {
                    self.reset_out.extend(streams);
                }
            }
            _ => {}
        }
    }
}

impl Drop for Usrsctp {
    fn drop(&mut self) {
        // SAFETY: the socket is live and not used again. With a linger time of zero nothing of it stays but timers,
        // which get time to run out; only the name's memory is left to the library.
        unsafe {
            (functions().close)(self.socket);
            (functions().deregister)(self.name);
        }
        pass(60_000);
    }
}

impl Peer for Usrsctp {
    fn input(&mut self, _: Instant, packet: &mut [u8]) {
        // SAFETY: a packet of this length.
        unsafe { (functions().conninput)(self.name, packet.as_ptr().cast(), packet.len(), 0) };
        self.poll();
    }

    fn output(&mut self, _: Instant) -> Option<Vec<u8>> {
        OUT.with(|out| out.borrow_mut().pop_front())
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.next_tick)
    }

    fn expire(&mut self, now: Instant) {
        while self.next_tick <= now {
            pass(TICK as u32);
            self.next_tick += Duration::from_millis(TICK);
        }
        self.poll();
    }
}

impl Stack for Usrsctp {
    fn listen(&mut self) {
        self.listening = true;
        // SAFETY: the socket is live.
        assert_eq!(unsafe { (functions().listen)(self.socket, 1) }, 0);
    }
    fn connect(&mut self, _: Instant) {
        let to = self.address(5000);
        // SAFETY: an address of the length told.
        let result = unsafe { (functions().connect)(self.socket, &to, size_of::<Address>() as u32) };
        let error = std::io::Error::last_os_error();
        assert!(result == 0 || error.raw_os_error() == Some(EINPROGRESS), "{error}");
    }
    fn is_up(&self) -> bool {
        self.up
    }
    fn is_closed(&self) -> bool {
        self.closed
    }
    fn failed(&self) -> Option<String> {
        self.failed.clone()
    }
    fn interleaves(&self) -> bool {
        self.interleaves
    }
    fn send(&mut self, _: Instant, stream: u16, protocol: u32, payload: &[u8], how: How) -> bool {
        let info = SendInfo {
            flags: SNDINFO_AND_PRINFO,
            sid: stream,
            snd_flags: if how.unordered { UNORDERED } else { 0 },
            protocol: protocol.to_be(),
            policy: if how.retransmits.is_some() { PR_RTX } else { 0 },
            value: how.retransmits.unwrap_or(0).into(),
            ..SendInfo::default()
        };
        // SAFETY: payload and information are lent for the call, with their lengths.
        let n = unsafe {
            (functions().sendv)(
                self.socket,
                payload.as_ptr().cast(),
                payload.len(),
                ptr::null(),
                0,
                (&raw const info).cast(),
                size_of::<SendInfo>() as u32,
                SENDV_SPA,
                0,
            )
        };
        assert!(n < 0 || n as usize == payload.len(), "all or nothing");
        n > 0
    }
    fn receive(&mut self) -> Option<Message> {
        self.poll();
        self.ready.pop_front()
    }
    fn reset(&mut self, stream: u16) {
        // Association, direction and number of streams, stream.
        self.sctp(SCTP_RESET_STREAMS, &[0, u32::from(RESET_OUTGOING) | 1 << 16, u32::from(stream)]);
    }
    fn take_resets(&mut self) -> (Vec<u16>, Vec<u16>) {
        self.poll();
        (std::mem::take(&mut self.reset_in), std::mem::take(&mut self.reset_out))
    }
    fn shutdown(&mut self) {
        // SAFETY: the socket is live.
        unsafe { (functions().shutdown)(self.socket, SHUT_WR) };
    }
    fn abort(&mut self) -> bool {
        // SAFETY: with a linger time of zero this sends ABORT. What is closed again on drop is a fresh socket.
        unsafe {
            (functions().close)(self.socket);
            self.socket = (functions().socket)(
                AF_CONN.into(),
                SOCK_STREAM,
                IPPROTO_SCTP,
                ptr::null(),
                ptr::null(),
                0,
                ptr::null_mut(),
            );
        }
        self.closed = true;
        true
    }
}

#[test]
fn every_way_to_connect() {
    for interleaving in [false, true] {
        for link in [Link::default(), lossy()] {
            for who in [Who::Us, Who::Them, Who::Both] {
                for seed in 0..5 {
                    let net = &mut bench(roomy(), Usrsctp::new(interleaving), link.clone(), seed);
                    connect(net, who);
                    assert_eq!(net.left.is_interleaving(), interleaving);
                    assert!(!net.left.omits_checksum(), "it does not know of that");
                }
            }
        }
    }
}

#[test]
fn all_channel_types_under_loss() {
    for interleaving in [false, true] {
        sctp_support::all_channel_types_under_loss(|| Usrsctp::new(interleaving));
        sctp_support::unreliable_messages_of_the_peer(|| Usrsctp::new(interleaving));
    }
}

#[test]
fn large_messages_whole_and_in_pieces() {
    for interleaving in [false, true] {
        sctp_support::large_messages_whole_and_in_pieces(|| Usrsctp::new(interleaving));
    }
}

#[test]
fn text_binary_and_empty() {
    sctp_support::text_binary_and_empty(Usrsctp::new(false));
}

#[test]
fn channels_of_the_peer_and_resets_from_both_sides() {
    for interleaving in [false, true] {
        sctp_support::channels_of_the_peer_and_resets_from_both_sides(|| Usrsctp::new(interleaving));
    }
}

#[test]
fn shutdown_and_abort_from_either_side() {
    sctp_support::shutdown_and_abort_from_either_side(|| Usrsctp::new(false), &[Link::default(), lossy()]);
}

#[test]
fn digest_of_a_long_transfer_under_loss() {
    sctp_support::digest_of_a_long_transfer(Usrsctp::new(false), roomy(), sctp_support::long());
}
