//! A file of a storage, read at a position.

use core::fmt::{self, Write};

use barertc_arena::{Allocator, Shared};

use crate::error::{Error, ErrorKind, Path};
use crate::storage::Storage;

/// An open file that knows its name, so that every error can tell it.
pub(crate) struct File<S: Storage> {
    handle: S::File,
    path: Path,
    size: u64,
}

impl<S: Storage> File<S> {
    /// Opens `path`; `None` when there is no such file.
    pub(crate) async fn find(storage: &mut S, path: fmt::Arguments<'_>) -> Result<Option<Self>, Error<S::Error>> {
        let path = name(path)?;
        let fail = |e| Error { path: path.clone(), offset: 0, kind: ErrorKind::Storage(e) };
        let Some(mut handle) = storage.open(&path).await.map_err(fail)? else { return Ok(None) };
        match storage.size(&mut handle).await {
            Ok(size) => Ok(Some(Self { handle, path, size })),
            Err(e) => {
                storage.close(handle).await;
                Err(fail(e))
            }
        }
    }

    /// Opens `path`, which must be there.
    pub(crate) async fn open(storage: &mut S, path: fmt::Arguments<'_>) -> Result<Self, Error<S::Error>> {
        match Self::find(storage, path).await? {
            Some(file) => Ok(file),
            None => Err(Error { path: name(path)?, offset: 0, kind: ErrorKind::NotFound }),
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// An error of this file.
    pub(crate) fn error(&self, offset: u64, kind: ErrorKind<S::Error>) -> Error<S::Error> {
        Error { path: self.path.clone(), offset, kind }
    }

    /// Reads as much of `buf` as the file has from `offset` on.
    pub(crate) async fn read(
        &mut self,
        storage: &mut S,
        offset: u64,
        buf: &mut [u8],
    ) -> Result<usize, Error<S::Error>> {
        let read = storage.read_at(&mut self.handle, offset, buf).await;
        read.map_err(|e| Error { path: self.path.clone(), offset, kind: ErrorKind::Storage(e) })
    }

    /// Fills all of `buf` from `offset` on.
    pub(crate) async fn read_exact(
        &mut self,
        storage: &mut S,
        offset: u64,
        buf: &mut [u8],
    ) -> Result<(), Error<S::Error>> {
        let read = self.read(storage, offset, buf).await?;
        if read == buf.len() {
            Ok(())
        } else {
            Err(self.error(offset.saturating_add(read as u64), ErrorKind::Truncated))
        }
    }

    /// Reads `len` bytes from `offset` on into memory of their own, at most `max`.
    pub(crate) async fn read_shared<A: Allocator>(
        &mut self,
        storage: &mut S,
        offset: u64,
        len: u64,
        max: usize,
        alloc: A,
    ) -> Result<Shared<[u8], A>, Error<S::Error>> {
        let Some(bytes) = usize::try_from(len).ok().filter(|n| *n <= max) else {
            return Err(self.error(offset, ErrorKind::TooLarge { len, max }));
        };
        let mut data =
            Shared::<[u8], A>::try_zeroed(bytes, alloc).map_err(|_| self.error(offset, ErrorKind::OutOfMemory))?;
        if let Some(data) = Shared::get_mut(&mut data) {
            self.read_exact(storage, offset, data).await?;
        }
        Ok(data)
    }

    pub(crate) async fn close(self, storage: &mut S) {
        storage.close(self.handle).await;
    }
}

fn name<E>(text: fmt::Arguments<'_>) -> Result<Path, Error<E>> {
    let mut path = Path::new();
    match path.write_fmt(text) {
        Ok(()) => Ok(path),
        Err(_) => Err(Error { path, offset: 0, kind: ErrorKind::PathTooLong }),
    }
}
