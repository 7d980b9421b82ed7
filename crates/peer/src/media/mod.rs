//! Media: the streams of the tracks, the estimate of the path, the pacer and the reports.
//!
//! It knows plain RTP and RTCP only. [`Terms`](crate::terms::Terms) say what was agreed on. The transport encrypts.

#[cfg(feature = "simulcast")]
mod encodings;
mod feedback;
mod negotiated;
mod places;
mod receive;
#[cfg_attr(not(feature = "receive"), path = "receiver_absent.rs")]
mod receiver;
mod reports;
mod send;
mod share;
mod streams;
#[cfg(test)]
mod tests;

use core::time::Duration;

use barertc_arena::{Allocator, Box, Vec};
use barertc_congestion::{Arrivals, Class, Gcc, GccStats, Pacer, SentPackets};
use barertc_rtcp_nack::{ExtendedReports, RecvStream, SendStream};
use barertc_rtp::rtcp::{NtpTime, Rtcp, packets};
use barertc_rtp::{Frame, ReceivedFrame};
use barertc_wire::Instant;

use crate::config::{Config, RecvBounds, StreamConfig};
use crate::error::{Discard, Error};
use crate::terms::Place;

use receiver::Receiver;
use share::Share;
use streams::Streams;

/// How long a probe takes.
const PROBE: Duration = Duration::from_millis(100);

/// What the application should know of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MediaEvent {
    KeyFrameWanted(u8),
    /// An encoding of a track with several of them; the track's number first.
    EncodingKeyFrameWanted(u8, u8),
    EncodingActive(u8, u8, bool),
    FrameReceived(u8),
    Bitrate(u64),
}

/// The media of a connection.
pub(crate) struct Media<A: Allocator + Clone> {
    /// In the order of the tracks; where a track has several encodings, each has streams of its own.
    streams: Vec<Streams<A>, A>,
    /// Packets on their way, what their arrival tells of the path, and how fast video may leave.
    sent: SentPackets<A>,
    estimator: Box<Gcc, A>,
    pacer: Pacer,
    /// Until when more is sent than the estimate.
    probing: Option<Instant>,
    /// Until when the path has only just become narrow.
    narrow: Option<Instant>,
    /// When packets with a number of the path came, where the peer wants to know.
    arrivals: Option<Box<Arrivals<A>, A>>,
    estimate: Estimate,
    share: Share,
    #[cfg(feature = "simulcast")]
    choice: encodings::Choice,
    /// The round trip time that who sends nothing learns.
    extended: ExtendedReports,
    /// When the next report is due, if there is something to report about.
    report_at: Instant,
    report_interval: Duration,
    /// The stream whose report had no room the last time.
    report_from: usize,
    /// The source of reports where nothing is sent.
    reporter: u32,
}

/// What the application knows of the estimate.
#[derive(Clone, Copy, Debug, Default)]
struct Estimate {
    /// There was feedback: it is more than a guess.
    measured: bool,
    told: u64,
}

impl<A: Allocator + Clone> Media<A> {
    /// Media without a track. `reporter` is the source of reports as long as nothing is sent.
    ///
    /// # Errors
    /// [`Error::NoMemory`].
    pub(crate) fn new(config: &Config, memory: &A, reporter: u32) -> Result<Self, Error> {
        Ok(Self {
            streams: Vec::with_capacity(config.send_streams(), memory.clone())?,
            sent: SentPackets::new(config.sent_packets, memory.clone())?,
            estimator: Box::try_new(Gcc::new(config.bandwidth), memory.clone())?,
            pacer: Pacer::new(config.bandwidth.start),
            probing: None,
            narrow: None,
            arrivals: None,
            estimate: Estimate::default(),
            share: Share::default(),
            #[cfg(feature = "simulcast")]
            choice: encodings::Choice::new(),
            extended: ExtendedReports::new(),
            report_at: Instant::ZERO,
            report_interval: config.report_interval,
            report_from: 0,
            reporter,
        })
    }

