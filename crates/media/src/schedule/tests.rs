//! Tests of the schedule.

use super::*;
use std::vec;
use std::vec::Vec;

const FRAME: [u32; 2] = [3000, 960];

/// Runs the schedule as a program would that wakes `late` after every deadline; what left when, of which track.
fn run(
    schedule: &mut Schedule<2>,
    from: Instant,
    until: Instant,
    late: impl Fn(Instant) -> Duration,
) -> Vec<(Instant, usize, u64)> {
    let mut sent = vec![];
    let mut now = from;
    while now < until {
        while let Some(track) = schedule.poll(now) {
            sent.push((now, track, schedule.advance(track, FRAME[track])));
        }
        let due = schedule.due().unwrap();
        assert!(due > now, "nothing more may be due after everything was sent");
        now = due + late(due);
    }
    sent
}

fn of(sent: &[(Instant, usize, u64)], track: usize) -> Vec<(Instant, u64)> {
    sent.iter().filter(|s| s.1 == track).map(|s| (s.0, s.2)).collect()
}

#[test]
fn an_hour_has_no_drift() {
    let mut schedule = Schedule::new([90_000, 48_000]);
    let start = Instant::from_millis(77);
    let sent = run(&mut schedule, start, start + Duration::from_secs(3600), |_| Duration::ZERO);
    let (video, audio) = (of(&sent, 0), of(&sent, 1));
    assert_eq!((video.len(), audio.len()), (108_000, 180_000));
    for (n, (at, timestamp)) in video.iter().enumerate() {
        assert_eq!(*timestamp, n as u64 * 3000);
        assert_eq!((*at - start).as_micros(), n as u128 * 1_000_000 / 30);
    }
    assert_eq!(audio.last().unwrap().0, start + Duration::from_millis(20 * 179_999));
    assert_eq!(schedule.lost(), Duration::ZERO);
}

#[test]
fn small_lateness_is_made_up_for() {
    let mut schedule = Schedule::new([90_000, 48_000]);
    let sent = run(&mut schedule, Instant::ZERO, Instant::from_millis(10_000), |due| {
        Duration::from_micros(due.as_micros() * 7919 % 15_000)
    });
    assert_eq!(of(&sent, 0).len(), 300);
    assert_eq!(of(&sent, 1).len(), 500);
    assert_eq!(schedule.lost(), Duration::ZERO);
}

#[test]
fn a_second_s_stall_is_not_caught_up_with() {
    let mut schedule = Schedule::new([90_000, 48_000]);
    run(&mut schedule, Instant::ZERO, Instant::from_millis(500), |_| Duration::ZERO);
    let back = schedule.due().unwrap() + Duration::from_secs(1);
    let sent = run(&mut schedule, back, back + Duration::from_secs(2), |_| Duration::ZERO);

    // Nothing leaves faster than its pace: between two frames of a track lies a whole duration.
    for (track, gap) in [(0, 33_333), (1, 20_000)] {
        let frames = of(&sent, track);
        assert!(frames.windows(2).all(|w| (w[1].0 - w[0].0).as_micros() >= gap), "a burst on track {track}");
    }
    assert_eq!(of(&sent, 0).len(), 60);
    assert_eq!(of(&sent, 1).len(), 100);

    // The timestamps tell when a frame left, before and after, on both tracks alike.
    assert_eq!(schedule.lost(), Duration::from_secs(1));
    for (at, track, timestamp) in sent {
        let rate = [90_000, 48_000][track];
        let told = u128::from(timestamp) * 1_000_000 / rate;
        assert!(told.abs_diff(at.as_micros().into()) <= 34, "{at:?} {track} {timestamp}");
    }
}

#[test]
fn many_stalls_never_turn_time_back() {
    let mut schedule = Schedule::new([90_000, 48_000]);
    let sent = run(&mut schedule, Instant::ZERO, Instant::from_millis(60_000), |due| {
        // A third of the time late by up to 300 ms.
        let x = due.as_micros().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        if x % 3 == 0 { Duration::from_micros(x % 300_000) } else { Duration::ZERO }
    });
    for track in [0, 1] {
        let frames = of(&sent, track);
        let duration = u64::from(FRAME[track]);
        assert!(frames.windows(2).all(|w| w[1].1 >= w[0].1 + duration), "timestamps of track {track} overlap");
        // No more at one moment than a stall that is made up for has kept back.
        let most = (PATIENCE.as_micros() / [33_333, 20_000][track]) as usize + 1;
        assert!(frames.windows(most + 1).all(|w| w[most].0 > w[0].0));
    }
}

#[test]
fn a_frame_that_is_left_out_keeps_its_time() {
    let mut schedule = Schedule::new([90_000]);
    assert_eq!(schedule.due(), None);
    assert_eq!(schedule.poll(Instant::from_millis(9)), Some(0));
    assert_eq!(schedule.poll(Instant::from_millis(9)), Some(0));
    assert_eq!(schedule.advance(0, 3000), 0);
    assert_eq!(schedule.poll(Instant::from_millis(9)), None);
    assert_eq!(schedule.poll(Instant::from_millis(43)), Some(0));
    assert_eq!(schedule.advance(0, 3000), 3000);
}

#[test]
fn hostile_numbers_do_not_panic() {
    let mut schedule = Schedule::new([0, 1, u32::MAX]);
    for now in [Instant::ZERO, Instant::from_micros(u64::MAX - 1), Instant::FAR_FUTURE, Instant::ZERO] {
        for _ in 0..5 {
            if let Some(track) = schedule.poll(now) {
                schedule.advance(track, u32::MAX);
            }
        }
        schedule.advance(99, 1);
    }
    assert!(Schedule::new([]).poll(Instant::ZERO).is_none());
}
