//! The interrupt controller of the core, and the matrix that routes the devices' interrupts to it.
//!
//! Sources: the CLIC specification 0.9 (registers of an interrupt, choice of the next one); ESP-IDF's `soc/clic_reg.h`,
//! `riscv/csr_clic.h` and `esp_hw_support/intr_alloc` for what this core has: 48 interrupts, 3 bits of level, external ones from 16 on;
//! `soc/interrupts.h` for the sources' numbers.

use crate::bus::Fault;

/// Interrupts of the core.
pub const LINES: usize = 48;
/// Sources of the matrix.
const SOURCES: usize = 128;

/// Sources that are modelled.
pub mod source {
    pub const SDIO_HOST: usize = 23;
    pub const TIMG0_T0: usize = 46;
    pub const GPIO: usize = 74;
    pub const FROM_CPU_0: usize = 79;
    pub const ETH_MAC: usize = 92;
    /// All of them.
    pub const ALL: [usize; 5] = [SDIO_HOST, TIMG0_T0, GPIO, FROM_CPU_0, ETH_MAC];
}

/// An interrupt of the core.
#[derive(Clone, Copy, Default)]
struct Line {
    /// Of an edge, until it is taken.
    latched: bool,
    /// What its sources say now.
    level: bool,
    enabled: bool,
    attr: u8,
    ctl: u8,
}

impl Line {
    fn pending(self) -> bool {
        if self.attr & 2 != 0 { self.latched } else { self.level }
    }

    /// The lower bits of the level are ones: there are three.
    fn priority(self) -> u8 {
        self.ctl | 0x1f
    }
}

/// What is to be served next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    pub id: u32,
    pub level: u8,
    /// Its handler's address is in the table.
    pub vectored: bool,
}

/// Controller and matrix of a core.
pub struct Clic {
    config: u32,
    lines: [Line; LINES],
    /// Where each source goes; of the other core, too.
    routes: [[u32; SOURCES]; 2],
    /// Levels of the sources.
    active: u128,
    /// What is next, whatever the threshold.
    best: Option<Next>,
}

impl Default for Clic {
    fn default() -> Self {
        Self { config: 0, lines: [Line::default(); LINES], routes: [[0; SOURCES]; 2], active: 0, best: None }
    }
}

impl Clic {
    /// Sets what the sources say.
    pub fn set_sources(&mut self, active: u128) {
        if active == self.active {
            return;
        }
        self.active = active;
        self.route();
    }

    fn route(&mut self) {
        let mut levels = [false; LINES];
        for source in source::ALL {
            if self.active >> source & 1 == 1
                && let Some(level) = levels.get_mut(self.routes[0][source] as usize)
            {
                *level = true;
            }
        }
        for (line, level) in self.lines.iter_mut().zip(levels).skip(16) {
            line.latched |= level && !line.level;
            line.level = level;
        }
        self.choose();
    }

    fn choose(&mut self) {
        let waiting = self.lines.iter().enumerate().filter(|(_, line)| line.enabled && line.pending());
        // Of the same level the one with the highest number.
        let best = waiting.max_by_key(|(id, line)| (line.priority(), *id));
        self.best = best.map(|(id, line)| Next { id: id as u32, level: line.priority(), vectored: line.attr & 1 == 1 });
    }

    /// The interrupt to be served next, if it is above the threshold.
    pub fn next(&self, threshold: u8) -> Option<Next> {
        self.best.filter(|next| next.level > threshold)
    }

    /// The interrupt is taken: an edge is over then.
    pub fn taken(&mut self, id: u32) {
        if let Some(line) = self.lines.get_mut(id as usize) {
            line.latched = false;
        }
        self.choose();
    }

    /// Reads of the controller, a byte or more.
    pub fn read(&self, offset: u32, len: usize) -> Result<u32, Fault> {
        match offset {
            0 => Ok(self.config),
            _ => {
                let (line, byte) = self.line(offset, len, "read")?;
                let line = &self.lines[line];
                let word = [u8::from(line.pending()), u8::from(line.enabled), line.attr, line.ctl];
                Ok(u32::from_le_bytes(word) >> (8 * byte))
            }
        }
    }