    /// What it takes, the streams' own memory included.
    pub(crate) const fn worst_case_bytes(config: &Config) -> usize {
        let tracks = config.send_streams();
        let [video, audio] = [Self::send_bytes(&config.video, config), Self::send_bytes(&config.audio, config)];
        let send = if video > audio { video } else { audio };
        let receives = config.recv_video.count > 0 || config.recv_audio.count > 0;
        let arrivals = if receives {
            size_of::<Arrivals<A>>().saturating_add(Arrivals::<A>::worst_case_bytes(config.arrivals as usize))
        } else {
            0
        };
        Vec::<Streams<A>, A>::bytes(tracks)
            .saturating_add(SentPackets::<A>::worst_case_bytes(config.sent_packets))
            .saturating_add(size_of::<Gcc>())
            .saturating_add(send.saturating_mul(tracks))
            .saturating_add(Self::recv_bytes(&config.recv_video))
            .saturating_add(Self::recv_bytes(&config.recv_audio))
            .saturating_add(arrivals)
    }

    const fn send_bytes(bounds: &StreamConfig, config: &Config) -> usize {
        let config = bounds.any(config.inner_mtu() as usize);
        let bytes = SendStream::<A>::worst_case_bytes(&config);
        // Nothing is dropped in a constant.
        core::mem::forget(config);
        bytes
    }

    const fn recv_bytes(bounds: &RecvBounds) -> usize {
        RecvStream::<A>::worst_case_bytes(&bounds.any())
            .saturating_add(size_of::<Receiver<A>>())
            .saturating_mul(bounds.count as usize)
    }

    /// Whether `ssrc` is the source of reports.
    pub(crate) const fn is_reporter(&self, ssrc: u32) -> bool {
        self.reporter == ssrc
    }

    /// Room for the streams of one more track, in one of its encodings.
    ///
    /// # Errors
    /// [`Error::TooMany`].
    pub(crate) fn add(&mut self, place: Place) -> Result<(), Error> {
        let full = Error::TooMany { what: "tracks", limit: self.streams.capacity() };
        self.streams.try_push(Streams::new(place)).map_err(|_| full)
    }

    // The application.

    /// Queues a frame of a track that sends.
    ///
    /// # Errors
    /// [`Error::NoSuchTrack`], [`Error::NotReady`] while the track is paused, [`Error::WouldBlock`], [`Error::Media`].
    pub(crate) fn send_frame(
        &mut self,
        now: Instant,
        track: usize,
        encoding: usize,
        frame: &Frame<A>,
    ) -> Result<(), Error> {
        let streams = self.of_mut(track, encoding).ok_or(Error::NoSuchTrack)?;
        let stream = streams.sending_mut().ok_or(Error::NotReady)?;
        stream.enqueue(now, frame.clone()).map_err(|e| match e {
            barertc_rtcp_nack::Error::WouldBlock => Error::WouldBlock,
            e => e.into(),
        })
    }

    pub(crate) fn is_sending(&self, index: usize) -> bool {
        let mut all = self.streams.iter().filter(|streams| usize::from(streams.place.track) == index);
        all.any(|streams| streams.sending().is_some())
    }

    /// The next frame that a track has received.
    ///
    /// # Errors
    /// [`Error::NoSuchTrack`], [`Error::WrongDirection`], [`Error::WouldBlock`].
    pub(crate) fn read_frame(&mut self, now: Instant, index: usize, out: &mut [u8]) -> Result<ReceivedFrame, Error> {
        let streams = self.of_mut(index, 0).ok_or(Error::NoSuchTrack)?;
        streams.recv.as_mut().ok_or(Error::WrongDirection)?.read(now, out)
    }

    /// Asks the peer for a key frame.
    ///
    /// # Errors
    /// [`Error::NoSuchTrack`], [`Error::WrongDirection`].
    pub(crate) fn request_key_frame(&mut self, now: Instant, index: usize) -> Result<(), Error> {
        let streams = self.of_mut(index, 0).ok_or(Error::NoSuchTrack)?;
        streams.recv.as_mut().ok_or(Error::WrongDirection)?.request_key_frame(now)
    }

