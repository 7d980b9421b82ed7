//! Any text as ICE lines of a description: no panic, and what was read is written so that it reads the same.
#![no_main]

use barertc_ice::{Attribute, CandidateLine};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else { return };
    for line in text.lines() {
        let attribute = Attribute::parse(line);
        let Ok(parsed) = line.parse::<CandidateLine>() else { continue };
        assert_eq!(attribute.is_some(), line.trim().trim_start_matches("a=").starts_with("candidate:"));
        let Some(candidate) = parsed.candidate() else {
            assert!(parsed.name().is_some());
            continue;
        };
        let again: CandidateLine = candidate.to_string().parse().unwrap();
        assert_eq!(again.candidate(), Some(candidate));
    }
});
