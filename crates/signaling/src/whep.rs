//! What WHIP (RFC 9725) and WHEP share.

/// The media type of descriptions.
pub(crate) const SDP: &str = "application/sdp";
/// The media type of trickled candidates (RFC 8840 §9).
pub(crate) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// The candidates of a fragment (RFC 8840 §9.2), each with the mid it stands under; `None` is the end of them.
pub(crate) fn candidates(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let mut mid = "";
    text.lines().filter_map(move |line| {
        let attribute = line.strip_prefix("a=")?;
        if let Some(name) = attribute.strip_prefix("mid:") {
            mid = name;
        }
        if attribute.starts_with("candidate:") {
            Some((mid, Some(attribute)))
        } else {
            (attribute == "end-of-candidates").then_some((mid, None))
        }
    })
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn candidates_know_their_mid() {
        let text = "a=ice-ufrag:abcd\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 ::1 9 typ host\r\n\
                    a=candidate:2\r\nm=video 9 x 0\r\na=mid:1\r\na=end-of-candidates\r\n";
        let found: Vec<_> = candidates(text).collect();
        let first = "candidate:1 1 udp 1 ::1 9 typ host";
        assert_eq!(found, [("0", Some(first)), ("0", Some("candidate:2")), ("1", None)]);
    }
}
