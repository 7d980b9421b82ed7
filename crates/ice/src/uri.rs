//! The URIs of TURN servers (RFC 7065).
use core::net::Ipv6Addr;

use crate::error::Error;
use crate::route::Protocol;

/// The ports of TURN over UDP or TCP, and over TLS (RFC 8656 §3.1).
const PORT: u16 = 3478;
const TLS_PORT: u16 = 5349;

/// What the URI of a TURN server says: `turn:HOST[:PORT][?transport=udp|tcp]` or `turns:HOST[:PORT][?transport=tcp]`.
///
/// A URI without a transport asks for UDP, or for TLS over TCP with `turns`; RFC 5928 would ask DNS first. The account is no
/// part of a URI (RFC 7065 §3.1).
///
/// ```
/// use barertc_ice::{Protocol, TurnUri};
///
/// let uri = TurnUri::parse("turn:turn.example.org?transport=tcp")?;
/// assert_eq!((uri.host, uri.port, uri.protocol), ("turn.example.org", 3478, Protocol::Tcp));
/// assert_eq!(TurnUri::parse("turns:[2001:db8::1]:443")?.protocol, Protocol::Tls);
/// # Ok::<(), barertc_ice::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TurnUri<'t> {
    /// A name or an address; an IPv6 address without its brackets.
    pub host: &'t str,
    /// The port, or the one of the protocol where the URI has none.
    pub port: u16,
    /// How the server is reached.
    pub protocol: Protocol,
}

impl<'t> TurnUri<'t> {
    /// Reads a URI.
    ///
    /// # Errors
    /// [`Error::TurnUri`] names the part that cannot be read. `turns` with `transport=udp`, which is TURN over DTLS, is not
    /// supported.
    pub fn parse(uri: &'t str) -> Result<Self, Error> {
        let bad = |part| Error::TurnUri { part };
        let (scheme, rest) = uri.split_once(':').ok_or(bad("scheme"))?;
        let is_secure = match scheme {
            scheme if scheme.eq_ignore_ascii_case("turn") => false,
            scheme if scheme.eq_ignore_ascii_case("turns") => true,
            _ => return Err(bad("scheme")),
        };
        let (authority, query) = rest.split_once('?').map_or((rest, None), |(a, q)| (a, Some(q)));
        let transport = query.map(|query| query.strip_prefix("transport=").ok_or(bad("transport"))).transpose()?;
        let is = |name| transport.is_some_and(|transport: &str| transport.eq_ignore_ascii_case(name));
        let protocol = match is_secure {
            false if transport.is_none() || is("udp") => Protocol::Udp,
            false if is("tcp") => Protocol::Tcp,
            true if transport.is_none() || is("tcp") => Protocol::Tls,
            _ => return Err(bad("transport")),
        };
        let (host, port) = match authority.strip_prefix('[') {
            Some(literal) => {
                let (host, port) = literal.split_once(']').ok_or(bad("host"))?;
                host.parse::<Ipv6Addr>().map_err(|_| bad("host"))?;
                (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(bad("port"))?) })
            }
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-._~:".contains(&b);
        if host.is_empty() || !host.bytes().all(is_name) {
            return Err(bad("host"));
        }
        let default = if is_secure { TLS_PORT } else { PORT };
        let port = match port {
            // RFC 3986 §3.2.3: a port may be empty.
            None | Some("") => default,
            Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => {
                port.parse().ok().filter(|port| *port > 0).ok_or(bad("port"))?
            }
            Some(_) => return Err(bad("port")),
        };
        Ok(Self { host, port, protocol })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_uri_says() {
        let turn = |uri| TurnUri::parse(uri).map(|t| (t.host, t.port, t.protocol));
        assert_eq!(turn("turn:example.org"), Ok(("example.org", 3478, Protocol::Udp)));
        assert_eq!(turn("turn:example.org:80?transport=udp"), Ok(("example.org", 80, Protocol::Udp)));
        assert_eq!(turn("TURN:192.0.2.1?transport=TCP"), Ok(("192.0.2.1", 3478, Protocol::Tcp)));
        assert_eq!(turn("turns:example.org"), Ok(("example.org", 5349, Protocol::Tls)));
        assert_eq!(turn("turns:example.org:?transport=tcp"), Ok(("example.org", 5349, Protocol::Tls)));
        assert_eq!(turn("turns:[::1]:443"), Ok(("::1", 443, Protocol::Tls)));
        assert_eq!(turn("turn:[::1]"), Ok(("::1", 3478, Protocol::Udp)));
    }

    #[test]
    fn the_part_that_cannot_be_read_is_named() {
        for (uri, part) in [
            ("example.org", "scheme"),
            ("stun:example.org", "scheme"),
            ("turn://example.org", "host"),
            ("turn:", "host"),
            ("turn::3478", "host"),
            ("turn:user@example.org", "host"),
            ("turn:[example.org]", "host"),
            ("turn:[::1", "host"),
            ("turn:[::1]x", "port"),
            ("turn:::1", "host"),
            ("turn:example.org:0", "port"),
            ("turn:example.org:+1", "port"),
            ("turn:example.org:65536", "port"),
            ("turn:example.org?transport=sctp", "transport"),
            ("turn:example.org?udp", "transport"),
            ("turns:example.org?transport=udp", "transport"),
        ] {
            assert_eq!(TurnUri::parse(uri), Err(Error::TurnUri { part }), "{uri}");
        }
    }
}
