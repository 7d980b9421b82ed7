//! A description that was parsed (RFC 8866).

use barertc_wire::text::{number, split, split_once};
use barertc_wire::{Fingerprint, Fingerprints, is_received_ice_string};

use crate::attr::Setup;
use crate::error::{Error, TransportError};
use crate::limits::{MAX_DONORS, MAX_MEDIA};
use crate::line::{Lines, attribute, attributes};
use crate::media::Media;

/// A session description (RFC 8866). It borrows from its text.
///
/// [`parse`](Self::parse) checks the form of every line. The other calls read an attribute from the text each time. A
/// malformed attribute counts as absent.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Session<'a> {
    /// The session part: the text before the first m-line.
    head: &'a str,
    /// The text from the first m-line on.
    body: &'a str,
}

/// The transport attributes of a remote description: ICE credentials, candidates, fingerprints and DTLS role (RFC 8839,
/// RFC 8842).
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Transport<'a> {
    /// The ICE username fragment.
    pub ufrag: &'a str,
    /// The ICE password.
    pub pwd: &'a str,
    /// Whether the remote is an ICE lite agent.
    pub lite: bool,
    /// The remote's `a=setup`. [`Negotiated::setup`](crate::Negotiated::setup) is the role of this side.
    pub setup: Option<Setup>,
    /// The index of the m-line, counted from 0.
    pub media: usize,
    /// Whether the remote will trickle no further candidates (RFC 8840 §8.2).
    pub end_of_candidates: bool,
    options: &'a str,
    fingerprints: &'a str,
    candidates: &'a str,
}

