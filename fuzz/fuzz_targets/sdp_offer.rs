//! Well-formed offers with attributes in any m-line: what is agreed on follows RFC 9143, and `sdp-types` reads offer and
//! answer too.
#![no_main]

#[path = "../../crates/sdp/tests/it/structured.rs"]
mod structured;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = structured::describe(bytes);
    let ours = barertc_sdp::Session::parse(&text).unwrap();
    let oracle = sdp_types::Session::parse(text.as_bytes()).unwrap();
    assert!(ours.media().map(|m| m.attributes().count()).eq(oracle.medias.iter().map(|m| m.attributes.len())));
    structured::check(&text);
});
