use std::fs;
use std::process::{Command, Stdio};

use barertc_p4::bus::{Fault, Io};
use barertc_p4::cpu::{Code, Cpu, Stop};
use barertc_p4::memory::{L2, Memory};

use super::assembler::Program;
use super::random::{BASE, DATA, REACH, Random, SCRATCH, TABLE, VALUES, item, values};

/// Where results go; the register is advanced from body to body.
const RESULTS: u32 = 31;
const BODIES: usize = 1500;
/// Items of a body.
const ITEMS: usize = 16;
/// Bytes of the registers after a body: x1 to x27, fcsr, f0 to f31.
const RESULT: usize = 256;
const DATA_AT: usize = 0x5_0000;
const RESULTS_AT: usize = DATA_AT + 2 * REACH as usize;

/// A program, and where its bodies begin.
struct Test {
    program: Program,
    bodies: Vec<usize>,
}

impl Test {
    /// `seed` makes the bodies, `tail` is what is done at the end.
    fn new(seed: u32, tail: impl Fn(&mut Program)) -> Self {
        let mut random = Random(seed);
        let mut p = Program::default();
        p.auipc(BASE, 0);
        p.jal(0, 4 + 4 * VALUES as i32);
        assert_eq!(p.bytes(), TABLE as usize);
        values(&mut random).into_iter().for_each(|value| p.wide(value));
        // Floating point is on.
        p.lui(1, 6);
        p.i(0x73, 2, 0, 1, 0x300);
        p.far(DATA, BASE, (DATA_AT as i32 + REACH) as u32);
        p.far(RESULTS, BASE, RESULTS_AT as u32);
        p.addi(SCRATCH, 0, 0);
        for n in 0..32 {
            p.i(0x07, 2, n, BASE, TABLE + 4 * n as i32);
        }
        for n in 1..28 {
            p.i(0x03, 2, n, BASE, TABLE + 4 * (20 + n as i32));
        }
        // Over the routine that keeps the registers.
        let dump = p.bytes() + 4;
        let mut keep = Program::default();
        for n in 1..28 {
            keep.s(0x23, 2, RESULTS, n, 4 * (n as i32 - 1));
        }
        keep.i(0x73, 2, 1, 0, 3);
        keep.s(0x23, 2, RESULTS, 1, 4 * 27);
        keep.i(0x03, 2, 1, RESULTS, 0);
        for n in 0..32 {
            keep.s(0x27, 2, RESULTS, n, 4 * (28 + n as i32));
        }
        keep.addi(RESULTS, RESULTS, RESULT as i32);
        keep.i(0x67, 0, 0, SCRATCH, 0);
        p.jal(0, 4 + keep.bytes() as i32);
        p.halves.extend(keep.halves);
        let mut bodies = Vec::new();
        for _ in 0..BODIES {
            bodies.push(p.bytes());
            (0..ITEMS).for_each(|_| item(&mut p, &mut random));
            p.jal(SCRATCH, dump as i32 - p.bytes() as i32);
        }
        bodies.push(p.bytes());
        tail(&mut p);
        assert!(p.bytes() < DATA_AT, "{} bytes", p.bytes());
        Self { program: p, bodies }
    }

    fn image(&self) -> Vec<u8> {
        image(&self.program)
    }
}

/// A program's bytes.
pub fn image(program: &Program) -> Vec<u8> {
    program.halves.iter().flat_map(|half| half.to_le_bytes()).collect()
}

/// No devices.
pub struct Nothing;

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

/// Data and results, as the model leaves them; it stops after every `slice` instructions.
fn model(seed: u32, slice: u64) -> Vec<u8> {
    let test = Test::new(seed, |p| p.wide(0x1050_0073));
    let mut memory = Memory::new(0);
    let image = test.image();
    memory.l2[..image.len()].copy_from_slice(&image);
    let (mut cpu, mut code) = (Cpu::new(L2, false), Code::new(0));
    loop {
        let limit = cpu.count + slice;
        match cpu.run(&mut code, &mut memory, &mut Nothing, limit) {
            Stop::Wait => break,
            Stop::Limit => assert_eq!(cpu.count, limit, "exactly as many as asked for"),
            Stop::Changed => {}
            other => panic!("{other:?} at {:#x} of the program", cpu.pc - L2),
        }
        assert!(cpu.count < 10_000_000 && cpu.mcause == 0, "exception {} at {:#x}", cpu.mcause, cpu.mepc - L2);
    }
    memory.l2[DATA_AT..RESULTS_AT + BODIES * RESULT].to_vec()
}

