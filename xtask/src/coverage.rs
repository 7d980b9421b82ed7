//! `cargo xtask coverage`: which lines of the crates their tests run, as a table by crate and by parser.
//!
//! The compiler counts (`-C instrument-coverage`); the tool chain's `llvm-tools` read the counts. Lines of tests are left out,
//! so that a file does not look better than it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::run::{cargo, root, run, show, target_dir};

const USAGE: &str = "usage: cargo xtask coverage [--write] [--lines]
  --write  puts the tables into docs/security.md
  --lines  names the lines of parsers that no test runs";
const DOCUMENT: &str = "docs/security.md";
const BEGIN: &str = "<!-- coverage: written by `cargo xtask coverage --write` -->\n";
const END: &str = "<!-- end of coverage -->\n";

/// Percent of its lines that tests must run of each parser.
const LEAST: f64 = 95.0;

/// Folders of `crates` that are looked at. The rest is tested by published vectors (`curves`), by C (`capi`) or beside another
/// library (`crypto-host`).
const CRATES: [&str; 17] = [
    "arena",
    "congestion",
    "crypto",
    "dtls",
    "hosted",
    "ice",
    "media",
    "peer",
    "rtcp-nack",
    "rtp",
    "runner",
    "sctp",
    "sdp",
    "signaling",
    "srtp",
    "tls",
    "wire",
];

/// What reads bytes or text of others: a name, and the beginnings of its files' paths.
const PARSERS: [(&str, &[&str]); 11] = [
    ("`wire`: readers, text, fingerprints", &["wire/src/"]),
    ("`sdp`", &["sdp/src/"]),
    (
        "`ice`: STUN, TURN, streams, mDNS, candidates",
        &[
            "ice/src/stun/",
            "ice/src/stream/",
            "ice/src/turn/frame.rs",
            "ice/src/dns.rs",
            "ice/src/mdns.rs",
            "ice/src/sdp.rs",
            "ice/src/uri.rs",
        ],
    ),
    (
        "`dtls`: records, handshake messages, certificates",
        &["dtls/src/record/", "dtls/src/handshake/", "dtls/src/client_hello.rs", "dtls/src/der.rs", "dtls/src/x509.rs"],
    ),
    ("`srtp`", &["srtp/src/"]),
    ("`sctp`: packets, chunks, DCEP", &["sctp/src/chunk/", "sctp/src/packet.rs", "sctp/src/dcep.rs"]),
    (
        "`rtp`: packets, extensions, payloads",
        &[
            "rtp/src/header.rs",
            "rtp/src/extension.rs",
            "rtp/src/depacketize/",
            "rtp/src/red.rs",
            "rtp/src/flexfec.rs",
            "rtp/src/nal.rs",
            "rtp/src/obu.rs",
        ],
    ),
    ("`rtp`: RTCP", &["rtp/src/rtcp/"]),
    (
        "`signaling`: HTTP, WebSocket, JSON, URLs",
        &[
            "signaling/src/http.rs",
            "signaling/src/http/",
            "signaling/src/ws.rs",
            "signaling/src/frame.rs",
            "signaling/src/json.rs",
            "signaling/src/url.rs",
            "signaling/src/message.rs",
            "signaling/src/parsers.rs",
        ],
    ),
    (
        "`tls`: records, messages, certificates, SNTP",
        &[
            "tls/src/record.rs",
            "tls/src/handshake.rs",
            "tls/src/hello.rs",
            "tls/src/certificate.rs",
            "tls/src/chain.rs",
            "tls/src/name.rs",
            "tls/src/pem.rs",
            "tls/src/sntp.rs",
            "tls/src/time.rs",
        ],
    ),
    (
        "`hosted`: transfers, headers, messages",
        &[
            "hosted/src/header.rs",
            "hosted/src/message.rs",
            "hosted/src/event.rs",
            "hosted/src/session/",
            "hosted/src/transport/",
        ],
    ),
];

/// How often each line of a file was run. Lines without code are not there.
type Lines = BTreeMap<usize, u64>;

pub fn main(args: &[String]) -> Result<()> {
    let known = |arg: &String| ["--write", "--lines"].contains(&arg.as_str());
    ensure!(args.iter().all(known), "{USAGE}");
    let files = measured()?;
    let tables = tables(&files);
    println!("\n{tables}");
    if args.iter().any(|arg| arg == "--lines") {
        uncovered(&files);
    }
    if args.iter().any(|arg| arg == "--write") {
        put(&tables)?;
    }
    let low = PARSERS.iter().filter(|(_, paths)| percent(count(&files, paths)) < LEAST);
    let low: Vec<_> = low.map(|(name, _)| *name).collect();
    ensure!(low.is_empty(), "less than {LEAST} % of the lines: {}", low.join("; "));
    Ok(())
}

