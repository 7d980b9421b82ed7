//! Parses URLs.

use core::fmt::{self, Write as _};

use barertc_wire::text;

use crate::error::Error;

/// The longest URL that [`Url::resolve`] makes, in bytes.
pub const MAX_URL: usize = 512;

/// A `ws`, `wss`, `http` or `https` URL (RFC 3986, RFC 6455 §3), borrowing from its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Url<'a> {
    /// Whether the scheme uses TLS: `wss` or `https`.
    pub secure: bool,
    /// The host: a name or an address. An IPv6 address has no brackets here.
    pub host: &'a str,
    /// The port of the URL, or the default port of its scheme.
    pub port: u16,
    /// The host and the port as the URL writes them, for the header field `Host`.
    pub authority: &'a str,
    /// The path and the query as the URL writes them. Empty, or with `/` or `?` in front. [`Url::target`] has the form of a
    /// request.
    pub path_and_query: &'a str,
}

impl<'a> Url<'a> {
    /// Reads a URL. The scheme may have upper-case letters.
    ///
    /// # Errors
    /// [`Error::Url`] when the URL is malformed, has another scheme, or has user information (`user@host`). Credentials
    /// belong into a header field.
    pub fn parse(whole: &'a str) -> Result<Self, Error> {
        if !whole.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::Url);
        }
        let (scheme, rest) = text::split_once(whole, b':').ok_or(Error::Url)?;
        let rest = rest.strip_prefix("//").ok_or(Error::Url)?;
        let is = |name: &str| scheme.eq_ignore_ascii_case(name);
        let secure = match () {
            () if is("ws") || is("http") => false,
            () if is("wss") || is("https") => true,
            () => return Err(Error::Url),
        };
        let rest = text::split_once(rest, b'#').map_or(rest, |(rest, _)| rest);
        let end = rest.bytes().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
        let (authority, path_and_query) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (host, port) = split_authority(authority)?;
        let port = port.unwrap_or(if secure { 443 } else { 80 });
        Ok(Self { secure, host, port, authority, path_and_query })
    }

    /// The target of a request: the path, or `/` when it is empty, and the query (RFC 9112 §3.2.1).
    #[must_use]
    pub fn target(&self) -> impl fmt::Display + 'a {
        Target(self.path_and_query)
    }

    /// Whether both URLs have the same origin: the same use of TLS, host and port (RFC 6454 §4).
    #[must_use]
    pub fn has_origin_of(&self, other: &Url<'_>) -> bool {
        self.secure == other.secure && self.port == other.port && self.host.eq_ignore_ascii_case(other.host)
    }

    /// Whether the host is `localhost` or a loopback address.
    #[must_use]
    pub fn is_local(&self) -> bool {
        is_local(self.host)
    }

    /// Resolves `reference` against this URL (RFC 3986 §5.2). A fragment (`#…`) is left out.
    ///
    /// ```
    /// use barertc_signaling::Url;
    ///
    /// let base = Url::parse("https://example.org/whip/live?x=1")?;
    /// assert_eq!(base.resolve("../r/1?next=https://x/y")?, "https://example.org/r/1?next=https://x/y");
    /// assert_eq!(base.resolve("?id=1")?, "https://example.org/whip/live?id=1");
    /// # Ok::<(), barertc_signaling::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Url`] when the reference is malformed or has another scheme. [`Error::TooLong`] when the result is longer than
    /// [`MAX_URL`].
    pub fn resolve(&self, reference: &str) -> Result<heapless::String<MAX_URL>, Error> {
        if !reference.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::Url);
        }
        let reference = text::split_once(reference, b'#').map_or(reference, |(before, _)| before);
        if scheme(reference).is_some() {
            let url = Url::parse(reference)?;
            return url.rebuild(url.authority, url.path(), "", url.query());
        }
        let (path, query) = match text::split_once(reference, b'?') {
            Some((path, query)) => (path, Some(query)),
            None => (reference, None),
        };
        if let Some(rest) = path.strip_prefix("//") {
            let end = rest.bytes().position(|b| b == b'/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
            split_authority(authority)?;
            return self.rebuild(authority, path, "", query);
        }
        if path.is_empty() {
            return self.rebuild(self.authority, self.path(), "", query.or(self.query()));
        }
        if path.starts_with('/') {
            return self.rebuild(self.authority, path, "", query);
        }
        // RFC 3986 §5.2.3: what stands before the last slash stays.
        let slash = self.path().bytes().rposition(|b| b == b'/');
        let folder = slash.and_then(|slash| self.path().get(..slash)).unwrap_or_default();
        self.rebuild(self.authority, folder, path, query)
    }

    fn path(&self) -> &'a str {
        text::split_once(self.path_and_query, b'?').map_or(self.path_and_query, |(path, _)| path)
    }

    fn query(&self) -> Option<&'a str> {
        text::split_once(self.path_and_query, b'?').map(|(_, query)| query)
    }

    /// Puts a URL together again, with the path `folder`/`rest` without its dot segments (RFC 3986 §5.2.4, §5.3).
    fn rebuild(
        &self,
        authority: &str,
        folder: &str,
        rest: &str,
        query: Option<&str>,
    ) -> Result<heapless::String<MAX_URL>, Error> {
        let mut url = heapless::String::new();
        let long = |_| Error::TooLong { limit: MAX_URL };
        let scheme = if self.secure { "https" } else { "http" };
        write!(url, "{scheme}://{authority}").map_err(long)?;
        let root = url.len();
        let segments = |path: &'_ str| text::split(path, b'/').count();
        let (first, second) = (folder.strip_prefix('/'), (!rest.is_empty()).then_some(rest));
        let last = first.map_or(0, segments).saturating_add(second.map_or(0, segments));
        let all = first.into_iter().chain(second).flat_map(|path| text::split(path, b'/'));
        for (n, segment) in (1_usize..).zip(all) {
            let is_last = n == last;
            match segment {
                "." | ".." => {
                    if segment == ".." {
                        while url.len() > root && url.pop() != Some('/') {}
                    }
                    if is_last {
                        url.push('/').map_err(|_| Error::TooLong { limit: MAX_URL })?;
                    }
                }
                segment => write!(url, "/{segment}").map_err(long)?,
            }
        }
        if url.len() == root {
            url.push('/').map_err(|_| Error::TooLong { limit: MAX_URL })?;
        }
        if let Some(query) = query {
            write!(url, "?{query}").map_err(long)?;
        }
        Ok(url)
    }
}

