//! Which protocol a datagram belongs to, by its first byte (RFC 7983 §7, RFC 5761 §4).

/// The protocols that share the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// STUN and TURN channels: the ICE agent's.
    Ice,
    Dtls,
    Rtp,
    Rtcp,
    Unknown,
}

pub(crate) fn protocol(datagram: &[u8]) -> Protocol {
    match datagram.first() {
        Some(0..=3 | 64..=79) => Protocol::Ice,
        Some(20..=63) => Protocol::Dtls,
        Some(128..=191) if barertc_rtp::is_rtcp(datagram) => Protocol::Rtcp,
        Some(128..=191) => Protocol::Rtp,
        _ => Protocol::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_rfc_7983() {
        let of = |first: u8| protocol(&[first, 96]);
        assert_eq!([0, 3, 64, 79].map(of), [Protocol::Ice; 4]);
        assert_eq!([20, 63].map(of), [Protocol::Dtls; 2]);
        assert_eq!([128, 191].map(of), [Protocol::Rtp; 2]);
        assert_eq!(protocol(&[0x80, 200]), Protocol::Rtcp);
        assert_eq!([4, 15, 16, 19, 80, 127, 192, 255].map(of), [Protocol::Unknown; 8]);
        assert_eq!(protocol(&[]), Protocol::Unknown);
    }
}
