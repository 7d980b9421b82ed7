//! A peer that has the right certificate, keys and passwords, and sends what it likes.
// Tests and fuzz targets use a part of this each.
#![allow(dead_code)]

use core::net::SocketAddr;

use barertc::arena::Global;
use barertc::crypto::HmacSha1Key;
use barertc::dtls::{Config as DtlsConfig, Connection as Dtls, Event as DtlsEvent, Role};
use barertc::ice::stun::{Builder, Class, Method, TransactionId, attr};
use barertc::ice::{Agent, Config as IceConfig, Handled};
use barertc::rand_core::CryptoRng;
use barertc::rtp::rtcp::CompoundWriter;
use barertc::sctp::{Association, Config as SctpConfig, packet};
use barertc::sdp::Session;
use barertc::srtp::{Config as SrtpConfig, Masters, Profile, Session as Srtp, Side};
use barertc::{Candidate, Identity, Instant, Route, RustCrypto};

const MTU: usize = 1_200;

/// The other end of a connection, made of the parts of one.
pub struct Hostile {
    pub address: SocketAddr,
    victim: SocketAddr,
    agent: Agent<Global, RustCrypto>,
    dtls: Dtls<Global, RustCrypto>,
    srtp: Option<Srtp<Global, RustCrypto>>,
    sctp: Association<Global>,
    /// Ports and verification tag of its packets, once there are any.
    header: Option<[u8; 8]>,
    /// TSN of the next fragment that is made by hand, once there is an association.
    tsn: Option<u32>,
    /// What the victim wants to see in a check.
    username: String,
    key: HmacSha1Key,
    checks: u64,
}

impl Hostile {
    /// Answers `offer` with the text of `answer`, which an honest connection with the same identity has written, but with
    /// credentials of its own. What is to be given to the victim comes with it.
    pub fn new<R: CryptoRng + ?Sized>(
        [address, victim]: [SocketAddr; 2],
        identity: &Identity,
        offer: &str,
        answer: &str,
        now: Instant,
        rng: &mut R,
    ) -> (Self, String) {
        let theirs = Session::parse(offer).expect("an offer").transport(0).expect("with a transport");
        let mut agent = Agent::new(IceConfig::default(), false, Global, RustCrypto, rng).expect("memory");
        let (ufrag, pwd) = agent.local_credentials();
        let answer = with_credentials(answer, ufrag, pwd);
        let username = format!("{}:{ufrag}", theirs.ufrag);
        agent.add_local(now, Candidate::host(address)).expect("room");
        agent.set_remote_credentials(now, theirs.ufrag, theirs.pwd).expect("well-formed");
        agent.add_remote(now, Candidate::host(victim)).expect("room");
        let mut dtls =
            Dtls::new(DtlsConfig::default(), Role::Client, identity, Global, RustCrypto, rng).expect("memory");
        dtls.set_peer_fingerprints(now, theirs.certificates().expect("a fingerprint")).expect("once");
        let mut config = SctpConfig::with_buffers(16_000, 16_000);
        config.max_channels = 8;
        let this = Self {
            address,
            victim,
            agent,
            dtls,
            srtp: None,
            sctp: Association::new(config, Global, rng).expect("memory"),
            header: None,
            tsn: None,
            username,
            key: HmacSha1Key::new(theirs.pwd.as_bytes()),
            checks: 0,
        };
        (this, answer)
    }

    /// The text with the credentials of this peer, and without what makes set-up shorter.
    pub fn sign(&self, text: &str) -> String {
        let (ufrag, pwd) = self.agent.local_credentials();
        with_credentials(text, ufrag, pwd)
    }

    /// Whether SRTP and SCTP are there.
    pub fn is_ready(&self) -> bool {
        self.srtp.is_some() && self.header.is_some()
    }

    /// A datagram from the victim.
    pub fn handle(&mut self, now: Instant, datagram: &mut [u8]) {
        let route = Route::udp(self.address, self.victim);
        let Handled::Data { range, .. } = self.agent.handle(now, route, datagram) else { return };
        let data = &mut datagram[range];
        if !matches!(data, [20..=63, ..]) {
            return;
        }
        let sctp = &mut self.sctp;
        let _ = self.dtls.handle(now, data, |packet| {
            let _ = sctp.handle(now, packet);
        });
        while let Some(event) = self.dtls.poll_event() {
            let DtlsEvent::Connected { srtp: Some(number), .. } = event else { continue };
            let profile = Profile::from_dtls(number).expect("it was offered");
            let mut exported = vec![0; profile.exporter_len()];
            self.dtls.export("EXTRACTOR-dtls_srtp", None, &mut exported).expect("connected");
            let masters = Masters::split(profile, &exported, Side::Client).expect("of that length");
            let (local, remote) = (masters.local(), masters.remote());
            let made = Srtp::new(SrtpConfig::default(), profile, local, remote, Global, RustCrypto);
            self.srtp = Some(made.expect("memory"));
            self.sctp.set_role(now, barertc::sctp::Role::Client);
            self.sctp.connect(now);
        }
        while self.sctp.poll_event().is_some() {}
        while self.agent.poll_event().is_some() {}
    }

