//! The conversation with the co-processor, without the bus: introduction, questions and answers, joining a network.
//!
//! ```text
//! Down ─ up ─► Introduction ─ INIT ─► Greeting ─ ESPInit ─► Setup ─► Idle ◄─► Joining ─ 775 ─► Connected
//!                                                                      ▲        │ ▲                │
//!                                                                      │     failed └─ later ┐    776
//!                                                                      │        ▼            │     │
//!                                                                      └─────── Waiting ◄──────────┘
//! ```
//! From everywhere a silence, a refusal of what everything depends on, or a second INIT leads back to `Down`.

mod answer;
mod reassembly;

use core::time::Duration;

use barertc_arena::{AllocError, Allocator, Ring, Vec};
use barertc_wire::{Instant, NoRoom};

use crate::config::Config;
use crate::event::{Cause, Error, Event, Failure, Status};
use crate::header::{self, Header, Interface};
use crate::init::{self, Framing, Init};
use crate::message::{Arguments, Incoming, Request, write_request};
use crate::network::{AccessPoint, Network};
use crate::stats::{Discard, Statistics, count};

use reassembly::Reassembly;

/// How long the co-processor may take from the opening of the data path to its introduction.
const PATIENCE_INIT: Duration = Duration::from_secs(3);
/// How long after it the event that it is ready is waited for: without it, it is ready too.
const PATIENCE_READY: Duration = Duration::from_millis(500);
/// How long the station interface may take to start; without the event, it has started too.
const PATIENCE_START: Duration = Duration::from_secs(2);
/// How long a scan may take.
const PATIENCE_SCAN: Duration = Duration::from_secs(15);
/// So many heartbeats may be missing.
const HEARTBEATS: u32 = 3;
/// So many questions of the application may stay without an answer, one after the other.
const MAX_TIMEOUTS: u8 = 2;

/// Where the conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The bus is not up.
    Down,
    /// Waits for INIT.
    Introduction {
        until: Instant,
    },
    /// INIT has come, and is to be answered; the ready event is waited for.
    Greeting {
        until: Instant,
        answered: bool,
    },
    /// This question is next, or its answer is waited for.
    Setup(Request),
    /// The station interface is starting.
    Starting {
        until: Instant,
    },
    /// No network is wanted.
    Idle,
    /// This question is next, or its answer is waited for.
    Joining(Request),
    /// The access point's answer is waited for.
    Attempt {
        until: Instant,
    },
    /// The last attempt failed.
    Waiting {
        until: Instant,
    },
    Connected,
    /// Another network is wanted, or none: this one is being left.
    Leaving,
}

/// A question whose answer is waited for.
#[derive(Clone, Copy, Debug)]
struct Pending {
    request: Request,
    uid: u32,
    until: Instant,
}

/// What the application asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Rssi,
    AccessPoint,
    FirmwareVersion,
    /// For the network of this name, or for all with an empty one.
    Scan {
        ssid: [u8; 32],
        len: u8,
    },
}

/// What the application is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Rssi(i8),
    AccessPoint(AccessPoint),
    FirmwareVersion([u8; 3]),
    /// The access points are in the session's list.
    Scan,
}

/// How far a question of the application is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// This question is next, or its answer is waited for.
    Request(Request),
    /// The end of the scan is waited for.
    Scanning { until: Instant },
}

/// The application's question, and whose it is.
#[derive(Clone, Copy, Debug)]
struct Job {
    ticket: u32,
    command: Command,
    asked: Asked,
}

/// The conversation with the co-processor. More than fifteen fields: an answer, a time-out or a restart of the
/// co-processor may end anything that waits.
pub(crate) struct Session<A: Allocator> {
    config: Config,
    phase: Phase,
    init: Init,
    address: [u8; 6],
    reassembly: Reassembly<A>,
    next_uid: u32,
    pending: Option<Pending>,
    timeouts: u8,
    wanted: Option<Network>,
    /// Counts what the application wanted, so that an outcome finds its question.
    generation: u32,
    outcome: Option<(u32, Result<(), Error>)>,
    failures: u32,
    alive_until: Option<Instant>,
    job: Option<Job>,
    answer: Option<(u32, Result<Answer, Error>)>,
    points: Vec<AccessPoint, A>,
    events: Ring<Event, A>,
    restart: Option<Cause>,
}

