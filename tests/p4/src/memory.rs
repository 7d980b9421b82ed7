//! The memories that code and data are in, as the processor sees them through its caches.
//!
//! Sources: ESP-IDF's `soc/ext_mem_defs.h` and `soc/soc.h` for the addresses; the ESP32-P4 datasheet for the sizes. The cache's model is our
//! own and as unkind as a cache may be: nothing leaves it by itself, so that what the firmware does not write back is never seen by DMA, and
//! what it does not invalidate is never seen by the processor.

use std::cell::Cell;

use crate::cpu::Guard;

pub const XIP: u32 = 0x4000_0000;
pub const PSRAM: u32 = 0x4800_0000;
/// The same memory, past the cache.
pub const PSRAM_UNCACHED: u32 = 0x8800_0000;
pub const L2: u32 = 0x4ff0_0000;
pub const L2_BYTES: usize = 768 << 10;
pub const LP: u32 = 0x5010_8000;
pub const LP_BYTES: usize = 32 << 10;
/// Bytes of a line of the first-level data cache.
pub const LINE: usize = 64;
/// Bytes of a page of the memory mappings.
pub const PAGE: usize = 64 << 10;

/// What is special about a line of internal memory.
const DIRTY: u8 = 1;
const NO_READ: u8 = 2;
const NO_WRITE: u8 = 4;
const NO_EXECUTE: u8 = 8;
/// Written by DMA and not invalidated since.
const STALE: u8 = 16;
/// Invalidated and not used since: the next use fetches it.
const ABSENT: u8 = 32;

/// What stands against an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nothing is there, or it must not be.
    Access,
    /// A trigger watches it.
    Watched,
    /// The debugger does.
    Debugged,
}

/// All memories.
pub struct Memory {
    /// Internal memory as the processor sees it.
    pub l2: Vec<u8>,
    /// The same as DMA sees it.
    below: Vec<u8>,
    lines: Vec<Cell<u8>>,
    guards: Vec<Guard>,
    /// Where the debugger wants to be told of writes.
    pub watched: Option<(u32, u32)>,
    pub psram: Vec<u8>,
    /// Bytes of it that are mapped.
    pub psram_mapped: usize,
    /// Bytes that are mapped where the chip begins again.
    pub psram_wrapped: usize,
    /// Bytes that are mapped though there is no chip, and what is read there.
    pub psram_floating: (usize, u8),
    /// Flash as it is mapped.
    pub xip: Vec<u8>,
    pub lp: Vec<u8>,
    /// Lines that were written back, and invalidated.
    pub cache_operations: [u64; 2],
}

impl Memory {
    pub fn new(psram: usize) -> Self {
        Self {
            l2: vec![0; L2_BYTES],
            below: vec![0; L2_BYTES],
            lines: vec![Cell::new(0); L2_BYTES / LINE],
            guards: Vec::new(),
            watched: None,
            psram: vec![0; psram],
            psram_mapped: 0,
            psram_wrapped: 0,
            psram_floating: (0, 0),
            xip: Vec::new(),
            lp: vec![0; LP_BYTES],
            cache_operations: [0; 2],
        }
    }

    /// Sets what is protected and watched; tells whether other instructions may be fetched than before.
    pub fn guard(&mut self, guards: Vec<Guard>) -> bool {
        let executable = |guards: &[Guard]| guards.iter().filter(|guard| !guard.execute).copied().collect::<Vec<_>>();
        let changed = executable(&self.guards) != executable(&guards);
        for line in &mut self.lines {
            *line.get_mut() &= DIRTY | STALE | ABSENT;
        }
        for guard in &guards {
            let bits = [(guard.read, NO_READ), (guard.write, NO_WRITE), (guard.execute, NO_EXECUTE)];
            let bits = bits.iter().filter(|(allowed, _)| !allowed).fold(0, |all, (_, bit)| all | bit);
            self.mark(guard.start, guard.end, bits);
            if !guard.watch {
                // Who is partly in it is asked, whatever is allowed in it.
                for border in [guard.start, guard.end] {
                    self.mark(border.saturating_sub(1), border.saturating_add(1), NO_READ | NO_WRITE);
                }
            }
        }
        if let Some((start, end)) = self.watched {
            self.mark(start, end, NO_WRITE);
        }
        self.guards = guards;
        changed
    }

