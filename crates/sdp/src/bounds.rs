//! The length of local descriptions.

/// The limits of a local description, from which its longest length follows.
///
/// ```
/// use barertc_sdp::DescriptionBounds;
///
/// const BOUNDS: DescriptionBounds = DescriptionBounds { tracks: 2, codecs: 1, candidates: 4, rejected: 0 };
/// static DESCRIPTION: [u8; BOUNDS.max_len()] = [0; BOUNDS.max_len()];
/// # assert!(DESCRIPTION.len() < 9_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DescriptionBounds {
    /// The number of tracks.
    pub tracks: usize,
    /// The number of payload types that are offered or negotiated for a track, those of retransmissions not counted.
    pub codecs: usize,
    /// The number of candidates. The line of a candidate is counted with 192 bytes.
    pub candidates: usize,
    /// The number of rejected and ended m-lines. Such an m-line is counted with 544 bytes.
    pub rejected: usize,
}

impl DescriptionBounds {
    /// The length of the longest offer or answer in bytes, data channels included.
    ///
    /// Names are counted with [`MAX_NAME`](crate::MAX_NAME) bytes, and ICE credentials with 32 bytes. A description with
    /// longer ones can be longer.
    #[must_use]
    pub const fn max_len(&self) -> usize {
        const NAME: usize = crate::limits::MAX_NAME;
        const LINE: usize = 192;
        // Its m-line, c, mid and direction; ufrag, pwd, fingerprint by SHA-512, setup.
        const REJECTED: usize = LINE + 46 + 44 + 216 + 19 + 27;
        // v, o, s, t, group, extmap-allow-mixed, msid-semantic, ice-lite, ice-options.
        const HEAD: usize = 320;
        // m, c, mid, ufrag, pwd, fingerprint by SHA-512, setup, end-of-candidates, direction, rtcp-mux, rtcp-rsize.
        const SECTION: usize = 48 + 64 + (8 + NAME) + 46 + 44 + 216 + 19 + 21 + 12 + 12 + 14;
        // Its place in the group.
        const GROUP: usize = NAME + 1;
        // sctp-port, max-message-size, sctp-init.
        const DATA: usize = 20 + 32 + 512;
        const EXTENSION: usize = 96;
        // Three payload types in the m-line, rtpmap, five rtcp-fb, fmtp, rtpmap and fmtp of retransmissions and of redundancy.
        const CODEC: usize = 12 + 32 + 5 * 32 + 112 + 28 + 24 + 28 + 22;
        // Its payload type in the m-line, rtpmap, rtcp-fb, fmtp of repair packets; rtcp-xr.
        const REPAIR: usize = 4 + 31 + 31 + 38 + 24;
        // msid, two ssrc-groups, cname and msid of three streams.
        const SENDING: usize = (10 + 2 * NAME) + 42 + 45 + 3 * ((26 + NAME) + (25 + 2 * NAME));
        let extensions = barertc_wire::Extension::ALL.len().saturating_mul(EXTENSION);
        let track = (SECTION + GROUP + SENDING + REPAIR)
            .saturating_add(extensions)
            .saturating_add(self.codecs.saturating_mul(CODEC));
        (HEAD + SECTION + GROUP + DATA)
            .saturating_add(self.tracks.saturating_mul(track))
            .saturating_add(self.candidates.saturating_mul(LINE))
            .saturating_add(self.rejected.saturating_mul(REJECTED))
    }
}
