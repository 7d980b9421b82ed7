use core::fmt;

use crate::error::Error;

/// Flash memory, for reading.
#[expect(async_fn_in_trait, reason = "storages are polled where they are made; nothing here is spawned across threads")]
pub trait Flash {
    /// What can go wrong.
    type Error: fmt::Debug;

    /// Bytes.
    fn size(&self) -> u32;

    /// Fills `buf` from byte `offset` on; the range lies inside of the flash and of one block. Flash that is read in units
    /// of more than a byte rounds outwards itself.
    ///
    /// # Errors
    /// The flash's own.
    async fn read(&mut self, offset: u32, buf: &mut [u8]) -> Result<(), Self::Error>;
}

impl<F: Flash> Flash for &mut F {
    type Error = F::Error;

    fn size(&self) -> u32 {
        F::size(self)
    }

    async fn read(&mut self, offset: u32, buf: &mut [u8]) -> Result<(), F::Error> {
        F::read(self, offset, buf).await
    }
}

/// Flash that is mapped into memory, or an image in memory.
impl Flash for &[u8] {
    type Error = core::convert::Infallible;

    fn size(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    async fn read(&mut self, offset: u32, buf: &mut [u8]) -> Result<(), Self::Error> {
        if let Some(from) = self.get(offset as usize..).and_then(|rest| rest.get(..buf.len())) {
            buf.copy_from_slice(from);
        }
        Ok(())
    }
}

/// The flash as blocks, with one piece of one block at hand.
pub(crate) struct Blocks<'m, F> {
    flash: F,
    block_size: u32,
    /// Blocks that there are, of the flash and of the file system.
    count: u32,
    cache: &'m mut [u8],
    /// Which bytes of the flash `cache` begins with: where, and how many.
    cached: (u32, u32),
}

impl<'m, F: Flash> Blocks<'m, F> {
    pub fn new(flash: F, block_size: u32, cache: &'m mut [u8]) -> Self {
        let count = flash.size().checked_div(block_size).unwrap_or(0);
        Self { flash, block_size, count, cache, cached: (0, 0) }
    }

    pub fn block_size(&self) -> u32 {
        self.block_size
    }

    /// The file system has no more than `count` blocks.
    pub fn limit(&mut self, count: u32) {
        self.count = self.count.min(count);
    }

    /// Reads from inside a block, straight from the flash.
    pub async fn read(&mut self, block: u32, offset: u32, buf: &mut [u8]) -> Result<(), Error<F::Error>> {
        let at = self.place(block, offset, buf.len())?;
        self.flash.read(at, buf).await.map_err(|error| Error::Flash { offset: at, error })
    }

    /// Reads from inside a block, through the cache.
    pub async fn read_cached(&mut self, block: u32, offset: u32, buf: &mut [u8]) -> Result<(), Error<F::Error>> {
        let begin = self.place(block, 0, 0)?;
        let mut at = self.place(block, offset, buf.len())?;
        let line = u32::try_from(self.cache.len()).unwrap_or(u32::MAX).min(self.block_size);
        if line == 0 {
            return self.read(block, offset, buf).await;
        }
        let mut rest = buf;
        while !rest.is_empty() {
            if at.checked_sub(self.cached.0).is_none_or(|inside| inside >= self.cached.1) {
                let inside = at.saturating_sub(begin);
                let inside = inside.saturating_sub(inside.checked_rem(line).unwrap_or(0));
                let len = line.min(self.block_size.saturating_sub(inside));
                self.load(begin.saturating_add(inside), len).await?;
            }
            let inside = at.saturating_sub(self.cached.0);
            let cached = self.cache.get(inside as usize..self.cached.1 as usize).unwrap_or_default();
            let len = cached.len().min(rest.len());
            let (Some(from), Some((to, left))) = (cached.get(..len), rest.split_at_mut_checked(len)) else { break };
            to.copy_from_slice(from);
            rest = left;
            at = at.saturating_add(len as u32);
        }
        Ok(())
    }

    async fn load(&mut self, at: u32, len: u32) -> Result<(), Error<F::Error>> {
        // Neither a read that fails nor one that nobody waits for leaves half of something behind.
        self.cached = (0, 0);
        let line = self.cache.get_mut(..len as usize).unwrap_or_default();
        self.flash.read(at, line).await.map_err(|error| Error::Flash { offset: at, error })?;
        self.cached = (at, len);
        Ok(())
    }

    /// Where in the flash that is, if it is inside of the file system.
    fn place(&self, block: u32, offset: u32, len: usize) -> Result<u32, Error<F::Error>> {
        let corrupt = |rule| Error::Corrupt { block, rule };
        if block >= self.count {
            return Err(corrupt("block is beyond the end"));
        }
        let end = u32::try_from(len).ok().and_then(|len| offset.checked_add(len));
        if end.is_none_or(|end| end > self.block_size) {
            return Err(corrupt("content reaches past its block"));
        }
        let begin = block.checked_mul(self.block_size).and_then(|begin| begin.checked_add(offset));
        begin.ok_or(corrupt("block is beyond the end"))
    }
}
