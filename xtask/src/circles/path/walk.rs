//! A walk through what a function calls, in the order in which the calls are written.

use std::collections::BTreeMap;

use syn::punctuated::Punctuated;
use syn::{Block, Expr, ExprCall, ExprClosure, ExprMacro, ExprMethodCall, Macro, Pat, Path, Stmt, Token};

use super::index::{Index, Kind};

/// Methods whose result is what a closure gives them.
const MAPS: [&str; 7] = ["map", "and_then", "filter_map", "flat_map", "map_or", "map_or_else", "find_map"];

/// Methods of `Option` whose names the crate uses for its own.
const OPTIONS: [&str; 3] = ["take", "insert", "replace"];

/// A walk through the functions that one function calls.
pub struct Walk<'i> {
    index: &'i Index,
    /// The functions in the order in which they are reached, each once.
    pub reached: Vec<usize>,
    /// Calls of which it is not known where they lead: the file, and the name.
    pub lost: Vec<(usize, String)>,
    /// Whether a function is entered, by its owner and its name.
    enters: &'i dyn Fn(&str, &str) -> bool,
    scope: Scope,
}

/// Where the walk stands.
#[derive(Clone, Default)]
struct Scope {
    file: usize,
    owner: String,
    values: BTreeMap<String, Kind>,
}

impl<'i> Walk<'i> {
    pub fn new(index: &'i Index, enters: &'i dyn Fn(&str, &str) -> bool) -> Self {
        Self { index, reached: Vec::new(), lost: Vec::new(), enters, scope: Scope::default() }
    }

    /// Notes a function and enters it, unless the walk has been there.
    pub fn reach(&mut self, function: usize) {
        if self.reached.contains(&function) {
            return;
        }
        self.reached.push(function);
        let index = self.index;
        let of = &index.functions[function];
        let is_first = self.reached.len() == 1;
        if !is_first && !(self.enters)(&of.owner, &of.name) {
            return;
        }
        let inside = Scope { file: of.file, owner: of.owner.clone(), values: BTreeMap::new() };
        let outside = std::mem::replace(&mut self.scope, inside);
        for (pattern, kind) in &of.inputs {
            self.bind(pattern, kind);
        }
        self.block(&of.block);
        self.scope = outside;
    }

    fn block(&mut self, block: &Block) -> Kind {
        let mut last = Kind::Foreign;
        for statement in &block.stmts {
            last = match statement {
                Stmt::Local(local) => {
                    if let Some(init) = &local.init {
                        self.bind_to(&local.pat, &init.expr);
                        if let Some((_, diverges)) = &init.diverge {
                            self.value(diverges);
                        }
                    }
                    Kind::Foreign
                }
                Stmt::Expr(value, _) => self.value(value),
                Stmt::Macro(of) => self.invoke(&of.mac),
                Stmt::Item(_) => Kind::Foreign,
            };
        }
        last
    }

