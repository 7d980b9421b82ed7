use barertc_coprocessor::Firmware;

use super::*;
use crate::memory::L2;

/// The host's own 80 MHz, everything connected.
const ALL: Connection = Connection { clock: Some(80_000_000), phases: true, command: true, data: 0xf };
/// After the card's start.
const STARTED: u64 = TICKS;
const CARD: u32 = SLOT << 16;
const SHORT: u32 = START | CARD | RESPONSE | WAIT;

/// A host at 400 kHz in slot 1, and a card that has started.
struct Bench {
    host: SdHost,
    radio: Radio,
    memory: Memory,
    connection: Connection,
    now: u64,
}

impl Bench {
    fn new(firmware: Option<Firmware>) -> Self {
        let mut radio = Radio::new(firmware, 0);
        radio.advance(STARTED);
        let host = SdHost::default();
        let mut bench = Self { host, radio, memory: Memory::new(0), connection: ALL, now: STARTED };
        bench.write(CTRL, INTERRUPTS);
        bench.clock(100);
        bench
    }

    fn write(&mut self, offset: u32, value: u32) {
        self.host.write(offset, value, self.now, self.connection).expect("a register");
        self.go(0);
    }

    fn read(&self, offset: u32) -> u32 {
        self.host.read(offset).expect("a register")
    }

    fn go(&mut self, ticks: u64) {
        self.try_go(ticks).expect("modelled");
    }

    fn try_go(&mut self, ticks: u64) -> Result<(), Fault> {
        self.now += ticks;
        self.radio.advance(self.now);
        self.host.advance(self.now, &mut self.memory, &mut self.radio, self.connection)
    }

    /// The card's clock: 80 MHz by twice this.
    fn clock(&mut self, divider: u32) {
        self.write(CLKSRC, 1 << 2);
        self.write(CLKDIV, divider << 8);
        self.write(CLKENA, 1 << SLOT);
        self.write(CMD, START | UPDATE_CLOCKS | CARD);
    }

    /// A command, and what is raised by it.
    fn command(&mut self, index: u32, argument: u32) -> u32 {
        self.write(RINTSTS, !0);
        self.write(CMDARG, argument);
        self.write(CMD, SHORT | index);
        self.go(TICKS / 1000);
        self.read(RINTSTS)
    }

    fn register(&mut self, write: bool, function: u32, address: u32, value: u32) -> u32 {
        let raised = self.command(52, u32::from(write) << 31 | function << 28 | address << 9 | value);
        assert_eq!(raised & !CARD_INTERRUPT, COMMAND_DONE);
        self.read(RESP0)
    }

    /// Finds the card, and enables its first function.
    fn find(&mut self) {
        self.command(5, 0);
        for _ in 0..2 {
            assert_eq!(self.command(5, 0x30_0000), COMMAND_DONE);
        }
        assert_eq!(self.read(RESP0) >> 28, 0xa, "ready, two functions");
        self.command(3, 0);
        let address = self.read(RESP0) >> 16;
        assert_eq!(self.command(7, address << 16), COMMAND_DONE);
        for (register, value) in [(2, 2), (4, 3), (0x110, 0), (0x111, 2), (7, 2)] {
            self.register(true, 0, register, value);
        }
        self.write(CTYPE, 1 << SLOT);
        self.clock(2);
    }

    /// A descriptor for so many bytes behind it, in memory and not in the cache.
    fn descriptor(&mut self, flags: u32, bytes: u32) {
        for (n, word) in [flags | OWN | CHAINED | FIRST | LAST, bytes, L2 + 64, 0].into_iter().enumerate() {
            self.memory.dma_write(L2 + 4 * n as u32, &word.to_le_bytes()).expect("memory");
        }
        self.write(CTRL, INTERRUPTS | DMA);
        self.write(BMOD, DMA_ENABLE);
        self.write(DBADDR, L2);
        self.write(BYTCNT, bytes);
        self.write(BLKSIZ, bytes);
        self.write(IDINTEN, NORMAL | RECEIVED | SENT);
    }
}

