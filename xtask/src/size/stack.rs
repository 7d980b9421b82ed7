//! How much stack functions take, read from the machine code of RV32IMAC.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use rustc_demangle::demangle;

/// Largest frames that are named.
const SHOWN: usize = 10;
const SP: u32 = 2;

struct Function {
    name: String,
    start: u64,
    frame: u64,
    calls: Vec<u64>,
    /// Calls through pointers.
    indirect: usize,
}

/// What the functions of an image take from the stack.
pub struct Stack {
    functions: Vec<Function>,
    /// The deepest chain of direct calls: bytes, and the functions from the outermost on.
    deepest: (u64, Vec<usize>),
}

impl Stack {
    pub fn of(elf: &object::File<'_>) -> Result<Self> {
        let mut code = BTreeMap::new();
        for section in elf.sections() {
            code.insert(section.index().0, (section.address(), section.data()?));
        }
        let mut functions = BTreeMap::new();
        for symbol in elf.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0) {
            let Some((address, bytes)) = symbol.section_index().and_then(|index| code.get(&index.0)) else { continue };
            let from = symbol.address().saturating_sub(*address) as usize;
            let Some(body) = bytes.get(from..from + symbol.size() as usize) else { continue };
            let name = format!("{:#}", demangle(symbol.name().unwrap_or_default()));
            functions.insert(symbol.address(), read(name, symbol.address(), body));
        }
        let functions: Vec<Function> = functions.into_values().collect();
        let deepest = Chains::new(&functions).deepest();
        Ok(Self { functions, deepest })
    }
}

impl Stack {
    /// The functions that call one whose name `is_wanted`, but are not themselves such.
    pub fn callers_of(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<(&str, &str)> {
        let name_at = |address: &u64| {
            let found = self.functions.binary_search_by_key(address, |function| function.start);
            found.ok().map(|n| self.functions[n].name.as_str())
        };
        let callers = self.functions.iter().filter(|function| !is_wanted(&function.name));
        callers
            .flat_map(|function| {
                function.calls.iter().filter_map(name_at).map(|callee| (function.name.as_str(), callee))
            })
            .filter(|(_, callee)| is_wanted(callee))
            .collect()
    }

    /// Bytes of the deepest chain of direct calls.
    pub const fn deepest(&self) -> u64 {
        self.deepest.0
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, chain) = &self.deepest;
        let indirect: usize = self.functions.iter().map(|function| function.indirect).sum();
        writeln!(
            f,
            "Stack: the deepest chain of direct calls takes {bytes} bytes; {indirect} calls go through pointers.\n"
        )?;
        writeln!(f, "| on that chain | bytes |\n|---|---|")?;
        for function in chain.iter().map(|n| &self.functions[*n]).filter(|function| function.frame > 0) {
            writeln!(f, "| `{}` | {} |", function.name.replace('|', "\\|"), function.frame)?;
        }
        let mut largest: Vec<&Function> = self.functions.iter().collect();
        largest.sort_by_key(|function| core::cmp::Reverse(function.frame));
        writeln!(f, "\n| largest frames | bytes |\n|---|---|")?;
        for function in largest.iter().take(SHOWN) {
            writeln!(f, "| `{}` | {} |", function.name.replace('|', "\\|"), function.frame)?;
        }
        Ok(())
    }
}

/// The deepest chain below each function; a function that is met again on its own chain is not followed again.
struct Chains<'f> {
    functions: &'f [Function],
    below: Vec<Option<(u64, Option<usize>)>>,
    open: Vec<bool>,
}

impl<'f> Chains<'f> {
    fn new(functions: &'f [Function]) -> Self {
        Self { functions, below: vec![None; functions.len()], open: vec![false; functions.len()] }
    }

    fn deepest(mut self) -> (u64, Vec<usize>) {
        let depths: Vec<u64> = (0..self.functions.len()).map(|n| self.depth(n)).collect();
        let mut at = (0..depths.len()).max_by_key(|n| depths[*n]);
        let bytes = at.map_or(0, |n| depths[n]);
        let mut chain = Vec::new();
        while let Some(n) = at.filter(|n| !chain.contains(n)) {
            chain.push(n);
            at = self.below[n].and_then(|(_, next)| next);
        }
        (bytes, chain)
    }

