//! A client without I/O: bytes of the stream in, bytes of the stream out.

use barertc_arena::{Allocator, Box};
use barertc_crypto::{Hash, KeySchedule, Provider, Secret, Suite, TLS13};
use barertc_wire::move_down;
use rand_core::CryptoRng;

use crate::alert;
use crate::config::Config;
use crate::error::Error;
use crate::handshake::{Handshake, Trust, put};
use crate::record::{self, Incoming, Keys, Outgoing, REKEY_AT};

const NEW_SESSION_TICKET: u8 = 4;
const KEY_UPDATE: u8 = 24;
/// The level of an alert that ends a connection.
const FATAL: u8 = 2;
const WARNING: u8 = 1;

/// The handshake of a connection.
///
/// Send what [`waiting`](Self::waiting) has, put what arrives into [`room`](Self::room), and call
/// [`advance`](Self::advance), until that says that the handshake is done. Then [`finish`](Self::finish) gives the two
/// directions. After an error, `waiting` may have an alert, which tells the server why.
pub struct Client<'t, A: Allocator, P: Provider> {
    handshake: Handshake<'t, P>,
    incoming: Incoming<A, P>,
    outgoing: Outgoing<A, P>,
    messages: Messages<A>,
    failed: Option<Error>,
}

/// Messages of the handshake, put together from records.
struct Messages<A: Allocator> {
    buffer: Box<[u8], A>,
    len: usize,
}

impl<'t, A: Allocator + Clone, P: Provider> Client<'t, A, P> {
    /// The most that a connection takes from its allocator, in bytes: during the handshake. After it, what is for messages
    /// of the handshake is given back.
    #[must_use]
    pub const fn worst_case_bytes(config: &Config) -> usize {
        Incoming::<A, P>::bytes(config)
            .saturating_add(Outgoing::<A, P>::bytes(config))
            .saturating_add(Box::<[u8], A>::bytes(config.handshake))
    }

    /// Begins a handshake: the ClientHello waits to be sent.
    ///
    /// # Errors
    /// [`Error::Config`] for bounds that cannot be, and [`Error::NoMemory`].
    pub fn new<R: CryptoRng + ?Sized>(
        config: Config,
        trust: Trust<'t>,
        alloc: A,
        provider: P,
        rng: &mut R,
    ) -> Result<Self, Error> {
        config.check()?;
        let incoming = Incoming::new(&config, alloc.clone())?;
        let mut outgoing = Outgoing::new(&config, alloc.clone())?;
        let messages = Messages { buffer: Box::try_zeroed(config.handshake, alloc)?, len: 0 };
        let mut handshake = Handshake::new(config, trust, provider, rng);
        handshake.begin(&mut outgoing, &[])?;
        Ok(Self { handshake, incoming, outgoing, messages, failed: None })
    }

    /// The bytes that wait to be sent.
    #[must_use]
    pub fn waiting(&self) -> &[u8] {
        self.outgoing.waiting()
    }

    /// So many bytes of it were sent.
    pub fn consume(&mut self, len: usize) {
        self.outgoing.consume(len);
    }

    /// Room for what arrives.
    pub fn room(&mut self) -> &mut [u8] {
        self.incoming.room()
    }

    /// So many bytes were put there.
    pub fn received(&mut self, len: usize) {
        self.incoming.received(len);
    }