fn bench() -> Bench {
    let mut bench = Bench::new(Some(Firmware::default()));
    bench.find();
    bench
}

/// CMD53 in bytes with rising addresses, for function 1.
fn extended(write: bool, address: u32, bytes: u32) -> u32 {
    u32::from(write) << 31 | 1 << 28 | 1 << 26 | address << 9 | bytes
}

#[test]
fn a_card_is_found_and_its_registers_are_read_by_dma() {
    let mut bench = bench();
    bench.descriptor(0, 4);
    bench.write(INTMASK, DATA_OVER);
    bench.write(CMDARG, extended(false, 0x44, 4));
    bench.write(CMD, SHORT | DATA | 53);
    assert!(!bench.host.interrupts(), "it takes its time");
    bench.go(TICKS / 10_000);
    assert!(bench.host.interrupts());
    assert_eq!(bench.read(MINTSTS), DATA_OVER);
    assert_eq!(bench.read(IDSTS), RECEIVED | NORMAL);
    assert_eq!(bench.memory.dma_read(L2 + 64, 4), Some(&[0xbc, 0x0a, 20, 0][..]), "twenty buffers");
    assert_eq!(bench.memory.dma_read(L2 + 3, 1), Some(&[0][..]), "the descriptor is the program's again");
    bench.write(RINTSTS, DATA_OVER);
    bench.write(IDSTS, RECEIVED | NORMAL);
    assert!(!bench.host.interrupts());
}

#[test]
fn a_write_keeps_the_card_busy() {
    let mut bench = bench();
    bench.write(CARDTHRCTL, BUSY_CLEAR_ON);
    bench.descriptor(0, 4);
    bench.write(CMDARG, extended(true, 0xd4, 4));
    bench.write(CMD, SHORT | DATA | WRITE | 53);
    while bench.read(RINTSTS) & DATA_OVER == 0 {
        bench.go(10);
    }
    assert_ne!(bench.read(STATUS) & BUSY, 0);
    bench.go(WRITING);
    assert_eq!(bench.read(STATUS) & BUSY, 0);
    assert_ne!(bench.read(RINTSTS) & BUSY_CLEAR, 0);
}

#[test]
fn the_card_interrupts_by_an_edge_that_is_seen_only_unmasked() {
    for masked in [false, true] {
        let mut bench = bench();
        bench.write(RINTSTS, !0);
        bench.write(INTMASK, if masked { 0 } else { CARD_INTERRUPT });
        // The data path is opened: the firmware has something to say.
        bench.write(CMDARG, 1 << 31 | 1 << 28 | 0x8c << 9 | 1);
        bench.write(CMD, SHORT | 52);
        bench.go(TICKS / 1000);
        assert!(bench.radio.interrupts());
        assert_eq!(bench.read(RINTSTS) & CARD_INTERRUPT != 0, !masked);
        bench.write(RINTSTS, CARD_INTERRUPT);
        bench.write(INTMASK, CARD_INTERRUPT);
        bench.go(TICKS / 1000);
        assert_eq!(bench.read(RINTSTS) & CARD_INTERRUPT, 0, "held down is no edge");
    }
}

#[test]
fn nobody_answers_without_a_card_or_its_pads_or_its_clock_or_in_reset() {
    let absent = Bench::new(None);
    let unclocked = Bench { connection: Connection { phases: false, ..ALL }, ..Bench::new(Some(Firmware::default())) };
    let unrouted = Bench { connection: Connection { command: false, ..ALL }, ..Bench::new(Some(Firmware::default())) };
    let mut stopped = Bench::new(Some(Firmware::default()));
    stopped.write(CLKENA, 0);
    stopped.write(CMD, START | UPDATE_CLOCKS | CARD);
    let mut held = Bench::new(Some(Firmware::default()));
    held.radio.reset_pin(false, STARTED);
    for mut bench in [absent, unclocked, unrouted, stopped, held] {
        assert_eq!(bench.command(5, 0), COMMAND_DONE | RESPONSE_TIMEOUT);
    }
}

