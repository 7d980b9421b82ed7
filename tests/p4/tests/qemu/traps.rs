//! Exceptions and physical memory protection, as QEMU has them: cause, place, value, and the state of interrupts.

use barertc_p4::cpu::{Code, Cpu, Stop};
use barertc_p4::memory::{L2, Memory};

use super::assembler::Program;
use super::same::{Nothing, image, in_qemu, send};

/// Where the program's first byte is.
const BASE: u32 = 30;
/// Data that the pieces use.
const DATA: u32 = 28;
/// Where the next record goes.
const RECORD: u32 = 27;
/// What `mtval` and `mepc` are taken relative to: the program is at another place in either machine.
const VALUE_FROM: u32 = 26;
const PLACE_FROM: u32 = 24;
/// Where the handler goes on, and the piece's number.
const BEHIND: u32 = 25;
const NUMBER: u32 = 23;
/// Free for a piece.
const A: u32 = 10;
const B: u32 = 11;

const HANDLER: usize = 0x100;
const DATA_AT: u32 = 0x8000;
const RECORDS_AT: u32 = 0xa000;
/// Cause, place, value, state, state after the handler's end, number.
const RECORD_BYTES: usize = 24;
/// Neither machine has anything there.
const NOWHERE: u32 = 0x0f00_0000;

const CSRRW: u32 = 1;
const CSRRS: u32 = 2;
const MSTATUS: u32 = 0x300;

/// What `mtval` is.
#[derive(Clone, Copy, PartialEq)]
enum Value {
    /// An address in the program's memory.
    Near,
    /// An address that is the same in both, or zero.
    Far,
    /// What has happened, or zero: both are allowed (privileged manual §3.1.16).
    Either,
}

struct Piece {
    name: String,
    value: Value,
    /// The exception is in `NOWHERE`.
    leaves: bool,
    code: Program,
}

fn csr(p: &mut Program, f3: u32, rd: u32, csr: u32, rs1: u32) {
    p.i(0x73, f3, rd, rs1, (csr << 20) as i32 >> 20);
}

fn word(p: &mut Program, rd: u32, value: u32) {
    p.far(rd, 0, value);
}

/// A load or a store of an address in `A`, by its name.
fn access(p: &mut Program, name: &str) {
    match name {
        "lb" => p.i(0x03, 0, B, A, 0),
        "lh" => p.i(0x03, 1, B, A, 0),
        "lw" => p.i(0x03, 2, B, A, 0),
        "lbu" => p.i(0x03, 4, B, A, 0),
        "lhu" => p.i(0x03, 5, B, A, 0),
        "flw" => p.i(0x07, 2, 1, A, 0),
        "sb" => p.s(0x23, 0, A, B, 0),
        "sh" => p.s(0x23, 1, A, B, 0),
        "sw" => p.s(0x23, 2, A, B, 0),
        "fsw" => p.s(0x27, 2, A, 1, 0),
        "lr" => p.r(0x2f, 2 << 2, 2, [B, A, 0]),
        "amoadd" => p.r(0x2f, 0, 2, [B, A, B]),
        "amoswap" => p.r(0x2f, 1 << 2, 2, [B, A, B]),
        // Comes back by `BEHIND` if it may be run.
        "jump" => p.i(0x67, 0, 1, A, 0),
        "c.jump" => p.short(4 << 13 | A << 7 | 2),
        other => panic!("{other}"),
    }
}

fn pieces() -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut add = |name: String, value, leaves, code: &dyn Fn(&mut Program)| {
        let mut program = Program::default();
        code(&mut program);
        pieces.push(Piece { name, value, leaves, code: program });
    };
    // With interrupts off and on: what `mstatus` keeps of it.
    for on in [false, true] {
        let set = move |p: &mut Program| csr(p, if on { 6 } else { 7 }, 0, MSTATUS, 8);
        add(format!("c.unimp, {on}"), Value::Either, false, &|p| {
            set(p);
            p.short(0);
        });
        add(format!("all ones, {on}"), Value::Either, false, &|p| {
            set(p);
            p.wide(0xffff_ffff);
        });
        add(format!("ecall, {on}"), Value::Far, false, &|p| {
            set(p);
            p.wide(0x73);
        });
        add(format!("ebreak, {on}"), Value::Either, false, &|p| {
            set(p);
            p.wide(0x0010_0073);
        });
        add(format!("c.ebreak, {on}"), Value::Either, false, &|p| {
            set(p);
            p.short(0x9002);
        });
    }
    let loads = ["lb", "lh", "lw", "lbu", "lhu", "flw"];
    let stores = ["sb", "sh", "sw", "fsw"];
    for name in loads.into_iter().chain(stores).chain(["lr", "amoswap"]) {
        add(format!("{name} of nothing"), Value::Far, false, &|p| {
            word(p, A, NOWHERE + 8);
            access(p, name);
        });
    }
    for name in ["jump", "c.jump"] {
        add(format!("{name} to nothing"), Value::Far, true, &|p| {
            word(p, A, NOWHERE);
            access(p, name);
        });
    }
    for offset in [1, 2, 3] {
        // Of the others QEMU says what it says of loads; the manual's table 14 has the cause that stores have.
        add(format!("lr at {offset}"), Value::Near, false, &|p| {
            p.addi(A, DATA, offset);
            access(p, "lr");
        });
    }
    protected(&mut add);
    pieces
}

