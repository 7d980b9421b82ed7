//! Where frames come from: storage, or encoders.

use core::pin::pin;

use barertc_media::Storage;

use crate::app::App;
use crate::board::Board;
use crate::in_place::in_place;
use crate::play;

/// Gives frames to the viewers, each at its time.
pub(crate) trait Player<B: Board> {
    /// Plays for ever.
    async fn play(&mut self, app: &App<'_, B>);
}

/// What lies in storage, at [`Settings::media`](crate::Settings::media).
pub(crate) struct Stored<'s, S>(pub(crate) &'s mut S);

impl<B: Board, S: Storage> Player<B> for Stored<'_, S> {
    async fn play(&mut self, app: &App<'_, B>) {
        pin!(in_place(|| play::play(app, self.0))).await;
    }
}
