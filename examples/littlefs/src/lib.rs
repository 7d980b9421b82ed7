//! LittleFS images in flash as a [`Storage`] of media.
//!
//! [`LittleFs`] reads images of disk version 2 as littlefs itself writes them, over any [`Flash`], block by block. It
//! never writes, holds no memory but what its caller lends, and believes nothing that it reads: what is broken gives an
//! error that names the block.
//!
//! ```
//! use barertc_littlefs::LittleFs;
//! use barertc_media::Storage;
//!
//! # let image = barertc_littlefs::image::build(64 * 1024, 4096, &[("opus/0.opus".into(), vec![0xfc, 1, 2, 3])]).unwrap();
//! # let image: &[u8] = &image;
//! # barertc_media::pack::block_on(async {
//! let mut cache = [0; 4096];
//! let mut files = LittleFs::new(image, 4096, &mut cache);
//! let mut file = files.open("opus/0.opus").await?.expect("a file of this name");
//! let mut content = [0; 16];
//! assert_eq!(files.read_at(&mut file, 0, &mut content).await?, 4);
//! assert_eq!(content[..4], [0xfc, 1, 2, 3]);
//! assert!(files.open("opus/1.opus").await?.is_none());
//! # Ok::<(), barertc_littlefs::Error<_>>(())
//! # }).unwrap();
//! ```
//!
//! The reader is written for this job, in safe code, rather than taken from a port of the whole file system: those read
//! with blocking calls, keep open files in a list of pointers (a file that is only dropped would stay in it), and assert
//! where an image is broken. Images are made with such a port, on the host: feature `image`.
#![no_std]
#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

#[cfg(any(feature = "image", test))]
extern crate std;

mod blocks;
mod chain;
mod error;
#[cfg(feature = "image")]
pub mod image;
mod metadata;
mod words;

use barertc_media::Storage;
use blocks::Blocks;
use words::words;

pub use blocks::Flash;
pub use error::Error;
use metadata::{Content, Pair, Recent};

/// Both superblocks are here, and so begins the root directory.
const ROOT: Pair = [0, 1];
/// The major version of the disk format that is understood, and the newest minor one.
const VERSION: (u32, u32) = (2, 1);
/// Of a superblock: version, block size, block count, and three limits.
const SUPERBLOCK_LEN: usize = 24;
/// The smallest block that the format allows.
const MIN_BLOCK: u32 = 128;

/// A file system in flash, for reading.
///
/// Nothing is read before the first file is opened, so that a broken image is the error of the file that was wanted. A
/// rename that a power cut ended half-way shows the file under both names.
pub struct LittleFs<'m, F> {
    blocks: Blocks<'m, F>,
    recent: Recent,
    mounted: bool,
}

impl<'m, F: Flash> LittleFs<'m, F> {
    /// A file system with blocks of `block_size` bytes at the beginning of `flash`. `cache` is used for metadata: with a
    /// whole block each is read once per look-up, with less in as many pieces as it takes; 16 bytes work.
    pub fn new(flash: F, block_size: u32, cache: &'m mut [u8]) -> Self {
        Self { blocks: Blocks::new(flash, block_size, cache), recent: Recent::default(), mounted: false }
    }

    async fn mount(&mut self) -> Result<(), Error<F::Error>> {
        if self.mounted {
            return Ok(());
        }
        if self.blocks.block_size() < MIN_BLOCK {
            return Err(Error::BlockSize { found: self.blocks.block_size() });
        }
        let superblock = match metadata::fetch(&mut self.blocks, ROOT, metadata::SUPERBLOCK, b"littlefs").await {
            Ok(found) => found.content,
            // What never was a file system and one with both superblocks broken look the same.
            Err(Error::Corrupt { .. }) => None,
            Err(other) => return Err(other),
        };
        let Some(Content::Inline { block, offset, len }) = superblock else { return Err(Error::NoFileSystem) };
        let mut bytes = [0; SUPERBLOCK_LEN];
        if (len as usize) < SUPERBLOCK_LEN {
            return Err(Error::NoFileSystem);
        }
        self.blocks.read(block, offset, &mut bytes).await?;
        let [version, block_size, block_count] = words(&bytes);
        if version >> 16 != VERSION.0 || version & 0xffff > VERSION.1 {
            return Err(Error::Version(version));
        }
        if block_size != self.blocks.block_size() {
            return Err(Error::BlockSize { found: block_size });
        }
        self.blocks.limit(block_count);
        self.mounted = true;
        Ok(())
    }
}

impl<F: Flash> Storage for LittleFs<'_, F> {
    type File = File;
    type Error = Error<F::Error>;

    async fn open(&mut self, path: &str) -> Result<Option<File>, Self::Error> {
        self.mount().await?;
        let mut place = Content::Directory(ROOT);
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let Content::Directory(pair) = place else { return Ok(None) };
            match metadata::find(&mut self.blocks, &mut self.recent, pair, name.as_bytes()).await? {
                Some(found) => place = found,
                None => return Ok(None),
            }
        }
        Ok(match place {
            Content::Directory(_) => None,
            file => Some(File(file)),
        })
    }

    async fn size(&mut self, file: &mut File) -> Result<u64, Self::Error> {
        Ok(file.len().into())
    }

    async fn read_at(&mut self, file: &mut File, offset: u64, buf: &mut [u8]) -> Result<usize, Self::Error> {
        let rest = u64::from(file.len()).saturating_sub(offset);
        let len = usize::try_from(rest).unwrap_or(usize::MAX).min(buf.len());
        let Some(buf) = buf.get_mut(..len).filter(|buf| !buf.is_empty()) else { return Ok(0) };
        let at = u32::try_from(offset).unwrap_or(u32::MAX);
        match file.0 {
            Content::Inline { block, offset, .. } => self.blocks.read(block, offset.saturating_add(at), buf).await?,
            Content::Chain { head, size } => chain::read(&mut self.blocks, head, size, at, buf).await?,
            Content::Directory(_) => return Ok(0),
        }
        Ok(len)
    }
}

/// An open file: where its content is. Nothing needs to be closed.
#[derive(Clone, Copy, Debug)]
pub struct File(Content);

impl File {
    fn len(&self) -> u32 {
        match self.0 {
            Content::Inline { len, .. } => len,
            Content::Chain { size, .. } => size,
            Content::Directory(_) => 0,
        }
    }
}

#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<LittleFs<'_, &[u8]>>() <= 128);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_read_takes_is_small() {
        let mut files = LittleFs::new(&[][..], 4096, &mut []);
        let mut file = File(Content::Chain { head: 0, size: 1 });
        assert!(size_of_val(&files) <= 192, "{} bytes", size_of_val(&files));
        let open = size_of_val(&files.open("a name"));
        let read = size_of_val(&files.read_at(&mut file, 0, &mut []));
        assert!(open <= 1024 && read <= 512, "to open takes {open} bytes, to read {read}");
        std::println!("state {}, open {open}, read {read}", size_of_val(&files));
    }
}
