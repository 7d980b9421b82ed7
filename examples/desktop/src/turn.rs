//! TURN servers as a user names them.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use barertc::{Protocol, TurnServer, TurnUri};
use barertc_streamer::Turn;

use crate::lookup::lookup;

/// A TURN server and an account there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnOption {
    address: SocketAddr,
    protocol: Protocol,
    /// The name that its certificate must have.
    host: String,
    username: String,
    password: String,
}

impl TurnOption {
    /// `[turn:|turns:][USER:PASSWORD@]HOST[:PORT][?transport=udp|tcp]`; the password may have any character in it. Where no
    /// account is in it, it is `account`: `USER:PASSWORD`.
    pub fn parse(text: &str, account: Option<&str>) -> Result<Self> {
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme, rest)) if ["turn", "turns"].iter().any(|s| scheme.eq_ignore_ascii_case(s)) => (scheme, rest),
            _ => ("turn", text),
        };
        let (own, server) = rest.rsplit_once('@').map_or((None, rest), |(own, server)| (Some(own), server));
        let account = own.or(account).context("--turn: needs user:password@ before its host, or --turn-account")?;
        let (username, password) = account.split_once(':').context("--turn: the account must be user:password")?;
        if username.len() > 128 || password.len() > 128 {
            bail!("--turn: user and password have 128 bytes at most");
        }
        let uri = format!("{scheme}:{server}");
        let TurnUri { host, port, protocol } =
            TurnUri::parse(&uri).map_err(|e| anyhow::anyhow!("--turn {uri}: {e}"))?;
        if protocol == Protocol::Tls && !cfg!(feature = "tls") {
            bail!("--turn {uri}: this program was built without its feature `tls`");
        }
        let authority = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let address = lookup("--turn", &authority, port)?;
        let [username, password, host] = [username, password, host].map(ToOwned::to_owned);
        Ok(Self { address, protocol, host, username, password })
    }

    /// What the streamer is told.
    pub fn server(&self) -> Turn<'_> {
        let Self { address, protocol, host, username, password } = self;
        let server = TurnServer { addr: *address, protocol: *protocol, username, password, ipv6: false };
        Turn { server, host, look_up: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_and_accounts_are_taken_apart() {
        let turn = TurnOption::parse("turn:me:a:b@c@127.0.0.1", None).unwrap();
        assert_eq!((turn.username.as_str(), turn.password.as_str()), ("me", "a:b@c"));
        assert_eq!((turn.address, turn.protocol), ("127.0.0.1:3478".parse().unwrap(), Protocol::Udp));
        assert_eq!(TurnOption::parse("me:a:b@c@127.0.0.1", None).unwrap(), turn);
        let tcp = TurnOption::parse("turn:127.0.0.1:80?transport=tcp", Some("me:a:b@c")).unwrap();
        assert_eq!((tcp.address, tcp.protocol), ("127.0.0.1:80".parse().unwrap(), Protocol::Tcp));
        assert_eq!((tcp.username.as_str(), tcp.password.as_str()), ("me", "a:b@c"));
        let tls = TurnOption::parse("turns:[::1]", Some("a:b")).unwrap();
        assert_eq!((tls.address, tls.protocol), ("[::1]:5349".parse().unwrap(), Protocol::Tls));
        assert_eq!(tls.server().host, "::1");
    }

    #[test]
    fn what_is_wrong_with_it_is_named() {
        let long = format!("{}:x@127.0.0.1", "u".repeat(129));
        for (text, named) in [
            ("127.0.0.1:3478", "--turn-account"),
            ("me@127.0.0.1", "user:password"),
            ("me:x@127.0.0.1:0", "port"),
            ("turns:me:x@127.0.0.1?transport=udp", "transport"),
            (&long, "128"),
        ] {
            let said = format!("{:#}", TurnOption::parse(text, None).unwrap_err());
            assert!(said.contains(named), "{text}: {said}");
        }
    }
}
