//! The transforms of SRTP and SRTCP, in place: encryption, authentication, and the position of the tag.

use barertc_crypto::{Provider, constant_time_eq};

use crate::error::Error;
use crate::header::RTCP_CLEAR;
use crate::keys::{Cipher, Keys};

/// The bit before the SRTCP index that says that the packet is encrypted (RFC 3711 §3.4).
pub(crate) const E_BIT: u32 = 0x8000_0000;

const GCM_TAG: usize = 16;
const WORD: usize = 4;

impl<P: Provider> Keys<P> {
    /// Encrypts `buf[header..len]`, appends the tag, and returns the packet's new length.
    pub(crate) fn seal_rtp(
        &self,
        provider: &P,
        buf: &mut [u8],
        (header, len): (usize, usize),
        ssrc: u32,
        index: u64,
    ) -> Result<usize, Error> {
        let short = Error::BufferTooShort { needed: len.saturating_add(self.tag_len()) };
        let (packet, room) = buf.split_at_mut_checked(len).ok_or(short)?;
        match &self.cipher {
            Cipher::Cm { key, auth, tag_len } => {
                let tag = room.get_mut(..*tag_len).ok_or(short)?;
                let payload = packet.get_mut(header..).ok_or(short)?;
                provider.aes_ctr(key, &self.counter(ssrc, index), payload);
                // The roll-over counter is authenticated, and not sent (RFC 3711 §4.2).
                copy(tag, &provider.hmac_sha1(auth, &[packet, &roc(index)]));
                Ok(len.saturating_add(*tag_len))
            }
            Cipher::Gcm { key } => {
                let tag = room.get_mut(..GCM_TAG).ok_or(short)?;
                let (aad, payload) = packet.split_at_mut_checked(header).ok_or(short)?;
                copy(tag, &provider.gcm_seal(key, &self.nonce(ssrc, index), aad, payload));
                Ok(len.saturating_add(GCM_TAG))
            }
        }
    }

    fn tag_len(&self) -> usize {
        match &self.cipher {
            Cipher::Cm { tag_len, .. } => *tag_len,
            Cipher::Gcm { .. } => GCM_TAG,
        }
    }

