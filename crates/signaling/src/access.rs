//! Who may connect: origins, tokens and limits.

use core::cell::RefCell;
use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use barertc_wire::Instant;
use subtle::ConstantTimeEq;

use crate::url::{is_local, split_authority};

/// The longest token, in bytes.
pub const MAX_TOKEN: usize = 128;

/// The number of wrong tokens that an address may send before it has to wait.
const FREE_ATTEMPTS: u8 = 10;
/// The time after which an address may send one more wrong token.
const REFILL: Duration = Duration::from_secs(2);
/// The number of addresses whose wrong tokens are remembered. A new address replaces the one whose attempts return first.
const ADDRESSES: usize = 32;

/// The caller of a request, as [`Access`] sees it.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// The address from which the connection comes.
    pub address: IpAddr,
    /// The token from `Authorization: Bearer …` or from `?token=…`.
    pub token: Option<&'a str>,
    /// The header field `Host`.
    pub host: Option<&'a str>,
    /// The header field `Origin`. A browser sends it with the WebSocket handshakes and `POST` requests of a page.
    pub origin: Option<&'a str>,
}

barertc_wire::opaque! { [] Caller<'_>; }

/// The reason why a token cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TokenError {
    /// The token is empty.
    Empty,
    /// The token is longer than [`MAX_TOKEN`].
    TooLong {
        /// The length of the token in bytes.
        len: usize,
    },
    /// The token contains a control character.
    Control,
}

impl core::fmt::Display for TokenError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Empty => f.write_str("an empty token would admit nobody"),
            Self::TooLong { len } => write!(f, "a token has at most {MAX_TOKEN} bytes, and this one has {len}"),
            Self::Control => f.write_str("a token has no control characters"),
        }
    }
}

impl core::error::Error for TokenError {}

/// The rule that admits callers.
///
/// With a token, it admits every caller that sends the token. Without a token, it admits callers on the same machine only.
///
/// A loopback address alone does not prove that. Any web page in a browser of the machine can connect to it, and an
/// attacker can make a host name resolve to a loopback address. So `Host` must be a loopback address or `localhost`, and
/// `Origin`, where there is one, must be the same host.
#[derive(Clone, Copy)]
pub struct Access<'t> {
    token: Option<&'t str>,
}

barertc_wire::opaque! { [] Access<'_>; }

impl<'t> Access<'t> {
    /// Makes the rule with a token, or without one.
    ///
    /// # Errors
    /// [`TokenError`] when the token is empty, too long, or contains a control character.
    pub fn new(token: Option<&'t str>) -> Result<Self, TokenError> {
        match token {
            Some("") => Err(TokenError::Empty),
            Some(token) if token.len() > MAX_TOKEN => Err(TokenError::TooLong { len: token.len() }),
            Some(token) if token.chars().any(char::is_control) => Err(TokenError::Control),
            token => Ok(Self { token }),
        }
    }

    /// Whether callers must send a token.
    #[must_use]
    pub const fn needs_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether the rule admits `caller`. Tokens are compared in constant time.
    #[must_use]
    pub fn allows(&self, caller: &Caller<'_>) -> bool {
        match self.token {
            Some(_) => self.is_token(caller.token),
            None => caller.address.to_canonical().is_loopback() && called_directly(caller) && from_our_page(caller),
        }
    }

    /// Whether `shown` is the token, compared in constant time. Always false for a rule without a token.
    #[must_use]
    pub fn is_token(&self, shown: Option<&str>) -> bool {
        let shown = shown.unwrap_or_default();
        self.token.is_some_and(|token| token.as_bytes().ct_eq(shown.as_bytes()).into())
    }
}

/// The decision about a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Admission {
    /// The caller is admitted.
    Granted,
    /// The caller is refused.
    Refused,
    /// The address has sent too many wrong tokens. The token of this caller was not compared.
    TooManyAttempts {
        /// The time until the next token of the address will be compared.
        retry_after: Duration,
    },
}

impl From<bool> for Admission {
    fn from(allowed: bool) -> Self {
        if allowed { Self::Granted } else { Self::Refused }
    }
}

/// [`Access`] with a limit on wrong tokens.
///
/// An address may send ten wrong tokens, and then one each two seconds. Beyond that, its tokens are not compared. IPv6
/// addresses with the same first 64 bits count as one address, because one machine can have all of them. The limit is
/// kept for 32 addresses.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AccessControl<'t> {
    access: Access<'t>,
    guessers: RefCell<heapless::Vec<Guesser, ADDRESSES>>,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Guesser {
    address: IpAddr,
    /// The time at which the address has all its attempts again.
    forgiven: Instant,
}

impl<'t> AccessControl<'t> {
    /// Makes the control for the rule `access`.
    #[must_use]
    pub const fn new(access: Access<'t>) -> Self {
        Self { access, guessers: RefCell::new(heapless::Vec::new()) }
    }

    /// Decides about a caller.
    pub fn decide(&self, now: Instant, caller: &Caller<'_>) -> Admission {
        if self.access.needs_token() && caller.token.is_some() {
            self.compare(now, caller.address, caller.token)
        } else {
            self.access.allows(caller).into()
        }
    }

