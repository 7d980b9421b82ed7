//! Timestamps of frames that are captured now.

use core::time::Duration;

use barertc_media::{CaptureClock, FrameKind};
use barertc_wire::Instant;

const ORIGIN: Instant = Instant::from_millis(5_000);

/// Timestamps of frames at these milliseconds after the origin.
fn stamps(kind: FrameKind, duration: u32, at: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut clock = CaptureClock::new(kind, ORIGIN);
    at.into_iter().map(|at| clock.stamp(ORIGIN + Duration::from_millis(at), duration)).collect()
}

#[test]
fn jitter_of_a_pipe_is_not_shown() {
    // 30 a second, each up to 20 ms late.
    let late = |n: u64| n * 100 / 3 + [0, 20, 5, 13, 0, 18, 2][n as usize % 7];
    let stamps = stamps(FrameKind::H264, 3_000, (0..900).map(late));
    for pair in stamps.windows(2) {
        let step = pair[1] - pair[0];
        assert!((2_850..=3_150).contains(&step), "{step} ticks");
    }
    let (last, right) = (stamps[899], 899 * 3_000);
    assert!(last.abs_diff(right) < 1_800, "{last} for {right}");
}

#[test]
fn a_source_that_drifts_is_followed() {
    // A camera that says 30 a second and makes 29.
    let stamps = stamps(FrameKind::H264, 3_000, (0..600).map(|n| n * 1_000 / 29));
    let right = 599 * 90_000 / 29;
    assert!(stamps[599].abs_diff(right) < 3_000, "{} for {right}", stamps[599]);
    assert!(stamps.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn a_pause_is_a_gap_and_time_never_goes_back() {
    let pictures = stamps(FrameKind::H264, 3_000, [0, 33, 1_066, 1_100]);
    assert!(pictures[2] - pictures[1] > 80_000, "{pictures:?}");
    let sound = stamps(FrameKind::Opus, 960, [0, 20, 40, 560, 580]);
    assert_eq!(sound, [0, 960, 1_920, 26_880, 27_840]);
    // Three seconds of sound at once, as of a page: a row of samples all the same.
    let burst = stamps(FrameKind::Opus, 960, [0; 150]);
    assert!(burst.windows(2).all(|pair| pair[1] - pair[0] == 960));
    // Without a steady rate each frame is where it was captured.
    assert_eq!(stamps(FrameKind::H264, 0, [10, 50, 51, 700]), [900, 4_500, 4_590, 63_000]);
}

#[test]
fn clocks_of_one_origin_tell_the_same_time() {
    let at = ORIGIN + Duration::from_secs(3);
    let picture = CaptureClock::new(FrameKind::H264, ORIGIN).stamp(at, 3_000);
    let sound = CaptureClock::new(FrameKind::Opus, ORIGIN).stamp(at, 960);
    assert_eq!((picture, sound), (270_000, 144_000));
}
