//! A seed for the random generator that a board keeps in flash, and renews each time it starts.
//!
//! A chip without a source of randomness that deserves the name is given one when it is flashed: 32 bytes of a machine that
//! has one. Each start mixes them with whatever noise there is, writes the next seed, and only then uses what came out: no
//! state is ever used twice, not even when power fails in between. Two places take turns, so that one is always whole.

/// Bytes of a record.
pub const RECORD: usize = 2 * HALF;
/// Bytes of a seed.
pub const SEED: usize = 32;

const MAGIC: [u8; 4] = *b"seed";
const HALF: usize = 8 + SEED;

/// A seed as it stands in flash: mark, count of starts, seed, and all of it again, so that half a record is none.
#[derive(Clone)]
pub struct Record {
    /// How many there were before.
    pub count: u32,
    /// The seed. Secret.
    pub seed: [u8; SEED],
}

impl Record {
    /// The record in these bytes; none in erased flash, or where writing was cut short.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first_chunk::<HALF>()?;
        let second = rest.first_chunk::<HALF>()?;
        let (magic, body) = first.split_first_chunk::<4>()?;
        let (count, seed) = body.split_first_chunk::<4>()?;
        let seed: [u8; SEED] = seed.try_into().ok()?;
        // What is all the same came from no generator.
        let plain = seed.iter().all(|byte| *byte == seed[0]);
        (first == second && *magic == MAGIC && !plain).then_some(Self { count: u32::from_le_bytes(*count), seed })
    }

    /// The bytes to write.
    #[must_use]
    pub fn bytes(&self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        for half in bytes.as_chunks_mut::<HALF>().0 {
            half[..4].copy_from_slice(&MAGIC);
            half[4..8].copy_from_slice(&self.count.to_le_bytes());
            half[8..].copy_from_slice(&self.seed);
        }
        bytes
    }

    /// Of the two places the newer record, and the place where the next one goes: over the older, or over what is broken.
    #[must_use]
    pub fn newest(places: [&[u8]; 2]) -> Option<(Self, usize)> {
        match places.map(Self::parse) {
            [Some(a), Some(b)] if a.count > b.count => Some((a, 1)),
            [_, Some(b)] => Some((b, 0)),
            [Some(a), None] => Some((a, 1)),
            [None, None] => None,
        }
    }

    /// The record that follows this one.
    #[must_use]
    pub fn next(&self, seed: [u8; SEED]) -> Self {
        Self { count: self.count.saturating_add(1), seed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(count: u32) -> Record {
        Record { count, seed: core::array::from_fn(|n| n as u8 ^ count as u8) }
    }

    #[test]
    fn erased_cut_and_plain_records_are_none() {
        let whole = record(7).bytes();
        assert!(Record::parse(&whole).is_some_and(|read| read.count == 7 && read.seed == record(7).seed));
        assert!(Record::parse(&[0xff; RECORD]).is_none());
        assert!(Record::parse(&Record { count: 1, seed: [0; SEED] }.bytes()).is_none());
        // Power fails after each of the bytes; flash behind it is erased.
        for written in 0..RECORD {
            let mut cut = [0xff; RECORD];
            cut[..written].copy_from_slice(&whole[..written]);
            assert!(Record::parse(&cut).is_none(), "{written} bytes written");
            assert!(Record::parse(&whole[..written]).is_none());
        }
    }

    #[test]
    fn places_take_turns_and_a_failed_write_costs_nothing() {
        let mut places = [record(0).bytes(), [0xff; RECORD]];
        for count in 0..5 {
            let (now, place) = Record::newest([&places[0], &places[1]]).expect("one is whole");
            assert_eq!(now.count, count);
            // Power fails: the same seed is there again, and was not used.
            let mut failed = places;
            failed[place] = [0xff; RECORD];
            assert!(Record::newest([&failed[0], &failed[1]]).is_some_and(|(again, _)| again.seed == now.seed));
            places[place] = now.next(record(count + 1).seed).bytes();
        }
        assert!(Record::newest([&[], &[0xff; RECORD]]).is_none());
    }
}
