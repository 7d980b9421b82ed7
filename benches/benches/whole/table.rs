//! The table: medians, and what the middle half of the rounds lies within.

use crate::{Amount, FRAME};

/// What is measured, in the order of the columns.
#[derive(Clone, Copy)]
pub enum Cell {
    SetUp,
    Send,
    SendReceive,
    PacketAllocations,
    Bulk,
    Small,
    MessageAllocations,
    Tiny,
}

const CELLS: usize = 8;

/// A kind of connection, and what it took in each round.
pub struct Row {
    name: &'static str,
    values: [Vec<f64>; CELLS],
    /// Bytes that live, of both ends.
    pub live: usize,
    /// Bytes of a media packet on the wire.
    pub packet_bytes: f64,
}

impl Row {
    pub fn new(name: &'static str) -> Self {
        Self { name, values: Default::default(), live: 0, packet_bytes: 0.0 }
    }

    pub fn add(&mut self, cell: Cell, value: f64) {
        self.values[cell as usize].push(value);
    }

    fn at(&self, cell: Cell, part: f64) -> f64 {
        at(self.values[cell as usize].clone(), part)
    }

    fn middle(&self, cell: Cell) -> f64 {
        self.at(cell, 0.5)
    }

    /// The median of what this took in each round over what `other` took in the same round.
    fn over(&self, other: &Self, cell: Cell) -> f64 {
        let pairs = self.values[cell as usize].iter().zip(&other.values[cell as usize]);
        at(pairs.map(|(own, other)| own / other).collect(), 0.5)
    }

    /// The median, and how far the quartiles are from it, in percent.
    fn shown(&self, cell: Cell, digits: usize) -> String {
        let middle = self.middle(cell);
        let spread = (self.at(cell, 0.75) - self.at(cell, 0.25)) / 2.0 / middle * 100.0;
        format!("{middle:.digits$} ±{spread:.0} %")
    }
}

/// The value that `part` of all values is below.
fn at(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * part).round() as usize]
}

pub fn print(rows: &[Row], amount: &Amount) {
    println!("Medians of {} rounds in turns; ± is half of what lies between the quartiles.\n", amount.rounds);
    println!(
        "| two connections | set-up, CPU of both, ms | live, KB | send {} kB, ns a packet | bytes a packet | send and receive, ns a packet | allocations a packet |",
        FRAME / 1_000
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for row in rows.iter() {
        println!(
            "| {} | {} | {:.0} | {} | {:.0} | {} | {:.2} |",
            row.name,
            row.shown(Cell::SetUp, 2),
            row.live as f64 / 1e3,
            row.shown(Cell::Send, 0),
            row.packet_bytes,
            row.shown(Cell::SendReceive, 0),
            row.middle(Cell::PacketAllocations),
        );
    }
    println!("\n| two connections | 64 KiB, MB/s | 1 KiB, µs | 100 B, µs | allocations a message of 1 KiB |");
    println!("|---|--:|--:|--:|--:|");
    for row in rows.iter() {
        println!(
            "| {} | {} | {} | {} | {:.2} |",
            row.name,
            row.shown(Cell::Bulk, 0),
            row.shown(Cell::Small, 2),
            row.shown(Cell::Tiny, 2),
            row.middle(Cell::MessageAllocations),
        );
    }
    let Some((first, others)) = rows.split_first() else { return };
    println!(
        "\nTimes of the others over those of `{}`, the median of the rounds (for 64 KiB its rate over theirs):\n",
        first.name
    );
    println!("| | set-up | send | send and receive | 64 KiB | 1 KiB | 100 B |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for row in others {
        let ratio = |cell| format!("{:.2}", row.over(first, cell));
        println!(
            "| {} | {} | {} | {} | {:.2} | {} | {} |",
            row.name,
            ratio(Cell::SetUp),
            ratio(Cell::Send),
            ratio(Cell::SendReceive),
            first.over(row, Cell::Bulk),
            ratio(Cell::Small),
            ratio(Cell::Tiny),
        );
    }
}