impl<'a> Session<'a> {
    /// Reads the session description `text`. The number of lines and m-lines is not limited.
    ///
    /// # Errors
    /// [`Error::Line`] for a line of the wrong form. [`Error::Version`] when the first line is not `v=0`.
    /// [`Error::Structure`] when `o=`, `s=` or `t=` is missing, repeated or out of order. [`Error::Media`] for a malformed
    /// m-line.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        let mut structure = Structure::default();
        let mut body = None;
        let mut rest = text;
        let mut number = 0_u32;
        while !rest.is_empty() {
            let (line, next) = Lines::split(rest);
            number = number.saturating_add(1);
            if !line.is_empty() {
                let value = check_line(line).ok_or(Error::Line { number })?;
                structure.check(line, value)?;
                if line.starts_with("m=") {
                    Media::parse(0, value, "", "").ok_or(Error::Media { number })?;
                    body = body.or(Some(rest));
                }
            }
            rest = next;
        }
        structure.finish()?;
        let body = body.unwrap_or_default();
        Ok(Self { head: before(text, body), body })
    }

    /// The m-lines in order.
    #[must_use]
    pub const fn media(&self) -> MediaLines<'a> {
        MediaLines { head: self.head, rest: self.body, index: 0 }
    }

    /// The m-line with this index, counted from 0.
    #[must_use]
    pub fn media_at(&self, index: usize) -> Option<Media<'a>> {
        self.media().nth(index)
    }

    /// The first m-line with this mid.
    #[must_use]
    pub fn media_named(&self, mid: &str) -> Option<Media<'a>> {
        self.media().find(|media| media.mid() == Some(mid))
    }

    /// Whether the description closes the data channels (RFC 8841 §9.3). Their m-line is rejected then, or its SCTP port is
    /// 0 or cannot be read.
    #[must_use]
    pub fn ends_data(&self) -> bool {
        self.media().any(|media| media.is_data() && (media.is_rejected() || !media.has_usable_sctp_port()))
    }

    /// The first session-level attribute called `name`.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        attribute(self.head, name)
    }

    /// The session id and the session version of the `o=` line (RFC 8866 §5.2). A changed description has a higher
    /// version.
    #[must_use]
    pub fn origin(&self) -> Option<(u64, u64)> {
        let origin = Lines::new(self.head).find_map(|l| l.strip_prefix("o="))?;
        let mut words = split(origin, b' ').filter(|word| !word.is_empty());
        let (_, id, version) = (words.next(), words.next()?, words.next()?);
        Some((number(id)?, number(version)?))
    }

    /// The BUNDLE groups of the description, in order (RFC 9143 §7).
    pub fn bundles(&self) -> impl Iterator<Item = Bundle<'a>> + Clone + use<'a> {
        attributes(self.head).filter(|(name, _)| *name == "group").filter_map(|(_, value)| {
            let mids = value.strip_prefix("BUNDLE")?;
            (mids.is_empty() || mids.starts_with(' ')).then_some(Bundle { mids })
        })
    }

    /// The first BUNDLE group that contains `mid`.
    #[must_use]
    pub fn bundle_of(&self, mid: &str) -> Option<Bundle<'a>> {
        self.bundles().find(|bundle| bundle.contains(mid))
    }

    /// Whether one-byte and two-byte header extensions may be mixed (RFC 8285 §6).
    #[must_use]
    pub fn extmap_allow_mixed(&self) -> bool {
        self.attribute("extmap-allow-mixed").is_some()
    }

    /// The transport attributes of the m-line `index`.
    ///
    /// An attribute that the m-line does not have is taken from the other m-lines of its BUNDLE group, the tagged m-line
    /// first (RFC 9143 §7.1.3). An attribute that none of them has is taken from the session part. All candidates come
    /// from the first m-line of the same ICE agent that has any.
    ///
    /// # Errors
    /// [`Error::Transport`] when the ICE credentials or the fingerprint are missing or malformed. [`Error::OtherOffer`] when
    /// there is no m-line with this index.
    pub fn transport(&self, index: usize) -> Result<Transport<'a>, Error> {
        let media = self.media_at(index).ok_or(Error::OtherOffer)?;
        let group = || self.group_of(&media);
        let section = |name: &str| {
            let mut all = core::iter::once(media).chain(group());
            all.find(|m| m.attribute(name).is_some()).map_or(self.head, |m| m.body())
        };
        let find = |name: &str| attribute(section(name), name);
        let ufrag = find("ice-ufrag").ok_or(TransportError::NoUfrag)?;
        let pwd = find("ice-pwd").ok_or(TransportError::NoPwd)?;
        let same_agent = |m: &Media<'_>| m.attribute("ice-ufrag").is_none_or(|other| other == ufrag);
        let candidates = core::iter::once(media)
            .chain(group())
            .find(|m| same_agent(m) && m.attribute("candidate").is_some())
            .unwrap_or(media);
        let ended = |text| attribute(text, "end-of-candidates").is_some();
        let transport = Transport {
            ufrag: is_received_ice_string(ufrag, 4).then_some(ufrag).ok_or(TransportError::Ufrag)?,
            pwd: is_received_ice_string(pwd, 22).then_some(pwd).ok_or(TransportError::Pwd)?,
            lite: self.attribute("ice-lite").is_some(),
            setup: find("setup").and_then(Setup::parse),
            media: index,
            end_of_candidates: [media.body(), candidates.body(), self.head].into_iter().any(ended),
            options: find("ice-options").unwrap_or_default(),
            fingerprints: section("fingerprint"),
            candidates: candidates.body(),
        };
        if transport.fingerprints().next().is_none() {
            return Err(TransportError::Fingerprint.into());
        }
        Ok(transport)
    }

    /// The m-lines of the BUNDLE group of `media` that are not rejected, in the order of the group.
    pub(crate) fn group_of(&self, media: &Media<'a>) -> impl Iterator<Item = Media<'a>> + use<'a> {
        let session = *self;
        let bundle = media.mid().and_then(|mid| self.bundle_of(mid));
        let mids = bundle.into_iter().flat_map(|bundle| bundle.mids()).take(MAX_DONORS);
        mids.filter_map(move |mid| session.media().take(MAX_MEDIA).find(|m| m.mid() == Some(mid)))
            .filter(|m| !m.is_rejected())
    }
}

/// A BUNDLE group: m-lines that share a transport (RFC 9143 §7).
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Bundle<'a> {
    mids: &'a str,
}

impl<'a> Bundle<'a> {
    /// The mids of the group in order. The m-line of the first mid is the tagged one, which has the transport attributes.
    pub fn mids(self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        split(self.mids, b' ').filter(|mid| !mid.is_empty())
    }

    /// Whether `mid` belongs to the group.
    #[must_use]
    pub fn contains(self, mid: &str) -> bool {
        self.mids().any(|m| m == mid)
    }
}

/// The m-lines of a description in order.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MediaLines<'a> {
    head: &'a str,
    /// Begins with an m-line, or is empty.
    rest: &'a str,
    index: usize,
}