/// Runs the tests with counters. The lines of each file, by its path below `crates`.
fn measured() -> Result<BTreeMap<String, Lines>> {
    let tools = tools()?;
    let folder = target_dir().join("coverage");
    let counts = folder.join("counts");
    if counts.is_dir() {
        fs::remove_dir_all(&counts)?;
    }
    let packages = CRATES.iter().map(|folder| match *folder {
        "peer" => "barertc".to_owned(),
        folder => format!("barertc-{folder}"),
    });
    let mut test = cargo();
    test.arg("test").args(packages.flat_map(|name| ["--package".to_owned(), name]));
    test.args(["--lib", "--tests", "--no-fail-fast"])
        .env("CARGO_TARGET_DIR", &folder)
        .env("RUSTFLAGS", "-C instrument-coverage")
        .env("LLVM_PROFILE_FILE", counts.join("%m-%p.profraw"))
        .env("PROPTEST_RNG_SEED", "1");
    run(&mut test)?;
    let programs = programs(&mut test)?;
    let merged = folder.join("merged.profdata");
    let mut merge = Command::new(tools.join("llvm-profdata"));
    run(merge.args(["merge", "--sparse", "--output"]).arg(&merged).arg(&counts))?;
    let mut export = Command::new(tools.join("llvm-cov"));
    export.args(["export", "--format=lcov", "--instr-profile"]).arg(&merged);
    for (n, program) in programs.iter().enumerate() {
        export.args((n > 0).then_some("--object")).arg(program);
    }
    let out = export.output().context("llvm-cov could not be started")?;
    ensure!(out.status.success(), "`{}`: {}", show(&export), String::from_utf8_lossy(&out.stderr));
    let files = lines_of_files(&String::from_utf8_lossy(&out.stdout), |path| fs::read_to_string(path).ok());
    ensure!(files.len() > 150, "only {} files were found", files.len());
    Ok(files)
}

/// The folder of the tool chain's `llvm-cov` and `llvm-profdata`.
fn tools() -> Result<PathBuf> {
    let out =
        Command::new("rustc").args(["--print", "target-libdir"]).output().context("rustc could not be started")?;
    let libraries = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    let folder = Path::new(&libraries).parent().map(|target| target.join("bin")).unwrap_or_default();
    if !folder.join("llvm-cov").is_file() {
        println!("  installing llvm-tools");
        run(Command::new("rustup").args(["component", "add", "llvm-tools"]))?;
    }
    ensure!(folder.join("llvm-cov").is_file(), "no llvm-cov in {}", folder.display());
    Ok(folder)
}

/// The programs that `test` has run.
fn programs(test: &mut Command) -> Result<Vec<String>> {
    let out = test.args(["--no-run", "--quiet", "--message-format=json"]).output()?;
    ensure!(out.status.success(), "`{}` ended with {}", show(test), out.status);
    let text = String::from_utf8_lossy(&out.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let programs: Vec<String> = messages.filter_map(|m| m["executable"].as_str().map(str::to_owned)).collect();
    if programs.is_empty() {
        bail!("`{}` has built no program", show(test));
    }
    Ok(programs)
}

/// Reads lcov's format: `SF:path`, then `DA:line,count`. `source` gives the text of a file.
fn lines_of_files(lcov: &str, source: impl Fn(&Path) -> Option<String>) -> BTreeMap<String, Lines> {
    let mut files = BTreeMap::new();
    let mut current: Option<(String, usize)> = None;
    for line in lcov.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            let below = path.rsplit_once("/crates/").map(|(_, below)| below.to_owned());
            let code = |below: &String| {
                let tests = ["tests.rs", "/testing.rs", "/vectors.rs"].iter().any(|end| below.ends_with(end));
                let ours = CRATES.iter().any(|name| below.starts_with(&format!("{name}/src/")));
                ours && !tests && !below.contains("/tests/")
            };
            current = below.filter(code).map(|below| {
                // Tests stand at the end of a file. `mod tests;` is another file, and may stand anywhere.
                let text = source(Path::new(path)).unwrap_or_default();
                let code = text.find("#[cfg(test)]\nmod tests {").and_then(|at| text.get(..at)).unwrap_or(&text);
                (below, code.lines().count())
            });
        } else if let (Some(count), Some((file, end))) = (line.strip_prefix("DA:"), &current)
            && let Some((line, count)) = count.split_once(',')
            && let (Ok(line), Ok(count)) = (line.parse(), count.parse::<u64>())
            && line <= *end
        {
            *files.entry(file.clone()).or_insert_with(Lines::new).entry(line).or_default() += count;
        }
    }
    files
}

