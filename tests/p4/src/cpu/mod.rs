//! The processor: registers, control registers, traps.
//!
//! Sources: The RISC-V Instruction Set Manual, volume II (20240411), chapter 3, for the machine's registers, traps and physical memory
//! protection; the Core-Local Interrupt Controller specification 0.9 for what `mcause`, `mintstatus`, `mtvt` and `mret` do in CLIC mode; the
//! Debug specification 0.13, chapter 5, for triggers; ESP-IDF's `riscv/csr_clic.h` for the numbers 0x347 and 0xfb1 of chips from
//! revision 3.0 on; zephyr's issue 109794 for `mret`, which restores the interrupt level only if `mcause` tells of an interrupt.

mod code;
mod csr;
pub mod decode;
mod exec;
pub mod float;
mod rare;

pub use code::Code;
pub use csr::NoSuchCsr;
pub use exec::Stop;

/// `mstatus.MIE`.
pub const MIE: u32 = 1 << 3;
/// `mstatus.MPIE`.
pub const MPIE: u32 = 1 << 7;
/// `mstatus.MPP`: always the machine's own mode here.
const MPP: u32 = 3 << 11;
/// `mstatus.FS`.
const FS: u32 = 3 << 13;
/// `mstatus.SD`: floating point is dirty.
const SD: u32 = 1 << 31;
/// `mcause`: an interrupt.
const INTERRUPT: u32 = 1 << 31;
const PMP_ENTRIES: usize = 16;
const TRIGGERS: usize = 3;

/// Why an exception was taken (the privileged manual's table 14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Exception {
    FetchAccess = 1,
    Illegal = 2,
    Breakpoint = 3,
    LoadMisaligned = 4,
    LoadAccess = 5,
    StoreMisaligned = 6,
    StoreAccess = 7,
    Call = 11,
}

/// A core.
pub struct Cpu {
    /// The integer registers; behind them a place for what is written to `x0`.
    pub x: [u32; 64],
    pub f: [u32; 32],
    pub pc: u32,
    /// Instructions done.
    pub count: u64,
    pub fcsr: u32,
    pub mstatus: u32,
    pub mtvec: u32,
    pub mtvt: u32,
    pub mepc: u32,
    pub mcause: u32,
    pub mtval: u32,
    pub mscratch: u32,
    /// The level of the interrupt that is served.
    pub mil: u8,
    pub mintthresh: u8,
    mhcr: u32,
    tcontrol: u32,
    tselect: u32,
    tdata: [[u32; 2]; TRIGGERS],
    pmpcfg: [u8; PMP_ENTRIES],
    pmpaddr: [u32; PMP_ENTRIES],
    /// Physical memory protection or triggers were changed: the memory has to know.
    pub guards_changed: bool,
    reservation: Option<u32>,
    /// Times that each interrupt was taken.
    pub taken: [u64; 48],
}

/// An area that physical memory protection or a trigger is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    pub start: u32,
    /// Behind the last byte.
    pub end: u32,
    pub read: bool,
    pub write: bool,
    pub execute: bool,
    /// A breakpoint rather than an access fault.
    pub watch: bool,
}

impl Cpu {
    /// As the second-stage bootloader leaves it: see docs/esp32-p4.md for what is known of `mstatus.MIE` there.
    pub fn new(pc: u32, interrupts: bool) -> Self {
        Self {
            x: [0; 64],
            f: [0; 32],
            pc,
            count: 0,
            fcsr: 0,
            mstatus: MPP | if interrupts { MIE } else { 0 },
            mtvec: 3,
            mtvt: 0,
            mepc: 0,
            mcause: 0,
            mtval: 0,
            mscratch: 0,
            mil: 0,
            mintthresh: 0,
            mhcr: 0,
            tcontrol: 0,
            tselect: 0,
            tdata: [[0; 2]; TRIGGERS],
            pmpcfg: [0; PMP_ENTRIES],
            pmpaddr: [0; PMP_ENTRIES],
            guards_changed: true,
            reservation: None,
            taken: [0; 48],
        }
    }

    /// Takes an exception.
    pub fn except(&mut self, why: Exception, value: u32) {
        self.enter(why as u32, value);
        self.pc = self.mtvec & !0x3f;
    }

    /// Takes interrupt `id` of `level`, whose handler's address is in the table at `mtvt`.
    pub fn interrupt(&mut self, id: u32, level: u8, handler: u32) {
        self.enter(INTERRUPT | id, 0);
        self.mil = level;
        self.pc = handler & !1;
        if let Some(taken) = self.taken.get_mut(id as usize) {
            *taken += 1;
        }
    }

