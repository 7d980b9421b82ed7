//! The pages for readers: what of them can be checked without reading them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{root, show_path};

/// Where `mdbook` finds the pages.
const BOOK: &str = "docs";

/// A link into this repository that works where a page is not beside it.
const REPOSITORY: [&str; 2] =
    ["https://github.com/barertc/barertc/blob/main/", "https://github.com/barertc/barertc/tree/main/"];

/// The enumerations whose variants tell a user what has happened, and what each crate calls them.
const REASONS: [(&str, &str, &[&str]); 8] = [
    ("peer", "src/error.rs", &["Failure", "Discard"]),
    ("ice", "src/event.rs", &["FailureReason", "ServerError", "Discard"]),
    ("dtls", "src/error.rs", &["Error", "Discard"]),
    ("srtp", "src/error.rs", &["Error", "Discard"]),
    ("sctp", "src/error.rs", &["Failure", "Discard"]),
    ("rtcp-nack", "src/stats.rs", &["SendDiscard", "RecvDiscard"]),
    ("signaling", "src/error.rs", &["Discard"]),
    ("hosted", "src/stats.rs", &["Discard"]),
];

/// The page that lists them.
const REASONS_PAGE: &str = "docs/guide/reasons.md";

/// Markdown files below a folder.
fn pages_below(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages_below(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            into.push(path);
        }
    }
}

/// Pages that somebody reads first, or from a link.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|page| root().join(page)).to_vec();
    for folder in [BOOK, "crates", "examples"] {
        pages_below(&root().join(folder), &mut pages);
    }
    pages
}

/// The lines of a page that are not inside of a fence.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// Where the links of a page lead.
fn links(page: &str) -> Vec<&str> {
    let targets = prose(page).flat_map(|line| line.split("](").skip(1));
    targets.filter_map(|rest| rest.split(')').next()).filter(|target| !target.contains(' ')).collect()
}

/// The names by which the headings of a page are linked to.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = prose(page).filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let name = |heading: &str| -> String {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
    };
    headings.map(name).collect()
}

#[test]
fn links_lead_to_what_is_there() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
            let target = match REPOSITORY.iter().find_map(|prefix| path.strip_prefix(prefix)) {
                Some(inside) => root().join(inside),
                None if path.contains("://") => continue,
                None if path.is_empty() => page.clone(),
                None => page.parent().unwrap().join(path),
            };
            seen += 1;
            let reached = anchor
                .is_none_or(|anchor| fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(anchor)));
            if !target.exists() || !reached {
                wrong.push(format!("{}: {link}", show_path(page.strip_prefix(root()).unwrap())));
            }
        }
    }
    assert!(wrong.is_empty(), "links to nowhere:\n  {}", wrong.join("\n  "));
    assert!(seen > 100, "only {seen} links were found");
}

#[test]
fn every_page_of_the_guide_is_in_the_book() {
    let book = root().join(BOOK);
    let summary = fs::read_to_string(book.join("SUMMARY.md")).unwrap();
    let listed: Vec<PathBuf> = links(&summary).into_iter().map(|link| book.join(link)).collect();
    let mut guide = Vec::new();
    pages_below(&book.join("guide"), &mut guide);
    for page in guide {
        assert_eq!(listed.iter().filter(|link| **link == page).count(), 1, "docs/SUMMARY.md: {}", page.display());
    }
}

/// A book is shown without the repository around it: what is not in it is linked to by its address.
#[test]
fn links_of_the_guide_stay_in_the_book() {
    let mut guide = Vec::new();
    pages_below(&root().join("docs/guide"), &mut guide);
    for page in guide {
        let text = fs::read_to_string(&page).unwrap();
        let out: Vec<_> = links(&text).into_iter().filter(|link| link.starts_with("../../")).collect();
        assert!(out.is_empty(), "{}: {out:?}", page.display());
    }
}

/// `cargo xtask outside` runs what has a `main`. What has none would be checked by nobody.
#[test]
fn every_rust_program_of_the_guide_is_run() {
    let mut guide = Vec::new();
    pages_below(&root().join("docs/guide"), &mut guide);
    let mut programs = 0;
    for page in guide {
        let text = fs::read_to_string(&page).unwrap();
        let mut fences = text.split("\n```");
        fences.next();
        // Every second piece is outside of a fence.
        for fence in fences.step_by(2) {
            let (language, program) = fence.split_once('\n').unwrap();
            if language.starts_with("rust") {
                assert!(language == "rust" && program.contains("fn main"), "{}: {fence}", page.display());
                programs += 1;
            }
        }
    }
    assert!(programs >= 5, "only {programs} programs were found");
}

/// Each variant of an enumeration with its comment, as they stand in a source. Links lose their targets.
fn variants(source: &str, name: &str) -> Vec<(String, String)> {
    let start = source.find(&format!("pub enum {name}")).unwrap_or_else(|| panic!("no enumeration {name}"));
    let (mut found, mut comment) = (Vec::new(), String::new());
    for line in source[start..].lines().skip(1).map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            comment = format!("{comment} {}", text.trim());
        } else if line == "}" {
            break;
        } else if line.starts_with(|c: char| c.is_ascii_uppercase()) {
            let variant: String = line.chars().take_while(char::is_ascii_alphanumeric).collect();
            found.push((variant, plain(std::mem::take(&mut comment).trim())));
        } else if !line.starts_with('#') {
            // What was said of a field.
            comment.clear();
        }
    }
    found
}

