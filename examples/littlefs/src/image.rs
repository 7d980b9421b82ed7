//! Images made on the host, with a port of littlefs itself in memory.
#![allow(unsafe_code, reason = "the port has littlefs' own interface, of pointers")]

use core::fmt;
use core::mem::MaybeUninit;
use std::ffi::CString;
use std::string::String;
use std::vec::Vec;
use std::{format, vec};

use littlefs_rust_core::lfs_type::lfs_open_flags::{LFS_O_CREAT, LFS_O_EXCL, LFS_O_WRONLY};
use littlefs_rust_core::{self as core_fs, LFS_ERR_CORRUPT, LFS_ERR_EXIST, LFS_ERR_IO, LFS_ERR_NOSPC, Lfs, LfsConfig};

/// Bytes that littlefs writes in one piece; blocks are multiples of it.
const CACHE: usize = 512;
/// Bytes of the map of free blocks, 8 in each.
const LOOKAHEAD: usize = 1024;

/// What could not be done, and littlefs' number for why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageError {
    /// What was tried.
    pub what: String,
    /// littlefs' error number.
    pub code: i32,
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.code {
            LFS_ERR_NOSPC => "no space left in the image",
            LFS_ERR_EXIST => "there is one already",
            LFS_ERR_CORRUPT => "the image is broken",
            _ => "littlefs refused",
        };
        write!(f, "cannot {}: {why} ({})", self.what, self.code)
    }
}

impl core::error::Error for ImageError {}

/// An image of `size` bytes in blocks of `block_size`, with these files (path and content) and the directories that they
/// need.
///
/// # Errors
/// The file that does not fit.
pub fn build(size: u32, block_size: u32, files: &[(String, Vec<u8>)]) -> Result<Vec<u8>, ImageError> {
    build_watched(size, block_size, files, &mut |_, _| {})
}

/// As [`build`]; `watch` sees the whole flash after each block that is erased and each piece that is written, with how
/// many files were complete at that time. What it sees is what a power cut leaves.
///
/// # Errors
/// As [`build`].
pub fn build_watched(
    size: u32,
    block_size: u32,
    files: &[(String, Vec<u8>)],
    watch: &mut dyn FnMut(usize, &[u8]),
) -> Result<Vec<u8>, ImageError> {
    let block_count = size.checked_div(block_size).unwrap_or(0);
    if block_size == 0 || !block_size.is_multiple_of(CACHE as u32) || block_count < 4 {
        return Err(ImageError { what: format!("divide {size} bytes into blocks of {block_size}"), code: -22 });
    }
    let bytes = vec![0xff; size as usize];
    let mut disk = Disk { bytes, block_size, complete: 0, watch };
    // The port takes no memory of its own for these.
    let (mut reading, mut writing, mut lookahead) = ([0_u8; CACHE], [0_u8; CACHE], [0_u8; LOOKAHEAD]);
    let config = LfsConfig {
        context: (&raw mut disk).cast(),
        read: Some(read),
        prog: Some(program),
        erase: Some(erase),
        sync: Some(sync),
        read_size: 16,
        prog_size: 16,
        block_size,
        block_count,
        // An image is written once: blocks need not take turns.
        block_cycles: -1,
        cache_size: CACHE as u32,
        lookahead_size: LOOKAHEAD as u32,
        compact_thresh: 0,
        read_buffer: (&raw mut reading).cast(),
        prog_buffer: (&raw mut writing).cast(),
        lookahead_buffer: (&raw mut lookahead).cast(),
        name_max: 0,
        file_max: 0,
        attr_max: 0,
        metadata_max: 0,
        inline_max: 0,
    };
    let mut lfs = MaybeUninit::<Lfs>::zeroed();
    let (lfs, config) = (lfs.as_mut_ptr(), &raw const config);
    check(core_fs::lfs_format(lfs, config), || "format the image".into())?;
    check(core_fs::lfs_mount(lfs, config), || "mount the image".into())?;
    let mut result = Ok(());
    for (complete, (path, content)) in files.iter().enumerate() {
        // SAFETY: the configuration is the one above, and nothing refers to its disk outside of a call.
        unsafe { Disk::of(config) }.complete = complete;
        result = add(lfs, path, content);
        if result.is_err() {
            break;
        }
    }
    let unmounted = check(core_fs::lfs_unmount(lfs), || "unmount the image".into());
    result.and(unmounted)?;
    Ok(disk.bytes)
}

