//! Media that go out.

use barertc_arena::Allocator;
use barertc_congestion::Class;
use barertc_crypto::{Generator, rand_core::Rng};
use barertc_rtcp_nack::{RepairConfig, RtxConfig, SendConfig, SendStream, SendTerms};
use barertc_rtp::PayloadFormat;
use barertc_wire::Instant;

use super::Media;
use crate::config::{Config, StreamConfig};
use crate::error::Error;
use crate::terms::{ENCODINGS, Terms};

/// A packet that was written and is to be encrypted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    /// Its length in plain.
    pub(crate) len: usize,
    class: Class,
    /// It is a packet that was sent before, number and all.
    pub(crate) again: bool,
    /// It bears the path's sequence number.
    stamped: bool,
}

impl StreamConfig {
    /// The bounds as a stream's, to compute what it takes. With RTX it takes more, and whether there is RTX is not known
    /// before a description has come.
    pub(super) const fn any(&self, mtu: usize) -> SendConfig {
        let mut config = SendConfig::video(1, 0, PayloadFormat::H264);
        config.rtx = Some(RtxConfig { ssrc: 2, payload_type: 1, first_sequence: 0 });
        config.queue_frames = self.queue_frames;
        config.history = self.history;
        config.retransmit = self.retransmit;
        config.mtu = mtu;
        config.repair_packets = self.repair_packets;
        config.repair = Some(RepairConfig { ssrc: 2, payload_type: 0, first_sequence: 0 });
        config
    }

    /// The same bounds for a certain stream.
    pub(super) fn apply(&self, stream: SendConfig) -> SendConfig {
        SendConfig {
            queue_frames: self.queue_frames,
            max_age: self.max_age,
            history: self.history,
            largest_key_frame: self.largest_key_frame,
            retransmit: self.retransmit,
            repair_packets: self.repair_packets,
            latency: self.latency,
            ..stream
        }
    }
}

impl<A: Allocator + Clone> Media<A> {
    /// Makes the stream that sends a track, the first time that this was agreed on. Later it takes what other terms need.
    pub(super) fn prepare_sending(
        &mut self,
        index: usize,
        terms: &Terms,
        config: &Config,
        memory: &A,
        random: &mut Generator,
    ) -> Result<(), Error> {
        let Some(streams) = self.streams.get_mut(index) else { return Ok(()) };
        let Some(negotiated) = send_terms(terms, random) else { return Ok(()) };
        if let Some(stream) = &mut streams.send {
            return Ok(stream.reserve(&negotiated, memory.clone())?);
        }
        let (ssrc, format) = (terms.source.ssrc, negotiated.format);
        let (bounds, base) = if format.is_video() {
            (&config.video, SendConfig::video(ssrc, negotiated.payload_type, format))
        } else {
            (&config.audio, SendConfig::audio(ssrc, negotiated.payload_type, format))
        };
        let config = SendConfig {
            first_sequence: first_sequence(random),
            timestamp_offset: random.next_u32(),
            mtu: config.inner_mtu().into(),
            ..bounds.apply(negotiated.apply(base))
        };
        streams.send = Some(SendStream::new(config, memory.clone())?);
        Ok(())
    }

    /// The stream that sends a track follows what was agreed on last.
    pub(super) fn commit_sending(&mut self, now: Instant, index: usize, terms: &Terms, random: &mut Generator) {
        if let Some(stream) = self.streams.get_mut(index).and_then(|streams| streams.send.as_mut())
            && let Some(negotiated) = send_terms(terms, random)
        {
            stream.renegotiate(now, &negotiated);
        }
    }

    /// Datagrams of media have at most `bytes` from the next frame on.
    pub(crate) fn set_path_mtu(&mut self, now: Instant, bytes: u16) {
        for stream in self.streams.iter_mut().filter_map(|s| s.send.as_mut()) {
            stream.set_path_mtu(now, bytes.into());
        }
    }

    /// Writes the next packet of media: audio before video, what was lost before what is new, and video no faster than the
    /// pacer lets it.
    pub(crate) fn poll_packet(&mut self, now: Instant, out: &mut [u8]) -> Option<Packet> {
        if self.probing.is_some() {
            self.pace(now);
        }
        for class in [Class::Audio, Class::Retransmission, Class::Video, Class::Padding] {
            if !self.pacer.may_send(now, class) {
                continue;
            }
            if class == Class::Padding && self.probing.is_none() {
                break;
            }
            // Of the encodings of a track, the smallest goes first.
            for rank in 0..ENCODINGS {
                let streams = self.streams.iter_mut().filter(|s| ENCODINGS == 1 || usize::from(s.place.rank) == rank);
                let mut streams = streams.filter_map(|s| s.sending_mut());
                let sequence = self.sent.next_sequence();
                let written = streams.find_map(|stream| poll_stream(stream, class, now, sequence, out));
                if let Some((len, stamped, again)) = written {
                    return Some(Packet { len, class, again, stamped });
                }
            }
        }
        None
    }

    /// A packet was encrypted, which made it `len` bytes long, and is sent.
    pub(crate) fn sent(&mut self, now: Instant, packet: Packet, len: usize) {
        if packet.stamped {
            self.sent.record(now, len);
        }
        self.pacer.sent(now, packet.class, len);
    }
}

/// What was agreed on for the stream that sends a track; `None` when it does not send.
fn send_terms(terms: &Terms, random: &mut Generator) -> Option<SendTerms> {
    let payload = terms.payloads.first().filter(|_| terms.sends)?;
    let rtx = payload.rtx.map(|payload_type| RtxConfig {
        ssrc: terms.source.rtx,
        payload_type,
        first_sequence: first_sequence(random),
    });
    let flexfec = terms.flexfec.filter(|_| payload.format.is_video());
    let repair = flexfec.map(|payload_type| RepairConfig {
        ssrc: terms.source.fec,
        payload_type,
        first_sequence: first_sequence(random),
    });
    Some(SendTerms {
        payload_type: payload.payload_type,
        format: payload.format,
        rtx,
        repair,
        red: payload.red,
        extensions: terms.extensions,
        mid: terms.mid.clone(),
        rid: terms.rid.clone(),
    })
}

/// RFC 3550 §5.1: random. Below 2¹⁵, so that SRTP's roll-over counter is told apart when first packets are lost.
fn first_sequence(random: &mut Generator) -> u16 {
    random.next_u32() as u16 & 0x7FFF
}

/// The next packet of `class` from this stream, whether it bears the path's sequence number, and whether it is a packet
/// from before, number and all.
fn poll_stream<A: Allocator + Clone>(
    stream: &mut SendStream<A>,
    class: Class,
    now: Instant,
    sequence: u16,
    out: &mut [u8],
) -> Option<(usize, bool, bool)> {
    let video = stream.config().format.is_video();
    let again = |stream: &mut SendStream<A>, out: &mut [u8]| {
        let len = stream.poll_retransmit(now, sequence, out)?;
        Some((len, stream.retransmit_uses_transport_sequence(), stream.config().rtx.is_none()))
    };
    let new = |stream: &mut SendStream<A>, out: &mut [u8]| {
        let len = stream.poll_packet(now, sequence, out)?;
        Some((len, stream.uses_transport_sequence(), false))
    };
    match class {
        Class::Audio if !video => again(stream, out).or_else(|| new(stream, out)),
        Class::Retransmission if video => again(stream, out),
        Class::Video if video => new(stream, out),
        Class::Padding if video => {
            let len = stream.poll_padding(now, sequence, out)?;
            Some((len, stream.retransmit_uses_transport_sequence(), false))
        }
        _ => None,
    }
}
