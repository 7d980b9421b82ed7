//! What answers and events change.

use barertc_arena::Allocator;
use barertc_wire::Instant;

use super::{Answer, Asked, HEARTBEATS, Job, PATIENCE_SCAN, PATIENCE_START, Phase, Session};
use crate::event::{Cause, Error, Event, Failure};
use crate::message::{
    CODE_CONNECTING, Fields, Incoming, Malformed, Request, STATION_STARTED, TO_RESPONSE, UNSUPPORTED, Value,
    field_bytes, int,
};
use crate::network::{AccessPoint, copy};
use crate::stats::{Discard, Statistics};

const EVENT_READY: u32 = 769;
const EVENT_HEARTBEAT: u32 = 770;
const EVENT_WIFI: u32 = 773;
const EVENT_SCAN_DONE: u32 = 774;
const EVENT_CONNECTED: u32 = 775;
const EVENT_DISCONNECTED: u32 = 776;

/// The reason of those who leave by themselves (IEEE 802.11, 9.4.1.7).
const REASON_LEFT: u16 = 8;

impl From<Malformed> for Error {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// An answer's code, and the answer.
type Response<'a> = Result<&'a Incoming<'a>, Error>;

impl<A: Allocator + Clone> Session<A> {
    pub(super) fn handle_response(&mut self, now: Instant, response: &Incoming<'_>, stats: &mut Statistics) {
        let Some(pending) = self.pending.filter(|pending| pending.uid == response.uid) else {
            stats.discards.count(Discard::Uid);
            return;
        };
        let outcome = if response.id == UNSUPPORTED {
            Err(Error::Unsupported)
        } else if response.id == pending.request.id().saturating_add(TO_RESPONSE) {
            match response.int(code_field(pending.request)) {
                Ok(0) => Ok(response),
                Ok(code) => Err(Error::Refused(code)),
                Err(malformed) => Err(malformed.into()),
            }
        } else {
            stats.discards.count(Discard::Answer);
            return;
        };
        self.pending = None;
        self.timeouts = 0;
        self.answered(now, pending.request, outcome, stats);
    }

    /// A question has its answer, or will have none.
    pub(super) fn answered(&mut self, now: Instant, request: Request, response: Response<'_>, stats: &mut Statistics) {
        match self.phase {
            Phase::Setup(waited) if waited == request => self.set_up(now, request, response, stats),
            Phase::Joining(waited) if waited == request => self.joining(now, request, response, stats),
            // Whether we were connected does not matter.
            Phase::Leaving if request == Request::Disconnect => self.join(),
            _ => self.job_answered(now, request, response),
        }
    }

    fn set_up(&mut self, now: Instant, request: Request, response: Response<'_>, stats: &mut Statistics) {
        // What an old firmware may not know, or need not do.
        let optional = matches!(request, Request::SetPowerSave | Request::Heartbeat);
        match response {
            Err(Error::Timeout) if !optional => self.restart = Some(Cause::Timeout),
            Err(Error::Refused(code)) if !optional => self.restart = Some(Cause::Refused(code)),
            Err(_) if !optional => self.restart = Some(Cause::Unsupported),
            _ => self.next_step(now, request, response, stats),
        }
    }

    fn next_step(&mut self, now: Instant, request: Request, response: Response<'_>, stats: &mut Statistics) {
        self.phase = match request {
            Request::WifiInit => Phase::Setup(Request::SetMode),
            Request::SetMode => Phase::Setup(Request::Start),
            Request::Start => Phase::Starting { until: now + PATIENCE_START },
            Request::MacAddress => {
                match response.and_then(|response| Ok(response.bytes(1)?)) {
                    Ok(address) if address.len() == 6 => copy(&mut self.address, address),
                    _ => self.restart = Some(Cause::Unsupported),
                }
                Phase::Setup(Request::SetPowerSave)
            }
            Request::SetPowerSave => Phase::Setup(Request::Heartbeat),
            _ => {
                if response.is_ok() {
                    self.heartbeat(now);
                }
                self.push(
                    Event::Ready { chip: self.init.chip, firmware: self.init.firmware, address: self.address },
                    stats,
                );
                self.join();
                return;
            }
        };
    }

    fn joining(&mut self, now: Instant, request: Request, response: Response<'_>, stats: &mut Statistics) {
        match (request, response) {
            (Request::SetConfig, Ok(_)) => self.phase = Phase::Joining(Request::Connect),
            // The event tells whether it worked.
            (_, Ok(_) | Err(Error::Refused(CODE_CONNECTING))) => {
                self.phase = Phase::Attempt { until: now + self.config.connect_timeout };
            }
            (_, Err(Error::Timeout)) => self.restart = Some(Cause::Timeout),
            (_, Err(Error::Refused(code))) => self.attempt_failed(now, Failure::Refused(code), stats),
            (_, Err(_)) => self.restart = Some(Cause::Unsupported),
        }
    }

