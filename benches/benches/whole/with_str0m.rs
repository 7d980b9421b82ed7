//! str0m, on each of its two crypto libraries.

use crate::Contender;

macro_rules! contender {
    ($module:ident, $krate:ident) => {
        mod $module {
            use std::net::SocketAddr;
            use std::sync::Arc;
            use std::time::{Duration, Instant};

            use $krate::channel::ChannelId;
            use $krate::config::DtlsCert;
            use $krate::format::Codec;
            use $krate::media::{Direction, Frequency, MediaKind, MediaTime, Mid, Pt};
            use $krate::net::{Protocol, Receive, Transmit};
            use $krate::{Candidate, Event, Input, Output, Rtc};

            use crate::clock::Clock;
            use crate::{BUFFER, Pair, Shape, access_unit, is_media};

            pub struct Ends {
                ends: [Rtc; 2],
                video: Option<(Mid, Pt)>,
                channel: ChannelId,
                access_unit: Option<Arc<[u8]>>,
                clock: Clock,
                due: [Option<Instant>; 2],
                wire: [Vec<Transmit>; 2],
                open: [bool; 2],
                read: (usize, usize),
                frames: usize,
            }

            pub fn certificates() -> [DtlsCert; 2] {
                let provider = $krate::crypto::from_feature_flags();
                [(); 2].map(|()| provider.dtls_provider.generate_certificate().unwrap())
            }

            impl Ends {
                pub fn connect(certificates: &[DtlsCert; 2], shape: Shape) -> Self {
                    let clock = Clock::new();
                    let start = clock.now();
                    let mut ends = [0, 1].map(|end| {
                        let config = Rtc::builder().clear_codecs().enable_h264(true).set_mtu(1_200..=1_200);
                        let mut rtc = config
                            .set_sctp_max_buffered_amount(BUFFER)
                            .set_dtls_cert(certificates[end].clone())
                            .build(start);
                        rtc.add_local_candidate(Candidate::host(address(end), "udp").unwrap()).unwrap();
                        rtc
                    });
                    let mut change = ends[0].sdp_api();
                    let channel = change.add_channel("bench".to_owned());
                    let mid = (shape == Shape::Video)
                        .then(|| change.add_media(MediaKind::Video, Direction::SendOnly, None, None, None));
                    let (offer, pending) = change.apply().unwrap();
                    let answer = ends[1].sdp_api().accept_offer(offer).unwrap();
                    ends[0].sdp_api().accept_answer(pending, answer).unwrap();
                    let video = mid.map(|mid| {
                        let writer = ends[0].writer(mid).unwrap();
                        let mut params = writer.payload_params();
                        let h264 = params
                            .find(|p| p.spec().codec == Codec::H264 && p.spec().format.packetization_mode == Some(1));
                        (mid, h264.unwrap().pt())
                    });
                    let mut this = Self {
                        ends,
                        video,
                        channel,
                        access_unit: video.map(|_| access_unit().into()),
                        clock,
                        due: [None; 2],
                        wire: [Vec::new(), Vec::new()],
                        open: [false; 2],
                        read: (0, 0),
                        frames: 0,
                    };
                    for end in [0, 1] {
                        this.poll(end);
                    }
                    while this.open != [true; 2] {
                        assert!(this.clock.elapsed() < Duration::from_secs(20), "str0m does not connect");
                        if !this.carry() {
                            this.wait();
                        }
                    }
                    this
                }

                /// Takes what one end has to send and to say.
                fn poll(&mut self, end: usize) {
                    loop {
                        match self.ends[end].poll_output().unwrap() {
                            Output::Transmit(datagram) => self.wire[end].push(datagram),
                            Output::Event(Event::ChannelOpen(..)) => self.open[end] = true,
                            Output::Event(Event::ChannelData(data)) => {
                                self.read = (self.read.0 + data.data.len(), self.read.1 + 1);
                            }
                            Output::Event(Event::MediaData(_)) => self.frames += 1,
                            Output::Event(_) => {}
                            Output::Timeout(at) => {
                                self.due[end] = Some(at);
                                return;
                            }
                        }
                    }
                }

                fn tick(&mut self, end: usize) {
                    let now = self.clock.now();
                    self.ends[end].handle_input(Input::Timeout(now)).unwrap();
                    self.poll(end);
                }

                /// Hands what one end has sent to the other.
                fn deliver(&mut self, from: usize) -> bool {
                    let datagrams = std::mem::take(&mut self.wire[from]);
                    for datagram in &datagrams {
                        let now = self.clock.now();
                        let received =
                            Receive::new(Protocol::Udp, datagram.source, datagram.destination, &datagram.contents);
                        self.ends[1 - from].handle_input(Input::Receive(now, received.unwrap())).unwrap();
                        self.poll(1 - from);
                    }
                    !datagrams.is_empty()
                }
            }

            fn address(end: usize) -> SocketAddr {
                SocketAddr::from(([10, 0, 0, 1 + end as u8], 5_000))
            }

            impl Pair for Ends {
                fn send_frame(&mut self) -> (usize, usize) {
                    let (Some((mid, pt)), Some(unit)) = (self.video, self.access_unit.clone()) else { return (0, 0) };
                    let now = self.clock.now();
                    let time = MediaTime::new(self.clock.elapsed().as_micros() as u64 / 100 * 9, Frequency::NINETY_KHZ);
                    self.ends[0].writer(mid).unwrap().write(pt, now, time, unit).unwrap();
                    self.tick(0);
                    while self.due[0].is_some_and(|due| due <= self.clock.now()) {
                        self.tick(0);
                    }
                    let media = self.wire[0].iter().filter(|datagram| is_media(&datagram.contents));
                    media.fold((0, 0), |(n, bytes), datagram| (n + 1, bytes + datagram.contents.len()))
                }

                fn receive_frame(&mut self) -> usize {
                    self.deliver(0);
                    std::mem::take(&mut self.frames)
                }

                fn between(&mut self) {
                    self.clock.skip(Duration::from_millis(33));
                    self.tick(0);
                    self.tick(1);
                    while self.carry() {}
                }

                fn send(&mut self, message: &[u8]) -> bool {
                    self.ends[0].channel(self.channel).unwrap().write(true, message).unwrap()
                }

                fn carry(&mut self) -> bool {
                    let mut moved = false;
                    for from in [0, 1] {
                        self.poll(from);
                        moved |= self.deliver(from);
                    }
                    moved
                }

                fn read(&mut self) -> (usize, usize) {
                    std::mem::take(&mut self.read)
                }

                fn wait(&mut self) {
                    let now = self.clock.now();
                    if let Some(due) = self.due.iter().flatten().min() {
                        self.clock.skip(due.saturating_duration_since(now));
                    }
                    self.tick(0);
                    self.tick(1);
                }
            }
        }
    };
}

contender!(aws_lc, str0m);
contender!(rust_crypto, str0m_rust_crypto);

pub fn all() -> [Contender; 2] {
    let (aws_lc, rust_crypto) = (aws_lc::certificates(), rust_crypto::certificates());
    [
        Contender {
            name: "str0m 0.25, aws-lc",
            make: Box::new(move |shape| Box::new(aws_lc::Ends::connect(&aws_lc, shape))),
        },
        Contender {
            name: "str0m 0.24, RustCrypto",
            make: Box::new(move |shape| Box::new(rust_crypto::Ends::connect(&rust_crypto, shape))),
        },
    ]
}
