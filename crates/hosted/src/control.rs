//! The application's handle.

use core::future::poll_fn;
use core::task::Poll;

use barertc_arena::Allocator;

use crate::event::{Error, Event, Status};
use crate::network::{AccessPoint, Network, copy};
use crate::session::{Answer, Command};
use crate::state::Handle;
use crate::stats::Statistics;

/// What the application steers WiFi with. Every method takes `&self`: several tasks may use it at the same time, and
/// their questions are asked one after the other. Each future may be dropped at any time.
pub struct Control<A: Allocator + Clone> {
    state: Handle<A>,
}

impl<A: Allocator + Clone> Control<A> {
    pub(crate) fn new(state: Handle<A>) -> Self {
        Self { state }
    }

    /// Joins a network, and stays in it: when the connection is lost, or the co-processor, it is joined again by
    /// itself, with pauses that grow from [`Config::backoff_min`](crate::Config::backoff_min) to
    /// [`Config::backoff_max`](crate::Config::backoff_max). Waits for the end of the first attempt.
    ///
    /// # Errors
    /// [`Error::NotJoined`] when that failed; the next one follows unless [`disconnect`](Self::disconnect) is called.
    /// [`Error::Superseded`] when something else was wanted meanwhile.
    pub async fn connect(&self, network: &Network) -> Result<(), Error> {
        let generation = {
            let mut state = self.state.borrow_mut();
            let generation = state.session.want(Some(network.clone()));
            // Who waits for an older attempt is told.
            state.settle();
            state.wake_runner();
            generation
        };
        poll_fn(|cx| {
            let mut state = self.state.borrow_mut();
            match state.session.outcome(generation) {
                Some(outcome) => Poll::Ready(outcome),
                None => {
                    state.wait_application(cx);
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Leaves the network, or gives up joining one.
    pub fn disconnect(&self) {
        let mut state = self.state.borrow_mut();
        state.session.want(None);
        state.settle();
        state.wake_runner();
    }

    /// How the connection stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.state.borrow().session.status()
    }

    /// Waits until the connection stands so.
    pub async fn wait_status(&self, wanted: Status) {
        poll_fn(|cx| {
            let mut state = self.state.borrow_mut();
            if state.session.status() == wanted {
                return Poll::Ready(());
            }
            state.wait_application(cx);
            Poll::Pending
        })
        .await;
    }

    /// The next event. When nobody asks for long, the oldest are lost, and counted.
    pub async fn event(&self) -> Event {
        poll_fn(|cx| {
            let mut state = self.state.borrow_mut();
            match state.session.poll_event() {
                Some(event) => Poll::Ready(event),
                None => {
                    state.wait_application(cx);
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Our hardware address, once the co-processor has told it.
    #[must_use]
    pub fn address(&self) -> Option<[u8; 6]> {
        let state = self.state.borrow();
        (state.session.status() != Status::Starting).then(|| state.session.address())
    }

    /// What was counted so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.state.borrow().stats.clone()
    }

    /// How strong the access point is here, in dBm.
    ///
    /// # Errors
    /// When the co-processor does not tell.
    pub async fn rssi(&self) -> Result<i8, Error> {
        match self.ask(Command::Rssi).await? {
            Answer::Rssi(rssi) => Ok(rssi),
            _ => Err(Error::Malformed),
        }
    }

    /// The access point that we are connected to.
    ///
    /// # Errors
    /// When the co-processor does not tell.
    pub async fn access_point(&self) -> Result<AccessPoint, Error> {
        match self.ask(Command::AccessPoint).await? {
            Answer::AccessPoint(point) => Ok(point),
            _ => Err(Error::Malformed),
        }
    }

    /// The version of the co-processor's firmware: major, minor, patch.
    ///
    /// # Errors
    /// When the co-processor does not tell: 0.0.6 doesn't, which boards are delivered with.
    pub async fn firmware_version(&self) -> Result<[u8; 3], Error> {
        let known = self.state.borrow().session.firmware();
        if let Some(version) = known {
            return Ok(version);
        }
        match self.ask(Command::FirmwareVersion).await? {
            Answer::FirmwareVersion(version) => Ok(version),
            _ => Err(Error::Malformed),
        }
    }

    /// Looks for access points, of the network `ssid` or of all, and shows what it found, the strongest first, at most
    /// [`Config::scan_results`](crate::Config::scan_results). Returns how many there were.
    ///
    /// # Errors
    /// When the co-processor refuses, as it does while it joins a network.
    pub async fn scan(&self, ssid: Option<&str>, mut show: impl FnMut(&AccessPoint)) -> Result<usize, Error> {
        let mut name = [0; 32];
        let wanted = ssid.unwrap_or_default().as_bytes();
        copy(&mut name, wanted);
        let command = Command::Scan { ssid: name, len: wanted.len().min(32) as u8 };
        match self.ask(command).await? {
            Answer::Scan => {
                let state = self.state.borrow();
                let points = state.session.points();
                points.iter().for_each(&mut show);
                Ok(points.len())
            }
            _ => Err(Error::Malformed),
        }
    }

    async fn ask(&self, command: Command) -> Result<Answer, Error> {
        let ticket = self.state.borrow_mut().ticket();
        // Whoever drops the future gives up the question.
        let question = Question { state: &self.state, ticket };
        poll_fn(|cx| {
            let mut state = question.state.borrow_mut();
            match state.session.ask(ticket, command) {
                Ok(true) => {
                    state.wake_runner();
                    Poll::Ready(Ok(()))
                }
                Ok(false) => {
                    state.wait_application(cx);
                    Poll::Pending
                }
                Err(error) => Poll::Ready(Err(error)),
            }
        })
        .await?;
        poll_fn(|cx| {
            let mut state = question.state.borrow_mut();
            match state.session.poll_answer(ticket) {
                Some(answer) => Poll::Ready(answer),
                None => {
                    state.wait_application(cx);
                    Poll::Pending
                }
            }
        })
        .await
    }
}

struct Question<'a, A: Allocator + Clone> {
    state: &'a Handle<A>,
    ticket: u32,
}

impl<A: Allocator + Clone> Drop for Question<'_, A> {
    fn drop(&mut self) {
        let mut state = self.state.borrow_mut();
        state.session.forget(self.ticket);
        // The next question may be asked.
        state.wake_application();
    }
}
