//! Questions to STUN servers: which address does this socket have from outside? (RFC 8445 §5.1.1.2)
use core::net::SocketAddr;
use core::time::Duration;

use barertc_arena::{Allocator, Vec};
use barertc_wire::Instant;

use crate::config::Config;
use crate::error::Error;
use crate::event::{Discard, ServerError};
use crate::route::compatible;
use crate::stun::{Class, Message, TransactionId, attr};
use crate::transaction::{Timing, Transaction};

/// STUN servers that can be configured; each is asked from every socket.
pub(super) const MAX_STUN_SERVERS: usize = 4;

/// Mappings are refreshed this often until a pair is in use (RFC 8445 §11).
const KEEPALIVE: Duration = Duration::from_secs(15);

/// A question to a STUN server from one socket.
#[derive(Debug)]
struct Question {
    server: SocketAddr,
    base: SocketAddr,
    state: Asked,
    /// Why there was no answer, until that is told.
    failure: Option<ServerError>,
}

#[derive(Debug)]
enum Asked {
    Waiting,
    Running(Transaction),
    Answered { again: Instant },
    Failed,
}

pub(super) struct Questions<A: Allocator> {
    servers: heapless::Vec<SocketAddr, MAX_STUN_SERVERS>,
    list: Vec<Question, A>,
}

/// A question that is to be sent now.
#[derive(Clone, Copy)]
pub(super) struct ToAsk {
    pub(super) id: TransactionId,
    pub(super) base: SocketAddr,
    pub(super) server: SocketAddr,
    /// It is a new transaction, for which the pace counts.
    pub(super) starts: bool,
}

impl<A: Allocator> Questions<A> {
    pub(super) const fn bytes(config: &Config) -> usize {
        Vec::<Question, A>::bytes(config.max_questions as usize)
    }

    pub(super) fn new(config: &Config, alloc: A) -> Result<Self, Error> {
        Ok(Self { servers: heapless::Vec::new(), list: Vec::with_capacity(config.max_questions.into(), alloc)? })
    }

    pub(super) fn add_server(&mut self, server: SocketAddr) -> Result<(), Error> {
        let full = Error::TooMany { what: "STUN servers", limit: MAX_STUN_SERVERS };
        if self.servers.contains(&server) { Ok(()) } else { self.servers.push(server).map_err(|_| full) }
    }

    /// Plans to ask every server from `base`, where that was not done yet.
    pub(super) fn ask_from(&mut self, base: SocketAddr) {
        for &server in self.servers.iter().filter(|s| can_ask(base, **s)) {
            if !self.list.iter().any(|q| q.server == server && q.base == base) {
                // What is beyond the bound is not asked; the first sockets are the best ones.
                let _ = self.list.try_push(Question { server, base, state: Asked::Waiting, failure: None });
            }
        }
    }

    pub(super) fn forget_base(&mut self, base: SocketAddr) {
        self.list.retain(|q| q.base != base);
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    /// Whether some server may still answer.
    pub(super) fn is_asking(&self) -> bool {
        self.list.iter().any(|q| matches!(q.state, Asked::Waiting | Asked::Running(_)))
    }

    /// Whether a datagram of `server` is the response to a question that is open.
    pub(super) fn expects(&self, server: SocketAddr, datagram: &[u8]) -> bool {
        let id = datagram.get(8..20);
        let is_open = |q: &Question| matches!(q.state, Asked::Running(t) if id == Some(&t.id.0[..]));
        self.list.iter().any(|q| q.server == server && is_open(q))
    }

    /// Takes in a response that came to `base` from `server`; the address that it tells.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        base: SocketAddr,
        server: SocketAddr,
        m: &Message<'_>,
    ) -> Result<Option<SocketAddr>, Discard> {
        let asked = |q: &&mut Question| matches!(&q.state, Asked::Running(t) if t.id == m.id());
        let question = self.list.iter_mut().find(asked).ok_or(Discard::UnknownTransaction)?;
        if (question.base, question.server) != (base, server) {
            return Err(Discard::Asymmetric);
        }
        let mapped = m.xor_address(attr::XOR_MAPPED_ADDRESS).or_else(|| m.address(attr::MAPPED_ADDRESS));
        let answer = match m.class() {
            Class::Success => mapped.filter(|a| crate::route::is_unicast(*a)).ok_or(ServerError::Malformed),
            _ => Err(m.error_code().map_or(ServerError::Malformed, ServerError::Refused)),
        };
        match answer {
            Ok(_) => question.state = Asked::Answered { again: now + KEEPALIVE },
            Err(error) => question.fail(error),
        }
        Ok(answer.ok())
    }

    /// The next question to send: one under way, or a new one when the pace allows (`may_start`). Mappings are refreshed
    /// while `keep_alive` is set.
    pub(super) fn next(
        &mut self,
        now: Instant,
        timing: Timing,
        may_start: bool,
        keep_alive: bool,
        mut fresh: impl FnMut() -> [u8; 12],
    ) -> Option<ToAsk> {
        for q in self.list.iter_mut() {
            let starts = match q.state {
                Asked::Waiting => may_start,
                Asked::Answered { again } => may_start && keep_alive && again <= now,
                Asked::Running(_) | Asked::Failed => false,
            };
            if starts {
                q.state = Asked::Running(Transaction::new(fresh(), now));
            }
            if let Asked::Running(t) = &mut q.state
                && t.is_due(now, timing)
            {
                t.on_sent(now, timing);
                return Some(ToAsk { id: t.id, base: q.base, server: q.server, starts });
            }
        }
        None
    }

    /// Gives up on servers that do not answer.
    pub(super) fn handle_timeout(&mut self, now: Instant, timing: Timing) {
        for q in self.list.iter_mut() {
            if matches!(&q.state, Asked::Running(t) if t.is_over(now, timing)) {
                q.fail(ServerError::Unanswered);
            }
        }
    }

    /// When there is something to send or to give up. New questions wait for `paced_until`.
    pub(super) fn timeout(&self, paced_until: Instant, keep_alive: bool) -> Option<Instant> {
        let next = |q: &Question| match &q.state {
            Asked::Waiting => Some(paced_until),
            Asked::Running(t) => Some(t.deadline()),
            Asked::Answered { again } => keep_alive.then_some((*again).max(paced_until)),
            Asked::Failed => None,
        };
        self.list.iter().filter_map(next).min()
    }

    pub(super) fn poll_event(&mut self) -> Option<(SocketAddr, ServerError)> {
        self.list.iter_mut().find_map(|q| Some((q.server, q.failure.take()?)))
    }
}

impl Question {
    fn fail(&mut self, error: ServerError) {
        self.state = Asked::Failed;
        self.failure = Some(error);
    }
}

/// Whether a server can be reached from a socket: one family and scope, and the loopback interface to itself.
pub(super) fn can_ask(base: SocketAddr, server: SocketAddr) -> bool {
    compatible(base, server) && base.ip().is_loopback() == server.ip().is_loopback()
}
