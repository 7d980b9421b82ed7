//! Connections: made in a region, and ended.

use core::ffi::{c_char, c_void};
use core::mem::{align_of, size_of};

use barertc::arena::{Heap, Stats};
use barertc::{Config, PeerConnection, RustCrypto};

use crate::config::{self, brtc_config};
use crate::handle::{self, Inside, MAGIC, MAX_TRACKS, Memory, Peer, brtc_connection};
use crate::identity::{self, brtc_identity};
use crate::log::Log;
use crate::numbers::Channels;
use crate::raw;
use crate::result::{Cause, brtc_result, of};
use crate::seed::generator;
use crate::text;

/// What the region of a connection is used for. Bytes are those that were asked for, without what the heap adds.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct brtc_memory {
    /// Bytes of this structure, set by the caller.
    pub size: u32,
    /// Allocations that failed.
    pub failures: u32,
    /// Bytes that the connection holds.
    pub live: usize,
    /// The most that it ever held.
    pub peak: usize,
    /// Bytes that there are for it.
    pub capacity: usize,
    /// Bytes that frames hold.
    pub frames_live: usize,
    /// The most that frames ever held.
    pub frames_peak: usize,
    /// Bytes that there are for frames: `frame_memory`.
    pub frames_capacity: usize,
}

raw::growing!(brtc_memory, "memory.size");

/// How many bytes the region of a connection with this configuration must have. 0 where the configuration is not valid:
/// `brtc_config_check` tells why.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_region_bytes(config: *const brtc_config) -> usize {
    // SAFETY: as the rules of this crate say.
    let read = unsafe { config::read(config) };
    read.and_then(|ours| Ok(region_bytes(&ours, &ours.config()?))).unwrap_or(0)
}

/// Makes a connection in `region`, which has `size` bytes: `brtc_region_bytes` says how many there must be. The region is
/// kept until `brtc_connection_destroy`, and the identity is.
///
/// `BRTC_INVALID_CONFIG`: `brtc_config_check` tells the field, the limit and the value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_connection_create(
    config: *const brtc_config,
    identity: *const brtc_identity,
    region: *mut c_void,
    size: usize,
    connection: *mut *mut brtc_connection,
) -> brtc_result {
    of((|| {
        // SAFETY: as the rules of this crate say.
        unsafe { raw::put("connection", connection, core::ptr::null_mut())? };
        // SAFETY: as the rules of this crate say.
        let config = unsafe { config::read(config)? };
        if region.is_null() {
            return Err(Cause::Null("region"));
        }
        // SAFETY: as the rules of this crate say.
        let made = unsafe { create(&config, identity, region.cast(), size)? };
        // SAFETY: as the rules of this crate say.
        unsafe { raw::put("connection", connection, made) }
    })())
}

/// Lays out the region: the handle, the connection's heap, the heap of frames.
///
/// # Safety
/// `region` is valid for `size` bytes until the connection is destroyed; `identity` is null or a handle.
unsafe fn create(
    ours: &brtc_config,
    identity: *const brtc_identity,
    region: *mut u8,
    size: usize,
) -> Result<*mut brtc_connection, Cause> {
    let config = ours.config()?;
    let needed = region_bytes(ours, &config);
    if size < needed {
        return Err(Cause::Region { needed, given: size });
    }
    // SAFETY: the application's function is as its type says.
    let mut rng = unsafe { generator(ours.random, ours.random_context)? };
    let skip = region.align_offset(align_of::<brtc_connection>());
    let heap_bytes = heap_bytes(ours, &config);
    // SAFETY: `region_bytes` has room for what aligning skips, for the handle, and for both heaps.
    let (place, heap, frames) = unsafe {
        let place = region.add(skip);
        let heap = place.add(size_of::<brtc_connection>());
        (place.cast::<brtc_connection>(), heap, heap.add(heap_bytes))
    };
    // SAFETY: `place` is aligned and in the region. The heaps lie behind it, apart from each other, and their fields do
    // not move: a connection is used where it was made. `'static` ends with `destroy`, which drops what borrows them.
    let (memory, pictures): (Memory, Memory) = unsafe {
        let (memory, pictures) = (&raw mut (*place).memory, &raw mut (*place).frames);
        memory.write(Heap::from_raw(heap, heap_bytes).map_err(|_| Cause::Region { needed, given: size })?);
        pictures.write(Heap::empty());
        if ours.frame_memory != 0 {
            let given = (*pictures).give_raw(frames, ours.frame_memory as usize);
            given.map_err(|_| Cause::Region { needed, given: size })?;
        }
        (&*memory, &*pictures)
    };
    // SAFETY: the caller's promise is passed on. It is given back where the connection is not made, and when it ends.
    let lent = unsafe { identity::lend(identity)? };
    let made = PeerConnection::new(config, lent, memory, &RustCrypto, &mut rng)
        .and_then(|peer| Ok((peer, Channels::new(ours.max_channels.into(), memory)?)));
    let (peer, channels) = match made {
        Ok(made) => made,
        Err(error) => {
            // SAFETY: it was lent.
            unsafe { identity::give_back(identity) };
            return Err(error.into());
        }
    };
    let log = Log { write: ours.log, context: ours.log_context };
    let inside = Inside { peer, channels, tracks: [None; MAX_TRACKS], frames: pictures, cause: Cause::None, log };
    // SAFETY: `place` is aligned and in the region. The magic number is written last: then the handle is whole.
    unsafe {
        (&raw mut (*place).inside).write(inside);
        (&raw mut (*place).identity).write(identity);
        (&raw mut (*place).busy).write(0);
        (&raw mut (*place).magic).write(MAGIC);
    }
    Ok(place)
}

