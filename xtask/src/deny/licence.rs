//! Licence expressions (SPDX), and which of them `deny.toml` allows.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

/// The licences that are allowed, and those that single crates may have besides.
pub struct Rules {
    allowed: Vec<String>,
    exceptions: BTreeMap<String, Vec<String>>,
}

impl Rules {
    /// Reads the lists `allow` and `exceptions`, of which each entry stands in a line of its own.
    pub fn of(text: &str) -> Result<Self> {
        let allowed: Vec<String> = list(text, "allow")?.flat_map(quoted).collect();
        ensure!(!allowed.is_empty(), "deny.toml allows no licence");
        let exceptions = list(text, "exceptions")?.filter_map(|line| {
            let mut words = quoted(line);
            Some((words.next()?, words.collect()))
        });
        Ok(Self { allowed, exceptions: exceptions.collect() })
    }

    /// Whether the crate's licence leaves a choice that is allowed; if not, says so.
    pub fn allow(&self, name: &str, licence: &str) -> Result<(), String> {
        if licence.is_empty() {
            return Err("it names no licence".to_owned());
        }
        let more = self.exceptions.get(name).map(Vec::as_slice).unwrap_or_default();
        let allowed = |id: &str| self.allowed.iter().chain(more).any(|a| a == id);
        // The old form has a slash for OR.
        let spaced = licence.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut rest = &words[..];
        match any_of(&mut rest, &allowed) {
            Some(true) if rest.is_empty() => Ok(()),
            Some(false) if rest.is_empty() => Err(format!("`{licence}` is not allowed by deny.toml")),
            _ => Err(format!("`{licence}` is no licence expression")),
        }
    }
}

/// Alternatives, of which one is enough.
fn any_of(words: &mut &[&str], allowed: &impl Fn(&str) -> bool) -> Option<bool> {
    let mut any = all_of(words, allowed)?;
    while let Some(("OR", rest)) = words.split_first().map(|(w, r)| (*w, r)) {
        *words = rest;
        any |= all_of(words, allowed)?;
    }
    Some(any)
}

fn all_of(words: &mut &[&str], allowed: &impl Fn(&str) -> bool) -> Option<bool> {
    let mut all = one(words, allowed)?;
    while let Some(("AND", rest)) = words.split_first().map(|(w, r)| (*w, r)) {
        *words = rest;
        all &= one(words, allowed)?;
    }
    Some(all)
}

fn one(words: &mut &[&str], allowed: &impl Fn(&str) -> bool) -> Option<bool> {
    let (first, rest) = words.split_first()?;
    *words = rest;
    match (*first, rest) {
        ("(", _) => {
            let inner = any_of(words, allowed)?;
            let (close, rest) = words.split_first()?;
            *words = rest;
            (*close == ")").then_some(inner)
        }
        ("OR" | "AND" | "WITH" | ")", _) => None,
        (id, ["WITH", exception, rest @ ..]) => {
            *words = rest;
            // Leave without conditions is more than the licence alone gives.
            Some(allowed(id) || allowed(&format!("{id} WITH {exception}")))
        }
        (id, _) => Some(allowed(id)),
    }
}

/// The lines of a list.
fn list<'t>(text: &'t str, name: &str) -> Result<impl Iterator<Item = &'t str>> {
    let start = format!("{name} = [");
    let at = text
        .lines()
        .position(|line| line.starts_with(&start))
        .with_context(|| format!("deny.toml has no list `{name}`"))?;
    let one_line = text.lines().nth(at).is_some_and(|line| line.ends_with(']'));
    let lines = text.lines().skip(at + usize::from(!one_line)).take(if one_line { 1 } else { usize::MAX });
    Ok(lines.take_while(move |line| one_line || *line != "]"))
}

/// What stands between quotation marks.
fn quoted(line: &str) -> impl Iterator<Item = String> {
    line.split('"').skip(1).step_by(2).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[licenses]\nallow = [\n    \"MIT\",\n    \"Apache-2.0 WITH LLVM-exception\",\n    \"ISC\",\n]\n\
        exceptions = [\n    { crate = \"odd\", allow = [\"NCSA\"] },\n]\n";

    #[test]
    fn expressions_are_read_as_spdx_means_them() {
        let rules = Rules::of(TEXT).unwrap();
        for good in ["MIT", "GPL-3.0 OR MIT", "MIT/Apache-2.0", "MIT AND ISC", "(GPL-3.0 OR ISC) AND MIT"] {
            assert_eq!(rules.allow("x", good), Ok(()), "{good}");
        }
        assert_eq!(rules.allow("x", "Apache-2.0 WITH LLVM-exception"), Ok(()));
        for bad in
            ["", "GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "(GPL-3.0 OR ISC) AND NCSA", "MIT MIT", "(MIT", "MIT AND"]
        {
            assert!(rules.allow("x", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_exception_is_for_its_crate() {
        let rules = Rules::of(TEXT).unwrap();
        assert_eq!(rules.allow("odd", "MIT AND NCSA"), Ok(()));
        assert!(rules.allow("other", "NCSA").is_err());
    }

    #[test]
    fn a_file_without_licences_is_an_error() {
        assert!(Rules::of("exceptions = []\n").is_err());
        assert!(Rules::of("allow = []\nexceptions = []\n").is_err());
    }
}
