//! The settings of the streamer.

use core::net::{IpAddr, SocketAddr};

use barertc::TurnServer;

// They have tokens.
barertc_wire::opaque! {
    [] Settings<'_>;
    [] Whip<'_>;
}

/// What a user can choose.
// More than fifteen fields: one for each setting.
#[derive(Clone)]
pub struct Settings<'a> {
    /// Where the page and signaling are served.
    pub http: SocketAddr,
    /// The addresses that media leaves from, one UDP socket each.
    pub addresses: heapless::Vec<IpAddr, MAX_ADDRESSES>,
    /// The UDP port of those sockets; 0 lets the system choose.
    pub udp_port: u16,
    /// The address under which others reach the first of the sockets, when it is another than its own: behind a port
    /// forwarding.
    pub advertise: Option<SocketAddr>,
    /// The TCP port that viewers can connect to where UDP does not get through (RFC 6544), at each of the addresses; 0 lets
    /// the system choose. Without it there is none.
    #[cfg(feature = "ice-tcp")]
    pub ice_tcp: Option<u16>,
    /// What is played: a packed file, or a directory with `h264` and `opus` in it.
    pub media: &'a str,
    /// A viewer must show this; without it only viewers on the same machine may connect.
    pub token: Option<&'a str>,
    /// A forwarding server to which the streamer connects as `id`, beside serving its own page.
    pub forwarder: Option<Forwarder<'a>>,
    /// A WHIP server to which what is played is sent, beside serving the page.
    pub whip: Option<Whip<'a>>,
    /// A STUN server, which tells our address from outside.
    pub stun: Option<SocketAddr>,
    /// TURN servers, which relay for those who have no other way. All are asked at the same time, and the first that
    /// answers is used.
    pub turn: heapless::Vec<Turn<'a>, MAX_TURN>,
    /// Only the relay is told to viewers and used.
    pub relay_only: bool,
    /// Whoever may watch may also send us video and sound, by WHIP, and the board keeps it. That needs the feature `receive`
    /// of `barertc`, without which the request is refused.
    pub record: bool,
    /// Whoever may watch may also talk to us, by WHIP with G.711 (PCMU), and the board plays it. That needs the same feature.
    pub listen: bool,
    /// Largest datagram, in bytes of UDP payload.
    pub mtu: u16,
    /// How much delay viewers can bear for pictures that are whole: see [`barertc::StreamConfig::latency`].
    pub latency: core::time::Duration,
    /// Viewers at the same time.
    pub max_viewers: usize,
    /// The page, as it is or packed by gzip.
    pub page: &'a [u8],
    /// Log figures every few seconds.
    pub stats: bool,
}

/// Addresses that media can leave from.
pub const MAX_ADDRESSES: usize = 4;

/// A forwarding server of the libdatachannel examples.
#[derive(Clone, Copy, Debug)]
pub struct Forwarder<'a> {
    /// Where it is; without it the board is asked for the host of `url` before each try ([`Board::resolve`](crate::Board::resolve)).
    pub address: Option<SocketAddr>,
    /// `ws://HOST:PORT/ID`, or `wss://…` on boards that have TLS.
    pub url: &'a str,
}

/// Sockets that are lent to viewers for relays, at most.
pub const MAX_RELAYED: usize = 16;

/// TURN servers that can be named.
pub const MAX_TURN: usize = 4;

/// A TURN server.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// Where it is, how it is reached, and the account there.
    pub server: TurnServer<'a>,
    /// Its name, which its certificate must have where it is reached over TLS.
    pub host: &'a str,
    /// Of the server's address the port alone counts: the board is asked for the rest of it
    /// ([`Board::resolve`](crate::Board::resolve)), when it starts and again now and then.
    pub look_up: bool,
}

/// A WHIP server.
#[derive(Clone, Copy)]
pub struct Whip<'a> {
    /// Where it is; without it the board is asked for the host of `url` before each try ([`Board::resolve`](crate::Board::resolve)).
    pub address: Option<SocketAddr>,
    /// `http://HOST:PORT/PATH`, or `https://…` on boards that have TLS.
    pub url: &'a str,
    /// What it wants to be shown.
    pub token: Option<&'a str>,
}

impl<'a> Settings<'a> {
    /// Serves `page` and plays `media` to viewers on the same machine.
    #[must_use]
    pub fn loopback(http_port: u16, media: &'a str, page: &'a [u8]) -> Self {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let mut addresses = heapless::Vec::new();
        // There is room for one.
        let _ = addresses.push(loopback);
        Self {
            http: SocketAddr::new(loopback, http_port),
            addresses,
            udp_port: 0,
            advertise: None,
            #[cfg(feature = "ice-tcp")]
            ice_tcp: None,
            media,
            token: None,
            forwarder: None,
            whip: None,
            stun: None,
            turn: heapless::Vec::new(),
            relay_only: false,
            record: false,
            listen: false,
            mtu: 1_200,
            latency: core::time::Duration::from_millis(100),
            max_viewers: 8,
            page,
            stats: false,
        }
    }
}
