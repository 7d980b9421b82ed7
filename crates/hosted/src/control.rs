//! The application's handle.

use core::future::poll_fn;
use core::task::Poll;

use barertc_arena::Allocator;

use crate::event::{Error, Event, Status};
use crate::network::{AccessPoint, Network, copy};
use crate::session::{Answer, Command};
use crate::state::Handle;
use crate::stats::Statistics;

/// The application's handle for WiFi.
///
/// Every method takes `&self`, so several tasks may use it at the same time. The driver sends their requests one after the
/// other. A future may be dropped at any time.
pub struct Control<A: Allocator + Clone> {
    state: Handle<A>,
}

impl<A: Allocator + Clone> Control<A> {
    pub(crate) fn new(state: Handle<A>) -> Self {
        Self { state }
    }

    /// Joins a network, and waits for the end of the first attempt.
    ///
    /// The driver stays in the network: after a lost connection or a restart of the co-processor it joins again. The pauses
    /// between attempts grow from [`Config::backoff_min`](crate::Config::backoff_min) to
    /// [`Config::backoff_max`](crate::Config::backoff_max).
    ///
    /// # Errors
    /// [`Error::NotJoined`] when the first attempt failed. Further attempts follow until [`disconnect`](Self::disconnect) is
    /// called. [`Error::Superseded`] when another call asked for another network, or for none, meanwhile.
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

    /// Leaves the network, or ends the attempts to join one.
    pub fn disconnect(&self) {
        let mut state = self.state.borrow_mut();
        state.session.want(None);
        state.settle();
        state.wake_runner();
    }

    /// The state of the connection.
    #[must_use]
    pub fn status(&self) -> Status {
        self.state.borrow().session.status()
    }

    /// Waits until the connection is in the state `wanted`.
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

    /// Waits for the next event. When more than [`Config::events`](crate::Config::events) wait, the oldest is dropped and
    /// counted.
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

    /// The hardware address of this station. `None` before the co-processor has reported it.
    #[must_use]
    pub fn address(&self) -> Option<[u8; 6]> {
        let state = self.state.borrow();
        (state.session.status() != Status::Starting).then(|| state.session.address())
    }

    /// The statistics since the driver was made.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.state.borrow().stats.clone()
    }

    /// The signal strength of the access point (RSSI), in dBm.
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
    /// An [`Error`] when the co-processor does not report it. Firmware 0.0.6, with which boards are delivered, does not.
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

    /// Scans for access points of the network `ssid`, or of all networks, and returns the number of those found.
    ///
    /// The call gives them to `show`, the strongest first, at most [`Config::scan_results`](crate::Config::scan_results).
    ///
    /// # Errors
    /// [`Error::Refused`] when the co-processor refuses, as it does while it joins a network. Another [`Error`] when it does
    /// not answer.
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
