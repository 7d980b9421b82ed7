//! The interpreter.

use super::decode::{Kind, NOWHERE, Op, decode};
use super::float::{self, DIVIDE_BY_ZERO};
use super::{Cpu, Exception};
use crate::bus::{Fault, Io};
use crate::memory::{self, Denied, L2, L2_BYTES, Memory, XIP};
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

/// Decoded instructions by address.
pub struct Code {
    ops: Vec<Op>,
    /// Entries for mapped flash; those for internal memory follow.
    flash: usize,
    /// Where to stop.
    breakpoints: Vec<u32>,
}

impl Code {
    pub fn new(flash_bytes: usize) -> Self {
        let flash = flash_bytes / 2;
        Self { ops: vec![Op::UNKNOWN; flash + L2_BYTES / 2], flash, breakpoints: Vec::new() }
    }

    /// Forgets what was decoded.
    pub fn flush(&mut self) {
        self.ops.fill(Op::UNKNOWN);
    }

    pub fn set_breakpoints(&mut self, at: Vec<u32>) {
        self.breakpoints = at;
        self.flush();
    }

    /// The entry for an address: where code can be at all.
    #[inline(always)]
    fn index(&self, pc: u32) -> Option<usize> {
        let internal = pc.wrapping_sub(L2) as usize;
        if internal < L2_BYTES {
            return Some(self.flash + internal / 2);
        }
        let flash = pc.wrapping_sub(XIP) as usize / 2;
        (flash < self.flash).then_some(flash)
    }
}