impl<'a> Iterator for MediaLines<'a> {
    type Item = Media<'a>;

    fn next(&mut self) -> Option<Media<'a>> {
        let (line, body) = Lines::split(self.rest);
        let value = line.strip_prefix("m=")?;
        let mut next = body;
        while !next.is_empty() && !next.starts_with("m=") {
            next = Lines::split(next).1;
        }
        let media = Media::parse(self.index, value, before(body, next), self.head);
        self.rest = next;
        self.index = self.index.saturating_add(1);
        media
    }
}

impl<'a> Transport<'a> {
    /// The fingerprints to compare with the remote's certificate (RFC 8122 §5.1): those with SHA-256, or else those with the
    /// hash function of the first one.
    ///
    /// # Errors
    /// [`TransportError::Fingerprint`] when there is no fingerprint. [`Error::TooMany`] when there are more than
    /// [`Fingerprints::MAX`].
    pub fn certificates(&self) -> Result<Fingerprints, Error> {
        match Fingerprints::select(self.fingerprints()) {
            Some((fingerprints, 0)) => Ok(fingerprints),
            Some(_) => Err(Error::TooMany { what: "fingerprints", limit: Fingerprints::MAX }),
            None => Err(TransportError::Fingerprint.into()),
        }
    }

    /// All fingerprints. Those with an unknown hash function are left out.
    pub fn fingerprints(&self) -> impl Iterator<Item = Fingerprint> + Clone + use<'a> {
        attributes(self.fingerprints)
            .filter(|(name, _)| *name == "fingerprint")
            .filter_map(|(_, value)| Fingerprint::parse(value))
    }

    /// The candidates of the description, each as `candidate:…` (RFC 8839 §5.1). Trickled candidates have the same form.
    pub fn candidates(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        Lines::new(self.candidates)
            .filter_map(|line| line.strip_prefix("a="))
            .filter(|a| a.strip_prefix("candidate:").is_some_and(|value| !value.is_empty()))
    }

    /// The ICE options, such as `trickle`, `ice2`, `renomination` and `sped`. Spaces and commas separate them.
    pub fn options(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        split(self.options, b' ').flat_map(|word| split(word, b',')).filter(|option| !option.is_empty())
    }

    /// Whether `option` is among the ICE options.
    #[must_use]
    pub fn has_option(&self, option: &str) -> bool {
        self.options().any(|o| o == option)
    }
}

/// The part of `text` in front of `rest`, which is a tail of it.
fn before<'a>(text: &'a str, rest: &str) -> &'a str {
    text.get(..text.len().saturating_sub(rest.len())).unwrap_or_default()
}

/// The value of a line of the right form: one lower-case letter, `=`, and no control characters but tab.
fn check_line(line: &str) -> Option<&str> {
    let (letter, value) = split_once(line, b'=')?;
    let letter_ok = letter.len() == 1 && letter.bytes().all(|b| b.is_ascii_lowercase());
    let value_ok = value.bytes().all(|b| !b.is_ascii_control() || b == b'\t');
    (letter_ok && value_ok).then_some(value)
}

/// What must be in the session part: `v=0` first, then `o=`, `s=` once each, and `t=` (RFC 8866 §5).
#[derive(Default)]
struct Structure {
    version: bool,
    origin: bool,
    name: bool,
    time: bool,
    media: bool,
}

impl Structure {
    fn check(&mut self, line: &str, value: &str) -> Result<(), Error> {
        let letter = line.as_bytes().first().copied().unwrap_or_default();
        if !self.version {
            self.version = true;
            return if letter == b'v' && value == "0" { Ok(()) } else { Err(Error::Version) };
        }
        let once = match letter {
            b'v' => return Err(Error::Structure),
            b'o' => &mut self.origin,
            b's' if self.origin => &mut self.name,
            b't' if self.name && !self.media => {
                self.time = true;
                return Ok(());
            }
            b's' | b't' => return Err(Error::Structure),
            b'm' => {
                self.media = true;
                return Ok(());
            }
            _ => return Ok(()),
        };
        if *once || self.media {
            return Err(Error::Structure);
        }
        *once = true;
        Ok(())
    }

    fn finish(&self) -> Result<(), Error> {
        match self {
            Self { version: false, .. } => Err(Error::Version),
            Self { origin: true, name: true, time: true, .. } => Ok(()),
            _ => Err(Error::Structure),
        }
    }
}