    /// Checks the tag, decrypts, and returns the length of the RTP packet.
    pub(crate) fn open_rtp(
        &self,
        provider: &P,
        datagram: &mut [u8],
        header: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<usize, Bad> {
        match &self.cipher {
            Cipher::Cm { key, auth, tag_len } => {
                let len = datagram.len().checked_sub(*tag_len).ok_or(Bad::Short)?;
                let (packet, tag) = datagram.split_at_mut_checked(len).ok_or(Bad::Short)?;
                if header > len {
                    return Err(Bad::Short);
                }
                verify(&provider.hmac_sha1(auth, &[packet, &roc(index)]), tag)?;
                let payload = packet.get_mut(header..).ok_or(Bad::Short)?;
                provider.aes_ctr(key, &self.counter(ssrc, index), payload);
                Ok(len)
            }
            Cipher::Gcm { key } => {
                let (packet, tag) = datagram.split_last_chunk_mut::<GCM_TAG>().ok_or(Bad::Short)?;
                let (aad, payload) = packet.split_at_mut_checked(header).ok_or(Bad::Short)?;
                provider.gcm_open(key, &self.nonce(ssrc, index), aad, payload, tag).map_err(|_| Bad::Tag)?;
                Ok(packet.len())
            }
        }
    }

    /// Encrypts a compound packet after its first 8 bytes, appends tag and index, and returns the packet's new length.
    pub(crate) fn seal_rtcp(
        &self,
        provider: &P,
        buf: &mut [u8],
        len: usize,
        ssrc: u32,
        index: u32,
    ) -> Result<usize, Error> {
        let short = Error::BufferTooShort { needed: len.saturating_add(self.tag_len()).saturating_add(WORD) };
        let word = (index | E_BIT).to_be_bytes();
        match &self.cipher {
            Cipher::Cm { key, auth, tag_len } => {
                let end = len.saturating_add(WORD);
                let total = end.saturating_add(*tag_len);
                let (signed, tag) = buf.get_mut(..total).and_then(|b| b.split_at_mut_checked(end)).ok_or(short)?;
                let payload = signed.get_mut(RTCP_CLEAR..len).ok_or(short)?;
                provider.aes_ctr(key, &self.counter(ssrc, index.into()), payload);
                copy(signed.get_mut(len..).unwrap_or_default(), &word);
                copy(tag, &provider.hmac_sha1(auth, &[signed]));
                Ok(total)
            }
            Cipher::Gcm { key } => {
                let total = len.saturating_add(GCM_TAG).saturating_add(WORD);
                let (packet, trailer) = buf.get_mut(..total).and_then(|b| b.split_at_mut_checked(len)).ok_or(short)?;
                let (clear, payload) = packet.split_first_chunk_mut::<RTCP_CLEAR>().ok_or(short)?;
                let tag = provider.gcm_seal(key, &self.nonce(ssrc, index.into()), &rtcp_aad(clear, word), payload);
                let (tag_room, word_room) = trailer.split_at_mut_checked(GCM_TAG).ok_or(short)?;
                copy(tag_room, &tag);
                copy(word_room, &word);
                Ok(total)
            }
        }
    }

    /// The word with the E bit and the index of a protected compound packet.
    pub(crate) fn rtcp_word(&self, datagram: &[u8]) -> Option<u32> {
        let end = match &self.cipher {
            Cipher::Cm { tag_len, .. } => datagram.len().checked_sub(*tag_len)?,
            Cipher::Gcm { .. } => datagram.len(),
        };
        datagram.get(RTCP_CLEAR..end)?.last_chunk().map(|word| u32::from_be_bytes(*word))
    }

    /// Checks the tag, decrypts when the E bit is set, and returns the length of the RTCP packet.
    pub(crate) fn open_rtcp(&self, provider: &P, datagram: &mut [u8], ssrc: u32, word: u32) -> Result<usize, Bad> {
        let index = u64::from(word & !E_BIT);
        let encrypted = word & E_BIT != 0;
        match &self.cipher {
            Cipher::Cm { key, auth, tag_len } => {
                let end = datagram.len().checked_sub(*tag_len).ok_or(Bad::Short)?;
                let (signed, tag) = datagram.split_at_mut_checked(end).ok_or(Bad::Short)?;
                let len = end.checked_sub(WORD).ok_or(Bad::Short)?;
                let payload = signed.get(RTCP_CLEAR..len).ok_or(Bad::Short)?.len();
                verify(&provider.hmac_sha1(auth, &[signed]), tag)?;
                if encrypted {
                    let payload = signed.get_mut(RTCP_CLEAR..).and_then(|b| b.get_mut(..payload)).ok_or(Bad::Short)?;
                    provider.aes_ctr(key, &self.counter(ssrc, index), payload);
                }
                Ok(len)
            }
            Cipher::Gcm { key } => {
                let (rest, word) = datagram.split_last_chunk_mut::<WORD>().ok_or(Bad::Short)?;
                let (packet, tag) = rest.split_last_chunk_mut::<GCM_TAG>().ok_or(Bad::Short)?;
                let len = packet.len();
                let (clear, payload) = packet.split_first_chunk_mut::<RTCP_CLEAR>().ok_or(Bad::Short)?;
                let nonce = self.nonce(ssrc, index);
                if encrypted {
                    provider.gcm_open(key, &nonce, &rtcp_aad(clear, *word), payload, tag).map_err(|_| Bad::Tag)?;
                } else {
                    // All bytes are associated data, with the word at the end (RFC 7714 §9.3). So the word moves to the
                    // place of the tag.
                    let (word, tag) = (*word, *tag);
                    let end = len.saturating_add(WORD);
                    copy(datagram.get_mut(len..end).unwrap_or_default(), &word);
                    let aad = datagram.get(..end).ok_or(Bad::Short)?;
                    provider.gcm_open(key, &nonce, aad, &mut [], &tag).map_err(|_| Bad::Tag)?;
                }
                Ok(len)
            }
        }
    }
}

/// The reason why a packet could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    Short,
    Tag,
}

/// The roll-over counter: the upper 32 of the 48 bits of the index.
fn roc(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

/// The associated data of an encrypted RTCP packet (RFC 7714 §9.2).
fn rtcp_aad(clear: &[u8; RTCP_CLEAR], word: [u8; WORD]) -> [u8; RTCP_CLEAR + WORD] {
    let mut aad = [0; RTCP_CLEAR + WORD];
    for (to, from) in aad.iter_mut().zip(clear.iter().chain(&word)) {
        *to = *from;
    }
    aad
}

/// Copies as many bytes of `from` as `to` has room for.
fn copy(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

fn verify(computed: &[u8; 20], tag: &[u8]) -> Result<(), Bad> {
    match computed.get(..tag.len()) {
        Some(computed) if constant_time_eq(computed, tag) => Ok(()),
        _ => Err(Bad::Tag),
    }
}
