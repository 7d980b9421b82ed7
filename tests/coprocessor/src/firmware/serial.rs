//! The serial endpoints: messages of RPC in fragments, both ways.

use prost::Message;

use super::{Running, SERIAL};
use crate::rpc::Rpc;

/// The message that comes in, and the number of the last fragment that left.
#[derive(Default)]
pub(super) struct Serial {
    partial: Vec<u8>,
    partial_sequence: u16,
    sequence: u16,
}

impl Serial {
    /// The next fragment of the host. Gives the message when this was its last one, and what is wrong with the
    /// fragment.
    fn take(&mut self, more: bool, sequence: u16, payload: &[u8]) -> (Option<Vec<u8>>, Option<&'static str>) {
        let mut wrong = None;
        if self.partial.is_empty() {
            self.partial_sequence = sequence;
        } else if self.partial_sequence != sequence {
            wrong = Some("fragments of one message have different numbers");
        }
        self.partial.extend(payload);
        ((!more).then(|| std::mem::take(&mut self.partial)), wrong)
    }

    /// The number of the next fragment: each has one of its own, as in the real firmware.
    fn number(&mut self) -> u16 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }
}

impl Running {
    pub(super) fn event(&mut self, message: Rpc) {
        self.serial(b"RPCEvt", Rpc { msg_type: 3, ..message });
    }

    /// Sends a message by an endpoint.
    pub(super) fn serial(&mut self, endpoint: &[u8; 6], message: Rpc) {
        let message = message.encode_to_vec();
        let mut bytes = vec![1, 6, 0];
        bytes.extend(endpoint);
        bytes.push(2);
        bytes.extend((message.len() as u16).to_le_bytes());
        bytes.extend(message);
        let fragments: Vec<&[u8]> = bytes.chunks(self.firmware.fragment).collect();
        for (n, fragment) in fragments.iter().enumerate() {
            let more = u8::from(n + 1 < fragments.len());
            let number = self.serial.number();
            self.push(SERIAL, more, number, 0, fragment);
        }
    }

    pub(super) fn handle_serial(&mut self, now: u64, more: bool, sequence: u16, payload: &[u8]) {
        let (message, wrong) = self.serial.take(more, sequence, payload);
        if let Some(wrong) = wrong {
            self.violate(wrong);
        }
        let Some(bytes) = message else { return };
        if bytes.len() < 12 || bytes[..10] != *b"\x01\x06\x00RPCRsp\x02" {
            return self.violate(format!("no envelope: {bytes:?}"));
        }
        let len = usize::from(u16::from_le_bytes([bytes[10], bytes[11]]));
        match bytes.get(12..12 + len).map(Rpc::decode) {
            Some(Ok(request)) if request.msg_type == 1 => self.request(now, &request),
            other => self.violate(format!("no request: {other:?}")),
        }
    }
}
