//! Names that end in `.local` (RFC 6762, the part that WebRTC uses). A [`Resolver`] finds the addresses that browsers
//! hide behind such names. A [`Responder`] answers for a name of our own.
//!
//! The caller has a UDP socket that has joined [`GROUP`], best on port 5353. What it receives goes to both, what they
//! write goes to [`GROUP`]. Nothing needs to wait for a name: a browser's own checks arrive before.
//!
//! ```
//! use barertc_arena::Heap;
//! use barertc_ice::mdns::{Resolver, Responder};
//! use barertc_wire::Instant;
//!
//! let mut region = vec![core::mem::MaybeUninit::uninit(); 16 * 1024];
//! let heap: Heap = Heap::new(&mut region).expect("a region that large");
//! let mut resolver = Resolver::new(4, &heap)?;
//! let line = "candidate:1 1 udp 2113937151 example.local 5000 typ host";
//! resolver.resolve(Instant::ZERO, line.parse()?)?;
//!
//! let (mut query, mut answer) = ([0; 512], [0; 512]);
//! let len = resolver.poll_transmit(Instant::ZERO, &mut query).expect("a query");
//! let responder = Responder::new("example", "192.0.2.7".parse().unwrap())?;
//! let len = responder.answer(&query[..len], &mut answer).expect("it is our name");
//! resolver.handle(Instant::ZERO, &answer[..len]);
//! assert_eq!(resolver.poll_event().map(|c| c.addr), Some("192.0.2.7:5000".parse().unwrap()));
//! # Ok::<(), barertc_ice::Error>(())
//! ```
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use core::time::Duration;

use barertc_arena::{Allocator, Vec};
use barertc_wire::text::split;
use barertc_wire::{Instant, Writer};

use crate::candidate::Candidate;
use crate::dns::{self, Message};
use crate::error::Error;
use crate::route::is_unicast_ip;
use crate::sdp::{CandidateLine, Name};

/// Where questions and answers are sent (RFC 6762 §3).
pub const GROUP: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 251), 5353));

/// Questions for one name, a second apart and doubling (RFC 6762 §5.2).
const ATTEMPTS: u8 = 3;
/// Labels of a name with `local`; browsers use two.
const MAX_LABELS: usize = 4;
const DOMAIN: &str = "local";
/// How long an address may be believed, in seconds. RFC 6762 §10 recommends 120.
const TTL: u32 = 120;

struct Query {
    line: CandidateLine,
    found: Option<IpAddr>,
    sent: u8,
    next: Instant,
}

/// A resolver: asks for names, a bounded number at a time.
pub struct Resolver<A: Allocator> {
    queries: Vec<Query, A>,
}

impl<A: Allocator> Resolver<A> {
    /// A resolver that has room for `names` at a time.
    ///
    /// # Errors
    /// [`Error::NoMemory`].
    pub fn new(names: usize, alloc: A) -> Result<Self, Error> {
        Ok(Self { queries: Vec::with_capacity(names, alloc)? })
    }

    /// The most that a resolver for `names` takes from its allocator, in bytes.
    #[must_use]
    pub const fn worst_case_bytes(names: usize) -> usize {
        Vec::<Query, A>::bytes(names)
    }

    /// Begins to ask for the name in `line`.
    ///
    /// # Errors
    /// [`Error::Name`] when it has none that ends in `.local`, [`Error::TooMany`] when as many are asked for as
    /// there is room for.
    pub fn resolve(&mut self, now: Instant, line: CandidateLine) -> Result<(), Error> {
        if labels(line.name().unwrap_or_default()).is_none() {
            return Err(Error::Name);
        }
        if self.queries.iter().any(|q| q.line == line) {
            return Ok(());
        }
        let query = Query { line, found: None, sent: 0, next: now };
        let limit = self.queries.capacity();
        self.queries.try_push(query).map_err(|_| Error::TooMany { what: "names to resolve", limit })
    }

    /// A datagram from the group. Anything but an answer to an open question is ignored, because anyone can send
    /// there. An answer only tells where to send a check.
    pub fn handle(&mut self, _now: Instant, datagram: &[u8]) {
        let Some(message) = Message::parse(datagram).filter(|m| m.is_response) else { return };
        for record in message.answers() {
            let Some(ip) = record.address().filter(|ip| is_unicast_ip(*ip)) else { continue };
            for query in self.queries.iter_mut().filter(|q| q.found.is_none()) {
                if labels(query.line.name().unwrap_or_default()).is_some_and(|l| record.is_about(l)) {
                    query.found = Some(ip);
                }
            }
        }
    }

