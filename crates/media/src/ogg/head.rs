//! The identification header of Opus in Ogg (RFC 7845 §5.1), as far as RTP asks for it.

/// Why sound cannot be sent.
pub(crate) enum BadHead {
    Malformed(&'static str),
    Channels(u8),
    MappingFamily(u8),
}

/// RFC 7587 §7 knows one stream of one or two channels.
pub(crate) fn check(head: &[u8]) -> Result<(), BadHead> {
    let field = |at: usize| head.get(at).copied();
    let (Some(channels), Some(family)) = (field(9), field(18)) else {
        return Err(BadHead::Malformed("Opus header is too short"));
    };
    if channels == 0 {
        return Err(BadHead::Malformed("sound without a channel"));
    }
    if channels > 2 {
        return Err(BadHead::Channels(channels));
    }
    // Other families have a table: streams, coupled streams, and which of their channels each channel is.
    let plain = field(19) == Some(1)
        && field(20) == Some(channels.saturating_sub(1))
        && field(21) == Some(0)
        && (channels == 1 || field(22) == Some(1));
    if family != 0 && !plain {
        return Err(BadHead::MappingFamily(family));
    }
    if field(8).is_none_or(|version| version >> 4 != 0) {
        return Err(BadHead::Malformed("version of Opus header not known"));
    }
    Ok(())
}
