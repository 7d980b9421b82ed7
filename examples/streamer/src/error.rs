//! Why the application does not run.

use core::fmt;
use core::net::SocketAddr;

use barertc_signaling::TokenError;
use barertc_wire::ConfigError;

/// Why the application could not start.
#[derive(Clone, Debug)]
pub enum Error {
    /// The large memory is too small for what the settings ask for.
    Memory(barertc::Error),
    /// The page's address cannot be used.
    Http(SocketAddr),
    /// None of the addresses for media can be used.
    Udp,
    /// No address of this machine can be listened at with this TCP port.
    #[cfg(feature = "ice-tcp")]
    IceTcp(u16),
    /// Nobody could show this token.
    Token(TokenError),
    /// The bounds of a live encoder cannot be used.
    Rate(ConfigError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(error) => write!(f, "the memory is too small for what the settings ask for: {error}"),
            Self::Http(address) => write!(f, "cannot listen on {address}: is something else there?"),
            Self::Udp => f.write_str("cannot send media: no address of this machine could be bound"),
            #[cfg(feature = "ice-tcp")]
            Self::IceTcp(port) => write!(f, "cannot listen for viewers at TCP port {port}: is something else there?"),
            Self::Token(error) => write!(f, "token: {error}"),
            Self::Rate(error) => write!(f, "rate of the encoder: {error}"),
        }
    }
}

impl core::error::Error for Error {}
