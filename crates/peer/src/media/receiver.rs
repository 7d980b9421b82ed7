//! The stream that a track receives.

use core::time::Duration;

use barertc_arena::{Allocator, Box};
use barertc_rtcp_nack::{Mid, RecvConfig, RecvStream};
use barertc_rtp::rtcp::{CompoundWriter, ReportBlock, Rtcp};
use barertc_rtp::{Packet, ReceivedFrame};
use barertc_wire::{ExtensionMap, Instant};

use crate::error::Error;
use crate::terms::{MAX_PAYLOADS, PayloadTerms, Terms};

/// The stream that a track receives.
pub(super) struct Receiver<A: Allocator + Clone> {
    stream: RecvStream<A>,
    /// The payload types that may come.
    payloads: heapless::Vec<PayloadTerms, MAX_PAYLOADS>,
    /// The m-line that packets name.
    mid: Mid,
    /// Its source is known: announced, or seen.
    known: bool,
    /// There is a frame to read.
    ready: bool,
    /// The application has been told that there is a frame, and has not read all there was.
    announced: bool,
}

impl<A: Allocator + Clone> Receiver<A> {
    /// Makes it, with the memory of its stream.
    ///
    /// # Errors
    /// [`Error::NoMemory`], [`Error::Media`].
    pub(super) fn new(stream: RecvConfig, terms: &Terms, memory: &A) -> Result<Box<Self, A>, Error> {
        let receiver = Self {
            stream: RecvStream::new(stream, memory.clone())?,
            payloads: terms.payloads.clone(),
            mid: terms.mid.clone(),
            known: terms.remote.is_some(),
            ready: false,
            announced: false,
        };
        Ok(Box::try_new(receiver, memory.clone())?)
    }

    pub(super) const fn stream(&self) -> &RecvStream<A> {
        &self.stream
    }

    /// The payload type that comes, and which of the track's codecs it is.
    pub(super) fn payload(&self) -> (u8, Option<u8>) {
        let RecvConfig { payload_type, format, .. } = *self.stream.config();
        // One of before the last description comes until the peer has changed over.
        let named = self.payloads.iter().find(|payload| payload.payload_type == payload_type);
        let payload = named.or_else(|| self.payloads.iter().find(|payload| payload.format == format));
        (payload_type, payload.map(|payload| payload.codec))
    }

    /// Whether a packet that names this m-line is for it.
    pub(super) fn is_called(&self, mid: &[u8]) -> bool {
        self.mid.as_slice() == mid
    }

    pub(super) const fn extensions(&self) -> &ExtensionMap {
        &self.stream.config().extensions
    }

    pub(super) fn knows(&self, ssrc: u32) -> bool {
        let config = self.stream.config();
        let others = [config.rtx, config.repair].into_iter().flatten();
        self.known && (config.ssrc == ssrc || others.map(|(other, _)| other).any(|other| other == ssrc))
    }

    /// Takes the source of a packet of its m-line. False when the payload type is none of the agreed.
    pub(super) fn learn(&mut self, now: Instant, packet: &Packet<'_>) -> bool {
        let (ssrc, payload_type) = (packet.header.ssrc, packet.header.payload_type);
        if self.payloads.iter().any(|payload| payload.carries(payload_type)) {
            self.stream.set_source(now, ssrc);
            self.known = true;
            true
        } else if self.payloads.iter().any(|payload| payload.rtx == Some(payload_type)) {
            self.stream.set_rtx(now, Some((ssrc, payload_type)));
            true
        } else {
            false
        }
    }

    /// Whether this payload type is one of those agreed on.
    pub(super) fn takes(&self, payload_type: u8) -> bool {
        self.payloads.iter().any(|payload| payload.carries(payload_type) || payload.rtx == Some(payload_type))
    }

    /// Whether it still looks for the source of this payload type.
    pub(super) fn lacks(&self, payload_type: u8) -> bool {
        let rtx = self.stream.config().rtx.is_none();
        self.payloads
            .iter()
            .any(|payload| (!self.known && payload.carries(payload_type)) || (rtx && payload.rtx == Some(payload_type)))
    }

    /// Takes the memory that a later description needs. What is received does not change by that.
    ///
    /// # Errors
    /// [`Error::Media`] without memory.
    pub(super) fn prepare(&mut self, terms: &Terms, memory: &A) -> Result<(), Error> {
        let repairs = terms.flexfec.is_some() && self.stream.config().format.is_video();
        if repairs && terms.remote.is_some_and(|remote| remote.fec.is_some()) {
            self.stream.reserve_repair(memory.clone())?;
        }
        Ok(())
    }

