//! Several encodings of one track: `a=rid` (RFC 8851) and `a=simulcast` (RFC 8853).

use core::fmt;

use barertc_wire::text::split;

use crate::error::{Error, SectionError};
use crate::limits::{MAX_ENCODINGS, MAX_RID};
use crate::line::word;
use crate::list::List;
use crate::media::Media;

/// The name of an encoding (`rid-id`, RFC 8851 §4): 1 to [`MAX_RID`] letters and digits (RFC 8852 §3.3).
#[derive(Clone, PartialEq, Eq)]
pub struct Rid(heapless::String<MAX_RID>);

impl Rid {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Rid {
    type Error = Error;
    fn try_from(text: &str) -> Result<Self, Error> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(Error::Rid);
        }
        let rid = heapless::String::try_from(text);
        Ok(Self(rid.map_err(|_| Error::NameTooLong { limit: MAX_RID, value: text.len() })?))
    }
}

impl fmt::Display for Rid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Rid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Rid {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str}", self.as_str());
    }
}

/// What the two sides agree on for the encodings of a track that this side sends. Encodings are counted from 0, in the order of
/// [`Sending::rids`](crate::Sending::rids).
///
/// Where [`is_on`](Self::is_on) is false there is one encoding only, and it has no rid (RFC 8853 §5.3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Simulcast {
    /// A bit for each encoding.
    accepted: u8,
    paused: u8,
}

impl Simulcast {
    /// No simulcast.
    pub const OFF: Self = Self { accepted: 0, paused: 0 };

    /// Whether at least one encoding is sent by its rid.
    #[must_use]
    pub const fn is_on(self) -> bool {
        self.accepted != 0
    }

    /// Whether the remote takes this encoding, paused or not.
    #[must_use]
    pub const fn is_accepted(self, encoding: usize) -> bool {
        self.accepted & bit(encoding) != 0
    }

    /// Whether the remote wants this encoding paused (`~`, RFC 8853 §5.2).
    #[must_use]
    pub const fn is_paused(self, encoding: usize) -> bool {
        self.paused & bit(encoding) != 0
    }

    /// What `media` of the remote takes of the encodings `rids`.
    ///
    /// An encoding is taken where exactly one `a=rid` line of the m-line has its name, says `recv`, and has no restriction: this
    /// side has offered none, and promises to keep none (RFC 8851 §6.2.2 and §6.4). More than one `a=simulcast` is none (RFC 8853
    /// §5.3.2). Of alternatives, the first that can be sent counts, and one that is not paused goes before one that is.
    pub(crate) fn of(media: &Media<'_>, rids: &[Rid]) -> Self {
        let mut all = Self::OFF;
        if !cfg!(feature = "simulcast") || rids.is_empty() {
            return all;
        }
        let mut attributes = media.attributes().filter(|(name, _)| *name == "simulcast");
        let (Some((_, value)), None) = (attributes.next(), attributes.next()) else { return all };
        for stream in received(value).into_iter().flat_map(|list| split(list, b';')) {
            let known = |id: &str| {
                let (paused, id) = id.strip_prefix('~').map_or((false, id), |id| (true, id));
                let index = rids.iter().take(MAX_ENCODINGS).position(|rid| rid.as_str() == id)?;
                (!all.is_accepted(index) && is_usable(media, id)).then_some((index, paused))
            };
            let mut alternatives = split(stream, b',').filter_map(known);
            let first = alternatives.clone().find(|(_, paused)| !paused).or_else(|| alternatives.next());
            if let Some((index, paused)) = first {
                all.accepted |= bit(index);
                all.paused |= if paused { bit(index) } else { 0 };
            }
        }
        if all.accepted == all.paused {
            // Nothing at all would be sent, and nobody could ask for it: pause requests (RFC 7728) are not read (RFC 8853 §5.3.3).
            all.paused &= all.paused.wrapping_sub(1);
        }
        all
    }

    /// The list of the accepted encodings, as in `a=simulcast`.
    pub(crate) const fn list(self, rids: &[Rid]) -> Streams<'_> {
        Streams { rids, simulcast: self }
    }

    /// All of `count` encodings.
    pub(crate) fn all(count: usize) -> Self {
        Self { accepted: (0..count).fold(0, |all, index| all | bit(index)), paused: 0 }
    }
}

/// Checks the encodings of the section `index`: their number and their names.
pub(crate) fn check_rids(index: usize, rids: &[Rid]) -> Result<(), Error> {
    if rids.is_empty() {
        return Ok(());
    }
    if !cfg!(feature = "simulcast") {
        return Err(Error::Section { index, rule: SectionError::NoSimulcast });
    }
    if rids.len() > MAX_ENCODINGS {
        return Err(Error::TooMany { what: "encodings of a track", limit: MAX_ENCODINGS });
    }
    if rids.iter().enumerate().any(|(at, rid)| rids.iter().take(at).any(|other| other == rid)) {
        return Err(Error::Section { index, rule: SectionError::RepeatedRid });
    }
    Ok(())
}

const fn bit(encoding: usize) -> u8 {
    if encoding < MAX_ENCODINGS { 1 << encoding } else { 0 }
}

/// Accepted encodings, written with `;` between them.
pub(crate) struct Streams<'a> {
    rids: &'a [Rid],
    simulcast: Simulcast,
}

impl<'a> Streams<'a> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &'a Rid)> + use<'a> {
        let simulcast = self.simulcast;
        self.rids.iter().enumerate().filter(move |(index, _)| simulcast.is_accepted(*index))
    }
}

impl fmt::Display for Streams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (index, rid)) in self.iter().enumerate() {
            f.write_str(if place > 0 { ";" } else { "" })?;
            f.write_str(if self.simulcast.is_paused(index) { "~" } else { "" })?;
            fmt::Display::fmt(rid, f)?;
        }
        Ok(())
    }
}

/// The list behind `recv` in `a=simulcast`. `None` when the value is malformed (RFC 8853 §5.1).
fn received(value: &str) -> Option<&str> {
    let words: List<&str, 5> = {
        let mut words = List::new();
        for word in split(value, b' ').filter(|word| !word.is_empty()) {
            // A fifth word is one too many already: what follows it changes nothing.
            let _ = words.push(word);
        }
        words
    };
    match &words[..] {
        ["recv", list] | ["recv", list, "send", _] | ["send", _, "recv", list] => Some(list),
        _ => None,
    }
}

/// Whether exactly one `a=rid` line has this name, and it is one to receive without restrictions.
fn is_usable(media: &Media<'_>, id: &str) -> bool {
    let rids = media.attributes().filter(|(name, _)| *name == "rid").map(|(_, value)| word(value));
    let mut rids = rids.filter(|(name, _)| *name == id).map(|(_, rest)| word(rest));
    matches!((rids.next(), rids.next()), (Some(("recv", "")), None))
}
