//! A connection, a frame and an event may be given to another thread where the allocator may be used there.

use std::thread;

use barertc::arena::{CriticalSection, Heap, Shared};
use barertc::{Config, Event, Frame, FrameInfo, Framing, Identity, Instant, PayloadFormat, PeerConnection, RustCrypto};

use barertc_arena::Global;
use barertc_crypto::selftest::Predictable;

/// It compiles, or the types are not `Send`.
const fn may_change_threads<T: Send>() {}

const _: () = {
    may_change_threads::<PeerConnection<'static, Global, RustCrypto>>();
    may_change_threads::<PeerConnection<'static, &'static Heap<'static, CriticalSection>, RustCrypto>>();
    may_change_threads::<Frame<Global>>();
    may_change_threads::<Frame<&'static Heap<'static, CriticalSection>>>();
    may_change_threads::<Event>();
};

#[test]
fn a_frame_is_counted_on_two_threads() {
    let bytes = Shared::<[u8], _>::try_from_slice(&[0x65; 64], Global).expect("memory");
    let frame = Frame::new(bytes, PayloadFormat::Opus, Framing::AnnexB, FrameInfo::default(), Global).expect("a frame");
    let there = thread::spawn({
        let frame = frame.clone();
        move || (0..1000).filter(|_| frame.clone().is_key() == frame.is_key()).count()
    });
    assert_eq!((0..1000).filter(|_| frame.clone().is_key() == frame.is_key()).count(), 1000);
    assert_eq!(there.join().expect("the thread ends"), 1000);
}

#[test]
fn a_connection_goes_on_on_another_thread() {
    let identity = Identity::generate(&RustCrypto, &mut Predictable::new(1));
    thread::scope(|scope| {
        let mut connection =
            PeerConnection::new(Config::new(), &identity, Global, &RustCrypto, &mut Predictable::new(2))
                .expect("a connection");
        let there = scope.spawn(move || {
            connection.add_data(Instant::from_millis(0)).expect("data channels");
            let mut offer = [0; 2048];
            connection.create_offer(Instant::from_millis(0), &mut offer).map(str::len)
        });
        assert!(there.join().expect("the thread ends").expect("an offer") > 100);
    });
}
