//! The part of DNS messages that names of addresses need (RFC 1035 §4, RFC 6762 §18).

use core::net::IpAddr;

use barertc_wire::{NoRoom, Reader, Writer};

/// Resource records and questions of these types are about addresses (RFC 1035 §3.2.2, RFC 3596 §2.1).
pub(crate) const A: u16 = 1;
pub(crate) const AAAA: u16 = 28;
/// A question for records of every type (RFC 1035 §3.2.3).
const ANY: u16 = 255;

/// The Internet (RFC 1035 §3.2.4).
const IN: u16 = 1;
/// Beside the class of a record: what was known before is replaced (RFC 6762 §10.2). Beside that of a question: the answer
/// may come to the asker alone (RFC 6762 §5.4).
const TOP_BIT: u16 = 0x8000;

/// Flags of a message: it is a response, and it is authoritative (RFC 6762 §18.2, §18.4).
const RESPONSE: u16 = 0x8000;
const AUTHORITATIVE: u16 = 0x0400;
/// The operation; 0 is a standard query (RFC 6762 §18.3).
const OPCODE: u16 = 0x7800;

/// Pointers that are followed in one name. Every one but the last leads to at least one label, and a name has at most 127.
const MAX_POINTERS: usize = 127;

/// A message whose header has been read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    bytes: &'a [u8],
    /// Behind the header.
    body: Reader<'a>,
    pub is_response: bool,
    questions: u16,
    answers: u16,
}

/// What is common to a question and a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    message: &'a [u8],
    /// From its name on.
    name: &'a [u8],
    pub rtype: u16,
    is_internet: bool,
    /// What a record says; empty in a question.
    data: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads the header. `None` for what is not about a standard query.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut body = Reader::new(bytes);
        body.skip(2).ok()?;
        let (flags, questions, answers) = (body.u16().ok()?, body.u16().ok()?, body.u16().ok()?);
        body.skip(4).ok()?;
        let is_response = flags & RESPONSE != 0;
        (flags & OPCODE == 0).then_some(Self { bytes, body, is_response, questions, answers })
    }

    pub(crate) fn questions(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let Self { bytes, mut body, questions, .. } = *self;
        (0..questions).map_while(move |_| question(bytes, &mut body))
    }

    pub(crate) fn answers(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let Self { bytes, mut body, questions, answers, .. } = *self;
        let readable = (0..questions).all(|_| question(bytes, &mut body).is_some());
        (0..answers).take_while(move |_| readable).map_while(move |_| record(bytes, &mut body))
    }
}

impl Entry<'_> {
    /// The address that the record gives.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self.rtype {
            A if self.is_internet => <[u8; 4]>::try_from(self.data).ok().map(IpAddr::from),
            AAAA if self.is_internet => <[u8; 16]>::try_from(self.data).ok().map(IpAddr::from),
            _ => None,
        }
    }

    /// Whether the question asks for records of this type.
    pub(crate) fn asks_for(&self, rtype: u16) -> bool {
        self.is_internet && (self.rtype == rtype || self.rtype == ANY)
    }

    /// Whether it is about the name with these labels. Case does not matter (RFC 6762 §16).
    pub(crate) fn is_about<'l>(&self, mut labels: impl Iterator<Item = &'l str>) -> bool {
        let mut name = Reader::new(self.name);
        for _ in 0..=MAX_POINTERS {
            while let Some(part) = part(&mut name) {
                match part {
                    Part::Label(label) => {
                        if !labels.next().is_some_and(|l| l.as_bytes().eq_ignore_ascii_case(label)) {
                            return false;
                        }
                    }
                    Part::End => return labels.next().is_none(),
                    Part::Pointer(to) => {
                        name = Reader::new(self.message.get(to..).unwrap_or_default());
                        break;
                    }
                }
            }
        }
        false
    }
}

/// Writes one question a type for the name.
pub(crate) fn ask<'l>(
    w: &mut Writer<'_>,
    labels: impl Iterator<Item = &'l str> + Clone,
    types: &[u16],
) -> Result<(), NoRoom> {
    header(w, 0, types.len(), 0)?;
    for rtype in types {
        entry(w, labels.clone(), *rtype, IN)?;
    }
    Ok(())
}

/// Writes a response that gives the name an address for `seconds`.
pub(crate) fn tell<'l>(
    w: &mut Writer<'_>,
    labels: impl Iterator<Item = &'l str> + Clone,
    address: IpAddr,
    seconds: u32,
) -> Result<(), NoRoom> {
    header(w, RESPONSE | AUTHORITATIVE, 0, 1)?;
    let class = IN | TOP_BIT;
    match address {
        IpAddr::V4(ip) => {
            entry(w, labels, A, class)?;
            w.u32(seconds)?;
            w.u16(4)?;
            w.put(&ip.octets())
        }
        IpAddr::V6(ip) => {
            entry(w, labels, AAAA, class)?;
            w.u32(seconds)?;
            w.u16(16)?;
            w.put(&ip.octets())
        }
    }
}

