//! Any text as an address and as a reference to resolve against one (RFC 3986 §5.2): no panic; what comes out is an address
//! of the same kind, and resolving it again changes nothing.
#![no_main]

use barertc_signaling::Url;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (base, reference) = input;
    let Ok(url) = Url::parse(base) else { return };
    assert!(url.has_origin_of(&url));
    let Ok(resolved) = url.resolve(reference) else { return };
    let Ok(parsed) = Url::parse(&resolved) else { return };
    let again = parsed.resolve(&resolved).expect("an address resolves to itself");
    assert_eq!(again, resolved);
});