    /// Takes what has arrived. `true` when the handshake is done; otherwise more has to arrive.
    ///
    /// # Errors
    /// Why there will be no connection. A call after an error returns the same.
    pub fn advance<R: CryptoRng + ?Sized>(&mut self, rng: &mut R) -> Result<bool, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.take_records(rng).inspect_err(|error| {
            self.failed = Some(*error);
            if let Some(alert) = error.alert() {
                // Where it has no room, the server is told by the end of the stream.
                let _ = push_alert(&self.handshake.provider, &mut self.outgoing, FATAL, alert);
            }
        })
    }

    /// The two directions of the connection.
    ///
    /// # Errors
    /// [`Error::UnexpectedMessage`] when the handshake is not done.
    #[allow(clippy::type_complexity)] // a pair
    pub fn finish(self) -> Result<(Receiver<A, P>, Sender<A, P>), Error>
    where
        P: Clone,
    {
        if !self.handshake.is_done() {
            return Err(self.failed.unwrap_or(Error::UnexpectedMessage));
        }
        let Self { handshake, incoming, outgoing, .. } = self;
        let Handshake { provider, suite, client, server, .. } = handshake;
        let receiver = Traffic { provider: provider.clone(), suite, secret: server };
        let sender = Traffic { provider, suite, secret: client };
        let post = Post::Header { have: 0, bytes: [0; 4] };
        Ok((
            Receiver { incoming, traffic: receiver, post, end: None, wants_update: false },
            Sender { outgoing, traffic: sender, is_closed: false },
        ))
    }

    fn take_records<R: CryptoRng + ?Sized>(&mut self, rng: &mut R) -> Result<bool, Error> {
        let Self { handshake, incoming, outgoing, messages, .. } = self;
        while !handshake.is_done() {
            let Some(kind) = incoming.next(&handshake.provider)? else { return Ok(false) };
            match kind {
                record::HANDSHAKE => {
                    while !incoming.contents().is_empty() {
                        let taken = messages.append(incoming.contents());
                        incoming.consume(taken);
                        messages.take(taken, |message, is_last| {
                            let is_last = is_last && incoming.contents().is_empty();
                            handshake.on_message(message, is_last, incoming, outgoing, rng)
                        })?;
                    }
                }
                // RFC 8446 §5: dropped, where its one byte is 1. No other message may be half there (§5.1).
                record::CHANGE_CIPHER_SPEC if *incoming.contents() == [1] && messages.len == 0 => {}
                record::ALERT => return Err(on_alert(incoming.contents(), handshake.is_answered())),
                _ => return Err(Error::UnexpectedMessage),
            }
        }
        Ok(true)
    }
}

impl<A: Allocator> Messages<A> {
    /// Appends as much as there is room for.
    fn append(&mut self, bytes: &[u8]) -> usize {
        let room = self.buffer.get_mut(self.len..).unwrap_or_default();
        let len = room.len().min(bytes.len());
        room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        self.len = self.len.saturating_add(len);
        len
    }

    /// Gives all whole messages to `f`, with whether nothing follows. Fails where one is there that will not fit.
    fn take(&mut self, appended: usize, mut f: impl FnMut(&[u8], bool) -> Result<(), Error>) -> Result<(), Error> {
        let mut from = 0usize;
        loop {
            let rest = self.buffer.get(from..self.len).unwrap_or_default();
            let Some((&[_, a, b, c], body)) = rest.split_first_chunk::<4>() else { break };
            let len = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
            if body.len() < len {
                let value = len.saturating_add(4);
                if value > self.buffer.len() {
                    return Err(Error::MessageTooLong { limit: self.buffer.len(), value });
                }
                break;
            }
            let whole = len.saturating_add(4);
            f(rest.get(..whole).unwrap_or_default(), rest.len() == whole)?;
            from = from.saturating_add(whole);
        }
        move_down(&mut self.buffer, from..self.len, 0);
        self.len = self.len.saturating_sub(from);
        // There is room again, or the record is at its end.
        if from == 0 && appended == 0 { Err(Error::Malformed) } else { Ok(()) }
    }
}

/// What protects one direction, and what the next key is made from.
struct Traffic<P: Provider> {
    provider: P,
    suite: Suite,
    secret: Secret,
}

impl<P: Provider> Traffic<P> {
    /// The next key (RFC 8446 §7.2).
    fn update(&mut self) -> Result<Keys<P>, Error> {
        let schedule = KeySchedule::new(&self.provider, Hash::of(self.suite), TLS13);
        self.secret.copy_from(&schedule.updated(&self.secret)?);
        Keys::new(&self.provider, self.suite, &schedule, &self.secret).map_err(|_| Error::KeyRefused)
    }
}

/// The receiving half of a connection.
pub struct Receiver<A: Allocator, P: Provider> {
    incoming: Incoming<A, P>,
    traffic: Traffic<P>,
    post: Post,
    /// How it has ended: as it should, or by an error.
    end: Option<Result<(), Error>>,
    wants_update: bool,
}

