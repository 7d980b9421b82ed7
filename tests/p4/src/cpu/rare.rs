//! Instructions that are rarely met: control registers, atomic ones, floating point.

use super::decode::{Kind, NOWHERE, Op};
use super::exec::{Trouble, load_rare, store_rare};
use super::float;
use super::{Cpu, Exception};
use crate::bus::{Fault, Io};
use crate::memory::Memory;

impl Cpu {
    /// Reads and changes a control register; tells whether it was written.
    #[inline(never)]
    pub(super) fn change_csr(&mut self, op: Op, now: u64, pc: u32) -> Result<bool, Trouble> {
        let immediate = matches!(op.kind, Kind::Csrrwi | Kind::Csrrsi | Kind::Csrrci);
        let source = if immediate { u32::from(op.rs1) } else { self.x[usize::from(op.rs1 & 31)] };
        let plain = matches!(op.kind, Kind::Csrrw | Kind::Csrrwi);
        let writes = plain || op.rs1 != 0;
        let fault = |missing| Trouble::from(Fault::csr(missing).at(pc));
        let csr = op.imm as u32;
        let old = if plain && op.rd == NOWHERE { 0 } else { self.csr_read(csr, now).map_err(fault)? };
        if writes {
            let value = match op.kind {
                Kind::Csrrw | Kind::Csrrwi => source,
                Kind::Csrrs | Kind::Csrrsi => old | source,
                _ => old & !source,
            };
            self.csr_write(csr, value).map_err(fault)?;
        }
        self.x[usize::from(op.rd & 63)] = old;
        Ok(writes)
    }

    /// Reads and changes memory at once; tells whether it was a device's.
    #[inline(never)]
    pub(super) fn atomic(
        &mut self,
        op: Op,
        memory: &mut Memory,
        io: &mut impl Io,
        n: u64,
        pc: u32,
    ) -> Result<bool, Trouble> {
        let (a, b) = (self.x[usize::from(op.rs1 & 31)], self.x[usize::from(op.rs2 & 31)]);
        if !a.is_multiple_of(4) {
            let why = if op.kind == Kind::LrW { Exception::LoadMisaligned } else { Exception::StoreMisaligned };
            return Err(Trouble::Except(why, a));
        }
        let mut changed = false;
        let value = match op.kind {
            Kind::LrW => {
                let value = u32::from_le_bytes(load_rare(memory, io, n, pc, a)?);
                self.reservation = Some(a);
                value
            }
            Kind::ScW => {
                let held = self.reservation.take() == Some(a);
                if held {
                    changed = store_rare(memory, io, n, pc, a, b.to_le_bytes())?;
                }
                u32::from(!held)
            }
            kind => {
                let old = u32::from_le_bytes(load_rare(memory, io, n, pc, a)?);
                changed = store_rare(memory, io, n, pc, a, amo(kind, old, b).to_le_bytes())?;
                old
            }
        };
        self.x[usize::from(op.rd & 63)] = value;
        Ok(changed)
    }

    /// Floating point, but for loads and stores.
    #[inline(never)]
    pub(super) fn float(&mut self, op: Op, pc: u32) -> Result<(), Trouble> {
        let (rd, a, imm) = (usize::from(op.rd & 63), self.x[usize::from(op.rs1 & 31)], op.imm as u32);
        macro_rules! set {
            ($value:expr) => {
                self.x[rd] = $value
            };
        }
        macro_rules! float {
            ($result:expr) => {{
                let (value, flags) = $result;
                self.f[rd & 31] = value;
                self.fcsr |= flags;
            }};
        }
        let (x, y) = (self.f[usize::from(op.rs1 & 31)], self.f[usize::from(op.rs2 & 31)]);
        let mode =
            if matches!(op.kind, Kind::Fmadd | Kind::Fmsub | Kind::Fnmsub | Kind::Fnmadd) { imm >> 8 } else { imm };
        let mode = if mode == 7 { self.fcsr >> 5 } else { mode };
        const MINUS: u32 = 1 << 31;
        // Only conversions to integers and back are made in another mode than "to even".
        let rounds = matches!(
            op.kind,
            Kind::Fmadd
                | Kind::Fmsub
                | Kind::Fnmsub
                | Kind::Fnmadd
                | Kind::Fadd
                | Kind::Fsub
                | Kind::Fmul
                | Kind::Fdiv
                | Kind::Fsqrt
                | Kind::FcvtSW
                | Kind::FcvtSWu
        );
        if rounds && mode != 0 {
            return Err(Fault::unmodelled(format!("rounding mode {mode} of {:?}", op.kind)).at(pc).into());
        }
        macro_rules! integer {
            ($result:expr) => {{
                let (value, flags) = $result;
                set!(value);
                self.fcsr |= flags;
            }};
        }
        match op.kind {
            Kind::Fadd => float!(float::add(x, y)),
            Kind::Fsub => float!(float::add(x, y ^ if f32::from_bits(y).is_nan() { 0 } else { MINUS })),
            Kind::Fmul => float!(float::mul(x, y)),
            Kind::Fdiv => float!(float::div(x, y)),
            Kind::Fsqrt => float!(float::sqrt(x)),
            Kind::Fmadd | Kind::Fmsub | Kind::Fnmsub | Kind::Fnmadd => {
                let z = self.f[(imm & 31) as usize];
                let (product, sum) = match op.kind {
                    Kind::Fmadd => (0, 0),
                    Kind::Fmsub => (0, MINUS),
                    Kind::Fnmsub => (MINUS, 0),
                    _ => (MINUS, MINUS),
                };
                let flip = |bits: u32, by: u32| if f32::from_bits(bits).is_nan() { bits } else { bits ^ by };
                float!(float::fma(flip(x, product), y, flip(z, sum)));
            }
            Kind::Fsgnj => float!((x & !MINUS | y & MINUS, 0)),
            Kind::Fsgnjn => float!((x & !MINUS | !y & MINUS, 0)),
            Kind::Fsgnjx => float!((x ^ y & MINUS, 0)),
            Kind::Fmin => float!(float::min_max(x, y, false)),
            Kind::Fmax => float!(float::min_max(x, y, true)),
            Kind::Feq => integer!(float::compare(x, y, f32::eq, true)),
            Kind::Flt => integer!(float::compare(x, y, f32::lt, false)),
            Kind::Fle => integer!(float::compare(x, y, f32::le, false)),
            Kind::Fclass => set!(float::class(x)),
            Kind::FmvXW => set!(x),
            Kind::FmvWX => float!((a, 0)),
            Kind::FcvtSW => float!(float::from_i64(i64::from(a as i32))),
            Kind::FcvtSWu => float!(float::from_i64(i64::from(a))),
            Kind::FcvtWS | Kind::FcvtWuS => {
                let converted = if op.kind == Kind::FcvtWS { float::to_i32(x, mode) } else { float::to_u32(x, mode) };
                let Some(result) = converted else { return Err(Trouble::Except(Exception::Illegal, 0)) };
                integer!(result);
            }
            _ => return Err(Trouble::Except(Exception::Illegal, 0)),
        }

        Ok(())
    }
}

fn amo(kind: Kind, old: u32, b: u32) -> u32 {
    match kind {
        Kind::AmoAdd => old.wrapping_add(b),
        Kind::AmoXor => old ^ b,
        Kind::AmoAnd => old & b,
        Kind::AmoOr => old | b,
        Kind::AmoMin => (old as i32).min(b as i32) as u32,
        Kind::AmoMax => (old as i32).max(b as i32) as u32,
        Kind::AmoMinu => old.min(b),
        Kind::AmoMaxu => old.max(b),
        _ => b,
    }
}