/// Areas of physical memory protection: start and end behind `DATA`.
const AREAS: [(i32, i32); 5] = [(0x100, 0x140), (0x200, 0x204), (0x300, 0x320), (0x400, 0x408), (0x408, 0x500)];

fn protected(add: &mut impl FnMut(String, Value, bool, &dyn Fn(&mut Program))) {
    add("locks".into(), Value::Either, false, &|p| {
        // The areas have instructions that go back.
        word(p, B, 0x67 | BEHIND << 15);
        for offset in (0xf0..0x510).step_by(4) {
            p.s(0x23, 2, DATA, B, offset);
        }
        p.wide(0x0000_100f);
        let address = |p: &mut Program, csr_number, offset, ones| {
            p.addi(A, DATA, offset);
            p.i(0x13, 5, A, A, 2);
            p.addi(A, A, ones);
            csr(p, CSRRW, 0, csr_number, A);
        };
        // Top of range; four bytes; 32 bytes; 8 bytes; and, not locked, from there to the end.
        for (n, (offset, ones)) in
            [(0x100, 0), (0x140, 0), (0x200, 0), (0x300, 3), (0x400, 0), (0x408, 0), (0x500, 0)].into_iter().enumerate()
        {
            address(p, 0x3b0 + n as u32, offset, ones);
        }
        // Off, read only, nothing, read and write.
        word(p, B, u32::from_le_bytes([0, 0x80 | 1 << 3 | 1, 0x80 | 2 << 3, 0x80 | 3 << 3 | 3]));
        csr(p, CSRRW, 0, 0x3a0, B);
        // Execute only; off; nothing, not locked.
        word(p, B, u32::from_le_bytes([0x80 | 3 << 3 | 4, 0, 1 << 3, 0]));
        csr(p, CSRRW, 0, 0x3a1, B);
        // Locked ones stay, whatever is written.
        for register in [0x3a0, 0x3b0, 0x3b1, 0x3b2, 0x3b3] {
            csr(p, CSRRW, 0, register, 0);
        }
        p.short(0);
    });
    for register in [0x3a0, 0x3a1] {
        add(format!("{register:#x}"), Value::Far, false, &|p| {
            csr(p, CSRRS, B, register, 0);
            read_back(p);
        });
    }
    let mut all_around = |names: &[(&str, i32)]| {
        for (start, end) in AREAS {
            for (name, len) in names {
                for place in [start - len, start, end - len, end] {
                    add(format!("{name} at {place:#x} of {start:#x}..{end:#x}"), Value::Near, false, &|p| {
                        p.addi(A, DATA, place);
                        access(p, name);
                    });
                }
            }
        }
    };
    // Before the instructions are written over.
    all_around(&[("jump", 4)]);
    all_around(&[("lb", 1), ("lw", 4), ("flw", 4), ("sb", 1), ("sw", 4), ("fsw", 4), ("amoadd", 4)]);
    for (start, end) in AREAS {
        // Partly in it.
        for (name, place) in [("lw", start - 2), ("sh", start - 1), ("lh", end - 1), ("sw", end - 2)] {
            add(format!("{name} at {place:#x}, across the border"), Value::Near, false, &|p| {
                p.addi(A, DATA, place);
                access(p, name);
            });
        }
    }
}

/// A record of what is in `B`.
fn read_back(p: &mut Program) {
    p.s(0x23, 2, RECORD, B, 0);
    p.s(0x23, 2, RECORD, NUMBER, 20);
    p.addi(RECORD, RECORD, RECORD_BYTES as i32);
    p.i(0x67, 0, 0, BEHIND, 0);
}

