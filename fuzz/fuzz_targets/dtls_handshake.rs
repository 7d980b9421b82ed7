//! Any handshake messages in the clear, cut into fragments: the first byte is the version and the side, then each message has
//! type, length, a cut and its body.
#![no_main]

mod dtls_support;

use barertc_wire::{Instant, Reader};
use dtls_support::{drain, peers};
use libfuzzer_sys::fuzz_target;

fn record(kind: u8, seq: u16, len: usize, offset: usize, body: &[u8]) -> Vec<u8> {
    let u24 = |n: usize| (n as u32).to_be_bytes()[1..].to_vec();
    let mut out = vec![22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0];
    out.extend(((12 + body.len()) as u16).to_be_bytes());
    out.push(kind);
    out.extend(u24(len));
    out.extend(seq.to_be_bytes());
    out.extend(u24(offset));
    out.extend(u24(body.len()));
    out.extend(body);
    out
}

fuzz_target!(|data: &[u8]| {
    let mut r = Reader::new(data);
    let Ok(options) = r.u8() else { return };
    let (mut client, mut server) = peers(options);
    drain(&mut client, Instant::ZERO);
    let peer = if options & 2 == 0 { &mut server } else { &mut client };
    for seq in 0..8 {
        let (Ok(kind), Ok(len), Ok(cut)) = (r.u8(), r.u16(), r.u16()) else { return };
        let len = usize::from(len).min(r.remaining());
        let body = r.take(len).unwrap();
        let cut = usize::from(cut).min(len);
        let mut pieces = [record(kind, seq, len, 0, &body[..cut]), record(kind, seq, len, cut, &body[cut..])];
        if options & 4 != 0 {
            pieces.reverse();
        }
        for piece in &mut pieces {
            let _ = peer.handle(Instant::ZERO, piece, |_| panic!("data out of nowhere"));
        }
        drain(peer, Instant::ZERO);
    }
});
