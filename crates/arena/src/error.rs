//! What can go wrong besides an allocation.

use core::fmt;

/// The error of a full container. Nothing was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the container is full")
    }
}

impl core::error::Error for Full {}

/// Why a region of memory cannot become a heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RegionError {
    /// The region is too small for the smallest block after alignment.
    TooSmall,
    /// There is no region, its address is null, or it wraps around the end of the address space.
    Invalid,
    /// The heap has a region already, or blocks of it are in use.
    InUse,
}

impl fmt::Display for RegionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooSmall => "the region is too small for a heap",
            Self::Invalid => "the region is not valid memory",
            Self::InUse => "the heap or its region is in use",
        })
    }
}

impl core::error::Error for RegionError {}
