//! Instructions of RV32IMAFC as the interpreter wants them: decoded once, kept by address.
//!
//! Source: The RISC-V Instruction Set Manual, volume I (20240411), chapters 2 (RV32I), 12 (M), 13 (A), 20 (F), 26 (C), and 34 for the
//! encodings.

/// What an instruction does. Compressed forms decode to what they stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[rustfmt::skip]
pub enum Kind {
    /// Not decoded yet.
    Unknown,
    /// No instruction that this core has.
    Illegal,
    Lui, Auipc, Jal, Jalr,
    Beq, Bne, Blt, Bge, Bltu, Bgeu,
    Lb, Lh, Lw, Lbu, Lhu, Sb, Sh, Sw,
    Addi, Slti, Sltiu, Xori, Ori, Andi, Slli, Srli, Srai,
    Add, Sub, Sll, Slt, Sltu, Xor, Srl, Sra, Or, And,
    Fence, FenceI, Ecall, Ebreak, Mret, Wfi,
    Csrrw, Csrrs, Csrrc, Csrrwi, Csrrsi, Csrrci,
    Mul, Mulh, Mulhsu, Mulhu, Div, Divu, Rem, Remu,
    LrW, ScW, AmoSwap, AmoAdd, AmoXor, AmoAnd, AmoOr, AmoMin, AmoMax, AmoMinu, AmoMaxu,
    Flw, Fsw, Fmadd, Fmsub, Fnmsub, Fnmadd,
    Fadd, Fsub, Fmul, Fdiv, Fsqrt, Fsgnj, Fsgnjn, Fsgnjx, Fmin, Fmax,
    FcvtWS, FcvtWuS, FmvXW, Feq, Flt, Fle, Fclass, FcvtSW, FcvtSWu, FmvWX,
}

/// A decoded instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Op {
    pub kind: Kind,
    /// Bytes: 2 or 4.
    pub len: u8,
    /// Where the result goes; register 0 of the integers is written as [`NOWHERE`].
    pub rd: u8,
    pub rs1: u8,
    pub rs2: u8,
    /// The immediate; the CSR's number; the third register and the rounding mode of floating point.
    pub imm: i32,
}

/// Where results for `x0` go.
pub const NOWHERE: u8 = 32;

impl Op {
    /// Not decoded yet.
    pub const UNKNOWN: Self = Self::new(Kind::Unknown, 4, 0, 0, 0, 0);

    const fn new(kind: Kind, len: u8, rd: u32, rs1: u32, rs2: u32, imm: i32) -> Self {
        Self { kind, len, rd: rd as u8, rs1: rs1 as u8, rs2: rs2 as u8, imm }
    }
}

/// The instruction whose first 16 bits are the lower half of `word`.
pub fn decode(word: u32) -> Op {
    let mut op = if word & 3 == 3 { wide(word) } else { compressed(word & 0xffff) };
    let floats = matches!(
        op.kind,
        Kind::Flw
            | Kind::Fmadd
            | Kind::Fmsub
            | Kind::Fnmsub
            | Kind::Fnmadd
            | Kind::Fadd
            | Kind::Fsub
            | Kind::Fmul
            | Kind::Fdiv
            | Kind::Fsqrt
            | Kind::Fsgnj
            | Kind::Fsgnjn
            | Kind::Fsgnjx
            | Kind::Fmin
            | Kind::Fmax
            | Kind::FcvtSW
            | Kind::FcvtSWu
            | Kind::FmvWX
    );
    if op.rd == 0 && !floats {
        op.rd = NOWHERE;
    }
    op
}

const fn bits(word: u32, high: u32, low: u32) -> u32 {
    (word >> low) & ((1 << (high - low + 1)) - 1)
}

/// `value` of `len` bits, with its sign.
const fn signed(value: u32, len: u32) -> i32 {
    ((value << (32 - len)) as i32) >> (32 - len)
}