impl<A: Allocator + Clone> Session<A> {
    pub(crate) fn bytes(config: &Config) -> usize {
        Reassembly::<A>::bytes(config.message_bytes)
            .saturating_add(Vec::<AccessPoint, A>::bytes(config.scan_results))
            .saturating_add(Ring::<Event, A>::bytes(config.events))
    }

    pub(crate) fn new(config: &Config, alloc: A) -> Result<Self, AllocError> {
        Ok(Self {
            config: *config,
            phase: Phase::Down,
            init: Init::default(),
            // Of the range that everybody may use, until the co-processor has said ours.
            address: [0x02, 0, 0, 0, 0, 0],
            reassembly: Reassembly::new(config.message_bytes, alloc.clone())?,
            next_uid: 1,
            pending: None,
            timeouts: 0,
            wanted: None,
            generation: 0,
            outcome: None,
            failures: 0,
            alive_until: None,
            job: None,
            answer: None,
            points: Vec::with_capacity(config.scan_results, alloc.clone())?,
            events: Ring::with_capacity(config.events.max(1), alloc)?,
            restart: None,
        })
    }

    // What the runner calls.

    /// The bus is up, and the data path open.
    pub(crate) fn up(&mut self, now: Instant) {
        self.phase = Phase::Introduction { until: now + PATIENCE_INIT };
        self.init = Init::default();
        self.reassembly.clear();
        self.restart = None;
    }

    /// The bus is down, and everything with it; it will be started again.
    pub(crate) fn down(&mut self, cause: Cause, stats: &mut Statistics) {
        self.phase = Phase::Down;
        self.pending = None;
        self.timeouts = 0;
        self.alive_until = None;
        self.restart = None;
        self.finish_job(Err(Error::Restarting));
        self.push(Event::Restarting(cause), stats);
    }

    /// A packet with an event has come.
    pub(crate) fn handle_private(&mut self, now: Instant, header: &Header, payload: &[u8], stats: &mut Statistics) {
        if header.kind != init::PACKET_EVENT {
            stats.discards.count(Discard::Event);
            return;
        }
        match Init::parse(payload) {
            Ok(Some(init)) => match self.phase {
                Phase::Introduction { .. } | Phase::Greeting { .. } if init.framing.is_none() => {
                    self.restart = Some(Cause::Framing);
                }
                Phase::Introduction { .. } | Phase::Greeting { .. } => {
                    self.init = init;
                    self.phase = Phase::Greeting { until: now + PATIENCE_READY, answered: false };
                }
                Phase::Down => {}
                // It was reset, and has forgotten everything.
                _ => self.restart = Some(Cause::Reset),
            },
            Ok(None) => {}
            Err(_) => stats.discards.count(Discard::Event),
        }
    }

    /// A packet with a message, or a fragment of one, has come.
    pub(crate) fn handle_serial(&mut self, now: Instant, header: &Header, payload: &[u8], stats: &mut Statistics) {
        let more = header.flags & header::MORE_FRAGMENTS != 0;
        match self.reassembly.push(payload, more) {
            Ok(false) => return,
            Ok(true) => {}
            Err(reason) => {
                stats.discards.count(reason);
                return;
            }
        }
        // The message moves out, so that what handles it may change everything else.
        let message = self.reassembly.take();
        match Incoming::parse(&message) {
            Ok(incoming) if incoming.is_event => self.handle_event(now, &incoming, stats),
            Ok(incoming) => self.handle_response(now, &incoming, stats),
            Err(_) => stats.discards.count(Discard::Message),
        }
        self.reassembly.put_back(message);
    }

    /// Writes the next packet to send with its header; returns its length.
    pub(crate) fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        if let Phase::Greeting { until, answered: false } = self.phase {
            let len = self.write_greeting(out).ok()?;
            self.phase = Phase::Greeting { until, answered: true };
            return Some(len);
        }
        if self.pending.is_some() {
            return None;
        }
        let request = self.next_request()?;
        let uid = self.next_uid;
        let len = self.write_question(out, request, uid).ok()?;
        // 0 means none.
        self.next_uid = uid.checked_add(1).unwrap_or(1);
        self.pending = Some(Pending { request, uid, until: now + self.config.rpc_timeout });
        Some(len)
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has a packet.
    pub(crate) fn has_packet(&self) -> bool {
        match self.phase {
            Phase::Greeting { answered, .. } => !answered,
            _ => self.pending.is_none() && self.next_request().is_some(),
        }
    }

