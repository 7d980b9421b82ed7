//! Programs of random instructions.

use super::assembler::Program;

/// Where the program's first byte is; results of `auipc` and links are taken relative to it.
pub const BASE: u32 = 30;
/// The middle of the data.
pub const DATA: u32 = 28;
/// Free for the programs' own sequences; what a body leaves in it is not compared.
pub const SCRATCH: u32 = 29;
/// Bytes of data on either side of its middle.
pub const REACH: i32 = 1024;
/// The table of values begins here, behind the program's first instructions.
pub const TABLE: i32 = 8;
pub const VALUES: usize = 64;

/// Values at which arithmetic has corners.
pub fn values(random: &mut Random) -> [u32; VALUES] {
    const CORNERS: [u32; 28] = [
        0,
        1,
        2,
        3,
        31,
        32,
        0x7fff_ffff,
        0x8000_0000,
        0x8000_0001,
        0xffff_ffff,
        0xffff_fffe,
        0x7f80_0000,
        0xff80_0000,
        0x7fc0_0000,
        0x7f80_0001,
        0xffc0_1234,
        0x0000_0001,
        0x807f_ffff,
        0x0080_0000,
        0x7f7f_ffff,
        0x3f80_0000,
        0xbf80_0000,
        0x3f80_0001,
        0x4f00_0000,
        0xcf00_0000,
        0x4f80_0000,
        0x3f00_0000,
        0x4b00_0001,
    ];
    std::array::from_fn(|n| match CORNERS.get(n) {
        Some(corner) => *corner,
        // Singles of a middling size, and anything.
        None if n < 48 => random.next() & 0x83ff_ffff | 0x3c00_0000,
        None => random.next(),
    })
}

/// Xorshift: the same sequence each time.
pub struct Random(pub u32);

impl Random {
    pub fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    pub fn below(&mut self, n: u32) -> u32 {
        (self.next() >> 8) % n
    }

    fn of(&mut self, choices: &[u32]) -> u32 {
        choices[self.below(choices.len() as u32) as usize]
    }

    /// A register that a body may change, or 0.
    fn rd(&mut self) -> u32 {
        self.below(28)
    }

    fn three(&mut self) -> [u32; 3] {
        [self.below(28), self.below(28), self.below(28)]
    }

    fn floats(&mut self) -> [u32; 3] {
        [self.below(32), self.below(32), self.below(32)]
    }

    fn offset(&mut self, unit: i32) -> i32 {
        self.below((2 * REACH / unit) as u32) as i32 * unit - REACH
    }
}

/// One instruction, or a few that belong together.
pub fn item(p: &mut Program, random: &mut Random) {
    match random.below(16) {
        0..=2 => whole(p, random),
        3 => {
            let (rd, value) = (random.rd(), random.below(VALUES as u32) as i32);
            p.i(0x03, 2, rd, BASE, TABLE + 4 * value);
        }
        4 => {
            let (rd, value) = (random.below(32), random.below(VALUES as u32) as i32);
            p.i(0x07, 2, rd, BASE, TABLE + 4 * value);
        }
        5 => memory(p, random),
        6 => atomic(p, random),
        7 | 8 => flow(p, random),
        9 => control(p, random),
        10..=12 => float(p, random),
        _ => compressed(p, random),
    }
}

fn whole(p: &mut Program, random: &mut Random) {
    let [rd, rs1, rs2] = random.three();
    match random.below(8) {
        0..=2 => {
            let f3 = random.below(8);
            let f7 = if matches!(f3, 0 | 5) { random.of(&[0, 0x20]) } else { 0 };
            p.r(0x33, f7, f3, [rd, rs1, rs2]);
        }
        3..=4 => {
            let f3 = random.below(8);
            p.r(0x33, 1, f3, [rd, rs1, rs2]);
        }
        5 | 6 => {
            let f3 = random.below(8);
            let imm = match f3 {
                1 => random.below(32),
                5 => random.below(32) | random.of(&[0, 0x400]),
                _ => random.next() >> 20,
            };
            p.i(0x13, f3, rd, rs1, imm as i32);
        }
        _ => {
            p.lui(rd, random.next() >> 12);
            let rd = 1 + random.below(27);
            p.auipc(rd, random.below(1 << 20));
            p.sub(rd, rd, BASE);
        }
    }
}

