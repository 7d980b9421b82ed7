//! Any bytes: what we read as a message, `serde_json` reads too, with the same strings in it.
#![no_main]

use barertc_signaling::{Envelope, Message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut text = bytes.to_vec();
    let Ok(envelope) = Envelope::parse(&mut text) else { return };
    // We count brackets in what we skip, without matching them, so there are texts that only we read.
    let Ok(oracle) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    let string = |name: &str| oracle[name].as_str();
    assert_eq!(envelope.id, string("id").unwrap_or_default());
    let sdp = string("sdp").or(string("description"));
    match envelope.message {
        Some(Message::Request) => assert_eq!(string("type"), Some("request")),
        Some(Message::Offer { sdp: s }) => assert_eq!((string("type"), sdp), (Some("offer"), Some(s))),
        Some(Message::Answer { sdp: s }) => assert_eq!((string("type"), sdp), (Some("answer"), Some(s))),
        Some(Message::Candidate { candidate, mid }) => {
            assert_eq!((string("candidate"), string("mid").unwrap_or_default()), (Some(candidate), mid));
        }
        _ => {}
    }
    let mut room = vec![0; 8 * bytes.len() + 256];
    let id = envelope.id.to_owned();
    let again = envelope.write(&mut room).unwrap();
    assert_eq!(Envelope::parse(again).map(|e| e.id.to_owned()).unwrap_or(id.clone()), id);
});