    fn mark(&mut self, start: u32, end: u32, bits: u8) {
        let from = start.saturating_sub(L2) as usize / LINE;
        let to = (end.saturating_sub(L2) as usize).div_ceil(LINE);
        for line in self.lines.iter_mut().take(to).skip(from) {
            *line.get_mut() |= bits;
        }
    }

    /// The processor uses a line: it is in the cache from now on.
    fn fetch(line: &Cell<u8>) {
        line.set(line.get() & !ABSENT);
    }

    /// Whether what the line is marked for really is about these bytes.
    #[cold]
    fn ask(&self, address: u32, len: u32, allowed: fn(&Guard) -> bool, write: bool) -> Result<(), Denied> {
        let meets = |start: u32, end: u32| address < end && start < address + len;
        if write && self.watched.is_some_and(|(start, end)| meets(start, end)) {
            return Err(Denied::Debugged);
        }
        // Triggers and protection are independent of each other on the chip.
        let mut met = self.guards.iter().filter(|guard| meets(guard.start, guard.end));
        if met.clone().any(|guard| guard.watch && !allowed(guard)) {
            return Err(Denied::Watched);
        }
        match met.find(|guard| !guard.watch) {
            // An entry that matches not all bytes denies the access (privileged manual §3.7.1.3).
            Some(guard) if address < guard.start || address + len > guard.end || !allowed(guard) => Err(Denied::Access),
            _ => Ok(()),
        }
    }

    /// Whether an instruction may be fetched there.
    pub fn may_execute(&self, address: u32) -> bool {
        let line = address.wrapping_sub(L2) as usize / LINE;
        match self.lines.get(line) {
            Some(line) if line.get() & NO_EXECUTE != 0 => self.ask(address, 2, |guard| guard.execute, false).is_ok(),
            _ => true,
        }
    }

    /// Reads memory that nothing is special about; none if something is.
    #[inline(always)]
    pub fn load_plain<const N: usize>(&self, address: u32) -> Option<[u8; N]> {
        let offset = address.wrapping_sub(L2) as usize;
        if let Some(bytes) = self.l2.get(offset..offset.wrapping_add(N)) {
            return if self.lines.get(offset / LINE)?.get() & (NO_READ | ABSENT) == 0 {
                bytes.try_into().ok()
            } else {
                None
            };
        }
        let offset = address.wrapping_sub(PSRAM) as usize;
        if offset < self.psram_mapped {
            return self.psram.get(offset..offset + N)?.try_into().ok();
        }
        let offset = address.wrapping_sub(XIP) as usize;
        self.xip.get(offset..offset.wrapping_add(N))?.try_into().ok()
    }

    /// Writes memory that nothing is special about; tells whether it did.
    #[inline(always)]
    pub fn store_plain<const N: usize>(&mut self, address: u32, bytes: [u8; N]) -> bool {
        let offset = address.wrapping_sub(L2) as usize;
        if let (Some(place), Some(line)) =
            (self.l2.get_mut(offset..offset.wrapping_add(N)), self.lines.get_mut(offset / LINE))
        {
            let line = line.get_mut();
            let plain = *line & NO_WRITE == 0;
            if plain {
                *line = (*line | DIRTY) & !ABSENT;
                place.copy_from_slice(&bytes);
            }
            return plain;
        }
        let offset = address.wrapping_sub(PSRAM) as usize;
        if offset < self.psram_mapped
            && let Some(place) = self.psram.get_mut(offset..offset + N)
        {
            place.copy_from_slice(&bytes);
            return true;
        }
        false
    }