    fn depth(&mut self, n: usize) -> u64 {
        let function = &self.functions[n];
        if let Some((below, _)) = self.below[n] {
            return function.frame + below;
        }
        self.open[n] = true;
        let mut best = (0, None);
        for call in &function.calls {
            let Ok(callee) = self.functions.binary_search_by_key(call, |function| function.start) else { continue };
            if !self.open[callee] {
                let depth = self.depth(callee);
                if depth > best.0 {
                    best = (depth, Some(callee));
                }
            }
        }
        self.open[n] = false;
        self.below[n] = Some(best);
        function.frame + best.0
    }
}

/// Reads a function: what it takes from the stack, and whom it calls or jumps to.
fn read(name: String, start: u64, body: &[u8]) -> Function {
    let mut function = Function { name, start, frame: 0, calls: Vec::new(), indirect: 0 };
    let end = start + body.len() as u64;
    // What is known to be in registers: constants, and addresses.
    let mut known = [None::<u32>; 32];
    let mut at = 0;
    while let Some(low) = half(body, at) {
        let pc = start as u32 + at as u32;
        let (word, len) = match (low & 3 == 3, half(body, at + 2)) {
            (true, Some(high)) => (u32::from(high) << 16 | u32::from(low), 4),
            (true, None) => break,
            _ => (expand(low), 2),
        };
        at += len;
        step(&mut function, &mut known, word, pc, end as u32);
    }
    function
}

fn step(function: &mut Function, known: &mut [Option<u32>; 32], word: u32, pc: u32, end: u32) {
    let (rd, rs1, rs2) = ((word >> 7 & 31) as usize, (word >> 15 & 31) as usize, (word >> 20 & 31) as usize);
    let immediate = (word as i32 >> 20) as u32;
    let mut value = None;
    match word & 0x7f {
        // lui, auipc
        0x37 => value = Some(word & 0xffff_f000),
        0x17 => value = Some(pc.wrapping_add(word & 0xffff_f000)),
        // addi
        0x13 if word >> 12 & 7 == 0 => {
            if rd == SP as usize && rs1 == rd {
                function.frame += u64::from((immediate as i32).min(0).unsigned_abs());
            }
            value = if rs1 == 0 { Some(immediate) } else { known[rs1].map(|base| base.wrapping_add(immediate)) };
        }
        // add and sub
        0x33 if word >> 12 & 7 == 0 && word >> 25 & 0x5f == 0 => {
            let minus = word >> 30 & 1 == 1;
            if rd == SP as usize && rs1 == rd {
                let by = known[rs2].unwrap_or(0) as i32;
                let down = if minus { by } else { by.wrapping_neg() };
                function.frame += u64::from(down.max(0).unsigned_abs());
            }
            value = known[rs1].zip(known[rs2]).map(|(a, b)| if minus { a.wrapping_sub(b) } else { a.wrapping_add(b) });
        }
        // jal: a call, or a jump that leaves the function for good
        0x6f => {
            let target = pc.wrapping_add(jump(word));
            if rd != 0 || !(function.start as u32..end).contains(&target) {
                function.calls.push(target.into());
            }
        }
        // jalr
        0x67 => match known[rs1].map(|base| base.wrapping_add(immediate)) {
            Some(target) => function.calls.push(target.into()),
            None if rs1 == 1 && rd == 0 => {}
            None => function.indirect += usize::from(rd != 0),
        },
        // Branches and stores have no register for a result.
        0x63 | 0x23 | 0x27 => return,
        _ => {}
    }
    known[rd] = value;
    known[0] = None;
}

fn jump(word: u32) -> u32 {
    let sign = (word as i32 >> 31) as u32 & 0xfff0_0000;
    sign | word & 0x000f_f000 | (word >> 20 & 1) << 11 | (word >> 21 & 0x3ff) << 1
}

fn half(body: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*body.get(at..)?.first_chunk()?))
}

