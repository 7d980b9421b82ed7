//! A data channel between two associations on one core, beside dcsctp and sctp-proto: throughput, allocations per message
//! and memory, for messages of 100 B, 1 KiB and 64 KiB, with and without checksum.
//!
//! dcsctp formats every packet for a log, also where logging is off at compile time, as here: its rows contain that.
//! Rounds of all alternate, so that a busy machine is busy for all of them; medians are told.
//! `SCTP_BENCH=ours:1024:crc` runs one case once, for callgrind.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant as Clock};

use barertc_arena::{Counting, Global};
use barertc_sctp::{Association, ChannelConfig, ChannelId, Config, Event, MessageKind, Role};
use barertc_wire::Instant;
use bytes::Bytes;
use dcsctp::api::{
    DcSctpSocket, Message, Options, PpId, SendOptions, SocketEvent, SocketState, SocketTime, StreamId,
    ZERO_CHECKSUM_ALTERNATE_ERROR_DETECTION_METHOD_LOWER_LAYER_DTLS,
};
use sctp_proto::{
    AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Payload, PayloadProtocolIdentifier,
    ServerConfig, TransportConfig,
};

/// Both buffers of every stack.
const BUFFER: usize = 1 << 20;
/// Bytes in an SCTP packet.
const MTU: u16 = 1_188;
const SIZES: [(usize, usize); 3] = [(100, 100_000), (1_024, 60_000), (65_536, 1_500)];
const ROUNDS: usize = 7;

/// Counts what is allocated, and what lives.
struct Counter;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn taken(bytes: usize) {
    ALLOCATIONS.fetch_add(1, Relaxed);
    let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(live, Relaxed);
}

// SAFETY: every call is handed on as it is.
unsafe impl GlobalAlloc for Counter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller's.
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_sub(layout.size(), Relaxed);
        taken(size);
        // SAFETY: as the caller's.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static HEAP: Counter = Counter;

/// Two ends of one stack; time is a number that only moves when nothing else does.
trait Pair {
    /// Takes a message at the first end, if there is room.
    fn send(&mut self, message: &[u8]) -> bool;
    /// Carries every packet that either end has; false when there was none.
    fn carry(&mut self) -> bool;
    /// Bytes and messages read at the second end since the last call.
    fn read(&mut self) -> (usize, usize);
    /// Lets time pass until something is due.
    fn wait(&mut self);
}

// Ours.

type Heap = &'static Counting<Global>;

struct Ours {
    ends: [Association<Heap>; 2],
    id: ChannelId,
    now: Instant,
    packet: [u8; MTU as usize],
}

impl Ours {
    fn new(checksum: bool, seed: u64) -> Self {
        let mut config = Config::with_buffers(BUFFER as u32, BUFFER as u32);
        config.mtu = MTU;
        config.zero_checksum = !checksum;
        config.interleaving = false;
        let heap: Heap = Box::leak(Box::new(Counting::new(Global)));
        let mut rng = Predictable(seed);
        let mut ends =
            [(); 2].map(|()| Association::new(config.clone(), heap, &mut rng).expect("memory for an association"));
        let now = Instant::from_millis(1);
        ends[0].set_role(now, Role::Client);
        ends[1].set_role(now, Role::Server);
        ends.iter_mut().for_each(|e| e.connect(now));
        let id = ends[0].open(now, &ChannelConfig::default()).expect("a channel");
        let mut this = Self { ends, id, now, packet: [0; MTU as usize] };
        while this.carry() || !this.ends[0].is_established() {}
        this.read();
        this
    }
}

impl Pair for Ours {
    fn send(&mut self, message: &[u8]) -> bool {
        self.ends[0].write(self.now, self.id, MessageKind::Binary, message).is_ok()
    }
    fn carry(&mut self) -> bool {
        let mut some = false;
        self.now += Duration::from_micros(1);
        let [a, b] = &mut self.ends;
        while let Some(len) = a.poll_transmit(self.now, &mut self.packet) {
            let _ = b.handle(self.now, &mut self.packet[..len]);
            some = true;
        }
        while let Some(len) = b.poll_transmit(self.now, &mut self.packet) {
            let _ = a.handle(self.now, &mut self.packet[..len]);
            some = true;
        }
        some
    }
    fn read(&mut self) -> (usize, usize) {
        let (mut bytes, mut messages) = (0, 0);
        while self.ends[0].poll_event().is_some() {}
        while let Some(event) = self.ends[1].poll_event() {
            let Event::Readable(id) = event else { continue };
            while let Ok(read) = self.ends[1].read_with(self.now, id, |part| black_box(part).len()) {
                bytes += read.len;
                messages += usize::from(read.end_of_message);
            }
        }
        (bytes, messages)
    }
    fn wait(&mut self) {
        let due = self.ends.iter().filter_map(|e| e.timeout()).min().expect("something is due");
        self.now = self.now.max(due);
        self.ends.iter_mut().for_each(|e| e.handle_timeout(self.now));
    }
}

struct Predictable(u64);

