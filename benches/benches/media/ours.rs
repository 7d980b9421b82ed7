//! This project: packetizer, retransmission history and SRTP, as `PeerConnection` puts them together.

use barertc_arena::{Global, Shared};
use barertc_crypto::RustCrypto;
use barertc_rtcp_nack::{SendConfig, SendStream};
use barertc_rtp::{Extension, Frame, FrameInfo, Framing, PayloadFormat};
use barertc_srtp::{Config, Masters, Profile, Session, Side};
use barertc_wire::Instant;
use core::time::Duration;
use std::hint::black_box;

use crate::{Contender, access_unit};

/// Where a frame's NAL units are looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// In the measured time: a viewer of its own, and a source in Annex B.
    Each,
    /// Before: what every further viewer of the same frame costs.
    Before,
}

pub struct Ours {
    name: &'static str,
    stream: SendStream<Global>,
    session: Session<Global, RustCrypto>,
    bytes: Shared<[u8], Global>,
    found: Option<Frame<Global>>,
    now: Instant,
}

impl Ours {
    pub fn new(name: &'static str, profile: Profile, found: Found, extensions: bool) -> Self {
        let mut config = SendConfig { protection: profile.tag_len(), ..SendConfig::video(1, 102, PayloadFormat::H264) };
        if extensions {
            config.mid.extend_from_slice(b"0").unwrap();
            let kinds = [Extension::Mid, Extension::AbsSendTime, Extension::TransportSequence];
            for (kind, id) in kinds.into_iter().zip(1..) {
                config.extensions = config.extensions.with(kind, id);
            }
        }
        let exported: Vec<u8> = (0..profile.exporter_len()).map(|i| i as u8).collect();
        let masters = Masters::split(profile, &exported, Side::Client).unwrap();
        let session =
            Session::new(Config::default(), profile, masters.local(), masters.remote(), Global, RustCrypto).unwrap();
        let stream = SendStream::new(config, Global).unwrap();
        let bytes = Shared::<[u8], _>::try_from_slice(&access_unit(), Global).unwrap();
        let mut this = Self { name, stream, session, bytes, found: None, now: Instant::from_millis(1) };
        if found == Found::Before {
            this.found = Some(this.find());
        }
        this
    }

    fn find(&self) -> Frame<Global> {
        let info = FrameInfo { timestamp: self.now.as_millis() as u32 * 90, ..FrameInfo::default() };
        Frame::new(self.bytes.clone(), PayloadFormat::H264, Framing::AnnexB, info, Global).unwrap()
    }
}

impl Contender for Ours {
    fn name(&self) -> &'static str {
        self.name
    }

    fn frame(&mut self) -> (usize, usize) {
        self.now += Duration::from_millis(33);
        let frame = self.found.clone().unwrap_or_else(|| self.find());
        self.stream.enqueue(self.now, frame).unwrap();
        let mut sent = (0, 0);
        let mut datagram = [0; 1_200];
        while let Some(len) = self.stream.poll_packet(self.now, sent.0 as u16, &mut datagram) {
            let len = self.session.protect_rtp(&mut datagram, len).unwrap();
            black_box(&mut datagram);
            sent = (sent.0 + 1, sent.1 + len);
        }
        sent
    }
}