    /// What an honest peer would send now.
    pub fn poll(&mut self, now: Instant) -> Vec<Vec<u8>> {
        self.agent.handle_timeout(now);
        self.dtls.handle_timeout(now);
        self.sctp.handle_timeout(now);
        let (mut all, mut room) = (Vec::new(), [0; MTU]);
        while let Some(transmit) = self.agent.poll_transmit(now, &mut room) {
            all.push(room[..transmit.len].to_vec());
        }
        while self.agent.poll_event().is_some() {}
        if self.agent.selected().is_none() {
            return all;
        }
        while let Some(len) = self.dtls.poll_transmit(now, &mut room) {
            all.push(room[..len].to_vec());
        }
        let mut packet = [0; 1_100];
        while self.srtp.is_some()
            && let Some(len) = self.sctp.poll_transmit(now, &mut packet)
        {
            if packet[4..8] != [0; 4] {
                self.header = packet[..8].try_into().ok();
            } else {
                // Its INIT tells its first TSN (RFC 9260 §3.3.2). The honest part needs one: it acknowledges a channel.
                let first = packet[28..32].try_into().map(u32::from_be_bytes);
                self.tsn = first.ok().map(|first| first.wrapping_add(1));
            }
            all.extend(self.seal(now, &packet[..len]));
        }
        all
    }

    /// A DTLS record around anything.
    pub fn seal(&mut self, now: Instant, plain: &[u8]) -> Option<Vec<u8>> {
        let (front, back) = self.dtls.room();
        let mut record = vec![0; front + plain.len() + back];
        record[front..front + plain.len()].copy_from_slice(plain);
        let len = self.dtls.seal(now, &mut record, plain.len()).ok()?;
        record.truncate(len);
        Some(record)
    }

    /// An SCTP packet of the association with any chunks.
    pub fn sctp(&mut self, now: Instant, chunks: &[u8]) -> Option<Vec<u8>> {
        let mut packet = self.header?.to_vec();
        packet.extend([0; 4]);
        packet.extend(chunks);
        packet.resize(packet.len().next_multiple_of(4), 0);
        packet::seal(&mut packet);
        self.seal(now, &packet)
    }

    /// A fragment of a message (I-DATA, RFC 8260 §2.1) with the next TSN. `flags`: 2 begins a message, 1 ends it.
    pub fn fragment(
        &mut self,
        now: Instant,
        flags: u8,
        (stream, message): (u16, u32),
        protocol: u32,
        payload: &[u8],
    ) -> Option<Vec<u8>> {
        let tsn = self.tsn?;
        self.tsn = Some(tsn.wrapping_add(1));
        let mut chunk = vec![64, flags, 0, 0];
        chunk.extend(tsn.to_be_bytes());
        chunk.extend(stream.to_be_bytes());
        chunk.extend([0; 2]);
        chunk.extend([message.to_be_bytes(), protocol.to_be_bytes()].concat());
        chunk.extend(payload);
        let len = u16::try_from(chunk.len()).ok()?;
        chunk[2..4].copy_from_slice(&len.to_be_bytes());
        self.sctp(now, &chunk)
    }

    /// A protected RTCP packet with anything in it.
    pub fn rtcp(&mut self, write: impl FnOnce(&mut CompoundWriter<'_>)) -> Option<Vec<u8>> {
        let mut room = vec![0; 1_400];
        let mut writer = CompoundWriter::new(&mut room[..1_100]);
        write(&mut writer);
        let len = writer.len();
        self.protect_rtcp(room, len)
    }

    /// The same of bytes.
    pub fn rtcp_bytes(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut room = bytes.to_vec();
        room.resize(bytes.len() + 100, 0);
        self.protect_rtcp(room, bytes.len())
    }

    fn protect_rtcp(&mut self, mut room: Vec<u8>, len: usize) -> Option<Vec<u8>> {
        let len = self.srtp.as_mut()?.protect_rtcp(&mut room, len).ok()?;
        room.truncate(len);
        Some(room)
    }

    /// A protected RTP packet of bytes.
    pub fn rtp_bytes(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut room = bytes.to_vec();
        room.resize(bytes.len() + 100, 0);
        let len = self.srtp.as_mut()?.protect_rtp(&mut room, bytes.len()).ok()?;
        room.truncate(len);
        Some(room)
    }

    /// A connectivity check that the victim takes for authentic.
    pub fn check(&mut self) -> Vec<u8> {
        let (mut out, mut id) = ([0; 300], [0; 12]);
        self.checks += 1;
        id[..8].copy_from_slice(&self.checks.to_be_bytes());
        let mut b = Builder::new(&mut out, Class::Request, Method::BINDING, TransactionId(id)).expect("room");
        b.bytes(attr::USERNAME, self.username.as_bytes()).expect("room");
        b.u32(attr::PRIORITY, 1).expect("room");
        b.u64(attr::ICE_CONTROLLED, 1).expect("room");
        b.integrity(&RustCrypto, &self.key).expect("room");
        let len = b.fingerprint().expect("room");
        out[..len].to_vec()
    }
}

fn with_credentials(text: &str, ufrag: &str, pwd: &str) -> String {
    let line = |line: &str| match line {
        l if l.starts_with("a=ice-ufrag:") => Some(format!("a=ice-ufrag:{ufrag}\r\n")),
        l if l.starts_with("a=ice-pwd:") => Some(format!("a=ice-pwd:{pwd}\r\n")),
        l if l.starts_with("a=ice-options:") => Some("a=ice-options:trickle\r\n".to_owned()),
        l if l.starts_with("a=sctp-init:") => None,
        l => Some(format!("{l}\r\n")),
    };
    text.lines().filter_map(line).collect()
}
