//! Frames from storage to the viewers, each at its time.

use core::cell::RefCell;
use core::convert::Infallible;
use core::fmt::{Display, Write};
use core::mem;
use core::pin::pin;
use core::time::Duration;

use barertc::{Frame, FrameInfo};
use barertc_media::{
    Directory, DirectoryConfig, Error, ErrorKind, FrameKind, Packed, PackedConfig, Schedule, Silence, Source,
    SourceFrame as Stored, Storage,
};
use barertc_runner::Wake;
use barertc_wire::Instant;
use embassy_futures::select::{Either, select};
use heapless::Deque;

use crate::app::App;
use crate::board::Board;
use crate::in_place::in_place;
use crate::viewers::{came, coming};

/// Key frames that viewers ask for come no closer together than this.
const KEY_FRAME_INTERVAL: Duration = Duration::from_millis(500);
/// Without viewers, and after trouble, it is looked this often whether something has changed.
const IDLE: Duration = Duration::from_millis(50);
const RETRY: Duration = Duration::from_secs(2);

/// Clock rates of pictures and of sound.
const RATES: [u32; 2] = [FrameKind::H264.clock_rate(), FrameKind::Opus.clock_rate()];
/// Usual frames of them a second.
const USUAL: [u32; 2] = [30, 50];

/// What is played: up to one track of pictures, and one of sound.
type Tracks<S, A> = [Option<Source<S, A>>; 2];

/// A frame, and the same picture in a smaller rendition where somebody has that.
struct Renditions<A: barertc::Allocator> {
    large: Stored<A>,
    small: Option<Stored<A>>,
}

/// Frames that are read ahead of their time, so that a flash that is slow with one large frame delays none: a quarter of
/// a second of each kind. A frame that there was no memory for is a gap, which the page and the log tell.
struct Ahead<A: barertc::Allocator> {
    frames: RefCell<[Deque<Option<Renditions<A>>, DEPTH>; 2]>,
    /// A frame was taken, or put there.
    taken: Wake,
    put: Wake,
}

/// Most frames of a kind that are read ahead; sound has shorter ones.
const DEPTH: usize = 12;
const VIDEO_AHEAD: usize = 8;

/// Plays for ever; trouble with the media is said on the page and in the log, and tried again.
pub(crate) async fn play<B: Board, S: Storage>(app: &App<'_, B>, storage: &mut S) {
    app.find_video();
    loop {
        let trouble = match open_tracks(app, storage).await {
            Ok(mut tracks) => {
                match &tracks {
                    [Some(pictures), _] => app.set_video(app.board.now(), pictures.kind()),
                    [None, _] => app.set_no_video(),
                }
                let ahead =
                    Ahead { frames: RefCell::new([Deque::new(), Deque::new()]), taken: Wake::new(), put: Wake::new() };
                let kind = tracks.first().and_then(Option::as_ref).map_or(FrameKind::H264, Source::kind);
                let mut small = open_small(app, storage, kind).await;
                // Pictures and sound together are what a viewer is thought to have room for.
                let bitrate = tracks.iter().flatten().filter_map(Source::bitrate).fold(0, u64::saturating_add);
                app.viewers.borrow_mut().set_large_bitrate(small.as_ref().map(|_| bitrate));
                let there = tracks.each_ref().map(Option::is_some);
                let reading = pin!(in_place(|| ahead.read(app, storage, &mut tracks, &mut small)));
                let sending = pin!(in_place(|| ahead.send(app, there)));
                match select(reading, sending).await {
                    Either::First(error) => error,
                    Either::Second(never) => match never {},
                }
            }
            Err(error) => error,
        };
        app.set_no_video();
        app.status.set_trouble(format_args!("{trouble}"));
        app.board.log(format_args!("media: {trouble}"));
        app.board.sleep_until(app.board.now() + RETRY).await;
    }
}

async fn open_tracks<B: Board, S: Storage>(
    app: &App<'_, B>,
    storage: &mut S,
) -> Result<Tracks<S, B::Psram>, Error<S::Error>> {
    let mut tracks = [None, None];
    let mut missing = None;
    for (track, kinds) in tracks.iter_mut().zip([&FrameKind::VIDEO[..], &[FrameKind::Opus]]) {
        for kind in kinds {
            match open(app, storage, *kind).await {
                Ok(source) => {
                    *track = Some(source);
                    break;
                }
                // Picture without sound, or sound without picture, is better than nothing.
                Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::NoSuchTrack) => {
                    missing = missing.or(Some(error));
                }
                Err(error) => return Err(error),
            }
        }
    }
    match missing {
        Some(error) if tracks.iter().all(Option::is_none) => Err(error),
        _ => Ok(tracks),
    }
}