    /// Sends more than the estimate for a while.
    pub(crate) fn probe(&mut self, now: Instant, bits_per_second: u64) {
        let until = now + PROBE;
        self.estimator.probe(now, until);
        self.pacer.set_rate(now, bits_per_second);
        self.probing = Some(until);
    }

    pub(crate) fn estimate(&self) -> Option<u64> {
        self.estimate.measured.then(|| self.media_bitrate())
    }

    /// What of the estimate is left for media beside their repair packets.
    fn media_bitrate(&self) -> u64 {
        let rates = self.streams.iter().filter_map(Streams::sending).map(SendStream::repair_rate);
        // In parts of 1,024: what is left is a division of integers, as chips have them.
        let most = (rates.fold(0.0, f32::max) * 1_024.0) as u32;
        let bitrate = self.estimator.bitrate().saturating_mul(1_024);
        bitrate.checked_div(u64::from(most).saturating_add(1_024)).unwrap_or(0)
    }

    pub(crate) fn bandwidth(&self) -> GccStats {
        self.estimator.stats()
    }

    /// The payload type that a track receives, and which of its codecs that is, while it does.
    pub(crate) fn received_payload(&self, index: usize) -> Option<(u8, Option<u8>)> {
        Some(self.of(index, 0)?.recv.as_ref()?.payload())
    }

    /// The tracks that have what it takes to receive, a bit each.
    pub(crate) fn receiving(&self) -> u64 {
        let receiving = self.streams.iter().filter(|streams| streams.recv.is_some());
        receiving.fold(0, |all, streams| all | 1_u64.checked_shl(streams.place.track.into()).unwrap_or(0))
    }

    /// The stream that receives a track, while it does.
    pub(crate) fn recv_stream(&self, index: usize) -> Option<&RecvStream<A>> {
        Some(self.of(index, 0)?.recv.as_ref()?.stream())
    }

    /// What the application should know.
    pub(crate) fn poll_event(&mut self) -> Option<MediaEvent> {
        for streams in self.streams.iter_mut() {
            let Place { track, encoding, max_bitrate, .. } = streams.place;
            if let Some(active) = streams.take_change() {
                return Some(MediaEvent::EncodingActive(track, encoding, active));
            }
            if core::mem::take(&mut streams.key_wanted) && streams.sends && streams.active {
                let several = cfg!(feature = "simulcast") && max_bitrate > 0;
                return Some(match several {
                    true => MediaEvent::EncodingKeyFrameWanted(track, encoding),
                    false => MediaEvent::KeyFrameWanted(track),
                });
            }
            if streams.recv.as_mut().is_some_and(|receiver| receiver.announce()) {
                return Some(MediaEvent::FrameReceived(track));
            }
        }
        let (bitrate, told) = (self.media_bitrate(), self.estimate.told);
        if self.estimate.measured && bitrate.abs_diff(told) >= told.checked_div(10).unwrap_or(0).max(1) {
            self.estimate.told = bitrate;
            return Some(MediaEvent::Bitrate(bitrate));
        }
        None
    }

    // The network.

    /// Plain RTP that came in.
    ///
    /// # Errors
    /// Why it was dropped.
    pub(crate) fn handle_rtp(&mut self, now: Instant, datagram: &[u8]) -> Result<(), Discard> {
        let packet = barertc_rtp::Packet::parse(datagram).map_err(|_| Discard::Rtp)?;
        let Some(receiver) = streams::receiver_of(&mut self.streams, now, &packet) else {
            return Err(Discard::UnknownStream);
        };
        let wide = packet.extensions(receiver.extensions()).transport_sequence;
        receiver.handle(now, &packet);
        if let (Some(arrivals), Some(wide)) = (self.arrivals_mut(), wide) {
            arrivals.record(now, wide, packet.header.ssrc);
        }
        Ok(())
    }