fn header(w: &mut Writer<'_>, flags: u16, questions: usize, answers: u16) -> Result<(), NoRoom> {
    let questions = u16::try_from(questions).map_err(|_| NoRoom)?;
    // The identifier is zero (RFC 6762 §18.1).
    [0, flags, questions, answers, 0, 0].into_iter().try_for_each(|field| w.u16(field))
}

fn entry<'l>(w: &mut Writer<'_>, labels: impl Iterator<Item = &'l str>, rtype: u16, class: u16) -> Result<(), NoRoom> {
    for label in labels {
        // What is 64 or more would mean something else.
        let len = u8::try_from(label.len()).ok().filter(|len| *len < 64).ok_or(NoRoom)?;
        w.u8(len)?;
        w.put(label.as_bytes())?;
    }
    w.u8(0)?;
    w.u16(rtype)?;
    w.u16(class)
}

/// A step in a name (RFC 1035 §4.1.4).
enum Part<'a> {
    Label(&'a [u8]),
    /// The rest of the name is there in the message.
    Pointer(usize),
    End,
}

fn part<'a>(r: &mut Reader<'a>) -> Option<Part<'a>> {
    let first = r.u8().ok()?;
    Some(match first {
        0 => Part::End,
        1..=63 => Part::Label(r.take(usize::from(first)).ok()?),
        192.. => Part::Pointer(usize::from(u16::from_be_bytes([first & 0x3F, r.u8().ok()?]))),
        _ => return None,
    })
}

/// Reads past a name.
fn skip_name(r: &mut Reader<'_>) -> Option<()> {
    while let Part::Label(_) = part(r)? {}
    Some(())
}

fn question<'a>(message: &'a [u8], r: &mut Reader<'a>) -> Option<Entry<'a>> {
    let name = r.rest();
    skip_name(r)?;
    let (rtype, class) = (r.u16().ok()?, r.u16().ok()?);
    Some(Entry { message, name, rtype, is_internet: class & !TOP_BIT == IN, data: &[] })
}

fn record<'a>(message: &'a [u8], r: &mut Reader<'a>) -> Option<Entry<'a>> {
    let entry = question(message, r)?;
    r.skip(4).ok()?;
    let len = r.u16().ok()?;
    Some(Entry { data: r.take(usize::from(len)).ok()?, ..entry })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A response with a question for `a.local`, and an answer whose name is given.
    fn response(name: &[u8]) -> std::vec::Vec<u8> {
        let mut bytes = std::vec![0, 0, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0];
        bytes.extend(b"\x01a\x05local\0\0\x01\0\x01");
        bytes.extend(name);
        bytes.extend(b"\0\x01\x80\x01\0\0\0\x78\0\x04\xC0\0\x02\x01");
        bytes
    }

    fn is_about(name: &[u8], labels: &[&str]) -> bool {
        let bytes = response(name);
        let message = Message::parse(&bytes).unwrap();
        let answer = message.answers().next().unwrap();
        assert_eq!(answer.address(), Some("192.0.2.1".parse().unwrap()));
        answer.is_about(labels.iter().copied())
    }

    #[test]
    fn names_may_be_shortened() {
        assert!(is_about(b"\xC0\x0C", &["a", "local"]));
        assert!(is_about(b"\x01B\xC0\x0C", &["b", "a", "LOCAL"]));
        assert!(!is_about(b"\xC0\x0E", &["a", "local"]), "a pointer behind the first label");
        assert!(is_about(b"\xC0\x0E", &["local"]));
        assert!(!is_about(b"\xC0\x0C", &["a"]));
        assert!(!is_about(b"\xC0\x0C", &["a", "local", "b"]));
    }

    #[test]
    fn a_name_that_points_at_itself_or_nowhere_is_no_name() {
        for name in [&b"\xC0\x1D"[..], b"\x01a\xC0\x1D", b"\xFF\xFF"] {
            assert!(!is_about(name, &["a", "local"]));
        }
    }

    #[test]
    fn what_is_cut_has_no_answer() {
        let whole = response(b"\x01a\x05local\0");
        for len in 0..whole.len() {
            assert!(Message::parse(&whole[..len]).is_none_or(|m| m.answers().next().is_none()), "{len}");
        }
    }
}
