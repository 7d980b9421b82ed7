//! A payload byte is copied once on its way out, from the frame into the caller's buffer, and encrypted there; nothing is
//! allocated for it.
//!
//! Counted through a whole connection, by looking: the frame is made of marks that are found wherever they are. When the
//! cipher is called, every page that the process can write is searched. The packet's marks must be in the frame and once
//! more, where the cipher is told to work, which must be the buffer that the caller lent. A copy on the stack, on the heap
//! or in a field of some layer would be found, also after it was given up: its bytes stay until something else is written
//! there. That such copies are found is tested too.
#![cfg(target_os = "linux")] // memory is read through /proc

#[path = "it/support.rs"]
mod support;

use core::cell::{Cell, RefCell};
use core::net::SocketAddr;
use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::fs::{File, read_to_string};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use barertc::{
    Candidate, Config, ConnectionState, Frame, FrameInfo, Framing, Identity, Instant, MediaKind, PayloadFormat,
    PeerConnection, RecvBounds, Route, RustCrypto, Shared, TrackConfig,
};
use barertc_crypto::{AesKey, ChaChaKey, GcmKey, Provider, SrtpSuite, selftest::Predictable};
use support::{Arena, arena, h264};

const MARK: usize = 16;
/// When everything begins.
const START: Instant = Instant::from_millis(1_000);
/// Bytes of the frame: a dozen packets, each of which is searched for.
const FRAME: usize = 5 + MARK * 800;

/// Finds the marks of one frame; those of another test are others. There is one at a time, because searching copies too.
struct Search {
    magic: u64,
    desk: Arc<Desk>,
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

/// Where a thread that searches is asked. It has a stack of its own, and whoever waits for it calls next to nothing: what
/// was left on the stack must not be overwritten by looking for it.
struct Desk {
    state: AtomicU32,
    found: Mutex<Vec<usize>>,
}

const IDLE: u32 = 0;
const ASKED: u32 = 1;
const ENDED: u32 = 2;

impl Search {
    fn new(seed: u64) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let magic = mix(seed);
        let desk = Arc::new(Desk { state: AtomicU32::new(IDLE), found: Mutex::new(Vec::new()) });
        let theirs = desk.clone();
        thread::spawn(move || {
            let mut buffer = vec![0; 1 << 20];
            loop {
                match theirs.state.load(Ordering::Acquire) {
                    ASKED => {
                        let found = search(magic, &mut buffer);
                        *theirs.found.lock().expect("nobody panics with it") = found;
                        theirs.state.store(IDLE, Ordering::Release);
                    }
                    ENDED => return,
                    _ => thread::yield_now(),
                }
            }
        });
        Self { magic, desk, _turn: turn }
    }

    /// An access unit of one IDR slice that is all marks, behind its length. It is written in place.
    fn frame<'m>(&self, arena: &'m Arena) -> Frame<&'m Arena> {
        let bytes = Shared::<[u8], _>::try_fill(FRAME, arena, |out| -> Result<(), barertc_arena::AllocError> {
            let (head, marks) = out.split_at_mut(5);
            head[..4].copy_from_slice(&(FRAME as u32 - 4).to_be_bytes());
            head[4] = 0x65;
            for (n, mark) in marks.chunks_mut(MARK).enumerate() {
                mark[8..].copy_from_slice(&second_half(self.magic, n as u64).to_be_bytes());
                mark[..8].copy_from_slice(&self.magic.to_be_bytes());
            }
            Ok(())
        });
        let bytes = bytes.expect("room for a frame");
        Frame::new(bytes, PayloadFormat::H264, Framing::Length4, FrameInfo::default(), arena).expect("one slice")
    }

    /// Addresses of all the marks in memory that can be written.
    fn all(&self) -> Vec<usize> {
        self.desk.state.store(ASKED, Ordering::Release);
        while self.desk.state.load(Ordering::Acquire) != IDLE {
            thread::yield_now();
        }
        self.desk.found.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        self.desk.state.store(ENDED, Ordering::Release);
    }
}

