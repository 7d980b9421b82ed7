//! Any bytes as a message of the channel establishment protocol: its texts lie within the message.
#![no_main]

use barertc_sctp::Dcep;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(Dcep::Open(open)) = Dcep::parse(data) {
        assert_eq!(12 + open.label.len() + open.protocol.len(), data.len());
    }
});
