//! Flash that takes its time is read block by block, and not more of it than needed.

mod common;

use barertc_littlefs::{Error, Flash, LittleFs, image};
use barertc_media::pack::block_on;
use common::{BLOCK, noise, read};

/// Flash that needs a while for every read, and fails from `broken` on.
struct Slow<'a> {
    image: &'a [u8],
    broken: u32,
    reads: usize,
    bytes: usize,
}

impl Flash for Slow<'_> {
    type Error = &'static str;

    fn size(&self) -> u32 {
        self.image.len() as u32
    }

    async fn read(&mut self, offset: u32, buf: &mut [u8]) -> Result<(), &'static str> {
        let mut polled = false;
        core::future::poll_fn(|_| {
            if std::mem::replace(&mut polled, true) { true.into() } else { core::task::Poll::Pending }
        })
        .await;
        self.reads += 1;
        self.bytes += buf.len();
        assert_eq!(offset / BLOCK, (offset + buf.len() as u32 - 1) / BLOCK, "a read inside of one block");
        if offset + buf.len() as u32 > self.broken {
            return Err("no answer");
        }
        buf.copy_from_slice(&self.image[offset as usize..][..buf.len()]);
        Ok(())
    }
}

#[test]
fn slow_flash_is_read_block_by_block_and_its_failure_is_told() {
    let content = noise(1, 100_000);
    let image = image::build(256 * 1024, BLOCK, &[("long".into(), content.clone())]).expect("room");
    let mut flash = Slow { image: &image, broken: u32::MAX, reads: 0, bytes: 0 };
    let mut cache = [0; BLOCK as usize];
    let mut storage = LittleFs::new(&mut flash, BLOCK, &mut cache);
    assert_eq!(block_on(read(&mut storage, "long", 100_000)).expect("slow, not broken"), Some(content));
    // 25 blocks of content and the pointers between them, and the few of metadata.
    assert!(flash.reads < 60, "{} reads for 25 blocks", flash.reads);

    flash.broken = 30_000;
    let mut storage = LittleFs::new(&mut flash, BLOCK, &mut cache);
    let error = block_on(read(&mut storage, "long", 100_000)).expect_err("the end of the file is out of reach");
    assert!(matches!(error, Error::Flash { error: "no answer", offset } if offset + BLOCK > 30_000), "{error}");
    assert!(error.to_string().contains("no answer"), "{error}");
}

#[test]
fn numbered_files_are_found_without_reading_the_directory_each_time() {
    let files: Vec<_> = (0..500).map(|n| (format!("opus/sample-{n}.opus"), noise(n, 160))).collect();
    let image = image::build(2 << 20, BLOCK, &files).expect("room");
    let mut flash = Slow { image: &image, broken: u32::MAX, reads: 0, bytes: 0 };
    let mut cache = [0; BLOCK as usize];
    let mut storage = LittleFs::new(&mut flash, BLOCK, &mut cache);
    for (path, content) in &files {
        assert_eq!(block_on(read(&mut storage, path, 4096)).expect("slow, not broken").as_ref(), Some(content));
    }
    let each = flash.bytes / files.len();
    println!("{each} bytes and {} reads a file", flash.reads / files.len());
    // The root, the pair that has the name, and its content; the whole directory has some forty blocks.
    assert!(each < 5 * BLOCK as usize, "{each} bytes a file");
}
