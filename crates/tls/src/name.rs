//! The name that a server has to prove (RFC 9525).

use core::net::IpAddr;

use barertc_wire::{Reader, der};

use crate::error::Error;

/// dNSName of a GeneralName (RFC 5280 §4.2.1.6).
const DNS_NAME: u8 = 0x82;
/// iPAddress of a GeneralName.
const IP_ADDRESS: u8 = 0x87;

/// The name that a server has to prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ServerName<'a> {
    /// A DNS name.
    Dns(&'a str),
    /// An IP address, which the certificate must have as such.
    Ip(IpAddr),
}

impl<'a> ServerName<'a> {
    /// The name in a URL's host: an address, perhaps in brackets, or a DNS name, perhaps with a dot at its end.
    ///
    /// # Errors
    /// [`Error::Name`] for what is neither.
    pub fn parse(host: &'a str) -> Result<Self, Error> {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse() {
            return Ok(Self::Ip(address));
        }
        let name = host.strip_suffix('.').unwrap_or(host);
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        // What ends with a number was meant to be an address.
        let is_number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        if name.len() > 253 || is_number || !name.split('.').all(is_label) {
            return Err(Error::Name);
        }
        Ok(Self::Dns(name))
    }

    /// Whether one of the names of a certificate is this name (RFC 9525 §6). `names` are the contents of the extension
    /// subjectAltName; the common name does not count.
    pub(crate) fn is_among(self, names: &[u8]) -> bool {
        let mut r = Reader::new(names);
        let Ok(mut names) = der::expect(&mut r, der::SEQUENCE) else { return false };
        while let Ok((tag, name)) = der::element(&mut names) {
            let fits = match (tag, self) {
                (DNS_NAME, Self::Dns(wanted)) => is_same(name.rest(), wanted.as_bytes()),
                (IP_ADDRESS, Self::Ip(IpAddr::V4(wanted))) => name.rest() == wanted.octets(),
                (IP_ADDRESS, Self::Ip(IpAddr::V6(wanted))) => name.rest() == wanted.octets(),
                _ => false,
            };
            if fits {
                return true;
            }
        }
        false
    }
}

/// Whether a name of a certificate is the wanted one. A `*` stands for a whole label at the front alone, of names that have
/// two more at least (RFC 9525 §6.3).
fn is_same(presented: &[u8], wanted: &[u8]) -> bool {
    match presented.strip_prefix(b"*.") {
        Some(parent) => {
            let dot = wanted.iter().position(|byte| *byte == b'.');
            let rest = dot.and_then(|dot| wanted.get(dot.saturating_add(1)..)).unwrap_or_default();
            parent.contains(&b'.') && parent.eq_ignore_ascii_case(rest)
        }
        None => !presented.is_empty() && presented.eq_ignore_ascii_case(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_addresses_or_dns_names() {
        let name = ServerName::parse;
        assert_eq!(name("turn.Example.org."), Ok(ServerName::Dns("turn.Example.org")));
        assert_eq!(name("_sip.host-1.lan"), Ok(ServerName::Dns("_sip.host-1.lan")));
        assert_eq!(name("192.0.2.1"), Ok(ServerName::Ip([192, 0, 2, 1].into())));
        assert_eq!(name("[2001:db8::1]"), Ok(ServerName::Ip("2001:db8::1".parse().unwrap())));
        let long = "a".repeat(64);
        for wrong in ["", ".", "a..b", "192.0.2", "192.0.2.256", "a b", "ex\u{e4}mple.org", "a/b", "*.a.b", &long] {
            assert_eq!(name(wrong), Err(Error::Name), "{wrong}");
        }
    }

    #[test]
    fn a_star_stands_for_one_label() {
        let same = |presented: &str, wanted: &str| is_same(presented.as_bytes(), wanted.as_bytes());
        assert!(same("a.example.org", "A.Example.ORG") && same("*.example.org", "a.example.org"));
        for (presented, wanted) in [
            ("*.example.org", "example.org"),
            ("*.example.org", "a.b.example.org"),
            ("*.org", "example.org"),
            ("*", "example"),
            ("a*.example.org", "ab.example.org"),
            ("a.*.org", "a.b.org"),
            ("b.example.org", "a.example.org"),
            ("a.example.org\0.evil", "a.example.org"),
            ("", ""),
        ] {
            assert!(!same(presented, wanted), "{presented} for {wanted}");
        }
    }

    #[test]
    fn an_address_is_no_name() {
        let names = [0x30, 0x0c, 0x87, 4, 192, 0, 2, 1, 0x82, 4, b'a', b'.', b'b', b'c'];
        assert!(ServerName::Ip([192, 0, 2, 1].into()).is_among(&names) && ServerName::Dns("a.bc").is_among(&names));
        assert!(!ServerName::Ip([192, 0, 2, 2].into()).is_among(&names) && !ServerName::Dns("b.bc").is_among(&names));
        assert!(!ServerName::Dns("a.bc").is_among(&names[..10]) && !ServerName::Dns("a.bc").is_among(&[]));
    }
}
