//! Any bytes as the head of a request or a response, as a body in chunks, and as a fragment of a description: no panic; a
//! head that was read says the same when it comes again, and a body in chunks that was written is read.
#![no_main]

use barertc_signaling::parsers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], Vec<u8>, &str, Vec<&[u8]>)| {
    let (head, mut body, text, pieces) = input;
    if let Ok((method, path, query, _)) = parsers::request(head) {
        assert!(!method.is_empty() && method.is_ascii());
        assert!(path.starts_with('/') || path == "*", "{path}");
        assert!(!path.contains(['?', ' ', '\r', '\n']) && !query.contains([' ', '\r', '\n']));
        let mut again = head.to_vec();
        again.extend(b"GET / HTTP/1.1\r\n\r\n");
        let _ = parsers::request(&again);
    }
    if let Ok(status) = parsers::response(head) {
        assert!((100..600).contains(&status));
    }
    let len = body.len();
    if let Ok(Some(joined)) = parsers::chunks(&mut body) {
        assert!(joined <= len);
    }
    let _ = (parsers::fragment(text), parsers::if_match(text, 3));

    let (mut chunked, mut whole) = (Vec::new(), Vec::new());
    for piece in pieces.iter().filter(|p| !p.is_empty()) {
        chunked.extend(format!("{:x};x=y\r\n", piece.len()).bytes().chain(piece.iter().copied()).chain(*b"\r\n"));
        whole.extend(*piece);
    }
    chunked.extend(b"0\r\n\r\n");
    let len = parsers::chunks(&mut chunked).expect("chunks").expect("all of them");
    assert_eq!(&chunked[..len], &whole[..]);
});