/// A comment without links, as a cell of a table.
fn plain(comment: &str) -> String {
    let (mut out, mut rest) = (String::new(), comment);
    while let Some((before, behind)) = rest.split_once("[`") {
        let (name, behind) = behind.split_once("`]").unwrap();
        out += &format!("{before}`{name}`");
        rest = match behind.strip_prefix('(') {
            Some(target) => target.split_once(')').unwrap().1,
            None => behind,
        };
    }
    (out + rest).replace('|', "\\|")
}

/// The page that the sources make.
fn reasons() -> String {
    let mut page = "# Reasons and counters\n\n\
        Each reason that a failure can have, and each counter of what is dropped, with what its documentation says. The\n\
        sources write this page, and a test holds that no reason is missing. [When it fails](debugging.md) says what to do.\n"
        .to_owned();
    for (folder, file, names) in REASONS {
        let folder = root().join("crates").join(folder);
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let package = manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).unwrap();
        let source = fs::read_to_string(folder.join(file)).unwrap();
        for name in names {
            page += &format!("\n## `{}::{name}`\n\n| reason | it means |\n|---|---|\n", package.replace('-', "_"));
            for (variant, comment) in variants(&source, name) {
                page += &format!("| `{variant}` | {comment} |\n");
            }
        }
    }
    page
}

#[test]
fn no_reason_of_the_sources_is_missing() {
    let (made, file) = (reasons(), root().join(REASONS_PAGE));
    if std::env::var_os("BLESS").is_some() {
        fs::write(&file, &made).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    // What a comment says may be said in other words before the page is written anew; no reason may be missing.
    let names = |page: &str| -> Vec<String> {
        let lines = page.lines().filter(|line| line.starts_with("| `") || line.starts_with("## "));
        lines.map(|line| line.split(" | ").next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(names(&kept), names(&made), "{REASONS_PAGE}: BLESS=1 cargo test -p xtask no_reason writes it anew");
    let rows: Vec<&str> = made.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(rows.len() > 80, "only {} reasons were found", rows.len());
    assert!(rows.iter().all(|row| row.len() > 20), "a reason without a comment");
}

/// A failure's reason that is not told on the page would leave its reader alone.
#[test]
fn every_failure_has_its_advice() {
    let page = fs::read_to_string(root().join("docs/guide/debugging.md")).unwrap();
    let told = |name: &str| ["`", "(", ")", " {"].iter().any(|end| page.contains(&format!("{name}{end}")));
    for (folder, file, name) in [
        ("ice", "src/event.rs", "FailureReason"),
        ("ice", "src/event.rs", "ServerError"),
        ("dtls", "src/error.rs", "Error"),
        ("srtp", "src/error.rs", "Error"),
        ("sctp", "src/error.rs", "Failure"),
    ] {
        let source = fs::read_to_string(root().join("crates").join(folder).join(file)).unwrap();
        let missing: Vec<String> =
            variants(&source, name).into_iter().map(|(variant, _)| variant).filter(|variant| !told(variant)).collect();
        assert!(missing.is_empty(), "docs/guide/debugging.md does not tell of {folder}'s {name}: {missing:?}");
    }
}

/// Lines that a connection writes to the log are on the page, with their values left out.
#[test]
fn every_line_of_the_log_is_explained() {
    let page = fs::read_to_string(root().join("docs/guide/debugging.md")).unwrap();
    let (mut missing, mut seen) = (Vec::new(), 0);
    for folder in ["ice", "dtls", "sctp", "peer"] {
        let mut files = Vec::new();
        rust_files(&root().join("crates").join(folder).join("src"), &mut files);
        for file in files {
            let text = fs::read_to_string(file).unwrap();
            for call in text.split("barertc_wire::trace!(").skip(1) {
                let line = call.split('"').nth(1).unwrap().replace("{:?}", "…").replace("{}", "…");
                seen += 1;
                if !page.contains(&format!("`{line}`")) {
                    missing.push(format!("{folder}: {line}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "docs/guide/debugging.md does not explain:\n  {}", missing.join("\n  "));
    assert!(seen > 10, "only {seen} lines were found");
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn what_is_read_from_pages() {
    assert_eq!(links("[a](b.md) `x](y z)` [c](d.md#e)\n```\n[no](no.md)\n```\n"), ["b.md", "d.md#e"]);
    assert!(
        anchors("# Use it\n## What `x_y` is: a note\n")
            .is_superset(&["use-it".into(), "what-x_y-is-a-note".into()].into())
    );
    assert_eq!(plain("See [`A`](crate::A) and [`B`]."), "See `A` and `B`.");
    let source = "pub enum E {\n    /// One,\n    /// two.\n    A(u8),\n    /// Three.\n    B {\n        /// Field.\n        x: u8,\n    },\n}\n";
    let names: Vec<String> = variants(source, "E").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["A", "B"]);
}