impl rand_core::TryRng for Predictable {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok((self.try_next_u64()? >> 32) as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        Ok(self.0)
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        for b in out {
            *b = (self.try_next_u64()? >> 32) as u8;
        }
        Ok(())
    }
}
impl rand_core::TryCryptoRng for Predictable {}

// dcsctp.

struct Dcsctp {
    ends: [Box<dyn DcSctpSocket>; 2],
    now: SocketTime,
}

impl Dcsctp {
    fn new(checksum: bool) -> Self {
        let mut options = Options {
            local_port: 5000,
            remote_port: 5000,
            mtu: MTU.into(),
            max_receiver_window_buffer_size: BUFFER,
            max_send_buffer_size: BUFFER,
            per_stream_send_queue_limit: BUFFER,
            ..Options::default()
        };
        if !checksum {
            options.zero_checksum_alternate_error_detection_method =
                ZERO_CHECKSUM_ALTERNATE_ERROR_DETECTION_METHOD_LOWER_LAYER_DTLS;
        }
        let mut ends = [dcsctp::new_socket("a", &options), dcsctp::new_socket("b", &options)];
        ends[0].connect();
        let mut this = Self { ends, now: SocketTime::zero() };
        while this.carry() {}
        assert!(this.ends[0].state() == SocketState::Connected);
        this
    }

    fn carry_from(&mut self, from: usize) -> bool {
        let mut some = false;
        while let Some(event) = self.ends[from].poll_event() {
            if let SocketEvent::SendPacket(packet) = event {
                self.ends[1 - from].handle_input(&packet);
                some = true;
            }
        }
        some
    }
}

impl Pair for Dcsctp {
    fn send(&mut self, message: &[u8]) -> bool {
        // Its queue is a threshold: a message more always fits. What is refused is given back only by a copy.
        if self.ends[0].buffered_amount(StreamId(1)) + message.len() > BUFFER {
            return false;
        }
        let message = Message::new(StreamId(1), PpId(53), message.to_vec());
        self.ends[0].send(message, &SendOptions::default()).is_ok()
    }
    fn carry(&mut self) -> bool {
        self.now = self.now + Duration::from_micros(1);
        self.ends.iter_mut().for_each(|e| e.advance_time(self.now));
        self.carry_from(0) | self.carry_from(1)
    }
    fn read(&mut self) -> (usize, usize) {
        let (mut bytes, mut messages) = (0, 0);
        while let Some(m) = self.ends[1].get_next_message() {
            bytes += black_box(m.payload).len();
            messages += 1;
        }
        (bytes, messages)
    }
    fn wait(&mut self) {
        let due = self.ends.iter().map(|e| e.poll_timeout()).min().expect("two ends");
        self.now = self.now.max(due);
        self.ends.iter_mut().for_each(|e| e.advance_time(self.now));
    }
}

// sctp-proto.

struct Proto {
    ends: [(Endpoint, Option<(AssociationHandle, sctp_proto::Association)>); 2],
    now: Clock,
    packets: VecDeque<Bytes>,
}

impl Proto {
    fn new() -> Self {
        let transport = || {
            Arc::new(
                TransportConfig::default()
                    .with_max_receive_buffer_size(BUFFER as u32)
                    .with_max_send_message_size(BUFFER as u32)
                    .with_max_receive_message_size(BUFFER as u32),
            )
        };
        let config = || {
            let mut config = EndpointConfig::new();
            config.max_payload_size(u32::from(MTU) - 28);
            Arc::new(config)
        };
        let mut server = ServerConfig::new();
        server.transport = transport();
        let mut client = Endpoint::new(config(), None);
        let mut how = ClientConfig::new();
        how.transport = transport();
        let association = client.connect(how, ([127, 0, 0, 1], 5000).into()).expect("an association");
        let ends = [(client, Some(association)), (Endpoint::new(config(), Some(Arc::new(server))), None)];
        let mut this = Self { ends, now: Clock::now(), packets: VecDeque::with_capacity(4_096) };
        while this.carry() {}
        let (_, association) = this.ends[0].1.as_mut().expect("connected");
        association.open_stream(1, PayloadProtocolIdentifier::Binary).expect("a stream");
        this
    }

    fn carry_from(&mut self, from: usize) -> bool {
        if let Some((_, association)) = &mut self.ends[from].1 {
            while let Some(transmit) = association.poll_transmit(self.now) {
                let Payload::RawEncode(packets) = transmit.payload else { continue };
                self.packets.extend(packets);
            }
        }
        let some = !self.packets.is_empty();
        let (endpoint, association) = &mut self.ends[1 - from];
        while let Some(packet) = self.packets.pop_front() {
            match endpoint.handle(self.now, ([127, 0, 0, 1], 5000).into(), None, None, packet) {
                Some((handle, DatagramEvent::NewAssociation(new))) => *association = Some((handle, new)),
                Some((_, DatagramEvent::AssociationEvent(event))) => {
                    if let Some((_, association)) = association {
                        association.handle_event(event);
                    }
                }
                None => {}
            }
        }
        some
    }
}