/// Messages after the handshake: how much of one is there.
enum Post {
    Header { have: usize, bytes: [u8; 4] },
    Body { kind: u8, left: usize },
}

/// The state of a [`Receiver`] after bytes have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Received {
    /// Data are there.
    Data,
    /// More has to arrive.
    Nothing,
    /// The server has said goodbye.
    Closed,
}

impl<A: Allocator, P: Provider> Receiver<A, P> {
    /// Room for what arrives. To be called when [`advance`](Self::advance) has returned [`Received::Nothing`].
    pub fn room(&mut self) -> &mut [u8] {
        self.incoming.room()
    }

    /// So many bytes were put there; 0 when the stream has ended.
    pub fn received(&mut self, len: usize) {
        if len == 0 && self.end.is_none() {
            self.end = Some(Err(Error::Cut));
        }
        self.incoming.received(len);
    }

    /// Data of the server that were not taken.
    pub fn data(&mut self) -> &mut [u8] {
        self.incoming.contents()
    }

    /// So many bytes of them were taken.
    pub fn consume(&mut self, len: usize) {
        self.incoming.consume(len);
    }

    /// Whether the server wants our next key: [`Sender::update`] is to be called before the next data (RFC 8446 §4.6.3).
    #[must_use]
    pub fn take_wants_update(&mut self) -> bool {
        core::mem::take(&mut self.wants_update)
    }

    /// Looks at what has arrived, until there are data.
    ///
    /// # Errors
    /// Why the connection has failed. A call after an error returns the same.
    pub fn advance(&mut self) -> Result<Received, Error> {
        loop {
            if !self.incoming.contents().is_empty() {
                return Ok(Received::Data);
            }
            if let Some(Ok(())) = self.end {
                return Ok(Received::Closed);
            }
            if let Some(Err(error)) = self.end
                && (error != Error::Cut || !self.incoming.has_more())
            {
                return Err(error);
            }
            match self.next() {
                Ok(true) => {}
                Ok(false) => match self.end {
                    Some(Err(error)) => return Err(error),
                    _ => return Ok(Received::Nothing),
                },
                Err(error) => self.end = Some(Err(error)),
            }
        }
    }

    /// Looks at the next record; `false` when it is not there as a whole.
    fn next(&mut self) -> Result<bool, Error> {
        let Some(kind) = self.incoming.next(&self.traffic.provider)? else { return Ok(false) };
        match kind {
            record::APPLICATION_DATA => {
                // No message may be half there (RFC 8446 §5.1).
                if !matches!(self.post, Post::Header { have: 0, .. }) {
                    return Err(Error::UnexpectedMessage);
                }
                return Ok(true);
            }
            record::HANDSHAKE => {
                while !self.incoming.contents().is_empty() {
                    self.on_post()?;
                }
            }
            record::ALERT => match on_alert(self.incoming.contents(), true) {
                Error::Alert(alert::CLOSE_NOTIFY) => self.end = Some(Ok(())),
                Error::Alert(alert::USER_CANCELED) => {}
                error => return Err(error),
            },
            _ => return Err(Error::UnexpectedMessage),
        }
        let left = self.incoming.contents().len();
        self.incoming.consume(left);
        Ok(true)
    }

