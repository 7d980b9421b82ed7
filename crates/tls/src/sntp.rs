//! The time of day from a server (SNTP: RFC 5905 §14).
//!
//! SNTP proves nothing: who is on the way can tell another time, and so make an expired certificate valid again. A board
//! that knows that it cannot be earlier than some time, such as when its settings were written, is to take no earlier one.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use barertc_wire::{Clock, Instant, Reader};
use edge_nal::{UdpReceive, UdpSend};
use embassy_futures::select::{Either, select};
use embassy_futures::yield_now;
use rand_core::Rng;

use crate::time::UnixTime;

/// The port of servers.
pub const PORT: u16 = 123;
/// Bytes of a message without extensions (RFC 5905 §7.3).
const MESSAGE: usize = 48;
/// Room for an answer with extensions or a code of authentication behind it (RFC 5905 §7.3, RFC 7822), which are passed over.
const ROOM: usize = 128;
/// Version 4, from a client.
const CLIENT: u8 = 4 << 3 | 3;
/// From 1900-01-01, where the first era of NTP begins, to 1970-01-01.
const ERA: u64 = 2_208_988_800;
/// How often a server is asked.
const TRIES: u8 = 3;
/// How long an answer is waited for.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// The answer of a time server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Told {
    /// When the answer came.
    pub at: Instant,
    /// The time of day at that moment, right to about a second.
    pub time: UnixTime,
    /// Datagrams that came before it and were no answer: of somebody else, to another question, too short, or too long for
    /// the socket.
    pub passed_over: u32,
}

/// Why a server has not told the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SntpError {
    /// No answer came.
    Silent {
        /// As [`Told::passed_over`].
        passed_over: u32,
    },
    /// The server asks to be left alone, by this code (RFC 5905 §7.4).
    Refused([u8; 4]),
    /// The server does not know the time itself (RFC 5905 §7.3, leap indicator 3).
    NotSynchronized,
    /// The socket failed.
    Io(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] embedded_io_async::ErrorKind),
}

impl fmt::Display for SntpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent { passed_over: 0 } => f.write_str("the time server does not answer"),
            Self::Silent { passed_over } => {
                write!(f, "the time server does not answer, and {passed_over} datagrams that came were no answers")
            }
            Self::Refused(code) => {
                let code = core::str::from_utf8(code).unwrap_or("?");
                write!(f, "the time server refuses ({})", code.escape_default())
            }
            Self::NotSynchronized => f.write_str("the time server does not know the time itself"),
            Self::Io(kind) => write!(f, "the time server cannot be reached ({kind:?})"),
        }
    }
}

impl core::error::Error for SntpError {}

/// Asks a server for the time: three times at most, for six seconds in all.
///
/// What is no answer ends nothing: it is passed over and counted. So is a failure to receive, such as of a datagram that is
/// longer than the socket has room for.
///
/// # Errors
/// Why there is none.
pub async fn ask<S, C, R>(socket: &mut S, server: SocketAddr, clock: &C, rng: &mut R) -> Result<Told, SntpError>
where
    S: UdpSend + UdpReceive,
    C: Clock,
    R: Rng + ?Sized,
{
    let mut passed_over = 0;
    for _ in 0..TRIES {
        // What an answer repeats; not the time, which is nobody's business.
        let mark = rng.next_u64().to_be_bytes();
        let mut message = [0; MESSAGE];
        let (front, end) = message.split_at_mut(MESSAGE - 8);
        front.iter_mut().take(1).for_each(|first| *first = CLIENT);
        end.copy_from_slice(&mark);
        socket.send(server, &message).await.map_err(|error| SntpError::Io(embedded_io_async::Error::kind(&error)))?;
        let until = clock.now() + ANSWER_TIME;
        let answered = select(answer(socket, server, mark, &mut passed_over), clock.sleep_until(until)).await;
        if let Either::First(answer) = answered {
            return answer.map(|time| Told { at: clock.now(), time, passed_over });
        }
    }
    Err(SntpError::Silent { passed_over })
}

/// Waits for an answer of the server's to what had this mark. Everything else is counted.
async fn answer<S: UdpReceive>(
    socket: &mut S,
    server: SocketAddr,
    mark: [u8; 8],
    passed_over: &mut u32,
) -> Result<UnixTime, SntpError> {
    loop {
        let mut message = [0; ROOM];
        if let Ok((len, from)) = socket.receive(&mut message).await
            && from == server
            && let Some(answer) = read(message.get(..len).unwrap_or(&message), mark)
        {
            return answer;
        }
        *passed_over = passed_over.saturating_add(1);
        // However much comes, and however often the socket fails: the time for an answer passes.
        yield_now().await;
    }
}

