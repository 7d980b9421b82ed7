//! A tap device: the network that the simulated radio is in.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;

use async_io::Async;

/// A tap device of this machine, or of the network namespace that the program runs in.
pub struct Tap(Async<File>);

impl Tap {
    /// Makes the device; it is gone when the program ends. Needs the right to do so.
    pub fn new(name: &str) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
        // SAFETY: all zeros is a valid request.
        let mut request: libc::ifreq = unsafe { core::mem::zeroed() };
        if name.len() >= request.ifr_name.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        for (place, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *place = byte.cast_signed();
        }
        request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI) as i16;
        // SAFETY: the request lives as long as the call, and is of the kind that the call takes.
        if unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF as _, &mut request) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Async::new(file).map(Self)
    }

    /// The next frame.
    pub async fn receive(&self, frame: &mut [u8]) -> io::Result<usize> {
        self.0.read_with(|file| (&*file).read(frame)).await
    }

    /// Sends a frame; one that finds the device down is lost, as in the air.
    pub fn send(&self, frame: &[u8]) {
        let _ = { self.0.get_ref() }.write(frame);
    }
}
