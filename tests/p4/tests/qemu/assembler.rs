//! Encodings, from The RISC-V Instruction Set Manual, volume I, chapter 34.

/// A program, in half-words.
#[derive(Default)]
pub struct Program {
    pub halves: Vec<u16>,
}

impl Program {
    pub fn bytes(&self) -> usize {
        self.halves.len() * 2
    }

    pub fn wide(&mut self, word: u32) {
        self.halves.extend([word as u16, (word >> 16) as u16]);
    }

    pub fn short(&mut self, half: u32) {
        self.halves.push(half as u16);
    }

    pub fn i(&mut self, opcode: u32, f3: u32, rd: u32, rs1: u32, imm: i32) {
        self.wide((imm as u32) << 20 | rs1 << 15 | f3 << 12 | rd << 7 | opcode);
    }

    pub fn r(&mut self, opcode: u32, f7: u32, f3: u32, [rd, rs1, rs2]: [u32; 3]) {
        self.wide(f7 << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | rd << 7 | opcode);
    }

    pub fn s(&mut self, opcode: u32, f3: u32, rs1: u32, rs2: u32, imm: i32) {
        let imm = imm as u32;
        self.wide((imm >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | (imm & 31) << 7 | opcode);
    }

    pub fn b(&mut self, f3: u32, rs1: u32, rs2: u32, to: i32) {
        let to = to as u32;
        let high = (to >> 12 & 1) << 31 | (to >> 5 & 0x3f) << 25;
        self.wide(high | rs2 << 20 | rs1 << 15 | f3 << 12 | (to >> 1 & 0xf) << 8 | (to >> 11 & 1) << 7 | 0x63);
    }

    pub fn jal(&mut self, rd: u32, to: i32) {
        let to = to as u32;
        let imm = (to >> 20 & 1) << 31 | (to >> 1 & 0x3ff) << 21 | (to >> 11 & 1) << 20 | (to >> 12 & 0xff) << 12;
        self.wide(imm | rd << 7 | 0x6f);
    }

    pub fn addi(&mut self, rd: u32, rs1: u32, imm: i32) {
        self.i(0x13, 0, rd, rs1, imm);
    }

    pub fn sub(&mut self, rd: u32, rs1: u32, rs2: u32) {
        self.r(0x33, 0x20, 0, [rd, rs1, rs2]);
    }

    pub fn lui(&mut self, rd: u32, upper: u32) {
        self.wide(upper << 12 | rd << 7 | 0x37);
    }

    pub fn auipc(&mut self, rd: u32, upper: u32) {
        self.wide(upper << 12 | rd << 7 | 0x17);
    }

    /// `rd = rs1 + value`.
    pub fn far(&mut self, rd: u32, rs1: u32, value: u32) {
        self.lui(rd, value.wrapping_add(0x800) >> 12);
        self.addi(rd, rd, (value as i32) << 20 >> 20);
        self.r(0x33, 0, 0, [rd, rd, rs1]);
    }
}
