//! Frames from storage to the viewers, each at its time.

use core::time::Duration;

use barertc::{Frame, FrameCodec, FrameInfo, Framing};
use barertc_media::{
    Directory, DirectoryConfig, Error, ErrorKind, Frame as Stored, Kind, Pacer, Packed, PackedConfig, Source, Storage,
};
use barertc_wire::Instant;
use core::fmt::Write;

use crate::Board;
use crate::app::App;

/// Key frames that viewers ask for come no closer together than this.
const KEY_FRAME_INTERVAL: Duration = Duration::from_millis(500);
/// Without viewers, and after trouble, it is looked this often whether something has changed.
const IDLE: Duration = Duration::from_millis(50);
const RETRY: Duration = Duration::from_secs(2);

const KINDS: [Kind; 2] = [Kind::H264, Kind::Opus];

/// What is played: up to one track of each kind, with one frame of each read ahead; and the pictures in a smaller
/// rendition, for viewers whose path does not carry the large one.
struct Player<S: Storage, A: barertc::Allocator> {
    tracks: [Option<Source<S, A>>; 2],
    ahead: [Option<Stored<A>>; 2],
    small: Option<Source<S, A>>,
    small_ahead: Option<Stored<A>>,
    pacer: Pacer<2>,
    key_frame_at: Option<Instant>,
}

/// Plays for ever; trouble with the media is said on the page and in the log, and tried again.
pub(crate) async fn play<B: Board, S: Storage>(app: &App<'_, B>, storage: &mut S) {
    loop {
        let trouble = match Player::open(app, storage).await {
            Ok(mut player) => player.run(app, storage).await,
            Err(error) => error,
        };
        {
            let mut text = app.trouble.borrow_mut();
            text.clear();
            // What is too long for the room is cut.
            let _ = write!(text, "{trouble}");
        }
        app.board.log(format_args!("media: {trouble}"));
        app.board.sleep_until(app.board.now() + RETRY).await;
    }
}