    /// The next question, to be sent to [`GROUP`].
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let due = |q: &&mut Query| q.found.is_none() && q.sent < ATTEMPTS && q.next <= now;
        let query = self.queries.iter_mut().find(due)?;
        query.next = now + Duration::from_secs(1 << query.sent.min(8));
        query.sent = query.sent.saturating_add(1);
        let labels = labels(query.line.name()?)?;
        let mut w = Writer::new(out);
        dns::ask(&mut w, labels, &[dns::A, dns::AAAA]).ok()?;
        Some(w.written().len())
    }

    /// The next candidate whose address has become known.
    pub fn poll_event(&mut self) -> Option<Candidate> {
        let (i, ip) = self.queries.iter().enumerate().find_map(|(i, q)| Some((i, q.found?)))?;
        self.queries.swap_remove(i).map(|q| q.line.resolved(ip))
    }

    /// When there is a question to send or a name to be given up.
    #[must_use]
    pub fn timeout(&self) -> Option<Instant> {
        self.queries.iter().map(|q| q.next).min()
    }

    /// Says that time has passed: names that nobody has answered for are given up.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.queries.retain(|q| q.found.is_some() || q.sent < ATTEMPTS || q.next > now);
    }
}

impl<A: Allocator> fmt::Debug for Resolver<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("names", &self.queries.len()).finish_non_exhaustive()
    }
}

barertc_wire::opaque_format! { [A: Allocator] Resolver<A> }

/// Answers for one name of our own.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Responder {
    label: Name,
    ip: IpAddr,
}

impl Responder {
    /// Answers for `label.local`, which stands for `ip`. WebRTC wants a fresh random UUID as the label, so that it tells
    /// nothing.
    ///
    /// # Errors
    /// [`Error::Name`] when `label` is not one label of 1 to 63 letters, digits and hyphens.
    pub fn new(label: &str, ip: IpAddr) -> Result<Self, Error> {
        let valid = is_label(label) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let label = Name::try_from(label).ok().filter(|_| valid).ok_or(Error::Name)?;
        Ok(Self { label, ip })
    }

    /// The answer to a datagram from the group when it asks for this name, to be sent to [`GROUP`].
    #[must_use]
    pub fn answer(&self, question: &[u8], out: &mut [u8]) -> Option<usize> {
        let message = Message::parse(question).filter(|m| !m.is_response)?;
        let rtype = if self.ip.is_ipv4() { dns::A } else { dns::AAAA };
        message.questions().find(|q| q.asks_for(rtype) && q.is_about(self.labels()))?;
        self.announce(out)
    }

    /// The announcement that RFC 6762 §8.3 has everyone send twice, a second apart, when the name comes up.
    #[must_use]
    pub fn announce(&self, out: &mut [u8]) -> Option<usize> {
        let mut w = Writer::new(out);
        dns::tell(&mut w, self.labels(), self.ip, TTL).ok()?;
        Some(w.written().len())
    }

    fn labels(&self) -> impl Iterator<Item = &str> + Clone {
        [self.label.as_str(), DOMAIN].into_iter()
    }
}

/// The labels of a name in `.local`; none for any other name.
fn labels(name: &str) -> Option<impl Iterator<Item = &str> + Clone> {
    let labels = split(name.strip_suffix('.').unwrap_or(name), b'.');
    let well_formed = (2..=MAX_LABELS).contains(&labels.clone().count()) && labels.clone().all(is_label);
    let local = labels.clone().last().is_some_and(|l| l.eq_ignore_ascii_case(DOMAIN));
    (well_formed && local).then_some(labels)
}

