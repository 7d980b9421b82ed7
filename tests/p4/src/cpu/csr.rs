//! The control and status registers that this core has. Another number fails the run.

use super::{Cpu, FS, MIE, MPIE, MPP, PMP_ENTRIES, SD, TRIGGERS};

/// A register that is not modelled, with its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchCsr(pub u32);

impl Cpu {
    /// `now` is what the cycle counter shows.
    pub(super) fn csr_read(&self, csr: u32, now: u64) -> Result<u32, NoSuchCsr> {
        Ok(match csr {
            0x001 => self.fcsr & 0x1f,
            0x002 => self.fcsr >> 5 & 7,
            0x003 => self.fcsr,
            0x300 => self.mstatus | if self.mstatus & FS == FS { SD } else { 0 },
            // In CLIC mode both read as zeros and take nothing.
            0x304 | 0x344 => 0,
            0x305 => self.mtvec,
            0x307 => self.mtvt,
            0x340 => self.mscratch,
            0x341 => self.mepc,
            0x342 => {
                let mpie = if self.mstatus & MPIE != 0 { 1 << 27 } else { 0 };
                self.mcause | mpie | 3 << 28
            }
            0x343 => self.mtval,
            0x347 => u32::from(self.mintthresh),
            0xfb1 => u32::from(self.mil) << 24,
            0x3a0..=0x3a3 => {
                let first = (csr as usize - 0x3a0) * 4;
                let bytes = self.pmpcfg.get(first..first + 4).unwrap_or_default();
                bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
            }
            0x3b0..=0x3bf => self.pmpaddr[csr as usize - 0x3b0],
            0x7a0 => self.tselect,
            0x7a1 => self.tdata[self.tselect as usize][0],
            0x7a2 => self.tdata[self.tselect as usize][1],
            0x7a5 => self.tcontrol,
            0x7c1 => self.mhcr,
            0xb00 | 0xc00 => now as u32,
            0xb80 | 0xc80 => (now >> 32) as u32,
            0xb02 => self.count as u32,
            0xb82 => (self.count >> 32) as u32,
            0xf14 => 0,
            other => return Err(NoSuchCsr(other)),
        })
    }

    pub(super) fn csr_write(&mut self, csr: u32, value: u32) -> Result<(), NoSuchCsr> {
        match csr {
            0x001 => self.fcsr = self.fcsr & !0x1f | value & 0x1f,
            0x002 => self.fcsr = self.fcsr & 0x1f | (value & 7) << 5,
            0x003 => self.fcsr = value & 0xff,
            0x300 => self.mstatus = value & (MIE | MPIE | FS) | MPP,
            0x304 | 0x344 => {}
            // Always CLIC mode.
            0x305 => self.mtvec = value & !0x3f | 3,
            0x307 => self.mtvt = value & !0x3f,
            0x340 => self.mscratch = value,
            0x341 => self.mepc = value & !1,
            0x342 => {
                self.mcause = value & 0x80ff_0fff;
                self.mstatus = self.mstatus & !MPIE | if value & 1 << 27 != 0 { MPIE } else { 0 };
            }
            0x343 => self.mtval = value,
            0x347 => self.mintthresh = value as u8,
            0x3a0..=0x3a3 => {
                let first = (csr as usize - 0x3a0) * 4;
                for (n, byte) in value.to_le_bytes().into_iter().enumerate() {
                    // Locked until the next reset (§3.7.1.2).
                    if let Some(cfg) = self.pmpcfg.get_mut(first + n).filter(|cfg| **cfg & 0x80 == 0) {
                        *cfg = byte & 0x9f;
                    }
                }
                self.guards_changed = true;
            }
            0x3b0..=0x3bf => {
                let n = csr as usize - 0x3b0;
                // The start of a locked range is locked with it.
                let tor_above = self.pmpcfg.get(n + 1).is_some_and(|cfg| cfg & 0x98 == 0x88);
                if n < PMP_ENTRIES && self.pmpcfg[n] & 0x80 == 0 && !tor_above {
                    self.pmpaddr[n] = value;
                }
                self.guards_changed = true;
            }
            0x7a0 => self.tselect = value.min(TRIGGERS as u32 - 1),
            0x7a1 => {
                self.tdata[self.tselect as usize][0] = value;
                self.guards_changed = true;
            }
            0x7a2 => {
                self.tdata[self.tselect as usize][1] = value;
                self.guards_changed = true;
            }
            0x7a5 => self.tcontrol = value,
            0x7c1 => self.mhcr = value,
            other => return Err(NoSuchCsr(other)),
        }
        Ok(())
    }
}
