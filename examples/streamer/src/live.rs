//! Frames from encoders to the viewers, as they come; and what the network asks of the encoders.

use core::convert::Infallible;
use core::fmt::Display;
use core::future::pending;
use core::pin::pin;
use core::time::Duration;

use barertc_media::{Encoder, KeyFrames, LowestGood, RateConfig, RateControl, Silence, SourceFrame};
use barertc_wire::Instant;
use embassy_futures::join::join;
use embassy_futures::select::{Either, select};

use crate::app::App;
use crate::board::Board;
use crate::cut::Cut;
use crate::in_place::in_place;
use crate::play::give;
use crate::player::Player;
use crate::status::TROUBLE;

/// How often it is looked what the network asks for.
const LOOK: Duration = Duration::from_millis(20);
/// Behind a frame that failed: an encoder that does nothing but fail keeps nobody else from working.
const BREATH: Duration = Duration::from_millis(5);
/// The same trouble is logged this often at most.
const SAID: Duration = Duration::from_secs(5);

/// Encoders, and the bounds of what they are asked for. Whichever is not there is not sent.
#[derive(Debug)]
pub struct Live<V, S> {
    /// Pictures.
    pub video: Option<V>,
    /// Sound. Its rate stays as it is.
    pub sound: Option<S>,
    /// What the pictures may take.
    pub rate: RateConfig,
}

impl<B: Board, V: Encoder<B::Psram>, S: Encoder<B::Psram>> Player<B> for Live<V, S> {
    async fn play(&mut self, app: &App<'_, B>) {
        let (video, sound, rate) = (&mut self.video, &mut self.sound, self.rate);
        let pictures = pin!(in_place(|| async {
            // The bounds were checked before.
            if let Some((encoder, control)) = video.as_mut().zip(RateControl::new(rate).ok()) {
                Pictures { app, encoder, control, keys: KeyFrames::default(), torn: false }.play().await;
            }
            pending::<()>().await;
        }));
        let sound = pin!(in_place(|| async {
            if let Some(encoder) = sound {
                play_sound(app, encoder).await;
            }
            pending::<()>().await;
        }));
        join(pictures, sound).await;
    }
}

/// The pictures of one encoder, which all viewers share.
struct Pictures<'p, 'b, B: Board, E> {
    app: &'p App<'b, B>,
    encoder: &'p mut E,
    control: RateControl<LowestGood>,
    keys: KeyFrames,
    /// A frame is missing: what refers to it is of no use.
    torn: bool,
}

impl<B: Board, E: Encoder<B::Psram>> Pictures<'_, '_, B, E> {
    async fn play(mut self) -> Infallible {
        let (app, mut trouble) = (self.app, Trouble::default());
        let mut look = app.board.now();
        match self.encoder.kind() {
            Some(kind) => app.set_video(look, kind),
            None => app.find_video(),
        }
        loop {
            let next = match select(self.encoder.next(), app.board.sleep_until(look)).await {
                Either::First(next) => Some(next),
                Either::Second(()) => None,
            };
            let now = app.board.now();
            match next {
                Some(Ok(frame)) => match self.give(now, frame) {
                    Ok(()) if self.torn => {}
                    Ok(()) => trouble.is_over(app),
                    // Memory comes back when frames have been sent.
                    Err(error) => {
                        trouble.tell(app, now, "video", &error);
                        self.lost();
                    }
                },
                Some(Err(error)) => {
                    app.set_no_video();
                    trouble.tell(app, now, "video", &error);
                    self.lost();
                    app.board.sleep_until(now + BREATH).await;
                }
                None => {}
            }
            if now >= look {
                self.steer(now);
                look = now + LOOK;
            }
        }
    }

    /// Gives a picture to the viewers, unless it refers to one that is missing.
    fn give(&mut self, now: Instant, frame: SourceFrame<B::Psram>) -> Result<(), impl Display + use<B, E>> {
        self.app.set_video(now, frame.kind);
        if frame.keyframe {
            self.keys.came();
            self.app.viewers.borrow_mut().key_frame_comes();
            self.torn = false;
        }
        let timestamp = frame.timestamp as u32;
        if self.torn { Ok(()) } else { give(self.app, now, frame, None, timestamp, &mut Silence::new()) }
    }

    /// A picture is missing: what follows is of use from the next key frame on.
    fn lost(&mut self) {
        self.torn = true;
        self.keys.want();
    }

    /// Passes on to the encoder what the network asks for.
    fn steer(&mut self, now: Instant) {
        let mut viewers = self.app.viewers.borrow_mut();
        let before = self.control.rate().bits_per_second;
        if let Some(rate) = self.control.update(now, &mut viewers.estimates()) {
            self.encoder.set_rate(now, rate);
            // Most of what is on its way is lost where a path has become so narrow, and coming again would take too long.
            if rate.bits_per_second < before / 2 {
                self.keys.want();
            }
        }
        viewers.look_for_room(now, self.control.enough());
        if viewers.is_key_frame_wanted() {
            viewers.key_frame_comes();
            self.keys.want();
        }
        if self.keys.poll(now) {
            self.encoder.request_key_frame(now);
        }
    }
}

async fn play_sound<B: Board>(app: &App<'_, B>, encoder: &mut impl Encoder<B::Psram>) -> Infallible {
    let (mut trouble, mut silence) = (Trouble::default(), Silence::new());
    loop {
        let next = encoder.next().await;
        let now = app.board.now();
        match next {
            Ok(frame) => {
                let timestamp = frame.timestamp as u32;
                match give(app, now, frame, None, timestamp, &mut silence) {
                    Ok(()) => trouble.is_over(app),
                    // It is a frame of silence.
                    Err(error) => trouble.tell(app, now, "audio", &error),
                }
            }
            Err(error) => {
                trouble.tell(app, now, "audio", &error);
                app.board.sleep_until(now + BREATH).await;
            }
        }
    }
}

/// What is wrong with an encoder, said on the page and in the log, the same not too often.
#[derive(Default)]
struct Trouble {
    text: Cut<TROUBLE>,
    said: Option<Instant>,
}

impl Trouble {
    fn tell<B: Board>(&mut self, app: &App<'_, B>, now: Instant, track: &str, error: &impl Display) {
        let text = Cut::of(format_args!("{track}: {error}"));
        let known = self.text == text && self.said.is_some_and(|said| now < said + SAID);
        app.status.set_trouble(format_args!("{}", &*text));
        if !known {
            app.board.log(format_args!("{}", &*text));
            (self.text, self.said) = (text, Some(now));
        }
    }

    fn is_over<B: Board>(&self, app: &App<'_, B>) {
        // Another track may have its own.
        let track = self.text.get(.."video:".len()).unwrap_or("\0");
        if app.status.with_trouble(|trouble| trouble.starts_with(track)) {
            app.status.clear_trouble();
        }
    }
}