    /// A plain RTCP compound that came in.
    ///
    /// # Errors
    /// Why a part of it was dropped.
    pub(crate) fn handle_rtcp(&mut self, now: Instant, datagram: &[u8]) -> Result<(), Discard> {
        let ntp = NtpTime::from_instant(now);
        let mut result = Ok(());
        for packet in packets(datagram) {
            let Ok(packet) = packet else {
                result = Err(Discard::Rtcp);
                continue;
            };
            for streams in self.streams.iter_mut() {
                if let Some(receiver) = &mut streams.recv {
                    receiver.handle_rtcp(now, &packet);
                }
                if let Some(stream) = &mut streams.send {
                    stream.handle_rtcp(now, ntp, &packet);
                    if let Some(time) = stream.round_trip_time() {
                        self.estimator.set_round_trip_time(now, time);
                    }
                }
            }
            if self.is_for_others(&packet) {
                result = Err(Discard::UnknownStream);
            }
            self.extended.handle_rtcp(now, ntp, self.reporter(), &packet);
            self.handle_feedback(now, &packet);
        }
        result
    }

    /// The times at which packets came. Where nothing is received, the compiler knows that there are none.
    fn arrivals(&self) -> Option<&Arrivals<A>> {
        if cfg!(feature = "receive") { self.arrivals.as_deref() } else { None }
    }

    fn arrivals_mut(&mut self) -> Option<&mut Arrivals<A>> {
        if cfg!(feature = "receive") { self.arrivals.as_deref_mut() } else { None }
    }

    /// Whether a stream of ours has this source, retransmissions and repair packets included.
    fn sends(&self, ssrc: u32) -> bool {
        let mut all = self.streams.iter().filter_map(|streams| streams.send.as_ref()).map(SendStream::config);
        all.any(|c| c.ssrc == ssrc || c.rtx.is_some_and(|s| s.ssrc == ssrc) || c.repair.is_some_and(|s| s.ssrc == ssrc))
    }

    /// Whether a packet asks for packets again, or for a key frame, of a stream that is none of ours.
    fn is_for_others(&self, packet: &Rtcp<'_>) -> bool {
        match packet {
            Rtcp::Nack(nack) => !self.sends(nack.media),
            Rtcp::Pli(pli) => !self.sends(pli.media),
            Rtcp::Fir(fir) => fir.requests().any(|(ssrc, _)| !self.sends(ssrc)),
            _ => false,
        }
    }

    // Time.

    /// When there is something to send.
    pub(crate) fn send_timeout(&self) -> Option<Instant> {
        Instant::earliest(self.rtcp_timeout(), self.pacer_timeout())
    }

    /// When a frame is given out though packets are missing.
    pub(crate) fn frame_timeout(&self) -> Option<Instant> {
        self.streams.iter().filter_map(|s| s.recv.as_ref()).filter_map(|receiver| receiver.frame_timeout()).min()
    }

    /// When the pacer lets go what waits.
    fn pacer_timeout(&self) -> Option<Instant> {
        let waits = self.streams.iter().filter_map(Streams::sending).map(|stream| {
            let again = stream.timeout().map(|at| at.max(self.pacer.timeout(Class::Retransmission)));
            let new = stream.has_packets().then(|| self.pacer.timeout(Class::Video));
            Instant::earliest(again, new)
        });
        let probe = self.probing.map(|_| self.pacer.timeout(Class::Padding));
        waits.fold(probe, Instant::earliest)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        for stream in self.streams.iter_mut().filter_map(|s| s.send.as_mut()) {
            stream.handle_timeout(now);
        }
    }

    /// Looks for what streams want of the application, or have for it, after everything that may have changed it.
    pub(crate) fn update(&mut self, now: Instant) {
        for streams in self.streams.iter_mut() {
            streams.look_for_key_frame_requests(now);
            if let Some(receiver) = &mut streams.recv {
                receiver.update(now);
            }
        }
    }
}
