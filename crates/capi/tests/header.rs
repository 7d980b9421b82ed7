//! The header that is committed is the one that the sources make. `BLESS=1 cargo test -p barertc-capi --test header`
//! writes it anew.

use std::fs;
use std::path::Path;

use cbindgen::{Builder, Config, EnumConfig, Language, Style};

/// Comes first in the header.
const HEAD: &str = "\
/*
 * barertc: WebRTC without an operating system.
 *
 * Written by cbindgen from crates/capi: do not edit. docs/c.md tells how to build the library, and what the loop looks like.
 *
 * Memory: a connection lives in a region that the caller gives, and allocates nothing elsewhere. brtc_region_bytes says how
 * large the region must be. brtc_connection_destroy gives it back.
 *
 * Time: `now` is in microseconds from an origin of the caller's, such as boot. It never goes back.
 *
 * Threads: one thread at a time uses a connection and the identity that it was made with. There is no state outside of
 * them: connections with identities of their own are independent.
 *
 * Pointers: each is null or valid for what the function does with it. A null pointer where a value is needed gives
 * BRTC_INVALID_ARGUMENT. Text that is passed without a length ends with a zero byte.
 *
 * Handles: one that is none, or was destroyed, gives BRTC_INVALID_HANDLE as long as its memory is there and not in use for
 * something else. A callback must not call into the connection that called it: it gets BRTC_BUSY.
 *
 * Structures that begin with `size` may grow: fill them in with their _init function, or set `size` to their sizeof.
 *
 * Licence: MIT OR Apache-2.0.
 */";

/// Comes last, inside of extern \"C\".
const TAIL: &str = "\
/*
 * A function of the application that does not return, where the library was built with the feature `panic-handler`: it
 * resets the device, or stops the task. `file` has `length` bytes and no zero byte at its end.
 */
#if defined(BRTC_PANIC_HANDLER)
extern void brtc_panic(const char *file, size_t length, uint32_t line);
#endif";

fn written() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config = Config {
        language: Language::C,
        style: Style::Both,
        header: Some(HEAD.into()),
        include_guard: Some("BARERTC_H".into()),
        cpp_compat: true,
        no_includes: true,
        sys_includes: vec!["stddef.h".into(), "stdint.h".into()],
        usize_is_size_t: true,
        documentation: true,
        line_length: 118,
        tab_width: 4,
        trailer: Some(TAIL.into()),
        enumeration: EnumConfig::default(),
        ..Config::default()
    };
    config.function.sort_by = Some(cbindgen::SortKey::None);
    let mut sources: Vec<_> = fs::read_dir(root.join("src")).unwrap().map(|entry| entry.unwrap().path()).collect();
    sources.sort();
    // Enumerations that structures hold as numbers are named by no function.
    for source in &sources {
        let text = fs::read_to_string(source).unwrap();
        let names = text.split("pub enum ").skip(1).filter_map(|rest| rest.split([' ', '{']).next());
        config.export.include.extend(names.map(str::to_owned));
    }
    // The modules are found from here. Given one by one, they would be in the header twice.
    let builder = Builder::new().with_config(config).with_src(root.join("src/lib.rs"));
    let mut out = Vec::new();
    builder.generate().expect("cbindgen reads the sources").write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn the_header_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/barertc.h");
    let written = written();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &written).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let differs = committed.lines().zip(written.lines()).position(|(a, b)| a != b);
    assert!(
        committed == written,
        "include/barertc.h is out of date from line {} on: BLESS=1 cargo test -p barertc-capi --test header",
        differs.map_or(0, |line| line + 1)
    );
}

#[test]
fn every_function_and_enumeration_is_in_the_header() {
    let header = written();
    let (mut functions, mut enumerations) = (0, 0);
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let source = fs::read_to_string(entry.unwrap().path()).unwrap();
        for name in source.split("extern \"C\" fn ").skip(1).filter_map(|rest| rest.split('(').next()) {
            if name.starts_with("brtc_") {
                let declared =
                    header.matches(&format!(" {name}(")).count() + header.matches(&format!("*{name}(")).count();
                assert_eq!(declared, 1, "{name}");
                functions += 1;
            }
        }
        for name in source.split("pub enum ").skip(1).filter_map(|rest| rest.split(' ').next()) {
            assert!(header.contains(&format!("typedef enum {name} {{")), "{name} is missing");
            enumerations += 1;
        }
    }
    assert!(enumerations > 8, "only {enumerations} enumerations were found");
    assert!(functions > 50, "only {functions} functions were found");
}
