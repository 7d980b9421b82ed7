//! Where media comes from on a desktop: the sample inside the program, or the disk.

use std::io;
use std::path::Path;

use barertc_media::{Disk, Embedded, Storage};

use crate::guard::host;

/// The name under which the sample is found.
pub const SAMPLE: &str = "sample.brtc";
static FILES: [(&str, &[u8]); 2] = [
    (SAMPLE, include_bytes!("../../media/sample.brtc")),
    ("sample-small.brtc", include_bytes!("../../media/sample-small.brtc")),
];

/// The sample, or a folder of the disk.
pub enum Media {
    Sample(Embedded<'static>),
    Disk(Disk),
}

/// An open file of either.
pub enum File {
    Sample(&'static [u8]),
    Disk(std::fs::File),
}

impl Media {
    /// The sample that comes with the program.
    pub fn sample() -> Self {
        Self::Sample(Embedded(&FILES))
    }

    /// Files under `root`.
    pub fn disk(root: &Path) -> Self {
        Self::Disk(Disk::new(root))
    }
}

impl Storage for Media {
    type File = File;
    type Error = io::Error;

    async fn open(&mut self, path: &str) -> io::Result<Option<File>> {
        match self {
            Self::Sample(files) => Ok(files.open(path).await.unwrap_or_else(|never| match never {}).map(File::Sample)),
            Self::Disk(disk) => Ok(host(disk.open(path)).await?.map(File::Disk)),
        }
    }

    async fn size(&mut self, file: &mut File) -> io::Result<u64> {
        match (self, file) {
            (Self::Disk(disk), File::Disk(file)) => host(disk.size(file)).await,
            (_, File::Sample(bytes)) => Ok(bytes.len() as u64),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    async fn read_at(&mut self, file: &mut File, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        match (self, file) {
            (Self::Disk(disk), File::Disk(file)) => host(disk.read_at(file, offset, buf)).await,
            (Self::Sample(files), File::Sample(bytes)) => {
                Ok(files.read_at(bytes, offset, buf).await.unwrap_or_else(|never| match never {}))
            }
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}
