//! TURN servers: what a board's settings say of them, and where they are.

use core::cell::Cell;
use core::fmt;
use core::net::SocketAddr;

#[cfg(feature = "turn")]
use barertc::TurnServer;

use crate::settings::{MAX_TURN, Settings};

/// Where the servers of the settings are, in their order; nothing while that is not known.
#[derive(Default)]
pub(crate) struct Places([Cell<Option<SocketAddr>>; MAX_TURN]);

impl Places {
    /// Those that need not be looked up.
    pub(crate) fn new(settings: &Settings<'_>) -> Self {
        let places = Self::default();
        for (place, turn) in places.0.iter().zip(&settings.turn) {
            place.set((!turn.look_up).then_some(turn.server.addr));
        }
        places
    }

    /// Where the server of this number is.
    pub(crate) fn of(&self, number: usize) -> Option<SocketAddr> {
        self.0.get(number).and_then(Cell::get)
    }

    /// The server of this number has been found; whether that is news.
    pub(crate) fn found(&self, number: usize, at: SocketAddr) -> bool {
        self.0.get(number).is_some_and(|place| place.replace(Some(at)) != Some(at))
    }
}

/// Why a server of a board's settings is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "turn"), allow(dead_code))]
pub(crate) enum BadTurn {
    /// The URI with this number, from 1, has this fault.
    Uri(usize, barertc::ice::Error),
    /// There are more.
    TooMany,
    /// The server with this number has no account: `turn-account=USER:PASSWORD`.
    NoAccount(usize),
    /// Its user or password is longer than this.
    TooLong(usize),
    /// What is in the way of this board.
    NotBuilt(&'static str),
}

/// Bytes of a user's name, and of a password.
#[cfg(feature = "turn")]
const LONGEST: usize = 128;

impl fmt::Display for BadTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(number, error) => write!(f, "turn, number {number}: {error}"),
            Self::TooMany => write!(f, "turn: more than {MAX_TURN} servers"),
            Self::NoAccount(number) => {
                write!(f, "turn, number {number}: there is no turn-account=USER:PASSWORD for it")
            }
            Self::TooLong(number) => {
                write!(f, "turn-account, number {number}: user and password have 128 bytes at most")
            }
            Self::NotBuilt(feature) => write!(f, "turn: this program was built without its feature `{feature}`"),
        }
    }
}

/// Reads the settings `turn`, a URI of RFC 7065 in each line, and `turn-account=USER:PASSWORD`, in their order; the last account
/// is that of all further servers, too. The servers before a wrong one are used.
#[cfg(feature = "turn")]
pub(crate) fn read<'a>(lines: &crate::lines::Lines<'a>, settings: &mut Settings<'a>) -> Result<(), BadTurn> {
    use barertc::{Protocol, TurnUri};

    use crate::settings::Turn;

    let mut accounts = lines.all("turn-account");
    let mut account = None;
    for (uri, number) in lines.all("turn").zip(1..) {
        let TurnUri { host, port, protocol } = TurnUri::parse(uri).map_err(|error| BadTurn::Uri(number, error))?;
        if protocol == Protocol::Tls && !cfg!(feature = "tls") {
            return Err(BadTurn::NotBuilt("tls"));
        }
        if let Some(text) = accounts.next() {
            account = Some(text.split_once(':').ok_or(BadTurn::NoAccount(number))?);
        }
        let (username, password) = account.ok_or(BadTurn::NoAccount(number))?;
        if username.len().max(password.len()) > LONGEST {
            return Err(BadTurn::TooLong(number));
        }
        let known = host.parse().ok();
        let nobody = core::net::Ipv4Addr::UNSPECIFIED.into();
        let addr = SocketAddr::new(known.unwrap_or(nobody), port);
        let server = TurnServer { addr, protocol, username, password, ipv6: false };
        settings.turn.push(Turn { server, host, look_up: known.is_none() }).map_err(|_| BadTurn::TooMany)?;
    }
    Ok(())
}

/// Says that there are none on this board.
#[cfg(all(feature = "embassy", not(feature = "turn")))]
pub(crate) fn read<'a>(lines: &crate::lines::Lines<'a>, _: &mut Settings<'a>) -> Result<(), BadTurn> {
    if lines.get("turn").is_some() { Err(BadTurn::NotBuilt("turn")) } else { Ok(()) }
}

#[cfg(all(test, feature = "turn"))]
mod tests {
    use std::string::ToString;
    use std::vec::Vec;

    use barertc::Protocol;

    use super::*;
    use crate::lines::Lines;

    fn settings(text: &str) -> (Settings<'_>, Result<(), BadTurn>) {
        let mut settings = Settings::loopback(80, "media", b"");
        let read = read(&Lines::of(text.as_bytes()), &mut settings);
        (settings, read)
    }

    #[test]
    fn servers_and_accounts_belong_together_in_their_order() {
        let (settings, read) = settings(
            "turn=turn:192.0.2.1\nturn-account=me:a:b\nturn=turn:relay.example:80?transport=tcp\nturn=turns:[2001:db8::1]:443\n\
             turn-account=you:c\n",
        );
        assert_eq!(read, Ok(()));
        let said: Vec<_> = settings
            .turn
            .iter()
            .map(|t| (t.server.addr.to_string(), t.server.protocol, t.server.username, t.server.password, t.look_up))
            .collect();
        assert_eq!(
            said,
            [
                ("192.0.2.1:3478".to_string(), Protocol::Udp, "me", "a:b", false),
                ("0.0.0.0:80".to_string(), Protocol::Tcp, "you", "c", true),
                ("[2001:db8::1]:443".to_string(), Protocol::Tls, "you", "c", false),
            ]
        );
        assert_eq!(settings.turn[1].host, "relay.example");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = std::format!("turn=turn:a\nturn-account=me:{}\n", "x".repeat(129));
        let many = std::format!("turn-account=me:x\n{}", "turn=turn:a\n".repeat(MAX_TURN + 1));
        for (text, named) in [
            ("turn=turn:a\n", "number 1: there is no turn-account"),
            ("turn=turn:a\nturn-account=me\n", "number 1: there is no turn-account"),
            ("turn-account=me:x\nturn=turn:a\nturn=stun:b\n", "number 2"),
            ("turn-account=me:x\nturn-account=you\nturn=turn:a\nturn=turn:b\n", "number 2: there is no turn-account"),
            (&long, "128"),
            (&many, "more than 4"),
        ] {
            let (_, read) = settings(text);
            let said = read.unwrap_err().to_string();
            assert!(said.contains(named), "{text}: {said}");
        }
        let (settings, read) = settings("turn-account=me:x\nturn=turn:a\nturn=turns:b?transport=udp\n");
        assert!(read.unwrap_err().to_string().contains("transport") && settings.turn.len() == 1, "the first is used");
    }
}
