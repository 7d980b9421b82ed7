//! What the program says: sentences for people, or one JSON object a line for programs.

use std::fmt::{self, Write as _};

use crate::options::Options;

/// How things are said.
#[derive(Clone, Copy, Debug)]
pub struct Say {
    json: bool,
}

impl Say {
    /// As the options want it.
    pub fn new(options: &Options) -> Self {
        Self { json: options.json }
    }

    /// The page can be opened.
    pub fn ready(self, url: &str) {
        if self.json {
            println!("{}", object(&[("event", "ready"), ("url", url)]));
        } else {
            println!("Open {url} in a browser.");
        }
    }

    /// Something has happened.
    pub fn log(self, line: fmt::Arguments<'_>) {
        if self.json {
            println!("{}", object(&[("event", "log"), ("text", &line.to_string())]));
        } else {
            eprintln!("{line}");
        }
    }
}

/// A JSON object of strings (RFC 8259).
fn object(members: &[(&str, &str)]) -> String {
    let quoted = |text: &str| {
        let mut out = String::from('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                c if u32::from(c) < 0x20 => write!(out, "\\u{:04x}", u32::from(c)).unwrap_or_default(),
                c => out.push(c),
            }
        }
        out + "\""
    };
    let members: Vec<String> = members.iter().map(|(name, value)| quoted(name) + ":" + &quoted(value)).collect();
    format!("{{{}}}", members.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_json_whatever_is_in_it() {
        assert_eq!(object(&[("a", "b\"\\\n\u{1}é"), ("c", "")]), r#"{"a":"b\"\\\u000a\u0001é","c":""}"#);
    }
}
