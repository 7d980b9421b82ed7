//! What a connection takes, at its peak and afterwards, and what happens when it is not there.

use crate::support;

use barertc_arena::{Counting, FailNth, Global};
use barertc_crypto::RustCrypto;
use barertc_dtls::{Config, Connection, Error, Role, Version};
use support::{Pair, Peer, Rng, identities};

#[test]
fn it_stays_within_what_the_configuration_says() {
    let (a, b) = identities(1);
    for version in [Version::Dtls12, Version::Dtls13] {
        let memory = [Counting::new(Global), Counting::new(Global)];
        let config = Config { min_version: version, max_version: version, ..Config::default() };
        let mut p = Pair::with(config.clone(), config.clone(), &a, &b, 1, &memory[0], &memory[1]);
        p.connect();
        p.run(|_| false);
        for m in &memory {
            let value = size_of_val(&p.client);
            let (peak, live) = (m.stats().peak, m.stats().live);
            let worst = Peer::<Global>::worst_case_bytes(&config);
            println!("{version:?}: the value {value}, peak {peak} of {worst}, live {live}");
            assert!(peak <= worst);
            assert!(live <= Peer::<Global>::established_bytes());
            assert!(value + peak <= 24_000, "at its peak {}", value + peak);
            assert!(value + live <= 12_000, "afterwards {}", value + live);
            // A flight, and the keys of two epochs each way.
            assert!(live <= 6_000, "afterwards {live} in the allocator");
            assert!(value <= 2_560, "the value goes through the stack: {value}");
        }
        drop(p);
        assert!(memory.iter().all(|m| m.stats().live == 0));
    }
}

#[test]
fn every_allocation_may_fail() {
    let (a, _) = identities(1);
    let mut nth = 1;
    loop {
        let memory = Counting::new(Global);
        let failing = FailNth::new(&memory, nth);
        match Connection::new(Config::default(), Role::Server, &a, &failing, RustCrypto, &mut Rng(1)) {
            Ok(_) => break,
            Err(error) => assert_eq!(error, Error::NoMemory),
        }
        assert_eq!(memory.stats().live, 0);
        nth += 1;
    }
    assert_eq!(nth, 7, "six blocks, all of them here");
}