struct Target<'a>(&'a str);

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.starts_with('/') {
            f.write_char('/')?;
        }
        f.write_str(self.0)
    }
}

/// The scheme of a reference, if it has one (RFC 3986 §3.1, §4.2).
fn scheme(reference: &str) -> Option<&str> {
    let (scheme, _) = text::split_once(reference, b':')?;
    let rest = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    (rest && scheme.starts_with(|c: char| c.is_ascii_alphabetic())).then_some(scheme)
}

/// Host without brackets, and the port when there is one (RFC 3986 §3.2).
pub(crate) fn split_authority(authority: &str) -> Result<(&str, Option<u16>), Error> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = text::split_once(rest, b']').ok_or(Error::Url)?;
            if ipv6(host).is_none() {
                return Err(Error::Url);
            }
            (host, if port.is_empty() { "" } else { port.strip_prefix(':').ok_or(Error::Url)? })
        }
        None => {
            let (host, port) = text::split_once(authority, b':').unwrap_or((authority, ""));
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(&b);
            if host.is_empty() || !host.bytes().all(allowed) {
                return Err(Error::Url);
            }
            (host, port)
        }
    };
    if port.is_empty() {
        return Ok((host, None));
    }
    Ok((host, Some(text::number(port).ok_or(Error::Url)?)))
}

/// The value of an IPv6 address as RFC 4291 §2.2 writes it. `core` reads addresses too, but with checks that the linker keeps
/// (`cargo xtask no-panic`).
fn ipv6(host: &str) -> Option<u128> {
    // The groups up to the gap, and those behind it. Without a gap all are behind it.
    let (mut groups, mut value, mut ahead) = (0_u32, 0_u128, None);
    let mut parts = text::split(host, b':').enumerate().peekable();
    while let Some((n, part)) = parts.next() {
        let is_last = parts.peek().is_none();
        if part.is_empty() {
            // Two colons stand for a gap. At an end of the address they leave two empty parts.
            let at_end = (n == 0 && host.starts_with("::")) || (is_last && host.ends_with("::"));
            if at_end {
                continue;
            }
            if n == 0 || is_last || ahead.is_some() {
                return None;
            }
            ahead = Some((groups, value));
            value = 0;
            continue;
        }
        let (len, bits) = if is_last && part.bytes().any(|b| b == b'.') {
            (2, u128::from(ipv4(part)?))
        } else if part.len() <= 4 {
            (1, part.chars().try_fold(0_u128, |bits, c| Some(bits << 4 | u128::from(c.to_digit(16)?)))?)
        } else {
            return None;
        };
        groups = groups.saturating_add(len);
        value = if len == 2 { value << 32 | bits } else { value << 16 | bits };
    }
    match ahead {
        Some((before, high)) if groups < 8 => {
            let room = 8_u32.saturating_sub(before).saturating_mul(16);
            Some(high.checked_shl(room).unwrap_or(0) | value)
        }
        None if groups == 8 => Some(value),
        _ => None,
    }
}

