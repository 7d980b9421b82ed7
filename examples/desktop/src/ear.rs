//! Who of the viewers is heard, and what waits to be played.

use barertc_arena::Allocator;
use barertc_media::{G711, Intercom, StartError};

/// What viewers say, one at a time: who talks first is heard to the end.
pub struct Ear<A: Allocator + Clone> {
    intercom: Intercom<G711, A>,
    talker: Option<u32>,
    /// One who talked meanwhile.
    refused: Option<u32>,
}

impl<A: Allocator + Clone> Ear<A> {
    pub fn new(memory: A) -> Result<Self, StartError> {
        Ok(Self { intercom: Intercom::new(G711::MuLaw, memory)?, talker: None, refused: None })
    }

    /// Takes a packet; false the first time that somebody cannot be heard because another one talks.
    pub fn hear(&mut self, sender: u32, timestamp: u32, packet: &[u8]) -> bool {
        if *self.talker.get_or_insert(sender) == sender {
            self.intercom.receive(timestamp, packet);
            return true;
        }
        self.refused.replace(sender) == Some(sender)
    }

    /// There will be no more of this one.
    pub fn end(&mut self, sender: u32) {
        if self.talker == Some(sender) {
            self.talker = None;
            self.intercom.restart();
        }
    }

    /// How loud what is played is, while somebody talks.
    pub fn level(&self) -> Option<u8> {
        self.talker.map(|_| self.intercom.heard())
    }

    /// The next block for the loudspeaker.
    pub fn pull(&mut self, block: &mut [i16]) {
        self.intercom.pull(block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::MaybeUninit;

    use barertc_arena::Heap;

    #[test]
    fn who_talks_first_is_heard_to_the_end() {
        let mut region = [MaybeUninit::uninit(); 32 << 10];
        let heap = Heap::new(&mut region).unwrap();
        let mut ear = Ear::new(&heap).unwrap();
        let loud = [G711::MuLaw.encode(10_000); 800];
        let mut block = [0; 160];
        assert_eq!(ear.level(), None);
        assert!(ear.hear(1, 1_000, &loud));
        assert!(!ear.hear(2, 5, &loud), "told once");
        assert!(ear.hear(2, 805, &loud));
        ear.pull(&mut block);
        assert!(block.iter().all(|sample| (9_500..10_500).contains(sample)));
        assert_eq!(ear.level(), Some(10));
        ear.end(2);
        assert_eq!(ear.level(), Some(10));
        ear.end(1);
        ear.pull(&mut block);
        assert_eq!((ear.level(), block), (None, [0; 160]));
        assert!(ear.hear(2, 1_605, &loud));
        ear.pull(&mut block);
        assert_ne!(block, [0; 160]);
    }
}
