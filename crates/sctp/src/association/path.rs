//! Whether the path is alive (RFC 9260 §8.3), and whether it carries packets of our size (RFC 8899 §4.3).

use barertc_wire::Instant;

/// Time-outs in a row after which packets may be too large for the path.
pub(super) const SUSPICIOUS: u16 = 2;

/// HEARTBEATs that must be answered while data is not: so that losses alone hardly ever look like that.
const EVIDENCE: u8 = 2;

/// Smaller packets than this pass every path.
pub(super) const ALWAYS_FITS: usize = 256;

/// HEARTBEATs and what they have told.
#[derive(Debug)]
pub(super) struct Path {
    /// Changes with every HEARTBEAT; nobody else knows it.
    nonce: u64,
    /// When the HEARTBEAT that waits for its answer left.
    pub(super) sent: Option<Instant>,
    /// It left because data is not acknowledged: it travels alone, and its answer says that only large packets are lost.
    pub(super) searching: bool,
    /// HEARTBEATs that were answered since the peer last acknowledged anything.
    evidence: u8,
    /// Bytes of a packet that does not arrive while smaller ones do.
    pub(super) too_large: Option<usize>,
    /// The application has not been told yet.
    pub(super) untold: bool,
}

impl Path {
    pub(super) const fn new(nonce: u64) -> Self {
        Self { nonce, sent: None, searching: false, evidence: 0, too_large: None, untold: false }
    }

    /// Whether no HEARTBEAT of an idle association waits for its answer.
    pub(super) const fn is_quiet(&self) -> bool {
        self.sent.is_none() || self.searching
    }

    /// A new HEARTBEAT.
    pub(super) const fn renew(&mut self) {
        self.nonce = self.nonce.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
    }

    /// HEARTBEAT's value: one parameter with a number that only we know.
    pub(super) const fn heartbeat(&self) -> [u8; 12] {
        let [a, b, c, d, e, f, g, h] = self.nonce.to_be_bytes();
        [0, 1, 0, 12, a, b, c, d, e, f, g, h]
    }

    /// Packets of `bytes` do not arrive, and a HEARTBEAT does.
    pub(super) const fn found(&mut self, bytes: usize) {
        self.evidence = self.evidence.saturating_add(1);
        if self.evidence >= EVIDENCE && self.too_large.is_none() {
            self.too_large = Some(bytes);
            self.untold = true;
        }
    }

    /// The peer has answered data, whether it could take it or not. What was on its way before the search began says
    /// nothing of the size, but then the next time-out begins another.
    pub(super) const fn is_well(&mut self) {
        if self.searching {
            self.searching = false;
            self.sent = None;
        }
        self.evidence = 0;
        self.too_large = None;
        self.untold = false;
    }
}
