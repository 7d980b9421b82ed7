//! The whole driver, polled for as long as there is input; time flies whenever it waits.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use barertc_arena::{Counting, Global};
use barertc_hosted::{Clock, Config, Instant, Network, Runner, Transport};
use embassy_net_driver::{Driver, RxToken, TxToken};

/// A clock that jumps to whatever is waited for.
#[derive(Clone, Default)]
pub struct Flying(Rc<Cell<u64>>);

impl Clock for Flying {
    fn now(&self) -> Instant {
        Instant::from_micros(self.0.get())
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> {
        let mut waited = false;
        poll_fn(move |_| {
            if waited {
                self.0.set(self.0.get().max(at.as_micros()).min(1 << 50));
                return Poll::Ready(());
            }
            waited = true;
            Poll::Pending
        })
    }
}

/// Runs a driver over `transport` until `is_over`; then every byte has to be back.
pub fn drive<T: Transport>(transport: T, is_over: &Cell<bool>) {
    let arena = Counting::new(Global);
    let config = Config {
        receive_frames: 2,
        transmit_frames: 2,
        transfer_bytes: 2048,
        message_bytes: 2048,
        scan_results: 4,
        events: 4,
        heartbeat: Some(Duration::from_secs(1)),
        ..Config::default()
    };
    {
        let clock = Flying::default();
        let (mut device, control, mut runner) = barertc_hosted::new(transport, clock, config, &arena).unwrap();
        assert!(arena.stats().peak <= Runner::<T, Flying, &Counting<Global>>::worst_case_bytes(&config));
        let network = Network::new("home", "correct horse battery").unwrap();
        let mut run = pin!(runner.run());
        let mut ask = pin!(async {
            loop {
                let _ = control.connect(&network).await;
                let _ = (control.scan(None, |_| ()).await, control.rssi().await, control.access_point().await);
                let _ = control.firmware_version().await;
            }
        });
        let mut cx = Context::from_waker(Waker::noop());
        for n in 0..20_000 {
            if is_over.get() {
                break;
            }
            let _ = run.as_mut().poll(&mut cx);
            let _: Poll<()> = ask.as_mut().poll(&mut cx);
            if let Some((frame, answer)) = device.receive(&mut cx) {
                let len = frame.consume(|frame| frame.len());
                answer.consume(len.min(1514), |room| room.fill(7));
            }
            if n % 50 == 0
                && let Some(room) = device.transmit(&mut cx)
            {
                room.consume(100, |room| room.fill(8));
            }
        }
    }
    assert_eq!(arena.stats().live, 0);
}