impl<A: barertc::Allocator + Clone> Ahead<A> {
    /// Reads ahead until something is wrong.
    async fn read<B: Board<Psram = A>, S: Storage>(
        &self,
        app: &App<'_, B>,
        storage: &mut S,
        tracks: &mut Tracks<S, A>,
        small: &mut Option<Source<S, A>>,
    ) -> Error<S::Error> {
        let (mut key_frame_at, mut had_memory) = (None, [true; 2]);
        loop {
            if app.viewers.borrow().expected() == 0 {
                // Nobody watches: what was read ahead is nobody's either.
                self.frames.borrow_mut().iter_mut().for_each(Deque::clear);
                select(coming(&app.viewers), app.board.sleep_until(app.board.now() + IDLE)).await;
                continue;
            }
            self.answer_key_frame_request(app, tracks, &mut key_frame_at);
            let Some(n) = self.neediest(tracks) else {
                // Or the last viewer goes, and nobody takes any more.
                select(self.taken.wait(), app.board.sleep_until(app.board.now() + IDLE)).await;
                continue;
            };
            let Some(source) = tracks.get_mut(n).and_then(Option::as_mut) else { continue };
            let position = source.position();
            let frame = match source.next(storage).await {
                Ok(large) => {
                    let wanted = large.kind.is_video() && app.viewers.borrow().is_small_wanted();
                    let small = small.as_mut().zip(position).filter(|_| wanted);
                    Some(Renditions { large, small: read_small(storage, small).await })
                }
                // Memory comes back when frames have been sent; until then this frame's time passes.
                Err(error @ Error { kind: ErrorKind::OutOfMemory, .. }) => {
                    app.status.set_trouble(format_args!("{error}"));
                    if had_memory.get_mut(n).is_some_and(|had| mem::replace(had, false)) {
                        app.board.log(format_args!("media: {error}; frames are left out until there is some"));
                    }
                    None
                }
                Err(error) => return error,
            };
            if let Some(had) = had_memory.get_mut(n).filter(|_| frame.is_some()) {
                *had = true;
            }
            // Small frames of sound may have memory while pictures have none.
            if had_memory == [true; 2] {
                app.status.clear_trouble();
            }
            if let Some(queue) = self.frames.borrow_mut().get_mut(n) {
                // It has room, or this track would not be in need.
                let _ = queue.push_back(frame);
            }
            self.put.signal(());
        }
    }

    /// The track that will be without frames first, if any has room for one.
    fn neediest<S: Storage>(&self, tracks: &Tracks<S, A>) -> Option<usize> {
        let frames = self.frames.borrow();
        let stock = |n: usize, len: usize| len.saturating_mul(if n == 0 { 5 } else { 3 });
        let open =
            frames.iter().zip(tracks).enumerate().filter(|(n, (queue, track))| {
                track.is_some() && queue.len() < if *n == 0 { VIDEO_AHEAD } else { DEPTH }
            });
        open.map(|(n, (queue, _))| (stock(n, queue.len()), n)).min().map(|(_, n)| n)
    }

    fn answer_key_frame_request<B: Board<Psram = A>, S: Storage>(
        &self,
        app: &App<'_, B>,
        tracks: &mut Tracks<S, A>,
        last: &mut Option<Instant>,
    ) {
        let now = app.board.now();
        let mut viewers = app.viewers.borrow_mut();
        if !viewers.is_key_frame_wanted() {
            return;
        }
        let [video, audio] = tracks;
        let mut frames = self.frames.borrow_mut();
        let is_next = frames[0].front().is_some_and(|next| next.as_ref().is_some_and(|frame| frame.large.keyframe));
        if !is_next && last.is_some_and(|at| now - at < KEY_FRAME_INTERVAL) {
            return;
        }
        viewers.key_frame_comes();
        *last = Some(now);
        if is_next {
            return;
        }
        if let Some(video) = video {
            let at = video.seek_key_frame();
            // Sound goes where the picture went, or lips and voice would part.
            if let Some(audio) = audio {
                audio.seek_time(at);
            }
            frames.iter_mut().for_each(Deque::clear);
        }
    }

