//! Two agents find each other, and what a check costs.

use barertc_arena::Heap;
use barertc_crypto::RustCrypto;
use barertc_crypto::rand_core::{TryCryptoRng, TryRng};
use barertc_ice::stun::Message;
use barertc_ice::{Agent, Candidate, Config, Error, Handled, Route, State};
use barertc_wire::Instant;
use core::hint::black_box;
use core::net::{Ipv4Addr, SocketAddr};

use crate::bench::Bench;

type Memory<'m> = &'m Heap<'static>;
type Side<'m> = Agent<Memory<'m>, RustCrypto>;

const A: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 1000);
const B: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 2000);

/// Different bytes, for a test; a board has a generator.
struct Dice(u64);

impl TryRng for Dice {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.try_next_u64().map(|n| n as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Ok(self.0.rotate_left(29))
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&self.try_next_u64()?.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Dice {}

pub fn run(bench: &mut Bench) {
    let config = Config::default();
    bench.figure("agent, itself", size_of::<Side>(), "bytes");
    bench.figure("agent, memory at most", Side::worst_case_bytes(&config), "bytes");
    bench.test("two agents connect", || connect(bench.psram).map(drop));
    let internal = bench.internal;
    bench.test("memory is within its bound", || {
        let agent = Agent::new(config.clone(), true, internal, RustCrypto, &mut Dice(1))?;
        let live = internal.stats().live;
        drop(agent);
        if live <= Side::worst_case_bytes(&config) { Ok(()) } else { Err(Error::NoMemory) }
    });
    let Ok((mut a, mut b)) = connect(bench.psram) else { return };
    let mut out = [0; 512];
    let later = Instant::from_millis(7_000);
    let mut sent = None;
    bench.measure("write a consent check", || sent = a.poll_transmit(black_box(later), &mut out));
    let Some(sent) = sent else { return };
    bench.measure("find the end of it", || black_box(Message::parse(&out[..sent.len]).is_ok()));
    let mut handled = Handled::Consumed;
    let route = Route::udp(B, A);
    bench.measure("take it in", || handled = b.handle(later, route, black_box(&mut out[..sent.len])));
    bench.measure("answer it", || sent_len(b.poll_transmit(later, &mut out)));
    let mut data = [0x80; 1200];
    bench.within("let a packet of media through", 2_000, || handled = b.handle(later, route, black_box(&mut data)));
    bench.test("it is media", || match handled {
        Handled::Data { range: core::ops::Range { start: 0, end: 1200 }, .. } => Ok(()),
        _ => Err(Error::NotConnected),
    });
}

fn sent_len(t: Option<barertc_ice::Transmit>) -> usize {
    t.map_or(0, |t| t.len)
}

fn connect(memory: Memory<'_>) -> Result<(Side<'_>, Side<'_>), Error> {
    let mut a = Agent::new(Config::default(), true, memory, RustCrypto, &mut Dice(1))?;
    let mut b = Agent::new(Config::default(), false, memory, RustCrypto, &mut Dice(2))?;
    a.add_local(Instant::ZERO, Candidate::host(A))?;
    b.add_local(Instant::ZERO, Candidate::host(B))?;
    let (ufrag, pwd) = a.local_credentials();
    b.set_remote_credentials(Instant::ZERO, ufrag, pwd)?;
    let (ufrag, pwd) = b.local_credentials();
    a.set_remote_credentials(Instant::ZERO, ufrag, pwd)?;
    a.add_remote(Instant::ZERO, Candidate::host(B))?;
    for step in 0..8 {
        let now = Instant::from_millis(step * 100);
        carry(now, &mut a, &mut b);
        carry(now, &mut b, &mut a);
    }
    let done = |agent: &Side| agent.state() == State::Completed;
    if done(&a) && done(&b) { Ok((a, b)) } else { Err(Error::NotConnected) }
}

fn carry(now: Instant, from: &mut Side, to: &mut Side) {
    let mut out = [0; 512];
    while let Some(t) = from.poll_transmit(now, &mut out) {
        to.handle(now, Route::udp(t.route.remote, t.route.local), &mut out[..t.len]);
    }
}