    /// Reads memory; none if there is none at the address.
    pub fn load<const N: usize>(&self, address: u32) -> Option<Result<[u8; N], Denied>> {
        let offset = address.wrapping_sub(L2) as usize;
        if let Some(bytes) = self.l2.get(offset..offset.wrapping_add(N)) {
            let line = self.lines.get(offset / LINE)?;
            Self::fetch(line);
            if line.get() & NO_READ != 0
                && let Err(denied) = self.ask(address, N as u32, |guard| guard.read, false)
            {
                return Some(Err(denied));
            }
            return bytes.try_into().ok().map(Ok);
        }
        let offset = address.wrapping_sub(PSRAM) as usize;
        if offset < self.psram_mapped {
            return self.psram.get(offset..offset + N)?.try_into().ok().map(Ok);
        }
        let offset = address.wrapping_sub(XIP) as usize;
        if let Some(bytes) = self.xip.get(offset..offset.wrapping_add(N)) {
            return bytes.try_into().ok().map(Ok);
        }
        self.load_rare(address)
    }

    /// Where in PSRAM an address is that is not simply mapped; what is read there if there is no chip.
    fn psram_rare(&self, address: u32) -> Option<(usize, Option<u8>)> {
        let offset = address.wrapping_sub(PSRAM) as usize & !(PSRAM_UNCACHED - PSRAM) as usize;
        if (address >> 26) != PSRAM >> 26 && (address >> 26) != PSRAM_UNCACHED >> 26 {
            return None;
        }
        if offset < self.psram_floating.0 {
            return Some((0, Some(self.psram_floating.1)));
        }
        let mapped = offset < self.psram_mapped.max(self.psram_wrapped);
        mapped.then(|| (offset % self.psram.len().max(1), None))
    }

    #[cold]
    fn load_rare<const N: usize>(&self, address: u32) -> Option<Result<[u8; N], Denied>> {
        if let Some((offset, floating)) = self.psram_rare(address) {
            return match floating {
                Some(byte) => Some(Ok([byte; N])),
                None => self.psram.get(offset..offset + N)?.try_into().ok().map(Ok),
            };
        }
        let offset = address.wrapping_sub(LP) as usize;
        self.lp.get(offset..offset.wrapping_add(N))?.try_into().ok().map(Ok)
    }

    /// Writes memory; none if there is none at the address.
    pub fn store<const N: usize>(&mut self, address: u32, bytes: [u8; N]) -> Option<Result<(), Denied>> {
        let offset = address.wrapping_sub(L2) as usize;
        if let Some(place) = self.l2.get_mut(offset..offset.wrapping_add(N)) {
            let line = self.lines[offset / LINE].get_mut();
            if *line & NO_WRITE != 0 {
                return Some(self.store_guarded(address, bytes));
            }
            *line = (*line | DIRTY) & !ABSENT;
            place.copy_from_slice(&bytes);
            return Some(Ok(()));
        }
        let offset = address.wrapping_sub(PSRAM) as usize;
        if offset < self.psram_mapped {
            self.psram.get_mut(offset..offset + N)?.copy_from_slice(&bytes);
            return Some(Ok(()));
        }
        self.store_rare(address, bytes)
    }

    #[cold]
    fn store_guarded<const N: usize>(&mut self, address: u32, bytes: [u8; N]) -> Result<(), Denied> {
        self.ask(address, N as u32, |guard| guard.write, true)?;
        let offset = address.wrapping_sub(L2) as usize;
        let line = self.lines[offset / LINE].get_mut();
        *line = (*line | DIRTY) & !ABSENT;
        self.l2[offset..offset + N].copy_from_slice(&bytes);
        Ok(())
    }

