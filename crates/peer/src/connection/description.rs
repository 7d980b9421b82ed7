//! Offers and answers: what we have to say, and what is made of what the other side says.

use barertc_arena::{Allocator, Box};
use barertc_crypto::Provider;
use barertc_dtls::{Connection as Dtls, Role};
use barertc_ice::Candidate;
use barertc_rtcp_nack::{Mid, RtxConfig, SendConfig, SendStream};
use barertc_sdp::{
    Data, Line, Local, MAX_KINDS, Negotiated, NegotiatedData, Section, Sending, Session, Setup, Track, write_answer,
    write_offer,
};
use barertc_wire::{Fingerprint, Instant};
use rand_core::CryptoRng;

use super::renegotiation::Place;
use super::{PeerConnection, Transceiver};
use crate::codec::frame_codec;
use crate::{Config, Error, Name};

/// Candidates that a description has room for.
const MAX_CANDIDATES: usize = 8;

/// What begins with a description: on which m-line's transport, as whom in DTLS, and the data channels with their name.
struct Begin {
    line: usize,
    role: Role,
    data: Option<(NegotiatedData, Name)>,
}

type Sections<'a> = heapless::Vec<Section<'a>, MAX_KINDS>;

impl<'p, A: Allocator + Clone, P: Provider> PeerConnection<'p, A, P> {
    /// Writes an offer of everything that was added, and expects its answer.
    ///
    /// # Errors
    /// [`Error::InvalidState`] while another offer is unanswered, [`Error::Sdp`] when `out` is too short,
    /// [`Error::OutOfMemory`].
    pub fn create_offer<'o, R: CryptoRng + ?Sized>(
        &mut self,
        rng: &mut R,
        out: &'o mut [u8],
    ) -> Result<&'o str, Error> {
        if self.offered {
            return Err(Error::InvalidState);
        }
        if self.dtls.is_none() {
            // The answerer will most likely be the client, and its first flight may overtake its answer.
            self.dtls = Some(self.new_dtls(Role::Server, rng)?);
        }
        if self.ice.remote_ufrag().is_none() {
            // RFC 8445 §6.1.1: the parts are given once, and again when ICE restarts.
            self.ice.set_controlling(self.now, true);
        }
        // No interface is no error yet: candidates may still come.
        let _ = self.gather();
        for track in self.tracks.iter_mut().filter(|t| t.mid.is_empty()) {
            track.mid = track.config.mid.clone();
        }
        self.choose_payload_types();
        self.session_version = self.session_version.saturating_add(1);
        let text = self.with_local(Setup::ActPass, |local| write_offer(local, out))?;
        *self.lines = self.places(true)?;
        self.offered = true;
        self.update();
        Ok(text)
    }

    /// Takes the answer to the offer.
    ///
    /// # Errors
    /// [`Error::InvalidState`] without an offer, [`Error::Sdp`], [`Error::Ice`], [`Error::OutOfMemory`].
    pub fn set_answer<R: CryptoRng + ?Sized>(&mut self, now: Instant, answer: &str, rng: &mut R) -> Result<(), Error> {
        self.now = self.now.max(now);
        if !self.offered {
            return Err(Error::InvalidState);
        }
        let answer = Session::parse(answer)?;
        let begin = self.take_answer(&answer, rng)?;
        self.begin(now, &answer, begin, rng)?;
        self.offered = false;
        self.update();
        Ok(())
    }

    /// Takes an offer and writes the answer: every m-line that fits a track of ours is accepted, the rest rejected.
    ///
    /// # Errors
    /// [`Error::InvalidState`] while an offer of ours is unanswered, [`Error::Sdp`], [`Error::Ice`],
    /// [`Error::OutOfMemory`].
    pub fn create_answer<'o, R: CryptoRng + ?Sized>(
        &mut self,
        now: Instant,
        offer: &str,
        rng: &mut R,
        out: &'o mut [u8],
    ) -> Result<&'o str, Error> {
        self.now = self.now.max(now);
        if self.offered {
            return Err(Error::InvalidState);
        }
        let offer = Session::parse(offer)?;
        let (text, begin) = self.take_offer(&offer, rng, out)?;
        self.begin(now, &offer, begin, rng)?;
        self.update();
        Ok(text)
    }

    // What was agreed on is large. These two hold it on the stack, and have returned before anything deep begins.
    #[inline(never)]
    fn take_answer<R: CryptoRng + ?Sized>(
        &mut self,
        answer: &Session<'_>,
        rng: &mut R,
    ) -> Result<Option<Begin>, Error> {
        let mut agreed = Negotiated::new();
        self.with_local(Setup::ActPass, |local| agreed.take_answer(answer, local))?;
        self.settle(&agreed, true, rng)
    }

    #[inline(never)]
    fn take_offer<'o, R: CryptoRng + ?Sized>(
        &mut self,
        offer: &Session<'_>,
        rng: &mut R,
        out: &'o mut [u8],
    ) -> Result<(&'o str, Option<Begin>), Error> {
        // Who answers may choose; the client's part saves the browser a round trip. Where the association stands, so
        // does the part in it (RFC 8842 §5.5).
        let settled = self.dtls.as_ref().filter(|_| self.peer_fingerprint.is_some()).map(|dtls| dtls.role());
        let setup = if settled == Some(Role::Server) { Setup::Passive } else { Setup::Active };
        let mut agreed = Negotiated::new();
        self.with_local(setup, |local| agreed.take_offer(offer, local))?;
        self.begin_ice_answer(offer, &agreed)?;
        let text = self.with_local(setup, |local| write_answer(offer, local, &agreed, out))?;
        self.session_version = self.session_version.saturating_add(1);
        Ok((text, self.settle(&agreed, false, rng)?))
    }

    /// Other credentials than before are an ICE restart, which we join with new ones of ours (RFC 8445 §9).
    #[inline(never)]
    fn begin_ice_answer(&mut self, offer: &Session<'_>, agreed: &Negotiated) -> Result<(), Error> {
        let theirs = agreed.transport.map(|line| offer.transport(line)).transpose()?;
        // What cannot be taken in the end begins nothing.
        let fingerprint = theirs.as_ref().map(|theirs| theirs.fingerprints().next());
        if let (Some(before), Some(theirs)) = (self.peer_fingerprint, fingerprint)
            && theirs != Some(before)
        {
            return Err(if theirs.is_some() { Error::InvalidState } else { Error::UnknownFingerprint });
        }
        if let (Some(before), Some(theirs)) = (self.ice.remote_ufrag(), theirs)
            && before != theirs.ufrag
        {
            self.ice.restart(self.now)?;
        }
        if self.ice.remote_ufrag().is_none() {
            self.ice.set_controlling(self.now, false);
        }
        // No interface is no error yet: candidates may still come.
        let _ = self.gather();
        Ok(())
    }

    /// Our side of a description, lent to `f`. Out of line, for it takes 2 KB of the stack.
    #[inline(never)]
    fn with_local<T>(
        &self,
        setup: Setup,
        f: impl FnOnce(&Local<'_, Candidate>) -> Result<T, barertc_sdp::Error>,
    ) -> Result<T, Error> {
        let places = self.places(setup == Setup::ActPass)?;
        let mut sections = Sections::new();
        for place in &places {
            let section = match place {
                Place::Track(index) => self.tracks.get(usize::from(*index)).map(|track| self.section(track)),
                Place::Data => self.data_section(setup),
                Place::Ended(kind) => Some(Section::Ended { kind: *kind }),
            };
            sections.extend(section);
        }
        let mut candidates = heapless::Vec::<Candidate, MAX_CANDIDATES>::new();
        for candidate in self.ice.local_candidates() {
            let mut candidate = candidate.clone();
            if let Some((_, public)) = self.mapped.filter(|(local, _)| *local == candidate.addr) {
                candidate.addr = public;
            }
            // More than fit can still be trickled.
            let _ = candidates.push(candidate);
        }
        let fingerprint = self.identity.fingerprint(self.provider);
        let (ufrag, pwd) = self.ice.local_credentials();
        let local = Local {
            session_id: self.session_id,
            session_version: self.session_version,
            ufrag,
            pwd,
            lite: self.config.ice.lite,
            ice_options: "trickle ice2",
            fingerprint: &fingerprint,
            setup,
            candidates: &candidates,
            end_of_candidates: false,
            default_address: None,
            cname: self.tracks.iter().find_map(|t| Some(t.config.sending.as_ref()?.cname.as_str())).unwrap_or("-"),
            sections: &sections,
        };
        Ok(f(&local)?)
    }

    fn section<'s>(&self, track: &'s Transceiver<A>) -> Section<'s> {
        let config = &track.config;
        Section::Track(Track {
            mid: Some(track.mid.as_str()).filter(|mid| !mid.is_empty()),
            kind: config.kind,
            direction: config.direction,
            codecs: &config.codecs,
            extensions: self.extensions,
            sending: config.sending.as_ref().map(|s| Sending {
                ssrc: s.ssrc,
                rtx_ssrc: s.rtx_ssrc,
                stream: &s.stream,
                track: &config.mid,
            }),
        })
    }

    fn data_section(&self, setup: Setup) -> Option<Section<'_>> {
        let mid = self.data_mid()?;
        // In an answer the offerer's name counts.
        let mid = (setup == Setup::ActPass || !self.data_mid.is_empty()).then_some(mid);
        let max_message_size = self.config.max_message_size;
        Some(Section::Data(Data { mid, sctp_port: self.config.sctp.local_port, max_message_size, sctp_init: None }))
    }

    /// Keeps what was agreed on; what is to begin with it comes back.
    fn settle<R: CryptoRng + ?Sized>(
        &mut self,
        agreed: &Negotiated,
        offering: bool,
        rng: &mut R,
    ) -> Result<Option<Begin>, Error> {
        let places = self.places(offering)?;
        self.apply_tracks(agreed, &places, rng)?;
        self.remember(agreed, places, offering);
        let Some(line) = agreed.transport else { return Ok(None) };
        let role = if agreed.setup == Setup::Active { Role::Client } else { Role::Server };
        let data = agreed.data.map(|data| {
            let mid = agreed.line_at(data.line).and_then(|line| Name::try_from(line.mid.as_str()).ok());
            (data, mid.unwrap_or_default())
        });
        Ok(Some(Begin { line, role, data }))
    }

    /// Begins what the transport of an accepted m-line carries.
    fn begin<R: CryptoRng + ?Sized>(
        &mut self,
        now: Instant,
        remote: &Session<'_>,
        begin: Option<Begin>,
        rng: &mut R,
    ) -> Result<(), Error> {
        let Some(Begin { line, role, data }) = begin else { return Ok(()) };
        let transport = remote.transport(line)?;
        let fingerprint = transport.fingerprints().next();
        self.begin_dtls(now, role, fingerprint.ok_or(Error::UnknownFingerprint)?, rng)?;
        if let Some((data, mid)) = &data {
            self.begin_sctp(data, mid, role, rng)?;
        }

        self.ice.set_remote_lite(self.now, transport.lite);
        self.ice.set_remote_credentials(self.now, transport.ufrag, transport.pwd)?;
        for line in transport.candidates() {
            // One bad candidate spoils nothing, and names need not be known.
            let _ = self.ice.add_remote_line(self.now, line);
        }
        if transport.end_of_candidates {
            self.ice.end_of_candidates(self.now);
        }
        Ok(())
    }

    /// Ours once and for all: a later description may repeat what was said about the certificate, but not change it.
    #[inline(never)]
    fn begin_dtls<R: CryptoRng + ?Sized>(
        &mut self,
        now: Instant,
        role: Role,
        fingerprint: Fingerprint,
        rng: &mut R,
    ) -> Result<(), Error> {
        if let Some(before) = &self.peer_fingerprint {
            return if *before == fingerprint { Ok(()) } else { Err(Error::InvalidState) };
        }
        if self.dtls.as_ref().is_none_or(|dtls| dtls.role() != role) {
            // The former one first gives back what it has.
            self.dtls = None;
            self.dtls = Some(self.new_dtls(role, rng)?);
        }
        self.peer_fingerprint = Some(fingerprint);
        if let Some(dtls) = &mut self.dtls {
            dtls.set_peer_fingerprint(now, fingerprint)?;
        }
        Ok(())
    }

    #[inline(never)]
    fn new_dtls<R: CryptoRng + ?Sized>(&self, role: Role, rng: &mut R) -> Result<Box<Dtls<A, &'p P>, A>, Error> {
        let config = barertc_dtls::Config { mtu: self.config.inner_mtu(), ..self.config.dtls.clone() };
        let memory = &self.memory.dtls;
        Box::try_init(memory.clone(), || Dtls::new(config, role, self.identity, memory.clone(), self.provider, rng))
    }
}

