//! The other side of OpenAI's "WARP" guide (developers.openai.com/api/docs/guides/realtime-webrtc-warp): a server that answers
//! with SNAP and SPED, with a data channel that is agreed on by number, as the active or the passive side of DTLS. The guide
//! does not say which. What a Go server (pion) writes differs from a browser's answer: its fingerprint belongs to the session,
//! and each section has a direction.

use barertc::{Config, Event, MediaKind, RecvBounds, TrackConfig};

use crate::dtls_in_checks::{OnTheWay, active, connect, pair, same, short};
use crate::support::{Identities, arena, opus};

/// Our own answer, as such a server would have written it.
fn as_the_server_writes(answer: String) -> String {
    let value =
        |name: &str| answer.lines().find(|line| line.starts_with(name)).expect("our answers have it").to_owned();
    let head =
        ["v=0", "o=- 5497558138880 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=msid-semantic:WMS *"].map(str::to_owned);
    let session = [value("a=fingerprint:"), value("a=group:BUNDLE"), "a=extmap-allow-mixed".to_owned()];
    let mut lines: Vec<String> = head.into_iter().chain(session).collect();
    let host = value("a=candidate:");
    let sections = answer.split("\r\nm=").skip(1);
    for (n, section) in sections.enumerate() {
        let mut rest = section.lines();
        let first = rest.next().expect("an m-line");
        let (kind, more) = first.split_once(' ').expect("a port");
        let (_, formats) = more.split_once(' ').expect("formats");
        lines.push(format!("m={kind} 9 {formats}"));
        lines.push("c=IN IP4 0.0.0.0".to_owned());
        lines.extend(["a=setup:", "a=ice-ufrag:", "a=ice-pwd:"].map(value));
        let keep = [
            "a=mid:",
            "a=rtpmap:",
            "a=fmtp:",
            "a=rtcp-fb:",
            "a=recvonly",
            "a=sctp-port:",
            "a=max-message",
            "a=sctp-init:",
        ];
        lines.extend(rest.clone().filter(|line| keep.iter().any(|name| line.starts_with(name))).map(str::to_owned));
        match kind {
            "application" => lines.push("a=sendrecv".to_owned()),
            _ => lines.extend(["a=rtcp-mux", "a=rtcp-rsize"].map(str::to_owned)),
        }
        lines.push("a=ice-options:sped".to_owned());
        if n == 0 {
            // Both components, and TCP where UDP is blocked.
            lines.extend([host.clone(), host.replacen(" 1 udp ", " 2 udp ", 1)]);
            lines.push("a=candidate:2 1 tcp 1671430143 10.0.0.9 443 typ host tcptype passive".to_owned());
            lines.push("a=end-of-candidates".to_owned());
        }
    }
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

#[test]
fn an_answer_of_the_guide_is_taken_with_either_role_of_dtls() {
    let ids = Identities::new();
    let config = Config { recv_audio: RecvBounds::audio(1), ..short() };
    let roles: [(OnTheWay, &str); 2] =
        [([active, as_the_server_writes], "passive"), ([same, as_the_server_writes], "active")];
    for (on_its_way, setup) in roles {
        let arena = arena(0);
        // The channel `events` has number 4 on both sides, which the guide passes as `dcid=4`.
        let mut pair = pair(&ids, &arena, &config);
        let ours = TrackConfig::sendonly(MediaKind::Audio, "microphone", "stream", [opus()]).expect("a track");
        pair.offerer.connection.add_track(pair.now, ours).expect("room");
        let theirs = TrackConfig::recvonly(MediaKind::Audio, "ear", [opus()]).expect("a track");
        pair.answerer.connection.add_track(pair.now, theirs).expect("room");
        let [server, client, server_open, client_open, at_client, at_server] = connect(&mut pair, on_its_way).all();
        println!("{setup}: {server} {client} {server_open} {client_open} {at_client} {at_server}");
        // Who is the client of DTLS has it first. Either way the association begins with DTLS.
        let (first, second) = if setup == "passive" { (client, server) } else { (server, client) };
        assert!(first <= if setup == "passive" { 320 } else { 210 }, "{setup} {first}");
        assert!(second <= first + 110, "{setup} {second}");
        assert_eq!((server_open, client_open), (server, client), "{setup}: the channel opens with DTLS");
        assert!(at_client.max(at_server) <= 530, "{setup}: {at_client} {at_server}");
        assert!(pair.offerer.events.iter().any(|e| matches!(e, Event::TrackNegotiated(_))), "{setup}");
    }
}
