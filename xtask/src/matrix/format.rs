//! What a firmware logs can be logged by `defmt`: public errors, events, statistics and configurations have a `Format`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use syn::{Attribute, Item, Meta, Visibility};

use crate::run::{root, show_path};

/// How the names of such types end.
const ENDS: [&str; 6] = ["Error", "ErrorKind", "Event", "Stats", "Statistics", "Config"];

pub(super) fn check() -> Result<()> {
    let mut seen = 0;
    let mut missing = Vec::new();
    for entry in fs::read_dir(root().join("crates"))? {
        let folder = entry?.path();
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        if !manifest.contains("\ndefmt = [") {
            continue;
        }
        let mut files = Vec::new();
        rust_files(&folder.join("src"), &mut files)?;
        let mut types = Types::default();
        for file in files {
            let text = fs::read_to_string(&file)?;
            let parsed = syn::parse_file(&text).with_context(|| show_path(&file))?;
            types.read(&parsed.items);
        }
        seen += types.wanted.len();
        let crate_name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        missing.extend(types.wanted.difference(&types.formatted).map(|name| format!("{crate_name}: {name}")));
    }
    if !missing.is_empty() {
        bail!("public types without `defmt::Format` under the feature `defmt`:\n  {}", missing.join("\n  "));
    }
    println!("  {seen} public errors, events, statistics and configurations have a `defmt::Format`");
    Ok(())
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, into)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
    Ok(())
}

/// The types of a crate.
#[derive(Default)]
struct Types {
    wanted: BTreeSet<String>,
    formatted: BTreeSet<String>,
}

impl Types {
    fn read(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Struct(item) => self.add(&item.vis, &item.attrs, item.ident.to_string()),
                Item::Enum(item) => self.add(&item.vis, &item.attrs, item.ident.to_string()),
                Item::Impl(item) => {
                    let Some((_, of, _)) = &item.trait_ else { continue };
                    if of.segments.last().is_some_and(|last| last.ident == "Format")
                        && let syn::Type::Path(path) = &*item.self_ty
                        && let Some(last) = path.path.segments.last()
                    {
                        self.formatted.insert(last.ident.to_string());
                    }
                }
                _ => {}
            }
        }
    }

    fn add(&mut self, vis: &Visibility, attrs: &[Attribute], name: String) {
        let derives = attrs.iter().any(|attr| {
            let Meta::List(list) = &attr.meta else { return false };
            let words = list.tokens.to_string().replace(' ', "");
            words.contains("derive(") && words.contains("defmt::Format")
        });
        if derives {
            self.formatted.insert(name.clone());
        }
        if matches!(vis, Visibility::Public(_)) && ENDS.iter().any(|end| name.ends_with(end)) {
            self.wanted.insert(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Types;

    #[test]
    fn a_type_needs_a_derive_or_an_impl() {
        let text = "
            #[cfg_attr(feature = \"defmt\", derive(defmt::Format))]
            pub struct FirstStats;
            pub enum Error {}
            impl defmt::Format for Error { fn format(&self, _: defmt::Formatter<'_>) {} }
            #[derive(Debug)]
            pub struct LastConfig;
            pub(crate) struct InnerConfig;
            pub struct Other;";
        let mut types = Types::default();
        types.read(&syn::parse_file(text).unwrap().items);
        let missing: Vec<_> = types.wanted.difference(&types.formatted).map(String::as_str).collect();
        assert_eq!(missing, ["LastConfig"]);
    }
}
