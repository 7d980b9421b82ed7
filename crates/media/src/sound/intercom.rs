//! Both directions of a call.

use barertc_arena::{AllocError, Allocator, Vec};
use barertc_wire::{ConfigError, Count, Rule};

use crate::live::StartError;
use crate::sound::device::{Microphone, Speaker};
use crate::sound::g711::G711;
use crate::sound::level::audio_level;
use crate::sound::playout::{Playout, PlayoutConfig};

/// Turns packets of sound into samples, and back.
pub trait SoundCodec {
    /// Samples a second, which are the ticks of its timestamps.
    fn sample_rate(&self) -> u32;

    /// Whether a packet is the beginning of silence, of which the sender sends no more (RFC 7587 §3.1.3). Codecs that have no
    /// such packets need not say so.
    fn is_silence(&self, packet: &[u8]) -> bool {
        let _ = packet;
        false
    }

    /// Writes the samples of a packet, and says how many; `None` for a packet that is broken or does not fit.
    fn decode(&mut self, packet: &[u8], pcm: &mut [i16]) -> Option<usize>;

    /// Writes the packet of a block, and says how long it is; `None` where it does not fit.
    fn encode(&mut self, pcm: &[i16], packet: &mut [u8]) -> Option<usize>;
}

impl SoundCodec for G711 {
    fn sample_rate(&self) -> u32 {
        Self::SAMPLE_RATE
    }

    fn decode(&mut self, packet: &[u8], pcm: &mut [i16]) -> Option<usize> {
        (packet.len() <= pcm.len()).then(|| self.decode_block(packet, pcm))
    }

    fn encode(&mut self, pcm: &[i16], packet: &mut [u8]) -> Option<usize> {
        (pcm.len() <= packet.len()).then(|| self.encode_block(pcm, packet))
    }
}

/// The sound of a call in both directions: a codec, a loudspeaker and a microphone.
///
/// The application passes each received packet (`PeerConnection::read_frame`) to [`receive`](Self::receive). It sends the
/// packets that [`talk`](Self::talk) makes. Each direction can be muted, and has a level. `Intercom` does not cancel echo. A
/// browser does that on its own side. A board whose microphone hears its loudspeaker needs a [`Microphone`] that does.
pub struct Intercom<C, A: Allocator> {
    codec: C,
    playout: Playout<A>,
    /// Room for a packet's samples, or a block of the microphone.
    pcm: Vec<i16, A>,
    /// Samples of a block, both ways.
    block: usize,
    muted: bool,
    heard: u8,
    broken: Count,
}

/// What a meter shows that showed `before`, when a block has this level: 0 is the loudest.
const fn meter(before: u8, level: u8) -> u8 {
    let fallen = if before < 127 { before.saturating_add(1) } else { 127 };
    if level < fallen { level } else { fallen }
}

/// The longest packet that is taken: 120 ms, as of Opus.
const LONGEST: usize = 120;

impl<C: SoundCodec, A: Allocator + Clone> Intercom<C, A> {
    /// Bytes that it takes, with a codec of this sample rate.
    #[must_use]
    pub const fn worst_case_bytes(sample_rate: u32) -> usize {
        let pcm = Vec::<i16, A>::bytes(Self::longest(sample_rate));
        pcm.saturating_add(Playout::<A>::worst_case_bytes(&PlayoutConfig::new(sample_rate)))
    }

    /// Blocks of 20 ms.
    ///
    /// # Errors
    /// When the codec's sample rate cannot be used, or there is no memory.
    pub fn new(codec: C, alloc: A) -> Result<Self, StartError> {
        let rate = codec.sample_rate();
        ConfigError::check("sample_rate", rate.into(), Rule::AtLeast(50)).map_err(StartError::Config)?;
        let playout = Playout::new(PlayoutConfig::new(rate), alloc.clone())?;
        let mut pcm = Vec::with_capacity(Self::longest(rate), alloc).map_err(|AllocError| StartError::OutOfMemory)?;
        pcm.try_resize(Self::longest(rate), 0).map_err(|_| StartError::OutOfMemory)?;
        let block = rate as usize / 50;
        Ok(Self { codec, playout, pcm, block, muted: false, heard: 127, broken: Count::ZERO })
    }

    /// Takes a packet that was received, and its RTP timestamp.
    pub fn receive(&mut self, timestamp: u32, packet: &[u8]) {
        let Some(len) = self.codec.decode(packet, &mut self.pcm) else {
            self.broken += 1;
            return;
        };
        let pcm = self.pcm.get(..len).unwrap_or_default();
        // Silence that came too late is over: there was sound behind it.
        let in_time = self.playout.push(timestamp, pcm);
        if in_time && self.codec.is_silence(packet) {
            self.playout.pause();
        }
    }

    /// Fills the loudspeaker's next block.
    pub fn pull(&mut self, block: &mut [i16]) {
        self.playout.pull(block);
        self.heard = meter(self.heard, audio_level(block));
    }

    /// Forgets what waits: another stream begins.
    pub fn restart(&mut self) {
        self.playout.restart();
        self.heard = 127;
    }

    /// Gives the loudspeaker its next block, and waits until it has room for another one. For ever in a loop, this plays.
    ///
    /// # Errors
    /// The loudspeaker's.
    pub async fn listen<S: Speaker>(&mut self, speaker: &mut S) -> Result<(), S::Error> {
        let block = self.pcm.get_mut(..self.block).unwrap_or_default();
        self.playout.pull(block);
        self.heard = meter(self.heard, audio_level(block));
        speaker.play(block).await
    }

    /// Waits for the microphone's next block, and writes its packet: its length, and its level as RFC 6464 has it. A
    /// packet of the muted microphone is silence, so that time goes on for who listens. `None` where it does not fit.
    ///
    /// # Errors
    /// The microphone's.
    pub async fn talk<M: Microphone>(
        &mut self,
        microphone: &mut M,
        packet: &mut [u8],
    ) -> Result<Option<(usize, u8)>, M::Error> {
        let block = self.pcm.get_mut(..self.block).unwrap_or_default();
        microphone.record(block).await?;
        if self.muted {
            block.fill(0);
        }
        let level = audio_level(block);
        Ok(self.codec.encode(block, packet).map(|len| (len, level)))
    }

    /// Sends silence instead of the microphone's sound, or not any more.
    pub const fn mute_microphone(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Plays silence instead of what is received, or not any more.
    pub const fn mute_speaker(&mut self, muted: bool) {
        self.playout.set_muted(muted);
    }

    /// Samples of a block: as many ticks lie between the timestamps of two packets.
    #[must_use]
    pub const fn block(&self) -> usize {
        self.block
    }

    /// The level at the loudspeaker, in the units of [`audio_level`]. It is the level of the loudest block, and falls by a
    /// decibel with each later block. A meter that looks once a second does not miss a word.
    ///
    /// [`audio_level`]: crate::audio_level
    #[must_use]
    pub const fn heard(&self) -> u8 {
        self.heard
    }

    /// Packets that the codec refused.
    #[must_use]
    pub const fn broken(&self) -> Count {
        self.broken
    }

    /// What waits for the loudspeaker, and what happened to it.
    #[must_use]
    pub const fn playout(&self) -> &Playout<A> {
        &self.playout
    }

    const fn longest(rate: u32) -> usize {
        (rate as usize).saturating_mul(LONGEST) / 1_000
    }
}