    /// Follows an expression, and tells the type of its value.
    fn value(&mut self, value: &Expr) -> Kind {
        match value {
            Expr::Path(path) => self.path(&path.path),
            Expr::Field(field) => {
                let Kind::Own(owner) = self.value(&field.base) else { return Kind::Foreign };
                let name = match &field.member {
                    syn::Member::Named(name) => name.to_string(),
                    syn::Member::Unnamed(number) => number.index.to_string(),
                };
                self.field(&owner, &name)
            }
            Expr::MethodCall(call) => self.method(call),
            Expr::Call(call) => self.call(call),
            Expr::Closure(closure) => self.value(&closure.body),
            Expr::Macro(ExprMacro { mac, .. }) => self.invoke(mac),
            Expr::Reference(inner) => self.value(&inner.expr),
            Expr::Paren(inner) => self.value(&inner.expr),
            Expr::Group(inner) => self.value(&inner.expr),
            Expr::Try(inner) => self.value(&inner.expr),
            Expr::Unary(inner) => self.value(&inner.expr),
            Expr::Cast(inner) => self.value(&inner.expr),
            Expr::Await(inner) => self.value(&inner.base),
            Expr::Index(inner) => {
                let kind = self.value(&inner.expr);
                self.value(&inner.index);
                kind
            }
            Expr::Block(inner) => self.block(&inner.block),
            Expr::If(inner) => {
                self.value(&inner.cond);
                let kind = self.block(&inner.then_branch);
                let other = inner.else_branch.as_ref().map_or(Kind::Foreign, |(_, other)| self.value(other));
                known(kind, other)
            }
            Expr::Let(inner) => {
                self.bind_to(&inner.pat, &inner.expr);
                Kind::Foreign
            }
            Expr::Match(inner) => {
                let mut kind = Kind::Foreign;
                let of = self.parts(&inner.expr);
                for arm in &inner.arms {
                    self.bind_parts(&arm.pat, &of);
                    if let Some((_, guard)) = &arm.guard {
                        self.value(guard);
                    }
                    let arm = self.value(&arm.body);
                    kind = known(kind, arm);
                }
                kind
            }
            Expr::ForLoop(inner) => {
                self.bind_to(&inner.pat, &inner.expr);
                self.block(&inner.body)
            }
            Expr::While(inner) => {
                self.value(&inner.cond);
                self.block(&inner.body)
            }
            Expr::Loop(inner) => self.block(&inner.body),
            Expr::Assign(inner) => {
                self.value(&inner.right);
                self.value(&inner.left)
            }
            Expr::Binary(inner) => {
                self.value(&inner.left);
                self.value(&inner.right);
                Kind::Foreign
            }
            Expr::Range(inner) => {
                for end in [&inner.start, &inner.end].into_iter().flatten() {
                    self.value(end);
                }
                Kind::Foreign
            }
            Expr::Return(inner) => inner.expr.as_ref().map_or(Kind::Foreign, |inner| self.value(inner)),
            Expr::Break(inner) => inner.expr.as_ref().map_or(Kind::Foreign, |inner| self.value(inner)),
            Expr::Tuple(inner) => self.all(inner.elems.iter()),
            Expr::Array(inner) => self.all(inner.elems.iter()),
            Expr::Struct(inner) => {
                for field in &inner.fields {
                    self.value(&field.expr);
                }
                if let Some(rest) = &inner.rest {
                    self.value(rest);
                }
                self.type_of(&inner.path)
            }
            _ => Kind::Foreign,
        }
    }

