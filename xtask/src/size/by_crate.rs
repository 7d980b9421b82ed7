//! Whose code and constants an image is made of.

use std::collections::BTreeMap;
use std::fmt;

use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use rustc_demangle::demangle;

use super::{Class, Sums, class};

/// What has no name, or one that says nothing about a crate.
const NAMELESS: &str = "(constants without a name, padding)";
const FOREIGN: &str = "(assembly, start-up code)";
/// Crates whose generic functions are about somebody else's types.
const GENERIC: &[&str] = &["core", "alloc", "std", "compiler_builtins"];

/// Bytes by crate.
pub struct Table(BTreeMap<String, Sums>);

impl Table {
    pub fn of(elf: &object::File<'_>) -> Self {
        let mut crates = BTreeMap::<String, Sums>::new();
        let mut named = BTreeMap::<usize, u64>::new();
        // Several names for one place are counted once, under the first that a crate can be told of.
        let mut places = BTreeMap::<(usize, u64), (u64, String)>::new();
        for symbol in elf.symbols() {
            let (Some(section), Ok(name)) = (symbol.section_index(), symbol.name()) else { continue };
            if symbol.size() == 0 || !matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data) {
                continue;
            }
            let owner = owner(name);
            let place = places.entry((section.0, symbol.address())).or_insert((0, owner.clone()));
            place.0 = place.0.max(symbol.size());
            if place.1 == FOREIGN {
                place.1 = owner;
            }
        }
        for section in elf.sections() {
            let Some(class) = class(&section) else { continue };
            let index = section.index().0;
            for (_, (bytes, owner)) in places.range((index, 0)..(index + 1, 0)) {
                crates.entry(owner.clone()).or_default().add(class, *bytes);
                *named.entry(index).or_default() += bytes;
            }
            let rest = section.size().saturating_sub(named.get(&index).copied().unwrap_or(0));
            let whose = if class == Class::Text { FOREIGN } else { NAMELESS };
            crates.entry(whose.into()).or_default().add(class, rest);
        }
        Self(crates)
    }

    /// Whether anything is of this crate.
    pub fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|sums| *sums != Sums::default())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows: Vec<_> = self.0.iter().filter(|(_, sums)| **sums != Sums::default()).collect();
        rows.sort_by_key(|(name, sums)| (core::cmp::Reverse(sums.flash()), core::cmp::Reverse(sums.bss), *name));
        writeln!(f, "| crate | text | constants | data | zeroed data |\n|---|---|---|---|---|")?;
        for (name, Sums { text, rodata, data, bss }) in rows {
            writeln!(f, "| {name} | {text} | {rodata} | {data} | {bss} |")?;
        }
        Ok(())
    }
}

/// The crate that a symbol belongs to.
fn owner(symbol: &str) -> String {
    if symbol.starts_with(".L") {
        return NAMELESS.into();
    }
    let name = format!("{:#}", demangle(symbol));
    let mut found = crates(&name);
    let Some(first) = found.next() else { return FOREIGN.into() };
    if GENERIC.contains(&first) {
        return found.find(|other| !GENERIC.contains(other)).unwrap_or(first).into();
    }
    first.into()
}

/// First parts of the paths in a name, in order.
fn crates(name: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.match_indices("::").filter_map(move |(end, _)| {
        let before = &name[..end];
        let start = before.rfind(|c: char| !is_word(c)).map_or(0, |at| at + 1);
        let word = &before[start..];
        let inside = before[..start].ends_with("::");
        (!inside && word.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')).then_some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_told_from_names() {
        for (symbol, whose) in [
            ("_ZN12barertc_dtls6record4seal17h0123456789abcdefE", "barertc_dtls"),
            ("_ZN57_$LT$barertc_ice..Agent$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE", "barertc_ice"),
            ("_ZN4core3ptr40drop_in_place$LT$barertc_sctp..Chunk$GT$17h0123456789abcdefE", "barertc_sctp"),
            ("_ZN4core3fmt5write17h0123456789abcdefE", "core"),
            ("_RNvNtCs1234_7mycrate3foo3bar", "mycrate"),
            ("memcpy", FOREIGN),
            (".Lanon.63315701e0f5bf587153e35082032513.327", NAMELESS),
        ] {
            assert_eq!(owner(symbol), whose, "{symbol}");
        }
    }
}