/// The same, as QEMU leaves them.
fn qemu(seed: u32) -> Option<Vec<u8>> {
    let test = Test::new(seed, |p| {
        p.far(1, BASE, DATA_AT as u32);
        send(p, RESULTS);
    });
    in_qemu(&format!("{seed:x}"), &test.image())
}

/// Sends what is between `x1` and another register to QEMU's serial port, and ends the machine.
pub fn send(p: &mut Program, end: u32) {
    p.lui(3, 0x1_0000);
    p.i(0x03, 4, 4, 1, 0);
    p.s(0x23, 0, 3, 4, 0);
    p.addi(1, 1, 1);
    p.b(6, 1, end, -12);
    p.lui(5, 0x100);
    p.lui(6, 5);
    p.addi(6, 6, 0x555);
    p.s(0x23, 2, 5, 6, 0);
    p.jal(0, 0);
}

/// What a program sends in QEMU.
pub fn in_qemu(name: &str, program: &[u8]) -> Option<Vec<u8>> {
    let folder = std::env::temp_dir().join(format!("barertc-p4-qemu-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let (image, out) = (folder.join("image.bin"), folder.join("out.bin"));
    fs::write(&image, program).expect("a file");
    let status = Command::new("qemu-system-riscv32")
        .args(["-M", "virt", "-bios", "none", "-display", "none", "-monitor", "none"])
        .args(["-serial", &format!("file:{}", out.display())])
        .args(["-device", &format!("loader,file={},addr=0x80000000,force-raw=on", image.display())])
        .stdin(Stdio::null())
        .status();
    let result = match status {
        Ok(status) => {
            assert!(status.success(), "QEMU: {status}");
            Some(fs::read(&out).expect("what QEMU sent"))
        }
        Err(error) => {
            eprintln!("NOT COMPARED: qemu-system-riscv32: {error}");
            None
        }
    };
    fs::remove_dir_all(&folder).expect("our own folder");
    result
}

fn compare(seed: u32) {
    let ours = model(seed, 1_000_000);
    let Some(theirs) = qemu(seed) else { return };
    assert_eq!(ours.len(), theirs.len(), "bytes of results");
    let (data, results) = (RESULTS_AT - DATA_AT, &ours[RESULTS_AT - DATA_AT..]);
    for (body, (ours, theirs)) in results.chunks(RESULT).zip(theirs[data..].chunks(RESULT)).enumerate() {
        if ours == theirs {
            continue;
        }
        let place = (0..RESULT / 4).find(|n| ours[4 * n..4 * n + 4] != theirs[4 * n..4 * n + 4]).expect("a difference");
        let name = match place {
            0..=26 => format!("x{}", place + 1),
            27 => "fcsr".to_owned(),
            n => format!("f{}", n - 28),
        };
        let word = |bytes: &[u8]| u32::from_le_bytes([0, 1, 2, 3].map(|n| bytes[4 * place + n]));
        let test = Test::new(seed, |_| {});
        let code = &test.program.halves[test.bodies[body] / 2..test.bodies[body + 1] / 2];
        let code: Vec<_> = code.iter().map(|half| format!("{half:04x}")).collect();
        panic!(
            "seed {seed}, body {body}: {name} is {:#010x}, with QEMU {:#010x}; {}",
            word(ours),
            word(theirs),
            code.join(" ")
        );
    }
    assert_eq!(ours[..data], theirs[..data], "data");
}

#[test]
fn random_programs_do_the_same_with_qemu() {
    for seed in [0x1234_5678, 0x0bad_cafe, 0x7654_3210] {
        compare(seed);
    }
}

#[test]
fn a_program_does_the_same_however_it_is_cut_into_slices() {
    let whole = model(99, 1_000_000);
    for slice in [1, 2, 7, 63, 64, 65] {
        assert!(model(99, slice) == whole, "in slices of {slice}");
    }
}
