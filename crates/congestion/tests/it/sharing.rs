//! Who shares a path with others gets a fair part, and leaves them theirs.

use barertc_wire::Instant;

use crate::senders::{Bulk, Media, Path, Sender};

/// Means of the last third, in bits a second.
fn run(mut senders: Vec<Box<dyn Sender>>, seconds: u64, queue: usize) -> Vec<f64> {
    let mut path = Path { bits_per_second: 3_000_000, queue, loss: 0, busy_until: Instant::ZERO, random: 1 };
    let mut sums = vec![0.0; senders.len()];
    for millis in 0..seconds * 1_000 {
        for sender in &mut senders {
            sender.step(Instant::from_millis(millis), &mut path);
        }
        if millis >= seconds * 667 {
            sums.iter_mut().zip(&senders).for_each(|(sum, sender)| *sum += sender.rate());
        }
    }
    let means: Vec<f64> = sums.iter().map(|sum| sum / (seconds * 333) as f64).collect();
    println!("{means:?}");
    means
}

#[test]
fn a_bulk_transfer_leaves_room_and_gets_some() {
    for queue in [37_500, 75_000] {
        let means = run(vec![Media::boxed(0, 1_000_000), Bulk::boxed(30)], 120, queue);
        assert!(means.iter().all(|mean| *mean > 900_000.0), "queue {queue}: {means:?}");
    }
}

#[test]
fn a_bulk_transfer_that_ends_leaves_no_queue() {
    // Alone, the sender follows delay again: it does not fill the queue to the brim for ever.
    let means = run(vec![Media::boxed(0, 1_000_000)], 60, 75_000);
    assert!((2_500_000.0..3_150_000.0).contains(&means[0]), "{means:?}");
}
