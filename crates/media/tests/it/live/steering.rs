//! What the network asks of an encoder: rates, key frames, probes.

use barertc_media::{KeyFrames, LowestGood, Prober, RateConfig, RateControl, ShareRule};
use barertc_wire::{Instant, Rule};

const fn ms(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

/// Runs requests at these times against the clock in steps of a millisecond; the encoder answers after `delay`.
fn key_frames(requests: &[u64], delay: u64) -> (Vec<u64>, Vec<u64>) {
    let (mut keys, mut asked, mut answer) = (KeyFrames::default(), vec![], None);
    for now in 0..10_000 {
        if requests.contains(&now) {
            keys.want();
        }
        if answer == Some(now) {
            keys.came();
        }
        if keys.timeout().is_none_or(|at| at > ms(now)) {
            assert!(!keys.clone().poll(ms(now)), "due and not told");
        }
        if keys.poll(ms(now)) {
            asked.push(now);
            answer = Some(now + delay);
        }
    }
    let waits = requests.iter().map(|at| asked.iter().find(|a| *a + delay >= *at).map_or(9_999, |a| a + delay - at));
    (asked.clone(), waits.collect())
}

#[test]
fn five_newcomers_in_a_second_cost_two_key_frames() {
    for requests in [[0, 200, 400, 600, 800], [100, 101, 102, 103, 1_099], [5, 300, 301, 302, 1_000]] {
        let (asked, waits) = key_frames(&requests, 40);
        assert_eq!(asked.len(), 2, "{requests:?}: {asked:?}");
        assert_eq!(asked[0], requests[0], "the first is answered at once");
        assert!(waits.iter().all(|wait| *wait <= 1_080), "{waits:?}");
    }
    assert_eq!(key_frames(&[7, 7, 7, 20, 30], 40).0, [7], "all who came before it have it");
    assert_eq!(key_frames(&[0, 3_000, 6_000], 40).0, [0, 3_000, 6_000]);
}

#[test]
fn an_encoder_that_does_not_answer_is_asked_again() {
    let mut keys = KeyFrames::default();
    keys.want();
    assert!(keys.poll(ms(0)));
    assert!(!keys.poll(ms(2_999)));
    assert_eq!(keys.timeout(), Some(ms(3_000)));
    assert!(keys.poll(ms(3_000)));
    keys.came();
    assert_eq!(keys.timeout(), None);
    assert!(!keys.poll(ms(9_000)));
}

#[test]
fn a_key_frame_that_comes_by_itself_answers_everybody() {
    let mut keys = KeyFrames::default();
    keys.want();
    keys.came();
    assert!(!keys.poll(ms(100)));
    // It was not asked for: the next who comes does not have to wait for it.
    keys.want();
    assert!(keys.poll(ms(200)));
}

/// Rates that are told for these paths, each for a second of updates every 50 ms.
fn rates(config: RateConfig, seconds: &[&[u64]]) -> Vec<u64> {
    let mut control = RateControl::new(config).unwrap();
    let mut last = vec![];
    for (second, paths) in seconds.iter().enumerate() {
        for step in 0..20 {
            let now = ms(second as u64 * 1_000 + step * 50);
            control.update(now, &mut paths.iter().copied());
        }
        last.push(control.rate().bits_per_second);
    }
    last
}

#[test]
fn the_lowest_of_the_good_paths_decides() {
    let config = RateConfig { min: 300_000, sound: 0, ..RateConfig::new(2_000_000) };
    assert_eq!(rates(config, &[&[4_000_000, 1_000_000, 3_000_000]]), [900_000]);
    // One path that carries next to nothing pulls nobody down.
    assert_eq!(rates(config, &[&[4_000_000, 100_000, 1_500_000]]), [1_350_000]);
    // Without a good path, the least; without a path nothing changes.
    assert_eq!(rates(config, &[&[50_000], &[], &[60_000, 80_000]]), [300_000; 3]);
    // Never above the most, and up again.
    assert_eq!(rates(config, &[&[500_000], &[9_000_000]]), [450_000, 2_000_000]);
    // Sound has its part of the path.
    let config = RateConfig { sound: 64_000, ..config };
    assert_eq!(rates(config, &[&[1_000_000]]), [836_000]);
}

#[test]
fn another_rule_can_decide() {
    #[derive(Clone, Copy)]
    struct Highest;
    impl ShareRule for Highest {
        fn share(&mut self, _: Instant, paths: &mut dyn Iterator<Item = u64>) -> Option<u64> {
            paths.max()
        }
    }
    let config = RateConfig { sound: 0, ..RateConfig::new(2_000_000) };
    let mut control = RateControl::with_rule(config, Highest).unwrap();
    let rate = control.update(ms(0), &mut [1_000_000, 500_000].into_iter()).unwrap();
    assert_eq!(rate.bits_per_second, 900_000);
    let mut control = RateControl::with_rule(config, LowestGood { least: 600_000 }).unwrap();
    let rate = control.update(ms(0), &mut [1_000_000, 500_000].into_iter()).unwrap();
    assert_eq!(rate.bits_per_second, 900_000);
}

#[test]
fn down_at_once_up_in_steps_and_nothing_for_a_trifle() {
    let mut control = RateControl::new(RateConfig { sound: 0, ..RateConfig::new(3_000_000) }).unwrap();
    let mut update = |at, path| control.update(ms(at), &mut [path].into_iter()).map(|rate| rate.bits_per_second);
    assert_eq!(update(0, 1_000_000), Some(900_000));
    assert_eq!(update(10, 500_000), Some(450_000));
    assert_eq!(update(20, 490_000), None, "a trifle");
    assert_eq!(update(30, 1_000_000), None, "too early");
    assert_eq!(update(260, 1_000_000), Some(900_000));
    assert_eq!(update(600, 1_050_000), None, "a trifle");
    assert_eq!(update(600, 3_400_000), Some(3_000_000));
    assert_eq!(update(900, 9_000_000), None);
}

#[test]
fn half_of_the_pictures_where_bits_are_few() {
    let mut control = RateControl::new(RateConfig { sound: 0, ..RateConfig::new(1_000_000) }).unwrap();
    assert_eq!(control.rate().frames_per_second, 30);
    assert_eq!(control.update(ms(0), &mut [200_000].into_iter()).unwrap().frames_per_second, 15);
    assert_eq!(control.update(ms(900), &mut [300_000].into_iter()).unwrap().frames_per_second, 30);
}

#[test]
fn bounds_that_cannot_be_are_named() {
    let config = RateConfig { min: 5, ..RateConfig::new(4) };
    let error = RateControl::new(config).err().unwrap();
    assert_eq!((error.field, error.rule, error.value), ("min", Rule::AtMost(4), 5));
    let config = RateConfig { frames_per_second: 0, ..RateConfig::new(1_000_000) };
    assert_eq!(RateControl::new(config).err().unwrap().field, "frames_per_second");
}

#[test]
fn probes_find_room_within_two_seconds_and_are_few_where_there_is_none() {
    let (mut prober, mut estimate, mut probes) = (Prober::default(), 500_000, vec![]);
    let mut room = 500_000;
    let mut shown: Option<(u64, u64)> = None;
    let mut found = None;
    for now in 0..20_000 {
        if now == 10_000 {
            room = 3_000_000;
        }
        if let Some(asked) = prober.poll(ms(now), estimate, 4_000_000) {
            probes.push(now);
            shown = Some((now + 200, asked.min(room)));
        }
        if let Some((at, bits)) = shown
            && at == now
        {
            estimate = estimate.max(bits);
        }
        if estimate == 3_000_000 && found.is_none() {
            found = Some(now - 10_000);
        }
    }
    let idle = probes.iter().filter(|at| **at < 10_000).count();
    assert!((8..=12).contains(&idle), "{idle} probes in ten seconds without room");
    assert!(found.is_some_and(|after| after <= 2_000), "{found:?} ms");
    // Where there is enough, nobody asks.
    assert_eq!(Prober::default().poll(ms(5_000), 4_000_000, 4_000_000), None);
}

#[test]
fn a_path_that_became_narrow_is_left_alone_for_a_while() {
    let mut prober = Prober::default();
    assert_eq!(prober.poll(ms(0), 2_000_000, 4_000_000), None);
    assert_eq!(prober.poll(ms(490), 900_000, 4_000_000), None);
    assert_eq!(prober.poll(ms(1_480), 900_000, 4_000_000), None);
    assert_eq!(prober.poll(ms(1_490), 900_000, 4_000_000), Some(1_800_000));
    // A little less is no reason to wait.
    let mut prober = Prober::default();
    assert_eq!(prober.poll(ms(0), 2_000_000, 4_000_000), None);
    assert_eq!(prober.poll(ms(500), 1_500_000, 4_000_000), Some(3_000_000));
}
