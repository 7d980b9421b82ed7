//! Decoded instructions, in traces: what follows one after the other unless a branch is taken.
//!
//! A trace goes on behind branches, and where direct jumps lead to. The interpreter walks it without looking anything up.

use super::decode::{Kind, Op, decode};
use crate::memory::{L2, L2_BYTES, Memory, XIP};

/// Instructions of a trace at most.
const TRACE: usize = 64;
/// Steps that are kept at most; then all are forgotten.
const STEPS: usize = 4 << 20;

/// An instruction with its address. Immediate values that are relative to the address are made absolute.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub pc: u32,
    pub op: Op,
}

/// No instruction can be fetched there.
#[derive(Clone, Copy, Debug)]
pub struct Denied;

/// Decoded instructions by address.
pub struct Code {
    /// By address, in half-words: where a trace that begins there is in `steps`; 0: not decoded yet. Mapped flash comes
    /// first, then internal memory.
    traces: Vec<u32>,
    /// How many of them are for mapped flash.
    flash: usize,
    /// Traces, one behind the other; each ends with a step of [`Kind::Unknown`] that says where it goes on.
    steps: Vec<Step>,
    /// Where to stop.
    breakpoints: Vec<u32>,
}

impl Code {
    pub fn new(flash_bytes: usize) -> Self {
        let flash = flash_bytes / 2;
        let mut code =
            Self { traces: vec![0; flash + L2_BYTES / 2], flash, steps: Vec::new(), breakpoints: Vec::new() };
        code.flush();
        code
    }

    /// Forgets what was decoded.
    pub fn flush(&mut self) {
        self.traces.fill(0);
        self.steps.clear();
        // Nothing begins at 0.
        self.steps.push(Step { pc: 0, op: Op::UNKNOWN });
    }

    pub fn set_breakpoints(&mut self, at: Vec<u32>) {
        self.breakpoints = at;
        self.flush();
    }

    /// Whether the debugger wants to stop before this instruction.
    #[inline(always)]
    pub(super) fn stops_at(&self, pc: u32) -> bool {
        !self.breakpoints.is_empty() && self.breakpoints.contains(&pc)
    }

    /// The place of an address: where code can be at all.
    #[inline(always)]
    fn index(&self, pc: u32) -> Option<usize> {
        let flash = pc.wrapping_sub(XIP) as usize / 2;
        if flash < self.flash {
            return Some(flash);
        }
        let internal = pc.wrapping_sub(L2) as usize;
        (internal < L2_BYTES).then_some(self.flash + internal / 2)
    }

    /// The trace that begins there, if it is known.
    #[inline(always)]
    pub(super) fn find(&self, pc: u32) -> Option<usize> {
        let trace = *self.traces.get(self.index(pc)?)?;
        (trace > 0).then_some(trace as usize)
    }

    /// Steps of a trace: as many as there is room for, or more than it has.
    #[inline(always)]
    pub(super) fn steps(&self, trace: usize, room: u64) -> &[Step] {
        let len = usize::try_from(room).unwrap_or(usize::MAX).min(TRACE + 1);
        let end = (trace + len).min(self.steps.len());
        self.steps.get(trace..end).unwrap_or_default()
    }

    /// The address of the step behind so many of a trace.
    #[cold]
    pub(super) fn address(&self, trace: usize, steps: u64) -> u32 {
        self.steps.get(trace + steps as usize).map_or(0, |step| step.pc)
    }

    /// Decodes the trace that begins there.
    #[cold]
    #[inline(never)]
    pub(super) fn build(&mut self, memory: &Memory, pc: u32) -> Result<usize, Denied> {
        if self.steps.len() > STEPS {
            self.flush();
        }
        let index = self.index(pc).ok_or(Denied)?;
        let trace = self.steps.len();
        let mut at = pc;
        for n in 0..TRACE {
            let stops = n > 0 && self.stops_at(at);
            let op = match fetch(memory, at) {
                Some(op) if !stops && self.index(at).is_some() => op,
                _ if n == 0 => return Err(Denied),
                _ => break,
            };
            let target = at.wrapping_add(op.imm as u32);
            let (mut op, here) = (op, at);
            at = at.wrapping_add(u32::from(op.len));
            match op.kind {
                Kind::Auipc => (op.kind, op.imm) = (Kind::Lui, target as i32),
                Kind::Beq | Kind::Bne | Kind::Blt | Kind::Bge | Kind::Bltu | Kind::Bgeu => op.imm = target as i32,
                Kind::Jal => at = target,
                _ => {}
            }
            self.steps.push(Step { pc: here, op });
            if matches!(op.kind, Kind::Jalr | Kind::Mret | Kind::Illegal | Kind::Ecall | Kind::Ebreak) {
                break;
            }
        }
        self.steps.push(Step { pc: at, op: Op::UNKNOWN });
        self.traces[index] = u32::try_from(trace).map_err(|_| Denied)?;
        Ok(trace)
    }
}

/// Reads and decodes the instruction at `pc`.
fn fetch(memory: &Memory, pc: u32) -> Option<Op> {
    if !memory.may_execute(pc) {
        return None;
    }
    // The last instruction of a memory may be a short one.
    let word = match memory.slice(pc, 4) {
        Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
        _ => match memory.slice(pc, 2) {
            Some(&[a, b]) => u32::from(u16::from_le_bytes([a, b])),
            _ => return None,
        },
    };
    Some(decode(word))
}
