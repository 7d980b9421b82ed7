//! All the memory that the application takes, besides its future and the stack.

use core::mem::MaybeUninit;

use barertc_runner::Buffers;
use edge_nal_embassy::{TcpBuffers, UdpBuffers};

use crate::bounds::{PLACES, REGION};

/// TCP connections at the same time.
pub(crate) const TCP_SOCKETS: usize = 3;

/// The longest offer, the longest answer, the head of a request.
pub(crate) const OFFER: usize = 6 << 10;
pub(crate) const ANSWER: usize = 2 << 10;
pub(crate) const HEAD: usize = 3 << 10;

/// The memory of the application: a `static` of the board's program.
pub struct Rooms {
    pub(crate) region: [MaybeUninit<u8>; REGION],
    pub(crate) tcp: TcpBuffers<TCP_SOCKETS, 2048, 2048>,
    /// A burst of datagrams from each page.
    pub(crate) udp: UdpBuffers<1, 6144, { PLACES * 6144 }, 24>,
    pub(crate) datagrams: Buffers<1>,
    pub(crate) http: [u8; OFFER + ANSWER + HEAD],
}

impl Rooms {
    /// Empty rooms.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            region: [MaybeUninit::uninit(); REGION],
            tcp: TcpBuffers::new(),
            udp: UdpBuffers::new(),
            datagrams: Buffers::new(),
            http: [0; OFFER + ANSWER + HEAD],
        }
    }
}

impl Default for Rooms {
    fn default() -> Self {
        Self::new()
    }
}