impl<S: Storage, A: barertc::Allocator + Clone> Player<S, A> {
    async fn open<B: Board<Psram = A>>(app: &App<'_, B>, storage: &mut S) -> Result<Self, Error<S::Error>> {
        let mut tracks = [None, None];
        let mut missing = None;
        for (track, kind) in tracks.iter_mut().zip(KINDS) {
            match open(app, storage, kind).await {
                Ok(source) => *track = Some(source),
                // Picture without sound, or sound without picture, is better than nothing.
                Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::NoSuchTrack) => {
                    missing = missing.or(Some(error));
                }
                Err(error) => return Err(error),
            }
        }
        let small = open_small(app, storage).await;
        // Pictures and sound, or what a viewer is thought to have room for.
        let bitrate = tracks.iter().flatten().filter_map(Source::bitrate).fold(0, u64::saturating_add);
        app.viewers.borrow_mut().large_bitrate = small.as_ref().map(|_| bitrate);
        match missing {
            Some(error) if tracks.iter().all(Option::is_none) => Err(error),
            _ => Ok(Self {
                tracks,
                ahead: [None, None],
                small,
                small_ahead: None,
                pacer: Pacer::new(KINDS.map(Kind::clock_rate)),
                key_frame_at: None,
            }),
        }
    }

    async fn run<B: Board<Psram = A>>(&mut self, app: &App<'_, B>, storage: &mut S) -> Error<S::Error> {
        loop {
            if app.viewers.borrow().connected() == 0 {
                // Nobody watches: what was read ahead is nobody's either.
                (self.ahead, self.small_ahead) = ([None, None], None);
                app.board.sleep_until(app.board.now() + IDLE).await;
                continue;
            }
            self.answer_key_frame_request(app);
            app.viewers.borrow_mut().choose_renditions(app.board.now());
            if let Err(error) = self.read_ahead(app, storage).await {
                return error;
            }
            app.trouble.borrow_mut().clear();
            let now = app.board.now();
            match self.pacer.poll(now) {
                Some(track) => self.send(app, now, track),
                None => app.board.sleep_until(self.pacer.due().unwrap_or(now)).await,
            }
        }
    }

    fn answer_key_frame_request<B: Board<Psram = A>>(&mut self, app: &App<'_, B>) {
        let now = app.board.now();
        let mut viewers = app.viewers.borrow_mut();
        if !viewers.key_frame_wanted || self.key_frame_at.is_some_and(|at| now - at < KEY_FRAME_INTERVAL) {
            return;
        }
        viewers.key_frame_wanted = false;
        self.key_frame_at = Some(now);
        let [video, audio] = &mut self.tracks;
        let [picture, sound] = &mut self.ahead;
        if !picture.as_ref().is_some_and(|frame| frame.keyframe)
            && let Some(video) = video
        {
            let at = video.seek_key_frame();
            (*picture, self.small_ahead) = (None, None);
            // Sound goes where the picture went, or lips and voice would part.
            if let Some(audio) = audio {
                audio.seek_time(at);
                *sound = None;
            }
        }
    }

    async fn read_ahead<B: Board<Psram = A>>(
        &mut self,
        app: &App<'_, B>,
        storage: &mut S,
    ) -> Result<(), Error<S::Error>> {
        let [video, _] = &mut self.tracks;
        let [picture, _] = &mut self.ahead;
        if let (Some(small), None, None, Some(at)) =
            (&mut self.small, &picture, &self.small_ahead, video.as_ref().and_then(Source::position))
            && app.viewers.borrow().is_small_wanted()
        {
            // Both renditions show the same at the same time.
            if small.position() != Some(at) {
                small.seek_time(at);
            }
            // Without it those who have it miss a picture, and go on with its next key frame.
            self.small_ahead = small.next(storage).await.ok();
        }
        for (source, ahead) in self.tracks.iter_mut().zip(&mut self.ahead) {
            if let (Some(source), None) = (source, &ahead) {
                match source.next(storage).await {
                    Ok(frame) => *ahead = Some(frame),
                    // Memory comes back when frames have been sent; until then this frame's time passes.
                    Err(Error { kind: ErrorKind::OutOfMemory, .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn send<B: Board<Psram = A>>(&mut self, app: &App<'_, B>, now: Instant, track: usize) {
        let stored = self.ahead.get_mut(track).and_then(Option::take);
        // A frame that could not be read leaves a gap as long as a frame usually is.
        let usual = KINDS.get(track).map_or(1, |kind| kind.clock_rate() / if *kind == Kind::H264 { 30 } else { 50 });
        let timestamp = self.pacer.advance(track, stored.as_ref().map_or(usual, |frame| frame.duration));
        let small = (track == 0).then(|| self.small_ahead.take()).flatten();
        let Some(stored) = stored else { return };
        let info = FrameInfo { timestamp: timestamp as u32, ..FrameInfo::default() };
        let (codec, framing) = match stored.kind {
            Kind::H264 => (FrameCodec::H264, Framing::Length4),
            Kind::Opus => (FrameCodec::Opus, Framing::Whole),
        };
        let Ok(frame) = Frame::new(stored.data, codec, framing, info, app.board.psram("frames")) else { return };
        let small = small.and_then(|s| Frame::new(s.data, codec, framing, info, app.board.psram("frames")).ok());
        let mut viewers = app.viewers.borrow_mut();
        match stored.kind {
            Kind::H264 => viewers.send_video(now, &frame, small.as_ref()),
            Kind::Opus => viewers.send_audio(now, &frame),
        }
        app.wake.signal(());
    }
}

/// The smaller rendition beside a packed file: `NAME-small.brtc` for `NAME.brtc`, with the same pictures at the same
/// times. Whoever has none plays what there is to everybody.
async fn open_small<B: Board, S: Storage>(app: &App<'_, B>, storage: &mut S) -> Option<Source<S, B::Psram>> {
    let mut path = heapless::String::<64>::new();
    write!(path, "{}-small.brtc", app.settings.media.strip_suffix(".brtc")?).ok()?;
    let alloc = app.board.psram("frames");
    Packed::open(storage, &path, Kind::H264, PackedConfig::default(), alloc).await.ok().map(Source::Packed)
}

/// A packed file, or a directory with a directory for each kind.
async fn open<B: Board, S: Storage>(
    app: &App<'_, B>,
    storage: &mut S,
    kind: Kind,
) -> Result<Source<S, B::Psram>, Error<S::Error>> {
    let (path, alloc) = (app.settings.media, app.board.psram("frames"));
    if path.ends_with(".brtc") {
        return Packed::open(storage, path, kind, PackedConfig::default(), alloc).await.map(Source::Packed);
    }
    let mut full = heapless::String::<64>::new();
    let (separator, name) = (if path.is_empty() { "" } else { "/" }, if kind == Kind::H264 { "h264" } else { "opus" });
    if write!(full, "{path}{separator}{name}").is_err() {
        return Err(Error { path: full, offset: 0, kind: ErrorKind::PathTooLong });
    }
    let config = match kind {
        Kind::H264 => DirectoryConfig { frame_duration: 3_000, ..DirectoryConfig::default() },
        Kind::Opus => DirectoryConfig::default(),
    };
    Directory::open(storage, &full, kind, config, alloc).await.map(Source::Directory)
}
