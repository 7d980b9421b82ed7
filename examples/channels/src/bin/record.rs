//! Records what a page or a WHIP publisher sends: `record FOLDER [ADDRESS:PORT [BYTES]]`.
//!
//! Pictures go to `0.h264` (Annex B), sound to `0.ogg` (Opus), the next publisher's to `1.h264`, and so on. A file that is
//! there is never written over. Not more than BYTES are written in all, 1 GiB unless it is said.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::{Context, Result};
use barertc::{Config, Error, Instant, LocalCodec, MediaKind, RecvBounds, TrackConfig, TrackId};
use barertc_channels::{App, Peer, Recorder, parse_address, serve};

const USAGE: &str = "record FOLDER [ADDRESS:PORT [BYTES]]";

/// The largest frame that is taken, in bytes.
const FRAME: usize = 512 << 10;

/// What all publishers share.
struct Shelf {
    recorder: Recorder,
    publishers: u32,
    frame: Vec<u8>,
}

/// One who sends.
struct Publisher {
    shelf: Rc<RefCell<Shelf>>,
    number: u32,
    tracks: Vec<(TrackId, MediaKind)>,
}

impl App for Publisher {
    fn config() -> Config {
        Config { recv_video: RecvBounds::video(1), recv_audio: RecvBounds::audio(1), ..Config::default() }
    }

    fn begin(&mut self, peer: &mut Peer, now: Instant) -> Result<(), Error> {
        let video = TrackConfig::recvonly(MediaKind::Video, "0", [LocalCodec::h264()])?;
        let audio = TrackConfig::recvonly(MediaKind::Audio, "1", [LocalCodec::opus()])?;
        for (kind, track) in [(MediaKind::Video, video), (MediaKind::Audio, audio)] {
            self.tracks.push((peer.add_track(now, track)?, kind));
        }
        let mut shelf = self.shelf.borrow_mut();
        self.number = shelf.publishers;
        shelf.publishers += 1;
        Ok(())
    }

    fn frame(&mut self, peer: &mut Peer, track: TrackId, now: Instant) {
        let Some((_, kind)) = self.tracks.iter().find(|(id, _)| *id == track) else { return };
        let Shelf { recorder, frame: room, .. } = &mut *self.shelf.borrow_mut();
        // What cannot be read is lost, and the connection asks for a key frame by itself.
        while let Ok(frame) = peer.read_frame(now, track, room) {
            if let Err(error) = recorder.frame(self.number, *kind, &frame, &room[..frame.len]) {
                eprintln!("{error}");
            }
        }
    }

    fn ended(&mut self) {
        let recorder = &mut self.shelf.borrow_mut().recorder;
        let number = recorder.number(self.number);
        match recorder.end(self.number) {
            Ok(end) => println!("recording {number} {end}"),
            Err(error) => eprintln!("recording {number}: {error}"),
        }
    }
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let folder = words.first().context(USAGE)?;
    let limit = words.get(2).map(|word| word.parse()).transpose().context(USAGE)?.unwrap_or(1 << 30);
    let recorder = Recorder::new(folder.as_ref(), limit).with_context(|| folder.clone())?;
    let shelf = Rc::new(RefCell::new(Shelf { recorder, publishers: 0, frame: vec![0; FRAME] }));
    let publisher = || Publisher { shelf: shelf.clone(), number: 0, tracks: Vec::new() };
    serve(parse_address(words.get(1).map(String::as_str))?, include_str!("../../pages/record.html"), publisher)
}