fn wide(w: u32) -> Op {
    use Kind::*;
    let (rd, f3, rs1, rs2, f7) = (bits(w, 11, 7), bits(w, 14, 12), bits(w, 19, 15), bits(w, 24, 20), bits(w, 31, 25));
    let i = (w as i32) >> 20;
    let s = (((w as i32) >> 25) << 5) | rd as i32;
    let op = |kind, imm| Op::new(kind, 4, rd, rs1, rs2, imm);
    let pick = |table: [Kind; 8]| table[f3 as usize];
    match w & 0x7f {
        0x37 => op(Lui, (w & 0xffff_f000) as i32),
        0x17 => op(Auipc, (w & 0xffff_f000) as i32),
        0x6f => {
            let imm = bits(w, 31, 31) << 20 | bits(w, 19, 12) << 12 | bits(w, 20, 20) << 11 | bits(w, 30, 21) << 1;
            op(Jal, signed(imm, 21))
        }
        0x67 if f3 == 0 => op(Jalr, i),
        0x63 => {
            let imm = bits(w, 31, 31) << 12 | bits(w, 7, 7) << 11 | bits(w, 30, 25) << 5 | bits(w, 11, 8) << 1;
            op(pick([Beq, Bne, Illegal, Illegal, Blt, Bge, Bltu, Bgeu]), signed(imm, 13))
        }
        0x03 => op(pick([Lb, Lh, Lw, Illegal, Lbu, Lhu, Illegal, Illegal]), i),
        0x23 => op(pick([Sb, Sh, Sw, Illegal, Illegal, Illegal, Illegal, Illegal]), s),
        0x13 => match (f3, f7) {
            (1, 0) => op(Slli, rs2 as i32),
            (5, 0) => op(Srli, rs2 as i32),
            (5, 0x20) => op(Srai, rs2 as i32),
            (1 | 5, _) => op(Illegal, 0),
            _ => op(pick([Addi, Illegal, Slti, Sltiu, Xori, Illegal, Ori, Andi]), i),
        },
        0x33 => op(
            match f7 {
                0 => pick([Add, Sll, Slt, Sltu, Xor, Srl, Or, And]),
                0x20 if f3 == 0 => Sub,
                0x20 if f3 == 5 => Sra,
                1 => pick([Mul, Mulh, Mulhsu, Mulhu, Div, Divu, Rem, Remu]),
                _ => Illegal,
            },
            0,
        ),
        0x0f => op(pick([Fence, FenceI, Illegal, Illegal, Illegal, Illegal, Illegal, Illegal]), 0),
        0x73 => match f3 {
            0 => op(
                match w {
                    0x0000_0073 => Ecall,
                    0x0010_0073 => Ebreak,
                    0x3020_0073 => Mret,
                    0x1050_0073 => Wfi,
                    _ => Illegal,
                },
                0,
            ),
            _ => op(pick([Illegal, Csrrw, Csrrs, Csrrc, Illegal, Csrrwi, Csrrsi, Csrrci]), bits(w, 31, 20) as i32),
        },
        0x2f if f3 == 2 => op(
            match f7 >> 2 {
                0x02 if rs2 == 0 => LrW,
                0x03 => ScW,
                0x01 => AmoSwap,
                0x00 => AmoAdd,
                0x04 => AmoXor,
                0x0c => AmoAnd,
                0x08 => AmoOr,
                0x10 => AmoMin,
                0x14 => AmoMax,
                0x18 => AmoMinu,
                0x1c => AmoMaxu,
                _ => Illegal,
            },
            0,
        ),
        0x07 if f3 == 2 => op(Flw, i),
        0x27 if f3 == 2 => op(Fsw, s),
        // The third register in the lower byte, the rounding mode above it.
        code @ (0x43 | 0x47 | 0x4b | 0x4f) if f7 & 3 == 0 => {
            op([Fmadd, Fmsub, Fnmsub, Fnmadd][((code >> 2) & 3) as usize], (f7 >> 2 | f3 << 8) as i32)
        }
        0x53 => op(float(f7, f3, rs2), f3 as i32),
        _ => op(Illegal, 0),
    }
}

