//! Files in memory, and what reads them.
#![allow(dead_code)]

use barertc_media::{Error, ErrorKind, Storage};

/// Files that a test owns; counts what is done to them.
#[derive(Default)]
pub struct Files {
    pub files: Vec<(String, Vec<u8>)>,
    pub reads: usize,
    pub opens: usize,
    /// Open handles.
    pub open: isize,
}

impl Files {
    pub fn one(path: &str, content: &[u8]) -> Self {
        Self { files: vec![(path.into(), content.into())], ..Self::default() }
    }
}

impl Storage for Files {
    type File = usize;
    type Error = std::convert::Infallible;

    async fn open(&mut self, path: &str) -> Result<Option<usize>, Self::Error> {
        self.opens += 1;
        let found = self.files.iter().position(|f| f.0 == path);
        self.open += isize::from(found.is_some());
        Ok(found)
    }

    async fn size(&mut self, file: &mut usize) -> Result<u64, Self::Error> {
        Ok(self.files[*file].1.len() as u64)
    }

    async fn read_at(&mut self, file: &mut usize, offset: u64, buf: &mut [u8]) -> Result<usize, Self::Error> {
        self.reads += 1;
        let rest = self.files[*file].1.get(offset as usize..).unwrap_or_default();
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    async fn close(&mut self, _: usize) {
        self.open -= 1;
    }
}

/// An error must name the file, and a place inside of it.
pub fn check<E: std::fmt::Debug + std::fmt::Display>(error: &Error<E>, path: &str, len: usize) {
    assert_eq!(error.path, path);
    assert!(error.offset <= len as u64, "{error} in a file of {len} bytes");
    assert!(error.to_string().starts_with(&format!("{path} at byte {}: ", error.offset)), "{error}");
    assert!(!matches!(error.kind, ErrorKind::Storage(_) | ErrorKind::OutOfMemory), "{error}");
}

/// An access unit of these NAL units, each behind its length.
pub fn access_unit(nals: &[&[u8]]) -> Vec<u8> {
    nals.iter().flat_map(|n| (n.len() as u32).to_be_bytes().into_iter().chain(n.iter().copied())).collect()
}

/// The folder with files that encoders wrote.
pub const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
