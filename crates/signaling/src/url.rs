use crate::error::Error;

/// A `ws`, `wss`, `http` or `https` URL (RFC 3986, RFC 6455 §3), borrowing from its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Url<'a> {
    /// Over TLS: `wss` or `https`.
    pub secure: bool,
    /// Name or address; an IPv6 address without its brackets.
    pub host: &'a str,
    /// Explicit, or that of the scheme.
    pub port: u16,
    /// Host and port as written, for the `Host` header.
    pub authority: &'a str,
    /// Path and query, never empty.
    pub target: &'a str,
}

impl<'a> Url<'a> {
    /// Reads a URL. User information is refused: credentials belong into a header.
    ///
    /// # Errors
    /// [`Error::Url`]
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::Url);
        }
        let (scheme, rest) = text.split_once("://").ok_or(Error::Url)?;
        let secure = match scheme {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return Err(Error::Url),
        };
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (authority, target) = rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, "/"));
        let (host, port) = split_authority(authority)?;
        let port = port.unwrap_or(if secure { 443 } else { 80 });
        Ok(Self { secure, host, port, authority, target })
    }
}

/// Host without brackets, and the port when there is one.
pub(crate) fn split_authority(authority: &str) -> Result<(&str, Option<u16>), Error> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(Error::Url)?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(Error::Url)?) })
        }
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() || host.contains(['@', '?', '\\']) {
        return Err(Error::Url);
    }
    let port = port.map(|p| p.parse().map_err(|_| Error::Url)).transpose()?;
    Ok((host, port))
}

/// The value of a parameter of a query, as written.
pub(crate) fn query_parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Undoes percent-encoding (RFC 3986 §2.1); `None` when malformed, no UTF-8, or longer than `N`.
pub(crate) fn percent_decode<const N: usize>(text: &str) -> Option<heapless::String<N>> {
    let mut bytes = heapless::Vec::<u8, N>::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let plain = if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            u8::try_from(high << 4 | low).ok()?
        } else {
            byte
        };
        bytes.push(plain).ok()?;
    }
    heapless::String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let url = Url::parse("ws://[::1]:8000/server?x=1#y").unwrap();
        assert_eq!((url.secure, url.host, url.port, url.authority), (false, "::1", 8000, "[::1]:8000"));
        assert_eq!(url.target, "/server?x=1");
        let url = Url::parse("https://example.org").unwrap();
        assert_eq!((url.secure, url.host, url.port, url.target), (true, "example.org", 443, "/"));
        for bad in
            ["", "ws:/x", "ftp://x/", "ws://", "ws://a@b/", "ws://a:x/", "ws://a:70000/", "ws://[::1", "ws://a b/"]
        {
            assert_eq!(Url::parse(bad), Err(Error::Url), "{bad}");
        }
    }

    #[test]
    fn percent_encoding_is_undone() {
        assert_eq!(percent_decode::<8>("a%20%C3%A9").as_deref(), Some("a é"));
        for bad in ["%", "%2", "%zz", "%ff", "123456789"] {
            assert_eq!(percent_decode::<8>(bad), None, "{bad}");
        }
        assert_eq!(query_parameter("a=1&token=x&tokenb=2", "token"), Some("x"));
    }
}
