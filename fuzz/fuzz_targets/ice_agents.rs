//! Two agents, full or lite, over a network that loses, doubles, delays, alters and replays what the input wants: no panic,
//! bounded memory, no endless sending, nobody selects a path before an authentic message has come, and nothing is sent to
//! where no host is.
#![no_main]

use std::net::SocketAddr;
use std::time::Duration;

use barertc_arena::Heap;
use barertc_crypto::RustCrypto;
use barertc_crypto::rand_core::{TryCryptoRng, TryRng};
use barertc_ice::{Agent, Attributes, Candidate, Carries, Config, Handled, Route};
use barertc_wire::Instant;
use libfuzzer_sys::fuzz_target;

struct Counting(u64);

impl TryRng for Counting {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.try_next_u64().map(|n| n as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Ok(self.0)
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&self.try_next_u64()?.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Counting {}

type Side<'h, 'r> = Agent<&'h Heap<'r>, RustCrypto>;

const FROM: [&str; 6] =
    ["192.0.2.1:1000", "192.0.2.2:1000", "192.0.2.3:1000", "224.0.0.1:1000", "0.0.0.0:1", "192.0.2.9:0"];

fuzz_target!(|data: &[u8]| {
    let mut regions = [(); 2].map(|()| vec![core::mem::MaybeUninit::uninit(); 64 * 1024]);
    let [first, second] = &mut regions;
    let heaps: [Heap; 2] = [Heap::new(first).unwrap(), Heap::new(second).unwrap()];
    let flags = data.first().copied().unwrap_or(0);
    let places: Vec<SocketAddr> = FROM.iter().map(|a| a.parse().unwrap()).collect();
    let mut now = Instant::ZERO;
    let mut agents: Vec<Side> = (0..2)
        .map(|i| {
            let config = Config {
                lite: i == 1 && flags & 1 == 1,
                carried: (flags & 2 == 2).then_some([0xC070, 0xC071]),
                max_remote: 4,
                max_pairs: 6,
                ..Config::default()
            };
            let mut rng = Counting(i as u64 + 1);
            let mut agent = Agent::new(config, (flags >> (2 + i)) & 1 == 1, &heaps[i], RustCrypto, &mut rng).unwrap();
            agent.add_local(now, Candidate::host(places[i])).unwrap();
            agent
        })
        .collect();
    introduce(now, &mut agents);
    agents[0].add_remote(now, Candidate::host(places[1])).unwrap();

    let mut flying: Vec<(usize, Vec<u8>)> = vec![];
    let mut heard = [false; 2];
    for step in data.get(1..).unwrap_or_default().chunks_exact(3) {
        let [op, which, how] = [step[0], step[1], step[2]];
        match op % 8 {
            // Arrives, perhaps altered, perhaps from elsewhere; with 3 it stays, to be replayed.
            0..=3 if !flying.is_empty() => {
                let i = usize::from(which) % flying.len();
                let (to, mut bytes) = if op % 8 == 3 { flying[i].clone() } else { flying.swap_remove(i) };
                if op % 8 == 2 {
                    let at = usize::from(how) % bytes.len();
                    bytes[at] ^= 1 << (which % 8);
                }
                let from = if op % 8 == 0 { places[1 - to] } else { places[usize::from(how) % places.len()] };
                let handled = agents[to].handle(now, Route::udp(places[to], from), &mut bytes);
                heard[to] |= matches!(handled, Handled::Consumed | Handled::Carried(_));
                if let Handled::Carried(carried) = handled {
                    carried.values.into_iter().flatten().for_each(|range| assert!(range.end <= bytes.len()));
                }
            }
            4 => now += Duration::from_millis(u64::from(how) << (which % 8)),
            5 if which & 1 == 0 => {
                agents[usize::from(how & 1)].restart(now).unwrap();
                if how & 2 == 2 {
                    introduce(now, &mut agents);
                }
            }
            5 => introduce(now, &mut agents),
            6 => drop(agents[usize::from(which & 1)].add_remote(now, Candidate::host(places[usize::from(how) % 6]))),
            7 => match which % 4 {
                0 => agents[usize::from(how & 1)].network_changed(now),
                1 => agents[usize::from(how & 1)].check_now(now),
                2 => agents[usize::from(how & 1)].end_of_candidates(now),
                _ => {
                    let to = usize::from(how & 1);
                    let _ = agents[to].moved(now, Route::udp(places[to], places[usize::from(how >> 1) % 6]));
                }
            },
            _ => {}
        }
        for (i, agent) in agents.iter_mut().enumerate() {
            agent.handle_timeout(now);
            let (mut out, mut sent) = ([0; 1300], 0);
            let mut carrier = |_: Carries, attributes: &mut Attributes<'_, '_>| {
                if flags & 2 == 2 {
                    let _ = attributes.put(0xC070, &step[..usize::from(how % 4)]);
                }
            };
            while let Some(t) = agent.poll_transmit_carrying(now, &mut out, &mut carrier) {
                sent += 1;
                assert!(sent < 50, "sends without end");
                assert!(!places[3..].contains(&t.route.remote), "sends to {}", t.route.remote);
                if flying.len() < 64 {
                    flying.push((1 - i, out[..t.len].to_vec()));
                }
            }
            while agent.poll_event().is_some() {}
            assert!(agent.selected().is_none() || heard[i]);
            assert!(agent.timeout().is_none_or(|t| t > now), "a timeout that is never served");
            assert!(heaps[i].stats().peak <= Side::worst_case_bytes(agent.config()));
        }
    }
    drop(agents);
    assert_eq!(heaps.each_ref().map(|h| h.stats().live), [0, 0]);
});

fn introduce(now: Instant, agents: &mut [Side]) {
    let credentials: Vec<_> = agents
        .iter()
        .map(|a| {
            let (ufrag, pwd) = a.local_credentials();
            (ufrag.to_owned(), pwd.to_owned())
        })
        .collect();
    for (agent, (ufrag, pwd)) in agents.iter_mut().zip(credentials.iter().rev()) {
        agent.set_remote_credentials(now, ufrag, pwd).unwrap();
    }
}