/// Bytes of the heap for the connection.
fn heap_bytes(ours: &brtc_config, config: &Config) -> usize {
    let channels = Heap::region_bytes(Channels::<Memory>::bytes(ours.max_channels.into()), 1);
    Peer::region_bytes(config).saturating_add(channels)
}

/// Bytes of the whole region.
fn region_bytes(ours: &brtc_config, config: &Config) -> usize {
    size_of::<brtc_connection>()
        .saturating_add(align_of::<brtc_connection>())
        .saturating_add(heap_bytes(ours, config))
        .saturating_add(ours.frame_memory as usize)
}

/// Ends a connection at once, and wipes its keys. To part from the peer in good order, call `brtc_close` first and go on
/// with the loop until `brtc_has_parted`.
///
/// The region is the caller's again. `live`, which may be null, becomes the number of bytes that were not given back: 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_connection_destroy(connection: *mut brtc_connection, live: *mut usize) -> brtc_result {
    of((|| {
        // SAFETY: as the rules of this crate say.
        let busy = unsafe { handle::checked(connection)? };
        // SAFETY: the handle is one of ours.
        if unsafe { busy.read() } != 0 {
            return Err(Cause::Busy);
        }
        // SAFETY: no call is under way, and after this there is no handle any more. What borrows the heaps and the
        // identity is dropped before them.
        let left = unsafe {
            (&raw mut (*connection).magic).write_volatile(0);
            (&raw mut (*connection).inside).drop_in_place();
            identity::give_back((*connection).identity);
            let (memory, frames) = (&raw mut (*connection).memory, &raw mut (*connection).frames);
            let left = (*memory).stats().live.saturating_add((*frames).stats().live);
            memory.drop_in_place();
            frames.drop_in_place();
            left
        };
        // SAFETY: as the rules of this crate say.
        unsafe { raw::put_if_wanted(live, left) };
        Ok(())
    })())
}

/// What the region is used for. The caller sets `size` to `sizeof(brtc_memory)` first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_get_memory(connection: *mut brtc_connection, memory: *mut brtc_memory) -> brtc_result {
    // SAFETY: as the rules of this crate say. The heaps' figures may be read while the connection is used by this call.
    unsafe {
        handle::with(connection, |inside| {
            let heap = |heap: &Heap<'static>| heap.stats();
            let (own, frames): (Stats, Stats) = (heap(&(*connection).memory), heap(inside.frames));
            let failures = own.failures.saturating_add(frames.failures);
            let value = brtc_memory {
                size: 0,
                failures: u32::try_from(failures).unwrap_or(u32::MAX),
                live: own.live,
                peak: own.peak,
                capacity: own.capacity,
                frames_live: frames.live,
                frames_peak: frames.peak,
                frames_capacity: frames.capacity,
            };
            raw::write(memory, value)
        })
    }
}

/// Writes why the last call on this connection that failed was refused: with the field, the limit and the value where there
/// are such. The text is in English and ends with a zero byte. 160 bytes hold every one of them.
///
/// `length`, which may be null, becomes its length without the zero byte. With `BRTC_BUFFER_TOO_SHORT` the text was cut, and
/// `length` becomes the bytes that the buffer must have.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_error_text(
    connection: *mut brtc_connection,
    out: *mut c_char,
    size: usize,
    length: *mut usize,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    of(unsafe { handle::look(connection, |inside| text::give(out, size, length, inside.cause)) })
}
