//! The common parts of WHIP (RFC 9725) and WHEP: media types, fragments of descriptions, and entity tags.

use core::fmt;

use barertc_wire::{MAX_ICE_STRING, is_received_ice_string, text};

/// The media type of session descriptions.
pub(crate) const SDP: &str = "application/sdp";
/// The media type of trickled candidates (RFC 8840 §9).
pub(crate) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// The longest ICE username fragment, in bytes (RFC 8839 §5.4).
pub const MAX_UFRAG: usize = MAX_ICE_STRING;

/// An ICE username fragment, without an allocation.
pub type Ufrag = heapless::String<MAX_UFRAG>;

/// The ICE generation of a session. Each generation has its own entity tag (RFC 9725 §4.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct IceGeneration {
    /// The number of ICE restarts so far.
    pub number: u32,
    /// The other side's user name fragment, which its candidates belong to. Empty where it is not known: then candidates
    /// of all generations are taken, and a request with new credentials is an ICE restart.
    pub ufrag: Ufrag,
}

impl IceGeneration {
    /// The entity tag of the generation.
    pub(crate) const fn tag(&self) -> Tag {
        Tag(self.number)
    }
}

/// An entity tag (RFC 9110 §8.8.3), quotes included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag(u32);

#[cfg(feature = "parsers")]
impl Tag {
    /// The tag of a generation.
    pub(crate) const fn of(number: u32) -> Self {
        Self(number)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"ice-{}\"", self.0)
    }
}

/// The result of comparing `If-Match` with an entity tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// The field is `*`, which matches every tag. An ICE restart has it (RFC 9725 §4.3.3). Some clients put it in quotes.
    Any,
    /// The field lists the tag.
    This,
    /// The field does not list the tag.
    Other,
}

/// Compares with the strong comparison (RFC 9110 §13.1.1): a weak tag is never equal.
pub(crate) fn if_match(field: &str, tag: Tag) -> Match {
    if matches!(field.trim_ascii(), "*" | "\"*\"") {
        return Match::Any;
    }
    let mut room = heapless::String::<32>::new();
    // A tag is at most 16 bytes long.
    let _ = fmt::Write::write_fmt(&mut room, format_args!("{tag}"));
    let listed = text::split(field, b',').any(|listed| listed.trim_ascii() == room.as_str());
    if listed { Match::This } else { Match::Other }
}

/// A fragment of a description (RFC 8840 §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fragment<'t> {
    text: &'t str,
    /// The first username fragment.
    pub(crate) ufrag: Option<&'t str>,
    /// The first password.
    pub(crate) pwd: Option<&'t str>,
}

/// The lines of a text without their line ends. The last line may have no line end.
fn lines(whole: &str) -> impl Iterator<Item = &str> {
    let mut parts = text::split(whole, b'\n');
    let mut next = parts.next();
    core::iter::from_fn(move || {
        let line = next.take()?;
        next = parts.next();
        (next.is_some() || !line.is_empty()).then(|| line.strip_suffix('\r').unwrap_or(line))
    })
}

/// A candidate of a fragment, with its mid and its username fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trickled<'t> {
    pub(crate) mid: &'t str,
    /// The username fragment of the candidate, when there is one.
    pub(crate) ufrag: Option<&'t str>,
    /// The candidate as `candidate:…`. `None` stands for `end-of-candidates`.
    pub(crate) candidate: Option<&'t str>,
}

impl<'t> Fragment<'t> {
    /// Reads a fragment. `None` when a line has the wrong form, or when the fragment has neither candidates nor credentials.
    pub(crate) fn parse(whole: &'t str) -> Option<Self> {
        let is_line = |line: &str| line.starts_with(|c: char| c.is_ascii_lowercase()) && line.get(1..2) == Some("=");
        if !lines(whole).all(is_line) {
            return None;
        }
        let find = |name: &str| lines(whole).find_map(|line| line.strip_prefix("a=")?.strip_prefix(name));
        let fragment = Self { text: whole, ufrag: find("ice-ufrag:"), pwd: find("ice-pwd:") };
        let says_something = fragment.candidates().next().is_some() || fragment.credentials().is_some();
        says_something.then_some(fragment)
    }