fn memory(p: &mut Program, random: &mut Random) {
    let (rd, rs2, imm) = (random.rd(), random.below(28), random.offset(1).min(REACH - 4));
    match random.below(4) {
        0 => p.i(0x03, random.of(&[0, 1, 2, 4, 5]), rd, DATA, imm),
        1 => p.s(0x23, random.below(3), DATA, rs2, imm),
        2 => p.i(0x07, 2, random.below(32), DATA, imm),
        _ => p.s(0x27, 2, DATA, random.below(32), imm),
    }
}

fn atomic(p: &mut Program, random: &mut Random) {
    let [rd, _, rs2] = random.three();
    p.addi(SCRATCH, DATA, random.offset(4));
    match random.below(4) {
        0 => {
            p.r(0x2f, 2 << 2, 2, [rd, SCRATCH, 0]);
            if random.below(3) == 0 {
                p.addi(SCRATCH, SCRATCH, if random.below(2) == 0 { 4 } else { 0 });
            }
            p.r(0x2f, 3 << 2, 2, [random.rd(), SCRATCH, rs2]);
        }
        // Without a reservation.
        1 if random.below(4) == 0 => p.r(0x2f, 3 << 2, 2, [rd, SCRATCH, rs2]),
        _ => {
            let f5 = random.of(&[0x01, 0x00, 0x04, 0x0c, 0x08, 0x10, 0x14, 0x18, 0x1c]);
            p.r(0x2f, f5 << 2 | random.below(4), 2, [rd, SCRATCH, rs2]);
        }
    }
}

/// Jumps, all of which come to the same place in the end.
fn flow(p: &mut Program, random: &mut Random) {
    let [link, rs1, rs2] = random.three();
    let (link, f3) = (link.max(1), random.of(&[0, 1, 4, 5, 6, 7]));
    let mut skipped = Program::default();
    whole(&mut skipped, random);
    let behind = 4 + skipped.bytes() as i32;
    match random.below(5) {
        0 | 1 => {
            p.b(f3, rs1, rs2, behind);
            p.halves.extend(skipped.halves);
        }
        2 => {
            p.jal(link, behind);
            p.halves.extend(skipped.halves);
            p.sub(link, link, BASE);
        }
        3 => {
            p.auipc(SCRATCH, 0);
            p.i(0x67, 0, link, SCRATCH, 4 + behind + 1);
            p.halves.extend(skipped.halves);
            p.sub(link, link, BASE);
        }
        _ => {
            p.addi(SCRATCH, 0, 1 + random.below(5) as i32);
            p.halves.extend(skipped.halves);
            p.addi(SCRATCH, SCRATCH, -1);
            p.b(1, SCRATCH, 0, -behind);
        }
    }
}

/// Flags of floating point.
fn control(p: &mut Program, random: &mut Random) {
    let (rd, rs1) = (random.rd(), random.below(28));
    match random.below(3) {
        0 => p.i(0x73, 2, rd, 0, random.of(&[1, 2, 3]) as i32),
        _ => p.i(0x73, random.of(&[1, 2, 3, 5, 6, 7]), rd, rs1, 1),
    }
}

