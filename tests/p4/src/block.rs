//! A block of registers as the vendor's headers describe it: which there are, what they hold after reset, which bits can be written.

use crate::bus::Fault;

/// A register.
#[derive(Clone, Copy, Debug)]
pub struct Register {
    pub offset: u32,
    pub name: &'static str,
    pub reset: u32,
    /// Bits that a write changes.
    pub writable: u32,
}

/// A line of a table.
pub const fn reg(offset: u32, name: &'static str, reset: u32, writable: u32) -> Register {
    Register { offset, name, reset, writable }
}

/// A device's registers. One that is not in the table is not modelled.
pub struct Block {
    pub name: &'static str,
    table: &'static [Register],
    values: Vec<u32>,
    /// By offset in words: the register's place in the table and one, or nothing.
    places: Vec<u16>,
}

impl Block {
    pub fn new(name: &'static str, table: &'static [Register]) -> Self {
        let words = table.iter().map(|register| register.offset as usize / 4 + 1).max().unwrap_or(0);
        let mut places = vec![0; words];
        for (n, register) in table.iter().enumerate() {
            places[register.offset as usize / 4] = n as u16 + 1;
        }
        Self { name, table, values: table.iter().map(|register| register.reset).collect(), places }
    }

    /// As after a reset.
    pub fn reset(&mut self) {
        self.values = self.table.iter().map(|register| register.reset).collect();
    }

    fn place(&self, offset: u32) -> Option<usize> {
        usize::from(*self.places.get(offset as usize / 4)?).checked_sub(1)
    }

    /// What a bus read brings.
    pub fn read(&self, offset: u32) -> Result<u32, Fault> {
        self.place(offset).map(|n| self.values[n]).ok_or_else(|| self.missing(offset, "read"))
    }

    /// A bus write: changes the bits that can be written, and tells what is there now.
    pub fn write(&mut self, offset: u32, value: u32) -> Result<u32, Fault> {
        let n = self.place(offset).ok_or_else(|| self.missing(offset, "written"))?;
        let writable = self.table[n].writable;
        self.values[n] = self.values[n] & !writable | value & writable;
        Ok(self.values[n])
    }

    /// What a register of the table holds, for the device itself.
    pub fn get(&self, offset: u32) -> u32 {
        self.place(offset).map_or(0, |n| self.values[n])
    }

    /// Sets a register, for the device itself.
    pub fn set(&mut self, offset: u32, value: u32) {
        if let Some(n) = self.place(offset) {
            self.values[n] = value;
        }
    }

    /// Changes bits of a register, for the device itself.
    pub fn change(&mut self, offset: u32, clear: u32, set: u32) {
        self.set(offset, self.get(offset) & !clear | set);
    }

    /// The name of a register.
    pub fn name(&self, offset: u32) -> String {
        match self.place(offset) {
            Some(n) => format!("{}.{}", self.name, self.table[n].name),
            None => format!("{}+{offset:#x}", self.name),
        }
    }

    #[cold]
    fn missing(&self, offset: u32, how: &str) -> Fault {
        Fault::unmodelled(format!("{} was {how}", self.name(offset)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Register] = &[reg(0x4, "CONTROL", 0x11, 0xf0)];

    #[test]
    fn only_what_the_table_has_is_there() {
        let mut block = Block::new("UNIT", TABLE);
        assert_eq!(block.read(4).expect("a register"), 0x11);
        assert_eq!(block.write(4, 0xffff).expect("a register"), 0xf1);
        assert!(block.read(0).expect_err("none").to_string().contains("UNIT+0x0 was read"));
        assert!(block.write(8, 0).expect_err("none").to_string().contains("UNIT+0x8 was written"));
        block.reset();
        assert_eq!(block.get(4), 0x11);
    }
}
