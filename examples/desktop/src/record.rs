//! Keeps what others send: H.264 as Annex B, Opus in Ogg (RFC 7845).

use std::collections::HashMap;
use std::fmt;
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
    /// The number of the first recording of this run: behind all that the folder has.
    first: u32,
    /// Bytes that may be written in this run, and those that still may.
    limit: u64,
    left: u64,
    /// They are used up.
    full: bool,
    open: HashMap<u32, Recording>,
    /// Senders who are here still, and whose recordings ended at the limit.
    cut: Vec<u32>,
}

/// How the recording of a sender has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With what was sent last.
    Whole,
    /// At the limit of so many bytes, before the sender did.
    Cut(u64),
    /// With gaps, or not at all: something of it could not be written.
    Broken,
    /// There is none: no key frame and no sound came, or the limit was reached before.
    Nothing,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("is whole"),
            Self::Cut(limit) => write!(f, "is cut: the limit of {limit} bytes is reached"),
            Self::Broken => f.write_str("has gaps: something could not be written"),
            Self::Nothing => f.write_str("has nothing: no key frame and no sound came in time"),
        }
    }
}

#[derive(Default)]
struct Recording {
    video: Option<BufWriter<File>>,
    /// Something is missing since the last key frame: what follows would show a picture that never was.
    torn: bool,
    audio: Option<Sound>,
    /// Something could not be written.
    broken: bool,
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
    /// Writes into `folder`: `0.h264`, `0.ogg`, `1.h264`, … What is there already is left alone: numbers go on behind it.
    /// `limit` bytes are written at most.
    pub fn new(folder: &Path, limit: u64) -> io::Result<Self> {
        let mut first = 0;
        for entry in std::fs::read_dir(folder)? {
            let path = PathBuf::from(entry?.file_name());
            let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u32>().ok());
            first = first.max(number.map_or(0, |number| number.saturating_add(1)));
        }
        Ok(Self {
            folder: folder.to_owned(),
            first,
            limit,
            left: limit,
            full: false,
            open: HashMap::new(),
            cut: Vec::new(),
        })
    }

    /// One more frame of a sender.
    pub fn frame(&mut self, sender: u32, kind: MediaKind, frame: &ReceivedFrame, bytes: &[u8]) -> io::Result<()> {
        if self.full {
            return Ok(());
        }
        if let Some(left) = self.left.checked_sub(bytes.len() as u64) {
            self.left = left;
        } else {
            // What there is stays whole; nothing is added to it any more.
            self.full = true;
            self.cut = self.open.keys().copied().collect();
            self.end_all()?;
            let limit = self.limit;
            return Err(io::Error::other(format!(
                "the limit of {limit} bytes is reached, and nothing more is recorded"
            )));
        }
        let kept = self.keep(sender, kind, frame, bytes);
        if let Some(recording) = self.open.get_mut(&sender) {
            recording.broken |= kept.is_err();
        }
        kept
    }

    fn keep(&mut self, sender: u32, kind: MediaKind, frame: &ReceivedFrame, bytes: &[u8]) -> io::Result<()> {
        let (folder, number) = (&self.folder, self.number(sender));
        let create = |kind| File::create_new(folder.join(format!("{number}.{kind}"))).map(BufWriter::new);
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

    /// The number in the names of this sender's files.
    pub const fn number(&self, sender: u32) -> u32 {
        self.first.saturating_add(sender)
    }

    /// There will be no more of this sender.
    pub fn end(&mut self, sender: u32) -> io::Result<End> {
        if let Some(at) = self.cut.iter().position(|cut| *cut == sender) {
            self.cut.swap_remove(at);
            return Ok(End::Cut(self.limit));
        }
        self.close(sender)
    }

    /// Ends the files of a sender.
    fn close(&mut self, sender: u32) -> io::Result<End> {
        let Some(recording) = self.open.remove(&sender) else { return Ok(End::Nothing) };
        let any = recording.video.is_some() || recording.audio.is_some();
        if let Some(mut video) = recording.video {
            video.flush()?;
        }
        recording.audio.map_or(Ok(()), Sound::end)?;
        Ok(match (recording.broken, any) {
            (true, _) => End::Broken,
            (false, true) => End::Whole,
            (false, false) => End::Nothing,
        })
    }

    /// There will be no more at all.
    pub fn end_all(&mut self) -> io::Result<()> {
        let senders: Vec<u32> = self.open.keys().copied().collect();
        senders.into_iter().try_for_each(|sender| self.close(sender).map(|_| ()))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key_frame() -> ReceivedFrame {
        let arrived = barertc::Instant::ZERO;
        ReceivedFrame {
            len: 0,
            timestamp: 0,
            key: true,
            complete: true,
            lost: 0,
            arrived,
            captured: None,
            audio_level: None,
            video_orientation: None,
        }
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("barertc-record-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn an_earlier_recording_is_never_written_over() {
        let folder = folder("over");
        for name in ["0.h264", "7.ogg", "notes.txt"] {
            std::fs::write(folder.join(name), "precious").unwrap();
        }
        for run in 0..2 {
            let mut recorder = Recorder::new(&folder, 1 << 20).unwrap();
            recorder.frame(0, MediaKind::Video, &key_frame(), b"picture").unwrap();
            recorder.end(0).unwrap();
            assert_eq!(std::fs::read(folder.join(format!("{}.h264", 8 + run))).unwrap(), b"picture");
        }
        for name in ["0.h264", "7.ogg", "notes.txt"] {
            assert_eq!(std::fs::read(folder.join(name)).unwrap(), b"precious", "{name}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_end_of_a_recording_is_told_as_it_was() {
        let folder = folder("end");
        std::fs::write(folder.join("4.h264"), "precious").unwrap();
        let mut recorder = Recorder::new(&folder, 250).unwrap();
        let inter = ReceivedFrame { key: false, ..key_frame() };
        for sender in 0..2 {
            recorder.frame(sender, MediaKind::Video, &key_frame(), &[0; 100]).unwrap();
        }
        recorder.frame(2, MediaKind::Video, &inter, &[0; 10]).unwrap();
        assert_eq!((recorder.number(0), recorder.end(0).unwrap()), (5, End::Whole));
        assert!(recorder.frame(1, MediaKind::Video, &key_frame(), &[0; 100]).is_err());
        recorder.frame(3, MediaKind::Video, &key_frame(), &[0; 100]).unwrap();
        assert_eq!((recorder.number(1), recorder.end(1).unwrap()), (6, End::Cut(250)));
        for sender in [1, 3, 4] {
            assert_eq!(recorder.end(sender).unwrap(), End::Nothing, "{sender}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_could_not_be_written_is_told_at_the_end() {
        let folder = folder("broken");
        let mut recorder = Recorder::new(&folder, 1_000).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(recorder.frame(0, MediaKind::Video, &key_frame(), &[0; 100]).is_err());
        std::fs::create_dir_all(&folder).unwrap();
        recorder.frame(0, MediaKind::Video, &key_frame(), &[0; 100]).unwrap();
        assert_eq!(recorder.end(0).unwrap(), End::Broken);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_recording_has_a_bound() {
        let folder = folder("bound");
        let mut recorder = Recorder::new(&folder, 1_000).unwrap();
        let refused: Vec<bool> =
            (0..20).map(|_| recorder.frame(0, MediaKind::Video, &key_frame(), &[0; 100]).is_err()).collect();
        assert_eq!(refused.iter().filter(|refused| **refused).count(), 1, "it is said once");
        recorder.end_all().unwrap();
        assert_eq!(std::fs::metadata(folder.join("0.h264")).unwrap().len(), 1_000);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
