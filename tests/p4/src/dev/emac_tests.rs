use super::super::phy::Wiring;
use super::*;
use crate::memory::L2;

const ALL: Connection = Connection { clock: true, transmit: true, receive: true, management: true };

/// A controller with one descriptor each way, on a network.
fn started() -> (Emac, Memory, Phy) {
    let (mut emac, mut memory, phy) = (Emac::default(), Memory::new(0), Phy::new(Wiring::EV));
    let mut put = |at: u32, words: [u32; 4]| {
        for (n, word) in words.into_iter().enumerate() {
            memory.dma_write(L2 + at + 4 * n as u32, &word.to_le_bytes()).expect("memory");
        }
    };
    put(0, [OWN, RX_CHAINED | 1524, L2 + 0x1000, L2]);
    put(0x40, [0, 0, L2 + 0x2000, L2 + 0x40]);
    for (offset, value) in [(0, ALT_DESC_SIZE), (0x0c, L2), (0x10, L2 + 0x40), (0x1c, NORMAL | TX_DONE | RX_DONE)] {
        emac.write_dma(offset, value, 0, &mut memory).expect("a register");
    }
    let mut nobody = Phy::new(Wiring::EV);
    emac.write_mac(0, RECEIVER | TRANSMITTER | CHECK, 0, &mut nobody, ALL).expect("a register");
    emac.write_dma(0x18, START_RX | START_TX, 0, &mut memory).expect("a register");
    (emac, memory, phy)
}

const LATER: u64 = 4_000_000_000;

#[test]
fn a_frame_goes_out_in_the_time_it_takes() {
    let (mut emac, mut memory, phy) = started();
    let words = [OWN | TX_INTERRUPT | TX_FIRST | TX_LAST | TX_CHAINED, 60];
    for (n, word) in words.into_iter().enumerate() {
        memory.dma_write(L2 + 0x40 + 4 * n as u32, &u32::to_le_bytes(word)).expect("memory");
    }
    emac.write_dma(4, 0, LATER, &mut memory).expect("a register");
    let due = emac.due().expect("on its way");
    assert_eq!(due - LATER, 84 * BYTE);
    emac.advance(due - 1, &mut memory, &phy, ALL).expect("modelled");
    assert!(emac.outgoing.is_empty() && !emac.interrupts());
    emac.advance(due, &mut memory, &phy, ALL).expect("modelled");
    assert_eq!(emac.outgoing.len(), 1);
    assert!(emac.interrupts());
    emac.write_dma(0x14, TX_DONE, due, &mut memory).expect("a register");
    assert!(!emac.interrupts());
}

#[test]
fn a_frame_that_finds_no_descriptor_is_lost_and_counted() {
    let (mut emac, mut memory, phy) = started();
    emac.hear([[0xff; 14], [0; 14]].concat());
    emac.hear(vec![0xff; 60]);
    emac.advance(LATER, &mut memory, &phy, ALL).expect("modelled");
    emac.advance(LATER + 100_000, &mut memory, &phy, ALL).expect("modelled");
    assert_eq!((emac.counts.received, emac.counts.missed), (1, 1));
    // Padded, and with its checksum.
    let des0 = u32::from_le_bytes(memory.dma_read(L2, 4).expect("memory").try_into().expect("four"));
    assert_eq!(des0 >> 16 & 0x3fff, 64);
    assert_eq!(memory.load::<4>(L2), Some(Ok([0; 4])), "the processor has not invalidated the line");
}

#[test]
fn frames_for_others_and_frames_without_a_link_do_not_come() {
    let (mut emac, mut memory, phy) = started();
    emac.hear(vec![2; 60]);
    emac.advance(LATER, &mut memory, &phy, ALL).expect("modelled");
    assert_eq!(emac.counts.filtered, 1);
    emac.hear(vec![0xff; 60]);
    let unplugged = Phy::new(Wiring { cable: false, ..Wiring::EV });
    emac.advance(LATER * 2, &mut memory, &unplugged, ALL).expect("modelled");
    emac.hear(vec![0xff; 60]);
    emac.advance(LATER * 3, &mut memory, &phy, Connection { receive: false, ..ALL }).expect("modelled");
    assert_eq!(emac.counts.received, 0);
}

#[test]
fn a_software_reset_ends_with_the_clock_and_not_before() {
    let (mut emac, mut memory, phy) = started();
    emac.write_dma(0, SW_RESET, 0, &mut memory).expect("a register");
    emac.advance(LATER, &mut memory, &phy, Connection { clock: false, ..ALL }).expect("modelled");
    assert_eq!(emac.read_dma(0).expect("a register") & SW_RESET, SW_RESET);
    assert!(emac.write_dma(0x18, 0, 0, &mut memory).is_err(), "nothing is taken meanwhile");
    emac.advance(LATER, &mut memory, &phy, ALL).expect("modelled");
    assert_eq!(emac.read_dma(0).expect("a register"), 0);
}

#[test]
fn management_takes_its_time_and_needs_its_pads() {
    let (mut emac, _, mut phy) = started();
    let read = 1 << 11 | 2 << 6 | 4 << 2 | 1;
    emac.write_mac(0x10, read, 0, &mut phy, ALL).expect("a register");
    assert_eq!(emac.read_mac(0x10, 64 * 102 * 2 - 1).expect("a register") & 1, 1);
    assert_eq!(emac.read_mac(0x10, 64 * 102 * 2).expect("a register") & 1, 0);
    assert_eq!(emac.read_mac(0x14, 0).expect("a register"), 0x0243);
    emac.write_mac(0x10, read, LATER, &mut phy, Connection { management: false, ..ALL }).expect("a register");
    assert_eq!(emac.read_mac(0x14, 0).expect("a register"), 0xffff);
    let fast = emac.write_mac(0x10, 2 << 2 | 1, 2 * LATER, &mut phy, ALL).expect_err("too fast");
    assert!(fast.to_string().contains("more than 2.5 MHz"), "{fast}");
}
