//! Any sequence of reads over any bytes: no panic, and nothing is read twice.
#![no_main]

use barertc_wire::Reader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((ops, input)) = data.split_at_checked(data.len() / 4) else { return };
    let mut r = Reader::new(input);
    for op in ops {
        let before = r.remaining();
        let took = match op & 7 {
            0 => r.u8().map(|_| 1),
            1 => r.u16().map(|_| 2),
            2 => r.u24().map(|_| 3),
            3 => r.u32().map(|_| 4),
            4 => r.u48().map(|_| 6),
            5 => r.u64().map(|_| 8),
            _ => r.take(usize::from(*op)).map(<[u8]>::len),
        };
        assert_eq!(before - r.remaining(), took.unwrap_or(0));
    }
});
