//! The interpreter.

use super::code::{Code, Denied as NoCode, Step};
use super::decode::Kind;
use super::{Cpu, Exception};
use crate::bus::{Fault, Io};
use crate::memory::{Denied, Memory};
use crate::rom;

/// Why the interpreter came back.
#[derive(Debug)]
pub enum Stop {
    /// As many instructions as it was to do at most.
    Limit,
    /// Something that interrupts depend on may have changed.
    Changed,
    /// `wfi`.
    Wait,
    /// A call into the mask ROM.
    Rom,
    /// The debugger wanted to know: the program counter is at a breakpoint.
    Break,
    /// The debugger wanted to know: this address is about to be written.
    Watch(u32),
    /// Nothing that the model knows.
    Fault(Fault),
}

/// What an access to memory can end in.
pub(super) enum Trouble {
    Except(Exception, u32),
    Stop(Stop),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Stop(Stop::Fault(fault))
    }
}

fn denied(why: Denied, exception: Exception, address: u32) -> Trouble {
    match why {
        Denied::Access => Trouble::Except(exception, address),
        Denied::Watched => Trouble::Except(Exception::Breakpoint, address),
        Denied::Debugged => Trouble::Stop(Stop::Watch(address)),
    }
}

/// An access to memory that is not simply there: guarded, rare, or a device's.
#[cold]
#[inline(never)]
pub(super) fn load_rare<const N: usize>(
    memory: &mut Memory,
    io: &mut impl Io,
    n: u64,
    pc: u32,
    address: u32,
) -> Result<[u8; N], Trouble> {
    match memory.load::<N>(address) {
        Some(Ok(bytes)) => return Ok(bytes),
        Some(Err(why)) => return Err(denied(why, Exception::LoadAccess, address)),
        None => {}
    }
    if !io.is_device(address) {
        return Err(Trouble::Except(Exception::LoadAccess, address));
    }
    if !(address as usize).is_multiple_of(N) {
        return Err(Trouble::Except(Exception::LoadMisaligned, address));
    }
    let value = io.read(memory, address, N, n).map_err(|fault| fault.at(pc))?;
    let mut bytes = [0; N];
    bytes.copy_from_slice(&value.to_le_bytes()[..N]);
    Ok(bytes)
}

/// Tells whether it was a device's that may have changed what interrupts depend on.
#[cold]
#[inline(never)]
pub(super) fn store_rare<const N: usize>(
    memory: &mut Memory,
    io: &mut impl Io,
    n: u64,
    pc: u32,
    address: u32,
    bytes: [u8; N],
) -> Result<bool, Trouble> {
    match memory.store(address, bytes) {
        Some(Ok(())) => return Ok(false),
        Some(Err(why)) => return Err(denied(why, Exception::StoreAccess, address)),
        None => {}
    }
    if !io.is_device(address) {
        return Err(Trouble::Except(Exception::StoreAccess, address));
    }
    if !(address as usize).is_multiple_of(N) {
        return Err(Trouble::Except(Exception::StoreMisaligned, address));
    }
    let value = bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
    Ok(io.write(memory, address, N, value, n).map_err(|fault| fault.at(pc))?)
}

impl Cpu {
    /// Does instructions until there are `limit` of them in all, or something else is to be done first.
    pub fn run(&mut self, code: &mut Code, memory: &mut Memory, io: &mut impl Io, limit: u64) -> Stop {
        while self.count < limit {
            match self.straight(code, memory, io, limit) {
                Ok(stop) => return stop,
                Err(Trouble::Except(why, value)) => {
                    self.except(why, value);
                    // Time passes where the handler's own first instruction is none: only a watchdog ends that.
                    self.count += 1;
                }
                Err(Trouble::Stop(stop)) => return stop,
            }
        }
        Stop::Limit
    }

