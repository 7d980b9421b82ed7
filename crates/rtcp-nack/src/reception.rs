//! What a receiver knows of one source: RFC 3550 appendix A.1 (sequence numbers), A.3 (loss), A.8 (jitter).

use barertc_rtp::rtcp::{NtpTime, ReportBlock};
use barertc_wire::{Instant, ticks};

use crate::clock::NTP_RATE;

/// A jump forward of this many packets is taken for a restart of the source (appendix A.1).
const MAX_DROPOUT: u16 = 3_000;
/// So many packets back are still taken for reordering.
const MAX_MISORDER: u16 = 1_000;

/// So many packets in a row behind the highest, none of them new, are a restart too.
const STALE_RUN: u16 = 50;
/// Reordered packets are at most this many seconds older than the newest.
const MAX_AGE_SECONDS: u32 = 10;

/// Whether a packet belongs to the stream as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// It does.
    Yes,
    /// The source has restarted: what is known of it is void, and this packet is the first.
    Restarted,
    /// It is far off; a second one in sequence would confirm a restart.
    No,
}

/// What is known of a source. More than fifteen fields: the variables of RFC 3550 appendix A.1, A.3 and A.8.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reception {
    clock_rate: u32,
    started: bool,
    base: u32,
    highest: u16,
    cycles: u32,
    /// The number that would confirm a restart.
    suspect: Option<u16>,
    /// Of the packet with the highest number.
    timestamp: u32,
    /// The number that would go on with a run of packets behind the highest, and how many there were.
    stale: Option<u16>,
    stale_run: u16,
    received: u32,
    expected_prior: u32,
    received_prior: u32,
    /// Transit time of the packet before, in ticks.
    transit: Option<u32>,
    /// Jitter × 16.
    jitter: u32,
    last_sr: Option<(u32, Instant)>,
    /// The last sender report's wall clock and the timestamp that belongs to it.
    clock: Option<(NtpTime, u32)>,
}

