//! Lines for the application's log.

use core::ffi::{c_char, c_void};

use crate::text;

/// How much a line of the log matters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brtc_log_level {
    /// A call was refused.
    BRTC_LOG_WARNING = 1,
    /// The state of the connection or of ICE has changed.
    BRTC_LOG_INFO = 2,
    /// A datagram was dropped.
    BRTC_LOG_DEBUG = 3,
}

/// A function of the application that takes a line of the log. `text` ends with a zero byte and is valid during the call.
/// It must not call into the connection.
pub type brtc_log = Option<unsafe extern "C" fn(context: *mut c_void, level: brtc_log_level, text: *const c_char)>;

/// Where lines of the log go.
#[derive(Clone, Copy)]
pub(crate) struct Log {
    pub(crate) write: brtc_log,
    pub(crate) context: *mut c_void,
}

/// Bytes of a line of the log.
const LINE: usize = 192;

impl Log {
    pub(crate) fn line(&self, level: brtc_log_level, line: impl core::fmt::Display) {
        let Some(write) = self.write else { return };
        let mut room = [0; LINE];
        text::write(&mut room, line);
        // SAFETY: the application has given a function for this; the text ends with a zero byte.
        unsafe { write(self.context, level, room.as_ptr().cast()) }
    }
}
