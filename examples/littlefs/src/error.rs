use core::fmt;

/// Why nothing can be read; `E` is the flash's own error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// The flash failed.
    Flash {
        /// Where it was read, in bytes from its beginning.
        offset: u32,
        /// What it said.
        error: E,
    },
    /// Neither of the first two blocks holds a superblock: no LittleFS image, other blocks, or both are broken.
    NoFileSystem,
    /// A version of the disk format other than 2.0 and 2.1: major in the upper 16 bits.
    Version(u32),
    /// The image has blocks of another size, or none that the format allows.
    BlockSize {
        /// Bytes of a block, as the image has it.
        found: u32,
    },
    /// The image breaks a rule of the format.
    Corrupt {
        /// The block.
        block: u32,
        /// The rule.
        rule: &'static str,
    },
}

impl<E: fmt::Debug> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash { offset, error } => write!(f, "flash at byte {offset}: {error:?}"),
            Self::NoFileSystem => f.write_str("no LittleFS file system in the flash"),
            Self::Version(v) => write!(f, "LittleFS disk version {}.{}", v >> 16, v & 0xffff),
            Self::BlockSize { found } => write!(f, "file system with blocks of {found} bytes"),
            Self::Corrupt { block, rule } => write!(f, "file system broken in block {block}: {rule}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for Error<E> {}
