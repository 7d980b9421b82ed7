//! Whatever an image has lost, the answer is a clean error or the right bytes.

mod common;

use std::collections::BTreeMap;

use barertc_littlefs::{Error, LittleFs, image};
use barertc_media::pack::block_on;
use barertc_media::{Directory, DirectoryConfig, FrameKind, Storage};
use common::{BLOCK, Files, assert_holds, heap, noise, read};

fn files() -> Files {
    let mut files: Files =
        (0..20).map(|n| (format!("opus/{n}.opus"), [&[0xfc][..], &noise(n, 150)].concat())).collect();
    files.push(("inline".into(), noise(50, 40)));
    files.push(("one-block".into(), noise(51, 3000)));
    files.push(("long".into(), noise(52, 60_000)));
    files
}

/// Reads all of them: how many came back right; the others must have failed with an error that has words.
fn survivors(image: &[u8], files: &Files) -> usize {
    let mut cache = [0; 1024];
    let mut storage = LittleFs::new(image, BLOCK, &mut cache);
    let mut right = 0;
    for (path, content) in files {
        match block_on(read(&mut storage, path, 4096)) {
            Ok(Some(found)) if found == *content => right += 1,
            Ok(Some(_)) => panic!("{path} came back with other bytes"),
            Ok(None) => panic!("{path} is missing without an error"),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    right
}

#[test]
fn an_image_cut_off_at_any_block_plays_or_says_so() {
    let files = files();
    let image = image::build(256 * 1024, BLOCK, &files).expect("room");
    let mut seen = Vec::new();
    for blocks in 0..=image.len() / BLOCK as usize {
        seen.push(survivors(&image[..blocks * BLOCK as usize], &files));
    }
    assert_eq!(seen.first(), Some(&0));
    assert_eq!(seen.last(), Some(&files.len()));
    assert!(seen.iter().any(|n| (1..files.len()).contains(n)), "some cut leaves a part: {seen:?}");
    // Not at the edge of a block either.
    for len in (0..image.len()).step_by(1777) {
        survivors(&image[..len], &files);
    }
}

#[test]
fn a_power_cut_at_any_step_of_the_last_write_leaves_the_rest_whole() {
    let mut all = files();
    let last = ("opus/20.opus".to_string(), noise(60, 50_000));
    all.push(last.clone());
    let before = all.len() - 1;
    let (mut steps, mut outcomes) = (0, BTreeMap::new());
    let done = image::build_watched(256 * 1024, BLOCK, &all, &mut |complete, image| {
        if complete < before {
            return;
        }
        steps += 1;
        assert_holds(image, &files(), 1024, 4096);
        let mut cache = [0; 1024];
        let mut storage = LittleFs::new(image, BLOCK, &mut cache);
        let found = block_on(read(&mut storage, &last.0, 4096)).expect("a file system that is whole");
        // Created and still empty, or complete: nothing between.
        let outcome = match &found {
            None => "absent",
            Some(content) if content.is_empty() => "empty",
            Some(content) if *content == last.1 => "complete",
            Some(content) => panic!("{} of 50000 bytes at step {steps}", content.len()),
        };
        *outcomes.entry(outcome).or_insert(0) += 1;
    });
    assert_holds(&done.expect("room"), &all, 1024, 4096);
    println!("{steps} steps: {outcomes:?}");
    assert!(steps > 100, "{steps} steps");
    assert!(outcomes.contains_key("absent") && outcomes.contains_key("complete"), "{outcomes:?}");
}

#[test]
fn bytes_that_changed_never_stop_the_reader() {
    let files = files();
    let good = image::build(128 * 1024, BLOCK, &files).expect("room");
    let mut clean = 0;
    for round in 0..600_u32 {
        let mut image = good.clone();
        let wild = noise(round + 1, 12);
        for change in wild.chunks(3) {
            // Mostly in the first blocks, where the metadata is.
            let at = usize::from(u16::from_le_bytes([change[0], change[1]])) * if round % 2 == 0 { 1 } else { 2 };
            let at = if round % 3 == 0 { at % 8192 } else { at % image.len() };
            image[at] ^= change[2] | 1;
        }
        let mut cache = [0; 512];
        let mut storage = LittleFs::new(&image[..], BLOCK, &mut cache);
        for (path, _) in &files {
            clean += usize::from(block_on(read(&mut storage, path, 4096)).is_err());
        }
    }
    assert!(clean > 100, "only {clean} errors in 600 images with changes");
}

#[test]
fn what_is_no_file_system_says_so() {
    for image in [vec![0xff; 65_536], vec![0; 65_536], noise(9, 65_536), Vec::new()] {
        let mut storage = LittleFs::new(&image[..], BLOCK, &mut []);
        assert!(matches!(block_on(storage.open("x")), Err(Error::NoFileSystem)));
    }
    let image = image::build(64 * 1024, 512, &[]).expect("room");
    let mut storage = LittleFs::new(&image[..], 1024, &mut []);
    assert!(matches!(block_on(storage.open("x")), Err(Error::BlockSize { found: 512 })));
}

#[test]
fn a_missing_file_is_named() {
    let image = image::build(256 * 1024, BLOCK, &files()).expect("room");
    let mut cache = [0; 1024];
    let mut storage = LittleFs::new(&image[..], BLOCK, &mut cache);
    let open = Directory::open(&mut storage, "h264", FrameKind::H264, DirectoryConfig::default(), heap());
    let Err(error) = block_on(open) else { panic!("there is no h264 in it") };
    assert_eq!(error.to_string(), "h264/sample-0.h264 at byte 0: no such file");
    for path in ["opus", "opus/20.opus", "inline/x", "nowhere/x", ""] {
        assert!(block_on(storage.open(path)).expect("a clean answer").is_none(), "{path}");
    }
}
