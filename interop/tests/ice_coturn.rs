//! The TURN client against coturn on loopback: authentication, allocation, permissions, channels, and their renewal.
mod ice_support;

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use barertc_ice::stun::{Builder, Class, Method, TransactionId};
use barertc_ice::{CandidateType, Event, GatheringState, Protocol, State, TurnServer};
use ice_support::{Endpoint, run};

/// How much faster our clock runs than coturn's.
const SPEED: u32 = 60;
/// coturn's permissions and channels last twice as long, in its seconds, as RFC 8656's do in ours: on a machine with much else
/// to do our clock stands still now and then, and coturn's does not.
const PERMISSION: u32 = 2 * 300 / SPEED;
const CHANNEL: u32 = 2 * 600 / SPEED;

/// More than anything here takes on a machine with much else to do.
const LONG: Duration = Duration::from_secs(30);

struct Coturn {
    process: Child,
    addr: SocketAddr,
}

impl Coturn {
    fn start() -> Self {
        let free = SocketAddr::from(([127, 0, 0, 1], barertc_interop::free_port()));
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
        let process = Command::new("turnserver")
            .args(["-n", "--no-cli", "--no-tls", "--no-dtls", "--no-tcp", "--lt-cred-mech", "--fingerprint"])
            .args(["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers", "--log-file=stdout"])
            .args(["--user=user:secret", "--realm=example.org", "--simple-log"])
            .arg(format!("--listening-port={}", free.port()))
            .arg(format!("--permission-lifetime={PERMISSION}"))
            .arg(format!("--channel-lifetime={CHANNEL}"))
            .arg(format!("--pidfile={}", folder.join(format!("turn{}.pid", free.port())).display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs `turnserver` (Debian package coturn)");
        let coturn = Self { process, addr: free };
        assert!(coturn.answers(), "turnserver does not answer");
        coturn
    }

    /// Asks until there is an answer.
    fn answers(&self) -> bool {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut buf = [0; 200];
        (0..200).any(|_| {
            let question = Builder::new(&mut buf, Class::Request, Method::BINDING, TransactionId([1; 12])).unwrap();
            let len = question.fingerprint().unwrap();
            socket.send_to(&buf[..len], self.addr).is_ok() && socket.recv(&mut buf).is_ok()
        })
    }

    fn account(&self, password: &'static str) -> TurnServer<'static> {
        let protocol = Protocol::Udp;
        TurnServer { addr: self.addr, protocol, username: "user", password, ipv6: false }
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn gathered(e: &Endpoint) -> bool {
    e.events.contains(&Event::Gathering(GatheringState::Complete))
}

fn introduce(from: &Endpoint, to: &mut Endpoint) {
    let (ufrag, pwd) = from.agent.local_credentials();
    to.agent.set_remote_credentials(to.now(), ufrag, pwd).unwrap();
    for c in from.agent.local_candidates() {
        to.agent.add_remote(to.now(), c.clone()).unwrap();
    }
}

#[test]
fn a_relayed_path_lives_longer_than_its_permission_and_channel() {
    let coturn = Coturn::start();
    // One side reaches nothing but the server; both run on the fast clock.
    let mut caged = Endpoint::new(true, 1).at_speed(SPEED).only_with(coturn.addr);
    let mut free = Endpoint::new(false, 2).at_speed(SPEED);
    caged.agent.add_turn_server(caged.now(), &coturn.account("secret")).unwrap();
    caged.agent.gather(caged.now()).unwrap();
    assert!(run(&mut [&mut caged], LONG, |e| gathered(e[0])), "{:?}", caged.agent.discards());
    let relay = caged.agent.local_candidates().find(|c| c.kind == CandidateType::Relayed).cloned();
    let relay = relay.expect("coturn allocates");
    introduce(&caged, &mut free);
    introduce(&free, &mut caged);
    let connected = |e: &[&mut Endpoint]| e.iter().all(|e| e.agent.selected().is_some());
    assert!(run(&mut [&mut caged, &mut free], LONG, connected), "no way through the relay");
    assert_eq!(caged.agent.selected().unwrap().local, relay.addr);
    assert_eq!(free.agent.selected().unwrap().remote, relay.addr);

    // Two permissions and a channel would have run out.
    let (start, began) = (caged.now(), std::time::Instant::now());
    let mut n = 0;
    while began.elapsed() < Duration::from_secs(u64::from(CHANNEL) + 2) {
        n += 1;
        caged.send(&[0x80, n as u8, 1]);
        free.send(&[0x80, n as u8, 2, 3, 4]);
        let arrived = |e: &[&mut Endpoint]| e.iter().all(|e| e.data.len() == n);
        assert!(
            run(&mut [&mut caged, &mut free], LONG, arrived),
            "round {n}, {:?} after the start: {} and {} arrived",
            caged.now().saturating_since(start),
            caged.data.len(),
            free.data.len()
        );
        run(&mut [&mut caged, &mut free], Duration::from_millis(100), |_| false);
    }
    assert!(n > 10);
    assert_eq!(caged.agent.room().0, 4, "data go by channel");
    assert_eq!(caged.data.last().unwrap()[2..], [2, 3, 4]);
    let states = [caged.agent.state(), free.agent.state()];
    assert!(states.iter().all(|s| matches!(s, State::Connected | State::Completed)), "{states:?}");
    for e in [&caged, &free] {
        assert!(!e.events.iter().any(|e| matches!(e, Event::ConsentLost(_))));
    }
    println!("{n} messages each way in {:?} of the agents' time", caged.now().saturating_since(start));
}

#[test]
fn a_server_reflexive_candidate_and_a_wrong_password() {
    let coturn = Coturn::start();
    let mut ours = Endpoint::new(true, 3);
    ours.agent.add_turn_server(ours.now(), &coturn.account("guess")).unwrap();
    ours.agent.add_stun_server(ours.now(), coturn.addr).unwrap();
    ours.agent.gather(ours.now()).unwrap();
    assert!(run(&mut [&mut ours], LONG, |e| gathered(e[0])));
    // On loopback the mapped address is the host's own, and so redundant.
    let kinds: Vec<_> = ours.agent.local_candidates().map(|c| c.kind).collect();
    assert_eq!(kinds, [CandidateType::Host]);
    assert!(ours.sent < 12, "{} requests for one refusal", ours.sent);
}