impl Pair for Proto {
    fn send(&mut self, message: &[u8]) -> bool {
        let (_, association) = self.ends[0].1.as_mut().expect("connected");
        let mut stream = association.stream(1).expect("open");
        // It has no bound of its own.
        if stream.buffered_amount().unwrap_or(0) + message.len() > BUFFER {
            return false;
        }
        stream.write_with_ppi(message, PayloadProtocolIdentifier::Binary).is_ok()
    }
    fn carry(&mut self) -> bool {
        self.now += Duration::from_micros(1);
        self.carry_from(0) | self.carry_from(1)
    }
    fn read(&mut self) -> (usize, usize) {
        let (mut bytes, mut messages) = (0, 0);
        for (_, association) in self.ends.iter_mut().filter_map(|(_, a)| a.as_mut()) {
            while association.poll().is_some() {}
        }
        let (_, association) = self.ends[1].1.as_mut().expect("connected");
        if let Ok(mut stream) = association.stream(1) {
            while let Ok(Some(chunks)) = stream.read_sctp() {
                bytes += black_box(&chunks).len();
                messages += 1;
            }
        }
        (bytes, messages)
    }
    fn wait(&mut self) {
        let due = self.ends.iter().filter_map(|(_, a)| a.as_ref()?.1.poll_timeout()).min();
        self.now = self.now.max(due.expect("something is due"));
        for (_, association) in self.ends.iter_mut().filter_map(|(_, a)| a.as_mut()) {
            association.handle_timeout(self.now);
        }
    }
}

/// What one transfer took.
struct Cost {
    bytes_a_second: f64,
    allocations: f64,
    /// Of both ends together: idle, and at the most.
    memory: [usize; 2],
}

fn transfer(make: impl FnOnce() -> Box<dyn Pair>, size: usize, count: usize) -> Cost {
    let before = LIVE.load(Relaxed);
    let mut pair = make();
    let idle = LIVE.load(Relaxed) - before;
    let message = vec![0x5Au8; size];
    let own = LIVE.load(Relaxed) - before - idle;
    // The first tenth opens the window and fills every cache.
    let mut run = |count: usize| {
        let (mut sent, mut got, mut bytes) = (0, 0, 0);
        while got < count {
            while sent < count && pair.send(&message) {
                sent += 1;
            }
            let moved = pair.carry();
            let (b, n) = pair.read();
            got += n;
            bytes += b;
            if !moved && n == 0 {
                pair.wait();
            }
        }
        assert_eq!(bytes, count * size);
    };
    run(count / 10);
    PEAK.store(LIVE.load(Relaxed), Relaxed);
    let allocations = ALLOCATIONS.load(Relaxed);
    let start = Clock::now();
    run(count);
    let took = start.elapsed();
    let allocations = ALLOCATIONS.load(Relaxed) - allocations;
    Cost {
        bytes_a_second: (size * count) as f64 / took.as_secs_f64(),
        allocations: allocations as f64 / count as f64,
        memory: [idle, PEAK.load(Relaxed) - before - own],
    }
}

const CASES: [(&str, bool); 5] =
    [("ours", true), ("dcsctp", true), ("sctp-proto", true), ("ours", false), ("dcsctp", false)];

fn case(name: &str, checksum: bool, size: usize, count: usize) -> Cost {
    transfer(
        || match name {
            "ours" => Box::new(Ours::new(checksum, 1)),
            "dcsctp" => Box::new(Dcsctp::new(checksum)),
            _ => Box::new(Proto::new()),
        },
        size,
        count,
    )
}

fn main() {
    if let Ok(one) = std::env::var("SCTP_BENCH") {
        let mut parts = one.split(':');
        let name = parts.next().unwrap_or("ours").to_owned();
        let size = parts.next().map_or(1_024, |s| s.parse().expect("a size"));
        let checksum = parts.next() != Some("zero");
        let cost = case(&name, checksum, size, (20 << 20) / size);
        println!("{one}: {:.0} MB/s, {:.2} allocations a message", cost.bytes_a_second / 1e6, cost.allocations);
        return;
    }
    println!(
        "| message | stack | checksum | MB/s (median of {ROUNDS}) | allocations a message | KB idle | KB at the most |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (size, count) in SIZES {
        let mut costs: Vec<Vec<Cost>> = CASES.iter().map(|_| vec![]).collect();
        for _ in 0..ROUNDS {
            for (costs, (name, checksum)) in costs.iter_mut().zip(CASES) {
                costs.push(case(name, checksum, size, count));
            }
        }
        for (costs, (name, checksum)) in costs.iter_mut().zip(CASES) {
            costs.sort_by(|a, b| a.bytes_a_second.total_cmp(&b.bytes_a_second));
            let middle = &costs[ROUNDS / 2];
            println!(
                "| {size} | {name} | {} | {:.0} | {:.2} | {} | {} |",
                if checksum { "CRC-32C" } else { "zero" },
                middle.bytes_a_second / 1e6,
                middle.allocations,
                middle.memory[0] / 1_000,
                middle.memory[1] / 1_000,
            );
        }
    }
}