/// What an access to memory can end in.
enum Trouble {
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

#[inline(always)]
fn load<const N: usize>(
    memory: &mut Memory,
    io: &mut impl Io,
    n: u64,
    pc: u32,
    address: u32,
) -> Result<[u8; N], Trouble> {
    match memory.load::<N>(address) {
        Some(Ok(bytes)) => Ok(bytes),
        Some(Err(why)) => Err(denied(why, Exception::LoadAccess, address)),
        None => load_device(memory, io, n, pc, address),
    }
}

#[cold]
#[inline(never)]
fn load_device<const N: usize>(
    memory: &mut Memory,
    io: &mut impl Io,
    n: u64,
    pc: u32,
    address: u32,
) -> Result<[u8; N], Trouble> {
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

/// Whether it was a device's, which may have changed what interrupts depend on.
#[inline(always)]
fn store<const N: usize>(
    memory: &mut Memory,
    io: &mut impl Io,
    n: u64,
    pc: u32,
    address: u32,
    bytes: [u8; N],
) -> Result<bool, Trouble> {
    match memory.store(address, bytes) {
        Some(Ok(())) => Ok(false),
        Some(Err(why)) => Err(denied(why, Exception::StoreAccess, address)),
        None => store_device(memory, io, n, pc, address, bytes),
    }
}

#[cold]
#[inline(never)]
fn store_device<const N: usize>(
    memory: &mut Memory,
    io: &mut impl Io,
    n: u64,
    pc: u32,
    address: u32,
    bytes: [u8; N],
) -> Result<bool, Trouble> {
    if !io.is_device(address) {
        return Err(Trouble::Except(Exception::StoreAccess, address));
    }
    if !(address as usize).is_multiple_of(N) {
        return Err(Trouble::Except(Exception::StoreMisaligned, address));
    }
    let value = bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
    io.write(memory, address, N, value, n).map_err(|fault| fault.at(pc))?;
    Ok(true)
}

impl Cpu {
    /// Does instructions until there are `limit` of them in all, or something else is to be done first.
    pub fn run(&mut self, code: &mut Code, memory: &mut Memory, io: &mut impl Io, limit: u64) -> Stop {
        while self.count < limit {
            match self.straight(code, memory, io, limit) {
                Ok(stop) => return stop,
                Err(Trouble::Except(why, value)) => self.except(why, value),
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
        let (mut pc, mut n) = (self.pc, self.count);
        // Leaves with the state as it is before this instruction.
        macro_rules! leave {
            ($with:expr) => {{
                (self.pc, self.count) = (pc, n);
                return $with;
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
        loop {
            if n >= limit {
                leave!(Ok(Stop::Limit));
            }
            let Some(index) = code.index(pc) else {
                leave!(if rom::is_rom(pc) { Ok(Stop::Rom) } else { Err(Trouble::Except(Exception::FetchAccess, pc)) });
            };
            let mut op = code.ops[index];
            if op.kind == Kind::Unknown {
                op = check!(fetch(memory, pc));
                if code.breakpoints.contains(&pc) {
                    // Not kept, so that it is asked again; the debugger goes on with one step.
                    if limit - n > 1 {
                        leave!(Ok(Stop::Break));
                    }
                } else {
                    code.ops[index] = op;
                }
            }
            let (rd, a, b) =
                (usize::from(op.rd & 63), self.x[usize::from(op.rs1 & 31)], self.x[usize::from(op.rs2 & 31)]);
            let imm = op.imm as u32;
            let mut next = pc.wrapping_add(u32::from(op.len));
            macro_rules! set {
                ($value:expr) => {
                    self.x[rd] = $value
                };
            }
            macro_rules! branch {
                ($taken:expr) => {
                    if $taken {
                        next = pc.wrapping_add(imm);
                    }
                };
            }
            macro_rules! write {
                ($address:expr, $bytes:expr) => {
                    if check!(store(memory, io, n, pc, $address, $bytes)) {
                        pc = next;
                        n += 1;
                        leave!(Ok(Stop::Changed));
                    }
                };
            }
            macro_rules! float {
                ($result:expr) => {{
                    let (value, flags) = $result;
                    self.f[rd & 31] = value;
                    self.fcsr |= flags;
                }};
            }
            match op.kind {
                Kind::Unknown | Kind::Illegal => leave!(Err(Trouble::Except(Exception::Illegal, 0))),
                Kind::Lui => set!(imm),
                Kind::Auipc => set!(pc.wrapping_add(imm)),
                Kind::Jal => {
                    set!(next);
                    next = pc.wrapping_add(imm);
                }
                Kind::Jalr => {
                    let to = a.wrapping_add(imm) & !1;
                    set!(next);
                    next = to;
                }
                Kind::Beq => branch!(a == b),
                Kind::Bne => branch!(a != b),
                Kind::Blt => branch!((a as i32) < b as i32),
                Kind::Bge => branch!(a as i32 >= b as i32),
                Kind::Bltu => branch!(a < b),
                Kind::Bgeu => branch!(a >= b),
                Kind::Lb => set!(check!(load::<1>(memory, io, n, pc, a.wrapping_add(imm)))[0] as i8 as u32),
                Kind::Lbu => set!(u32::from(check!(load::<1>(memory, io, n, pc, a.wrapping_add(imm)))[0])),
                Kind::Lh => {
                    set!(i16::from_le_bytes(check!(load(memory, io, n, pc, a.wrapping_add(imm)))) as u32);
                }
                Kind::Lhu => {
                    set!(u32::from(u16::from_le_bytes(check!(load(memory, io, n, pc, a.wrapping_add(imm))))));
                }
                Kind::Lw => set!(u32::from_le_bytes(check!(load(memory, io, n, pc, a.wrapping_add(imm))))),
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
                    pc = next;
                    n += 1;
                    code.flush();
                    leave!(Ok(Stop::Changed));
                }
                Kind::Ecall => leave!(Err(Trouble::Except(Exception::Call, 0))),
                Kind::Ebreak => leave!(Err(Trouble::Except(Exception::Breakpoint, pc))),
                Kind::Mret => {
                    self.mret();
                    pc = self.pc;
                    n += 1;
                    leave!(Ok(Stop::Changed));
                }
                Kind::Wfi => {
                    pc = next;
                    n += 1;
                    leave!(Ok(Stop::Wait));
                }
                Kind::Csrrw | Kind::Csrrs | Kind::Csrrc | Kind::Csrrwi | Kind::Csrrsi | Kind::Csrrci => {
                    let immediate = matches!(op.kind, Kind::Csrrwi | Kind::Csrrsi | Kind::Csrrci);
                    let source = if immediate { u32::from(op.rs1) } else { a };
                    let plain = matches!(op.kind, Kind::Csrrw | Kind::Csrrwi);
                    let writes = plain || op.rs1 != 0;
                    let fault = |missing| Trouble::from(Fault::csr(missing).at(pc));
                    let old = if plain && op.rd == NOWHERE {
                        0
                    } else {
                        check!(self.csr_read(imm, io.now(n)).map_err(fault))
                    };
                    if writes {
                        let value = match op.kind {
                            Kind::Csrrw | Kind::Csrrwi => source,
                            Kind::Csrrs | Kind::Csrrsi => old | source,
                            _ => old & !source,
                        };
                        check!(self.csr_write(imm, value).map_err(fault));
                    }
                    set!(old);
                    if writes {
                        pc = next;
                        n += 1;
                        leave!(Ok(Stop::Changed));
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
                Kind::LrW => {
                    if !a.is_multiple_of(4) {
                        leave!(Err(Trouble::Except(Exception::LoadMisaligned, a)));
                    }
                    set!(u32::from_le_bytes(check!(load(memory, io, n, pc, a))));
                    self.reservation = Some(a);
                }
                Kind::ScW => {
                    if !a.is_multiple_of(4) {
                        leave!(Err(Trouble::Except(Exception::StoreMisaligned, a)));
                    }
                    let held = self.reservation.take() == Some(a);
                    if held {
                        let _ = check!(store(memory, io, n, pc, a, b.to_le_bytes()));
                    }
                    set!(u32::from(!held));
                }
                Kind::AmoSwap
                | Kind::AmoAdd
                | Kind::AmoXor
                | Kind::AmoAnd
                | Kind::AmoOr
                | Kind::AmoMin
                | Kind::AmoMax
                | Kind::AmoMinu
                | Kind::AmoMaxu => {
                    if !a.is_multiple_of(4) {
                        leave!(Err(Trouble::Except(Exception::StoreMisaligned, a)));
                    }
                    let old = u32::from_le_bytes(check!(load(memory, io, n, pc, a)));
                    let _ = check!(store(memory, io, n, pc, a, amo(op.kind, old, b).to_le_bytes()));
                    set!(old);
                }
                Kind::Flw => self.f[rd & 31] = u32::from_le_bytes(check!(load(memory, io, n, pc, a.wrapping_add(imm)))),
                Kind::Fsw => {
                    let value = self.f[usize::from(op.rs2 & 31)];
                    write!(a.wrapping_add(imm), value.to_le_bytes());
                }
                _ => {
                    let (x, y) = (self.f[usize::from(op.rs1 & 31)], self.f[usize::from(op.rs2 & 31)]);
                    let mode = if matches!(op.kind, Kind::Fmadd | Kind::Fmsub | Kind::Fnmsub | Kind::Fnmadd) {
                        imm >> 8
                    } else {
                        imm
                    };
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
                        leave!(Err(Fault::unmodelled(format!("rounding mode {mode} of {:?}", op.kind)).at(pc).into()));
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
                            let flip =
                                |bits: u32, by: u32| if f32::from_bits(bits).is_nan() { bits } else { bits ^ by };
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
                            let converted =
                                if op.kind == Kind::FcvtWS { float::to_i32(x, mode) } else { float::to_u32(x, mode) };
                            let Some(result) = converted else { leave!(Err(Trouble::Except(Exception::Illegal, 0))) };
                            integer!(result);
                        }
                        _ => leave!(Err(Trouble::Except(Exception::Illegal, 0))),
                    }
                    debug_assert!(self.fcsr & DIVIDE_BY_ZERO == 0 || self.fcsr < 0x100);
                }
            }
            pc = next;
            n += 1;
        }
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

/// Reads and decodes the instruction at `pc`.
#[cold]
fn fetch(memory: &Memory, pc: u32) -> Result<Op, Trouble> {
    let fault = Trouble::Except(Exception::FetchAccess, pc);
    if !memory.may_execute(pc) {
        return Err(fault);
    }
    // The last instruction of a memory may be a short one.
    let word = match memory.slice(pc, 4) {
        Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
        _ => match memory.slice(pc, 2) {
            Some(&[a, b]) => u32::from(u16::from_le_bytes([a, b])),
            _ => return Err(fault),
        },
    };
    debug_assert!(pc >= memory::XIP);
    Ok(decode(word))
}
