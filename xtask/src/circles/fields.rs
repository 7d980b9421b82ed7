//! A struct with more fields than a reader keeps in mind says why it has them.

use std::fs;
use std::path::Path;

use anyhow::Result;

/// The most fields of a struct without a reason.
const MOST: usize = 15;
/// What a comment beside the struct begins its reason with.
const REASON: &str = "More than fifteen fields";

/// The structs of a file that have too many fields and no reason: name and number of fields. Structs whose fields are
/// all public are lists of values, such as configurations and statistics, and need none.
pub fn without_reason(path: &Path) -> Result<Vec<(String, usize)>> {
    Ok(find(&fs::read_to_string(path)?))
}

fn find(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let end = format!("{}}}", " ".repeat(indent));
        let body = lines[at + 1..].iter().take_while(|line| **line != end);
        let fields: Vec<_> = body.filter(|line| is_field(line, indent + 4)).collect();
        let values = fields.iter().all(|line| line.trim_start().starts_with("pub "));
        let comment = lines[..at].iter().rev().take_while(|line| line.trim_start().starts_with(['/', '#']));
        if fields.len() > MOST && !values && !comment.clone().any(|line| line.contains(REASON)) {
            found.push((name.to_owned(), fields.len()));
        }
    }
    found
}

/// The name of a struct with named fields whose declaration fits into one line.
fn name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if !line.ends_with('{') || line.starts_with('/') {
        return None;
    }
    let (before, rest) = line.split_once("struct ")?;
    let words = before.split_whitespace().all(|word| word.starts_with("pub"));
    words.then(|| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default())
}

fn is_field(line: &str, indent: usize) -> bool {
    let rest = line.trim_start();
    if line.len() - rest.len() != indent || rest.starts_with(['/', '#']) {
        return false;
    }
    let name = rest.split_once(") ").filter(|_| rest.starts_with("pub(")).map_or(rest, |(_, rest)| rest);
    let name = name.strip_prefix("pub ").unwrap_or(name);
    name.split_once(':').is_some_and(|(name, _)| name.chars().all(|c| c.is_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::find;

    fn of(head: &str, visibility: &str, fields: usize) -> String {
        let fields: String = (0..fields).map(|n| format!("    {visibility}f{n}: u8,\n    // x: y\n")).collect();
        format!("{head}struct S<'a> {{\n{fields}}}\n")
    }

    #[test]
    fn many_fields_need_a_reason() {
        assert_eq!(find(&of("/// It.\n#[derive(Debug)]\npub ", "", 16)), [("S".to_owned(), 16)]);
        assert_eq!(find(&of("", "pub(crate) ", 16)), [("S".to_owned(), 16)]);
        assert_eq!(find(&of("", "", 15)), []);
        assert_eq!(find(&of("/// More than fifteen fields: so.\n#[derive(Debug)]\n", "", 16)), []);
        assert_eq!(find(&of("pub ", "pub ", 30)), []);
    }
}
