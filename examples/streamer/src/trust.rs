//! Who vouches for servers on a board, and what time it is there.

use core::cell::{Cell, OnceCell};
use core::fmt;
use core::time::Duration;

use barertc::Allocator;
use barertc::ice::stream::{CertificateFault, StreamEnd};
use barertc_arena::Box;
use barertc_tls::sntp::{self, SntpError};
use barertc_tls::{CertificateFault as Fault, Error, TrustAnchors, UnixTime, decode_certificates};
use barertc_wire::Instant;
use barertc_wire::text::number;

use crate::lines::Lines;

/// How often the time is asked for.
pub(crate) const ASK_EACH: Duration = Duration::from_secs(24 * 60 * 60);
/// After which time it is asked for again where that has failed.
pub(crate) const ASK_AGAIN: Duration = Duration::from_secs(10);

/// Who vouches for servers, and what time it is.
pub(crate) struct Trust<A: Allocator> {
    /// Certificates in DER, one after the other, and how many bytes these are.
    anchors: OnceCell<(Box<[u8], A>, usize)>,
    /// The time at an instant.
    time: Cell<Option<(Instant, UnixTime)>>,
    /// It cannot be earlier: the setting, or the last answer that was taken.
    earliest: Cell<UnixTime>,
}

impl<A: Allocator> Default for Trust<A> {
    fn default() -> Self {
        Self { anchors: OnceCell::new(), time: Cell::new(None), earliest: Cell::new(UnixTime(0)) }
    }
}

impl<A: Allocator> Trust<A> {
    /// Reads the settings `ca` and `time`. With `ntp` the latter is a bound alone, and the time is known when a server has
    /// told it.
    pub(crate) fn read(&self, lines: &Lines<'_>, now: Instant, alloc: A) -> Result<(), BadTrust> {
        if let Some(text) = lines.get("time") {
            let time = UnixTime(text.parse().map_err(|_| BadTrust::Time)?);
            self.earliest.set(time);
            if lines.get("ntp").is_none() {
                self.time.set(Some((now, time)));
            }
        }
        let room = lines.all("ca").map(|text| text.len().div_ceil(4).saturating_mul(3)).fold(0, usize::saturating_add);
        let mut anchors = Box::try_zeroed(room, alloc).map_err(|_| BadTrust::Memory)?;
        let mut len = 0;
        for (text, number) in lines.all("ca").zip(1..) {
            let out = anchors.get_mut(len..).unwrap_or_default();
            let read = decode_certificates(text, out).map_err(|_| BadTrust::Text(number))?;
            let (_, count) = TrustAnchors::new(out.get(..read).unwrap_or_default())
                .map_err(|fault| BadTrust::Certificate(number, fault))?;
            if count == 0 {
                return Err(BadTrust::Text(number));
            }
            len += read;
        }
        // Settings are read once.
        let _ = self.anchors.set((anchors, len));
        Ok(())
    }

    /// Who vouches for servers; nobody where the settings name none.
    pub(crate) fn anchors(&self) -> TrustAnchors<'_> {
        let der = self.anchors.get().and_then(|(der, len)| der.get(..*len)).unwrap_or_default();
        TrustAnchors::new(der).map_or(TrustAnchors::NOBODY, |(anchors, _)| anchors)
    }

    /// The time at `now`, where it is known.
    pub(crate) fn time(&self, now: Instant) -> Option<UnixTime> {
        self.time.get().map(|(at, UnixTime(seconds))| UnixTime(seconds.saturating_add((now - at).as_secs())))
    }

    /// A server has told the time.
    pub(crate) fn set_time(&self, at: Instant, time: UnixTime) -> Result<UnixTime, NoTime> {
        if time < self.earliest.get() {
            return Err(NoTime::TooEarly { told: time, earliest: self.earliest.get() });
        }
        self.earliest.set(time);
        self.time.set(Some((at, time)));
        Ok(time)
    }
}

/// The name and the port of the setting `ntp`; `None` where there is something else behind its colon.
pub(crate) fn time_server(setting: &str) -> Option<(&str, u16)> {
    match setting.split_once(':') {
        Some((host, port)) => Some((host, number(port)?)),
        None => Some((setting, sntp::PORT)),
    }
}

/// Why the time is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoTime {
    NoPort,
    NoAddress,
    NoSocket,
    Sntp(SntpError),
    TooEarly { told: UnixTime, earliest: UnixTime },
}