    /// Decides about a token that is not part of a caller's request, such as one inside a message. `address` is the address
    /// that the attempt counts for.
    pub fn compare(&self, now: Instant, address: IpAddr, token: Option<&str>) -> Admission {
        let address = network_of(address);
        let mut guessers = self.guessers.borrow_mut();
        let known = guessers.iter_mut().find(|guesser| guesser.address == address);
        let forgiven = known.as_ref().map_or(now, |guesser| guesser.forgiven.max(now));
        let full = REFILL.saturating_mul(FREE_ATTEMPTS.into());
        let next = forgiven + REFILL;
        if next > now + full {
            return Admission::TooManyAttempts { retry_after: next - (now + full) };
        }
        if self.access.is_token(token) {
            return Admission::Granted;
        }
        if token.is_none() {
            return Admission::Refused;
        }
        if let Some(guesser) = known {
            guesser.forgiven = next;
            return Admission::Refused;
        }
        if guessers.is_full()
            && let Some(quiet) = (0..guessers.len()).min_by_key(|n| guessers.get(*n).map(|guesser| guesser.forgiven))
        {
            guessers.swap_remove(quiet);
        }
        // The list has room now.
        let _ = guessers.push(Guesser { address, forgiven: next });
        Admission::Refused
    }
}

/// The network that an address counts for: an IPv4 address itself, or the first 64 bits of an IPv6 address.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn called_directly(caller: &Caller<'_>) -> bool {
    caller.host.and_then(|h| split_authority(h).ok()).is_some_and(|(host, _)| is_local(host))
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
        let open = Access::new(None).unwrap();
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
        let guarded = Access::new(Some("secret")).unwrap();
        assert!(guarded.allows(&caller("192.0.2.1", "x", Some("https://y"), Some("secret"))));
        for wrong in [None, Some(""), Some("secre"), Some("secret1"), Some("Secret")] {
            assert!(!guarded.allows(&caller("127.0.0.1", "localhost", None, wrong)), "{wrong:?}");
        }
        assert!(!open_has_no_token());
    }

    #[test]
    fn no_token_is_in_a_log() {
        use std::format;

        use crate::link::Peer;
        use crate::message::{Dialect, Envelope};

        let token = Some("secret");
        let access = Access::new(token).unwrap();
        let shown = [
            format!("{access:?} {:?}", AccessControl::new(access)),
            format!("{:?}", caller("::1", "x", None, token)),
            format!("{:?}", Peer { socket: 1, id: "a", token }),
            format!("{:?}", Envelope { id: "a", token, dialect: Dialect::Client, message: None }),
        ];
        assert!(shown.iter().all(|text| !text.contains("secret")), "{shown:?}");
    }

    fn open_has_no_token() -> bool {
        Access::new(None).unwrap().is_token(Some(""))
    }

    #[test]
    fn a_token_that_nobody_could_show_is_refused_with_the_limit() {
        let longest = "x".repeat(MAX_TOKEN);
        assert!(Access::new(Some(&longest)).is_ok());
        let longer = "x".repeat(MAX_TOKEN + 1);
        let error = Access::new(Some(&longer)).unwrap_err();
        assert_eq!(error, TokenError::TooLong { len: 129 });
        let said = std::format!("{error}");
        assert!(said.contains("128") && said.contains("129"), "{said}");
        assert_eq!(Access::new(Some("")).unwrap_err(), TokenError::Empty);
        assert_eq!(Access::new(Some("a\nb")).unwrap_err(), TokenError::Control);
    }

    #[test]
    fn guessing_is_slow_for_the_guesser_and_for_nobody_else() {
        let control = AccessControl::new(Access::new(Some("secret")).unwrap());
        let start = Instant::from_millis(1_000);
        let mut looked_at = 0;
        // A hundred tries a second for a minute.
        for n in 0..6_000_u64 {
            let now = start + Duration::from_millis(n * 10);
            match control.decide(now, &caller("192.0.2.1", "h", None, Some("guess"))) {
                Admission::Refused => looked_at += 1,
                Admission::TooManyAttempts { retry_after } => assert!(retry_after <= REFILL),
                Admission::Granted => panic!("let in"),
            }
        }
        assert_eq!(looked_at, 10 + 29, "ten at once, and one each two seconds");
        let now = start + Duration::from_millis(59_990);
        let right = caller("192.0.2.1", "h", None, Some("secret"));
        assert!(matches!(control.decide(now, &right), Admission::TooManyAttempts { .. }), "not even the right one");
        assert_eq!(control.decide(now + REFILL, &right), Admission::Granted);
        assert_eq!(control.decide(now, &caller("192.0.2.2", "h", None, Some("secret"))), Admission::Granted);
        // Who shows none guesses nothing.
        for _ in 0..100 {
            assert_eq!(control.decide(now, &caller("192.0.2.3", "h", None, None)), Admission::Refused);
        }
        assert_eq!(control.decide(now, &caller("192.0.2.3", "h", None, Some("secret"))), Admission::Granted);
    }

    #[test]
    fn addresses_of_one_network_guess_together_and_the_table_is_bounded() {
        let control = AccessControl::new(Access::new(Some("secret")).unwrap());
        let now = Instant::from_millis(1_000);
        for n in 0..FREE_ATTEMPTS {
            let address = std::format!("2001:db8::{n:x}");
            assert_eq!(control.decide(now, &caller(&address, "h", None, Some("guess"))), Admission::Refused);
        }
        let more = control.decide(now, &caller("2001:db8::ffff", "h", None, Some("guess")));
        assert!(matches!(more, Admission::TooManyAttempts { .. }));
        for n in 0..200 {
            let address = std::format!("192.0.2.{n}");
            assert_eq!(control.decide(now, &caller(&address, "h", None, Some("guess"))), Admission::Refused);
        }
        // The one with the most guesses is not the one that is forgotten.
        let more = control.decide(now, &caller("2001:db8::1", "h", None, Some("guess")));
        assert!(matches!(more, Admission::TooManyAttempts { .. }));
    }
}
