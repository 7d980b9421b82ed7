//! Every public type of a crate with the feature `defmt` implements `defmt::Format`. Rustc's `missing_debug_implementations`
//! says the same of `Debug`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use syn::visit::{self, Visit};
use syn::{Attribute, Ident, Item, ItemImpl, ItemUse, Type, UseTree, Visibility};

use super::modules::{Modules, is_for_tests, is_hidden};

/// Macros that implement `Format` for the types that they name: `wire`'s, and those of a crate of its own.
const MACROS: [&str; 6] = ["hidden", "iterators", "named", "opaque", "opaque_format", "reasons"];

/// The public types in `src` without `Format`, with the file of each.
pub fn missing(src: &Path) -> Result<Vec<(usize, String)>> {
    let modules = Modules::read(src)?;
    let mut types = Types::default();
    for (file, is_open) in modules.open() {
        let text = fs::read_to_string(modules.file(file))?;
        let parsed = syn::parse_file(&text).with_context(|| modules.file(file).display().to_string())?;
        types.file = file;
        types.is_open = is_open;
        types.visit_file(&parsed);
    }
    Ok(types.missing())
}

/// What the files of a crate say of its types.
#[derive(Default)]
struct Types {
    file: usize,
    /// Other crates can name what is `pub` in this place.
    is_open: bool,
    /// Public types by name: the file, and whether their module is open.
    declared: BTreeMap<String, (usize, bool)>,
    /// Names that an open module gives to other crates.
    exported: BTreeSet<String>,
    /// Other names of types, each behind its own.
    renamed: BTreeSet<(String, String)>,
    formatted: BTreeSet<String>,
}

impl Types {
    fn missing(self) -> Vec<(usize, String)> {
        let is_public = |name: &String, is_open: bool| is_open || self.exported.contains(name);
        let is_formatted = |name: &String| self.formatted.contains(name);
        let is_other = |name: &String| self.renamed.iter().any(|(own, other)| own == name && is_formatted(other));
        let bare = |name: &String| !is_formatted(name) && !is_other(name);
        let declared = self.declared.iter().filter(|(name, (_, is_open))| is_public(name, *is_open) && bare(name));
        declared.map(|(name, (file, _))| (*file, name.clone())).collect()
    }

    fn declare(&mut self, name: &Ident, visibility: &Visibility, attributes: &[Attribute]) {
        if !matches!(visibility, Visibility::Public(_)) || is_for_tests(attributes) || is_hidden(attributes) {
            return;
        }
        let name = name.to_string();
        if attributes.iter().any(|attribute| text(attribute).contains("defmt :: Format")) {
            self.formatted.insert(name.clone());
        }
        self.declared.insert(name, (self.file, self.is_open));
    }

    fn export(&mut self, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => self.export(&path.tree),
            UseTree::Name(name) => drop(self.exported.insert(name.ident.to_string())),
            UseTree::Rename(rename) => {
                self.exported.insert(rename.ident.to_string());
                self.renamed.insert((rename.ident.to_string(), rename.rename.to_string()));
            }
            UseTree::Glob(_) => {}
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.export(tree)),
        }
    }
}

impl<'ast> Visit<'ast> for Types {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            Item::Struct(item) => self.declare(&item.ident, &item.vis, &item.attrs),
            Item::Enum(item) => self.declare(&item.ident, &item.vis, &item.attrs),
            Item::Macro(item) => {
                let name = item.mac.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
                if MACROS.contains(&name.as_str()) {
                    let words = item.mac.tokens.to_string();
                    let words = words.split(|c: char| !c.is_alphanumeric() && c != '_');
                    self.formatted.extend(words.map(str::to_owned));
                }
            }
            Item::Mod(module) if !is_for_tests(&module.attrs) && module.content.is_some() => {
                let outside = self.is_open;
                self.is_open &= matches!(module.vis, Visibility::Public(_)) && !is_hidden(&module.attrs);
                visit::visit_item_mod(self, module);
                self.is_open = outside;
            }
            Item::Use(item) => self.visit_item_use(item),
            Item::Impl(item) => self.visit_item_impl(item),
            _ => {}
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if self.is_open && matches!(item.vis, Visibility::Public(_)) && !is_hidden(&item.attrs) {
            self.export(&item.tree);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let is_format = |path: &syn::Path| path.segments.last().is_some_and(|last| last.ident == "Format");
        if item.trait_.as_ref().is_some_and(|(_, path, _)| is_format(path))
            && let Type::Path(of) = &*item.self_ty
            && let Some(last) = of.path.segments.last()
        {
            self.formatted.insert(last.ident.to_string());
        }
    }
}

fn text(attribute: &Attribute) -> String {
    attribute.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::missing;

    #[test]
    fn what_others_can_name_has_to_have_it() {
        let dir = tempfile::tempdir().unwrap();
        let lib = "mod a; pub mod b; pub use a::{Out, Named as Name};
            #[cfg_attr(feature = \"defmt\", derive(defmt::Format))] pub struct Derived;
            pub struct Written; impl defmt::Format for Written {}
            pub struct Listed; barertc_wire::opaque! { [] Listed; }
            #[doc(hidden)] pub mod hidden { pub struct H; } #[doc(hidden)] pub use a::In;
            struct Private; pub(crate) struct Inside; #[cfg(test)] pub struct Tested;";
        for (name, text) in
            [("lib.rs", lib), ("a.rs", "pub struct Out; pub struct In; pub struct Named;"), ("b.rs", "pub enum B {}")]
        {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let found: Vec<_> = missing(dir.path()).unwrap().into_iter().map(|(_, name)| name).collect();
        assert_eq!(found, ["B", "Named", "Out"], "`Named` is public as `Name`");
    }
}
