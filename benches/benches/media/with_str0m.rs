//! str0m: two of them connected in memory, one sends access units.

use crate::{Cipher, Contender};

macro_rules! contender {
    ($module:ident, $krate:ident, $name:literal) => {
        mod $module {
            use std::net::SocketAddr;
            use std::sync::Arc;
            use std::time::{Duration, Instant};

            use $krate::format::Codec;
            use $krate::media::{Direction, Frequency, MediaKind, MediaTime, Mid, Pt};
            use $krate::net::{Protocol, Receive, Transmit};
            use $krate::{Candidate, Input, Output, Rtc};

            use crate::{Contender, access_unit, is_media};

            pub struct Pair {
                sender: Rtc,
                receiver: Rtc,
                video: (Mid, Pt),
                access_unit: Arc<[u8]>,
                start: Instant,
                now: Instant,
                /// What the sender wrote beside media.
                other: Vec<Transmit>,
            }

            impl Pair {
                pub fn connected() -> Self {
                    let start = Instant::now();
                    let peer = |last: u8| {
                        let config = Rtc::builder().clear_codecs().enable_h264(true).set_mtu(1_200..=1_200);
                        let mut rtc = config.build(start);
                        let address = SocketAddr::from(([10, 0, 0, last], 5_000));
                        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap()).unwrap();
                        rtc
                    };
                    let (mut sender, mut receiver) = (peer(1), peer(2));
                    let mut change = sender.sdp_api();
                    let mid = change.add_media(MediaKind::Video, Direction::SendOnly, None, None, None);
                    let (offer, pending) = change.apply().unwrap();
                    let answer = receiver.sdp_api().accept_offer(offer).unwrap();
                    sender.sdp_api().accept_answer(pending, answer).unwrap();
                    let pt = sender
                        .writer(mid)
                        .unwrap()
                        .payload_params()
                        .find(|p| p.spec().codec == Codec::H264 && p.spec().format.packetization_mode == Some(1))
                        .unwrap()
                        .pt();
                    let access_unit = access_unit().into();
                    let mut pair =
                        Self { sender, receiver, video: (mid, pt), access_unit, start, now: start, other: Vec::new() };
                    while !(pair.sender.is_connected() && pair.receiver.is_connected()) {
                        pair.now += Duration::from_millis(10);
                        assert!(pair.now < start + Duration::from_secs(10), "str0m does not connect");
                        pair.sender.handle_input(Input::Timeout(pair.now)).unwrap();
                        poll(&mut pair.sender, pair.now, |datagram| pair.other.push(datagram));
                        pair.between();
                    }
                    pair
                }
            }

            impl Contender for Pair {
                fn name(&self) -> &'static str {
                    $name
                }

                fn frame(&mut self) -> (usize, usize) {
                    self.now += Duration::from_millis(33);
                    let time = MediaTime::new((self.now - self.start).as_millis() as u64 * 90, Frequency::NINETY_KHZ);
                    let writer = self.sender.writer(self.video.0).unwrap();
                    writer.write(self.video.1, self.now, time, self.access_unit.clone()).unwrap();
                    let mut sent = (0, 0);
                    self.sender.handle_input(Input::Timeout(self.now)).unwrap();
                    poll(&mut self.sender, self.now, |datagram| {
                        if is_media(&datagram.contents) {
                            sent = (sent.0 + 1, sent.1 + datagram.contents.len());
                        } else {
                            self.other.push(datagram);
                        }
                    });
                    sent
                }

                /// Connectivity checks and reports go to and fro.
                fn between(&mut self) {
                    self.receiver.handle_input(Input::Timeout(self.now)).unwrap();
                    let mut back = Vec::new();
                    poll(&mut self.receiver, self.now, |datagram| back.push(datagram));
                    while !self.other.is_empty() || !back.is_empty() {
                        for datagram in self.other.drain(..) {
                            deliver(&mut self.receiver, self.now, &datagram);
                            poll(&mut self.receiver, self.now, |datagram| back.push(datagram));
                        }
                        for datagram in back.drain(..) {
                            deliver(&mut self.sender, self.now, &datagram);
                            poll(&mut self.sender, self.now, |datagram| self.other.push(datagram));
                        }
                    }
                }
            }

            fn poll(rtc: &mut Rtc, now: Instant, mut transmit: impl FnMut(Transmit)) {
                loop {
                    match rtc.poll_output().unwrap() {
                        Output::Transmit(datagram) => transmit(datagram),
                        Output::Event(_) => {}
                        Output::Timeout(at) if at <= now => rtc.handle_input(Input::Timeout(now)).unwrap(),
                        Output::Timeout(_) => return,
                    }
                }
            }

            fn deliver(rtc: &mut Rtc, now: Instant, datagram: &Transmit) {
                let received =
                    Receive::new(Protocol::Udp, datagram.source, datagram.destination, &datagram.contents).unwrap();
                rtc.handle_input(Input::Receive(now, received)).unwrap();
            }
        }
    };
}

contender!(aws_lc, str0m, "str0m 0.25, aws-lc, AES-256-GCM");
contender!(rust_crypto, str0m_rust_crypto, "str0m 0.24, RustCrypto, AES-256-GCM");

/// Its DTLS prefers AEAD_AES_256_GCM, and two of them agree on that.
pub fn all() -> [(Box<dyn Contender>, Option<Cipher>); 2] {
    let cipher = Some(Cipher::Gcm256);
    [(Box::new(aws_lc::Pair::connected()), cipher), (Box::new(rust_crypto::Pair::connected()), cipher)]
}
