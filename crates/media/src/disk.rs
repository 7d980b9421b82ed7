//! Files of the operating system as a storage.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::storage::Storage;

/// A folder of the machine's file system. Reading blocks.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Disk {
    root: PathBuf,
}

impl Disk {
    /// Files under `root`.
    #[must_use]
    pub fn new(root: impl AsRef<Path>) -> Self {
        Self { root: root.as_ref().to_path_buf() }
    }
}

impl Storage for Disk {
    type File = File;
    type Error = io::Error;

    async fn open(&mut self, path: &str) -> io::Result<Option<File>> {
        match File::open(self.root.join(path)) {
            Ok(file) => Ok(Some(file)),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(e),
        }
    }

    async fn size(&mut self, file: &mut File) -> io::Result<u64> {
        Ok(file.metadata()?.len())
    }

    async fn read_at(&mut self, file: &mut File, offset: u64, mut buf: &mut [u8]) -> io::Result<usize> {
        file.seek(SeekFrom::Start(offset))?;
        let mut total = 0usize;
        while !buf.is_empty() {
            match file.read(buf) {
                Ok(0) => break,
                Ok(n) => {
                    total = total.saturating_add(n);
                    buf = buf.get_mut(n..).unwrap_or_default();
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(total)
    }
}