    /// A later description holds. The peer may announce another source than before; payload types, header extensions and the
    /// name of the m-line may be others.
    pub(super) fn follow(&mut self, now: Instant, terms: &Terms) {
        self.payloads.clone_from(&terms.payloads);
        self.mid.clone_from(&terms.mid);
        self.stream.set_extensions(now, terms.extensions);
        let remote = terms.remote.unwrap_or_default();
        if terms.remote.is_some() && !self.knows(remote.ssrc) {
            self.stream.set_source(now, remote.ssrc);
            self.known = true;
            self.stream.set_rtx(now, None);
            self.stream.set_repair(now, None);
        }
        // What comes until the peer has changed over still has the old payload type. That one stays while its format does.
        let RecvConfig { payload_type, format, rtx, repair, .. } = *self.stream.config();
        let named = self.payloads.iter().find(|payload| payload.payload_type == payload_type).copied();
        let Some(payload) = named.or_else(|| self.payloads.first().copied()) else { return };
        if payload.format != format {
            self.stream.set_format(now, payload.payload_type, payload.format, payload.rtx);
        }
        self.stream.set_red(now, payload.red);
        self.stream.set_nack(now, payload.nack);
        // A source that was learned stays where the description names none.
        let rtx = remote.rtx.or(rtx.map(|(ssrc, _)| ssrc));
        self.stream.set_rtx(now, rtx.zip(payload.rtx));
        let fec = remote.fec.or(repair.map(|(ssrc, _)| ssrc));
        self.stream.set_repair(now, fec.zip(terms.flexfec).filter(|_| payload.format.is_video()));
    }

    pub(super) fn handle(&mut self, now: Instant, packet: &Packet<'_>) {
        let (config, payload_type) = (self.stream.config(), packet.header.payload_type);
        if packet.header.ssrc == config.ssrc
            && payload_type != config.payload_type
            && config.red != Some(payload_type)
            && let Some(payload) = self.payloads.iter().find(|payload| payload.carries(payload_type))
            // One that was overtaken by those of the next codec is none of a change back. Two codecs of sound may have one format.
            && (payload.format == config.format && config.format.is_video()
                || !self.stream.is_overtaken(packet.header.sequence))
        {
            // Any of those agreed on may come at any time (RFC 3264 §6.1).
            self.stream.set_format(now, payload.payload_type, payload.format, payload.rtx);
            self.stream.set_red(now, payload.red);
            self.stream.set_nack(now, payload.nack);
        }
        self.stream.handle(now, packet);
    }

    pub(super) fn handle_rtcp(&mut self, now: Instant, packet: &Rtcp<'_>) {
        self.stream.handle_rtcp(now, packet);
    }

    pub(super) fn read(&mut self, now: Instant, out: &mut [u8]) -> Result<ReceivedFrame, Error> {
        self.stream.poll_frame(now, out).ok_or_else(|| {
            self.announced = false;
            self.ready = false;
            Error::WouldBlock
        })
    }

    pub(super) fn request_key_frame(&mut self, now: Instant) -> Result<(), Error> {
        if !self.known || !self.stream.config().format.is_video() {
            return Err(Error::WrongDirection);
        }
        self.stream.request_key_frame(now);
        Ok(())
    }

    pub(super) fn update(&mut self, now: Instant) {
        self.ready = self.ready || (!self.announced && self.stream.has_frame(now));
    }

    /// Whether the application is to be told that there is a frame, which it is once until it has read.
    pub(super) fn announce(&mut self) -> bool {
        let news = self.ready && !self.announced;
        self.announced |= news;
        news
    }

    pub(super) fn frame_timeout(&self) -> Option<Instant> {
        if self.ready || self.announced { None } else { self.stream.frame_timeout() }
    }

    pub(super) fn report(&mut self, now: Instant) -> Option<ReportBlock> {
        self.stream.report_block(now)
    }

    pub(super) fn feedback_timeout(&self) -> Option<Instant> {
        self.stream.feedback_timeout()
    }

    pub(super) fn write_feedback(&mut self, now: Instant, w: &mut CompoundWriter<'_>) {
        self.stream.write_feedback(now, w);
    }

    /// Requests are spaced by the path's round trip.
    pub(super) fn set_round_trip_time(&mut self, now: Instant, time: Duration) {
        self.stream.set_round_trip_time(now, time);
    }
}