fn search(magic: u64, buffer: &mut [u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let memory = File::open("/proc/self/mem").expect("Linux has it");
    let own = buffer.as_ptr() as usize..buffer.as_ptr() as usize + buffer.len();
    for mapping in read_to_string("/proc/self/maps").expect("Linux has it").lines() {
        let mut words = mapping.split(' ');
        let (range, rights) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let Some((start, end)) = range.split_once('-').filter(|_| rights.starts_with("rw")) else { continue };
        let [mut at, end] = [start, end].map(|n| usize::from_str_radix(n, 16).expect("an address"));
        while at + MARK <= end {
            let want = buffer.len().min(end - at);
            let Ok(got) = memory.read_at(&mut buffer[..want], at as u64) else { break };
            if got < MARK {
                break;
            }
            marks(magic, &buffer[..got], |n| found.extend(Some(at + n).filter(|address| !own.contains(address))));
            at += got - (MARK - 1); // a mark may lie across
        }
    }
    found
}

/// Where marks start in `bytes`.
fn marks(magic: u64, bytes: &[u8], mut found: impl FnMut(usize)) {
    let [rare, ..] = magic.to_be_bytes();
    for at in (0..bytes.len()).step_by(256) {
        // Most of memory is empty.
        if !bytes[at..(at + 256).min(bytes.len())].contains(&rare) {
            continue;
        }
        for (n, window) in bytes[at..(at + 255 + MARK).min(bytes.len())].windows(MARK).enumerate() {
            let [first, second] =
                [&window[..8], &window[8..]].map(|half| half.try_into().map_or(0, u64::from_be_bytes));
            if first == magic && second == second_half(magic, second >> 48) {
                found(at + n);
            }
        }
    }
}

fn second_half(magic: u64, n: u64) -> u64 {
    n << 48 | mix(magic ^ n) >> 16
}

fn mix(n: u64) -> u64 {
    let n = (n ^ n >> 31).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) ^ n >> 29
}

/// What was found when the cipher was called.
#[derive(Debug, PartialEq, Eq)]
struct Looked {
    /// Where it was told to encrypt.
    data: Range<usize>,
    /// Marks of the frame in there.
    copied: usize,
    /// Marks that are neither there nor in the frame.
    strayed: usize,
}

/// RustCrypto, which looks around before it encrypts.
struct Spy {
    search: Search,
    suite: SrtpSuite,
    /// Where the frame is, once it is being sent.
    frame: Cell<Option<(usize, usize)>>,
    looked: RefCell<Vec<Looked>>,
}

impl Spy {
    fn look(&self, data: &[u8]) {
        let Some((start, end)) = self.frame.get() else { return };
        let data = data.as_ptr() as usize..data.as_ptr() as usize + data.len();
        let (mut copied, mut strayed) = (0, 0);
        for address in self.search.all() {
            if data.contains(&address) {
                copied += 1;
            } else if !(start..end).contains(&address) {
                strayed += 1;
            }
        }
        self.looked.borrow_mut().push(Looked { data, copied, strayed });
    }
}

impl Provider for Spy {
    type AesKey = AesKey;
    type GcmKey = GcmKey;
    type ChaChaKey = ChaChaKey;

    fn gcm_seal(&self, key: &GcmKey, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
        self.look(data);
        RustCrypto.gcm_seal(key, nonce, aad, data)
    }

    fn aes_ctr(&self, key: &AesKey, iv: &[u8; 16], data: &mut [u8]) {
        self.look(data);
        RustCrypto.aes_ctr(key, iv, data);
    }

    fn rank_srtp(&self) -> [SrtpSuite; 4] {
        let mut rank = RustCrypto.rank_srtp();
        if let Some(at) = rank.iter().position(|suite| *suite == self.suite) {
            rank.swap(0, at);
        }
        rank
    }
}

type Connection<'m> = PeerConnection<'m, &'m Arena, Spy>;

const ADDRESSES: [([u8; 4], u16); 2] = [([10, 0, 0, 1], 4_000), ([10, 0, 0, 2], 4_000)];