/// The stream that sends a track as agreed; `None` when its codec can be negotiated but not packetized.
pub(super) fn send_stream<A: Allocator + Clone, R: CryptoRng + ?Sized>(
    config: &Config,
    track: &Transceiver<A>,
    line: &Line,
    alloc: &A,
    rng: &mut R,
) -> Result<Option<SendStream<A>>, Error> {
    let (Some(codec), Some(sending)) = (line.codec(), &track.config.sending) else { return Ok(None) };
    let Some(format) = frame_codec(&codec.codec) else { return Ok(None) };
    let (bounds, base) = if format.is_video() {
        (&config.video, SendConfig::video(sending.ssrc, codec.pt, format))
    } else {
        (&config.audio, SendConfig::audio(sending.ssrc, codec.pt, format))
    };
    let rtx = sending.rtx_ssrc.zip(codec.rtx_pt);
    let stream = SendConfig {
        first_sequence: rng.next_u32() as u16 & 0x7FFF,
        timestamp_offset: rng.next_u32(),
        rtx: rtx.map(|(ssrc, payload_type)| RtxConfig {
            ssrc,
            payload_type,
            first_sequence: rng.next_u32() as u16 & 0x7FFF,
        }),
        extensions: line.extensions,
        mid: Mid::from_slice(line.mid.as_bytes()).unwrap_or_default(),
        mtu: config.inner_mtu().into(),
        ..bounds.apply(base)
    };
    Ok(Some(SendStream::new(stream, alloc.clone())?))
}
