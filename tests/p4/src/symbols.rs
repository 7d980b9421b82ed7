//! Names for addresses, from the program as it is linked.

use anyhow::{Context as _, Result};
use object::{Object as _, ObjectSymbol as _, SymbolKind};

/// Functions and constants by address.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    /// Address, bytes, name as one reads it.
    by_address: Vec<(u32, u32, String)>,
}

impl Symbols {
    /// Reads the table of an ELF program.
    pub fn of(program: &[u8]) -> Result<Self> {
        let file = object::File::parse(program).context("no ELF program")?;
        let named = file.symbols().filter(|symbol| {
            matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data | SymbolKind::Unknown | SymbolKind::Label)
        });
        let mut by_address: Vec<(u32, u32, String)> = named
            .filter_map(|symbol| {
                let name = symbol.name().ok().filter(|name| !name.is_empty() && !name.starts_with('.'))?;
                Some((symbol.address() as u32, symbol.size() as u32, format!("{:#}", rustc_demangle::demangle(name))))
            })
            .collect();
        by_address.sort();
        Ok(Self { by_address })
    }

    /// What is at an address, and how far into it.
    pub fn at(&self, address: u32) -> Option<(&str, u32)> {
        if let Some(name) = crate::rom::name(address) {
            return Some((name, 0));
        }
        let n = self.by_address.partition_point(|(start, ..)| *start <= address).checked_sub(1)?;
        let (start, len, name) = &self.by_address[n];
        (address - start < (*len).max(0x400)).then_some((name, address - start))
    }

    /// Where a symbol is, by its name or the end of it, and its bytes.
    pub fn find(&self, name: &str) -> Option<(u32, u32)> {
        let mut found = self.by_address.iter().filter(|(.., of)| of == name || of.ends_with(&format!("::{name}")));
        found.next().map(|(start, len, _)| (*start, *len))
    }

    /// An address with its name.
    pub fn describe(&self, address: u32) -> String {
        match self.at(address) {
            Some((name, offset)) => format!("{address:#010x} {name}+{offset:#x}"),
            None => format!("{address:#010x}"),
        }
    }

    /// The crate that an address's code is of.
    pub fn part(&self, address: u32) -> &str {
        if crate::rom::is_rom(address) {
            return "ROM";
        }
        let Some((name, _)) = self.at(address) else { return "?" };
        let name = name.trim_start_matches(['<', '&', '*']);
        let name = name.strip_prefix("mut ").unwrap_or(name);
        let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
        if name[end..].starts_with("::") { &name[..end] } else { "(no crate)" }
    }
}