fn float(p: &mut Program, random: &mut Random) {
    let [rd, rs1, rs2] = random.floats();
    let (x, from) = (random.rd(), random.below(28));
    match random.below(12) {
        0 => p.r(0x53, 0x00, 0, [rd, rs1, rs2]),
        1 => p.r(0x53, 0x04, 0, [rd, rs1, rs2]),
        2 => p.r(0x53, 0x08, 7, [rd, rs1, rs2]),
        3 => p.r(0x53, 0x0c, 0, [rd, rs1, rs2]),
        4 => p.r(0x53, 0x2c, 0, [rd, rs1, 0]),
        5 => p.r(0x53, 0x10, random.below(3), [rd, rs1, rs2]),
        6 => p.r(0x53, 0x14, random.below(2), [rd, rs1, rs2]),
        7 => p.r(0x53, 0x50, random.below(3), [x, rs1, rs2]),
        8 => p.r(0x53, 0x60, random.below(5), [x, rs1, random.below(2)]),
        9 => p.r(0x53, 0x68, 0, [rd, from, random.below(2)]),
        10 => match random.below(3) {
            0 => p.r(0x53, 0x70, 1, [x, rs1, 0]),
            1 => p.r(0x53, 0x70, 0, [x, rs1, 0]),
            _ => p.r(0x53, 0x78, 0, [rd, from, 0]),
        },
        _ => p.r(random.of(&[0x43, 0x47, 0x4b, 0x4f]), random.below(32) << 2, 0, [rd, rs1, rs2]),
    }
}

fn compressed(p: &mut Program, random: &mut Random) {
    let (rd, rs2) = (1 + random.below(27), 1 + random.below(27));
    let (a, b) = (random.below(8), random.below(8));
    let (high, low) = (random.below(2), random.below(32));
    let imm6 = high << 12 | low << 2;
    match random.below(14) {
        // To four times the stack pointer's place.
        0 => p.short((1 + random.below(255)) << 5 | a << 2),
        1 => p.short(1 | imm6 | rd << 7),
        2 => p.short(2 << 13 | 1 | imm6 | rd << 7),
        3 if rd != 2 && imm6 != 0 => p.short(3 << 13 | 1 | imm6 | rd << 7),
        3 => p.short(3 << 13 | 1 | (imm6 | 1 << 6) | 2 << 7),
        4 => p.short(4 << 13 | 1 | random.below(2) << 10 | low.max(1) << 2 | a << 7),
        5 => p.short(4 << 13 | 1 | 2 << 10 | imm6 | a << 7),
        6 | 7 => p.short(4 << 13 | 1 | 3 << 10 | random.below(4) << 5 | a << 7 | b << 2),
        8 => p.short(2 | low.max(1) << 2 | rd << 7),
        9 => p.short(4 << 13 | 2 | random.below(2) << 12 | rs2 << 2 | rd << 7),
        10 | 11 => {
            // The pointer is neither loaded nor stored: it is another one with QEMU.
            let b = if a == b { b ^ 1 } else { b };
            p.addi(8 + a, DATA, random.offset(4).min(REACH - 128));
            // lw, flw, sw, fsw.
            p.short(random.of(&[2, 3, 6, 7]) << 13 | random.below(8) << 10 | a << 7 | random.below(4) << 5 | b << 2);
            p.sub(8 + a, 8 + a, DATA);
        }
        12 => {
            let (rd, rs2) = (if rd == 2 { 3 } else { rd }, if rs2 == 2 { 3 } else { rs2 });
            p.addi(2, DATA, random.offset(4).min(REACH - 256));
            match random.of(&[2, 3, 6, 7]) {
                load @ (2 | 3) => p.short(load << 13 | 2 | imm6 | rd << 7),
                store => p.short(store << 13 | 2 | random.below(64) << 7 | rs2 << 2),
            }
            p.sub(2, 2, DATA);
        }
        _ => {
            let mut skipped = Program::default();
            whole(&mut skipped, random);
            let to = 2 + skipped.bytes() as u32;
            match random.below(3) {
                0 => p.short(5 << 13 | 1 | (to >> 1 & 7) << 3 | (to >> 4 & 1) << 11 | (to >> 5 & 1) << 2),
                n => {
                    p.short((5 + n) << 13 | 1 | a << 7 | (to >> 1 & 3) << 3 | (to >> 3 & 3) << 10 | (to >> 5 & 1) << 2)
                }
            }
            p.halves.extend(skipped.halves);
        }
    }
}