    fn enter(&mut self, cause: u32, value: u32) {
        self.mcause = cause & (INTERRUPT | 0xfff) | u32::from(self.mil) << 16;
        self.mepc = self.pc;
        self.mtval = value;
        let mpie = if self.mstatus & MIE != 0 { MPIE } else { 0 };
        self.mstatus = self.mstatus & !(MIE | MPIE) | mpie | MPP;
        self.reservation = None;
    }

    fn mret(&mut self) {
        let mie = if self.mstatus & MPIE != 0 { MIE } else { 0 };
        self.mstatus = self.mstatus & !MIE | mie | MPIE;
        if self.mcause & INTERRUPT != 0 {
            self.mil = (self.mcause >> 16) as u8;
        }
        self.pc = self.mepc;
    }

    /// What interrupts have to be above.
    pub fn threshold(&self) -> u8 {
        self.mil.max(self.mintthresh)
    }

    /// The areas of memory that are protected or watched now.
    pub fn guards(&self) -> Vec<Guard> {
        let mut guards = Vec::new();
        let mut previous = 0_u64;
        for (n, cfg) in self.pmpcfg.iter().enumerate() {
            let addr = u64::from(self.pmpaddr[n]) << 2;
            let (start, end) = match cfg >> 3 & 3 {
                1 => (previous, addr),
                2 => (addr, addr + 4),
                3 => {
                    let ones = self.pmpaddr[n].trailing_ones();
                    let size = 8_u64 << ones;
                    (addr & !(size - 1), (addr & !(size - 1)) + size)
                }
                _ => (0, 0),
            };
            previous = addr;
            // In the machine's mode what an entry denies holds only if it is locked (§3.7.1.2). But the first entry that matches
            // decides, locked or not (§3.7.1.3).
            if end > start {
                let [read, write, execute] = [1, 2, 4].map(|bit| cfg & 0x80 == 0 || cfg & bit != 0);
                let end = u32::try_from(end).unwrap_or(u32::MAX);
                guards.push(Guard { start: start as u32, end, read, write, execute, watch: false });
            }
        }
        for [data1, data2] in self.tdata {
            let (kind, enabled) = (data1 >> 28, data1 & 0x40 != 0);
            // Type 2 is an address or data match; 0 is how the core's own driver writes it, for the type is fixed.
            if (kind == 2 || kind == 0) && enabled && data1 & 7 != 0 {
                let (start, end) = match data1 >> 7 & 0xf {
                    0 => (data2, data2 + 1),
                    _ => {
                        let size = 2_u32 << data2.trailing_ones();
                        (data2 & !(size - 1), (data2 & !(size - 1)) + size)
                    }
                };
                let [load, store, execute] = [data1 & 1, data1 & 2, data1 & 4].map(|bit| bit != 0);
                guards.push(Guard { start, end, read: !load, write: !store, execute: !execute, watch: true });
            }
        }
        guards
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mret_restores_the_level_after_an_interrupt_only() {
        let mut cpu = Cpu::new(0x4000_0000, true);
        cpu.interrupt(16, 0x3f, 0x4ff4_0000);
        assert_eq!((cpu.mil, cpu.mstatus & MIE, cpu.mepc), (0x3f, 0, 0x4000_0000));
        cpu.except(Exception::Illegal, 0);
        assert_eq!(cpu.mcause, 0x3f << 16 | 2);
        cpu.mret();
        assert_eq!(cpu.mil, 0x3f, "an exception's end leaves it");
        cpu.mcause = INTERRUPT | 16;
        cpu.mret();
        assert_eq!(cpu.mil, 0);
    }

    #[test]
    fn locked_areas_are_what_the_entries_say() {
        let mut cpu = Cpu::new(0, false);
        (cpu.pmpaddr[0], cpu.pmpcfg[0]) = (0x4ff4_0c80 >> 2, 0);
        (cpu.pmpaddr[1], cpu.pmpcfg[1]) = (0x4ff4_2280 >> 2, 0x80 | 1 << 3 | 5);
        // Not locked: denies the machine's mode nothing.
        (cpu.pmpaddr[2], cpu.pmpcfg[2]) = (0x4ff5_0000 >> 2, 1 << 3);
        let expected =
            Guard { start: 0x4ff4_0c80, end: 0x4ff4_2280, read: true, write: false, execute: true, watch: false };
        let open = Guard { start: 0x4ff4_2280, end: 0x4ff5_0000, write: true, ..expected };
        assert_eq!(cpu.guards(), [expected, open]);
    }
}
