use core::net::IpAddr;

use subtle::ConstantTimeEq;

use crate::url::split_authority;

/// The longest token.
pub const MAX_TOKEN: usize = 128;

/// Who wants in.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// Where the connection comes from.
    pub address: IpAddr,
    /// From `Authorization: Bearer …` or from `?token=…`.
    pub token: Option<&'a str>,
    /// The `Host` header.
    pub host: Option<&'a str>,
    /// The `Origin` header; browsers send it with everything that a page of theirs does.
    pub origin: Option<&'a str>,
}

/// Who gets in: with a token those who show it; without one only this machine.
///
/// "This machine" means more than the address: any page in a browser here can open connections to it, and a name of
/// somebody else's can be made to point to it. So the page must be ours (its origin is the host it calls), and the host
/// must be called by an address or as `localhost`.
#[derive(Clone, Copy, Debug)]
pub struct Access<'t> {
    token: Option<&'t str>,
}

impl<'t> Access<'t> {
    /// With the token to be shown, or none. An empty token admits nobody.
    #[must_use]
    pub const fn new(token: Option<&'t str>) -> Self {
        Self { token }
    }

    /// Whether `caller` gets in. Tokens are compared in constant time.
    #[must_use]
    pub fn allows(&self, caller: &Caller<'_>) -> bool {
        match self.token {
            Some(token) => {
                let shown = caller.token.unwrap_or_default();
                !token.is_empty() && token.as_bytes().ct_eq(shown.as_bytes()).into()
            }
            None => caller.address.to_canonical().is_loopback() && called_directly(caller) && from_our_page(caller),
        }
    }
}

fn called_directly(caller: &Caller<'_>) -> bool {
    caller.host.and_then(|h| split_authority(h).ok()).is_some_and(|(host, _)| {
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

fn from_our_page(caller: &Caller<'_>) -> bool {
    match (caller.origin, caller.host) {
        (None, _) => true,
        (Some(origin), Some(host)) => {
            origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
        }
        (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller<'a>(address: &str, host: &'a str, origin: Option<&'a str>, token: Option<&'a str>) -> Caller<'a> {
        Caller { address: address.parse().unwrap(), token, host: Some(host), origin }
    }

    #[test]
    fn without_a_token_only_this_machine_gets_in() {
        let open = Access::new(None);
        let local = "127.0.0.1:8080";
        assert!(open.allows(&caller("127.0.0.1", local, None, None)));
        assert!(open.allows(&caller("::ffff:127.0.0.1", "localhost:1", Some("http://localhost:1"), None)));
        assert!(open.allows(&caller("::1", "[::1]:1", None, None)));
        assert!(!open.allows(&caller("192.0.2.1", local, None, None)), "another machine");
        assert!(!open.allows(&caller("127.0.0.1", local, Some("https://evil.example"), None)), "another's page");
        assert!(!open.allows(&caller("127.0.0.1", "evil.example", Some("http://evil.example"), None)), "rebound name");
        assert!(!open.allows(&caller("127.0.0.1", local, Some("null"), None)), "sandboxed page");
        assert!(!open.allows(&Caller { address: "::1".parse().unwrap(), token: None, host: None, origin: None }));
    }

    #[test]
    fn with_a_token_those_who_show_it_get_in() {
        let guarded = Access::new(Some("secret"));
        assert!(guarded.allows(&caller("192.0.2.1", "x", Some("https://y"), Some("secret"))));
        for wrong in [None, Some(""), Some("secre"), Some("secret1"), Some("Secret")] {
            assert!(!guarded.allows(&caller("127.0.0.1", "localhost", None, wrong)), "{wrong:?}");
        }
        assert!(!Access::new(Some("")).allows(&caller("127.0.0.1", "localhost", None, Some(""))));
    }
}
