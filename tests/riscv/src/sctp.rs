//! A data channel between two associations, and what a message costs.

use barertc_arena::Heap;
use barertc_crypto::selftest::Predictable;
use barertc_sctp::{Association, ChannelConfig, ChannelId, Config, Error, Event, MessageKind, Role};
use barertc_wire::Instant;
use core::hint::black_box;

use crate::bench::Bench;

type Memory<'m> = &'m Heap<'static>;
type Side<'m> = Association<Memory<'m>>;

const NOW: Instant = Instant::from_millis(1);

pub fn run(bench: &mut Bench) {
    let config = Config::default();
    let heap = bench.psram;
    bench.figure("association, itself", size_of::<Side>(), "bytes");
    bench.figure("association, memory", Association::<Memory>::worst_case_bytes(&config), "bytes");
    bench.test("memory is what was said", || {
        let before = heap.stats().live;
        let one = Association::new(Config::default(), heap, &mut Predictable::new(1))?;
        let taken = heap.stats().live.saturating_sub(before);
        drop(one);
        // The heap adds headers of its own.
        if taken <= Association::<Memory>::worst_case_bytes(&config) + 512 { Ok(()) } else { Err(Error::NoMemory) }
    });
    bench.test("a channel opens both ways", || open(heap, true).map(drop));
    for (name, zero_checksum) in [("1 KiB there, with checksum", false), ("1 KiB there, without", true)] {
        let Ok((mut a, mut b, id)) = open(heap, zero_checksum) else { return };
        // Acknowledged at once in turn: the first rounds settle that.
        for _ in 0..3 {
            let _ = message(&mut a, &mut b, id);
        }
        let mut result = Ok(());
        bench.measure(name, || result = black_box(message(&mut a, &mut b, id)));
        bench.test("it arrived", || result);
    }
}

/// Everything that either side has to say.
fn talk(a: &mut Side<'_>, b: &mut Side<'_>) {
    let mut record = [0; 1_200];
    loop {
        let mut quiet = true;
        while let Some(len) = a.poll_transmit(NOW, &mut record) {
            let _ = b.handle(NOW, &mut record[..len]);
            quiet = false;
        }
        while let Some(len) = b.poll_transmit(NOW, &mut record) {
            let _ = a.handle(NOW, &mut record[..len]);
            quiet = false;
        }
        if quiet {
            return;
        }
    }
}

fn open<'m>(heap: Memory<'m>, zero_checksum: bool) -> Result<(Side<'m>, Side<'m>, ChannelId), Error> {
    let mut config = Config::default();
    config.zero_checksum = zero_checksum;
    let mut a = Association::new(config.clone(), heap, &mut Predictable::new(1))?;
    let mut b = Association::new(config, heap, &mut Predictable::new(2))?;
    a.set_role(NOW, Role::Client);
    b.set_role(NOW, Role::Server);
    a.connect(NOW);
    b.connect(NOW);
    let id = a.open(NOW, &ChannelConfig { label: "test", ..ChannelConfig::default() })?;
    talk(&mut a, &mut b);
    let mut opened = false;
    while let Some(event) = b.poll_event() {
        opened |= matches!(event, Event::ChannelOpened { from_peer: true, .. });
    }
    if opened { Ok((a, b, id)) } else { Err(Error::WouldBlock) }
}

/// A message of 1 KiB: written, sent, received, acknowledged and read.
fn message(a: &mut Side<'_>, b: &mut Side<'_>, id: ChannelId) -> Result<(), Error> {
    let bytes = black_box([0x5A; 1_024]);
    a.write(NOW, id, MessageKind::Binary, &bytes)?;
    talk(a, b);
    while let Some(event) = b.poll_event() {
        if let Event::Readable(id) = event {
            let mut room = [0; 1_024];
            let read = b.read(NOW, id, &mut room)?;
            return if read.end_of_message && room == bytes { Ok(()) } else { Err(Error::Malformed) };
        }
    }
    Err(Error::WouldBlock)
}