/// Lines that were run, and all of them, of the files whose paths begin so.
fn count(files: &BTreeMap<String, Lines>, paths: &[&str]) -> (usize, usize) {
    let chosen = files.iter().filter(|(file, _)| paths.iter().any(|path| file.starts_with(path)));
    chosen.fold((0, 0), |(run, all), (_, lines)| {
        (run + lines.values().filter(|count| **count > 0).count(), all + lines.len())
    })
}

fn percent((run, all): (usize, usize)) -> f64 {
    if all == 0 { 0.0 } else { 100.0 * run as f64 / all as f64 }
}

fn tables(files: &BTreeMap<String, Lines>) -> String {
    let mut text = String::from("| parsers | lines | run by tests |\n|---|---|---|\n");
    for (name, paths) in PARSERS {
        let counted = count(files, paths);
        text += &format!("| {name} | {} | {:.1} % |\n", counted.1, percent(counted));
    }
    text += "\n| crate | lines | run by tests |\n|---|---|---|\n";
    for name in CRATES {
        let counted = count(files, &[&format!("{name}/src/")]);
        text += &format!("| `{name}` | {} | {:.1} % |\n", counted.1, percent(counted));
    }
    text
}

/// Names the lines of parsers that nothing has run, with their text.
fn uncovered(files: &BTreeMap<String, Lines>) {
    let paths = || PARSERS.iter().flat_map(|(_, paths)| *paths);
    for (file, lines) in files.iter().filter(|(file, _)| paths().any(|path| file.starts_with(path))) {
        let text = fs::read_to_string(root().join("crates").join(file)).unwrap_or_default();
        let text: Vec<&str> = text.lines().collect();
        for line in lines.iter().filter(|(_, count)| **count == 0).map(|(line, _)| *line) {
            println!("  {file}:{line}: {}", text.get(line.wrapping_sub(1)).unwrap_or(&"").trim());
        }
    }
}

fn put(tables: &str) -> Result<()> {
    let path = root().join(DOCUMENT);
    let text = fs::read_to_string(&path).with_context(|| format!("{DOCUMENT} cannot be read"))?;
    let (head, rest) = text.split_once(BEGIN).with_context(|| format!("{DOCUMENT} has no place for the tables"))?;
    let (_, tail) = rest.split_once(END).with_context(|| format!("the tables in {DOCUMENT} have no end"))?;
    fs::write(&path, format!("{head}{BEGIN}\n{tables}\n{END}{tail}"))
        .with_context(|| format!("cannot write {DOCUMENT}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_tests_and_of_others_are_left_out() {
        let lcov = "SF:/x/crates/wire/src/a.rs\nDA:1,0\nDA:2,7\nDA:5,9\nend_of_record\n\
                    SF:/x/crates/wire/src/tests.rs\nDA:1,1\nend_of_record\n\
                    SF:/x/crates/wire/tests/it/a.rs\nDA:1,1\nend_of_record\n\
                    SF:/home/.cargo/b/src/lib.rs\nDA:1,1\nend_of_record\n\
                    SF:/x/crates/sdp/src/b.rs\nDA:2,0\nend_of_record\n";
        let files = lines_of_files(lcov, |_| Some("a\nb\nc\n#[cfg(test)]\nmod tests {}\n".into()));
        assert_eq!(files.keys().collect::<Vec<_>>(), ["sdp/src/b.rs", "wire/src/a.rs"]);
        assert_eq!(count(&files, &["wire/src/"]), (1, 2));
        assert_eq!((percent((1, 2)), percent((0, 0))), (50.0, 0.0), "a parser without lines is not covered");
        let tables = tables(&files);
        assert!(tables.contains("| `wire` | 2 | 50.0 % |") && tables.contains("| `sdp` | 1 | 0.0 % |"));
    }

    #[test]
    fn parsers_are_files_that_are_there() {
        for path in PARSERS.iter().flat_map(|(_, paths)| *paths) {
            assert!(root().join("crates").join(path).exists(), "{path}");
        }
    }
}
