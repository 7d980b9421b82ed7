//! What a description asks for, before anything is done about it.

use barertc_dtls::Role;
use barertc_rtcp_nack::{Mid, Rid};
use barertc_rtp::PayloadFormat;
use barertc_sdp::{Codec, Line, Negotiated, Session, Setup, Transport};

use super::section::{Ours, Section, Sections, deafened};
use super::track::Track;
use crate::error::Error;
use crate::terms::{PayloadTerms, Remote, Terms};

/// What a description asks for. It is large: who holds it on the stack has returned before anything deep begins.
pub(crate) struct Plan {
    pub(super) agreed: Negotiated,
    /// The sections of our side's description.
    pub(super) sections: Sections,
    pub(super) setup: Setup,
}

/// What begins with a description: the part of a plan that is small.
pub(crate) struct Begin<'d> {
    /// Ours in DTLS.
    pub(crate) role: Role,
    /// The transport's attributes, in the text of the description.
    pub(crate) transport: Transport<'d>,
    pub(crate) data: Option<DataTerms>,
    /// The peer's INIT chunk of SCTP in base64, where both descriptions have one.
    pub(crate) sctp_init: Option<&'d str>,
    /// It is of an answer to an offer of ours.
    pub(crate) is_answer: bool,
}

/// Data channels as agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DataTerms {
    pub(crate) remote_port: u16,
    /// The largest message that the peer takes, in bytes.
    pub(crate) max_message_size: u64,
}

impl Plan {
    /// A plan that nothing was read into.
    pub(crate) const EMPTY: Self = Self { agreed: Negotiated::new(), sections: Sections::new(), setup: Setup::ActPass };

    /// What begins on the transport of the accepted m-lines; `None` when all were rejected.
    ///
    /// # Errors
    /// [`Error::Sdp`] when the transport cannot be used.
    pub(crate) fn begin<'d>(&self, session: &Session<'d>) -> Result<Option<Begin<'d>>, Error> {
        let Some(line) = self.agreed.transport else { return Ok(None) };
        let role = if self.agreed.setup == Setup::Active { Role::Client } else { Role::Server };
        let data = self
            .agreed
            .data
            .as_ref()
            .map(|data| DataTerms { remote_port: data.remote_port, max_message_size: data.max_message_size });
        let snap = self.agreed.data.as_ref().filter(|data| data.snap);
        let sctp_init = snap.and_then(|data| session.media().nth(data.line)?.sctp_init());
        let is_answer = self.setup == Setup::ActPass;
        Ok(Some(Begin { role, transport: session.transport(line)?, data, sctp_init, is_answer }))
    }

    /// What has no room to receive does not say that it does.
    pub(super) fn keep_to_room(&mut self, ours: &Ours<'_>) {
        for index in 0..ours.tracks.len() {
            let receives = |track: usize| self.line(track).is_some_and(|line| line.direction.receives());
            if !receives(index) || ours.has_room(index, receives) {
                continue;
            }
            let section = self.line(index).map(|line| line.section);
            for line in &mut self.agreed.lines {
                if Some(line.section) == section {
                    line.direction = deafened(line.direction);
                }
            }
        }
    }

    /// The m-line that the track of this number got.
    pub(super) fn line(&self, track: usize) -> Option<&Line> {
        let of = |section: &Section| matches!(section, Section::Track(t) if usize::from(*t) == track);
        self.agreed.of_section(self.sections.iter().position(of)?)
    }

    /// What the streams of each encoding of each track are to be; `None` for those without an m-line.
    pub(crate) fn all_terms(&self, tracks: &[Track]) -> impl Iterator<Item = Option<Terms>> {
        tracks.iter().enumerate().flat_map(move |(index, track)| {
            (0..track.config().encodings()).map(move |encoding| self.terms(index, track, encoding))
        })
    }

    /// What the streams of an encoding of the track of this number are to be.
    pub(crate) fn terms(&self, index: usize, track: &Track, encoding: usize) -> Option<Terms> {
        let line = self.line(index)?;
        let (simulcast, first) = (line.simulcast, encoding == 0);
        let by_rid = cfg!(feature = "simulcast") && simulcast.is_on();
        // Without simulcast there is the first one only (RFC 8829 §5.10).
        let sent = if by_rid { simulcast.is_accepted(encoding) && !simulcast.is_paused(encoding) } else { first };
        let supported = line.codecs.iter().filter_map(|codec| {
            Some(PayloadTerms {
                payload_type: codec.pt,
                rtx: codec.rtx_pt,
                red: codec.red_pt,
                format: payload_format(&codec.codec)?,
                codec: codec.local,
                nack: codec.feedback.nack,
                transport_cc: codec.feedback.transport_cc,
            })
        });
        let mut payloads = heapless::Vec::new();
        for payload in supported {
            // As many as an m-line has.
            let _ = payloads.push(payload);
        }
        Some(Terms {
            sends: line.direction.sends() && sent,
            receives: line.direction.receives() && first,
            payloads,
            extensions: line.extensions,
            // It has as much room as a name of a description.
            mid: Mid::from_slice(line.mid.as_bytes()).unwrap_or_default(),
            rid: track.config().rid(encoding).filter(|_| by_rid).map(rid_bytes).unwrap_or_default(),
            remote: line.remote_ssrcs.first().map(|source| Remote {
                ssrc: source.ssrc,
                rtx: source.rtx,
                fec: source.fec,
            }),
            flexfec: line.flexfec,
            rcvr_rtt: line.rcvr_rtt,
            source: track.source(encoding),
        })
    }
}

/// The name of an encoding in packets, which has as much room as in descriptions.
fn rid_bytes(rid: &barertc_sdp::Rid) -> Rid {
    Rid::from_slice(rid.as_str().as_bytes()).unwrap_or_default()
}

/// The packet format of a codec; `None` for those that can be negotiated only.
const fn payload_format(codec: &Codec) -> Option<PayloadFormat> {
    match codec {
        Codec::H264(_) => Some(PayloadFormat::H264),
        Codec::H265 { .. } => Some(PayloadFormat::H265),
        Codec::Vp8 => Some(PayloadFormat::Vp8),
        Codec::Vp9 { .. } => Some(PayloadFormat::Vp9),
        Codec::Av1 { .. } => Some(PayloadFormat::Av1),
        Codec::Opus { .. } => Some(PayloadFormat::Opus),
        Codec::Pcmu | Codec::Pcma => Some(PayloadFormat::G711),
        _ => None,
    }
}

/// Whether there is a packet format for a codec.
pub(crate) const fn is_supported(codec: &Codec) -> bool {
    payload_format(codec).is_some()
}
