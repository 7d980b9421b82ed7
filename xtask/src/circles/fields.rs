//! A struct with more fields than a reader keeps in mind says why it has them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use syn::visit::{self, Visit};
use syn::{ItemMod, ItemStruct};

use super::modules::is_for_tests;

/// The most fields of a struct without a reason.
pub const MOST: usize = 15;
/// What a comment beside the struct begins its reason with.
const REASON: &str = "More than fifteen fields";
/// The state machines that hold a connection's state: no reason is good enough.
const ALWAYS: [&str; 3] = ["PeerConnection", "Association", "Agent"];

/// A struct that has too many fields.
#[derive(Debug, PartialEq, Eq)]
pub struct Large {
    pub name: String,
    pub fields: usize,
    /// It says why, and may.
    pub is_reasoned: bool,
}

/// The structs of a file that have too many fields.
pub fn large(path: &Path) -> Result<Vec<Large>> {
    find(&fs::read_to_string(path)?).with_context(|| format!("{} is no Rust", path.display()))
}

fn find(text: &str) -> Result<Vec<Large>> {
    let mut structs = Structs { lines: text.lines().collect(), found: Vec::new() };
    structs.visit_file(&syn::parse_file(text)?);
    Ok(structs.found)
}

struct Structs<'t> {
    lines: Vec<&'t str>,
    found: Vec<Large>,
}

impl<'ast> Visit<'ast> for Structs<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        let (name, fields) = (item.ident.to_string(), item.fields.len());
        if fields > MOST && !is_for_tests(&item.attrs) {
            let is_reasoned = self.is_reasoned(&name) && !ALWAYS.contains(&name.as_str());
            self.found.push(Large { name, fields, is_reasoned });
        }
        visit::visit_item_struct(self, item);
    }
}

impl Structs<'_> {
    /// Whether the comment on the lines above a struct has a reason.
    fn is_reasoned(&self, name: &str) -> bool {
        let declares = |line: &str| {
            let rest = line.split_once("struct ").and_then(|(_, rest)| rest.strip_prefix(name));
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        };
        let at = self.lines.iter().position(|line| !line.trim_start().starts_with('/') && declares(line));
        let above = self.lines.iter().take(at.unwrap_or(0)).rev();
        above.take_while(|line| line.trim_start().starts_with(['/', '#'])).any(|line| line.contains(REASON))
    }
}

#[cfg(test)]
mod tests {
    use super::find;

    fn of(head: &str, name: &str, fields: usize) -> Vec<(usize, bool)> {
        let fields: String = (0..fields).map(|n| format!("    pub f{n}: u8,\n    // x: y\n")).collect();
        let found = find(&format!("{head}struct {name}<'a, T>\nwhere\n    T: Copy,\n{{\n{fields}}}\n")).unwrap();
        found.into_iter().map(|large| (large.fields, large.is_reasoned)).collect()
    }

    #[test]
    fn many_fields_need_a_reason() {
        assert_eq!(of("/// It.\n#[derive(Debug)]\npub ", "S", 16), [(16, false)]);
        assert_eq!(of("", "S", 15), []);
        assert_eq!(of("/// More than fifteen fields: so.\n#[derive(Debug)]\n", "S", 16), [(16, true)]);
        assert_eq!(of("// More than fifteen fields: so.\n#[derive(Debug)]\n", "S", 16), [(16, true)]);
        assert_eq!(of("// More than fifteen fields: so.\n\n", "S", 16), [(16, false)]);
        let tuple = find(&format!("struct S({});", "u8, ".repeat(17))).unwrap();
        assert_eq!((tuple[0].fields, tuple[0].is_reasoned), (17, false));
    }

    #[test]
    fn a_state_machine_has_no_reason_for_many_fields() {
        assert_eq!(of("/// More than fifteen fields: so.\n", "Agent", 16), [(16, false)]);
    }

    #[test]
    fn structs_of_tests_do_not_count() {
        let fields: String = (0..16).map(|n| format!("f{n}: u8, ")).collect();
        assert_eq!(find(&format!("#[cfg(test)] mod tests {{ struct S {{ {fields} }} }}")).unwrap(), []);
    }
}
