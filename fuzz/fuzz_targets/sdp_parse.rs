//! Any text: never a panic, and where `sdp-types` reads it too, both read the same.
#![no_main]

use barertc_sdp::Session;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(ours) = Session::parse(text) else { return };
    for media in ours.media() {
        let _ = (media.payloads(), media.ssrcs(), media.extensions(), media.direction(), media.max_message_size());
        if let Ok(t) = ours.transport(media.index()) {
            let _ = (t.fingerprints().count(), t.candidates().count(), t.options().count());
        }
    }
    // Two spaces in an m-line are read over here; to the oracle they are an empty word between them.
    if text.lines().any(|line| line.starts_with("m=") && line.contains("  ")) {
        return;
    }
    let Ok(oracle) = sdp_types::Session::parse(text.as_bytes()) else { return };
    assert_eq!(ours.media().count(), oracle.medias.len());
    for (a, b) in ours.media().zip(&oracle.medias) {
        assert_eq!((a.kind_text(), a.port(), a.protocol()), (b.media.as_str(), b.port, b.proto.as_str()));
        assert_eq!(a.attributes().count(), b.attributes.len());
    }
});