impl fmt::Display for NoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPort => f.write_str("what is behind the colon is no port"),
            Self::NoAddress => f.write_str("no address found"),
            Self::NoSocket => f.write_str("no socket is free"),
            Self::Sntp(error) => error.fmt(f),
            Self::TooEarly { told, earliest } => write!(f, "says that it is {told}, which was before {earliest}"),
        }
    }
}

/// Why settings name nobody who could be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadTrust {
    Time,
    Memory,
    Text(u16),
    Certificate(u16, Fault),
}

impl fmt::Display for BadTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time => f.write_str("time makes no sense: seconds since 1970"),
            Self::Memory => f.write_str("ca: no memory for the certificates"),
            Self::Text(number) => write!(f, "ca: line {number} is no certificate in base64; nobody is trusted"),
            Self::Certificate(number, fault) => write!(f, "ca: line {number}: {fault}; nobody is trusted"),
        }
    }
}

/// What the application is told of a connection that failed.
pub(crate) fn stream_end(error: &Error) -> StreamEnd {
    match error {
        Error::Certificate(fault) => StreamEnd::Certificate(match fault {
            Fault::Expired => CertificateFault::Expired,
            Fault::NotYetValid => CertificateFault::NotYetValid,
            Fault::WrongName => CertificateFault::WrongName,
            Fault::Untrusted => CertificateFault::Untrusted,
            Fault::BadSignature => CertificateFault::BadSignature,
            _ => CertificateFault::Other,
        }),
        Error::OnlyOldVersions => StreamEnd::OldTls,
        Error::NoTime => StreamEnd::NoTime,
        Error::NoMemory => StreamEnd::NoMemory,
        Error::Io(_) => StreamEnd::NotConnected,
        _ => StreamEnd::Tls,
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use barertc_arena::Global;

    use super::*;

    /// A certificate of the TLS tests, in one line.
    const CA: &str = include_str!("../../../crates/tls/tests/data/root.b64");

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_time_server_has_a_name_and_may_have_a_port() {
        assert_eq!(time_server("ntp.example"), Some(("ntp.example", 123)));
        assert_eq!(time_server("ntp.example:1123"), Some(("ntp.example", 1123)));
        for bad in ["ntp.example:", "ntp.example:many", "ntp.example:65536", "ntp.example:+1"] {
            assert_eq!(time_server(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_line_of_the_settings_is_an_authority() {
        let trust = Trust::default();
        let page = format!("ca={0}\nca={0}\ntime=1000\n", CA.trim());
        assert_eq!(trust.read(&Lines::of(page.as_bytes()), at(5), Global), Ok(()));
        let (der, len) = trust.anchors.get().unwrap();
        assert_eq!(TrustAnchors::new(&der[..*len]).unwrap().1, 2);
        assert_eq!(trust.time(at(65)), Some(UnixTime(1060)));
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said_and_nobody_is_trusted() {
        for (page, wrong) in [
            (format!("ca={}\nca=!", CA.trim()), BadTrust::Text(2)),
            (format!("ca={}", &CA[..100]), BadTrust::Certificate(1, Fault::Malformed)),
            ("time=now".into(), BadTrust::Time),
        ] {
            let trust = Trust::default();
            assert_eq!(trust.read(&Lines::of(page.as_bytes()), at(0), Global), Err(wrong));
            assert!(trust.anchors.get().is_none());
        }
    }

    #[test]
    fn an_answer_is_not_before_the_last_one_known() {
        let trust = Trust::default();
        assert_eq!(trust.time(at(0)), None, "a board that was told nothing");
        trust.read(&Lines::of(b"time=1000\nntp=ntp.example"), at(0), Global).unwrap();
        assert_eq!(trust.time(at(0)), None, "a bound is no time");
        let early = NoTime::TooEarly { told: UnixTime(999), earliest: UnixTime(1000) };
        assert_eq!(trust.set_time(at(1), UnixTime(999)), Err(early));
        assert_eq!(
            (trust.set_time(at(1), UnixTime(2000)), trust.time(at(11))),
            (Ok(UnixTime(2000)), Some(UnixTime(2010)))
        );
        let early = NoTime::TooEarly { told: UnixTime(1500), earliest: UnixTime(2000) };
        assert_eq!(trust.set_time(at(12), UnixTime(1500)), Err(early), "not back to the setting either");
        assert_eq!(trust.time(at(13)), Some(UnixTime(2012)), "what was known goes on");
        assert_eq!(trust.set_time(at(14), UnixTime(2005)), Ok(UnixTime(2005)), "this board's clock was fast");
    }
}