    /// Takes a piece of a message after the handshake: a session ticket, which is of no use here, or a key update.
    fn on_post(&mut self) -> Result<(), Error> {
        let contents = self.incoming.contents();
        match &mut self.post {
            Post::Header { have, bytes } => {
                let taken = bytes.len().saturating_sub(*have).min(contents.len());
                bytes.iter_mut().skip(*have).zip(&*contents).for_each(|(to, from)| *to = *from);
                *have = have.saturating_add(taken);
                if let (4, [kind, a, b, c]) = (*have, *bytes) {
                    let left = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
                    if !matches!((kind, left), (NEW_SESSION_TICKET, 1..) | (KEY_UPDATE, 1)) {
                        return Err(Error::UnexpectedMessage);
                    }
                    self.post = Post::Body { kind, left };
                }
                self.incoming.consume(taken);
            }
            Post::Body { kind: KEY_UPDATE, .. } => {
                match contents {
                    // Its record has to end with it (RFC 8446 §5.1).
                    [asked @ (0 | 1)] => self.wants_update |= *asked == 1,
                    _ => return Err(Error::UnexpectedMessage),
                }
                self.incoming.consume(1);
                self.incoming.keys = Some(self.traffic.update()?);
                self.post = Post::Header { have: 0, bytes: [0; 4] };
            }
            Post::Body { left, .. } => {
                let taken = (*left).min(contents.len());
                *left = left.saturating_sub(taken);
                if *left == 0 {
                    self.post = Post::Header { have: 0, bytes: [0; 4] };
                }
                self.incoming.consume(taken);
            }
        }
        Ok(())
    }
}

/// The sending half of a connection.
pub struct Sender<A: Allocator, P: Provider> {
    outgoing: Outgoing<A, P>,
    traffic: Traffic<P>,
    is_closed: bool,
}

impl<A: Allocator, P: Provider> Sender<A, P> {
    /// The bytes that wait to be sent.
    #[must_use]
    pub fn waiting(&self) -> &[u8] {
        self.outgoing.waiting()
    }

    /// So many bytes of it were sent.
    pub fn consume(&mut self, len: usize) {
        self.outgoing.consume(len);
    }

    /// Puts as much of `data` into a record as one takes, and returns how much. Nothing else may wait.
    ///
    /// # Errors
    /// [`Error::Closed`] after [`close`](Self::close).
    pub fn push(&mut self, data: &[u8]) -> Result<usize, Error> {
        if self.is_closed {
            return Err(Error::Closed);
        }
        let sequence = self.outgoing.keys.as_ref().map_or(0, |keys| keys.sequence);
        if sequence >= REKEY_AT {
            self.update()?;
        }
        let len = data.len().min(self.outgoing.limit);
        let piece = data.get(..len).unwrap_or_default();
        if piece.is_empty() {
            return Ok(0);
        }
        self.outgoing.push(&self.traffic.provider, record::APPLICATION_DATA, |room| put(room, &[piece]))?;
        Ok(len)
    }

    /// Changes the key (RFC 8446 §4.6.3): what comes after is sent with the next one.
    ///
    /// # Errors
    /// [`Error::KeyRefused`] by the provider.
    pub fn update(&mut self) -> Result<(), Error> {
        let message = [KEY_UPDATE, 0, 0, 1, 0];
        self.outgoing.push(&self.traffic.provider, record::HANDSHAKE, |room| put(room, &[&message]))?;
        self.outgoing.keys = Some(self.traffic.update()?);
        Ok(())
    }

    /// Says goodbye (RFC 8446 §6.1), or why there is an end. Nothing is sent after it.
    ///
    /// # Errors
    /// [`Error::Closed`] when that was said before.
    pub fn close(&mut self, why: Option<Error>) -> Result<(), Error> {
        if core::mem::replace(&mut self.is_closed, true) {
            return Err(Error::Closed);
        }
        let (level, code) = match why.and_then(Error::alert) {
            Some(code) => (FATAL, code),
            None => (WARNING, alert::CLOSE_NOTIFY),
        };
        push_alert(&self.traffic.provider, &mut self.outgoing, level, code)
    }
}

fn push_alert<A: Allocator, P: Provider>(p: &P, out: &mut Outgoing<A, P>, level: u8, code: u8) -> Result<(), Error> {
    out.push(p, record::ALERT, |room| put(room, &[&[level, code]]))
}

/// What an alert of the server says. One about the version, before the server has chosen one, says that it is too old. A
/// server that is too old to know how versions are told finds no cipher suite of its own instead.
fn on_alert(contents: &[u8], is_answered: bool) -> Error {
    match contents {
        [_, alert::PROTOCOL_VERSION] if !is_answered => Error::OnlyOldVersions,
        [_, alert::HANDSHAKE_FAILURE] if !is_answered => Error::NoCommonParameters,
        [_, code] => Error::Alert(*code),
        _ => Error::Malformed,
    }
}