    /// Writes, a byte or a whole interrupt.
    pub fn write(&mut self, offset: u32, len: usize, value: u32) -> Result<(), Fault> {
        if offset == 0 {
            self.config = value;
            return Ok(());
        }
        let (line, byte) = self.line(offset, len, "written")?;
        let line = &mut self.lines[line];
        for (n, value) in value.to_le_bytes().into_iter().take(len).enumerate() {
            match byte + n {
                0 => line.latched = value & 1 == 1,
                1 => line.enabled = value & 1 == 1,
                2 => line.attr = value & 7,
                _ => line.ctl = value,
            }
        }
        self.choose();
        Ok(())
    }

    fn line(&self, offset: u32, len: usize, how: &str) -> Result<(usize, usize), Fault> {
        let at = offset.checked_sub(0x1000).map(|at| (at as usize / 4, at as usize % 4));
        let inside = at.filter(|(line, byte)| *line < LINES && byte + len <= 4);
        inside.ok_or_else(|| Fault::unmodelled(format!("CLIC+{offset:#x} was {how}")))
    }

    /// Reads of a core's matrix.
    pub fn read_matrix(&self, core: usize, offset: u32) -> Result<u32, Fault> {
        let source = offset as usize / 4;
        match offset {
            // Four words of what the sources say; the fifth is not beside them.
            0x200 | 0x204 | 0x208 | 0x20c => Ok((self.active >> (8 * (offset - 0x200))) as u32),
            0x220 => Ok(0),
            _ if source < SOURCES => Ok(self.routes[core][source]),
            _ => Err(Fault::unmodelled(format!("INTERRUPT_CORE{core}+{offset:#x} was read"))),
        }
    }

    /// Writes of a core's matrix.
    pub fn write_matrix(&mut self, core: usize, offset: u32, value: u32) -> Result<(), Fault> {
        let source = offset as usize / 4;
        if source >= SOURCES {
            return Err(Fault::unmodelled(format!("INTERRUPT_CORE{core}+{offset:#x} was written")));
        }
        if value as usize >= LINES {
            return Err(Fault::new(format!("source {source} is routed to interrupt {value}, which there is not")));
        }
        self.routes[core][source] = value;
        self.route();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(routes: &[(usize, u32, u8)]) -> Clic {
        let mut clic = Clic::default();
        for (source, line, level) in routes {
            clic.write_matrix(0, *source as u32 * 4, *line).expect("a source");
            clic.write(0x1001 + line * 4, 1, 1).expect("enabled");
            clic.write(0x1002 + line * 4, 1, 1).expect("vectored");
            clic.write(0x1003 + line * 4, 1, u32::from(*level)).expect("a level");
        }
        clic
    }

    #[test]
    fn the_highest_level_is_served_first_and_then_the_highest_number() {
        let mut clic = with(&[(source::TIMG0_T0, 16, 0x1f), (source::GPIO, 17, 0x3f), (source::ETH_MAC, 18, 0x3f)]);
        assert_eq!(clic.next(0), None);
        clic.set_sources(1 << source::TIMG0_T0);
        assert_eq!(clic.next(0), Some(Next { id: 16, level: 0x1f, vectored: true }));
        clic.set_sources(1 << source::TIMG0_T0 | 1 << source::GPIO | 1 << source::ETH_MAC);
        assert_eq!(clic.next(0).map(|next| next.id), Some(18));
        assert_eq!(clic.next(0x3f), None, "not above the threshold");
        clic.set_sources(0);
        assert_eq!(clic.next(0), None, "a level is over with its source");
    }

    #[test]
    fn an_edge_waits_until_it_is_taken() {
        let mut clic = with(&[(source::GPIO, 20, 0x1f)]);
        clic.write(0x1002 + 80, 1, 3).expect("edge");
        clic.set_sources(1 << source::GPIO);
        clic.set_sources(0);
        assert_eq!(clic.next(0).map(|next| next.id), Some(20));
        clic.taken(20);
        assert_eq!(clic.next(0), None);
    }

    #[test]
    fn what_is_not_enabled_or_routed_does_not_come() {
        let mut clic = with(&[(source::GPIO, 20, 0x1f)]);
        clic.write(0x1001 + 80, 1, 0).expect("disabled");
        clic.set_sources(u128::MAX);
        assert_eq!(clic.next(0), None);
        assert!(clic.write_matrix(0, 4 * source::GPIO as u32, 48).is_err());
        assert!(clic.read(0x1000 + 4 * 48, 1).is_err());
    }
}