/// Passes datagrams from one to the other and back until both are connected; what time it is then.
fn connect(sides: &mut [Connection<'_>; 2]) -> Instant {
    let mut now = START;
    let mut room = [0; 2_048];
    while sides.iter().any(|side| side.connection_state() != ConnectionState::Connected) {
        assert!(now < Instant::from_millis(20_000), "they do not connect");
        for (from, to) in [(0, 1), (1, 0)] {
            sides[from].handle_timeout(now);
            while let Some(transmit) = sides[from].poll_transmit(now, &mut room) {
                let route = Route::udp(transmit.route.remote, transmit.route.local);
                let _ = sides[to].handle(now, route, &mut room[..transmit.len]);
            }
            while sides[from].poll_event().is_some() {}
        }
        now += Duration::from_millis(5);
    }
    now
}

fn copied_once(suite: SrtpSuite) {
    let identities = [1, 2].map(|seed| Identity::generate(&RustCrypto, &mut Predictable::new(seed)));
    let (memory, frames) = (arena(0), arena(0));
    let search = Search::new(suite as u64 + 1);
    let spy = Spy { search, suite, frame: Cell::new(None), looked: RefCell::new(Vec::with_capacity(64)) };
    let mut rng = Predictable::new(3);
    let mut side = |n: usize| {
        // The second one receives.
        let config = Config { recv_video: RecvBounds::video(n as u8), ..Config::default() };
        let mut side: Connection<'_> =
            PeerConnection::new(config, &identities[n], &memory, &spy, &mut rng).expect("room");
        side.add_local_candidate(START, Candidate::host(SocketAddr::from(ADDRESSES[n]))).expect("room");
        side
    };
    let mut sides = [side(0), side(1)];
    let sendonly = TrackConfig::sendonly(MediaKind::Video, "video", "stream", [h264()]).expect("a track");
    let track = sides[0].add_track(START, sendonly).expect("room");
    sides[1].add_track(START, TrackConfig::recvonly(MediaKind::Video, "v", [h264()]).expect("a track")).expect("room");
    let mut room = [[0; 8_192]; 2];
    let [offer, answer] = &mut room;
    let offer = sides[0].create_offer(START, offer).expect("an offer");
    let answer = sides[1].create_answer(START, offer, answer).expect("an answer");
    sides[0].set_answer(START, answer).expect("they agree");
    let mut now = connect(&mut sides);

    let frame = spy.search.frame(&frames);
    let start = frame.bytes().as_ptr() as usize;
    let elsewhere = |at: &usize| !(start..start + FRAME).contains(at);
    assert_eq!(spy.search.all().len(), FRAME / MARK, "the frame, and nothing but the frame");
    sides[0].send_frame(now, track, &frame).expect("room");
    let (before, before_frames) = (memory.inner().stats(), frames.inner().stats());

    let mut out = vec![0u8; 1_200];
    let lent = out.as_ptr() as usize..out.as_ptr() as usize + out.len();
    let mut packets = 0;
    let mut marks = 0;
    let end = now + Duration::from_secs(1);
    while now < end {
        sides[0].handle_timeout(now);
        loop {
            spy.frame.set(Some((start, start + FRAME)));
            let transmit = sides[0].poll_transmit(now, &mut out);
            spy.frame.set(None);
            let Some(transmit) = transmit else { break };
            let looked = core::mem::take(&mut *spy.looked.borrow_mut());
            if !matches!(out[..transmit.len], [128..=191, second, ..] if !(192..=223).contains(&second)) {
                continue;
            }
            let [Looked { data, copied, strayed }] = &looked[..] else { panic!("encrypted {} times", looked.len()) };
            assert!(lent.contains(&data.start) && lent.contains(&(data.end - 1)), "encrypted in the caller's buffer");
            assert_eq!(*strayed, 0, "a second copy of packet {packets}");
            assert_eq!(spy.search.all().iter().filter(|at| elsewhere(at)).count(), 0, "a trace of packet {packets}");
            marks += copied;
            packets += 1;
        }
        now += Duration::from_millis(1);
    }
    // Every packet boundary may cut a mark in two.
    assert!(packets >= 11, "{packets} packets");
    assert!((FRAME / MARK - packets..=FRAME / MARK).contains(&marks), "{marks} marks in {packets} packets");
    assert_eq!(memory.inner().stats(), before, "an allocation");
    // The history keeps the frame, and no more.
    assert_eq!(frames.inner().stats(), before_frames, "an allocation");
}

#[test]
fn with_gcm() {
    copied_once(SrtpSuite::AeadAes128Gcm);
}

#[test]
fn with_counter_mode() {
    copied_once(SrtpSuite::AesCm128HmacSha1_80);
}

/// What a layer might do that puts a packet together first.
#[inline(never)]
fn on_the_stack(payload: &[u8]) -> u8 {
    let mut packet = [0; 1_200];
    packet[12..][..payload.len()].copy_from_slice(payload);
    black_box(&mut packet)[600]
}

#[test]
fn copies_that_were_given_up_are_found() {
    let (search, memory) = (Search::new(77), arena(0));
    let frame = search.frame(&memory);
    let marks = FRAME / MARK;
    assert_eq!(search.all().len(), marks);
    black_box(on_the_stack(&frame.bytes()[5..1_173]));
    let after = search.all().len();
    assert!(after > marks + 36, "{} of 73 marks are left on the stack", after - marks);
    drop(black_box(frame.bytes()[5..1_173].to_vec()));
    let heap = search.all().len();
    assert!(heap > marks + 36, "{} of 73 marks are left on the heap and the stack", heap - marks);
    drop(frame);
}
