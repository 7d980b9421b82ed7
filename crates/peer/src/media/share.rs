//! What the path has beside the media.

use core::time::Duration;

use barertc_arena::{Allocator, Vec};
use barertc_congestion::Gcc;
use barertc_rtcp_nack::PathShare;
use barertc_wire::Instant;

use super::streams::Streams;

/// Bytes are counted over this time. A look counts for a quarter: key frames come every few seconds.
const INTERVAL: Duration = Duration::from_millis(500);
const PART: f32 = 0.25;
/// From this share of loss on that no queue causes, loss bounds no rate: only delay does.
const LOSSY: f32 = 0.05;
/// Part of the estimate that is given out.
const SAFE: f32 = 0.9;
/// From this part of the media on, what is left beside them is plenty, when it was for so long.
const WIDE: f32 = 0.75;
const LASTING: Duration = Duration::from_secs(3);

/// How much of the path media take, and how much what goes again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Share {
    since: Option<Instant>,
    /// Bytes so far: of media, and of what went again.
    before: (u64, u64),
    /// Bits a second of both.
    media: f32,
    again: f32,
    /// Since when the path has carried much more than is sent.
    wide_since: Option<Instant>,
}

impl Share {
    /// Follows what the streams have sent, and tells them what they may add: nothing that the path loses only because it is
    /// full is answered with more, and media come first.
    pub(super) fn follow<A: Allocator + Clone>(
        &mut self,
        now: Instant,
        estimator: &Gcc,
        streams: &mut Vec<Streams<A>, A>,
    ) {
        self.count(now, streams);
        let stats = estimator.stats();
        let random_loss = stats.random_loss;
        let estimate = if random_loss < LOSSY { estimator.bitrate() } else { stats.delay_based };
        let spare = if self.media > 0.0 {
            ((SAFE * estimate as f32 - self.media - self.again) / self.media).max(0.0)
        } else {
            1.0
        };
        self.wide_since = (spare >= WIDE).then(|| self.wide_since.unwrap_or(now));
        let share = PathShare { random_loss: Some(random_loss), spare };
        for stream in streams.iter_mut().filter_map(|s| s.send.as_mut()) {
            stream.set_path_share(now, share);
        }
    }

    /// Whether the path has carried much more than is sent for some seconds.
    pub(super) fn is_wide(&self, now: Instant) -> bool {
        self.wide_since.is_some_and(|since| now >= since + LASTING)
    }

    fn count<A: Allocator + Clone>(&mut self, now: Instant, streams: &Vec<Streams<A>, A>) {
        let elapsed = now.saturating_since(*self.since.get_or_insert(now));
        if elapsed < INTERVAL {
            return;
        }
        let (mut media, mut again) = (0u64, 0u64);
        for stats in streams.iter().filter_map(Streams::sending).map(|stream| stream.stats()) {
            let repeated = stats.retransmitted_bytes_sent.get();
            let sent = stats.bytes_sent.get().saturating_add(stats.header_bytes_sent.get());
            media = media.saturating_add(sent.saturating_sub(repeated));
            again = again.saturating_add(repeated);
        }
        let seconds = elapsed.as_secs_f32();
        let rate = |bytes: u64, before: u64| bytes.saturating_sub(before) as f32 * 8.0 / seconds;
        let (new, repeated) = (rate(media, self.before.0), rate(again, self.before.1));
        // The first look is all there is.
        let part = if self.media > 0.0 { PART } else { 1.0 };
        self.media += part * (new - self.media);
        self.again += part * (repeated - self.again);
        (self.before, self.since) = ((media, again), Some(now));
    }
}