    /// The username fragment and the password, when both are present and valid (RFC 8839 §5.4).
    pub(crate) fn credentials(&self) -> Option<(&'t str, &'t str)> {
        let (ufrag, pwd) = (self.ufrag?, self.pwd?);
        (is_received_ice_string(ufrag, 4) && is_received_ice_string(pwd, 22)).then_some((ufrag, pwd))
    }

    /// All candidates and ends of candidates, in order.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = Trickled<'t>> + use<'t> {
        let (mut mid, mut ufrag) = ("", None);
        lines(self.text).filter_map(move |line| {
            let attribute = line.strip_prefix("a=")?;
            if let Some(name) = attribute.strip_prefix("mid:") {
                mid = name;
            } else if let Some(name) = attribute.strip_prefix("ice-ufrag:") {
                ufrag = Some(name);
            }
            if attribute.starts_with("candidate:") {
                // The `ufrag` extension of a candidate, which browsers write, replaces that of the section.
                let mut words = text::split(attribute, b' ').skip_while(|word| *word != "ufrag").skip(1);
                Some(Trickled { mid, ufrag: words.next().or(ufrag), candidate: Some(attribute) })
            } else {
                (attribute == "end-of-candidates").then_some(Trickled { mid, ufrag, candidate: None })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn candidates_know_their_mid_and_their_generation() {
        let text = "a=ice-ufrag:abcd\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 ::1 9 typ host\r\n\
                    a=candidate:2 1 udp 1 ::1 9 typ host generation 0 ufrag efgh network-cost 999\r\nm=video 9 x 0\r\na=mid:1\r\na=end-of-candidates\r\n";
        let fragment = Fragment::parse(text).unwrap();
        assert_eq!((fragment.ufrag, fragment.pwd, fragment.credentials()), (Some("abcd"), None, None));
        let found: Vec<_> = fragment.candidates().map(|c| (c.mid, c.ufrag, c.candidate.map(|c| &c[..11]))).collect();
        let first = ("0", Some("abcd"), Some("candidate:1"));
        assert_eq!(found, [first, ("0", Some("efgh"), Some("candidate:2")), ("1", Some("abcd"), None)]);
    }

    #[test]
    fn what_is_no_fragment_is_none() {
        for bad in ["", "\r\n", "nonsense", "{\"a\":1}", "a=mid:0\r\n", "a=candidate:1\r\nnonsense\r\n", "=x", "é=x"] {
            assert_eq!(Fragment::parse(bad), None, "{bad}");
        }
        // RFC 8839 §5.4: at least four and 22 characters.
        let restart = |ufrag: &str, pwd: &str| {
            let text = std::format!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\n");
            Fragment::parse(&text).is_some()
        };
        let pwd = "0123456789012345678901";
        assert!(restart("abcd", pwd));
        // What some peers write beside, as descriptions are read (`barertc-sdp`).
        assert!(restart("a#-_", &pwd.replace('0', "=")));
        assert!(!restart("abc", pwd) && !restart("abcd", &pwd[1..]) && !restart("ab d", pwd));
    }

    #[test]
    fn tags_are_compared_strongly() {
        let tag = Tag(3);
        for (field, matches) in [
            ("\"ice-3\"", Match::This),
            ("\"a\", \"ice-3\"", Match::This),
            ("*", Match::Any),
            ("\"*\"", Match::Any),
            ("W/\"ice-3\"", Match::Other),
            ("ice-3", Match::Other),
            ("\"ice-2\"", Match::Other),
            ("", Match::Other),
        ] {
            assert_eq!(if_match(field, tag), matches, "{field}");
        }
    }
}
