use barertc_sdp::{Direction, LocalCodec, MAX_CODECS, MediaKind as Kind};

use crate::{Error, Name};

/// A track of a [`PeerConnection`](crate::PeerConnection), as a number that stays valid as long as the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrackId(pub(crate) u8);

impl TrackId {
    /// Its place among the tracks, in the order in which they were added.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a track is: the W3C's transceiver, configured whole.
#[derive(Clone, Debug)]
pub struct TrackConfig {
    /// [`Kind::Audio`] or [`Kind::Video`].
    pub kind: Kind,
    /// What we'd like to do.
    pub direction: Direction,
    /// The name of its m-line in offers of ours; in answers the remote's name is taken.
    pub mid: Name,
    /// In order of preference.
    pub codecs: heapless::Vec<LocalCodec, MAX_CODECS>,
    /// What identifies the stream we send, if we do.
    pub sending: Option<Sending>,
}

/// What identifies a stream that we send.
#[derive(Clone, Debug)]
pub struct Sending {
    /// Of the media.
    pub ssrc: u32,
    /// Of retransmissions (RFC 4588); used only when that was negotiated.
    pub rtx_ssrc: Option<u32>,
    /// RTCP canonical name.
    pub cname: Name,
    /// Media stream id (RFC 8830): tracks with the same id are played in step.
    pub stream: Name,
}

impl TrackConfig {
    /// A track with one codec that we only send.
    ///
    /// # Errors
    /// [`Error::NameTooLong`].
    pub fn sendonly(kind: Kind, mid: &str, stream: &str, ssrc: u32, codec: LocalCodec) -> Result<Self, Error> {
        let mut config = Self::recvonly(kind, mid, codec)?;
        config.direction = Direction::SendOnly;
        config.sending = Some(Sending {
            ssrc,
            // Any number that differs: with few tracks of small numbers the top bit keeps them apart.
            rtx_ssrc: codec.rtx.map(|_| ssrc ^ 0x8000_0000),
            cname: config.mid.clone(),
            stream: name(stream)?,
        });
        Ok(config)
    }

    /// A track with one codec that we only receive.
    ///
    /// # Errors
    /// [`Error::NameTooLong`].
    pub fn recvonly(kind: Kind, mid: &str, codec: LocalCodec) -> Result<Self, Error> {
        let mut codecs = heapless::Vec::new();
        codecs.push(codec).map_err(|_| Error::Config)?;
        Ok(Self { kind, direction: Direction::RecvOnly, mid: name(mid)?, codecs, sending: None })
    }
}

/// A short text of our own memory.
///
/// # Errors
/// [`Error::NameTooLong`].
pub fn name(text: &str) -> Result<Name, Error> {
    Name::try_from(text).map_err(|_| Error::NameTooLong)
}