    /// Sends each frame at its time; `there` says which tracks there are.
    async fn send<B: Board<Psram = A>>(&self, app: &App<'_, B>, there: [bool; 2]) -> Infallible {
        let (mut pacer, mut silence) = (Schedule::<2>::new(RATES), Silence::new());
        loop {
            if app.viewers.borrow().connected() == 0 {
                select(came(&app.viewers), app.board.sleep_until(app.board.now() + IDLE)).await;
                continue;
            }
            let now = app.board.now();
            let Some(track) = pacer.poll(now) else {
                app.board.sleep_until(pacer.due().unwrap_or(now)).await;
                continue;
            };
            let next = self.frames.borrow_mut().get_mut(track).and_then(Deque::pop_front);
            let frame = match next {
                None if there.get(track) == Some(&true) => {
                    // The storage is slower than the media: the whole schedule waits for it.
                    select(self.put.wait(), app.board.sleep_until(now + IDLE)).await;
                    continue;
                }
                frame => frame.flatten(),
            };
            self.taken.signal(());
            // A frame that could not be read leaves a gap as long as a frame usually is.
            let usual = RATES.get(track).zip(USUAL.get(track)).map_or(1, |(rate, frames)| rate / frames);
            let timestamp = pacer.advance(track, frame.as_ref().map_or(usual, |frame| frame.large.duration));
            app.viewers.borrow_mut().choose_renditions(now);
            if let Some(Renditions { large, small }) = frame {
                // Without memory its time passes, as above; a file's frames were checked when they were read.
                if let Err(error) = give(app, now, large, small, timestamp as u32, &mut silence) {
                    app.status.set_trouble(format_args!("{error}"));
                }
            }
        }
    }
}

/// Gives a frame to all viewers, unless it is silence of which they know already.
///
/// # Errors
/// Where there was no memory to, or the frame cannot be sent.
pub(crate) fn give<B: Board>(
    app: &App<'_, B>,
    now: Instant,
    stored: Stored<B::Psram>,
    small: Option<Stored<B::Psram>>,
    timestamp: u32,
    silence: &mut Silence,
) -> Result<(), impl Display + use<B>> {
    let kind = stored.kind;
    let talkspurt = if kind == FrameKind::Opus { silence.pass(&stored.data) } else { Some(false) };
    let Some(talkspurt) = talkspurt else { return Ok(()) };
    let info = FrameInfo { timestamp, talkspurt, ..FrameInfo::default() };
    let frame = |data| Frame::new(data, kind.payload_format(), kind.framing(), info, app.board.psram("frames"));
    let small = small.and_then(|small| frame(small.data).ok());
    frame(stored.data).map(|frame| {
        let mut viewers = app.viewers.borrow_mut();
        if kind.is_video() {
            viewers.send_video(now, &frame, small.as_ref());
        } else {
            viewers.send_audio(now, &frame);
        }
        app.wake.signal(());
    })
}

/// The smaller rendition beside a packed file: `NAME-small.brtc` for `NAME.brtc`, with the same pictures at the same
/// times, in the same codec. Whoever has none plays what there is to everybody.
async fn open_small<B: Board, S: Storage>(
    app: &App<'_, B>,
    storage: &mut S,
    kind: FrameKind,
) -> Option<Source<S, B::Psram>> {
    let mut path = heapless::String::<64>::new();
    write!(path, "{}-small.brtc", app.settings.media.strip_suffix(".brtc")?).ok()?;
    let alloc = app.board.psram("frames");
    Packed::open(storage, &path, kind, PackedConfig::default(), alloc).await.ok().map(Source::Packed)
}

/// The picture of the smaller rendition at a time. Without it those who have it miss a picture.
async fn read_small<S: Storage, A: barertc::Allocator + Clone>(
    storage: &mut S,
    small: Option<(&mut Source<S, A>, Duration)>,
) -> Option<Stored<A>> {
    let (source, at) = small?;
    if source.position() != Some(at) {
        source.seek_time(at);
    }
    source.next(storage).await.ok()
}

/// A packed file, or a directory with a directory for each kind.
async fn open<B: Board, S: Storage>(
    app: &App<'_, B>,
    storage: &mut S,
    kind: FrameKind,
) -> Result<Source<S, B::Psram>, Error<S::Error>> {
    let (path, alloc) = (app.settings.media, app.board.psram("frames"));
    if path.ends_with(".brtc") {
        return Packed::open(storage, path, kind, PackedConfig::default(), alloc).await.map(Source::Packed);
    }
    let mut full = heapless::String::<64>::new();
    let separator = if path.is_empty() { "" } else { "/" };
    if write!(full, "{path}{separator}{}", kind.extension()).is_err() {
        return Err(Error { path: full, offset: 0, kind: ErrorKind::PathTooLong });
    }
    Directory::open(storage, &full, kind, DirectoryConfig::default(), alloc).await.map(Source::Directory)
}
