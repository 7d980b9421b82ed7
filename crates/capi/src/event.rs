//! Events.

use core::ffi::c_char;

use barertc::ice::FailureReason;
use barertc::{ConnectionState, Event, Failure, GatheringState, IceState, Stage};

use crate::address::brtc_address;
use crate::handle::{self, Inside, brtc_connection};
use crate::log::brtc_log_level::BRTC_LOG_INFO;
use crate::raw;
use crate::result::{Cause, brtc_result};
use crate::text;

/// What an event is about.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brtc_event_kind {
    /// Of a later library. Ignore it.
    BRTC_EVENT_NONE = 0,
    /// The connection's state has changed: `state` is a `brtc_connection_state`. Where it has failed, `failure` and `text`
    /// say why.
    BRTC_EVENT_CONNECTION_STATE = 1,
    /// The state of ICE has changed: `state` is a `brtc_ice_state`. Where it has failed, `failure` and `text` say why.
    BRTC_EVENT_ICE_STATE = 2,
    /// Gathering has begun or is complete: `state` is 1 or 2.
    BRTC_EVENT_GATHERING_STATE = 3,
    /// A local candidate was found: `text` is its line, to be trickled to the peer.
    BRTC_EVENT_LOCAL_CANDIDATE = 4,
    /// A STUN or TURN server, whose address is `address`, gives no candidate: `text` says why.
    BRTC_EVENT_ICE_SERVER_FAILED = 5,
    /// The peer has not answered while the connection was being made: `failure` and `text` say what is known. It is still
    /// tried.
    BRTC_EVENT_PEER_SILENT = 6,
    /// A description has changed what was agreed on for `track`.
    BRTC_EVENT_TRACK_NEGOTIATED = 7,
    /// The peer begins to send on `track`.
    BRTC_EVENT_REMOTE_TRACK = 8,
    /// The peer needs a key frame of `track`.
    BRTC_EVENT_KEY_FRAME_WANTED = 9,
    /// `track` has received a frame: call `brtc_read_frame` until there is none.
    BRTC_EVENT_FRAME_RECEIVED = 10,
    /// The estimate of what the path carries has changed: `value` is in bits a second.
    BRTC_EVENT_BITRATE = 11,
    /// `channel` is open. This side or the peer has opened it.
    BRTC_EVENT_CHANNEL_OPEN = 12,
    /// `channel` has something to read: call `brtc_read_channel` until there is nothing.
    BRTC_EVENT_CHANNEL_READABLE = 13,
    /// `channel` has room again.
    BRTC_EVENT_CHANNEL_WRITABLE = 14,
    /// What waits on `channel` has fallen to its threshold.
    BRTC_EVENT_CHANNEL_BUFFERED_AMOUNT_LOW = 15,
    /// `channel` was closed. Its number is no longer valid.
    BRTC_EVENT_CHANNEL_CLOSED = 16,
    /// The association of the data channels is over. Where it has failed, `text` says why.
    BRTC_EVENT_DATA_CLOSED = 17,
}

/// The W3C's `RTCPeerConnectionState`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brtc_connection_state {
    /// No description has been applied.
    BRTC_CONNECTION_NEW = 0,
    /// ICE or DTLS are at work.
    BRTC_CONNECTION_CONNECTING = 1,
    /// Media and data can flow.
    BRTC_CONNECTION_CONNECTED = 2,
    /// The selected path is silent. ICE looks for another one.
    BRTC_CONNECTION_DISCONNECTED = 3,
    /// The connection has failed.
    BRTC_CONNECTION_FAILED = 4,
    /// Closed by either side.
    BRTC_CONNECTION_CLOSED = 5,
}

/// The W3C's `RTCIceConnectionState`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brtc_ice_state {
    /// Checking has not begun.
    BRTC_ICE_NEW = 0,
    /// No pair works yet.
    BRTC_ICE_CHECKING = 1,
    /// A pair works.
    BRTC_ICE_CONNECTED = 2,
    /// A pair is nominated, and no check is under way.
    BRTC_ICE_COMPLETED = 3,
    /// The pair in use is silent.
    BRTC_ICE_DISCONNECTED = 4,
    /// No pair works.
    BRTC_ICE_FAILED = 5,
    /// Closed.
    BRTC_ICE_CLOSED = 6,
}

/// Why a connection failed. `text` of the event says more.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brtc_failure {
    /// It has not.
    BRTC_FAILURE_NONE = 0,
    /// A path was in use, and the peer's consent to receive on it has run out.
    BRTC_FAILURE_CONSENT_LOST = 1,
    /// There is no local candidate.
    BRTC_FAILURE_NO_LOCAL_CANDIDATE = 2,
    /// The peer has named no candidate, and no check of it has arrived.
    BRTC_FAILURE_NO_REMOTE_CANDIDATE = 3,
    /// No local candidate fits a remote one.
    BRTC_FAILURE_NO_PAIR = 4,
    /// The peer has refused a check.
    BRTC_FAILURE_REFUSED = 5,
    /// What arrives was made with another password.
    BRTC_FAILURE_UNAUTHENTICATED = 6,
    /// Checks of the peer arrive, but none of ours is answered.
    BRTC_FAILURE_ONE_WAY = 7,
    /// Nothing has arrived from the peer.
    BRTC_FAILURE_UNANSWERED = 8,
    /// Another reason of ICE.
    BRTC_FAILURE_ICE = 9,
    /// DTLS failed, or waits for the peer.
    BRTC_FAILURE_DTLS = 10,
    /// SRTP could not be made with the keys.
    BRTC_FAILURE_SRTP = 11,
}

