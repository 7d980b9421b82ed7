//! The large memory beside the chip, what of the memory inside DMA uses, and how deep the stack has been.

use core::cell::UnsafeCell;
#[cfg(feature = "ethernet")]
use core::mem::ManuallyDrop;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, Ordering};

use barertc_arena::{Heap, Stats};
use esp_hal::peripherals::PSRAM;
use esp_hal::psram::{Psram, PsramConfig, PsramTimingParams};

#[cfg(feature = "ethernet")]
use crate::net::ethernet::Frames;

/// Sets up the PSRAM, clears what is declared to lie in it, and makes a heap of the rest. To be called once, before
/// anything in the section `.psram` is used.
pub fn psram(peripheral: PSRAM<'static>) -> Result<Heap<'static>, &'static str> {
    unsafe extern "C" {
        static __psram_start: u8;
        static __psram_end: u8;
    }
    // The fastest preset that needs no delays tuned at each start, which the vendor's driver does from 200 MHz on.
    let config = PsramConfig { timing: PsramTimingParams::MHZ_125, ..PsramConfig::default() };
    let (start, len) = Psram::new(peripheral, config).raw_parts();
    let (from, to) = ((&raw const __psram_start).addr(), (&raw const __psram_end).addr());
    let statics = to - from;
    if len == 0 {
        return Err("no PSRAM answers");
    }
    if start.addr() != from || len <= statics {
        return Err("the PSRAM is not where the linker script has it");
    }
    answers(len)?;
    // SAFETY: the section's own memory, which nobody has used yet. All that lies in it starts as zeros: the section is not
    // loaded.
    unsafe { start.write_bytes(0, statics) };
    // SAFETY: mapped memory behind the section, which nothing else uses; called once.
    unsafe { Heap::from_raw(start.add(statics), len - statics) }.map_err(|_| "the PSRAM is too small for a heap")
}

/// Where PSRAM is seen past the cache.
const UNCACHED: usize = 0x8800_0000;

/// Whether there is a memory of this size: esp-hal takes a chip that says nothing for one of 32 MB. Two words at either end and two in
/// the middle are written and read back, past the cache.
fn answers(len: usize) -> Result<(), &'static str> {
    let place = |offset: usize| core::ptr::with_exposed_provenance_mut::<u32>(UNCACHED + offset);
    let places = [0, 4, len / 2, len / 2 + 4, len - 8, len - 4];
    let pattern = |n: usize| 0x5ea1_0000 ^ (n as u32).wrapping_mul(0x9e37_79b9);
    for (n, offset) in places.iter().enumerate() {
        // SAFETY: mapped by the driver, and nobody uses it yet.
        unsafe { place(*offset).write_volatile(pattern(n)) };
    }
    // SAFETY: as above.
    let right = |n: usize| unsafe { place(places[n]).read_volatile() } == pattern(n);
    match (0..places.len()).filter(|n| right(*n)).count() {
        n if n == places.len() => Ok(()),
        0 => Err("no PSRAM answers"),
        _ => Err("the PSRAM does not keep what is written to it, or is smaller than it says"),
    }
}

/// Bytes inside the chip for the WiFi driver's heap.
const INTERNAL: usize = 68 << 10;

/// What DMA reaches of the memory inside the chip, for the network in use: the Ethernet controller's frames, or the WiFi driver's heap. A
/// board has one network, so both are in the same place.
union Room {
    /// As the start-up code leaves it: zeros. Made at start, it would be 50 KB of the stack, twice.
    #[cfg(feature = "ethernet")]
    frames: ManuallyDrop<Frames>,
    heap: Heaped,
}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Heaped([MaybeUninit<u8>; INTERNAL]);

struct Shared(UnsafeCell<Room>);

// SAFETY: what is in it is given out once, by `Internal`.
unsafe impl Sync for Shared {}

// Not in what the bootloader leaves behind (`.dram2_uninit`): esp-hal's SDIO host takes no address there for memory that its DMA reaches,
// and refuses every transfer.
#[cfg(feature = "ethernet")]
static ROOM: Shared = Shared(UnsafeCell::new(Room { frames: ManuallyDrop::new(Frames::new()) }));
// Nothing needs to clear it at the start.
#[cfg(not(feature = "ethernet"))]
#[unsafe(link_section = ".uninit.internal")]
static ROOM: Shared = Shared(UnsafeCell::new(Room { heap: Heaped([MaybeUninit::uninit(); INTERNAL]) }));

/// The right to use the memory inside for one network.
pub struct Internal(&'static mut Room);

impl Internal {
    /// The one there is; none for whoever asks a second time.
    pub fn take() -> Option<Self> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        // SAFETY: asked for once, and reached through nothing else.
        (!TAKEN.swap(true, Ordering::Relaxed)).then(|| Self(unsafe { &mut *ROOM.0.get() }))
    }

    /// Frames for the Ethernet controller.
    #[cfg(feature = "ethernet")]
    pub fn frames(self) -> &'static mut Frames {
        // SAFETY: what the static begins with, and `self` is its only user since.
        unsafe { &mut self.0.frames }
    }

    /// A heap for the WiFi driver.
    #[cfg(feature = "wifi")]
    pub fn heap(self) -> Result<Heap<'static>, &'static str> {
        // SAFETY: bytes that need not be initialised: any are right.
        let room = unsafe { &mut self.0.heap };
        // SAFETY: the static's own memory, whose only user is `self`.
        unsafe { Heap::from_raw(room.0.as_mut_ptr().cast(), INTERNAL) }.map_err(|_| "no internal memory is left")
    }
}

const PAINT: u32 = 0x5ea1_ab1e;
/// Bytes below the stack pointer that are left alone while painting.
const MARGIN: usize = 512;

/// The part of the stack that may be painted, from its lowest address on. Below it lies esp-hal's guard, which is watched.
fn bounds() -> (*mut u32, usize) {
    unsafe extern "C" {
        static __stack_chk_guard: u8;
        static _stack_start_cpu0: u8;
    }
    let end = (&raw const __stack_chk_guard).addr() + 16;
    (core::ptr::with_exposed_provenance_mut(end), ((&raw const _stack_start_cpu0).addr() - end) / 4)
}

/// Paints what of the stack is not in use yet. To be called once, before anything deep. Out of line: what is painted begins below its
/// own frame, and in a caller's of more than [`MARGIN`] it would be in the midst of that.
#[inline(never)]
pub fn paint_stack() {
    let here = 0_u8;
    let (end, words) = bounds();
    let free = ((&raw const here).addr() - MARGIN).saturating_sub(end.addr()) / 4;
    for n in 0..free.min(words) {
        // SAFETY: memory that the linker script sets apart for the stack, below everything that is on it now.
        unsafe { end.add(n).write_volatile(PAINT) };
    }
}

/// The most that was ever on the stack, and how much there is room for.
pub fn stack() -> Stats {
    let (end, words) = bounds();
    // SAFETY: inside the stack; what is read is compared and nothing else.
    let untouched = (0..words).take_while(|n| unsafe { end.add(*n).read_volatile() } == PAINT).count();
    let peak = (words - untouched) * 4;
    Stats { live: peak, peak, capacity: words * 4, ..Stats::ZERO }
}
