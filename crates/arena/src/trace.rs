//! The log of the feature `trace`: one line for each allocation and release.

use core::alloc::Layout;
use core::ptr::NonNull;

/// `from` gave out a block, or failed to.
#[inline]
pub(crate) fn allocation(from: &str, layout: Layout, block: Option<NonNull<u8>>) {
    #[cfg(feature = "trace")]
    {
        let (size, align) = (layout.size(), layout.align());
        let address = block.map_or(0, |block| block.as_ptr().addr());
        if block.is_some() {
            log::trace!("{from}: {size} bytes (align {align}) taken at {address:#x}");
            #[cfg(feature = "defmt")]
            defmt::trace!("{=str}: {=usize} bytes (align {=usize}) taken at {=usize:#x}", from, size, align, address);
        } else {
            log::trace!("{from}: no {size} bytes (align {align}) left");
            #[cfg(feature = "defmt")]
            defmt::trace!("{=str}: no {=usize} bytes (align {=usize}) left", from, size, align);
        }
    }
    #[cfg(not(feature = "trace"))]
    let _ = (from, layout, block);
}

/// `from` is about to take a block back.
#[inline]
pub(crate) fn release(from: &str, layout: Layout, block: NonNull<u8>) {
    #[cfg(feature = "trace")]
    {
        let (size, address) = (layout.size(), block.as_ptr().addr());
        log::trace!("{from}: {size} bytes released at {address:#x}");
        #[cfg(feature = "defmt")]
        defmt::trace!("{=str}: {=usize} bytes released at {=usize:#x}", from, size, address);
    }
    #[cfg(not(feature = "trace"))]
    let _ = (from, layout, block);
}