    pub(crate) fn timeout(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Introduction { until }
            | Phase::Greeting { until, .. }
            | Phase::Starting { until }
            | Phase::Attempt { until }
            | Phase::Waiting { until } => Some(until),
            _ => None,
        };
        let job = match self.job {
            Some(Job { asked: Asked::Scanning { until }, .. }) => Some(until),
            _ => None,
        };
        [phase, job, self.pending.map(|p| p.until), self.alive_until].into_iter().fold(None, Instant::earliest)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, stats: &mut Statistics) {
        if let Some(pending) = self.pending
            && now >= pending.until
        {
            self.pending = None;
            count(&mut stats.timeouts);
            self.timeouts = self.timeouts.saturating_add(1);
            self.answered(now, pending.request, Err(Error::Timeout), stats);
            if self.timeouts >= MAX_TIMEOUTS {
                self.restart.get_or_insert(Cause::Timeout);
            }
        }
        if let Some(Job { asked: Asked::Scanning { until }, .. }) = self.job
            && now >= until
        {
            self.finish_job(Err(Error::Timeout));
        }
        if self.alive_until.is_some_and(|until| now >= until) {
            self.alive_until = None;
            self.restart = Some(Cause::Heartbeat);
        }
        match self.phase {
            Phase::Introduction { until } if now >= until => self.restart = Some(Cause::NoInit),
            Phase::Greeting { until, answered: true } if now >= until => self.phase = Phase::Setup(Request::WifiInit),
            Phase::Starting { until } if now >= until => self.phase = Phase::Setup(Request::MacAddress),
            Phase::Attempt { until } if now >= until => self.attempt_failed(now, Failure::Timeout, stats),
            Phase::Waiting { until } if now >= until => self.join(),
            _ => {}
        }
    }

    /// Why everything has to be started again, if it has to.
    pub(crate) fn poll_restart(&mut self) -> Option<Cause> {
        self.restart.take()
    }

    /// Whether packets have checksums.
    pub(crate) fn checksum(&self) -> bool {
        self.init.checksum
    }

    /// How packets stand in transfers over SDIO.
    pub(crate) fn framing(&self) -> Framing {
        self.init.framing.unwrap_or_default()
    }

    // What the application calls, through its handles.

    pub(crate) fn address(&self) -> [u8; 6] {
        self.address
    }

    pub(crate) fn status(&self) -> Status {
        match self.phase {
            Phase::Down | Phase::Introduction { .. } | Phase::Greeting { .. } | Phase::Setup(_) => Status::Starting,
            Phase::Starting { .. } => Status::Starting,
            Phase::Idle => Status::Idle,
            Phase::Joining(_) | Phase::Attempt { .. } | Phase::Leaving => Status::Joining,
            Phase::Waiting { .. } => Status::Waiting,
            Phase::Connected => Status::Connected,
        }
    }

    /// Another network is wanted, or none. The number finds the outcome.
    pub(crate) fn want(&mut self, network: Option<Network>) -> u32 {
        self.wanted = network;
        self.failures = 0;
        self.generation = self.generation.wrapping_add(1);
        match self.phase {
            Phase::Idle | Phase::Waiting { .. } => self.join(),
            Phase::Joining(_) | Phase::Attempt { .. } | Phase::Connected => self.phase = Phase::Leaving,
            _ => {}
        }
        self.generation
    }

    /// How the attempt with this number ended.
    pub(crate) fn outcome(&mut self, generation: u32) -> Option<Result<(), Error>> {
        if generation != self.generation {
            return Some(Err(Error::Superseded));
        }
        self.outcome.take_if(|(number, _)| *number == generation).map(|(_, outcome)| outcome)
    }

    /// Asks a question for the application, unless it has one already.
    pub(crate) fn ask(&mut self, ticket: u32, command: Command) -> Result<bool, Error> {
        if self.status() == Status::Starting {
            return Err(Error::Restarting);
        }
        if self.job.is_some() || self.answer.is_some() {
            return Ok(false);
        }
        let asked = Asked::Request(match command {
            Command::Rssi => Request::Rssi,
            Command::AccessPoint => Request::AccessPoint,
            Command::FirmwareVersion => Request::FirmwareVersion,
            Command::Scan { .. } => Request::ScanStart,
        });
        self.job = Some(Job { ticket, command, asked });
        Ok(true)
    }

    pub(crate) fn poll_answer(&mut self, ticket: u32) -> Option<Result<Answer, Error>> {
        self.answer.take_if(|(number, _)| *number == ticket).map(|(_, answer)| answer)
    }

    /// Nobody waits for this answer any more.
    pub(crate) fn forget(&mut self, ticket: u32) {
        self.job.take_if(|job| job.ticket == ticket);
        self.answer.take_if(|(number, _)| *number == ticket);
    }

    pub(crate) fn points(&self) -> &[AccessPoint] {
        &self.points
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) fn firmware(&self) -> Option<[u8; 3]> {
        self.init.firmware
    }

    // What both do.

    fn push(&mut self, event: Event, stats: &mut Statistics) {
        if self.events.is_full() {
            self.events.pop_front();
            stats.discards.count(Discard::EventLost);
        }
        // There is a place now.
        let _ = self.events.push_back(event);
    }

    /// Starts an attempt to join what is wanted.
    fn join(&mut self) {
        self.phase = if self.wanted.is_some() { Phase::Joining(Request::SetConfig) } else { Phase::Idle };
    }

    fn attempt_failed(&mut self, now: Instant, failure: Failure, stats: &mut Statistics) {
        let doublings = self.failures.min(16);
        let wait = self.config.backoff_min.saturating_mul(1 << doublings).min(self.config.backoff_max);
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Waiting { until: now + wait };
        self.outcome = Some((self.generation, Err(Error::NotJoined(failure))));
        self.push(Event::Failed(failure), stats);
    }

    fn finish_job(&mut self, answer: Result<Answer, Error>) {
        if let Some(job) = self.job.take() {
            self.answer = Some((job.ticket, answer));
        }
    }

    fn next_request(&self) -> Option<Request> {
        match (self.phase, self.job) {
            (Phase::Setup(request) | Phase::Joining(request), _) => Some(request),
            (Phase::Leaving, _) => Some(Request::Disconnect),
            (Phase::Down | Phase::Introduction { .. } | Phase::Greeting { .. } | Phase::Starting { .. }, _) => None,
            (_, Some(Job { asked: Asked::Request(request), .. })) => Some(request),
            _ => None,
        }
    }

    fn write_greeting(&self, out: &mut [u8]) -> Result<usize, NoRoom> {
        let room = out.get_mut(header::LEN..).ok_or(NoRoom)?;
        let (high, low) = (self.config.throttle_high, self.config.throttle_low);
        let len = init::write_answer(room, self.init.chip, high, low)?;
        let header = Header { kind: init::PACKET_EVENT, ..Header::new(Interface::Private, len as u16) };
        header.write(out, self.init.checksum)?;
        Ok(header::LEN.saturating_add(len))
    }

    fn write_question(&self, out: &mut [u8], request: Request, uid: u32) -> Result<usize, NoRoom> {
        let (scan_for, scan_len) = match self.job {
            Some(Job { command: Command::Scan { ssid, len }, .. }) => (ssid, len),
            _ => ([0; 32], 0),
        };
        let arguments = Arguments {
            heartbeat: self.config.heartbeat.map_or(0, |every| every.as_secs().clamp(1, 3600) as u32),
            network: self.wanted.as_ref(),
            scan_for: scan_for.get(..scan_len.into()).unwrap_or_default(),
            scan_results: u32::try_from(self.config.scan_results).unwrap_or(u32::MAX),
        };
        let room = out.get_mut(header::LEN..).ok_or(NoRoom)?;
        let len = write_request(room, request, uid, &arguments)?;
        // Every question of ours fits one packet.
        let header = Header::new(Interface::Serial, u16::try_from(len).map_err(|_| NoRoom)?);
        header.write(out, self.init.checksum)?;
        Ok(header::LEN.saturating_add(len))
    }
}
