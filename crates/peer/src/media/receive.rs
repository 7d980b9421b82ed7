//! Making what receives a track.

use barertc_arena::{Allocator, Box};
use barertc_congestion::Arrivals;
use barertc_rtcp_nack::RecvConfig;
use barertc_rtp::PayloadFormat;
use barertc_wire::Extension;

use super::Media;
use super::receiver::Receiver;
use crate::config::{Config, RecvBounds};
use crate::error::Error;
use crate::terms::{PayloadTerms, Remote, Terms};

impl RecvBounds {
    /// The bounds as a stream's, to compute what it takes.
    pub(super) const fn any(&self) -> RecvConfig {
        let mut config = RecvConfig::video(1, 0, PayloadFormat::H264);
        config.packets = self.packets as usize;
        config.payload_bytes = self.payload_bytes as usize;
        config.missing = self.missing as usize;
        config.repair_window = self.repair_window as usize;
        config.repair = Some((2, 0));
        config
    }

    /// The same bounds for a certain stream.
    pub(super) fn apply(&self, stream: RecvConfig) -> RecvConfig {
        RecvConfig {
            packets: self.packets.into(),
            payload_bytes: self.payload_bytes.into(),
            repair_window: self.repair_window.into(),
            missing: self.missing.into(),
            wait: self.wait,
            ..stream
        }
    }
}

impl<A: Allocator + Clone> Media<A> {
    /// Makes the stream that receives a track, where there is none and room for it. Later it takes what other terms need.
    pub(super) fn prepare_receiving(
        &mut self,
        index: usize,
        terms: &Terms,
        config: &Config,
        memory: &A,
    ) -> Result<(), Error> {
        let (Some(payload), true) = (terms.payloads.first(), terms.receives) else { return Ok(()) };
        let wide = terms.payloads.iter().any(|payload| payload.transport_cc)
            && terms.extensions.id(Extension::TransportSequence).is_some();
        let Some(streams) = self.streams.get_mut(index) else { return Ok(()) };
        if let Some(receiver) = &mut streams.recv {
            receiver.prepare(terms, memory)?;
        } else if !self.make_receiver(index, payload, terms, config, memory)? {
            return Ok(());
        }
        if wide && self.arrivals.is_none() {
            let arrivals = Arrivals::new(config.arrivals.into(), memory.clone())?;
            self.arrivals = Some(Box::try_new(arrivals, memory.clone())?);
        }
        Ok(())
    }

    /// Makes the stream that receives a track; false when there is no room for one more.
    fn make_receiver(
        &mut self,
        index: usize,
        payload: &PayloadTerms,
        terms: &Terms,
        config: &Config,
        memory: &A,
    ) -> Result<bool, Error> {
        let video = payload.format.is_video();
        let bounds = if video { config.recv_video } else { config.recv_audio };
        let receivers = self.streams.iter().filter_map(|streams| streams.recv.as_ref());
        let there = receivers.filter(|receiver| receiver.stream().config().format.is_video() == video).count();
        if there >= usize::from(bounds.count) || !cfg!(feature = "receive") {
            return Ok(false);
        }
        let Remote { ssrc, rtx, fec } = terms.remote.unwrap_or_default();
        let make = if video { RecvConfig::video } else { RecvConfig::audio };
        let stream = bounds.apply(RecvConfig {
            rtx: rtx.zip(payload.rtx),
            red: payload.red,
            repair: fec.zip(terms.flexfec).filter(|_| video),
            extensions: terms.extensions,
            local_ssrc: self.reporter(),
            nack: payload.nack,
            ..make(ssrc, payload.payload_type, payload.format)
        });
        let receiver = Receiver::new(stream, terms, memory)?;
        if let Some(streams) = self.streams.get_mut(index) {
            streams.recv = Some(receiver);
        }
        Ok(true)
    }
}