    #[cold]
    fn store_rare<const N: usize>(&mut self, address: u32, bytes: [u8; N]) -> Option<Result<(), Denied>> {
        let offset = address.wrapping_sub(XIP) as usize;
        if offset < self.xip.len() {
            return Some(Err(Denied::Access));
        }
        if let Some((offset, floating)) = self.psram_rare(address) {
            if floating.is_none() {
                self.psram.get_mut(offset..offset + N)?.copy_from_slice(&bytes);
            }
            return Some(Ok(()));
        }
        let offset = address.wrapping_sub(LP) as usize;
        self.lp.get_mut(offset..offset.wrapping_add(N))?.copy_from_slice(&bytes);
        Some(Ok(()))
    }

    /// A readable piece of any memory, as the processor sees it.
    pub fn slice(&self, address: u32, len: usize) -> Option<&[u8]> {
        let within = |memory: &'_ [u8], base: u32| {
            let offset = address.wrapping_sub(base) as usize;
            offset.checked_add(len).is_some_and(|end| end <= memory.len()).then_some(offset)
        };
        let mapped = self.psram.get(..self.psram_mapped)?;
        if let Some(at) = within(&self.l2, L2) {
            self.lines[at / LINE..(at + len).div_ceil(LINE)].iter().for_each(Self::fetch);
            return self.l2.get(at..at + len);
        }
        if let Some(at) = within(mapped, PSRAM) {
            return mapped.get(at..at + len);
        }
        within(&self.xip, XIP).and_then(|at| self.xip.get(at..at + len))
    }

    /// A writable piece of any memory; its lines are dirty afterwards.
    pub fn slice_mut(&mut self, address: u32, len: usize) -> Option<&mut [u8]> {
        let at = address.wrapping_sub(L2) as usize;
        if at.checked_add(len).is_some_and(|end| end <= L2_BYTES) {
            if len > 0 {
                self.lines[at / LINE..=(at + len - 1) / LINE].iter_mut().for_each(|line| {
                    *line.get_mut() = (line.get() | DIRTY) & !ABSENT;
                });
            }
            return self.l2.get_mut(at..at + len);
        }
        let at = address.wrapping_sub(PSRAM) as usize;
        if at.checked_add(len).is_some_and(|end| end <= self.psram_mapped) {
            self.psram.get_mut(at..at + len)
        } else {
            None
        }
    }

    /// Whether something stands against writes in a range of internal memory.
    pub fn is_guarded(&self, address: u32, len: usize) -> bool {
        let lines = Self::line_range(address, len as u32);
        lines.is_some_and(|mut lines| lines.any(|n| self.lines[n].get() & NO_WRITE != 0))
    }

    fn line_range(address: u32, len: u32) -> Option<std::ops::RangeInclusive<usize>> {
        let first = address.checked_sub(L2)? as usize / LINE;
        let last = (address.checked_sub(L2)? + len.max(1) - 1) as usize / LINE;
        (last < L2_BYTES / LINE).then_some(first..=last)
    }

    /// Writes dirty lines back, for DMA to see.
    pub fn write_back(&mut self, address: u32, len: u32) {
        for n in Self::line_range(address, len).into_iter().flatten() {
            let line = self.lines[n].get_mut();
            if *line & DIRTY != 0 {
                *line &= !DIRTY;
                let at = n * LINE..(n + 1) * LINE;
                self.below[at.clone()].copy_from_slice(&self.l2[at]);
                self.cache_operations[0] += 1;
            }
        }
    }

    /// Forgets lines: what was written to them and not written back is lost, and what DMA wrote is seen.
    pub fn invalidate(&mut self, address: u32, len: u32) {
        for n in Self::line_range(address, len).into_iter().flatten() {
            let line = self.lines[n].get_mut();
            *line = *line & !(DIRTY | STALE) | ABSENT;
            let at = n * LINE..(n + 1) * LINE;
            self.l2[at.clone()].copy_from_slice(&self.below[at]);
            self.cache_operations[1] += 1;
        }
    }

    /// Everything is as if there had been no cache: for what a loader puts there.
    pub fn settle(&mut self) {
        self.below.copy_from_slice(&self.l2);
        self.lines.iter_mut().for_each(|line| *line.get_mut() &= !(DIRTY | STALE | ABSENT));
    }

    /// What DMA reads; none outside internal memory.
    pub fn dma_read(&self, address: u32, len: usize) -> Option<&[u8]> {
        let at = address.wrapping_sub(L2) as usize;
        self.below.get(at..at.checked_add(len)?)
    }

    /// What DMA writes; none outside internal memory.
    pub fn dma_write(&mut self, address: u32, bytes: &[u8]) -> Option<()> {
        let at = address.wrapping_sub(L2) as usize;
        self.below.get_mut(at..at.checked_add(bytes.len())?)?.copy_from_slice(bytes);
        for n in Self::line_range(address, bytes.len() as u32).into_iter().flatten() {
            let line = self.lines[n].get_mut();
            if *line & ABSENT == 0 {
                *line |= STALE;
                continue;
            }
            // The cache has nothing of it: what the processor uses next, it fetches.
            let at = n * LINE..(n + 1) * LINE;
            self.l2[at.clone()].copy_from_slice(&self.below[at]);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dma_sees_what_was_written_back_and_nothing_else() {
        let mut memory = Memory::new(0);
        assert_eq!(memory.store(L2 + 64, [1]), Some(Ok(())));
        assert_eq!(memory.dma_read(L2 + 64, 1), Some(&[0][..]));
        memory.write_back(L2 + 64, 1);
        assert_eq!(memory.dma_read(L2 + 64, 1), Some(&[1][..]));
    }

    #[test]
    fn the_processor_sees_what_dma_wrote_after_it_invalidated_the_line() {
        let mut memory = Memory::new(0);
        memory.dma_write(L2, &[7]).expect("memory");
        assert_eq!(memory.load::<1>(L2), Some(Ok([0])));
        memory.invalidate(L2, 1);
        assert_eq!(memory.load::<1>(L2), Some(Ok([7])));
        // Invalidated and not used since, it is not in the cache.
        memory.invalidate(L2, 1);
        memory.dma_write(L2, &[8]).expect("memory");
        assert_eq!(memory.load::<1>(L2), Some(Ok([8])));
        memory.dma_write(L2, &[7]).expect("memory");
        assert_eq!(memory.load::<1>(L2), Some(Ok([8])), "it is since");
        memory.invalidate(L2, 1);
        // What shares the line with it and was not written back is lost, as on the chip.
        memory.store(L2 + 1, [9]).expect("memory").expect("allowed");
        memory.invalidate(L2, 1);
        assert_eq!(memory.load::<1>(L2 + 1), Some(Ok([0])));
    }

    #[test]
    fn guards_hold_for_their_bytes_and_not_for_the_line() {
        let mut memory = Memory::new(0);
        let code = Guard { start: L2 + 0x80, end: L2 + 0x84, read: true, write: false, execute: true, watch: false };
        let watch = Guard { start: L2 + 0x100, end: L2 + 0x104, read: true, write: false, execute: true, watch: true };
        memory.guard(vec![code, watch]);
        assert_eq!(memory.store(L2 + 0x80, [0]), Some(Err(Denied::Access)));
        assert_eq!(memory.store(L2 + 0x84, [0]), Some(Ok(())));
        assert_eq!(memory.store(L2 + 0x103, [0]), Some(Err(Denied::Watched)));
        assert_eq!(memory.load::<4>(L2 + 0x80), Some(Ok([0; 4])));
    }

    #[test]
    fn psram_is_there_once_it_is_mapped() {
        let mut memory = Memory::new(PAGE);
        assert_eq!(memory.load::<4>(PSRAM), None);
        memory.psram_mapped = PAGE;
        assert_eq!(memory.load::<4>(PSRAM), Some(Ok([0; 4])));
        assert_eq!(memory.load::<4>(PSRAM + PAGE as u32 - 2), None);
    }
}
