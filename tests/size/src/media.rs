//! The tracks of the profiles with media.

use barertc::arena::Heap;
use barertc::{
    Direction, Event, Frame, FrameInfo, Framing, LocalCodec, MediaKind, PayloadFormat, TrackConfig, TrackId,
};

use crate::{FRAMES, Peer, asked, give, now, take};

/// One video and one sound.
pub struct Tracks {
    video: TrackId,
    audio: TrackId,
}

impl Tracks {
    /// H.264 and Opus, in the directions of a profile.
    pub fn add(peer: &mut Peer<'_>, direction: Direction) -> Option<Self> {
        let track = |kind, mid, codec| {
            let mut track = TrackConfig::sendonly(kind, mid, "stream", [codec]).ok()?;
            track.direction = direction;
            Some(track)
        };
        let video = track(MediaKind::Video, "video", LocalCodec::h264())?;
        let audio = track(MediaKind::Audio, "audio", LocalCodec::opus())?;
        Some(Self { video: peer.add_track(now(), video).ok()?, audio: peer.add_track(now(), audio).ok()? })
    }

    /// Sends what a camera and a microphone have.
    pub fn send<'m>(&self, peer: &mut Peer<'m>, heap: &'m Heap<'m>) {
        let mut room = [0; 2_048];
        for (track, format) in [(self.video, PayloadFormat::H264), (self.audio, PayloadFormat::Opus)] {
            if !asked(FRAMES) {
                continue;
            }
            let bytes = take(FRAMES + 1, &mut room);
            let info = FrameInfo { timestamp: now().as_millis() as u32, ..FrameInfo::default() };
            if let Ok(frame) = Frame::from_slice(bytes, format, Framing::AnnexB, info, heap) {
                let _ = peer.send_frame(now(), track, &frame);
            }
        }
    }

    /// Hands on what has come.
    pub fn receive(&self, peer: &mut Peer<'_>, event: &Event) {
        let Event::FrameReceived(track) = *event else { return };
        let mut room = [0; 2_048];
        while let Ok(frame) = peer.read_frame(now(), track, &mut room) {
            give(FRAMES, &room[..frame.len]);
        }
        if asked(FRAMES) {
            let _ = peer.request_key_frame(now(), track);
        }
    }

    /// The video, which has a bandwidth.
    #[must_use]
    pub const fn video(&self) -> TrackId {
        self.video
    }
}
