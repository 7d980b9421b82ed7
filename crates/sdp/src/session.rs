use barertc_wire::Fingerprint;

use crate::attr::Setup;
use crate::error::{Error, TransportError};
use crate::line::{Lines, attribute, attributes, is_ice_string};
use crate::media::Media;
use crate::{MAX_LEN, MAX_LINES, MAX_MEDIA};

/// A session description, borrowing from its text (RFC 8866).
///
/// [`parse`](Self::parse) checks the form of every line and finds the m-lines, in one pass; what the attributes say is
/// read when it is asked for. An attribute that is malformed counts as absent.
#[derive(Clone, Debug)]
pub struct Session<'a> {
    head: &'a str,
    media: heapless::Vec<Media<'a>, MAX_MEDIA>,
}

/// What the remote transport needs: ICE credentials, fingerprints, DTLS role (RFC 8839, RFC 8842).
#[derive(Clone, Copy, Debug)]
pub struct Transport<'a> {
    /// ICE user name fragment.
    pub ufrag: &'a str,
    /// ICE password.
    pub pwd: &'a str,
    /// The remote is an ICE lite agent.
    pub lite: bool,
    /// The DTLS role, as written; see [`Negotiated::setup`](crate::Negotiated::setup) for ours.
    pub setup: Option<Setup>,
    /// Index of the m-line whose transport this is; candidates of the others don't matter under BUNDLE.
    pub media: usize,
    /// No further candidates will come (RFC 8840 §8.2).
    pub end_of_candidates: bool,
    options: &'a str,
    section: &'a str,
    head: &'a str,
}

impl<'a> Session<'a> {
    /// Reads `text`.
    ///
    /// # Errors
    /// When it is not a session description, or larger than the limits of this crate.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        if text.len() > MAX_LEN {
            return Err(Error::TooLong);
        }
        let mut session = Self { head: text, media: heapless::Vec::new() };
        let mut structure = Structure::default();
        // Where the current section's body starts, and the m-line in front of it.
        let (mut section, mut m_line) = (text, None);
        let mut rest = text;
        let mut number = 0_u16;
        while !rest.is_empty() {
            let (line, next) = Lines::split(rest);
            let this = rest;
            rest = next;
            number = number.saturating_add(1);
            if usize::from(number) > MAX_LINES {
                return Err(Error::TooLong);
            }
            if line.is_empty() {
                continue;
            }
            let value = check_line(line).ok_or(Error::Line { number })?;
            structure.check(line, value)?;
            if line.starts_with("m=") {
                session.close_section(m_line, before(section, this))?;
                m_line = Some(value);
                section = rest;
            }
        }
        structure.finish()?;
        session.close_section(m_line, section)?;
        Ok(session)
    }

    fn close_section(&mut self, m_line: Option<&'a str>, body: &'a str) -> Result<(), Error> {
        let Some(m_line) = m_line else {
            self.head = body;
            return Ok(());
        };
        let media = Media::parse(self.media.len(), m_line, body, self.head).ok_or(Error::Media)?;
        self.media.push(media).map_err(|_| Error::TooManyMedia)
    }

    /// The m-lines, in order.
    #[must_use]
    pub fn media(&self) -> &[Media<'a>] {
        &self.media
    }

    /// The first session-level attribute called `name`.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        attribute(self.head, name)
    }

    /// The `o=` line's session id and version (RFC 8866 §5.2); a new version means changed.
    #[must_use]
    pub fn origin(&self) -> Option<(u64, u64)> {
        let mut words = Lines::new(self.head).find_map(|l| l.strip_prefix("o="))?.split(' ');
        let (_, id, version) = (words.next(), words.next()?, words.next()?);
        Some((id.parse().ok()?, version.parse().ok()?))
    }

    /// The mids of the first BUNDLE group (RFC 9143 §7); `None` without one.
    #[must_use]
    pub fn bundle(&self) -> Option<impl Iterator<Item = &'a str> + Clone + use<'a>> {
        attributes(self.head).filter(|(n, _)| *n == "group").find_map(|(_, value)| {
            let mids = value.strip_prefix("BUNDLE")?;
            (mids.is_empty() || mids.starts_with(' ')).then(|| mids.split(' ').filter(|m| !m.is_empty()))
        })
    }

    /// Whether the m-line called `mid` shares the bundled transport.
    #[must_use]
    pub fn is_bundled(&self, mid: &str) -> bool {
        self.bundle().is_some_and(|mut mids| mids.any(|m| m == mid))
    }

    /// Whether one-byte and two-byte header extensions may be mixed (RFC 8285 §6).
    #[must_use]
    pub fn extmap_allow_mixed(&self) -> bool {
        self.attribute("extmap-allow-mixed").is_some()
    }

    /// The transport of m-line `index`.
    ///
    /// # Errors
    /// [`Error::Transport`] when its ICE credentials or fingerprint are missing or malformed.
    pub fn transport(&self, index: usize) -> Result<Transport<'a>, Error> {
        let media = self.media.get(index).ok_or(Error::Mismatch)?;
        let find = |name| media.attribute_or_session(name);
        let transport = Transport {
            ufrag: find("ice-ufrag").filter(|u| is_ice_string(u, 4)).ok_or(Error::Transport(TransportError::Ufrag))?,
            pwd: find("ice-pwd").filter(|p| is_ice_string(p, 22)).ok_or(Error::Transport(TransportError::Pwd))?,
            lite: self.attribute("ice-lite").is_some(),
            setup: find("setup").and_then(Setup::parse),
            media: index,
            end_of_candidates: find("end-of-candidates").is_some(),
            options: find("ice-options").unwrap_or_default(),
            section: media.body(),
            head: self.head,
        };
        if transport.fingerprints().next().is_none() {
            return Err(Error::Transport(TransportError::Fingerprint));
        }
        Ok(transport)
    }
}

impl<'a> Transport<'a> {
    /// The fingerprints, of the m-line or, when it has none, of the session; those with unknown hashes left out.
    pub fn fingerprints(&self) -> impl Iterator<Item = Fingerprint> + use<'a> {
        let level = if attribute(self.section, "fingerprint").is_some() { self.section } else { self.head };
        attributes(level).filter(|(n, _)| *n == "fingerprint").filter_map(|(_, value)| Fingerprint::parse(value))
    }

    /// The candidates, each as `candidate:…`, the form in which trickled ones come (RFC 8839 §5.1).
    pub fn candidates(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        Lines::new(self.section)
            .filter_map(|l| l.strip_prefix("a="))
            .filter(|a| a.strip_prefix("candidate:").is_some_and(|v| !v.is_empty()))
    }

    /// The ICE options, such as `trickle`, `ice2`, `renomination`, `sped`.
    pub fn options(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.options.split(' ').filter(|o| !o.is_empty())
    }

    /// Whether `option` is among the ICE options.
    #[must_use]
    pub fn has_option(&self, option: &str) -> bool {
        self.options().any(|o| o == option)
    }
}

/// The part of `section` in front of `rest`, which is a tail of it.
fn before<'a>(section: &'a str, rest: &str) -> &'a str {
    section.get(..section.len().saturating_sub(rest.len())).unwrap_or_default()
}

/// The value of a line of the right form: one lower-case letter, `=`, and no control characters but tab.
fn check_line(line: &str) -> Option<&str> {
    let (letter, value) = line.split_once('=')?;
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