/// Bytes of `text` in an event.
pub const BRTC_EVENT_TEXT: usize = 256;

/// What the application should know. Fields that `kind` does not name are zero.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct brtc_event {
    /// Bytes of this structure, set by the caller.
    pub size: u32,
    /// A `brtc_event_kind`. Ignore those that you do not know.
    pub kind: u32,
    /// The state of the connection, of ICE, or of gathering.
    pub state: u32,
    /// A `brtc_failure`.
    pub failure: u32,
    /// The number of a track.
    pub track: u32,
    /// The number of a data channel.
    pub channel: u32,
    /// A figure.
    pub value: u64,
    /// An address.
    pub address: brtc_address,
    /// A text that ends with a zero byte.
    pub text: [c_char; 256],
}

raw::growing!(brtc_event, "event.size");

use brtc_event_kind::*;
use brtc_failure::*;

/// Fetches an event. `BRTC_NOTHING` where there is none. To be called after every other call until there is none. The caller
/// sets `size` to `sizeof(brtc_event)` first.
///
/// An event stands for a state that has changed: none is lost, and two changes of one object that nobody has fetched become
/// one event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_poll_event(connection: *mut brtc_connection, event: *mut brtc_event) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            // Checked before: an event that could not be told would be lost.
            raw::write(event, brtc_event::new(BRTC_EVENT_NONE))?;
            let next = inside.peer.poll_event().ok_or(Cause::Nothing)?;
            raw::write(event, told(inside, &next))
        })
    }
}

impl brtc_event {
    fn new(kind: brtc_event_kind) -> Self {
        Self {
            size: 0,
            kind: kind as u32,
            state: 0,
            failure: 0,
            track: 0,
            channel: 0,
            value: 0,
            address: brtc_address::default(),
            text: [0; BRTC_EVENT_TEXT],
        }
    }

    fn with_text(mut self, words: impl core::fmt::Display) -> Self {
        let mut room = [0_u8; BRTC_EVENT_TEXT];
        text::write(&mut room, words);
        self.text.iter_mut().zip(room).for_each(|(to, from)| *to = from as c_char);
        self
    }
}

/// The event as C has it. A change of state leaves a line in the log.
fn told(inside: &mut Inside, event: &Event) -> brtc_event {
    let track = |kind, id: &barertc::TrackId| brtc_event { track: id.index() as u32, ..brtc_event::new(kind) };
    let log = inside.log;
    match event {
        Event::ConnectionState(state) => connection_state(inside, *state),
        Event::IceState(state) => {
            let (state, reason) = ice_state(*state);
            let told = brtc_event { state: state as u32, ..brtc_event::new(BRTC_EVENT_ICE_STATE) };
            match reason {
                Some(reason) => brtc_event { failure: of_ice(reason) as u32, ..told }.with_text(reason),
                None => told,
            }
        }
        Event::IceGatheringState(state) => {
            let state = match state {
                GatheringState::New => 0,
                GatheringState::Gathering => 1,
                GatheringState::Complete => 2,
            };
            brtc_event { state, ..brtc_event::new(BRTC_EVENT_GATHERING_STATE) }
        }
        Event::LocalCandidate(candidate) => brtc_event::new(BRTC_EVENT_LOCAL_CANDIDATE).with_text(candidate),
        Event::IceServerFailed { server, error } => {
            log.line(BRTC_LOG_INFO, format_args!("{server}: {error}"));
            let told = brtc_event { address: (*server).into(), ..brtc_event::new(BRTC_EVENT_ICE_SERVER_FAILED) };
            told.with_text(error)
        }
        Event::PeerSilent(Stage::Ice(reason)) => {
            let told = brtc_event { failure: of_ice(*reason) as u32, ..brtc_event::new(BRTC_EVENT_PEER_SILENT) };
            told.with_text(reason)
        }
        Event::PeerSilent(_) => {
            let told = brtc_event { failure: BRTC_FAILURE_DTLS as u32, ..brtc_event::new(BRTC_EVENT_PEER_SILENT) };
            told.with_text("DTLS waits for the peer's part of the handshake")
        }
        Event::TrackNegotiated(id) => track(BRTC_EVENT_TRACK_NEGOTIATED, id),
        Event::RemoteTrack(id) => track(BRTC_EVENT_REMOTE_TRACK, id),
        Event::KeyFrameWanted(id) => track(BRTC_EVENT_KEY_FRAME_WANTED, id),
        Event::FrameReceived(id) => track(BRTC_EVENT_FRAME_RECEIVED, id),
        Event::Bitrate(bits) => brtc_event { value: *bits, ..brtc_event::new(BRTC_EVENT_BITRATE) },
        Event::ChannelOpen(id) => channel(inside, BRTC_EVENT_CHANNEL_OPEN, *id),
        Event::ChannelReadable(id) => channel(inside, BRTC_EVENT_CHANNEL_READABLE, *id),
        Event::ChannelWritable(id) => channel(inside, BRTC_EVENT_CHANNEL_WRITABLE, *id),
        Event::ChannelBufferedAmountLow(id) => channel(inside, BRTC_EVENT_CHANNEL_BUFFERED_AMOUNT_LOW, *id),
        Event::ChannelClosed(id) => {
            let told = channel(inside, BRTC_EVENT_CHANNEL_CLOSED, *id);
            inside.channels.forget(*id);
            told
        }
        Event::PathMtuExceeded { size } => {
            log.line(BRTC_LOG_INFO, format_args!("SCTP packets of {size} bytes do not arrive, and smaller ones do"));
            brtc_event::new(BRTC_EVENT_NONE)
        }
        Event::DataClosed(None) => brtc_event::new(BRTC_EVENT_DATA_CLOSED),
        Event::DataClosed(Some(reason)) => {
            log.line(BRTC_LOG_INFO, reason);
            brtc_event::new(BRTC_EVENT_DATA_CLOSED).with_text(reason)
        }
        _ => brtc_event::new(BRTC_EVENT_NONE),
    }
}