    fn all<'e>(&mut self, values: impl Iterator<Item = &'e Expr>) -> Kind {
        values.fold(Kind::Foreign, |kind, value| {
            let next = self.value(value);
            known(kind, next)
        })
    }

    fn field(&self, owner: &str, name: &str) -> Kind {
        self.index.fields.get(owner).and_then(|fields| fields.get(name)).cloned().unwrap_or_default()
    }

    /// A type, or a variant of one, as it is written here.
    fn type_of(&self, path: &Path) -> Kind {
        let name = |back: usize| {
            let at = path.segments.len().checked_sub(back)?;
            Some(path.segments.get(at)?.ident.to_string())
        };
        [name(1), name(2)].into_iter().flatten().map(|name| self.named(&name)).fold(Kind::Foreign, known)
    }

    fn named(&self, name: &str) -> Kind {
        if name == "Self" { Kind::Own(self.scope.owner.clone()) } else { self.index.named(self.scope.file, name) }
    }

    /// A local value, or a function that is handed on.
    fn path(&mut self, path: &Path) -> Kind {
        if let Some(name) = path.get_ident() {
            if name == "self" {
                return Kind::Own(self.scope.owner.clone());
            }
            if let Some(kind) = self.scope.values.get(&name.to_string()) {
                return kind.clone();
            }
        }
        self.go(path).unwrap_or(Kind::Foreign)
    }

    /// Enters the function that a path names. What it returns; for a constant or a variant, its type.
    fn go(&mut self, path: &Path) -> Option<Kind> {
        let (owner, name) = self.resolve(path)?;
        match self.index.function(&owner, &name) {
            Some(function) => {
                self.reach(function);
                Some(self.index.functions[function].output.clone())
            }
            None => (!owner.is_empty()).then_some(Kind::Own(owner)),
        }
    }

    /// The owner and the name of what a path of the crate may name.
    fn resolve(&self, path: &Path) -> Option<(String, String)> {
        let mut names = path.segments.iter().rev().map(|segment| segment.ident.to_string());
        let (name, before) = (names.next()?, names.next());
        match before.as_deref() {
            Some(owner) if owner.starts_with(char::is_uppercase) => match self.named(owner) {
                Kind::Own(owner) => Some((owner, name)),
                _ => None,
            },
            Some(module) if module.starts_with("barertc_") => None,
            _ => Some((String::new(), name)),
        }
    }

    fn call(&mut self, call: &ExprCall) -> Kind {
        let values = self.values(&call.args);
        let Expr::Path(path) = &*call.func else { return self.value(&call.func) };
        let output = self.go(&path.path);
        let function = self.resolve(&path.path).and_then(|(owner, name)| self.index.function(&owner, &name));
        self.closures(&call.args, &Kind::Unknown, function);
        // A variant, a struct of a tuple, `Some`, `Ok`, or a function of another crate.
        output.unwrap_or_else(|| known(self.type_of(&path.path), values))
    }

    fn method(&mut self, call: &ExprMethodCall) -> Kind {
        let receiver = self.value(&call.receiver);
        self.values(&call.args);
        let name = call.method.to_string();
        let owner = match &receiver {
            Kind::Own(owner) => Some(owner),
            Kind::Unknown if self.index.is_method(&name) => {
                self.lost.push((self.scope.file, name.clone()));
                None
            }
            _ => None,
        };
        let function =
            owner.filter(|_| !self.is_held(&call.receiver, &name)).and_then(|owner| self.index.function(owner, &name));
        if let Some(function) = function {
            self.reach(function);
        }
        let mapped = self.closures(&call.args, &receiver, function);
        match function {
            Some(function) => self.index.functions[function].output.clone(),
            None if MAPS.contains(&name.as_str()) => mapped,
            None => receiver,
        }
    }

    /// Follows the arguments of a call that are no closures, which is before the call.
    fn values(&mut self, arguments: &Punctuated<Expr, Token![,]>) -> Kind {
        self.all(arguments.iter().filter(|argument| closure(argument).is_none()))
    }

    /// Follows the closures among the arguments of a call, which is after it has begun. A `function` of the crate says what
    /// it gives them; others give them what the `receiver` holds.
    fn closures(&mut self, arguments: &Punctuated<Expr, Token![,]>, receiver: &Kind, function: Option<usize>) -> Kind {
        let given = function.map(|function| &self.index.functions[function].closures);
        arguments.iter().enumerate().fold(Kind::Foreign, |kind, (number, argument)| {
            let next = match closure(argument) {
                Some(closure) => {
                    for (place, input) in closure.inputs.iter().enumerate() {
                        let given = given.and_then(|given| given.get(number)?.get(place)).unwrap_or(receiver);
                        self.bind(input, given);
                    }
                    self.value(&closure.body)
                }
                None => self.is_named(argument).unwrap_or(Kind::Foreign),
            };
            known(kind, next)
        })
    }

    /// What a function returns that is handed on by its name.
    fn is_named(&mut self, argument: &Expr) -> Option<Kind> {
        let Expr::Path(path) = argument else { return None };
        (path.path.segments.len() > 1).then(|| self.go(&path.path)).flatten()
    }

    /// Whether a method is one of the `Option` that a field is, and not of what is in it.
    fn is_held(&self, receiver: &Expr, name: &str) -> bool {
        let Expr::Field(field) = receiver else { return false };
        let syn::Member::Named(member) = &field.member else { return false };
        OPTIONS.contains(&name) && self.index.options.contains(&member.to_string())
    }

    /// What a macro is given is followed, where it reads as values. What a macro of the crate makes of that is not known.
    fn invoke(&mut self, of: &Macro) -> Kind {
        let name = of.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        if self.index.macros.contains(&name) {
            self.lost.push((self.scope.file, format!("{name}!")));
        }
        let arguments = of.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated);
        arguments.map_or(Kind::Foreign, |arguments| self.all(arguments.iter()))
    }

    /// The types of a tuple's parts, or of the one value.
    fn parts(&mut self, value: &Expr) -> Vec<Kind> {
        match value {
            Expr::Tuple(tuple) => tuple.elems.iter().map(|value| self.value(value)).collect(),
            value => vec![self.value(value)],
        }
    }

    fn bind_to(&mut self, pattern: &Pat, value: &Expr) {
        let parts = self.parts(value);
        self.bind_parts(pattern, &parts);
    }

    fn bind_parts(&mut self, pattern: &Pat, parts: &[Kind]) {
        match (pattern, parts) {
            (Pat::Tuple(tuple), [_, _, ..]) => {
                tuple.elems.iter().zip(parts).for_each(|(pattern, kind)| self.bind(pattern, kind));
            }
            (pattern, [kind, ..]) => self.bind(pattern, kind),
            (_, []) => {}
        }
    }

    /// Gives every name of a pattern its type.
    fn bind(&mut self, pattern: &Pat, kind: &Kind) {
        match pattern {
            Pat::Ident(name) => {
                self.scope.values.insert(name.ident.to_string(), kind.clone());
                if let Some((_, inner)) = &name.subpat {
                    self.bind(inner, kind);
                }
            }
            Pat::Reference(inner) => self.bind(&inner.pat, kind),
            Pat::Paren(inner) => self.bind(&inner.pat, kind),
            Pat::Type(inner) => {
                let kind = self.index.kind(self.scope.file, &self.scope.owner, &inner.ty);
                self.bind(&inner.pat, &kind);
            }
            Pat::Tuple(inner) => inner.elems.iter().for_each(|inner| self.bind(inner, kind)),
            Pat::Slice(inner) => inner.elems.iter().for_each(|inner| self.bind(inner, kind)),
            Pat::Or(inner) => inner.cases.iter().for_each(|inner| self.bind(inner, kind)),
            Pat::TupleStruct(inner) => {
                let name = self.declared(&inner.path);
                for (number, pattern) in inner.elems.iter().enumerate() {
                    let kind = name.as_ref().map_or(kind.clone(), |name| self.field(name, &number.to_string()));
                    self.bind(pattern, &kind);
                }
            }
            Pat::Struct(inner) => {
                let name = self.declared(&inner.path);
                for field in &inner.fields {
                    let member = match &field.member {
                        syn::Member::Named(name) => name.to_string(),
                        syn::Member::Unnamed(number) => number.index.to_string(),
                    };
                    let kind = name.as_ref().map_or(Kind::Foreign, |name| self.field(name, &member));
                    self.bind(&field.pat, &kind);
                }
            }
            _ => {}
        }
    }

    /// The name under which the fields of a struct or a variant of the crate are known.
    fn declared(&self, path: &Path) -> Option<String> {
        let Kind::Own(owner) = self.type_of(path) else { return None };
        let last = path.segments.last()?.ident.to_string();
        let variant = format!("{owner}::{last}");
        Some(if self.index.fields.contains_key(&variant) { variant } else { owner })
    }
}

/// The closure that an argument is, or a reference to one.
fn closure(argument: &Expr) -> Option<&ExprClosure> {
    match argument {
        Expr::Closure(closure) => Some(closure),
        Expr::Reference(inner) => closure(&inner.expr),
        _ => None,
    }
}

/// The first of two that is a type of the crate.
fn known(one: Kind, other: Kind) -> Kind {
    match (&one, &other) {
        (Kind::Own(_), _) => one,
        (_, Kind::Own(_)) | (Kind::Foreign, Kind::Unknown) => other,
        _ => one,
    }
}
