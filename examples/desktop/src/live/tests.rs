//! Tests of live sources.

use super::*;

/// Frames of the test card: when each came, its timestamp, and its bytes. After `before` of them, another rate is wanted.
fn frames(overlaps: bool, before: usize) -> Option<Vec<(Instant, u64, usize)>> {
    let Ok(mut template) = Template::test_card() else {
        println!("NOT RUN: no ffmpeg here");
        return None;
    };
    let options = Options::from(Vec::new()).unwrap().unwrap();
    let board = Desktop::new(&options).unwrap();
    let rate = EncoderRate { bits_per_second: 1_500_000, frames_per_second: 30 };
    template.overlaps = overlaps;
    let mut encoder: CommandEncoder<'_, Pictures<Handle>> = CommandEncoder::new(&board, template, rate);
    let mut frames = Vec::new();
    async_io::block_on(async {
        let mut keys = 0;
        while keys < 2 || frames.len() < before + 60 {
            let frame = encoder.next().await.unwrap();
            if frames.len() == before {
                assert!(frame.number as usize == before && encoder.current.is_some());
                encoder.set_rate(board.now(), EncoderRate { bits_per_second: 200_000, ..rate });
            }
            keys += usize::from(frame.keyframe);
            frames.push((board.now(), frame.timestamp, frame.data.len()));
        }
    });
    assert_eq!(encoder.current.as_ref().unwrap().rate.bits_per_second, 200_000, "the new rate is made");
    Some(frames)
}

#[test]
fn another_rate_takes_over_with_a_key_frame() {
    for overlaps in [true, false] {
        let Some(frames) = frames(overlaps, 60) else { return };
        let gaps = frames.windows(2).map(|pair| pair[1].0 - pair[0].0).collect::<Vec<_>>();
        // The first frames of a command may come together. A machine with much else to do has longer gaps everywhere.
        let [before, gap] = [&gaps[20..58], &gaps[59..]].map(|gaps| gaps.iter().max().copied().unwrap());
        println!("two at once: {overlaps}, longest gap {} ms, {} ms before", gap.as_millis(), before.as_millis());
        assert!(frames.windows(2).all(|pair| pair[0].1 <= pair[1].1), "timestamps go back");
        let limit = if overlaps { Duration::from_secs(1) } else { Duration::from_secs(5) };
        assert!(gap < limit + before * 4, "{gap:?}, and {before:?} before");
        let bytes = |part: &[(Instant, u64, usize)]| part.iter().map(|(_, _, len)| len).sum::<usize>();
        let (first, last) = (bytes(&frames[..30]), bytes(&frames[frames.len() - 30..]));
        assert!(last < first * 2 / 3, "{first} bytes in the first second, {last} in the last");
    }
}

/// More than anything here takes on a machine with much else to do.
const LONG: Duration = Duration::from_secs(60);

/// What comes of `next`, asked again every 20 ms as the player does.
fn asked_often<S: Splitter>(
    encoder: &mut CommandEncoder<'_, S>,
    mut done: impl FnMut(&CommandEncoder<'_, S>, Option<Result<SourceFrame<Handle>, CommandError>>) -> bool,
) {
    let until = std::time::Instant::now() + LONG;
    async_io::block_on(async {
        loop {
            let moment = async {
                async_io::Timer::after(Duration::from_millis(20)).await;
                None
            };
            let next = future::or(async { Some(encoder.next().await) }, moment).await;
            if done(encoder, next) {
                return;
            }
            assert!(std::time::Instant::now() < until, "not within {LONG:?}");
        }
    });
}

const RATE: EncoderRate = EncoderRate { bits_per_second: 1_500_000, frames_per_second: 30 };

fn board() -> Desktop {
    Desktop::new(&Options::from(Vec::new()).unwrap().unwrap()).unwrap()
}

fn template(text: &str, overlaps: bool) -> Template {
    let mut template = Template::of_user("--video", text).unwrap();
    template.overlaps = overlaps;
    template
}

/// A picture ten times a second while the rate is the first one; then what `other` does.
fn pictures_then(other: &str) -> Template {
    let picture = r"printf '\000\000\001e\210\001'; sleep 0.1";
    template(&format!("if [ {{bitrate}} = 1500000 ]; then while :; do {picture}; done; else {other}; fi"), true)
}

#[test]
fn a_successor_that_fails_is_told() {
    for (other, said) in [
        ("echo no room >&2; exit 3", "ended (exit status: 3): no room"),
        ("exec >&-; sleep 600", "ended (signal: 9 (SIGKILL))"),
        (r"while :; do printf '\000\000\001A\232\001'; sleep 0.1; done", "gave no key frame for 5 s"),
    ] {
        let board = board();
        let mut encoder = CommandEncoder::<Pictures<Handle>>::new(&board, pictures_then(other), RATE);
        let mut frames = 0;
        asked_often(&mut encoder, |_, next| {
            frames += usize::from(next.is_some_and(|frame| frame.is_ok()));
            frames >= 5
        });
        encoder.set_rate(board.now(), EncoderRate { bits_per_second: 200_000, ..RATE });
        asked_often(&mut encoder, |encoder, next| {
            assert!(next.is_none_or(|frame| frame.is_ok()), "pictures go on");
            encoder.said.borrow().iter().any(|line| line.contains(said))
        });
    }
}

#[test]
fn one_that_writes_without_end_and_gives_no_picture_is_told() {
    // A slice that never ends, a command that complains without end, and one that closes its output and stays.
    for (text, said) in [
        (r"printf '\000\000\001e\210'; exec yes", "the command gave no frame for 5 s"),
        ("yes >&2; :", "the command gave no frame for 5 s"),
        ("exec >&-; sleep 600", "the command ended (signal: 9 (SIGKILL))"),
    ] {
        let board = board();
        let mut encoder = CommandEncoder::<Pictures<Handle>>::new(&board, template(text, false), RATE);
        asked_often(&mut encoder, |_, next| {
            next.and_then(Result::err).is_some_and(|error| error.to_string().starts_with(said))
        });
    }
}

#[test]
fn sound_that_does_not_come_back_is_told() {
    // The first one gives a packet and ends; those behind it give nothing.
    let file = std::env::temp_dir().join(format!("barertc-sound-{}.ogg", std::process::id()));
    std::fs::write(&file, include_bytes!("../../../../fuzz/corpus/media_ogg/sound")).unwrap();
    let command = format!("if [ -e {0} ]; then cat {0}; rm {0}; else exec sleep 600; fi", file.display());
    let board = board();
    let mut encoder = CommandEncoder::<OggPackets<Handle>>::new(&board, template(&command, false), RATE);
    let mut frames = 0;
    asked_often(&mut encoder, |_, next| {
        let told = next.map(|next| next.map(|_| frames += 1)).and_then(Result::err);
        matches!(told, Some(CommandError::Silent { .. }))
    });
    assert!(frames > 0);
}
