//! The handshake as one machine: its beginning, which decides on the version, one of four machines, and its end.

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_crypto::rand_core::Rng;
use barertc_wire::Reader;

use crate::client_hello::{COOKIE, Cookie, write_client_hello};
use crate::config::{Role, Version};
use crate::context::Context;
use crate::error::Error;
use crate::handshake::hello::{ClientHello, RETRY_RANDOM, ServerHello};
use crate::handshake::kind;
use crate::handshake::reassembly::{HEADER, Message};
use crate::link::Link;
#[cfg(feature = "dtls12")]
use crate::v12;
#[cfg(feature = "dtls13")]
use crate::v13;

/// Cookies that are repeated to a server in one handshake.
const MOST_COOKIES: u8 = 4;

/// A handshake, and what goes away with it.
pub(crate) struct Handshake {
    pub(crate) state: State,
    pub(crate) context: Context,
}

/// Where the handshake is.
// Held in place, in the one block that the handshake has.
#[allow(clippy::large_enum_variant)]
pub(crate) enum State {
    /// A client that hasn't sent anything.
    Idle,
    /// Server: nothing has come yet.
    AwaitClientHello,
    /// Client: the answer decides on the version.
    AwaitServerHello {
        /// How many cookies of HelloVerifyRequests were repeated to the server.
        cookies: u8,
    },
    #[cfg(feature = "dtls12")]
    Server12(v12::server::State),
    #[cfg(feature = "dtls12")]
    Client12(v12::client::State),
    #[cfg(feature = "dtls13")]
    Server13(v13::server::State),
    #[cfg(feature = "dtls13")]
    Client13(v13::client::State),
    /// Both sides have proven everything.
    Complete,
    /// An error ended it.
    Failed,
}

impl Handshake {
    /// A handshake that has not begun.
    pub(crate) fn new(role: Role, context: Context) -> Self {
        let state = match role {
            Role::Client => State::Idle,
            Role::Server => State::AwaitClientHello,
        };
        Self { state, context }
    }

    /// A client's: puts the first ClientHello into the flight.
    #[inline(never)]
    pub(crate) fn begin<A: Allocator, P: Provider>(&mut self, link: &mut Link<A, P>) -> Result<(), Error> {
        link.rng.fill_bytes(&mut self.context.client_random);
        let group = link.groups().next().ok_or(Error::NoCommonParameters)?;
        self.context.ephemeral(link, group);
        write_client_hello(&self.context, link, Cookie::None)?;
        self.state = State::AwaitServerHello { cookies: 0 };
        Ok(())
    }

    /// Whether a plaintext message of this type has a place in the handshake now.
    ///
    /// Nothing shows who wrote a plaintext message. One without a place is somebody else's, or a peer's that breaks the rules;
    /// the handshake goes on without it.
    pub(crate) fn awaits(&self, kind: u8) -> bool {
        let kinds: &[u8] = match &self.state {
            State::AwaitClientHello => &[kind::CLIENT_HELLO],
            State::AwaitServerHello { cookies: 0 } => &[kind::SERVER_HELLO, kind::HELLO_VERIFY_REQUEST],
            State::AwaitServerHello { .. } => &[kind::SERVER_HELLO],
            #[cfg(feature = "dtls12")]
            State::Server12(state) => state.awaits(),
            #[cfg(feature = "dtls12")]
            State::Client12(state) => state.awaits(),
            #[cfg(feature = "dtls13")]
            State::Server13(state) => state.awaits(),
            #[cfg(feature = "dtls13")]
            State::Client13(state) => state.awaits(),
            State::Idle | State::Complete | State::Failed => &[],
        };
        kinds.contains(&kind)
    }

    /// Answers a further HelloVerifyRequest with its cookie, whatever its message_seq is: the server has changed its secret
    /// (RFC 6347 §4.2.1). False when it says nothing new.
    pub(crate) fn verify_again<A: Allocator, P: Provider>(
        &mut self,
        link: &mut Link<A, P>,
        body: &[u8],
    ) -> Result<bool, Error> {
        let State::AwaitServerHello { cookies: cookies @ 1..MOST_COOKIES } = self.state else { return Ok(false) };
        let Ok(cookie) = cookie_of(body) else { return Ok(false) };
        let ours = link.flight.first_message().get(HEADER..).unwrap_or_default();
        if cookie.len() > COOKIE || ClientHello::parse(ours).is_ok_and(|ours| ours.cookie == cookie) {
            return Ok(false);
        }
        write_client_hello(&self.context, link, Cookie::Dtls12(cookie))?;
        self.state = State::AwaitServerHello { cookies: cookies.saturating_add(1) };
        Ok(true)
    }

    /// Handles the next message in order. Each machine is out of line: together in one frame they would need the sum of
    /// their stacks.
    pub(crate) fn step<A: Allocator, P: Provider>(
        &mut self,
        link: &mut Link<A, P>,
        m: &Message<'_>,
    ) -> Result<(), Error> {
        let context = &mut self.context;
        self.state = match core::mem::replace(&mut self.state, State::Failed) {
            State::AwaitClientHello => on_client_hello(context, link, m)?,
            State::AwaitServerHello { cookies } => on_server_hello(context, link, m, cookies)?,
            #[cfg(feature = "dtls12")]
            State::Server12(s) => s.on_message(context, link, m)?.map_or(State::Complete, State::Server12),
            #[cfg(feature = "dtls12")]
            State::Client12(s) => s.on_message(context, link, m)?.map_or(State::Complete, State::Client12),
            #[cfg(feature = "dtls13")]
            State::Server13(s) => s.on_message(context, link, m)?.map_or(State::Complete, State::Server13),
            #[cfg(feature = "dtls13")]
            State::Client13(s) => s.on_message(context, link, m)?.map_or(State::Complete, State::Client13),
            State::Idle | State::Complete | State::Failed => return Err(Error::UnexpectedMessage),
        };
        Ok(())
    }