/// The long form of those compressed instructions that matter here; a `nop` on a register for any other that has a result
/// in one, so that nothing stale is believed.
fn expand(half: u16) -> u32 {
    let h = u32::from(half);
    let (rd, rs2) = (h >> 7 & 31, h >> 2 & 31);
    let small = ((h >> 12 & 1) * 0xffff_ffe0) | (h >> 2 & 31);
    let addi = |rd: u32, rs1: u32, by: u32| by << 20 | rs1 << 15 | rd << 7 | 0x13;
    match (h & 3, h >> 13) {
        // c.addi
        (1, 0) => addi(rd, rd, small),
        // c.jal, c.j
        (1, link @ (1 | 5)) => {
            let by = ((h >> 12 & 1) * 0xffff_f800)
                | (h >> 8 & 1) << 10
                | (h >> 9 & 3) << 8
                | (h >> 6 & 1) << 7
                | (h >> 7 & 1) << 6
                | (h >> 2 & 1) << 5
                | (h >> 11 & 1) << 4
                | (h >> 3 & 7) << 1;
            let long = (by >> 31) << 31 | (by >> 1 & 0x3ff) << 21 | (by >> 11 & 1) << 20 | by & 0x000f_f000;
            long | u32::from(link == 1) << 7 | 0x6f
        }
        // c.li
        (1, 2) => addi(rd, 0, small),
        // c.addi16sp, c.lui
        (1, 3) if rd == SP => {
            let by = ((h >> 12 & 1) * 0xffff_fe00)
                | (h >> 3 & 3) << 7
                | (h >> 5 & 1) << 6
                | (h >> 2 & 1) << 5
                | (h >> 6 & 1) << 4;
            addi(SP, SP, by)
        }
        (1, 3) => small << 12 | rd << 7 | 0x37,
        // c.jr, c.jalr, c.mv, c.add
        (2, 4) => match (h >> 12 & 1, rd, rs2) {
            (0, rs1, 0) => rs1 << 15 | 0x67,
            (1, rs1, 0) => rs1 << 15 | 1 << 7 | 0x67,
            (0, rd, rs2) => rs2 << 15 | rd << 7 | 0x13,
            (_, rd, rs2) => rs2 << 20 | rd << 15 | rd << 7 | 0x33,
        },
        // Those with a three-bit register for their result: loads, arithmetic, c.addi4spn.
        (0, 0 | 2 | 3) => load(8 + (h >> 2 & 7)),
        (1, 4) => load(8 + (h >> 7 & 7)),
        (2, 0 | 2) => load(rd),
        // Stores and branches.
        _ => 0x23,
    }
}

/// A load into `rd`, whose value is not known.
fn load(rd: u32) -> u32 {
    rd << 7 | 0x03
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(halves: &[u16]) -> Vec<u8> {
        halves.iter().flat_map(|half| half.to_le_bytes()).collect()
    }

    #[test]
    fn frames_are_read() {
        // c.addi sp, -32
        assert_eq!(read("a".into(), 0, &bytes(&[0x1101])).frame, 32);
        // c.addi16sp sp, -496
        assert_eq!(read("b".into(), 0, &bytes(&[0x7161])).frame, 432);
        // addi sp, sp, -2032; lui t0, 1; sub sp, sp, t0; and back up again
        let far = [0x0113, 0x8101, 0x12b7, 0x0000, 0x0133, 0x4051, 0x0113, 0x7f01];
        assert_eq!(read("c".into(), 0, &bytes(&far)).frame, 2032 + 4096);
    }

    #[test]
    fn calls_are_read() {
        // auipc ra, 1; jalr ra, 16(ra); c.jr ra
        let far = read("a".into(), 0x1000, &bytes(&[0x1097, 0x0000, 0x80e7, 0x0100, 0x8082]));
        assert_eq!((far.calls, far.indirect), (vec![0x2010], 0));
        // c.jal +4; c.jalr a0; jal ra, +2048
        let near = read("b".into(), 0x1000, &bytes(&[0x2011, 0x9502, 0x00ef, 0x0010]));
        assert_eq!((near.calls, near.indirect), (vec![0x1004, 0x1804], 1));
    }

    #[test]
    fn chains_add_up_and_recursion_ends() {
        let function = |start, frame, calls: &[u64]| Function {
            name: String::new(),
            start,
            frame,
            calls: calls.to_vec(),
            indirect: 0,
        };
        let functions =
            [function(0, 16, &[10, 20]), function(10, 100, &[10, 0]), function(20, 50, &[30]), function(30, 70, &[])];
        assert_eq!(Chains::new(&functions).deepest(), (16 + 50 + 70, vec![0, 2, 3]));
    }
}