fn channel(inside: &mut Inside, kind: brtc_event_kind, id: barertc::ChannelId) -> brtc_event {
    brtc_event { channel: inside.channels.number(id), ..brtc_event::new(kind) }
}

fn connection_state(inside: &Inside, state: ConnectionState) -> brtc_event {
    let (code, failure) = of_connection(state);
    let told = brtc_event { state: code as u32, ..brtc_event::new(BRTC_EVENT_CONNECTION_STATE) };
    match failure {
        Some(reason) => {
            inside.log.line(BRTC_LOG_INFO, format_args!("the connection has failed: {reason}"));
            brtc_event { failure: of_failure(reason) as u32, ..told }.with_text(reason)
        }
        None => {
            inside.log.line(BRTC_LOG_INFO, format_args!("connection: {state:?}"));
            told
        }
    }
}

pub(crate) const fn of_connection(state: ConnectionState) -> (brtc_connection_state, Option<Failure>) {
    use brtc_connection_state::*;
    match state {
        ConnectionState::New => (BRTC_CONNECTION_NEW, None),
        ConnectionState::Connecting => (BRTC_CONNECTION_CONNECTING, None),
        ConnectionState::Connected => (BRTC_CONNECTION_CONNECTED, None),
        ConnectionState::Disconnected => (BRTC_CONNECTION_DISCONNECTED, None),
        ConnectionState::Failed(reason) => (BRTC_CONNECTION_FAILED, Some(reason)),
        ConnectionState::Closed => (BRTC_CONNECTION_CLOSED, None),
    }
}

pub(crate) const fn ice_state(state: IceState) -> (brtc_ice_state, Option<FailureReason>) {
    use brtc_ice_state::*;
    match state {
        IceState::New => (BRTC_ICE_NEW, None),
        IceState::Checking => (BRTC_ICE_CHECKING, None),
        IceState::Connected => (BRTC_ICE_CONNECTED, None),
        IceState::Completed => (BRTC_ICE_COMPLETED, None),
        IceState::Disconnected => (BRTC_ICE_DISCONNECTED, None),
        IceState::Failed(reason) => (BRTC_ICE_FAILED, Some(reason)),
        IceState::Closed => (BRTC_ICE_CLOSED, None),
    }
}

const fn of_failure(failure: Failure) -> brtc_failure {
    match failure {
        Failure::Ice(reason) => of_ice(reason),
        Failure::Srtp(_) => BRTC_FAILURE_SRTP,
        _ => BRTC_FAILURE_DTLS,
    }
}

const fn of_ice(reason: FailureReason) -> brtc_failure {
    match reason {
        FailureReason::ConsentLost => BRTC_FAILURE_CONSENT_LOST,
        FailureReason::NoLocalCandidate => BRTC_FAILURE_NO_LOCAL_CANDIDATE,
        FailureReason::NoRemoteCandidate => BRTC_FAILURE_NO_REMOTE_CANDIDATE,
        FailureReason::NoPair => BRTC_FAILURE_NO_PAIR,
        FailureReason::Refused(_) => BRTC_FAILURE_REFUSED,
        FailureReason::Unauthenticated => BRTC_FAILURE_UNAUTHENTICATED,
        FailureReason::OneWay => BRTC_FAILURE_ONE_WAY,
        FailureReason::Unanswered => BRTC_FAILURE_UNANSWERED,
        _ => BRTC_FAILURE_ICE,
    }
}