/// A DNS label has 1 to 63 bytes.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str) -> CandidateLine {
        std::format!("candidate:1 1 udp 1 {name} 9 typ host").parse().unwrap()
    }

    fn resolver() -> Resolver<&'static barertc_arena::Heap<'static>> {
        let region = std::boxed::Box::leak(std::vec![core::mem::MaybeUninit::uninit(); 8192].into_boxed_slice());
        let heap: &'static _ = std::boxed::Box::leak(std::boxed::Box::new(barertc_arena::Heap::new(region).unwrap()));
        Resolver::new(2, heap).unwrap()
    }

    #[test]
    fn questions_are_repeated_and_given_up() {
        let mut r = resolver();
        r.resolve(Instant::ZERO, line("a.local")).unwrap();
        let (mut times, mut out) = (std::vec::Vec::new(), [0; 512]);
        while let Some(at) = r.timeout() {
            r.handle_timeout(at);
            if r.poll_transmit(at, &mut out).is_some() {
                times.push(at.as_millis());
            }
        }
        assert_eq!(times, [0, 1000, 3000]);
    }

    #[test]
    fn only_the_name_asked_for_is_believed_whatever_its_case() {
        let (mut r, mut out) = (resolver(), [0; 512]);
        r.resolve(Instant::ZERO, line("wanted.local")).unwrap();
        for (label, found) in [("other", false), ("WANTED", true)] {
            let len = Responder::new(label, "192.0.2.1".parse().unwrap()).unwrap().announce(&mut out).unwrap();
            for cut in 0..len {
                r.handle(Instant::ZERO, &out[..cut]);
            }
            r.handle(Instant::ZERO, &out[..len]);
            assert_eq!(r.poll_event().is_some(), found, "{label}");
        }
    }

    #[test]
    fn ipv6_and_useless_addresses() {
        let (mut r, mut out) = (resolver(), [0; 512]);
        r.resolve(Instant::ZERO, line("a.local")).unwrap();
        for (ip, found) in [("224.0.0.1", false), ("fe80::1", true)] {
            let len = Responder::new("a", ip.parse().unwrap()).unwrap().announce(&mut out).unwrap();
            r.handle(Instant::ZERO, &out[..len]);
            assert_eq!(r.poll_event().map(|c| c.addr.ip()), found.then(|| ip.parse().unwrap()));
        }
    }

    #[test]
    fn names_are_bounded() {
        let mut r = resolver();
        for bad in ["example.org", "local", "a..local", "1.2.3.4.local"] {
            assert_eq!(r.resolve(Instant::ZERO, line(bad)), Err(Error::Name), "{bad}");
        }
        r.resolve(Instant::ZERO, line("a.local")).unwrap();
        r.resolve(Instant::ZERO, line("a.local")).unwrap();
        r.resolve(Instant::ZERO, line("b.local")).unwrap();
        assert_eq!(
            r.resolve(Instant::ZERO, line("c.local")),
            Err(Error::TooMany { what: "names to resolve", limit: 2 })
        );
        let long = "x".repeat(64);
        assert!(Responder::new(&long, "192.0.2.1".parse().unwrap()).is_err());
    }

    /// What `edge-mdns` asks is answered, and what it answers is understood.
    #[test]
    fn another_implementation_understands_and_is_understood() {
        use edge_mdns::domain::base::Ttl;
        use edge_mdns::host::Host;
        use edge_mdns::{HostAnswersMdnsHandler, MdnsHandler, MdnsRequest, MdnsResponse};

        let (mut r, mut question, mut out) = (resolver(), [0; 512], [0; 512]);
        r.resolve(Instant::ZERO, line("camera.local")).unwrap();
        let len = r.poll_transmit(Instant::ZERO, &mut question).unwrap();
        let host = Host {
            hostname: "camera",
            ipv4: Ipv4Addr::new(192, 0, 2, 7),
            ipv6: core::net::Ipv6Addr::UNSPECIFIED,
            ttl: Ttl::from_secs(60),
        };
        let request = MdnsRequest::Request { legacy: false, multicast: true, data: &question[..len] };
        let reply = HostAnswersMdnsHandler::new(host).handle(request, &mut out).unwrap();
        let MdnsResponse::Reply { data, .. } = reply else { panic!("it does not understand the question") };
        r.handle(Instant::ZERO, data);
        assert_eq!(r.poll_event().map(|c| c.addr), Some("192.0.2.7:9".parse().unwrap()));

        let ours = Responder::new("camera", "192.0.2.7".parse().unwrap()).unwrap();
        let mut answer = [0; 512];
        let len = ours.answer(&question[..len], &mut answer).expect("it is our name");
        let message = edge_mdns::domain::base::Message::from_octets(&answer[..len]).unwrap();
        assert!(message.header().qr() && message.header().aa());
        let record = message.answer().unwrap().next().unwrap().unwrap();
        let address = record.to_record::<edge_mdns::domain::rdata::A>().unwrap().unwrap();
        assert_eq!((address.data().addr(), address.ttl()), (Ipv4Addr::new(192, 0, 2, 7), Ttl::from_secs(120)));
    }

    #[test]
    fn a_question_for_another_name_or_family_is_not_answered() {
        let (mut question, mut out) = ([0; 512], [0; 512]);
        for (asked, ours, answered) in [("a", "192.0.2.1", true), ("b", "192.0.2.1", false), ("A", "fe80::1", true)] {
            let mut w = Writer::new(&mut question);
            dns::ask(&mut w, [asked, DOMAIN].into_iter(), &[dns::A, dns::AAAA]).unwrap();
            let len = w.written().len();
            let responder = Responder::new("a", ours.parse().unwrap()).unwrap();
            assert_eq!(responder.answer(&question[..len], &mut out).is_some(), answered, "{asked} {ours}");
        }
        let mut w = Writer::new(&mut question);
        dns::ask(&mut w, ["a", DOMAIN].into_iter(), &[dns::AAAA]).unwrap();
        let len = w.written().len();
        let responder = Responder::new("a", "192.0.2.1".parse().unwrap()).unwrap();
        assert_eq!(responder.answer(&question[..len], &mut out), None);
    }
}
