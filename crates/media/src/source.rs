use barertc_arena::Allocator;

use crate::{AnnexB, Directory, Error, Frame, Kind, Ogg, Packed, Storage};

/// Any of the sources, for programs that learn only when they run where their media is.
pub enum Source<S: Storage, A: Allocator> {
    /// A directory of numbered files.
    Directory(Directory<A>),
    /// An H.264 elementary stream.
    AnnexB(AnnexB<S, A>),
    /// Opus in Ogg.
    Ogg(Ogg<S, A>),
    /// One track of a packed file.
    Packed(Packed<S, A>),
}

impl<S: Storage, A: Allocator + Clone> Source<S, A> {
    /// Reads the next frame; after the last one comes the first again.
    ///
    /// # Errors
    /// As the source's own `next`.
    pub async fn next(&mut self, storage: &mut S) -> Result<Frame<A>, Error<S::Error>> {
        match self {
            Self::Directory(source) => source.next(storage).await,
            Self::AnnexB(source) => source.next(storage).await,
            Self::Ogg(source) => source.next(storage).await,
            Self::Packed(source) => source.next(storage).await,
        }
    }

    /// Lets a key frame be next, as close as the source can find one: a packed file the nearest, any other its first
    /// frame. Timestamps run on.
    pub fn seek_key_frame(&mut self) {
        match self {
            Self::Directory(source) => source.rewind(),
            Self::AnnexB(source) => source.rewind(),
            Self::Ogg(_) => {}
            Self::Packed(source) => {
                let key = source.nearest_key_frame(source.position());
                // A key frame's number is in range by construction of the index.
                let _ = source.seek(key);
            }
        }
    }

    /// What the source carries.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Directory(source) => source.kind(),
            Self::AnnexB(_) => Kind::H264,
            Self::Ogg(_) => Kind::Opus,
            Self::Packed(source) => source.kind(),
        }
    }
}
