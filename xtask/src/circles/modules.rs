//! The modules of a crate, the file that each is in, and which file a path leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility};

/// A module's place: the names from the crate's root.
type Place = Vec<String>;

/// The modules of a crate.
#[derive(Default)]
pub struct Modules {
    /// The files, `lib.rs` or `main.rs` first.
    files: Vec<PathBuf>,
    /// Which file a module is in. Modules inside a file are in that file.
    places: BTreeMap<Place, usize>,
    /// What a file uses: paths from the crate's root.
    uses: Vec<(usize, Place)>,
    /// Which files other crates can name modules of.
    open: Vec<bool>,
}

impl Modules {
    /// Reads the crate whose sources are in `src`. What is only compiled for tests is left out.
    pub fn read(src: &Path) -> Result<Self> {
        let mut modules = Self::default();
        for root in ["lib.rs", "main.rs"] {
            if src.join(root).is_file() {
                modules.read_file(&src.join(root), src, &Place::new(), true)?;
                break;
            }
        }
        Ok(modules)
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// The path of a file.
    pub fn file(&self, index: usize) -> &Path {
        &self.files[index]
    }

    /// The files, with whether other crates can name the module.
    pub fn open(&self) -> impl Iterator<Item = (usize, bool)> + '_ {
        self.open.iter().copied().enumerate()
    }

    /// For each file, the other files that it uses.
    pub fn edges(&self) -> Vec<Vec<usize>> {
        let mut edges = vec![BTreeSet::new(); self.files.len()];
        for (from, path) in &self.uses {
            // The longest part of the path that is a module: what is behind it is an item of that module.
            let to = (0..=path.len()).rev().find_map(|len| self.places.get(&path[..len]));
            if let Some(to) = to.filter(|to| *to != from) {
                edges[*from].insert(*to);
            }
        }
        edges.into_iter().map(|targets| targets.into_iter().collect()).collect()
    }

    /// `inside` is the folder in which the modules that the file declares are looked for.
    fn read_file(&mut self, path: &Path, inside: &Path, place: &Place, is_open: bool) -> Result<()> {
        let text = fs::read_to_string(path).with_context(|| format!("{} is not there", path.display()))?;
        let parsed = syn::parse_file(&text).with_context(|| format!("{} is no Rust", path.display()))?;
        let file = self.files.len();
        self.files.push(path.to_path_buf());
        self.open.push(is_open);
        self.read_items(&parsed.items, file, inside, place)
    }

    fn read_items(&mut self, items: &[Item], file: usize, inside: &Path, place: &Place) -> Result<()> {
        self.places.insert(place.clone(), file);
        for item in items.iter().filter(|item| !is_for_tests(attributes(item))) {
            if let Item::Mod(module) = item {
                let place = [place.as_slice(), &[module.ident.to_string()]].concat();
                self.read_module(module, file, inside, &place)?;
            } else {
                let mut paths = Paths { place, found: Vec::new() };
                paths.visit_item(item);
                self.uses.extend(paths.found.into_iter().map(|path| (file, path)));
            }
        }
        Ok(())
    }

    fn read_module(&mut self, module: &ItemMod, file: usize, inside: &Path, place: &Place) -> Result<()> {
        let name = module.ident.to_string();
        // A file of another crate, which is looked at there.
        if module.attrs.iter().any(|attribute| attribute.path().is_ident("path")) {
            return Ok(());
        }
        if let Some((_, items)) = &module.content {
            return self.read_items(items, file, &inside.join(name), place);
        }
        let folder = inside.join(&name);
        let (flat, deep) = (inside.join(format!("{name}.rs")), folder.join("mod.rs"));
        let is_open = self.open[file] && matches!(module.vis, Visibility::Public(_)) && !is_hidden(&module.attrs);
        self.read_file(if flat.is_file() { &flat } else { &deep }, &folder, place, is_open)
    }
}

/// Collects the paths of an item that stay in the crate.
struct Paths<'p> {
    place: &'p Place,
    found: Vec<Place>,
}

impl Paths<'_> {
    /// Notes a path, made absolute; one that leaves the crate is passed over.
    fn note(&mut self, words: &[String]) {
        let (mut path, mut rest) = match words.first().map(String::as_str) {
            Some("crate") => (Place::new(), &words[1..]),
            Some("self") if words.len() > 1 => (self.place.clone(), &words[1..]),
            Some("super") => (self.place.clone(), words),
            _ => return,
        };
        while let Some((first, others)) = rest.split_first().filter(|(first, _)| *first == "super") {
            debug_assert_eq!(first, "super");
            path.pop();
            rest = others;
        }
        path.extend_from_slice(rest);
        self.found.push(path);
    }

    fn note_tree(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.note_tree(&path.tree, &with(path.ident.to_string())),
            UseTree::Name(name) if name.ident == "self" => self.note(before),
            UseTree::Name(name) => self.note(&with(name.ident.to_string())),
            UseTree::Rename(rename) => self.note(&with(rename.ident.to_string())),
            UseTree::Glob(_) => self.note(before),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.note_tree(tree, before)),
        }
    }
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        // A module of this file may be named without `self`.
        self.note_tree(&item.tree, &[]);
        self.note_tree(&item.tree, &["self".to_owned()]);
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {
        // `pub(super)` names who may look, not what is used.
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.note(&path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>());
        visit::visit_path(self, path);
    }
}

pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether the documentation leaves the item out.
pub fn is_hidden(attributes: &[Attribute]) -> bool {
    let is_hidden =
        |attribute: &Attribute| attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "hidden");
    attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).any(is_hidden)
}

/// Whether the item is only there with `cfg(test)` or something like it.
pub fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let tokens = attribute.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default();
        tokens == "test" || tokens.contains("all (test") || tokens.contains("all(test")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules(files: &[(&str, &str)]) -> (tempfile::TempDir, Modules) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            fs::write(dir.path().join(name), text).unwrap();
        }
        let modules = Modules::read(dir.path()).unwrap();
        (dir, modules)
    }

    #[test]
    fn paths_lead_to_files() {
        let (_dir, modules) = modules(&[
            ("lib.rs", "mod a; mod b; pub use a::A;"),
            ("a.rs", "use crate::b::{deep::B, self}; pub struct A;"),
            ("b/mod.rs", "pub mod deep; #[cfg(test)] mod tests { use crate::a::A; }"),
            ("b/deep.rs", "pub struct B; fn f() { super::super::a::g() }"),
        ]);
        // lib, a, b, b::deep
        assert_eq!(modules.edges(), [vec![1], vec![2, 3], vec![], vec![1]]);
    }

    #[test]
    fn a_name_of_the_root_leads_to_the_root() {
        let (_dir, modules) =
            modules(&[("lib.rs", "mod a; pub use a::A;"), ("a.rs", "use crate::Error; pub struct A;")]);
        assert_eq!(modules.edges(), [vec![1], vec![0]]);
    }
}