    /// Whether all that the peer may still say is protected: its plaintext is somebody else's from now on
    /// (RFC 9147 §4.5.2).
    ///
    /// DTLS 1.3 has keys from the ServerHello on, DTLS 1.2 for the Finished message only.
    pub(crate) fn is_protected(&self) -> bool {
        match &self.state {
            State::Idle | State::AwaitClientHello | State::AwaitServerHello { .. } | State::Failed => false,
            #[cfg(feature = "dtls12")]
            State::Server12(state) => matches!(state, v12::server::State::Finished),
            #[cfg(feature = "dtls12")]
            State::Client12(state) => matches!(state, v12::client::State::Finished),
            #[cfg(feature = "dtls13")]
            State::Server13(state) => !matches!(state, v13::server::State::Retried(_)),
            #[cfg(feature = "dtls13")]
            State::Client13(state) => !matches!(state, v13::client::State::Retried),
            State::Complete => true,
        }
    }

    /// Whether a ClientHello is what comes next. It says nothing of who the client is.
    pub(crate) fn awaits_client_hello(&self) -> bool {
        self.awaits(kind::CLIENT_HELLO)
    }

    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }
}

/// A server's first message: whatever version the client offers and the configuration allows, the better first.
#[inline(never)]
fn on_client_hello<A: Allocator, P: Provider>(
    context: &mut Context,
    link: &mut Link<A, P>,
    m: &Message<'_>,
) -> Result<State, Error> {
    if m.kind != kind::CLIENT_HELLO || m.epoch != 0 {
        return Err(Error::UnexpectedMessage);
    }
    let hello = ClientHello::parse(m.body)?;
    let versions = hello.versions()?;
    // Without the extension the old field counts: lower means newer there (RFC 6347 §4.2.1).
    let offers = |version: Version| match versions {
        Some(versions) => versions.contains(version.wire()),
        None => version == Version::Dtls12 && hello.version <= version.wire(),
    };
    context.client_random = hello.random;
    link.version = [Version::Dtls13, Version::Dtls12].into_iter().find(|v| link.config.allows(*v) && offers(*v));
    match link.version {
        #[cfg(feature = "dtls13")]
        Some(Version::Dtls13) => v13::server::on_client_hello(context, link, m, &hello, None).map(State::Server13),
        #[cfg(feature = "dtls12")]
        Some(Version::Dtls12) => v12::server::on_client_hello(context, link, m, &hello).map(State::Server12),
        // A version without its feature is allowed by no configuration.
        _ => Err(Error::NoCommonVersion),
    }
}

/// A client's first answer: ServerHello, HelloRetryRequest or HelloVerifyRequest.
#[inline(never)]
fn on_server_hello<A: Allocator, P: Provider>(
    context: &mut Context,
    link: &mut Link<A, P>,
    m: &Message<'_>,
    cookies: u8,
) -> Result<State, Error> {
    if m.epoch != 0 {
        return Err(Error::UnexpectedMessage);
    }
    match m.kind {
        kind::HELLO_VERIFY_REQUEST if cookies == 0 => {
            // Neither message goes into the transcript (RFC 6347 §4.2.1).
            write_client_hello(context, link, Cookie::Dtls12(cookie_of(m.body)?))?;
            Ok(State::AwaitServerHello { cookies: 1 })
        }
        kind::SERVER_HELLO => {
            let hello = ServerHello::parse(m.body)?;
            let version = hello.selected_version()?;
            if !link.config.allows(version) {
                // Only the extension selects 1.3, and a client of DTLS 1.2 alone does not send it.
                let unasked = version == Version::Dtls13;
                return Err(if unasked { Error::UnsolicitedExtension } else { Error::NoCommonVersion });
            }
            link.version = Some(version);
            match (version, hello.random == RETRY_RANDOM) {
                #[cfg(feature = "dtls12")]
                (Version::Dtls12, _) => v12::client::on_server_hello(context, link, m, &hello).map(State::Client12),
                // A server of DTLS 1.3 doesn't ask for cookies the old way (RFC 9147 §5.1).
                (Version::Dtls13, _) if cookies > 0 => Err(Error::IllegalParameter),
                #[cfg(feature = "dtls13")]
                (Version::Dtls13, true) => v13::client::on_retry_request(context, link, m, &hello).map(State::Client13),
                #[cfg(feature = "dtls13")]
                (Version::Dtls13, false) => v13::client::on_server_hello(context, link, m, &hello).map(State::Client13),
                #[cfg(not(all(feature = "dtls12", feature = "dtls13")))]
                _ => Err(Error::NoCommonVersion),
            }
        }
        _ => Err(Error::UnexpectedMessage),
    }
}

/// The cookie in a HelloVerifyRequest (RFC 6347 §4.2.1).
fn cookie_of(body: &[u8]) -> Result<&[u8], Error> {
    let mut r = Reader::new(body);
    r.skip(2)?;
    let len = usize::from(r.u8()?);
    let cookie = r.take(len)?;
    if r.is_empty() { Ok(cookie) } else { Err(Error::Malformed) }
}
