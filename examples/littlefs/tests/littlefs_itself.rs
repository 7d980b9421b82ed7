//! Images that littlefs itself wrote are read; what our tool writes, littlefs itself reads.

mod common;

use barertc_littlefs::{LittleFs, image};
use barertc_media::Storage;
use barertc_media::pack::block_on;
use common::{BLOCK, SAMPLE, assert_holds, assorted, folder, littlefs, write};

const COPY_IN: &str = "
import os
from littlefs import LittleFS
fs = LittleFS(block_size=4096, block_count=1024)
for place, _, names in os.walk('files'):
    inside = os.path.relpath(place, 'files')
    if inside != '.':
        fs.makedirs(inside, exist_ok=True)
    for name in names:
        with open(os.path.join(place, name), 'rb') as source, fs.open(os.path.normpath(os.path.join(inside, name)), 'wb') as to:
            to.write(source.read())
";
/// Names come, go and move, so that logs are compacted and identifiers shift; contents shrink, grow and are replaced.
const SHUFFLE: &str = "
for n in range(0, 300, 3):
    fs.remove(f'many/sample-{n}.opus')
for n in range(1, 300, 3):
    fs.rename(f'many/sample-{n}.opus', f'many/moved-{n}.opus')
for round in range(40):
    with fs.open('size-64', 'wb') as f:
        f.write(bytes([round]) * (round * 150))
with fs.open('size-70000', 'ab') as f:
    f.write(b'more')
fs.rename('size-31', 'a/b/size-31')
fs.rename('size-500', 'size-1')
";
const WRITE: &str = "
open('image', 'wb').write(bytes(fs.context.buffer))
";
const COMPARE: &str = "
import os
from littlefs import LittleFS
data = open('image', 'rb').read()
fs = LittleFS(block_size=4096, block_count=len(data) // 4096, mount=False)
fs.context.buffer = bytearray(data)
fs.mount()
count = 0
for place, _, names in os.walk('files'):
    for name in names:
        path = os.path.join(place, name)
        with fs.open(os.path.relpath(path, 'files'), 'rb') as f:
            assert f.read() == open(path, 'rb').read(), path
        count += 1
assert sum(len(files) for _, _, files in fs.walk('/')) == count, 'files that nobody asked for'
fs.open('written.after', 'wb').close()
";

#[test]
fn an_image_by_littlefs_itself_reads_back() {
    let folder = folder("by-littlefs");
    let mut files = assorted();
    files.push(("sample.brtc".into(), SAMPLE.to_vec()));
    write(&folder.join("files"), &files);
    littlefs(&folder, &format!("{COPY_IN}{WRITE}"));
    let image = std::fs::read(folder.join("image")).expect("an image");
    for (cache, piece) in [(4096, 100_000), (512, 4096), (16, 1021), (0, 50_000)] {
        assert_holds(&image, &files, cache, piece);
    }
}

#[test]
fn names_that_moved_and_contents_that_changed_read_back() {
    let folder = folder("shuffled");
    let mut files = assorted();
    write(&folder.join("files"), &files);
    littlefs(&folder, &format!("{COPY_IN}{SHUFFLE}{WRITE}"));
    let image = std::fs::read(folder.join("image")).expect("an image");

    let mut gone = Vec::new();
    files.retain_mut(|(path, content)| {
        let number = path.strip_prefix("many/sample-").and_then(|p| p.strip_suffix(".opus")).map(|n| n.parse::<u32>());
        let old = path.clone();
        match (path.as_str(), number) {
            (_, Some(Ok(n))) if n % 3 == 0 => path.clear(),
            (_, Some(Ok(n))) if n % 3 == 1 => *path = format!("many/moved-{n}.opus"),
            ("size-64", _) => *content = vec![39; 39 * 150],
            ("size-70000", _) => content.extend(b"more"),
            ("size-31", _) => *path = "a/b/size-31".into(),
            ("size-500", _) => *path = "size-1".into(),
            ("size-1", _) => path.clear(),
            _ => {}
        }
        if *path != old && old != "size-1" {
            gone.push(old);
        }
        !path.is_empty()
    });
    assert_holds(&image, &files, 4096, 4096);
    let mut cache = [0; 256];
    let mut storage = LittleFs::new(&image[..], BLOCK, &mut cache);
    assert_eq!(gone.len(), 202);
    for path in gone {
        assert!(block_on(storage.open(&path)).expect("a clean answer").is_none(), "{path} is still there");
    }
}

#[test]
fn littlefs_itself_reads_what_the_tool_writes() {
    let folder = folder("by-the-tool");
    let mut files = assorted();
    files.push(("sample.brtc".into(), SAMPLE.to_vec()));
    write(&folder.join("files"), &files);
    let image = image::build(4 << 20, BLOCK, &files).expect("room for all");
    assert_holds(&image, &files, 4096, 4096);
    std::fs::write(folder.join("image"), &image).expect("an image");
    littlefs(&folder, COMPARE);
}

#[test]
fn an_image_that_is_too_small_names_the_file() {
    let files = [("small".to_string(), vec![1; 10]), ("sample.brtc".to_string(), SAMPLE.to_vec())];
    let error = image::build(1 << 20, BLOCK, &files).expect_err("two megabytes in one");
    assert!(error.to_string().contains("write sample.brtc of 2074608 bytes: no space left"), "{error}");
}