    /// Instructions up to the first that does not simply end. The program counter is at that one then.
    #[allow(clippy::too_many_lines)] // One arm an instruction.
    fn straight(
        &mut self,
        code: &mut Code,
        memory: &mut Memory,
        io: &mut impl Io,
        limit: u64,
    ) -> Result<Stop, Trouble> {
        // The program counter, and what was done, at the start of a trace.
        let (mut pc, mut before) = (self.pc, self.count);
        loop {
            (self.pc, self.count) = (pc, before);
            if before >= limit {
                return Ok(Stop::Limit);
            }
            let room = limit - before;
            let trace = match code.find(pc) {
                Some(trace) => trace,
                None if rom::is_rom(pc) => return Ok(Stop::Rom),
                None => code.build(memory, pc).map_err(|NoCode| Trouble::Except(Exception::FetchAccess, pc))?,
            };
            // The debugger goes on with one step.
            if code.stops_at(pc) && room > 1 {
                return Ok(Stop::Break);
            }
            let steps = code.steps(trace, room);
            let mut done = before;
            let mut jump = None;
            for step in steps {
                let Step { pc: here, op } = step;
                let (rd, a, b) =
                    (usize::from(op.rd & 63), self.x[usize::from(op.rs1 & 31)], self.x[usize::from(op.rs2 & 31)]);
                let imm = op.imm as u32;
                // Leaves with the state as it is before this instruction.
                macro_rules! leave {
                    ($with:expr) => {{
                        (self.pc, self.count) = (*here, done);
                        return $with;
                    }};
                }
                // Leaves with the state as it is after this instruction.
                macro_rules! end {
                    ($with:expr) => {{
                        (self.pc, self.count) = (here.wrapping_add(u32::from(op.len)), done + 1);
                        return Ok($with);
                    }};
                }
                macro_rules! check {
                    ($result:expr) => {
                        match $result {
                            Ok(value) => value,
                            Err(trouble) => leave!(Err(trouble)),
                        }
                    };
                }
                macro_rules! set {
                    ($value:expr) => {
                        self.x[rd] = $value
                    };
                }
                macro_rules! branch {
                    ($taken:expr) => {
                        if $taken {
                            jump = Some(imm);
                        }
                    };
                }
                macro_rules! read {
                    ($address:expr) => {{
                        let address = $address;
                        match memory.load_plain(address) {
                            Some(bytes) => bytes,
                            None => check!(load_rare(memory, io, done, *here, address)),
                        }
                    }};
                }
                macro_rules! write {
                    ($address:expr, $bytes:expr) => {{
                        let (address, bytes) = ($address, $bytes);
                        if !memory.store_plain(address, bytes)
                            && check!(store_rare(memory, io, done, *here, address, bytes))
                        {
                            end!(Stop::Changed);
                        }
                    }};
                }
                match op.kind {
                    // The end of a trace is no instruction.
                    Kind::Unknown => {
                        jump = Some(*here);
                        break;
                    }
                    Kind::Illegal => leave!(Err(Trouble::Except(Exception::Illegal, 0))),
                    Kind::Lui => set!(imm),
                    // The trace goes on where it jumps to.
                    Kind::Jal => set!(here.wrapping_add(u32::from(op.len))),
                    Kind::Jalr => {
                        let to = a.wrapping_add(imm) & !1;
                        set!(here.wrapping_add(u32::from(op.len)));
                        jump = Some(to);
                    }
                    Kind::Beq => branch!(a == b),
                    Kind::Bne => branch!(a != b),
                    Kind::Blt => branch!((a as i32) < b as i32),
                    Kind::Bge => branch!(a as i32 >= b as i32),
                    Kind::Bltu => branch!(a < b),
                    Kind::Bgeu => branch!(a >= b),
                    Kind::Lb => set!(i8::from_le_bytes(read!(a.wrapping_add(imm))) as u32),
                    Kind::Lbu => set!(u32::from(u8::from_le_bytes(read!(a.wrapping_add(imm))))),
                    Kind::Lh => {
                        set!(i16::from_le_bytes(read!(a.wrapping_add(imm))) as u32);
                    }
                    Kind::Lhu => {
                        set!(u32::from(u16::from_le_bytes(read!(a.wrapping_add(imm)))));
                    }
                    Kind::Lw => set!(u32::from_le_bytes(read!(a.wrapping_add(imm)))),
                    Kind::Sb => write!(a.wrapping_add(imm), [b as u8]),
                    Kind::Sh => write!(a.wrapping_add(imm), (b as u16).to_le_bytes()),
                    Kind::Sw => write!(a.wrapping_add(imm), b.to_le_bytes()),
                    Kind::Addi => set!(a.wrapping_add(imm)),
                    Kind::Slti => set!(u32::from((a as i32) < op.imm)),
                    Kind::Sltiu => set!(u32::from(a < imm)),
                    Kind::Xori => set!(a ^ imm),
                    Kind::Ori => set!(a | imm),
                    Kind::Andi => set!(a & imm),
                    Kind::Slli => set!(a << (imm & 31)),
                    Kind::Srli => set!(a >> (imm & 31)),
                    Kind::Srai => set!(((a as i32) >> (imm & 31)) as u32),
                    Kind::Add => set!(a.wrapping_add(b)),
                    Kind::Sub => set!(a.wrapping_sub(b)),
                    Kind::Sll => set!(a << (b & 31)),
                    Kind::Slt => set!(u32::from((a as i32) < b as i32)),
                    Kind::Sltu => set!(u32::from(a < b)),
                    Kind::Xor => set!(a ^ b),
                    Kind::Srl => set!(a >> (b & 31)),
                    Kind::Sra => set!(((a as i32) >> (b & 31)) as u32),
                    Kind::Or => set!(a | b),
                    Kind::And => set!(a & b),
                    Kind::Fence => {}
                    Kind::FenceI => {
                        (self.pc, self.count) = (here.wrapping_add(u32::from(op.len)), done + 1);
                        code.flush();
                        return Ok(Stop::Changed);
                    }
                    Kind::Ecall => leave!(Err(Trouble::Except(Exception::Call, 0))),
                    Kind::Ebreak => leave!(Err(Trouble::Except(Exception::Breakpoint, *here))),
                    Kind::Mret => {
                        self.mret();
                        self.count = done + 1;
                        return Ok(Stop::Changed);
                    }
                    Kind::Wfi => end!(Stop::Wait),
                    Kind::Csrrw | Kind::Csrrs | Kind::Csrrc | Kind::Csrrwi | Kind::Csrrsi | Kind::Csrrci => {
                        self.count = done;
                        if check!(self.change_csr(*op, io.now(done), *here)) {
                            end!(Stop::Changed);
                        }
                    }
                    Kind::Mul => set!(a.wrapping_mul(b)),
                    Kind::Mulh => set!(((i64::from(a as i32) * i64::from(b as i32)) >> 32) as u32),
                    Kind::Mulhsu => set!(((i64::from(a as i32) * i64::from(b)) >> 32) as u32),
                    Kind::Mulhu => set!(((u64::from(a) * u64::from(b)) >> 32) as u32),
                    Kind::Div => set!(match (a as i32, b as i32) {
                        (_, 0) => u32::MAX,
                        (x, y) => x.wrapping_div(y) as u32,
                    }),
                    Kind::Divu => set!(a.checked_div(b).unwrap_or(u32::MAX)),
                    Kind::Rem => set!(match (a as i32, b as i32) {
                        (_, 0) => a,
                        (x, y) => x.wrapping_rem(y) as u32,
                    }),
                    Kind::Remu => set!(if b == 0 { a } else { a % b }),
                    Kind::LrW
                    | Kind::ScW
                    | Kind::AmoSwap
                    | Kind::AmoAdd
                    | Kind::AmoXor
                    | Kind::AmoAnd
                    | Kind::AmoOr
                    | Kind::AmoMin
                    | Kind::AmoMax
                    | Kind::AmoMinu
                    | Kind::AmoMaxu => {
                        if check!(self.atomic(*op, memory, io, done, *here)) {
                            end!(Stop::Changed);
                        }
                    }
                    Kind::Flw => self.f[rd & 31] = u32::from_le_bytes(read!(a.wrapping_add(imm))),
                    Kind::Fsw => {
                        let value = self.f[usize::from(op.rs2 & 31)];
                        write!(a.wrapping_add(imm), value.to_le_bytes());
                    }
                    _ => check!(self.float(*op, *here)),
                }
                done += 1;
                if jump.is_some() {
                    break;
                }
            }
            // Without a jump, what follows is beyond the limit.
            pc = jump.unwrap_or_else(|| code.address(trace, room));
            before = done;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::L2;

    struct Nothing;

    impl Io for Nothing {
        fn is_device(&self, _: u32) -> bool {
            false
        }
        fn read(&mut self, _: &mut Memory, _: u32, _: usize, _: u64) -> Result<u32, Fault> {
            unreachable!("no devices")
        }
        fn write(&mut self, _: &mut Memory, _: u32, _: usize, _: u32, _: u64) -> Result<bool, Fault> {
            unreachable!("no devices")
        }
        fn now(&self, count: u64) -> u64 {
            count
        }
    }

    /// `addi a0, a0, 1`.
    const STEP: u32 = 0x0015_0513;
    const FENCE_I: u32 = 0x0000_100f;
    const WFI: u32 = 0x1050_0073;

    fn memory(words: &[u32]) -> Memory {
        let mut memory = Memory::new(0);
        for (place, word) in memory.l2.chunks_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        memory
    }

    #[test]
    fn a_breakpoint_in_a_trace_stops_before_it_and_one_step_goes_on() {
        let (mut cpu, mut code, mut memory) = (Cpu::new(L2, false), Code::new(0), memory(&[STEP, STEP, STEP, WFI]));
        code.set_breakpoints(vec![L2 + 8]);
        assert!(matches!(cpu.run(&mut code, &mut memory, &mut Nothing, 100), Stop::Break));
        assert_eq!((cpu.pc, cpu.count, cpu.x[10]), (L2 + 8, 2, 2));
        assert!(matches!(cpu.run(&mut code, &mut memory, &mut Nothing, 3), Stop::Limit));
        assert!(matches!(cpu.run(&mut code, &mut memory, &mut Nothing, 100), Stop::Wait));
        assert_eq!(cpu.x[10], 3);
    }

    #[test]
    fn what_was_written_over_is_run_after_fence_i() {
        // sw a1, 16(a2): the second step becomes one of two.
        let (mut cpu, mut code) = (Cpu::new(L2, false), Code::new(0));
        let mut memory = memory(&[STEP, 0x00b6_2823, FENCE_I, STEP, STEP, WFI]);
        (cpu.x[11], cpu.x[12]) = (STEP + (1 << 20), L2);
        assert!(matches!(cpu.run(&mut code, &mut memory, &mut Nothing, 100), Stop::Changed));
        assert!(matches!(cpu.run(&mut code, &mut memory, &mut Nothing, 100), Stop::Wait));
        assert_eq!(cpu.x[10], 4);
    }

    #[test]
    fn a_load_that_is_denied_leaves_the_state_before_it() {
        // lw a0, 0(zero).
        let (mut cpu, mut code, mut memory) = (Cpu::new(L2, false), Code::new(0), memory(&[STEP, 0x0000_2503]));
        cpu.mtvec = L2 + 0x43;
        assert!(matches!(cpu.run(&mut code, &mut memory, &mut Nothing, 2), Stop::Limit));
        assert_eq!((cpu.mepc, cpu.mcause, cpu.x[10]), (L2 + 4, Exception::LoadAccess as u32, 1));
        // Nothing that can be run is at the handler's place.
        assert!(matches!(cpu.run(&mut code, &mut memory, &mut Nothing, 1000), Stop::Limit));
        assert_eq!((cpu.mepc, cpu.mcause), (L2 + 0x40, Exception::Illegal as u32));
    }
}
