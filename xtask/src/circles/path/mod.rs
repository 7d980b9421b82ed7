//! How often a reader changes the file who follows what one call does.

mod index;
mod walk;

use std::path::Path;

use anyhow::{Context, Result, bail};

use index::Index;
use walk::Walk;

/// A function on the way: its file and its name.
pub type Step = (String, String);

/// The functions of a crate.
pub struct Calls {
    index: Index,
}

impl Calls {
    /// Reads the crate whose sources are in `src`.
    pub fn read(src: &Path) -> Result<Self> {
        Ok(Self { index: Index::read(src)? })
    }

    /// What the function does, in the order in which it is written: each function that is reached, once. A function of
    /// another type than `owner` is reached and not entered: what it does is its own affair. The function `end` is not
    /// entered either.
    ///
    /// # Errors
    /// There is no such function; it cannot be found out where a call leads.
    pub fn of_owner(&self, owner: &str, name: &str, end: &str) -> Result<Vec<Step>> {
        self.follow(owner, name, &|to_owner, to_name| to_owner == owner && to_name != end)
    }

    /// What the function does, down to the end.
    ///
    /// # Errors
    /// There is no such function; it cannot be found out where a call leads.
    pub fn all(&self, owner: &str, name: &str) -> Result<Vec<Step>> {
        self.follow(owner, name, &|_, _| true)
    }

    fn follow(&self, owner: &str, name: &str, enters: &dyn Fn(&str, &str) -> bool) -> Result<Vec<Step>> {
        let first = self.index.function(owner, name).with_context(|| format!("there is no {owner}::{name}"))?;
        let mut walk = Walk::new(&self.index, enters);
        walk.reach(first);
        let file = |file: usize| self.index.files[file].display().to_string();
        if !walk.lost.is_empty() {
            let lost: Vec<_> = walk.lost.iter().map(|(at, name)| format!("`{name}` in {}", file(*at))).collect();
            bail!("it cannot be found out where these calls lead: {}", lost.join(", "));
        }
        let functions = walk.reached.iter().map(|at| &self.index.functions[*at]);
        Ok(functions.map(|of| (file(of.file), of.shown())).collect())
    }
}

/// How often two functions that follow each other are in different files.
pub fn changes(steps: &[Step]) -> usize {
    steps.windows(2).filter(|pair| pair[0].0 != pair[1].0).count()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Calls, changes};

    fn calls(files: &[(&str, &str)]) -> (tempfile::TempDir, Calls) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let calls = Calls::read(dir.path()).unwrap();
        (dir, calls)
    }

    const LIB: &str = "mod a; mod b; use b::B;
        pub struct Hall { b: Option<Box<B>>, foreign: barertc_x::B }
        impl Hall {
            pub fn go(&mut self) -> u8 {
                self.foreign.lost();
                self.first(|b| b.third());
                if let Some(b) = self.b.as_mut() { b.second() } else { self.end(); a::free(1) }
            }
            fn first(&self, f: impl FnOnce(&B)) { self.b.as_ref().map(B::fourth); }
            fn end(&self) {}
        }";
    const A: &str = "pub fn free(x: u8) -> u8 { x }";
    const B: &str = "pub struct B { c: C } pub enum C { One(D) } pub struct D;
        impl B {
            pub fn second(&mut self) -> u8 { match &self.c { C::One(d) => d.fifth() } }
            pub fn third(&self) {} pub fn fourth(&self) {} pub fn lost(&self) {}
        }
        impl D { fn fifth(&self) -> u8 { 5 } }
        #[cfg(test)] mod tests { fn free() {} }";

    #[test]
    fn a_way_is_in_the_order_of_the_calls() {
        let (_dir, calls) = calls(&[("lib.rs", LIB), ("a.rs", A), ("b.rs", B)]);
        let names = |steps: &[super::Step]| steps.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>();
        let all = calls.all("Hall", "go").unwrap();
        assert_eq!(
            names(&all),
            ["Hall::go", "Hall::first", "B::fourth", "B::third", "B::second", "D::fifth", "Hall::end", "free"]
        );
        // From the first file to the second and back, and on to the third.
        assert_eq!(changes(&all), 3);
        let short = calls.of_owner("Hall", "go", "first").unwrap();
        assert_eq!(names(&short), ["Hall::go", "Hall::first", "B::third", "B::second", "Hall::end", "free"]);
    }

    #[test]
    fn what_is_not_there_is_said() {
        let (_dir, calls) = calls(&[("lib.rs", LIB), ("a.rs", A), ("b.rs", B)]);
        assert!(calls.all("Hall", "gone").is_err());
        let lib = "macro_rules! hide { () => {} } fn go() { hide!() }";
        let (_dir, calls) = self::calls(&[("lib.rs", lib)]);
        assert!(calls.all("", "go").is_err(), "what the macro does is not known");
    }
}
