//! Back-pressure can be seen, and what keeps the connection alive goes before media.

use core::time::Duration;

use crate::support::{Identities, Pair, Sort, arena, receiving, recv_tracks, send_tracks, video};
use barertc::{ConnectionState, Error, Event};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn consent_and_reports_pass_a_saturated_video_queue() {
    let (ids, one, two, frames) = (Identities::new(), arena(0), arena(0), arena(0));
    let config = receiving();
    let mut pair = Pair::new(&ids, [&one, &two], &config, 21).expect("enough memory");
    let [v, _] = send_tracks(&mut pair.offerer).expect("room");
    recv_tracks(&mut pair.answerer).expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect());
    pair.pass(SECOND);

    let frame = video(&frames, true, 20_000, 0).expect("a frame");
    let queue = config.video.queue_frames;
    for n in 0..queue {
        assert_eq!(pair.offerer.connection.send_frame(pair.now, v, &frame), Ok(()), "frame {n} of {queue}");
    }
    assert_eq!(pair.offerer.connection.send_frame(pair.now, v, &frame), Err(Error::WouldBlock));

    pair.narrow = true;
    let (from, began) = (pair.offerer.sent.len(), pair.now);
    let mut refused = 0;
    pair.drive(40 * SECOND, |p| {
        // As soon as there is a place, it is taken.
        while p.offerer.connection.send_frame(p.now, v, &frame).is_ok() {}
        refused += 1;
        false
    });
    assert!(refused > 10_000, "the queue was not full all the time: {refused}");
    let sent = &pair.offerer.sent[from..];
    let times = |sort| sent.iter().filter(move |(_, s, _)| *s == sort).map(|(at, _, _)| *at).collect::<Vec<_>>();
    assert!(times(Sort::Rtp).len() > 20_000, "{} packets of video", times(Sort::Rtp).len());
    // A report each second; a check each five seconds, one fifth more or less (RFC 7675 §5.1).
    for (sort, gap) in [(Sort::Rtcp, 1_100), (Sort::Ice, 6_500)] {
        let times = times(sort);
        let ends = core::iter::once(began).chain(times.iter().copied()).zip(times.iter().copied().chain([pair.now]));
        let longest = ends.map(|(a, b)| b.saturating_since(a)).max();
        assert!(longest <= Some(Duration::from_millis(gap)), "{sort:?}: silent for {longest:?}");
    }
    for side in [&pair.offerer, &pair.answerer] {
        assert!(side.is_connected());
        assert!(!side.saw(&Event::ConnectionState(ConnectionState::Disconnected)));
    }
}
