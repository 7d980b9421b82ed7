//! The text of an error has every field of its variant: limit, value and whatever else is known.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use syn::{Fields, Item, Type};

/// How many fields a file's enums have, and the variants whose text leaves one out: `Enum::Variant: field`.
pub fn silent(path: &Path) -> Result<(usize, Vec<String>)> {
    find(&fs::read_to_string(path)?).with_context(|| format!("{} is no Rust", path.display()))
}

fn find(text: &str) -> Result<(usize, Vec<String>)> {
    let (mut fields_of_all, mut silent) = (0, Vec::new());
    for item in &syn::parse_file(text)?.items {
        let Item::Enum(of) = item else { continue };
        let Some(shown) = display(text, &of.ident.to_string()) else { continue };
        for variant in &of.variants {
            let Fields::Named(fields) = &variant.fields else { continue };
            let arms = arms(shown, &variant.ident.to_string());
            for field in fields.named.iter().filter_map(|field| field.ident.as_ref()) {
                fields_of_all += 1;
                if !arms.iter().any(|arm| has_word(arm, &field.to_string())) {
                    silent.push(format!("{}::{}: {field}", of.ident, variant.ident));
                }
            }
        }
    }
    Ok((fields_of_all, silent))
}

/// The source of an enum's `Display`.
fn display<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let file = syn::parse_file(text).ok()?;
    let is_it = |item: &Item| {
        let Item::Impl(item) = item else { return false };
        let of = matches!(&*item.self_ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name));
        let of_trait = item.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
        of && of_trait.is_some_and(|last| last.ident == "Display")
    };
    file.items.iter().find(|item| is_it(item))?;
    let head = |line: &str| line.starts_with("impl") && line.contains("Display for") && has_word(line, name);
    let start = text.lines().position(head)?;
    let from = text.split_inclusive('\n').take(start).map(str::len).sum();
    let rest = text.get(from..)?;
    rest.get(..rest.find("\n}")?)
}

/// What stands behind the arrows of a variant, up to the next variant.
fn arms<'t>(shown: &'t str, variant: &str) -> Vec<&'t str> {
    let parts = shown.split("Self::").skip(1).filter(|part| {
        part.strip_prefix(variant).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    });
    // The only variant of an enum needs no `match`.
    parts.map(|part| part.split_once("=>").map_or(part, |(_, arm)| arm)).collect()
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_field_that_the_text_leaves_out_is_named() {
        let of = |arm: &str| {
            find(&format!(
                "pub enum Error {{ Long {{ limit: usize, value: usize }}, Longer }}\n\
                 impl fmt::Display for Error {{\n    fn fmt(&self) {{\n        match self {{\n            {arm}\n            \
                 Self::Longer => \"limit\",\n        }}\n    }}\n}}\n"
            ))
            .unwrap()
            .1
        };
        assert!(of("Self::Long { limit, value } => write!(f, \"{value} bytes: the limit is {limit}\"),").is_empty());
        assert_eq!(of("Self::Long { limit, .. } => write!(f, \"more than {limit}\"),"), ["Error::Long: value"]);
        assert_eq!(of("Self::Long { .. } => \"too long\","), ["Error::Long: limit", "Error::Long: value"]);
    }
}
