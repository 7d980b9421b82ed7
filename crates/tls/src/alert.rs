//! Alerts (RFC 8446 §6).

pub(crate) const CLOSE_NOTIFY: u8 = 0;
pub(crate) const UNEXPECTED_MESSAGE: u8 = 10;
pub(crate) const BAD_RECORD_MAC: u8 = 20;
pub(crate) const RECORD_OVERFLOW: u8 = 22;
pub(crate) const HANDSHAKE_FAILURE: u8 = 40;
pub(crate) const BAD_CERTIFICATE: u8 = 42;
pub(crate) const UNSUPPORTED_CERTIFICATE: u8 = 43;
pub(crate) const CERTIFICATE_EXPIRED: u8 = 45;
pub(crate) const ILLEGAL_PARAMETER: u8 = 47;
pub(crate) const UNKNOWN_CA: u8 = 48;
pub(crate) const DECODE_ERROR: u8 = 50;
pub(crate) const DECRYPT_ERROR: u8 = 51;
pub(crate) const PROTOCOL_VERSION: u8 = 70;
pub(crate) const INTERNAL_ERROR: u8 = 80;
pub(crate) const USER_CANCELED: u8 = 90;

/// The name of an alert.
pub(crate) const fn name(code: u8) -> &'static str {
    match code {
        CLOSE_NOTIFY => "close_notify",
        UNEXPECTED_MESSAGE => "unexpected_message",
        BAD_RECORD_MAC => "bad_record_mac",
        RECORD_OVERFLOW => "record_overflow",
        HANDSHAKE_FAILURE => "handshake_failure",
        BAD_CERTIFICATE => "bad_certificate",
        UNSUPPORTED_CERTIFICATE => "unsupported_certificate",
        44 => "certificate_revoked",
        CERTIFICATE_EXPIRED => "certificate_expired",
        46 => "certificate_unknown",
        ILLEGAL_PARAMETER => "illegal_parameter",
        UNKNOWN_CA => "unknown_ca",
        49 => "access_denied",
        DECODE_ERROR => "decode_error",
        DECRYPT_ERROR => "decrypt_error",
        PROTOCOL_VERSION => "protocol_version",
        71 => "insufficient_security",
        INTERNAL_ERROR => "internal_error",
        86 => "inappropriate_fallback",
        USER_CANCELED => "user_canceled",
        109 => "missing_extension",
        110 => "unsupported_extension",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        _ => "unknown",
    }
}
