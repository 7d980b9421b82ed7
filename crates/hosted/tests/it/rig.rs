//! Driver, bus and co-processor together.

use std::future::poll_fn;
use std::task::Poll;

use barertc_arena::{Counting, Global};
use barertc_coprocessor::{Coprocessor, Firmware, SimClock, SimSdio, SimSpi, Timing, Wiring};
use barertc_hosted::{Clock, Config, Control, Driver, Network, Runner, Sdio, Spi, Status, Transport};
use embassy_futures::select::{Either, Either3, select, select3};
use embassy_net_driver::{Driver as _, LinkState, RxToken as _, TxToken as _};

pub type Arena = &'static Counting<Global>;

/// Two ends of one wire.
pub struct Rig<T: Transport> {
    pub clock: SimClock,
    pub far: Coprocessor<SimClock>,
    pub driver: Driver<Arena>,
    pub control: Control<Arena>,
    runner: Runner<T, SimClock, Arena>,
    pub arena: Arena,
    worst_case: usize,
}

impl Rig<Sdio<SimSdio<SimClock>>> {
    pub fn new(firmware: Firmware) -> Self {
        Self::with(firmware, Config::default())
    }

    pub fn with(firmware: Firmware, config: Config) -> Self {
        let clock = SimClock::default();
        let far = Coprocessor::new(firmware, Wiring::Sdio, clock.clone());
        far.board_mut().alignment = config.alignment;
        Self::over(Sdio::new(far.sdio(Timing::Wires)), far, clock, config)
    }
}

impl Rig<Spi<SimSpi<SimClock>>> {
    pub fn spi() -> Self {
        let clock = SimClock::default();
        let firmware = Firmware { checksum: true, ..Firmware::default() };
        let far = Coprocessor::new(firmware, Wiring::Spi, clock.clone());
        Self::over(Spi::new(far.spi(Timing::Wires)), far, clock, Config::default())
    }
}

impl<T: Transport> Rig<T> {
    fn over(transport: T, far: Coprocessor<SimClock>, clock: SimClock, config: Config) -> Self {
        let arena: Arena = Box::leak(Box::new(Counting::new(Global)));
        let worst_case = barertc_hosted::Runner::<T, SimClock, Arena>::worst_case_bytes(&config);
        let (driver, control, runner) =
            barertc_hosted::new(transport, clock.clone(), config, arena).expect("memory without end");
        Self { clock, far, driver, control, runner, arena, worst_case }
    }

    /// Runs `script` with everything else beside it; then nothing may be wrong, or left.
    pub fn play(mut self, script: impl AsyncFnOnce(&mut Near<'_>)) {
        let clock = self.clock.clone();
        let mut near =
            Near { clock: &clock, far: &self.far, driver: &mut self.driver, control: &self.control, arena: self.arena };
        let all = async { select3(self.runner.run(), self.far.run(), script(&mut near)).await };
        assert!(matches!(clock.run(all), Either3::Third(())));
        assert_eq!(self.far.violations(), Vec::<String>::new());
        let stats = self.arena.stats();
        assert!(stats.peak <= self.worst_case, "{} of {} bytes", stats.peak, self.worst_case);
        assert!(stats.peak * 10 > self.worst_case * 9, "{} of {} bytes", stats.peak, self.worst_case);
        let arena = self.arena;
        drop(self);
        assert_eq!(arena.stats().live, 0, "everything is given back");
    }
}

/// What a script sees.
pub struct Near<'a> {
    pub clock: &'a SimClock,
    pub far: &'a Coprocessor<SimClock>,
    pub driver: &'a mut Driver<Arena>,
    pub control: &'a Control<Arena>,
    pub arena: Arena,
}

pub fn home() -> Network {
    Network::new("home", "correct horse battery").expect("a network that can be")
}

impl Near<'_> {
    pub async fn connect(&self) {
        self.control.connect(&home()).await.expect("a network that is there");
        assert_eq!(self.control.status(), Status::Connected);
    }

    pub async fn wait(&self, status: Status) {
        self.control.wait_status(status).await;
    }

    pub fn millis(&self) -> u64 {
        self.clock.now().as_millis()
    }

    pub fn link(&mut self) -> LinkState {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        self.driver.link_state(&mut cx)
    }

    /// Sends a frame, as the network stack does: when there is room.
    pub async fn send(&mut self, frame: &[u8]) {
        poll_fn(|cx| match self.driver.transmit(cx) {
            Some(token) => {
                token.consume(frame.len(), |room| room.copy_from_slice(frame));
                Poll::Ready(())
            }
            None => Poll::Pending,
        })
        .await;
    }

    pub async fn receive(&mut self) -> Vec<u8> {
        poll_fn(|cx| match self.driver.receive(cx) {
            Some((token, _)) => Poll::Ready(token.consume(|frame| frame.to_vec())),
            None => Poll::Pending,
        })
        .await
    }

    /// A frame, if one comes in time.
    pub async fn receive_within(&mut self, millis: u64) -> Option<Vec<u8>> {
        let clock = self.clock;
        match select(self.receive(), clock.sleep(millis)).await {
            Either::First(frame) => Some(frame),
            Either::Second(()) => None,
        }
    }

    /// Takes whatever is still under way.
    pub async fn drain(&mut self) {
        while self.receive_within(50).await.is_some() {}
        while select(self.far.aired(), self.clock.sleep(50)).await.is_first() {}
    }

    /// Frames both ways, to see that the link works.
    pub async fn exchange(&mut self, frames: u32) {
        for n in 0..frames {
            let frame = frame(n, 60 + n as usize * 37 % 1455);
            self.send(&frame).await;
            assert_eq!(self.far.aired().await, frame);
            self.far.hear(&frame);
            assert_eq!(self.receive().await, frame);
        }
    }
}

/// A frame that is told from others.
pub fn frame(number: u32, len: usize) -> Vec<u8> {
    let mut frame: Vec<u8> = (0..len).map(|at| (at as u32).wrapping_mul(7).wrapping_add(number) as u8).collect();
    frame[..4].copy_from_slice(&number.to_be_bytes());
    frame
}