impl Reception {
    pub(crate) const fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate,
            started: false,
            base: 0,
            highest: 0,
            cycles: 0,
            suspect: None,
            timestamp: 0,
            stale: None,
            stale_run: 0,
            received: 0,
            expected_prior: 0,
            received_prior: 0,
            transit: None,
            jitter: 0,
            last_sr: None,
            clock: None,
        }
    }

    pub(crate) fn packet(&mut self, now: Instant, sequence: u16, timestamp: u32) -> Accepted {
        let accepted = self.place(sequence, timestamp);
        if accepted != Accepted::No {
            self.received = self.received.saturating_add(1);
            self.measure_jitter(now, timestamp);
        }
        accepted
    }

    fn place(&mut self, sequence: u16, timestamp: u32) -> Accepted {
        if !self.started {
            self.restart(sequence, timestamp);
            return Accepted::Yes;
        }
        let ahead = sequence.wrapping_sub(self.highest);
        if ahead < MAX_DROPOUT {
            if sequence < self.highest {
                self.cycles = self.cycles.wrapping_add(1 << 16);
            }
            (self.highest, self.timestamp) = (sequence, timestamp);
            self.new_packet();
        } else if ahead <= 0u16.wrapping_sub(MAX_MISORDER) {
            // A very large jump: two in a row, and the other side has restarted without telling.
            if self.suspect == Some(sequence) {
                self.restart(sequence, timestamp);
                return Accepted::Restarted;
            }
            self.suspect = Some(sequence.wrapping_add(1));
            return Accepted::No;
        } else if self.is_stale(sequence, timestamp) {
            self.restart(sequence, timestamp);
            return Accepted::Restarted;
        }
        self.suspect = None;
        Accepted::Yes
    }

    /// A packet close behind the highest: late, a retransmission, or of a sender that has started anew at a number a
    /// little lower. The last is certain when two in a row have a timestamp that no late packet can have, or when many
    /// in a row bring nothing new.
    fn is_stale(&mut self, sequence: u16, timestamp: u32) -> bool {
        let continues = self.stale == Some(sequence);
        self.stale_run = if continues { self.stale_run.saturating_add(1) } else { 1 };
        self.stale = Some(sequence.wrapping_add(1));
        let age = self.timestamp.wrapping_sub(timestamp) as i32;
        let oldest = self.clock_rate.saturating_mul(MAX_AGE_SECONDS);
        let possible = age >= 0 && age.unsigned_abs() <= oldest;
        self.stale_run >= if possible { STALE_RUN } else { 2 }
    }

    /// A packet was new, so the source has not started anew.
    pub(crate) const fn new_packet(&mut self) {
        (self.stale, self.stale_run) = (None, 0);
    }

    /// How far `sequence` is ahead of the highest number so far; 0 when it is not.
    pub(crate) const fn ahead(&self, sequence: u16) -> u16 {
        let ahead = sequence.wrapping_sub(self.highest);
        if self.started && ahead < 1 << 15 { ahead } else { 0 }
    }

    fn restart(&mut self, sequence: u16, timestamp: u32) {
        *self = Self {
            started: true,
            base: u32::from(sequence),
            highest: sequence,
            timestamp,
            last_sr: self.last_sr,
            // A report that came before the first packet is about this source; one from before a restart may not be.
            clock: self.clock.filter(|_| !self.started),
            ..Self::new(self.clock_rate)
        };
    }

    /// The timestamps of another codec count at another rate (RFC 7160). What was measured by the one of before is void.
    pub(crate) const fn set_clock_rate(&mut self, clock_rate: u32) {
        if self.clock_rate != clock_rate {
            self.clock_rate = clock_rate;
            (self.transit, self.jitter, self.clock) = (None, 0, None);
        }
    }

    /// How far `sequence` is behind the highest number so far; 0 when it is not.
    pub(crate) const fn behind(&self, sequence: u16) -> u16 {
        let behind = self.highest.wrapping_sub(sequence);
        if self.started && behind < 1 << 15 { behind } else { 0 }
    }

    /// Appendix A.8; the estimate is kept times 16 so that rounding stays small.
    fn measure_jitter(&mut self, now: Instant, timestamp: u32) {
        let arrival = ticks(now.saturating_since(Instant::ZERO), self.clock_rate) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit {
            let d = (transit.wrapping_sub(before) as i32).unsigned_abs();
            // A jump of the timestamps is no jitter.
            if d < self.clock_rate.saturating_mul(10) {
                let decay = self.jitter.saturating_add(8) >> 4;
                self.jitter = self.jitter.saturating_add(d).saturating_sub(decay);
            }
        }
        self.transit = Some(transit);
    }

    pub(crate) fn sender_report(&mut self, now: Instant, ntp: NtpTime, timestamp: u32) {
        self.last_sr = Some((ntp.middle(), now));
        self.clock = Some((ntp, timestamp));
    }

    /// The sender's wall clock at `timestamp` (RFC 3550 §6.4.1).
    pub(crate) fn wall_clock(&self, timestamp: u32) -> Option<NtpTime> {
        let (NtpTime(ntp), then) = self.clock?;
        let ticks = i64::from(timestamp.wrapping_sub(then) as i32);
        let fraction = i128::from(ticks).saturating_mul(1 << 32).checked_div(i128::from(self.clock_rate))?;
        Some(NtpTime(ntp.wrapping_add_signed(fraction as i64)))
    }

    pub(crate) const fn highest(&self) -> u32 {
        self.cycles.wrapping_add(self.highest as u32)
    }

    /// In ticks of the media clock.
    pub(crate) const fn jitter(&self) -> u32 {
        self.jitter >> 4
    }

    pub(crate) const fn expected(&self) -> u32 {
        if !self.started {
            return 0;
        }
        self.highest().wrapping_sub(self.base).wrapping_add(1)
    }

    pub(crate) const fn lost(&self) -> i32 {
        let lost = (self.expected() as i64).wrapping_sub(self.received as i64);
        // 24 bits signed (section 6.4.1).
        if lost > 0x7f_ffff {
            0x7f_ffff
        } else if lost < -0x80_0000 {
            -0x80_0000
        } else {
            lost as i32
        }
    }

    /// Once a packet came. Starts a new interval for the fraction lost.
    pub(crate) fn report(&mut self, now: Instant, ssrc: u32) -> Option<ReportBlock> {
        if !self.started {
            return None;
        }
        let expected = self.expected().wrapping_sub(self.expected_prior);
        let received = self.received.wrapping_sub(self.received_prior);
        self.expected_prior = self.expected();
        self.received_prior = self.received;
        let lost = u64::from(expected.saturating_sub(received));
        let fraction = (lost << 8).checked_div(u64::from(expected)).unwrap_or(0).min(255);
        let (last_sr, delay) = self.last_sr.map_or((0, 0), |(sr, at)| {
            (sr, u32::try_from(ticks(now.saturating_since(at), NTP_RATE)).unwrap_or(u32::MAX))
        });
        Some(ReportBlock {
            ssrc,
            fraction_lost: fraction as u8,
            cumulative_lost: self.lost(),
            highest_sequence: self.highest(),
            jitter: self.jitter(),
            last_sr,
            delay_since_last_sr: delay,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(r: &mut Reception, sequences: impl IntoIterator<Item = u16>) {
        for s in sequences {
            assert_eq!(r.packet(Instant::ZERO, s, 0), Accepted::Yes, "{s}");
        }
    }

    #[test]
    fn the_extended_highest_sequence_counts_wraps_and_ignores_reordering() {
        let mut r = Reception::new(90_000);
        run(&mut r, [65_533, 65_535, 65_534, 0, 65_532, 1]);
        let block = r.report(Instant::ZERO, 7).unwrap();
        assert_eq!(block.highest_sequence, 0x1_0001);
        // 65,532 came after the base, so it counts as received beyond what was expected: 5 expected, 6 received.
        assert_eq!((block.cumulative_lost, block.fraction_lost), (-1, 0));
    }

    #[test]
    fn the_fraction_is_about_the_last_interval() {
        let mut r = Reception::new(90_000);
        run(&mut r, (0..100).filter(|s| s % 4 != 1));
        assert_eq!(r.report(Instant::ZERO, 7).unwrap().fraction_lost, 64);
        run(&mut r, 100..200);
        let block = r.report(Instant::ZERO, 7).unwrap();
        assert_eq!((block.fraction_lost, block.cumulative_lost), (0, 25));
    }

    #[test]
    fn a_restart_needs_two_packets_in_sequence() {
        let mut r = Reception::new(90_000);
        run(&mut r, 0..10);
        assert_eq!(r.packet(Instant::ZERO, 30_000, 0), Accepted::No);
        run(&mut r, 10..12);
        assert_eq!(r.packet(Instant::ZERO, 40_000, 0), Accepted::No);
        assert_eq!(r.packet(Instant::ZERO, 40_001, 0), Accepted::Restarted);
        assert_eq!(r.report(Instant::ZERO, 7).unwrap().highest_sequence, 40_001);
        assert_eq!(r.lost(), 0);
    }

    #[test]
    fn a_sender_that_starts_anew_is_heard_whichever_way_it_jumps() {
        // (the new first number, the new timestamp, packets until it is heard)
        let cases = [
            (20_000, 7, 2),              // far ahead
            (60_000, 7, 2),              // far behind
            (9_500, 7, 2),               // close behind, long ago
            (9_500, 5_000_000, 2),       // close behind, in the future
            (9_500, 2_000_000 - 45, 50), // close behind, with timestamps as before
            (10_500, 7, 1),              // close ahead: as if packets were lost
        ];
        for (first, timestamp, expected) in cases {
            let mut r = Reception::new(90_000);
            for i in 0..100u16 {
                r.packet(Instant::ZERO, 9_900 + i, 2_000_000 - 100 + u32::from(i));
            }
            let heard = (0..200u16).position(|i| {
                r.packet(Instant::ZERO, first + i, timestamp);
                r.report(Instant::ZERO, 7).unwrap().highest_sequence as u16 == first + i
            });
            assert_eq!(heard.map(|n| n + 1), Some(expected), "{first} {timestamp}");
        }
    }

    #[test]
    fn late_packets_are_no_restart() {
        let mut r = Reception::new(90_000);
        run(&mut r, (0..200).filter(|s| !(50..90).contains(s)));
        run(&mut r, 50..90);
        assert_eq!(r.report(Instant::ZERO, 7).unwrap().highest_sequence, 199);
    }

    #[test]
    fn the_wall_clock_follows_the_timestamps() {
        let mut r = Reception::new(90_000);
        assert_eq!(r.wall_clock(5), None);
        r.sender_report(Instant::ZERO, NtpTime(10 << 32), 90_000);
        assert_eq!(r.wall_clock(90_000 * 3), Some(NtpTime(12 << 32)));
        assert_eq!(r.wall_clock(45_000), Some(NtpTime((9 << 32) + (1 << 31))));
    }

    #[test]
    fn jitter_converges_as_in_appendix_a8() {
        let mut r = Reception::new(8_000);
        // Alternately 0 and 10 ms late: |D| = 80 ticks each time.
        for i in 0..400u32 {
            let late = u64::from(i % 2) * 10;
            r.packet(Instant::from_millis(u64::from(i) * 20 + late), i as u16, i * 160);
        }
        assert!((79..=80).contains(&r.jitter()), "{}", r.jitter());
    }

    #[test]
    fn the_time_since_the_last_sender_report() {
        let mut r = Reception::new(90_000);
        run(&mut r, [1]);
        r.sender_report(Instant::from_millis(100), NtpTime(0x1234_5678_9abc_def0), 0);
        let block = r.report(Instant::from_millis(600), 7).unwrap();
        assert_eq!((block.last_sr, block.delay_since_last_sr), (0x5678_9abc, 0x8000));
    }
}
