//! Whole handshakes between two connections, what each side of them costs, and what a record does.

use barertc_arena::{Counting, Heap};
use barertc_crypto::selftest::Predictable;
use barertc_crypto::{Group, RustCrypto, Suite};
use barertc_dtls::{Config, Connection, Error, Identity, Preference, Role, Version};
use barertc_wire::Instant;
use core::hint::black_box;

use crate::bench::Bench;
use crate::machine::instructions;

type Memory<'m> = Counting<&'m Heap<'static>>;
type Peer<'a, 'm> = Connection<&'a Memory<'m>, RustCrypto>;

/// The four operations on curves in each side's handshake are X25519 twice, P-256 sign and verify: 9.2 million. The rest is
/// hashes, key schedules, records and our own work, and that is what the limit is for.
const HANDSHAKE: u64 = 11_000_000;

pub fn run(bench: &mut Bench) {
    let memory = Counting::new(bench.psram);
    let mut rng = Predictable::new(1);
    let alice = bench.measure("identity (key and certificate)", || Identity::generate(&RustCrypto, &mut rng));
    let bob = Identity::generate(&RustCrypto, &mut rng);
    for (version, client, server) in [
        (Version::Dtls12, "handshake 1.2, client", "handshake 1.2, server"),
        (Version::Dtls13, "handshake 1.3, client", "handshake 1.3, server"),
    ] {
        memory.reset_peak();
        let config = Config {
            min_version: version,
            max_version: version,
            suites: Preference::only(&[Suite::ChaCha20Poly1305]),
            groups: Preference::only(&[Group::X25519, Group::P256]),
            ..Config::default()
        };
        let bound = 2 * Connection::<Memory, RustCrypto>::worst_case_bytes(&config);
        match handshake(&config, &alice, &bob, &memory) {
            Ok((mut a, mut b, cost)) => {
                for (name, cost) in [(client, cost[0]), (server, cost[1])] {
                    bench.figure(name, cost as usize, "instructions");
                    bench.test(name, || if cost < HANDSHAKE { Ok(()) } else { Err(cost) });
                }
                records(bench, &mut a, &mut b);
                bench.figure("connection value", size_of_val(&a), "bytes");
                bench.figure("both connections, live", memory.stats().live, "bytes");
            }
            Err(error) => bench.test(client, || Err(error)),
        }
        let peak = memory.stats().peak;
        bench.figure("both connections, peak", peak, "bytes");
        bench.test("peak is within the bound", || if peak <= bound { Ok(()) } else { Err((peak, bound)) });
    }
}

/// Connects two peers; what the client's calls and the server's calls cost.
fn handshake<'a, 'm>(
    config: &Config,
    alice: &Identity,
    bob: &Identity,
    memory: &'a Memory<'m>,
) -> Result<(Peer<'a, 'm>, Peer<'a, 'm>, [u64; 2]), Error> {
    let mut rng = Predictable::new(2);
    let now = Instant::ZERO;
    let mut cost = [0; 2];
    let (mut datagram, mut len) = ([0; 1_500], 0);

    let start = instructions();
    let mut a = Connection::new(config.clone(), Role::Client, alice, memory, RustCrypto, &mut rng)?;
    a.set_peer_fingerprint(now, bob.fingerprint(&RustCrypto))?;
    cost[0] += instructions() - start;
    let start = instructions();
    let mut b = Connection::new(config.clone(), Role::Server, bob, memory, RustCrypto, &mut rng)?;
    b.set_peer_fingerprint(now, alice.fingerprint(&RustCrypto))?;
    cost[1] += instructions() - start;

    for turn in 0..20 {
        let (from, to) = if turn % 2 == 0 { (&mut a, &mut b) } else { (&mut b, &mut a) };
        loop {
            let start = instructions();
            let sent = from.poll_transmit(now, black_box(&mut datagram));
            let between = instructions();
            if let Some(n) = sent {
                len = n;
                to.handle(now, &mut datagram[..n], |_| ())?;
            }
            cost[turn % 2] += between - start;
            cost[1 - turn % 2] += instructions() - between;
            if sent.is_none() {
                break;
            }
        }
        if a.is_connected() && b.is_connected() {
            break;
        }
    }
    black_box(len);
    if a.is_connected() && b.is_connected() { Ok((a, b, cost)) } else { Err(Error::NotConnected) }
}

/// One full record each way round the cipher.
fn records(bench: &mut Bench, a: &mut Peer<'_, '_>, b: &mut Peer<'_, '_>) {
    let (front, back) = a.room();
    let mut record = [0x55; 1_300];
    let total = front + 1_100 + back;
    let sealed =
        bench.within("seal 1100 B, ChaCha20-Poly1305", 80_000, || a.seal(Instant::ZERO, black_box(&mut record), 1_100));
    bench.test("a record is as long as its room says", || if sealed == Ok(total) { Ok(()) } else { Err(sealed) });
    let mut got = 0;
    let opened = bench.within("open 1100 B, ChaCha20-Poly1305", 80_000, || {
        b.handle(Instant::ZERO, black_box(&mut record[..total]), |d| got = d.len())
    });
    bench.test("the other side opens it", || if opened.is_ok() && got == 1_100 { Ok(()) } else { Err(opened) });
}
