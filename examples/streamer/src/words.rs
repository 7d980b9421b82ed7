//! Figures and names in the words of those who read them.

use core::fmt;

use barertc_dtls::Version;
use barertc_signaling::Discard;
use barertc_srtp::Profile;
use embedded_io_async::ErrorKind;

/// What protects a connection.
pub(crate) struct Protection(pub(crate) Option<Version>, pub(crate) Option<Profile>);

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(Version::Dtls12) => "DTLS 1.2",
            Some(Version::Dtls13) => "DTLS 1.3",
            _ => "not encrypted yet",
        })?;
        f.write_str(match self.1 {
            Some(Profile::AesCm128HmacSha1_80) => ", media with AES-128 and HMAC-SHA1",
            Some(Profile::AesCm128HmacSha1_32) => ", media with AES-128 and short HMAC-SHA1",
            Some(Profile::AeadAes128Gcm) => ", media with AES-128-GCM",
            Some(Profile::AeadAes256Gcm) => ", media with AES-256-GCM",
            _ => "",
        })
    }
}

/// Why an address cannot be used, or nobody is there.
pub(crate) struct Why(pub(crate) ErrorKind);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            ErrorKind::ConnectionRefused => "nothing listens there",
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                "the connection broke off"
            }
            ErrorKind::NotConnected => "there is no connection",
            ErrorKind::AddrInUse => "something else uses this address",
            ErrorKind::AddrNotAvailable => "this machine does not have this address",
            ErrorKind::PermissionDenied => "not permitted",
            ErrorKind::TimedOut => "nothing was answered in time",
            ErrorKind::OutOfMemory => "there is no memory or socket left",
            ErrorKind::NotFound => "not found",
            ErrorKind::Unsupported => "not supported here",
            _ => "the network has refused it",
        })
    }
}

/// Why the server refused what somebody asked for.
///
/// `barertc_signaling::Discard` says more to those who know the protocol.
#[derive(Debug)]
pub struct Refused(pub Discard);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Discard::Head => "the request is not HTTP, is too long or came too slowly",
            Discard::Unauthorized => "no token or a wrong one, or a page of another origin",
            Discard::TooManyAttempts => "too many wrong tokens from this address",
            Discard::TooLong => "a message is too long",
            Discard::Json => "a message is no signaling message",
            Discard::Frame => "a WebSocket frame breaks a rule",
            Discard::Unsupported => "a path, method or type that is not served",
            Discard::Candidate => "a candidate cannot be used",
            Discard::Precondition => "If-Match is missing or names an older state",
            Discard::Full => "there is no room for another session",
            Discard::Unknown => "nobody has the name that a message is for",
            Discard::NameTaken => "another connection has this name",
            Discard::Slow => "whom a message is for reads too slowly",
            _ => "against the rules",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt::Write as _;

    /// A user does not read the names of this program's types.
    #[test]
    fn reasons_are_sentences() {
        let mut text = heapless::String::<128>::new();
        write!(text, "{}; {}", Why(ErrorKind::AddrInUse), Refused(Discard::Unauthorized)).unwrap();
        assert_eq!(text, "something else uses this address; no token or a wrong one, or a page of another origin");
    }
}