fn float(f7: u32, f3: u32, rs2: u32) -> Kind {
    use Kind::*;
    match (f7, f3, rs2) {
        (0x00, ..) => Fadd,
        (0x04, ..) => Fsub,
        (0x08, ..) => Fmul,
        (0x0c, ..) => Fdiv,
        (0x2c, _, 0) => Fsqrt,
        (0x10, 0, _) => Fsgnj,
        (0x10, 1, _) => Fsgnjn,
        (0x10, 2, _) => Fsgnjx,
        (0x14, 0, _) => Fmin,
        (0x14, 1, _) => Fmax,
        (0x60, _, 0) => FcvtWS,
        (0x60, _, 1) => FcvtWuS,
        (0x70, 0, 0) => FmvXW,
        (0x70, 1, 0) => Fclass,
        (0x50, 2, _) => Feq,
        (0x50, 1, _) => Flt,
        (0x50, 0, _) => Fle,
        (0x68, _, 0) => FcvtSW,
        (0x68, _, 1) => FcvtSWu,
        (0x78, 0, 0) => FmvWX,
        _ => Illegal,
    }
}

fn compressed(h: u32) -> Op {
    use Kind::*;
    let (rd, rs2) = (bits(h, 11, 7), bits(h, 6, 2));
    // Registers 8 to 15.
    let (a, b) = (8 + bits(h, 9, 7), 8 + bits(h, 4, 2));
    let imm6 = signed(bits(h, 12, 12) << 5 | bits(h, 6, 2), 6);
    let shift = (bits(h, 12, 12) << 5 | bits(h, 6, 2)) as i32;
    let op = |kind, rd, rs1, rs2, imm| Op::new(kind, 2, rd, rs1, rs2, imm);
    let illegal = op(Illegal, 0, 0, 0, 0);
    let word = (bits(h, 12, 10) << 3 | bits(h, 6, 6) << 2 | bits(h, 5, 5) << 6) as i32;
    let jump = || {
        let imm = bits(h, 12, 12) << 11
            | bits(h, 11, 11) << 4
            | bits(h, 10, 9) << 8
            | bits(h, 8, 8) << 10
            | bits(h, 7, 7) << 6
            | bits(h, 6, 6) << 7
            | bits(h, 5, 3) << 1
            | bits(h, 2, 2) << 5;
        signed(imm, 12)
    };
    let branch = || {
        let imm =
            bits(h, 12, 12) << 8 | bits(h, 11, 10) << 3 | bits(h, 6, 5) << 6 | bits(h, 4, 3) << 1 | bits(h, 2, 2) << 5;
        signed(imm, 9)
    };
    match (h & 3, h >> 13) {
        (0, 0) => {
            let imm = bits(h, 12, 11) << 4 | bits(h, 10, 7) << 6 | bits(h, 6, 6) << 2 | bits(h, 5, 5) << 3;
            if imm == 0 { illegal } else { op(Addi, b, 2, 0, imm as i32) }
        }
        (0, 2) => op(Lw, b, a, 0, word),
        (0, 3) => op(Flw, b, a, 0, word),
        (0, 6) => op(Sw, 0, a, b, word),
        (0, 7) => op(Fsw, 0, a, b, word),
        (1, 0) => op(Addi, rd, rd, 0, imm6),
        (1, 1) => op(Jal, 1, 0, 0, jump()),
        (1, 2) => op(Addi, rd, 0, 0, imm6),
        (1, 3) if rd == 2 => {
            let imm = bits(h, 12, 12) << 9
                | bits(h, 6, 6) << 4
                | bits(h, 5, 5) << 6
                | bits(h, 4, 3) << 7
                | bits(h, 2, 2) << 5;
            if imm == 0 { illegal } else { op(Addi, 2, 2, 0, signed(imm, 10)) }
        }
        (1, 3) if imm6 != 0 => op(Lui, rd, 0, 0, imm6 << 12),
        (1, 4) => match bits(h, 11, 10) {
            0 if shift < 32 => op(Srli, a, a, 0, shift),
            1 if shift < 32 => op(Srai, a, a, 0, shift),
            2 => op(Andi, a, a, 0, imm6),
            3 if bits(h, 12, 12) == 0 => op([Sub, Xor, Or, And][bits(h, 6, 5) as usize], a, a, b, 0),
            _ => illegal,
        },
        (1, 5) => op(Jal, 0, 0, 0, jump()),
        (1, 6) => op(Beq, 0, a, 0, branch()),
        (1, 7) => op(Bne, 0, a, 0, branch()),
        (2, 0) if shift < 32 => op(Slli, rd, rd, 0, shift),
        (2, code @ (2 | 3)) => {
            let imm = bits(h, 12, 12) << 5 | bits(h, 6, 4) << 2 | bits(h, 3, 2) << 6;
            match code {
                2 if rd != 0 => op(Lw, rd, 2, 0, imm as i32),
                3 => op(Flw, rd, 2, 0, imm as i32),
                _ => illegal,
            }
        }
        (2, 4) => match (bits(h, 12, 12), rd, rs2) {
            (0, 0, 0) => illegal,
            (0, _, 0) => op(Jalr, 0, rd, 0, 0),
            (0, ..) => op(Add, rd, 0, rs2, 0),
            (_, 0, 0) => op(Ebreak, 0, 0, 0, 0),
            (_, _, 0) => op(Jalr, 1, rd, 0, 0),
            _ => op(Add, rd, rd, rs2, 0),
        },
        (2, 6) => op(Sw, 0, 2, rs2, (bits(h, 12, 9) << 2 | bits(h, 8, 7) << 6) as i32),
        (2, 7) => op(Fsw, 0, 2, rs2, (bits(h, 12, 9) << 2 | bits(h, 8, 7) << 6) as i32),
        _ => illegal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn immediates_have_their_bits_in_order() {
        // Encodings as the GNU assembler writes them.
        let cases = [
            (0xfe01_0113, Kind::Addi, 2, -32),
            (0x0aa0_0a63, Kind::Beq, NOWHERE, 180),
            (0xffdf_f06f, Kind::Jal, NOWHERE, -4),
            (0x1234_52b7, Kind::Lui, 5, 0x1234_5000),
            (0xfea4_2e23, Kind::Sw, 28, -4),
            (0x3417_1073, Kind::Csrrw, NOWHERE, 0x341),
            (0x0000_7139, Kind::Addi, 2, -64),
            (0x0000_0001, Kind::Addi, NOWHERE, 0),
            (0x0000_8082, Kind::Jalr, NOWHERE, 0),
            (0x0000_4501, Kind::Addi, 10, 0),
            (0x0000_c606, Kind::Sw, NOWHERE, 12),
        ];
        for (word, kind, rd, imm) in cases {
            let op = decode(word);
            assert_eq!((op.kind, op.imm), (kind, imm), "{word:#x}");
            if kind != Kind::Sw && kind != Kind::Beq {
                assert_eq!(op.rd, rd, "{word:#x}");
            }
        }
    }

    #[test]
    fn what_the_core_has_not_is_illegal() {
        // All zeros, all ones, a 64-bit load, RV64's addiw, a double, and Zcb's c.lbu.
        for word in [0, 0xffff_ffff, 0x0005_3503, 0x0015_051b, 0x02a5_7553, 0x0000_8108] {
            assert_eq!(decode(word).kind, Kind::Illegal, "{word:#x}");
        }
    }
}
