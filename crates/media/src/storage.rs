//! The trait of file storages.

use core::fmt;

/// A place where files are: a file system, a flash partition, an SD card, or memory.
///
/// A source does one operation at a time and borrows the storage for it, so that several sources share one storage.
/// Sources only read, and need no list of files.
#[expect(async_fn_in_trait, reason = "sources are polled where they are made; nothing here is spawned across threads")]
pub trait Storage {
    /// An open file.
    type File;
    /// What can go wrong below.
    type Error: fmt::Debug + fmt::Display;

    /// Opens the file at `path`, whose parts are separated by `/`, relative to the root of the storage. `None` when
    /// there is no such file.
    ///
    /// # Errors
    /// An error of the storage.
    async fn open(&mut self, path: &str) -> Result<Option<Self::File>, Self::Error>;

    /// The size of the file in bytes.
    ///
    /// # Errors
    /// An error of the storage.
    async fn size(&mut self, file: &mut Self::File) -> Result<u64, Self::Error>;

    /// Reads into `buf` from byte `offset` of the file, and returns how many bytes were read. They are fewer than asked
    /// for only where the file ends.
    ///
    /// # Errors
    /// An error of the storage.
    async fn read_at(&mut self, file: &mut Self::File, offset: u64, buf: &mut [u8]) -> Result<usize, Self::Error>;

    /// Closes the file. A source that is dropped does not call this, so that `File` should close itself where it can.
    async fn close(&mut self, file: Self::File) {
        drop(file);
    }
}

impl<S: Storage> Storage for &mut S {
    type File = S::File;
    type Error = S::Error;

    async fn open(&mut self, path: &str) -> Result<Option<Self::File>, Self::Error> {
        S::open(self, path).await
    }

    async fn size(&mut self, file: &mut Self::File) -> Result<u64, Self::Error> {
        S::size(self, file).await
    }

    async fn read_at(&mut self, file: &mut Self::File, offset: u64, buf: &mut [u8]) -> Result<usize, Self::Error> {
        S::read_at(self, file, offset, buf).await
    }

    async fn close(&mut self, file: Self::File) {
        S::close(self, file).await;
    }
}

/// Files that are part of the program: pairs of path and content.
///
/// ```
/// use barertc_media::Embedded;
///
/// static FILES: [(&str, &[u8]); 1] = [("hello.txt", b"hello")];
/// let storage = Embedded(&FILES);
/// # let _ = storage;
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Embedded<'a>(pub &'a [(&'a str, &'a [u8])]);

impl<'a> Storage for Embedded<'a> {
    type File = &'a [u8];
    type Error = core::convert::Infallible;

    async fn open(&mut self, path: &str) -> Result<Option<&'a [u8]>, Self::Error> {
        Ok(self.0.iter().find(|(name, _)| *name == path).map(|(_, content)| *content))
    }

    async fn size(&mut self, file: &mut &'a [u8]) -> Result<u64, Self::Error> {
        Ok(file.len() as u64)
    }

    async fn read_at(&mut self, file: &mut &'a [u8], offset: u64, buf: &mut [u8]) -> Result<usize, Self::Error> {
        let rest = usize::try_from(offset).ok().and_then(|at| file.get(at..)).unwrap_or_default();
        let len = rest.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..len), rest.get(..len)) {
            to.copy_from_slice(from);
        }
        Ok(len)
    }
}
