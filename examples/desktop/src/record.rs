//! Keeps what others send: H.264 as Annex B, Opus in Ogg (RFC 7845).

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use barertc::{MediaKind, ReceivedFrame};
use ogg::writing::{PacketWriteEndInfo, PacketWriter};

/// Samples of an Opus packet of the usual 20 ms, at the 48 kHz that Ogg counts in.
const PACKET: u64 = 960;
/// The decoder's first samples are not for listening: 80 ms (RFC 7845 §4.2).
const PRE_SKIP: u16 = 3840;

/// The recordings under way, one for each who sends.
pub struct Recorder {
    folder: PathBuf,
    open: HashMap<u32, Recording>,
}

#[derive(Default)]
struct Recording {
    video: Option<BufWriter<File>>,
    /// Something is missing since the last key frame: what follows would show a picture that never was.
    torn: bool,
    audio: Option<Sound>,
}

/// An Ogg file, of which the last packet waits, since it has to say that it is the last.
struct Sound {
    out: PacketWriter<'static, BufWriter<File>>,
    serial: u32,
    first: u32,
    last: Vec<u8>,
    end: u64,
}

impl Recorder {
    /// Writes into `folder`: `0.h264`, `0.ogg`, `1.h264`, …
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), open: HashMap::new() }
    }

    /// One more frame of a sender.
    pub fn frame(&mut self, sender: u32, kind: MediaKind, frame: &ReceivedFrame, bytes: &[u8]) -> io::Result<()> {
        let folder = &self.folder;
        let create = |kind| File::create(folder.join(format!("{sender}.{kind}"))).map(BufWriter::new);
        let recording = self.open.entry(sender).or_default();
        if kind == MediaKind::Video {
            recording.torn = !frame.complete || (!frame.key && (recording.torn || frame.lost > 0));
            if recording.torn {
                return Ok(());
            }
            let out = match &mut recording.video {
                Some(out) => out,
                // A decoder can begin with a key frame only.
                None if !frame.key => return Ok(()),
                None => recording.video.insert(create("h264")?),
            };
            return out.write_all(bytes);
        }
        match &mut recording.audio {
            Some(sound) => sound.packet(frame.timestamp, bytes),
            None => {
                recording.audio = Some(Sound::begin(create("ogg")?, sender, frame.timestamp, bytes)?);
                Ok(())
            }
        }
    }

    /// There will be no more of this sender.
    pub fn end(&mut self, sender: u32) -> io::Result<()> {
        let Some(recording) = self.open.remove(&sender) else { return Ok(()) };
        if let Some(mut video) = recording.video {
            video.flush()?;
        }
        recording.audio.map_or(Ok(()), Sound::end)
    }

    /// There will be no more at all.
    pub fn end_all(&mut self) -> io::Result<()> {
        let senders: Vec<u32> = self.open.keys().copied().collect();
        senders.into_iter().try_for_each(|sender| self.end(sender))
    }
}

impl Sound {
    fn begin(file: BufWriter<File>, serial: u32, first: u32, packet: &[u8]) -> io::Result<Self> {
        let mut out = PacketWriter::new(file);
        let mut head = b"OpusHead\x01\x02".to_vec();
        head.extend_from_slice(&PRE_SKIP.to_le_bytes());
        head.extend_from_slice(&48_000_u32.to_le_bytes());
        // No gain, and the mapping of one stream with two channels.
        head.extend_from_slice(&[0, 0, 0]);
        out.write_packet(head, serial, PacketWriteEndInfo::EndPage, 0)?;
        let mut tags = b"OpusTags\x07\0\0\0barertc".to_vec();
        tags.extend_from_slice(&[0; 4]);
        out.write_packet(tags, serial, PacketWriteEndInfo::EndPage, 0)?;
        Ok(Self { out, serial, first, last: packet.to_vec(), end: PACKET })
    }

    /// Time goes on by RTP's clock, so that what was lost leaves its gap.
    fn packet(&mut self, timestamp: u32, bytes: &[u8]) -> io::Result<()> {
        let last = std::mem::replace(&mut self.last, bytes.to_vec());
        self.out.write_packet(last, self.serial, PacketWriteEndInfo::NormalPacket, self.end)?;
        self.end = u64::from(timestamp.wrapping_sub(self.first)) + PACKET;
        Ok(())
    }

    fn end(mut self) -> io::Result<()> {
        self.out.write_packet(self.last, self.serial, PacketWriteEndInfo::EndStream, self.end)?;
        self.out.inner_mut().flush()
    }
}
