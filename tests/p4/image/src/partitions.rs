//! The partition table, as text and as it lies in flash.

use anyhow::{Context as _, Result, bail, ensure};
use md5::Digest as _;

/// Where the table is, and how long it is at most.
pub const OFFSET: u32 = 0x8000;
pub const LEN: u32 = 0xc00;
const ENTRY: [u8; 2] = [0xaa, 0x50];
const SUM: [u8; 2] = [0xeb, 0xeb];

/// Where a partition is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    pub offset: u32,
    pub len: u32,
    /// Type and subtype.
    kind: [u8; 2],
}

/// A table in the form that espflash reads: name, type, subtype, offset, size.
#[derive(Clone, Debug)]
pub struct Table(Vec<(String, Partition)>);

impl Table {
    /// Reads the text of a table.
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let rows = lines.map(|line| {
            let cells: Vec<&str> = line.split(',').map(str::trim).collect();
            let [name, kind, subtype, offset, len, ..] = cells[..] else { bail!("{line:?} has too few cells") };
            ensure!(name.len() <= 16, "{name:?} is too long a name");
            let kind = [kind_number(kind)?, subtype_number(subtype)?];
            Ok((name.to_owned(), Partition { offset: number(offset)?, len: number(len)?, kind }))
        });
        let rows: Vec<(String, Partition)> = rows.collect::<Result<_>>()?;
        for pair in rows.windows(2) {
            let end = pair[0].1.offset.checked_add(pair[0].1.len).context("a partition beyond all flash")?;
            ensure!(end <= pair[1].1.offset, "{} reaches into {}", pair[0].0, pair[1].0);
        }
        Ok(Self(rows))
    }

    /// The partition of this name.
    pub fn get(&self, name: &str) -> Result<Partition> {
        let found = self.0.iter().find(|(of, _)| of == name);
        found.map(|(_, partition)| *partition).with_context(|| format!("no partition {name}"))
    }

    /// The first partition for a program.
    pub fn application(&self) -> Option<Partition> {
        self.0.iter().map(|(_, partition)| *partition).find(|partition| partition.kind[0] == 0)
    }

    /// Behind the last partition.
    pub fn end(&self) -> u32 {
        self.0.iter().map(|(_, partition)| partition.offset.saturating_add(partition.len)).max().unwrap_or_default()
    }

    /// As it lies in flash: 32 bytes a partition, and a sum.
    pub fn binary(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        for (name, partition) in &self.0 {
            out.extend(ENTRY);
            out.extend(partition.kind);
            out.extend(partition.offset.to_le_bytes());
            out.extend(partition.len.to_le_bytes());
            let mut label = [0; 16];
            label[..name.len()].copy_from_slice(name.as_bytes());
            out.extend(label);
            out.extend([0; 4]);
        }
        let sum = md5::Md5::digest(&out);
        out.extend(SUM);
        out.extend([0xff; 14]);
        out.extend(sum);
        ensure!(out.len() <= LEN as usize, "too many partitions");
        Ok(out)
    }
}

fn kind_number(text: &str) -> Result<u8> {
    match text {
        "app" => Ok(0),
        "data" => Ok(1),
        _ => small(text),
    }
}

fn subtype_number(text: &str) -> Result<u8> {
    match text {
        "factory" => Ok(0),
        "nvs" => Ok(2),
        "phy" => Ok(1),
        "undefined" => Ok(6),
        "spiffs" => Ok(0x82),
        "littlefs" => Ok(0x83),
        _ => small(text),
    }
}

fn small(text: &str) -> Result<u8> {
    u8::try_from(number(text)?).with_context(|| format!("{text:?}: a number up to 0xff"))
}

fn number(text: &str) -> Result<u32> {
    let digits = text.strip_prefix("0x").with_context(|| format!("{text:?}: a number like 0x1000"))?;
    u32::from_str_radix(digits, 16).with_context(|| format!("{text:?}: a number like 0x1000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_that_cannot_be_are_refused() {
        for table in [
            "a, data, 0x1, 0x1000",
            "a, data, 0x1, 4096, 0x1000",
            "a,data,0x1,0x1000,0x2000\nb,data,0x1,0x2000,0x1000",
            "a,what,0x1,0x1000,0x1000",
        ] {
            assert!(Table::parse(table).is_err(), "{table}");
        }
    }

    #[test]
    fn a_table_is_thirty_two_bytes_a_partition_and_a_sum() {
        let table = Table::parse("seed, data, 0x40, 0xa000, 0x2000\nfactory, app, factory, 0x10000, 0x100000")
            .expect("a table");
        let binary = table.binary().expect("fits");
        assert_eq!(binary.len(), 3 * 32);
        assert_eq!(binary[..12], [0xaa, 0x50, 1, 0x40, 0, 0xa0, 0, 0, 0, 0x20, 0, 0]);
        assert_eq!(binary[64..66], SUM);
        assert_eq!(table.application().map(|place| place.offset), Some(0x10000));
        assert_eq!(table.end(), 0x11_0000);
    }
}
