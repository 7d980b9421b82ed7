//! What the tests share: files to put into images, littlefs itself, and ways to read back.
#![allow(dead_code, reason = "each test uses a part")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use barertc_arena::Global;
use barertc_littlefs::{Error, Flash, LittleFs};
use barertc_media::pack::{self, block_on};
use barertc_media::{Embedded, FrameKind, Storage};

pub const BLOCK: u32 = 4096;
pub const SAMPLE: &[u8] = include_bytes!("../../../media/sample.brtc");

pub type Files = Vec<(String, Vec<u8>)>;

/// Bytes that are nowhere alike.
pub fn noise(seed: u32, len: usize) -> Vec<u8> {
    let mut x = seed.wrapping_mul(0x9e37_79b9) | 1;
    let next = || {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        x as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// Files of every kind of content: none, inside of metadata, one block, many, and sizes at the edges of blocks.
pub fn assorted() -> Files {
    let sizes = [0, 1, 31, 64, 500, 4095, 4096, 4097, 8187, 8188, 8189, 12_276, 12_277, 70_000, 300_001];
    let mut files: Files =
        sizes.iter().enumerate().map(|(n, len)| (format!("size-{len}"), noise(n as u32, *len))).collect();
    files.push(("a/b/c/deep".into(), noise(77, 5000)));
    // Enough names for a directory of many metadata pairs.
    files.extend((0..300).map(|n| (format!("many/sample-{n}.opus"), noise(n, 160))));
    files
}

/// The frames of the bundled sample as the directories of the original streamer: the first `video` and `audio` ones.
pub fn directories(video: usize, audio: usize) -> Files {
    let tracks = block_on(pack::read(&mut Embedded(&[("sample.brtc", SAMPLE)]), "sample.brtc")).expect("the sample");
    let mut files = Files::new();
    for track in tracks {
        let (name, most) = if track.kind == FrameKind::H264 { ("h264", video) } else { ("opus", audio) };
        let frames = track.frames.iter().take(most).enumerate();
        files.extend(frames.map(|(n, frame)| (format!("{name}/{n}.{name}"), frame.to_vec())));
    }
    files
}

/// The whole content of `path`, read in pieces of `piece` bytes.
pub async fn read<F: Flash>(
    files: &mut LittleFs<'_, F>,
    path: &str,
    piece: usize,
) -> Result<Option<Vec<u8>>, Error<F::Error>> {
    let Some(mut file) = files.open(path).await? else { return Ok(None) };
    let mut content = vec![0; files.size(&mut file).await? as usize];
    let mut at = 0;
    for to in content.chunks_mut(piece) {
        assert_eq!(files.read_at(&mut file, at, to).await?, to.len(), "{path} at {at}");
        at += to.len() as u64;
    }
    assert_eq!(files.read_at(&mut file, at, &mut [0; 9]).await?, 0, "{path} has an end");
    files.close(file).await;
    Ok(Some(content))
}

/// Every file is in the image, byte for byte.
pub fn assert_holds(image: &[u8], files: &Files, cache: usize, piece: usize) {
    let mut cache = vec![0; cache];
    let mut storage = LittleFs::new(image, BLOCK, &mut cache);
    for (path, content) in files {
        let read = block_on(read(&mut storage, path, piece)).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert!(read.as_ref() == Some(content), "{path} came back different: {:?} bytes", read.map(|r| r.len()));
    }
}

/// A Python that has littlefs itself (the C code, in package `littlefs-python`), installed on first use.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("littlefs-python-{}", std::process::id()));
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("littlefs-python");
        if works(&kept.join("bin/python")) {
            return kept.join("bin/python");
        }
        let run = |program: &Path, args: &[&str]| {
            let status = Command::new(program).args(args).status();
            assert!(
                status.as_ref().is_ok_and(|status| status.success()),
                "this test compares with littlefs itself: it needs python3 with venv (Debian: python3-venv) and the \
                 PyPI package littlefs-python; `{} {}` gave {status:?}",
                program.display(),
                args.join(" ")
            );
        };
        run(Path::new("python3"), &["-m", "venv", &place.to_string_lossy()]);
        run(&place.join("bin/python"), &["-m", "pip", "install", "--quiet", "littlefs-python==0.19.0"]);
        // Another test may have been faster; both are the same.
        let moved = std::fs::rename(&place, &kept).is_ok() || works(&kept.join("bin/python"));
        if moved { kept } else { place }.join("bin/python")
    })
}

fn works(python: &Path) -> bool {
    let check = Command::new(python).args(["-c", "import littlefs"]).output();
    check.is_ok_and(|output| output.status.success())
}

/// Runs `script` under littlefs itself, in a folder of its own.
pub fn littlefs(folder: &Path, script: &str) {
    let output = Command::new(python()).current_dir(folder).args(["-c", script]).output().expect("python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A new empty folder.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Writes the files into `folder`.
pub fn write(folder: &Path, files: &Files) {
    for (path, content) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("inside")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }
}

pub fn heap() -> Global {
    Global
}