/// The value of an IPv4 address of four decimal numbers.
fn ipv4(host: &str) -> Option<u32> {
    let byte = |part: &str| {
        let digits = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let value = part.bytes().fold(0_u32, |value, b| value.wrapping_mul(10).wrapping_add(u32::from(b & 15)));
        (digits && value <= 255 && (part.len() == 1 || !part.starts_with('0'))).then_some(value)
    };
    let bytes = || text::split(host, b'.');
    (bytes().count() == 4).then_some(())?;
    bytes().try_fold(0, |address, part| Some(address << 8 | byte(part)?))
}

/// Whether a host is `localhost` or a loopback address: 127.0.0.0/8, `::1`, or 127.0.0.0/8 mapped into IPv6 (RFC 4291
/// §2.5.5.2).
pub(crate) fn is_local(host: &str) -> bool {
    let is_loopback = |address: u32| address >> 24 == 127;
    let v6 = |address: u128| address == 1 || address >> 32 == 0xffff && is_loopback(address as u32);
    host.eq_ignore_ascii_case("localhost") || ipv4(host).is_some_and(is_loopback) || ipv6(host).is_some_and(v6)
}

/// The value of a query parameter, as the query writes it.
pub(crate) fn query_parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    text::split(query, b'&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Undoes percent-encoding (RFC 3986 §2.1). `None` when the text is malformed, not UTF-8, or longer than `N` bytes.
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
    use std::string::ToString;

    use super::*;

    proptest::proptest! {
        #[test]
        fn addresses_are_what_the_standard_library_takes(
            parts in proptest::collection::vec("|0|1|ab|12ef|FFFF|12345|127[.]0[.]0[.]1|1[.]2[.]3[.]4|1[.]2[.]3|01[.]2[.]3[.]4|1[.]2[.]3[.]256|g|[+]1|1.2", 0..10),
            mapped: bool,
        ) {
            let text = parts.join(":");
            let text = if mapped { ["::ffff:", &text].concat() } else { text };
            same_as_the_standard_library(&text);
            parts.iter().for_each(|part| same_as_the_standard_library(part));
        }
    }

    fn same_as_the_standard_library(text: &str) {
        use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
        assert_eq!(ipv6(text), text.parse().ok().map(Ipv6Addr::to_bits), "{text}");
        assert_eq!(ipv4(text), text.parse().ok().map(Ipv4Addr::to_bits), "{text}");
        let local = text.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
        assert_eq!(is_local(text), local, "{text}");
    }

    #[test]
    fn this_machine_has_many_addresses() {
        for local in [
            "localhost",
            "LocalHost",
            "127.0.0.1",
            "127.255.0.9",
            "::1",
            "0:0::0:1",
            "::ffff:127.0.0.1",
            "::ffff:7f00:1",
        ] {
            assert!(is_local(local), "{local}");
        }
        for other in [
            "",
            "localhost.",
            "128.0.0.1",
            "127.0.0",
            "127.1",
            "0127.0.0.1",
            "::2",
            "1::1",
            "::127.0.0.1",
            "::fffe:127.0.0.1",
        ] {
            assert!(!is_local(other), "{other}");
        }
    }

    #[test]
    fn addresses_with_gaps_anywhere_are_read() {
        for text in
            ["::", "::1", "1::", "1::2", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:1.2.3.4", "::1.2.3.4", "1:2:3:4:5:6:7::"]
        {
            assert!(ipv6(text).is_some(), "{text}");
            same_as_the_standard_library(text);
        }
        for text in
            ["", ":", ":::", "1:::2", "::1::", ":1", "1:", "1.2.3.4", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:1.2.3.4"]
        {
            assert!(ipv6(text).is_none(), "{text}");
            same_as_the_standard_library(text);
        }
    }

    #[test]
    fn urls_are_taken_apart() {
        let url = Url::parse("ws://[::1]:8000/server?x=1#y").unwrap();
        assert_eq!((url.secure, url.host, url.port, url.authority), (false, "::1", 8000, "[::1]:8000"));
        assert_eq!(url.target().to_string(), "/server?x=1");
        let url = Url::parse("https://example.org").unwrap();
        assert_eq!((url.secure, url.host, url.port), (true, "example.org", 443));
        assert_eq!(url.target().to_string(), "/");
        let url = Url::parse("HTTP://h?id=/1").unwrap();
        assert_eq!((url.secure, url.host, url.port, url.target().to_string().as_str()), (false, "h", 80, "/?id=/1"));
        assert_eq!(Url::parse("Ws://h:/x").map(|u| u.port), Ok(80), "an empty port is none");
        for bad in [
            "",
            "ws:/x",
            "ftp://x/",
            "ws://",
            "ws://a@b/",
            "ws://a:x/",
            "ws://a:+80/",
            "ws://a:70000/",
            "ws://[::1",
            "ws://[x]/",
            "ws://[::1]8/",
            "ws://a b/",
            "ws://a\\b/",
            "ws://a\"/",
            "ws://é/",
        ] {
            assert_eq!(Url::parse(bad), Err(Error::Url), "{bad}");
        }
    }

    /// The examples of RFC 3986 §5.4, as far as they stay within the schemes of this crate; fragments are left out.
    #[test]
    fn references_are_resolved_as_rfc_3986_has_them() {
        let base = Url::parse("http://a/b/c/d;p?q").unwrap();
        for (reference, url) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            ("g?y#s", "http://a/b/c/g?y"),
            (";x", "http://a/b/c/;x"),
            ("g;x", "http://a/b/c/g;x"),
            ("g;x?y#s", "http://a/b/c/g;x?y"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("../../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            (".g", "http://a/b/c/.g"),
            ("g..", "http://a/b/c/g.."),
            ("..g", "http://a/b/c/..g"),
            ("./../g", "http://a/b/g"),
            ("./g/.", "http://a/b/c/g/"),
            ("g/./h", "http://a/b/c/g/h"),
            ("g/../h", "http://a/b/c/h"),
            ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/./x", "http://a/b/c/g?y/./x"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
        ] {
            assert_eq!(base.resolve(reference).as_deref(), Ok(url), "{reference}");
        }
    }

    #[test]
    fn locations_of_servers_are_resolved() {
        let base = Url::parse("https://example.org:8443/whip/live?x=/y").unwrap();
        for (location, url) in [
            ("/r/1", "https://example.org:8443/r/1"),
            ("1", "https://example.org:8443/whip/1"),
            ("?id=1", "https://example.org:8443/whip/live?id=1"),
            ("../r/1", "https://example.org:8443/r/1"),
            ("/r/1?next=https://x/y", "https://example.org:8443/r/1?next=https://x/y"),
            ("//other/1", "https://other/1"),
            ("//other?a", "https://other/?a"),
            ("http://other/1", "http://other/1"),
            ("HTTP://h", "http://h/"),
            ("HTTPS://h:1/a/../b?c", "https://h:1/b?c"),
        ] {
            assert_eq!(base.resolve(location).as_deref(), Ok(url), "{location}");
        }
        let bare = Url::parse("http://example.org").unwrap();
        assert_eq!(bare.resolve("r/1").as_deref(), Ok("http://example.org/r/1"));
        assert_eq!(bare.resolve("?id").as_deref(), Ok("http://example.org/?id"));
        for bad in ["ftp://x/", "http:g", "mailto:x", "a b", "é", "//", "//a@b/", "http://"] {
            assert_eq!(base.resolve(bad), Err(Error::Url), "{bad}");
        }
        let long = "x".repeat(MAX_URL);
        assert_eq!(base.resolve(&long), Err(Error::TooLong { limit: MAX_URL }));
    }

    #[test]
    fn origins_are_compared_by_all_three_parts() {
        let base = Url::parse("https://example.org/whip").unwrap();
        let same = |text| Url::parse(text).unwrap().has_origin_of(&base);
        assert!(same("https://EXAMPLE.org:443/other") && same("wss://example.org"));
        assert!(!same("http://example.org") && !same("https://example.org:8443") && !same("https://a.example.org"));
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