/// The whole program; `tail` is what is done at the end.
fn program(pieces: &[Piece], tail: impl Fn(&mut Program)) -> Program {
    let mut p = Program::default();
    p.auipc(BASE, 0);
    p.far(DATA, BASE, DATA_AT);
    p.far(RECORD, BASE, RECORDS_AT);
    // Floating point is on.
    p.lui(1, 6);
    csr(&mut p, CSRRS, 0, MSTATUS, 1);
    p.far(1, BASE, HANDLER as u32);
    csr(&mut p, CSRRW, 0, 0x305, 1);
    let mut handler = Program::default();
    csr(&mut handler, CSRRS, 1, 0x342, 0);
    // Without what only the interrupt controller of the chip keeps there.
    word(&mut handler, 2, 0x8000_0fff);
    handler.r(0x33, 0, 7, [1, 1, 2]);
    handler.s(0x23, 2, RECORD, 1, 0);
    csr(&mut handler, CSRRS, 1, 0x341, 0);
    handler.sub(1, 1, PLACE_FROM);
    handler.s(0x23, 2, RECORD, 1, 4);
    csr(&mut handler, CSRRS, 1, 0x343, 0);
    handler.sub(1, 1, VALUE_FROM);
    handler.s(0x23, 2, RECORD, 1, 8);
    csr(&mut handler, CSRRS, 1, MSTATUS, 0);
    word(&mut handler, 2, 0x1888);
    handler.r(0x33, 0, 7, [1, 1, 2]);
    handler.s(0x23, 2, RECORD, 1, 12);
    handler.s(0x23, 2, RECORD, NUMBER, 20);
    handler.addi(RECORD, RECORD, RECORD_BYTES as i32);
    csr(&mut handler, CSRRW, 0, 0x341, BEHIND);
    handler.wide(0x3020_0073);
    let behind = HANDLER + handler.bytes();
    p.jal(0, (behind - p.bytes()) as i32);
    while p.bytes() < HANDLER {
        p.short(1);
    }
    p.halves.extend(handler.halves);
    for (n, piece) in pieces.iter().enumerate() {
        let near = |p: &mut Program, rd, near: bool| p.addi(rd, if near { BASE } else { 0 }, 0);
        near(&mut p, VALUE_FROM, piece.value == Value::Near);
        near(&mut p, PLACE_FROM, !piece.leaves);
        p.addi(NUMBER, 0, n as i32);
        // What was not an exception leaves a record of its own.
        let mut through = Program::default();
        word(&mut through, B, 0x600d);
        read_back(&mut through);
        let behind = p.bytes() + 12 + piece.code.bytes() + through.bytes();
        p.far(BEHIND, BASE, behind as u32);
        p.halves.extend(&piece.code.halves);
        p.halves.extend(through.halves);
        assert_eq!(p.bytes(), behind);
        // The state after `mret`.
        csr(&mut p, CSRRS, 1, MSTATUS, 0);
        p.i(0x13, 7, 1, 1, 0x88);
        p.s(0x23, 2, RECORD, 1, -8);
    }
    tail(&mut p);
    assert!(p.bytes() < DATA_AT as usize, "{} bytes", p.bytes());
    p
}

fn model(pieces: &[Piece]) -> Vec<u8> {
    let image = image(&program(pieces, |p| p.wide(0x1050_0073)));
    let mut memory = Memory::new(0);
    memory.l2[..image.len()].copy_from_slice(&image);
    let (mut cpu, mut code) = (Cpu::new(L2, false), Code::new(0));
    loop {
        // As the machine does it between instructions.
        if std::mem::take(&mut cpu.guards_changed) && memory.guard(cpu.guards()) {
            code.flush();
        }
        let limit = cpu.count + 1_000;
        match cpu.run(&mut code, &mut memory, &mut Nothing, limit) {
            Stop::Wait => break,
            Stop::Limit | Stop::Changed => {}
            other => panic!("{other:?} at {:#x} of the program", cpu.pc - L2),
        }
        assert!(cpu.count < 1_000_000, "at {:#x} of the program", cpu.pc - L2);
    }
    let end = (cpu.x[RECORD as usize] - L2) as usize;
    memory.l2[RECORDS_AT as usize..end].to_vec()
}

fn records(bytes: &[u8]) -> Vec<[u32; 6]> {
    let word = |chunk: &[u8], n: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| chunk[4 * n + byte]));
    bytes.chunks(RECORD_BYTES).map(|chunk| std::array::from_fn(|n| word(chunk, n))).collect()
}

#[test]
fn exceptions_and_protected_memory_are_the_same_with_qemu() {
    let pieces = pieces();
    let ours = records(&model(&pieces));
    let denied = ours.iter().filter(|record| matches!(record[0], 1..8 | 11)).count();
    println!("{} pieces, {denied} exceptions", pieces.len());
    assert!(denied > 90, "{denied} exceptions");
    let whole = program(&pieces, |p| {
        p.far(1, BASE, RECORDS_AT);
        send(p, RECORD);
    });
    let Some(theirs) = in_qemu("traps", &image(&whole)) else { return };
    let theirs = records(&theirs);
    let mut wrong = Vec::new();
    for (mut ours, mut theirs) in ours.iter().copied().zip(theirs.iter().copied()) {
        let Some(piece) = pieces.get(ours[5] as usize) else { panic!("{ours:x?}, with QEMU {theirs:x?}") };
        if piece.value == Value::Either {
            (ours[2], theirs[2]) = (0, 0);
        }
        if ours != theirs {
            wrong.push(format!("{}: {ours:x?}, with QEMU {theirs:x?}", piece.name));
        }
    }
    assert!(wrong.is_empty(), "cause, place, value, state, state behind, piece:\n{}", wrong.join("\n"));
    assert_eq!(ours.len(), theirs.len(), "records");
}