/// What a message says, if it answers the one with this mark. Public for fuzzing alone.
#[doc(hidden)]
#[must_use]
pub fn read(message: &[u8], mark: [u8; 8]) -> Option<Result<UnixTime, SntpError>> {
    let mut r = Reader::new(message);
    let (first, stratum) = (r.u8().ok()?, r.u8().ok()?);
    r.skip(10).ok()?;
    let code: [u8; 4] = r.array().ok()?;
    r.skip(8).ok()?;
    let origin: [u8; 8] = r.array().ok()?;
    r.skip(8).ok()?;
    let seconds = u64::from(r.u32().ok()?);
    r.skip(4).ok()?;
    // The mode of a server; and nobody else knows the mark.
    if first & 7 != 4 || origin != mark {
        return None;
    }
    Some(if stratum == 0 {
        Err(SntpError::Refused(code))
    } else if first >> 6 == 3 || stratum > 15 || seconds == 0 {
        Err(SntpError::NotSynchronized)
    } else {
        // The second era begins in 2036: the numbers of this one before 1968 belong to that.
        let era = if seconds < 1 << 31 { 1 << 32 } else { 0 };
        Ok(UnixTime(seconds.saturating_add(era).saturating_sub(ERA)))
    })
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;
    use core::future::pending;
    use std::vec::Vec;

    use embedded_io_async::{ErrorKind, ErrorType};
    use futures_lite::future::block_on;

    use super::*;

    const SERVER: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1)), PORT);

    struct Simulated(Cell<u64>);

    impl Clock for Simulated {
        fn now(&self) -> Instant {
            Instant::from_micros(self.0.get())
        }
        async fn sleep_until(&self, at: Instant) {
            // No time passes while there is something to read.
            for _ in 0..16 {
                yield_now().await;
            }
            self.0.set(at.as_micros());
        }
    }

    /// Answers with what `answer` makes of a question.
    struct Socket<F> {
        answer: F,
        waiting: Vec<(SocketAddr, Vec<u8>)>,
    }

    impl<F> ErrorType for Socket<F> {
        type Error = ErrorKind;
    }

    impl<F: FnMut(&[u8]) -> Vec<(SocketAddr, Vec<u8>)>> UdpSend for Socket<F> {
        async fn send(&mut self, _: SocketAddr, data: &[u8]) -> Result<(), Self::Error> {
            self.waiting = (self.answer)(data);
            Ok(())
        }
    }

    impl<F> UdpReceive for Socket<F> {
        async fn receive(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), Self::Error> {
            if self.waiting.is_empty() {
                pending::<()>().await;
            }
            let (from, data) = self.waiting.remove(0);
            // As embassy's sockets do.
            let room = buffer.get_mut(..data.len()).ok_or(ErrorKind::OutOfMemory)?;
            room.copy_from_slice(&data);
            Ok((data.len(), from))
        }
    }

    fn told(question: &[u8], first: u8, stratum: u8, seconds: u32) -> Vec<u8> {
        let mut message = std::vec![first, stratum];
        message.resize(24, b'X');
        message.extend_from_slice(&question[40..48]);
        message.resize(40, 0);
        message.extend_from_slice(&seconds.to_be_bytes());
        message.resize(48, 0);
        message
    }

    fn asked(answer: impl FnMut(&[u8]) -> Vec<(SocketAddr, Vec<u8>)>) -> (Result<UnixTime, SntpError>, u64) {
        let (told, took) = told_by(answer);
        (told.map(|told| told.time), took)
    }

    fn told_by(answer: impl FnMut(&[u8]) -> Vec<(SocketAddr, Vec<u8>)>) -> (Result<Told, SntpError>, u64) {
        let clock = Simulated(Cell::new(0));
        let mut socket = Socket { answer, waiting: Vec::new() };
        let told = block_on(ask(&mut socket, SERVER, &clock, &mut crate::tests::rng(5)));
        (told, clock.0.get())
    }

    #[test]
    fn the_time_is_that_of_the_server() {
        // The same second as in RFC 5905's era 0, and one behind 2036.
        for (seconds, time) in [(4_004_985_600, 1_795_996_800), (1, 2_085_978_497)] {
            let (told, took) = asked(|question| {
                assert_eq!((question[0], question.len()), (0x23, 48));
                std::vec![(SERVER, told(question, 0x24, 2, seconds))]
            });
            assert_eq!((told, took), (Ok(UnixTime(time)), 0));
        }
    }

    #[test]
    fn what_is_no_answer_is_passed_over_and_counted() {
        let (heard, took) = told_by(|question| {
            let right = told(question, 0x24, 2, 4_004_985_600);
            let elsewhere = SocketAddr::new(SERVER.ip(), 1);
            let mut guessed = right.clone();
            guessed[24] ^= 1;
            std::vec![
                (elsewhere, told(question, 0x24, 2, 1)),
                // Longer than the room for it, so that the socket fails.
                (elsewhere, std::vec![0; 1_400]),
                (SERVER, guessed),
                (SERVER, right[..47].to_vec()),
                (SERVER, told(question, 0x23, 2, 1)),
                // With a code of authentication behind it.
                (SERVER, [right, std::vec![7; 20]].concat()),
            ]
        });
        let heard = heard.unwrap();
        assert_eq!((heard.time, heard.passed_over, took), (UnixTime(1_795_996_800), 5, 0));
        assert_eq!(
            asked(|question| std::vec![(SERVER, told(question, 0x24, 2, 7)[..44].to_vec())]).0,
            Err(SntpError::Silent { passed_over: 3 })
        );
    }

    #[test]
    fn refusals_and_silence_have_their_names() {
        let answers =
            |first, stratum, seconds| asked(|question| std::vec![(SERVER, told(question, first, stratum, seconds))]).0;
        assert_eq!(answers(0x24, 0, 9), Err(SntpError::Refused(*b"XXXX")));
        assert_eq!(answers(0xE4, 2, 9), Err(SntpError::NotSynchronized));
        assert_eq!(answers(0x24, 16, 9), Err(SntpError::NotSynchronized));
        assert_eq!(answers(0x24, 2, 0), Err(SntpError::NotSynchronized));
        assert_eq!(asked(|_| Vec::new()), (Err(SntpError::Silent { passed_over: 0 }), 6_000_000));
    }
}
