//! What a description makes of the streams of the tracks.

use barertc_arena::Allocator;
use barertc_crypto::Generator;
use barertc_wire::Instant;

use super::Media;
use crate::config::Config;
use crate::error::Error;
use crate::terms::Terms;

impl<A: Allocator + Clone> Media<A> {
    /// Makes what the tracks will need that were agreed on, in the order of their numbers. Nothing of it is used before
    /// [`commit_all`](Self::commit_all). All or nothing is made.
    ///
    /// # Errors
    /// [`Error::NoMemory`], [`Error::Media`].
    pub(crate) fn prepare_all(
        &mut self,
        all: impl Iterator<Item = Option<Terms>>,
        config: &Config,
        memory: &A,
        random: &mut Generator,
    ) -> Result<(), Error> {
        for (index, terms) in all.enumerate() {
            let Some(terms) = terms else { continue };
            self.prepare(index, &terms, config, memory, random).inspect_err(|_| self.abandon())?;
        }
        Ok(())
    }

    /// The tracks are what was agreed on from now on, in the order of their numbers.
    pub(crate) fn commit_all(
        &mut self,
        now: Instant,
        all: impl Iterator<Item = Option<Terms>>,
        random: &mut Generator,
    ) {
        for (index, terms) in all.enumerate() {
            self.commit(now, index, terms.as_ref(), random);
        }
        self.keep_smallest_encodings(now);
    }

    /// Makes what a track will need that was agreed on. Nothing of it is used before [`commit`](Self::commit).
    ///
    /// # Errors
    /// [`Error::NoMemory`], [`Error::Media`].
    pub(super) fn prepare(
        &mut self,
        index: usize,
        terms: &Terms,
        config: &Config,
        memory: &A,
        random: &mut Generator,
    ) -> Result<(), Error> {
        self.prepare_sending(index, terms, config, memory, random)?;
        self.prepare_receiving(index, terms, config, memory)
    }

    /// A track is what was agreed on from now on; without terms it pauses. The stream of what is not sent any more is kept
    /// for a later description; the buffers of what is not received are given back.
    pub(super) fn commit(&mut self, now: Instant, index: usize, terms: Option<&Terms>, random: &mut Generator) {
        if let Some(terms) = terms {
            self.commit_sending(now, index, terms, random);
        }
        let Some(streams) = self.streams.get_mut(index) else { return };
        let sends = terms.is_some_and(|terms| terms.sends) && streams.send.is_some();
        if let Some(stream) = &mut streams.send {
            if !sends {
                stream.clear_queue(now);
            } else if !streams.sends && streams.active && streams.place.max_bitrate > 0 {
                // An encoding begins with a key frame.
                stream.resume(now);
            } else if !streams.sends && stream.stats().packets_sent > 0 && stream.config().format.is_video() {
                // The peer has missed what was not sent.
                streams.key_wanted = true;
            }
        }
        (streams.sends, streams.receives) = (sends, terms.is_some_and(|terms| terms.receives));
        streams.asks = terms.is_some_and(|terms| terms.receives && terms.rcvr_rtt);
        if !streams.receives {
            streams.recv = None;
        } else if let (Some(receiver), Some(terms)) = (&mut streams.recv, terms) {
            receiver.follow(now, terms);
        }
    }

    /// A description was refused after all: what was made for it alone is given back.
    pub(crate) fn abandon(&mut self) {
        for streams in self.streams.iter_mut() {
            if !streams.receives {
                streams.recv = None;
            }
            if !streams.sends && streams.send.as_ref().is_some_and(|stream| stream.stats().packets_sent == 0) {
                streams.send = None;
            }
        }
    }
}
