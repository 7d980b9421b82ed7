//! The part of JSON (RFC 8259) that signaling messages need: the strings of one flat object, unescaped in place.
//!
//! The `no_std` libraries for JSON copy strings, or recurse into nested values. With recursion, a message of opening brackets
//! could overflow a small stack.

use barertc_wire::{Writer, put_at};

use crate::error::Error;

/// The deepest nesting of values that are skipped.
const MAX_DEPTH: usize = 16;

/// The longest name of a member that this crate reads, with each of its 11 characters as an escape.
const LONGEST_NAME: usize = 6 * 11;

/// Finds the string members called `names` of the object in `text`, and unescapes them in place.
///
/// `None` for a member that is absent or not a string. Of repeated members the last one counts, as in browsers.
pub(crate) fn strings<'t, const N: usize>(text: &'t mut [u8], names: [&str; N]) -> Result<[Option<&'t str>; N], Error> {
    core::str::from_utf8(text).map_err(|_| Error::Json)?;
    let mut ranges = [None; N];
    members(text, |name, value| {
        if let Some((_, slot)) = names.iter().zip(&mut ranges).find(|(wanted, _)| is_name(name, wanted)) {
            *slot = value.inside();
        }
        Ok(())
    })?;
    let mut lengths = [None; N];
    for (range, length) in ranges.iter().zip(&mut lengths) {
        if let Some((start, end)) = *range {
            let raw = text.get_mut(start..end).ok_or(Error::Json)?;
            *length = Some((start, unescape(raw)?));
        }
    }
    let text: &'t [u8] = text;
    let mut found = [None; N];
    for (length, value) in lengths.iter().zip(&mut found) {
        if let Some((start, len)) = *length {
            let bytes = text.get(start..).and_then(|t| t.get(..len)).ok_or(Error::Json)?;
            *value = Some(core::str::from_utf8(bytes).map_err(|_| Error::Json)?);
        }
    }
    Ok(found)
}

/// Appends `text` as a JSON string, quotes included.
pub(crate) fn write_string(w: &mut Writer<'_>, text: &str) -> Result<(), Error> {
    w.u8(b'"')?;
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f)) {
        let (plain, tail) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        w.put(plain)?;
        let Some((special, tail)) = tail.split_first() else { break };
        match special {
            b'\n' => w.put(b"\\n")?,
            b'\r' => w.put(b"\\r")?,
            b'\t' => w.put(b"\\t")?,
            b'"' | b'\\' => w.put(&[b'\\', *special])?,
            control => {
                let hex = |n: u8| char::from_digit(u32::from(n), 16).map_or(b'0', |c| c as u8);
                w.put(b"\\u00")?;
                w.put(&[hex(control >> 4), hex(control & 15)])?;
            }
        }
        rest = tail;
    }
    w.put(rest)?;
    Ok(w.u8(b'"')?)
}

/// Copies the object in `text` with a new value for its member `name`. All other members stay as they are.
///
/// The member may occur several times, with escapes in its name and with any value. None of them remains. The call returns
/// the last old value that is a string; there must be one.
pub(crate) fn replace<const N: usize>(
    text: &[u8],
    name: &str,
    value: &str,
    w: &mut Writer<'_>,
) -> Result<heapless::String<N>, Error> {
    core::str::from_utf8(text).map_err(|_| Error::Json)?;
    let (mut copied, mut old) = (0, None);
    members(text, |found, range| {
        if is_name(found, name) {
            w.put(text.get(copied..range.start).unwrap_or_default())?;
            write_string(w, value)?;
            copied = range.end;
            old = range.inside();
        }
        Ok(())
    })?;
    w.put(text.get(copied..).unwrap_or_default())?;
    let (start, end) = old.ok_or(Error::Json)?;
    let raw = text.get(start..end).unwrap_or_default();
    let mut old = heapless::Vec::<u8, N>::from_slice(raw).map_err(|_| Error::TooLong { limit: N })?;
    let len = unescape(&mut old)?;
    old.truncate(len);
    heapless::String::from_utf8(old).map_err(|_| Error::Json)
}

/// The position of a member's value in the text.
#[derive(Clone, Copy)]
struct Value {
    start: usize,
    end: usize,
    string: bool,
}

impl Value {
    /// The range between the quotes of a string.
    const fn inside(self) -> Option<(usize, usize)> {
        if self.string { Some((self.start.saturating_add(1), self.end.saturating_sub(1))) } else { None }
    }
}

/// Whether a name, as the text writes it, is equal to `wanted` after unescaping.
fn is_name(raw: &[u8], wanted: &str) -> bool {
    if !raw.contains(&b'\\') {
        return raw == wanted.as_bytes();
    }
    let mut room = [0; LONGEST_NAME];
    let Some(copy) = room.get_mut(..raw.len()) else { return false };
    copy.iter_mut().zip(raw).for_each(|(to, from)| *to = *from);
    unescape(copy).is_ok_and(|len| copy.get(..len) == Some(wanted.as_bytes()))
}

