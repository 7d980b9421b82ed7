//! The functions and types of a crate, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use syn::{
    Block, Fields, FnArg, GenericArgument, ImplItem, Item, Pat, PathArguments, ReturnType, Signature, TraitItem, Type,
    TypeParamBound, UseTree,
};

use super::super::modules;

/// What is known of a value's type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A type of the crate; what holds it (`Option`, `Box`, a list) is left out.
    Own(String),
    /// A type of another crate.
    Foreign,
    /// It could not be found out.
    #[default]
    Unknown,
}

/// A function of the crate.
pub struct Function {
    /// The type that it belongs to; empty for a free function.
    pub owner: String,
    pub name: String,
    pub file: usize,
    pub inputs: Vec<(Pat, Kind)>,
    /// What each input is called with, where it is a closure.
    pub closures: Vec<Vec<Kind>>,
    pub output: Kind,
    pub block: Block,
}

impl Function {
    /// The name with that of its owner.
    pub fn shown(&self) -> String {
        let Self { owner, name, .. } = self;
        if owner.is_empty() { name.clone() } else { format!("{owner}::{name}") }
    }
}

/// The functions and types of a crate.
#[derive(Default)]
pub struct Index {
    pub files: Vec<PathBuf>,
    pub functions: Vec<Function>,
    /// The types of fields of structs, and of what variants of enums hold, which are called `Enum::Variant`.
    pub fields: BTreeMap<String, BTreeMap<String, Kind>>,
    /// The macros that the crate declares.
    pub macros: BTreeSet<String>,
    /// Fields that are `Option`s.
    pub options: BTreeSet<String>,
    /// Types of the crate.
    own: BTreeSet<String>,
    /// Names that a file has from other crates.
    foreign: BTreeSet<(usize, String)>,
}

impl Index {
    /// Reads the crate whose sources are in `src`.
    pub fn read(src: &Path) -> Result<Self> {
        let modules = modules::Modules::read(src)?;
        let mut index =
            Self { files: (0..modules.len()).map(|n| modules.file(n).to_path_buf()).collect(), ..Self::default() };
        let mut parsed = Vec::new();
        for (file, path) in index.files.iter().enumerate() {
            let text = fs::read_to_string(path)?;
            let items = syn::parse_file(&text).with_context(|| format!("{} is no Rust", path.display()))?.items;
            parsed.push((file, items));
        }
        parsed.iter().for_each(|(file, items)| index.names(*file, items));
        parsed.iter().for_each(|(file, items)| index.items(*file, items));
        Ok(index)
    }

    /// The function of this name and owner.
    pub fn function(&self, owner: &str, name: &str) -> Option<usize> {
        self.functions.iter().position(|function| function.owner == owner && function.name == name)
    }

    /// Whether some type of the crate has a function of this name.
    pub fn is_method(&self, name: &str) -> bool {
        self.functions.iter().any(|function| !function.owner.is_empty() && function.name == name)
    }

    /// What a name means in a file.
    pub fn named(&self, file: usize, name: &str) -> Kind {
        match self.own.contains(name) && !self.foreign.contains(&(file, name.to_owned())) {
            true => Kind::Own(name.to_owned()),
            false => Kind::Foreign,
        }
    }

    /// What a type as written in a file means. `owner` is what `Self` stands for.
    pub fn kind(&self, file: usize, owner: &str, written: &Type) -> Kind {
        match written {
            Type::Reference(inner) => self.kind(file, owner, &inner.elem),
            Type::Paren(inner) => self.kind(file, owner, &inner.elem),
            Type::Slice(inner) => self.kind(file, owner, &inner.elem),
            Type::Array(inner) => self.kind(file, owner, &inner.elem),
            Type::Tuple(inner) => self.first(file, owner, inner.elems.iter()),
            Type::Path(path) => {
                if path.path.segments.len() > 1
                    && path.path.segments.first().is_some_and(|first| is_outside(&first.ident.to_string()))
                {
                    return Kind::Foreign;
                }
                let Some(last) = path.path.segments.last() else { return Kind::Unknown };
                if last.ident == "Self" {
                    return Kind::Own(owner.to_owned());
                }
                let named = self.named(file, &last.ident.to_string());
                match (&named, &last.arguments) {
                    (Kind::Foreign, PathArguments::AngleBracketed(arguments)) => {
                        let types = arguments.args.iter().filter_map(|argument| match argument {
                            GenericArgument::Type(inner) => Some(inner),
                            _ => None,
                        });
                        self.first(file, owner, types)
                    }
                    _ => named,
                }
            }
            _ => Kind::Foreign,
        }
    }

