//! Extended reports: the round trip time of a side that sends no media (RFC 3611 §4.4, §4.5).

use core::time::Duration;

use barertc_rtp::rtcp::{CompoundWriter, LastReference, NtpTime, Rtcp, XrBlock};
use barertc_wire::{Instant, ticks};

use crate::clock::NTP_RATE;

/// The round trip time by extended reports (RFC 3611 §4.4, §4.5), which a side that sends no media learns it by.
///
/// One object for each connection. It answers the reference times of the peer, and makes ours where that is wanted. A peer
/// may have several sources that ask: libwebrtc has one for each track. The last [`MAX_ASKING`](Self::MAX_ASKING) are
/// answered.
///
/// ```
/// use barertc_rtcp_nack::ExtendedReports;
/// use barertc_rtp::rtcp::{CompoundWriter, NtpTime, packets};
/// use barertc_wire::Instant;
/// use core::time::Duration;
///
/// let (mut here, mut there) = (ExtendedReports::new(), ExtendedReports::new());
/// let mut deliver = |from: &mut ExtendedReports, ssrc: u32, asks: bool, to: &mut ExtendedReports, sent: u64, came: u64| {
///     let (sent, came) = (Instant::from_millis(sent), Instant::from_millis(came));
///     let mut out = [0; 100];
///     let mut w = CompoundWriter::new(&mut out);
///     from.write(sent, asks.then(|| NtpTime::from_instant(sent)), ssrc, &mut w);
///     let len = w.len();
///     for packet in packets(&out[..len]) {
///         to.handle_rtcp(came, NtpTime::from_instant(came), 1, &packet.unwrap());
///     }
/// };
/// deliver(&mut here, 1, true, &mut there, 1_000, 1_030); // asks
/// deliver(&mut there, 2, false, &mut here, 1_080, 1_110); // answers 50 ms later
/// let round_trip = here.round_trip_time().unwrap();
/// assert!(round_trip.abs_diff(Duration::from_millis(60)) < Duration::from_millis(1));
/// ```
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedReports {
    /// The oldest first.
    heard: heapless::Vec<Heard, { Self::MAX_ASKING }>,
    round_trip_time: Option<Duration>,
}

/// The last reference time of a source of the peer.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Heard {
    ssrc: u32,
    middle: u32,
    at: Instant,
}

impl ExtendedReports {
    /// How many sources of the peer are answered at a time.
    pub const MAX_ASKING: usize = 4;