    fn job_answered(&mut self, now: Instant, request: Request, response: Response<'_>) {
        let Some(job) = self.job.filter(|job| job.asked == Asked::Request(request)) else { return };
        let answer = match (response, request) {
            (Err(error), _) => Err(error),
            (Ok(_), Request::ScanStart) => {
                self.job = Some(Job { asked: Asked::Scanning { until: now + PATIENCE_SCAN }, ..job });
                return;
            }
            (Ok(response), Request::ScanCount) => match response.int(2) {
                Ok(1..) => {
                    self.job = Some(Job { asked: Asked::Request(Request::ScanRecords), ..job });
                    return;
                }
                found => {
                    self.points.clear();
                    found.map(|_| Answer::Scan).map_err(Error::from)
                }
            },
            (Ok(response), Request::ScanRecords) => self.scanned(response.body).map_err(Error::from),
            (Ok(response), Request::Rssi) => {
                response.int(2).map(|rssi| Answer::Rssi(rssi.clamp(-128, 127) as i8)).map_err(Error::from)
            }
            (Ok(response), Request::AccessPoint) => {
                response.bytes(2).and_then(access_point).map(Answer::AccessPoint).map_err(Error::from)
            }
            (Ok(response), _) => version(response).map_err(Error::from),
        };
        self.finish_job(answer);
    }

    fn scanned(&mut self, body: &[u8]) -> Result<Answer, Malformed> {
        self.points.clear();
        for field in Fields::new(body) {
            // More than there is room for are left out: the strongest come first.
            if let (3, Value::Bytes(record)) = field? {
                let _ = self.points.try_push(access_point(record)?);
            }
        }
        Ok(Answer::Scan)
    }

    pub(super) fn handle_event(&mut self, now: Instant, event: &Incoming<'_>, stats: &mut Statistics) {
        let handled = match event.id {
            EVENT_READY => {
                self.ready();
                Ok(())
            }
            EVENT_HEARTBEAT => {
                if self.alive_until.is_some() {
                    self.heartbeat(now);
                }
                Ok(())
            }
            EVENT_WIFI => event.int(2).map(|number| {
                if matches!(self.phase, Phase::Starting { .. }) && number == STATION_STARTED {
                    self.phase = Phase::Setup(Request::MacAddress);
                }
            }),
            EVENT_SCAN_DONE => {
                if let Some(job) = self.job.filter(|job| matches!(job.asked, Asked::Scanning { .. })) {
                    self.job = Some(Job { asked: Asked::Request(Request::ScanCount), ..job });
                }
                Ok(())
            }
            EVENT_CONNECTED => event.bytes(2).and_then(|details| self.connected(details, stats)),
            EVENT_DISCONNECTED => event.bytes(2).and_then(|details| self.disconnected(now, details, stats)),
            // The firmware has more to say than is used.
            _ => Ok(()),
        };
        if handled.is_err() {
            stats.discards.count(Discard::Message);
        }
    }

    fn ready(&mut self) {
        if let Phase::Greeting { answered: true, .. } = self.phase {
            self.phase = Phase::Setup(Request::WifiInit);
        }
    }

    fn heartbeat(&mut self, now: Instant) {
        self.alive_until = self.config.heartbeat.map(|every| {
            let every = core::time::Duration::from_secs(every.as_secs().clamp(1, 3600));
            now + every.saturating_mul(HEARTBEATS)
        });
    }

    fn connected(&mut self, details: &[u8], stats: &mut Statistics) -> Result<(), Malformed> {
        // The event may come before the answer to the request.
        if !matches!(self.phase, Phase::Joining(Request::Connect) | Phase::Attempt { .. } | Phase::Waiting { .. }) {
            return Ok(());
        }
        let (ssid, len) = (field_bytes(details, 1)?, int(details, 2)?);
        let ssid = usize::try_from(len).ok().and_then(|len| ssid.get(..len)).unwrap_or(ssid);
        let bssid = field_bytes(details, 3)?;
        let point = AccessPoint::new(ssid, bssid, int(details, 4)?, 0, int(details, 5)?);
        self.phase = Phase::Connected;
        self.failures = 0;
        self.outcome = Some((self.generation, Ok(())));
        self.push(Event::Connected(point), stats);
        Ok(())
    }

    fn disconnected(&mut self, now: Instant, details: &[u8], stats: &mut Statistics) -> Result<(), Malformed> {
        let reason = int(details, 4)?.clamp(0, u16::MAX.into()) as u16;
        let rssi = int(details, 5)?.clamp(-128, 127) as i8;
        match self.phase {
            // The end of the connection that we left before this attempt.
            Phase::Joining(_) | Phase::Attempt { .. } if reason == REASON_LEFT => {}
            Phase::Joining(Request::Connect) | Phase::Attempt { .. } => {
                self.attempt_failed(now, Failure::Reason(reason), stats);
            }
            Phase::Connected => {
                self.phase = Phase::Waiting { until: now + self.config.backoff_min };
                self.push(Event::Disconnected { reason, rssi }, stats);
            }
            Phase::Leaving => self.push(Event::Disconnected { reason, rssi }, stats),
            _ => {}
        }
        Ok(())
    }
}

/// Where an answer has its code.
fn code_field(request: Request) -> u32 {
    if request == Request::MacAddress { 2 } else { 1 }
}

fn access_point(record: &[u8]) -> Result<AccessPoint, Malformed> {
    Ok(AccessPoint::new(
        field_bytes(record, 2)?,
        field_bytes(record, 1)?,
        int(record, 3)?,
        int(record, 5)?,
        int(record, 6)?,
    ))
}

fn version(response: &Incoming<'_>) -> Result<Answer, Malformed> {
    let part = |field| response.int(field).map(|part| part.clamp(0, 255) as u8);
    Ok(Answer::FirmwareVersion([part(2)?, part(3)?, part(4)?]))
}
