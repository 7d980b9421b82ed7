//! Descriptions of browsers with lines changed, doubled, moved and left out, `a=sctp-init` among them: given as an offer and
//! as an answer, nothing panics, an answer that comes out is a description, and every byte comes back.
#![no_main]

#[path = "../../crates/peer/tests/it/support.rs"]
mod support;

use std::sync::OnceLock;

use barertc::{Config, sdp};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use support::{Connection, Identities, Side, arena, receiving, recv_tracks, send_tracks};

/// A change of a text.
#[derive(Arbitrary, Debug)]
enum Edit<'a> {
    Remove(u8),
    Double(u8),
    Move(u8, u8),
    Replace(u8, &'a str),
    /// Another value behind the colon or the equals sign.
    Value(u8, &'a str),
    Insert(u8, Line, &'a str),
}

/// The beginning of a line.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Line {
    SctpInit,
    SctpPort,
    MaxMessageSize,
    Group,
    Mid,
    Fingerprint,
    Candidate,
    Setup,
    Rtpmap,
    Fmtp,
    Feedback,
    Ssrc,
    SsrcGroup,
    Extmap,
    Media,
    Options,
    Ufrag,
    Simulcast,
}

const BEGINNINGS: [&str; 18] = [
    "a=sctp-init:",
    "a=sctp-port:",
    "a=max-message-size:",
    "a=group:BUNDLE ",
    "a=mid:",
    "a=fingerprint:sha-256 ",
    "a=candidate:",
    "a=setup:",
    "a=rtpmap:",
    "a=fmtp:",
    "a=rtcp-fb:",
    "a=ssrc:",
    "a=ssrc-group:",
    "a=extmap:",
    "m=",
    "a=ice-options:",
    "a=ice-ufrag:",
    "a=simulcast:",
];

fn edited(text: &str, edits: &[Edit<'_>]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for edit in edits.iter().take(16) {
        let at = |n: u8, len: usize| usize::from(n) % len.max(1);
        let count = lines.len();
        if count == 0 {
            break;
        }
        let clean = |text: &str| text.replace(['\r', '\n'], " ");
        match edit {
            Edit::Remove(n) => drop(lines.remove(at(*n, count))),
            Edit::Double(n) => lines.insert(at(*n, count), lines[at(*n, count)].clone()),
            Edit::Move(n, to) => {
                let line = lines.remove(at(*n, count));
                lines.insert(at(*to, count), line);
            }
            Edit::Replace(n, text) => lines[at(*n, count)] = clean(text),
            Edit::Value(n, text) => {
                let line = &mut lines[at(*n, count)];
                let end = line.find([':', '=']).map_or(0, |end| end + 1);
                line.truncate(end);
                line.push_str(&clean(text));
            }
            Edit::Insert(n, line, text) => {
                lines.insert(at(*n, count), format!("{}{}", BEGINNINGS[*line as usize], clean(text)));
            }
        }
    }
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

fn ids() -> &'static Identities {
    static IDS: OnceLock<Identities> = OnceLock::new();
    IDS.get_or_init(Identities::new)
}

fuzz_target!(|input: (bool, Vec<Edit<'_>>, Vec<Edit<'_>>)| {
    let (snap, of_offer, of_answer) = input;
    let memory = arena(0);
    {
        let config = Config { snap, sped: snap, ..receiving() };
        let [mut ours, mut theirs] = [1, 2].map(|n| {
            let mut side =
                Side::new(n, config.clone(), &ids().0[usize::from(n) - 1], &memory, n.into()).expect("memory");
            send_tracks(&mut side).expect("room");
            recv_tracks(&mut side).expect("room");
            side.add_data().expect("room");
            side
        });
        let now = ours.now;
        let offer = edited(&theirs.offer().expect("an offer"), &of_offer);
        if let Ok(answer) = ours.answer(now, &offer) {
            sdp::Session::parse(&answer).expect("an answer of ours is a description");
            let _ = theirs.answered(now, &edited(&answer, &of_answer));
        }
        for side in [&mut ours, &mut theirs] {
            side.fetch(now);
            if let Ok(offer) = side.offer() {
                sdp::Session::parse(&offer).expect("an offer of ours is one");
            }
        }
        assert!(memory.inner().stats().peak <= 2 * Connection::worst_case_bytes(&config));
    }
    assert_eq!(memory.inner().stats().live, 0);
});
