//! virtio devices: where they are, the memory they share with us, and their interrupts.

use core::cell::Cell;
use core::ptr::NonNull;

use critical_section::Mutex;
use embassy_sync::waitqueue::AtomicWaker;
use virtio_drivers::device::rng::VirtIORng;
use virtio_drivers::transport::mmio::{MmioTransport, VirtIOHeader};
use virtio_drivers::transport::{DeviceType, Transport};
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

/// QEMU's `virt` has eight places for devices, a page each, with interrupts 1 to 8.
const FIRST: usize = 0x1000_1000;
const STRIDE: usize = 0x1000;
const PLACES: usize = 8;

/// The platform's interrupt controller: priorities, enable bits of hart 0's machine mode, its claim register.
const PLIC: usize = 0x0c00_0000;
const PLIC_ENABLE: *mut u32 = (PLIC + 0x2000) as *mut u32;
const PLIC_THRESHOLD: *mut u32 = (PLIC + 0x20_0000) as *mut u32;
const PLIC_CLAIM: *mut u32 = (PLIC + 0x20_0004) as *mut u32;

/// Pages for the queues of all devices: a network card needs two, an entropy source one.
const DMA_PAGES: usize = 8;

#[repr(C, align(4096))]
struct Pages([[u8; PAGE_SIZE]; DMA_PAGES]);

static PAGES: ShareWithDevices = ShareWithDevices(core::cell::UnsafeCell::new(Pages([[0; PAGE_SIZE]; DMA_PAGES])));
static NEXT_PAGE: Mutex<Cell<usize>> = Mutex::new(Cell::new(0));

struct ShareWithDevices(core::cell::UnsafeCell<Pages>);

// SAFETY: pages are handed out once each, and then belong to who got them.
unsafe impl Sync for ShareWithDevices {}

/// Woken when any device has interrupted.
pub static INTERRUPTED: AtomicWaker = AtomicWaker::new();

/// The memory that devices see: all of it, at the addresses that we use.
pub struct Memory;

// SAFETY: `dma_alloc` hands each page out once, aligned and zeroed; addresses are the same on both sides.
unsafe impl Hal for Memory {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let first = critical_section::with(|cs| {
            let next = NEXT_PAGE.borrow(cs);
            let first = next.get();
            next.set(first + pages);
            first
        });
        assert!(first + pages <= DMA_PAGES, "the devices need more than {DMA_PAGES} pages");
        // SAFETY: inside the array, by the check above.
        let start = unsafe { PAGES.0.get().cast::<u8>().add(first * PAGE_SIZE) };
        (start.addr() as PhysAddr, NonNull::new(start).expect("a static is not at zero"))
    }

    unsafe fn dma_dealloc(_: PhysAddr, _: NonNull<u8>, _: usize) -> i32 {
        // Devices live as long as the machine.
        0
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, _: usize) -> NonNull<u8> {
        NonNull::new(core::ptr::with_exposed_provenance_mut(address as usize)).expect("devices are not at zero")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        buffer.cast::<u8>().as_ptr().expose_provenance() as PhysAddr
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}

/// The device of this type, if the emulator was given one, with its interrupt let through.
pub fn find(kind: DeviceType) -> Option<MmioTransport<'static>> {
    (0..PLACES).find_map(|place| {
        let header = NonNull::new(core::ptr::with_exposed_provenance_mut::<VirtIOHeader>(FIRST + place * STRIDE))?;
        // SAFETY: a device's page of this machine, used by one driver each, as kinds differ.
        let transport = unsafe { MmioTransport::new(header, STRIDE) }.ok()?;
        if transport.device_type() != kind {
            // Dropping a transport resets its device, which may be in use already.
            core::mem::forget(transport);
            return None;
        }
        enable(place + 1);
        Some(transport)
    })
}

fn enable(interrupt: usize) {
    // SAFETY: registers of this machine's interrupt controller; the handler below is in place.
    unsafe {
        ((PLIC + 4 * interrupt) as *mut u32).write_volatile(1);
        PLIC_ENABLE.write_volatile(PLIC_ENABLE.read_volatile() | 1 << interrupt);
        PLIC_THRESHOLD.write_volatile(0);
        riscv::register::mie::set_mext();
    }
}

/// Fills `out` with entropy of the emulator's random number device; false when it has none.
pub fn entropy(out: &mut [u8]) -> bool {
    let Some(transport) = find(DeviceType::EntropySource) else { return false };
    let Ok(mut device) = VirtIORng::<Memory, _>::new(transport) else { return false };
    let mut filled = 0;
    while filled < out.len() {
        match device.request_entropy(&mut out[filled..]) {
            Ok(0) | Err(_) => return false,
            Ok(len) => filled += len,
        }
    }
    true
}

#[unsafe(export_name = "MachineExternal")]
fn external() {
    // SAFETY: registers of this machine's interrupt controller and of the device that has interrupted.
    unsafe {
        let interrupt = PLIC_CLAIM.read_volatile() as usize;
        if (1..=PLACES).contains(&interrupt) {
            let device = FIRST + (interrupt - 1) * STRIDE;
            // virtio 1.2 §4.2.2: what is read from InterruptStatus is written to InterruptACK.
            let status = ((device + 0x60) as *const u32).read_volatile();
            ((device + 0x64) as *mut u32).write_volatile(status);
        }
        PLIC_CLAIM.write_volatile(interrupt as u32);
    }
    INTERRUPTED.wake();
}