#[test]
fn without_its_own_clock_the_controller_takes_nothing_and_stays_in_reset() {
    let mut bench = Bench::new(Some(Firmware::default()));
    bench.connection.clock = None;
    bench.write(CTRL, 3);
    bench.write(CMD, SHORT | 5);
    bench.go(TICKS);
    assert_eq!(bench.read(CTRL) & 3, 3);
    assert_ne!(bench.read(CMD) & START, 0);
    bench.write(CMDARG, 1);
    assert_ne!(bench.read(RINTSTS) & LOCKED, 0, "not to be written meanwhile");
    bench.connection.clock = ALL.clock;
    bench.go(1);
    assert_eq!(bench.read(CTRL), 0);
}

#[test]
fn a_clock_that_is_too_fast_for_the_card_ends_the_run() {
    let mut bench = Bench::new(Some(Firmware::default()));
    bench.clock(1);
    bench.write(CMD, SHORT | 5);
    let fault = bench.try_go(TICKS / 1000).expect_err("40 MHz before the card has an address");
    assert!(fault.to_string().contains("CMD5 at 40000000 Hz, and the card is told to be ready for 400000"), "{fault}");
}

#[test]
fn lines_that_the_other_side_does_not_use_bring_wrong_checksums() {
    for (width, data) in [(0, 0xf), (1 << SLOT, 0x7)] {
        let mut bench = bench();
        bench.write(CTYPE, width);
        bench.connection.data = data;
        bench.descriptor(0, 4);
        let raised = {
            bench.write(CMDARG, extended(false, 0x44, 4));
            bench.write(CMD, SHORT | DATA | 53);
            bench.go(TICKS / 10_000);
            bench.read(RINTSTS)
        };
        assert_ne!(raised & DATA_CRC, 0);
        assert_eq!(bench.memory.dma_read(L2 + 64, 4), Some(&[0; 4][..]));
    }
}

#[test]
fn what_is_not_modelled_ends_the_run_with_the_registers_name() {
    let mut host = SdHost::default();
    let mut fails = |offset, value| host.write(offset, value, 0, ALL).expect_err("not modelled").to_string();
    assert!(fails(0x200, 0).contains("SDHOST+0x200 was written"));
    assert!(fails(0x74, 0).contains("SDHOST+0x74 was written"));
    assert!(fails(CTRL, 1 << 6).contains("SDHOST.CTRL was written"));
    assert!(fails(CMD, START | 1 << 12).contains("SDHOST.CMD was written"));
    assert!(SdHost::default().read(0x50).expect_err("not modelled").to_string().contains("SDHOST+0x50 was read"));
}

#[test]
fn both_sides_have_to_agree_on_the_bytes_and_descriptors_have_to_be_there() {
    let mut short = bench();
    short.descriptor(0, 8);
    short.write(CMDARG, extended(false, 0x44, 4));
    short.write(CMD, SHORT | DATA | 53);
    assert!(
        short.try_go(TICKS / 1000).expect_err("eight and four").to_string().contains("the controller moves 8 bytes")
    );
    let mut stale = bench();
    stale.descriptor(0, 4);
    stale.memory.dma_write(L2, &(CHAINED | FIRST | LAST).to_le_bytes()).expect("memory");
    stale.write(CMDARG, extended(false, 0x44, 4));
    stale.write(CMD, SHORT | DATA | 53);
    assert!(stale.try_go(TICKS / 1000).expect_err("not written back").to_string().contains("is not the DMA's"));
    let mut by_hand = bench();
    by_hand.descriptor(0, 4);
    by_hand.write(CTRL, INTERRUPTS);
    by_hand.write(CMDARG, extended(false, 0x44, 4));
    by_hand.write(CMD, SHORT | DATA | 53);
    assert!(by_hand.try_go(TICKS / 1000).expect_err("by the FIFO").to_string().contains("BUFFIFO"));
}