/// Calls `each` for each member of the object in `text`, with the name as the text writes it and the value's position.
fn members(text: &[u8], mut each: impl FnMut(&[u8], Value) -> Result<(), Error>) -> Result<(), Error> {
    let mut s = Scanner { text, at: 0 };
    s.expect(b'{')?;
    if s.peek() == Some(b'}') {
        s.expect(b'}')?;
        return s.end();
    }
    loop {
        let (start, end) = s.string()?;
        let name = text.get(start..end).unwrap_or_default();
        s.expect(b':')?;
        let string = s.peek() == Some(b'"');
        let start = s.at;
        s.skip_value()?;
        each(name, Value { start, end: s.at, string })?;
        match s.next_token()? {
            b',' => {}
            b'}' => return s.end(),
            _ => return Err(Error::Json),
        }
    }
}

struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
}

impl Scanner<'_> {
    fn skip_space(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at = self.at.saturating_add(1);
        }
    }

    fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.text.get(self.at).copied()
    }

    fn next_token(&mut self) -> Result<u8, Error> {
        let byte = self.peek().ok_or(Error::Json)?;
        self.at = self.at.saturating_add(1);
        Ok(byte)
    }

    fn expect(&mut self, byte: u8) -> Result<(), Error> {
        if self.next_token()? == byte { Ok(()) } else { Err(Error::Json) }
    }

    fn end(&mut self) -> Result<(), Error> {
        if self.peek().is_none() { Ok(()) } else { Err(Error::Json) }
    }

    /// Reads a string and returns the range between its quotes, with escapes.
    fn string(&mut self) -> Result<(usize, usize), Error> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            let byte = self.text.get(self.at).copied().ok_or(Error::Json)?;
            let end = self.at;
            self.at = self.at.saturating_add(1);
            match byte {
                b'"' => return Ok((start, end)),
                b'\\' => self.at = self.at.saturating_add(1),
                0..=0x1f => return Err(Error::Json),
                _ => {}
            }
        }
    }

    /// Skips a value that is not used. Brackets are counted but not matched, and literals are not checked.
    fn skip_value(&mut self) -> Result<(), Error> {
        let mut depth = 0_usize;
        loop {
            match self.peek().ok_or(Error::Json)? {
                b'"' => self.string().map(drop)?,
                b'{' | b'[' => {
                    self.at = self.at.saturating_add(1);
                    depth = depth.saturating_add(1);
                    if depth > MAX_DEPTH {
                        return Err(Error::Json);
                    }
                }
                b'}' | b']' if depth > 0 => {
                    self.at = self.at.saturating_add(1);
                    depth = depth.saturating_sub(1);
                }
                b',' | b':' if depth > 0 => self.at = self.at.saturating_add(1),
                b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E' => {
                    while matches!(self.text.get(self.at), Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E'))
                    {
                        self.at = self.at.saturating_add(1);
                    }
                }
                _ => return Err(Error::Json),
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

/// Unescapes a string in place (RFC 8259 §7) and returns its new length. The string never becomes longer.
fn unescape(raw: &mut [u8]) -> Result<usize, Error> {
    let (mut from, mut to) = (0_usize, 0_usize);
    while let Some(byte) = raw.get(from).copied() {
        from = from.saturating_add(1);
        if byte != b'\\' {
            put(raw, &mut to, &[byte])?;
            continue;
        }
        let escape = raw.get(from).copied().ok_or(Error::Json)?;
        from = from.saturating_add(1);
        let plain = match escape {
            b'"' | b'\\' | b'/' => escape,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let c = unicode(raw, &mut from)?;
                let mut utf8 = [0; 4];
                put(raw, &mut to, c.encode_utf8(&mut utf8).as_bytes())?;
                continue;
            }
            _ => return Err(Error::Json),
        };
        put(raw, &mut to, &[plain])?;
    }
    Ok(to)
}

fn put(raw: &mut [u8], to: &mut usize, bytes: &[u8]) -> Result<(), Error> {
    let end = to.saturating_add(bytes.len());
    put_at(raw, *to, bytes).map_err(|_| Error::Json)?;
    *to = end;
    Ok(())
}

/// Reads the character of a `\u` escape, or of two escapes that are a surrogate pair.
fn unicode(raw: &[u8], from: &mut usize) -> Result<char, Error> {
    let high = hex4(raw, from)?;
    if let Some(c) = char::from_u32(high) {
        return Ok(c);
    }
    let pair = raw.get(*from..).is_some_and(|r| r.starts_with(b"\\u"));
    *from = from.saturating_add(2);
    let low = if pair { hex4(raw, from)? } else { 0 };
    if !(0xd800..0xdc00).contains(&high) || !(0xdc00..0xe000).contains(&low) {
        return Err(Error::Json);
    }
    char::from_u32(0x1_0000_u32.saturating_add((high & 0x3ff) << 10 | low & 0x3ff)).ok_or(Error::Json)
}

fn hex4(raw: &[u8], from: &mut usize) -> Result<u32, Error> {
    let end = from.saturating_add(4);
    let digits = raw.get(*from..end).ok_or(Error::Json)?;
    *from = end;
    digits.iter().try_fold(0_u32, |n, d| {
        let digit = char::from(*d).to_digit(16).ok_or(Error::Json)?;
        Ok(n << 4 | digit)
    })
}

#[cfg(test)]
mod tests {
    use std::string::String;
    use std::vec::Vec;

    use super::*;

    fn read(text: &str) -> Result<[Option<String>; 2], Error> {
        let mut bytes = Vec::from(text.as_bytes());
        strings(&mut bytes, ["a", "b"]).map(|found| found.map(|f| f.map(String::from)))
    }

    #[test]
    fn strings_are_found_and_unescaped() {
        let found = read(r#" { "x" : [1,{"a":"no"},"]"], "a":"v=0\r\no=\"\u00e9\ud83d\ude00\/" , "b":"" } "#);
        assert_eq!(found, Ok([Some("v=0\r\no=\"é😀/".into()), Some(String::new())]));
        assert_eq!(read("{}"), Ok([None, None]));
        assert_eq!(read(r#"{"a":null,"b":-1.5e3}"#), Ok([None, None]));
        assert_eq!(read(r#"{"a":"1","a":"2"}"#), Ok([Some("2".into()), None]));
    }

    #[test]
    fn what_is_no_json_object_is_an_error() {
        for bad in [
            "",
            "[]",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":\"",
            "{\"a\":\"\\",
            "{\"a\":\"\\\"",
            "{\"a\":1,}",
            "{}x",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\\udc00\\ud800\"}",
            "{\"a\":\"\\u12\"}",
            "{\"a\":\"\n\"}",
            "{\"a\":[1}",
            "{\"a\" \"b\"}",
        ] {
            assert_eq!(read(bad), Err(Error::Json), "{bad}");
        }
    }

    #[test]
    fn a_member_is_replaced_and_the_rest_is_kept() {
        let mut room = [0; 64];
        let mut w = Writer::new(&mut room);
        let old = replace::<8>(br#"{"x":{"id":1}, "id" : "\u0061b" ,"y":"\n"}"#, "id", "c\"", &mut w);
        assert_eq!(old.as_deref(), Ok("ab"));
        assert_eq!(w.written(), br#"{"x":{"id":1}, "id" : "c\"" ,"y":"\n"}"#);
        assert_eq!(replace::<8>(b"{}", "id", "x", &mut w), Err(Error::Json));
        assert_eq!(replace::<1>(br#"{"id":"ab"}"#, "id", "x", &mut w), Err(Error::TooLong { limit: 1 }));
    }

    #[test]
    fn names_are_what_they_mean_and_not_how_they_are_written() {
        assert_eq!(read(r#"{"\u0061":"1","b":"2"}"#), Ok([Some("1".into()), Some("2".into())]));
        assert_eq!(read(r#"{"a":"1","\u0061":7}"#), Ok([None, None]), "the last one counts, and is no string");
        for (text, forwarded) in [
            (r#"{"\u0069d":"b"}"#, r#"{"\u0069d":"sender"}"#),
            (r#"{"i\u0064":"b","x":1}"#, r#"{"i\u0064":"sender","x":1}"#),
            (r#"{"id":"a","id":"b"}"#, r#"{"id":"sender","id":"sender"}"#),
            (r#"{"id":"b","x":{"id":"c"}}"#, r#"{"id":"sender","x":{"id":"c"}}"#),
            (r#"{"id":{"id":"z"},"\u0069\u0064" : "b" }"#, r#"{"id":"sender","\u0069\u0064" : "sender" }"#),
            (r#"{"id":[1,"id"],"id":null,"id":"b"}"#, r#"{"id":"sender","id":"sender","id":"sender"}"#),
        ] {
            let mut room = [0; 96];
            let mut w = Writer::new(&mut room);
            let to = replace::<8>(text.as_bytes(), "id", "sender", &mut w);
            assert_eq!((to.as_deref(), core::str::from_utf8(w.written()).unwrap()), (Ok("b"), forwarded));
        }
        assert_eq!(replace::<8>(br#"{"id":7}"#, "id", "x", &mut Writer::new(&mut [0; 64])), Err(Error::Json));
        let long = std::format!(r#"{{"{}":"1"}}"#, r"\u0061".repeat(40));
        assert_eq!(read(&long), Ok([None, None]));
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = |n: usize| std::format!("{{\"x\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(read(&deep(MAX_DEPTH)).is_ok());
        assert_eq!(read(&deep(MAX_DEPTH + 1)), Err(Error::Json));
    }

    #[test]
    fn written_strings_are_read_back_by_serde_json() {
        let text: String = (0..0x300).filter_map(char::from_u32).chain(['😀']).collect();
        let mut room = [0; 4096];
        let mut w = Writer::new(&mut room);
        write_string(&mut w, &text).unwrap();
        assert_eq!(serde_json::from_slice::<String>(w.written()).unwrap(), text);
    }
}