    /// No reference time was received yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { heard: heapless::Vec::new(), round_trip_time: None }
    }

    /// Takes an extended report of the peer: its reference time, and its answer to a reference time of `local`. `ntp`
    /// is the present time on the clock of this side's reference times.
    pub fn handle_rtcp(&mut self, now: Instant, ntp: NtpTime, local: u32, packet: &Rtcp<'_>) {
        let Rtcp::ExtendedReport(report) = packet else { return };
        for block in report.blocks() {
            match block {
                XrBlock::ReferenceTime(time) => {
                    self.heard.retain(|heard| heard.ssrc != report.ssrc);
                    if self.heard.is_full() {
                        self.heard.remove(0);
                    }
                    let _ = self.heard.push(Heard { ssrc: report.ssrc, middle: time.middle(), at: now });
                }
                XrBlock::LastReference(all) => {
                    for one in all.filter(|one| one.ssrc == local && one.last_rr != 0) {
                        // In 1/65536 s; negative is a clock that was set, or a lie.
                        let ticks = ntp.middle().wrapping_sub(one.last_rr).wrapping_sub(one.delay_since_last_rr);
                        if let Ok(ticks) = u64::try_from(ticks as i32) {
                            let micros = ticks.saturating_mul(1_000_000) >> 16;
                            self.round_trip_time = Some(Duration::from_micros(micros));
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether the peer waits for an answer.
    #[must_use]
    pub fn has_answer(&self) -> bool {
        !self.heard.is_empty()
    }

    /// Adds an extended report from `local`, when there is one to send. It has the answer to the peer, once. It has
    /// `reference`, the present time, when the round-trip time is to be measured. Returns `false` when the compound has
    /// no room for it.
    pub fn write(&mut self, now: Instant, reference: Option<NtpTime>, local: u32, w: &mut CompoundWriter<'_>) -> bool {
        let answer = |heard: &Heard| {
            let delay = ticks(now.saturating_since(heard.at), NTP_RATE);
            let delay_since_last_rr = u32::try_from(delay).unwrap_or(u32::MAX);
            LastReference { ssrc: heard.ssrc, last_rr: heard.middle, delay_since_last_rr }
        };
        let mut last = heapless::Vec::<LastReference, { Self::MAX_ASKING }>::new();
        for heard in &self.heard {
            // As many as were heard.
            let _ = last.push(answer(heard));
        }
        if last.is_empty() && reference.is_none() {
            return true;
        }
        let written = w.extended_report(local, reference, &last).is_ok();
        if written {
            self.heard.clear();
        }
        written
    }

    /// The round-trip time. `None` before the peer has answered.
    #[must_use]
    pub const fn round_trip_time(&self) -> Option<Duration> {
        self.round_trip_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barertc_rtp::rtcp::packets;

    #[test]
    fn a_reference_time_is_answered_once_and_others_answers_are_not_ours() {
        let mut out = [0; 100];
        let mut w = CompoundWriter::new(&mut out);
        w.extended_report(9, Some(NtpTime(0x1234_5678_9abc_def0)), &[]).unwrap();
        let foreign = LastReference { ssrc: 8, last_rr: 1, delay_since_last_rr: 1 };
        w.extended_report(9, None, &[foreign]).unwrap();
        let len = w.len();
        let mut xr = ExtendedReports::new();
        for packet in packets(&out[..len]) {
            xr.handle_rtcp(Instant::from_millis(100), NtpTime(1 << 48), 7, &packet.unwrap());
        }
        assert_eq!((xr.round_trip_time(), xr.has_answer()), (None, true));
        // No room: it is tried again.
        assert!(!xr.write(Instant::from_millis(600), None, 7, &mut CompoundWriter::new(&mut [0; 8])));
        let mut w = CompoundWriter::new(&mut out);
        assert!(xr.write(Instant::from_millis(600), None, 7, &mut w));
        let len = w.len();
        let Some(Ok(Rtcp::ExtendedReport(report))) = packets(&out[..len]).next() else { panic!("no report") };
        let Some(XrBlock::LastReference(mut all)) = report.blocks().next() else { panic!("no block") };
        let expected = LastReference { ssrc: 9, last_rr: 0x5678_9abc, delay_since_last_rr: 0x8000 };
        assert_eq!((report.ssrc, all.next(), all.next()), (7, Some(expected), None));
        let mut w = CompoundWriter::new(&mut out);
        assert!(xr.write(Instant::from_millis(700), None, 7, &mut w) && w.is_empty());
    }

    #[test]
    fn every_source_that_asks_is_answered_and_the_oldest_gives_way() {
        let mut out = [0; 200];
        let mut xr = ExtendedReports::new();
        for (at, ssrc) in [(1, 1u32), (2, 2), (3, 1), (4, 3), (5, 4), (6, 5)] {
            let mut w = CompoundWriter::new(&mut out);
            w.extended_report(ssrc, Some(NtpTime(u64::from(ssrc) << 16)), &[]).unwrap();
            let len = w.len();
            for packet in packets(&out[..len]) {
                xr.handle_rtcp(Instant::from_millis(at * 1_000), NtpTime(0), 7, &packet.unwrap());
            }
        }
        let mut w = CompoundWriter::new(&mut out);
        assert!(xr.write(Instant::from_millis(6_000), None, 7, &mut w) && !xr.has_answer());
        let len = w.len();
        let Some(Ok(Rtcp::ExtendedReport(report))) = packets(&out[..len]).next() else { panic!("no report") };
        let Some(XrBlock::LastReference(all)) = report.blocks().next() else { panic!("no block") };
        let answers: std::vec::Vec<_> = all.map(|one| (one.ssrc, one.last_rr, one.delay_since_last_rr >> 16)).collect();
        assert_eq!(answers, [(1, 1, 3), (3, 3, 2), (4, 4, 1), (5, 5, 0)]);
    }
}