    fn first<'t>(&self, file: usize, owner: &str, types: impl Iterator<Item = &'t Type>) -> Kind {
        let mut kinds = types.map(|inner| self.kind(file, owner, inner));
        kinds.find(|kind| matches!(kind, Kind::Own(_))).unwrap_or(Kind::Foreign)
    }

    fn names(&mut self, file: usize, items: &[Item]) {
        for item in items.iter().filter(|item| !modules::is_for_tests(modules::attributes(item))) {
            match item {
                Item::Struct(item) => drop(self.own.insert(item.ident.to_string())),
                Item::Enum(item) => drop(self.own.insert(item.ident.to_string())),
                Item::Use(item) => self.imports(file, &item.tree, None),
                Item::Macro(item) => self.macros.extend(item.ident.as_ref().map(ToString::to_string)),
                _ => {}
            }
        }
    }

    fn imports(&mut self, file: usize, tree: &UseTree, own: Option<bool>) {
        match tree {
            UseTree::Path(path) => {
                self.imports(file, &path.tree, own.or(Some(!is_outside(&path.ident.to_string()))));
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.imports(file, tree, own)),
            UseTree::Name(name) if own == Some(false) => drop(self.foreign.insert((file, name.ident.to_string()))),
            UseTree::Rename(name) if own == Some(false) => drop(self.foreign.insert((file, name.rename.to_string()))),
            _ => {}
        }
    }

    fn items(&mut self, file: usize, items: &[Item]) {
        for item in items.iter().filter(|item| !modules::is_for_tests(modules::attributes(item))) {
            match item {
                Item::Struct(item) => self.declare(file, &item.ident.to_string(), item.ident.to_string(), &item.fields),
                Item::Enum(item) => {
                    for variant in &item.variants {
                        let name = format!("{}::{}", item.ident, variant.ident);
                        self.declare(file, &item.ident.to_string(), name, &variant.fields);
                    }
                }
                Item::Fn(item) => self.add(file, String::new(), &item.sig, &item.block),
                Item::Impl(item) => {
                    let Kind::Own(owner) = self.kind(file, "", &item.self_ty) else { continue };
                    for item in &item.items {
                        if let ImplItem::Fn(item) = item {
                            self.add(file, owner.clone(), &item.sig, &item.block);
                        }
                    }
                }
                Item::Trait(item) => {
                    for of in &item.items {
                        if let TraitItem::Fn(of) = of
                            && let Some(block) = &of.default
                        {
                            self.add(file, item.ident.to_string(), &of.sig, block);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn declare(&mut self, file: usize, owner: &str, name: String, fields: &Fields) {
        let kinds = fields.iter().enumerate().map(|(number, field)| {
            let name = field.ident.as_ref().map_or(number.to_string(), ToString::to_string);
            (name, self.kind(file, owner, &field.ty))
        });
        let kinds = kinds.collect();
        let options = fields.iter().filter(|field| is_option(&field.ty)).filter_map(|field| field.ident.as_ref());
        self.options.extend(options.map(ToString::to_string));
        self.fields.insert(name, kinds);
    }

    fn add(&mut self, file: usize, owner: String, signature: &Signature, block: &Block) {
        let inputs = signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(input) => Some(((*input.pat).clone(), self.kind(file, &owner, &input.ty))),
            FnArg::Receiver(_) => None,
        });
        let inputs = inputs.collect();
        let typed = signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(input) => Some(&*input.ty),
            FnArg::Receiver(_) => None,
        });
        let closures = typed.map(|ty| {
            let given = closure_inputs(ty).into_iter();
            given.map(|ty| self.kind(file, &owner, ty)).collect()
        });
        let closures = closures.collect();
        let output = match &signature.output {
            ReturnType::Default => Kind::Foreign,
            ReturnType::Type(_, output) => self.kind(file, &owner, output),
        };
        let name = signature.ident.to_string();
        self.functions.push(Function { owner, name, file, inputs, closures, output, block: block.clone() });
    }
}

fn is_option(written: &Type) -> bool {
    matches!(written, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Option"))
}

/// Whether a path that begins with this name leaves the crate.
fn is_outside(name: &str) -> bool {
    name.starts_with("barertc_") || ["core", "std", "alloc", "heapless"].contains(&name)
}

/// What a closure is given whose type is written as `impl Fn(…)` or `&mut dyn FnMut(…)`.
fn closure_inputs(written: &Type) -> Vec<&Type> {
    let bounds = match written {
        Type::Reference(inner) => return closure_inputs(&inner.elem),
        Type::Paren(inner) => return closure_inputs(&inner.elem),
        Type::ImplTrait(inner) => &inner.bounds,
        Type::TraitObject(inner) => &inner.bounds,
        _ => return Vec::new(),
    };
    let inputs = bounds.iter().filter_map(|bound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last(),
        _ => None,
    });
    let inputs = inputs.filter_map(|last| match &last.arguments {
        PathArguments::Parenthesized(arguments) => Some(arguments.inputs.iter()),
        _ => None,
    });
    inputs.flatten().collect()
}