fn add(lfs: *mut Lfs, path: &str, content: &[u8]) -> Result<(), ImageError> {
    let c_path = |path: &str| CString::new(path).map_err(|_| ImageError { what: format!("name {path:?}"), code: -22 });
    for (at, _) in path.match_indices('/').filter(|(at, _)| *at > 0) {
        let parent = path.get(..at).unwrap_or_default();
        match core_fs::lfs_mkdir(lfs, c_path(parent)?.as_ptr().cast()) {
            LFS_ERR_EXIST => {}
            code => check(code, || format!("make directory {parent}"))?,
        }
    }
    let mut file = MaybeUninit::zeroed();
    let flags = LFS_O_WRONLY | LFS_O_CREAT | LFS_O_EXCL;
    let name = c_path(path)?;
    check(core_fs::lfs_file_open(lfs, file.as_mut_ptr(), name.as_ptr().cast(), flags), || format!("create {path}"))?;
    let len = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let written = core_fs::lfs_file_write(lfs, file.as_mut_ptr(), content.as_ptr().cast(), len);
    let closed = core_fs::lfs_file_close(lfs, file.as_mut_ptr());
    check(written, || format!("write {path} of {len} bytes"))?;
    check(closed, || format!("write {path} of {len} bytes"))
}

fn check(code: i32, what: impl FnOnce() -> String) -> Result<(), ImageError> {
    if code < 0 { Err(ImageError { what: what(), code }) } else { Ok(()) }
}

struct Disk<'w> {
    bytes: Vec<u8>,
    block_size: u32,
    complete: usize,
    watch: &'w mut dyn FnMut(usize, &[u8]),
}

impl Disk<'_> {
    /// # Safety
    /// `config` is one that `build_watched` made, and its disk is not referred to.
    unsafe fn of<'a>(config: *const LfsConfig) -> &'a mut Self {
        // SAFETY: the context points to the disk for as long as the configuration is in use.
        unsafe { &mut *(*config).context.cast() }
    }

    fn range(&mut self, block: u32, offset: u32, len: u32) -> Option<&mut [u8]> {
        let begin = block.checked_mul(self.block_size)?.checked_add(offset)? as usize;
        self.bytes.get_mut(begin..)?.get_mut(..len as usize)
    }

    fn changed(&mut self) -> i32 {
        (self.watch)(self.complete, &self.bytes);
        0
    }
}

unsafe extern "C" fn read(config: *const LfsConfig, block: u32, offset: u32, to: *mut u8, len: u32) -> i32 {
    // SAFETY: called by littlefs with the configuration that it was given.
    let disk = unsafe { Disk::of(config) };
    let Some(from) = disk.range(block, offset, len) else { return LFS_ERR_IO };
    // SAFETY: littlefs asks for `len` bytes into a buffer of at least as many, none of them the disk's.
    unsafe { to.copy_from_nonoverlapping(from.as_ptr(), from.len()) };
    0
}

unsafe extern "C" fn program(config: *const LfsConfig, block: u32, offset: u32, from: *const u8, len: u32) -> i32 {
    // SAFETY: called by littlefs with the configuration that it was given.
    let disk = unsafe { Disk::of(config) };
    let Some(to) = disk.range(block, offset, len) else { return LFS_ERR_IO };
    // SAFETY: littlefs gives `len` bytes, none of them the disk's.
    unsafe { to.as_mut_ptr().copy_from_nonoverlapping(from, to.len()) };
    disk.changed()
}

unsafe extern "C" fn erase(config: *const LfsConfig, block: u32) -> i32 {
    // SAFETY: called by littlefs with the configuration that it was given.
    let disk = unsafe { Disk::of(config) };
    let block_size = disk.block_size;
    let Some(bytes) = disk.range(block, 0, block_size) else { return LFS_ERR_IO };
    bytes.fill(0xff);
    disk.changed()
}

unsafe extern "C" fn sync(_: *const LfsConfig) -> i32 {
    0
}
