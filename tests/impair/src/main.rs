//! A UDP proxy with a bad network inside: `barertc-impair --listen ADDRESS --to ADDRESS [WHAT HAPPENS]`.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use barertc_impair::{Link, Loss, Outage, Profile};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

const HELP: &str = "barertc-impair --listen ADDRESS --to ADDRESS [OPTION…]
Prints `listening on ADDRESS` and passes datagrams both ways; ends with its standard input, printing what it did.
  --loss PERCENT           lost independently
  --burst START,END        lost in bursts: percent chance per packet to enter and to leave a burst
  --delay MS --jitter MS   each way
  --reorder PERCENT --duplicate PERCENT --corrupt PERCENT
  --rate KBIT --queue MS   each way
  --outage START,LENGTH    in seconds, counted from the first datagram
  --rebind SECONDS         then, once, talk to the far side from a new port
  --seed N";

/// Token of the listening socket; the client with index `n` has `n + 1`.
const LISTENER: Token = Token(0);

/// The longest wait for events, so that the end of input is noticed.
const IDLE: Duration = Duration::from_millis(50);

struct Options {
    listen: SocketAddr,
    to: SocketAddr,
    profile: Profile,
    rebind: Option<Duration>,
    seed: u64,
}

/// One address on the near side, and the socket that stands for it on the far side.
struct Client {
    near: SocketAddr,
    far: UdpSocket,
    up: Link,
    down: Link,
}

fn main() -> Result<()> {
    let options = parse()?;
    let listener = UdpSocket::bind(options.listen).with_context(|| format!("listening on {}", options.listen))?;
    println!("listening on {}", listener.local_addr()?);
    Proxy {
        options,
        listener,
        poll: Poll::new()?,
        clients: Vec::new(),
        by_near: HashMap::new(),
        start: None,
        rebound: false,
    }
    .run()
}

fn parse() -> Result<Options> {
    let mut args = pico_args::Arguments::from_env();
    if args.contains("--help") {
        println!("{HELP}");
        std::process::exit(0);
    }
    let percent = |value: Option<f64>| value.unwrap_or(0.0) / 100.0;
    let millis = |value: Option<f64>| Duration::from_secs_f64(value.unwrap_or(0.0) / 1_000.0);
    let mut loss = Loss::None;
    if let Some(p) = args.opt_value_from_str::<_, f64>("--loss")? {
        loss = Loss::Independent(p / 100.0);
    }
    if let Some((start, end)) = args.opt_value_from_fn("--burst", pair)? {
        loss = Loss::Bursts { start: start / 100.0, end: end / 100.0 };
    }
    let options = Options {
        listen: args.value_from_str("--listen")?,
        to: args.value_from_str("--to")?,
        profile: Profile {
            loss,
            delay: millis(args.opt_value_from_str("--delay")?),
            jitter: millis(args.opt_value_from_str("--jitter")?),
            reorder: percent(args.opt_value_from_str("--reorder")?),
            duplicate: percent(args.opt_value_from_str("--duplicate")?),
            corrupt: percent(args.opt_value_from_str("--corrupt")?),
            rate: args.opt_value_from_str::<_, u64>("--rate")?.map(|kbit| kbit * 1_000),
            queue: millis(Some(args.opt_value_from_str("--queue")?.unwrap_or(300.0))),
            outage: args.opt_value_from_fn("--outage", pair)?.map(|(start, length)| Outage {
                start: Duration::from_secs_f64(start),
                length: Duration::from_secs_f64(length),
            }),
        },
        rebind: args.opt_value_from_str::<_, f64>("--rebind")?.map(Duration::from_secs_f64),
        seed: args.opt_value_from_str("--seed")?.unwrap_or(1),
    };
    let rest = args.finish();
    if !rest.is_empty() {
        bail!("not understood: {rest:?}\n{HELP}");
    }
    Ok(options)
}

fn pair(text: &str) -> Result<(f64, f64)> {
    let (a, b) = text.split_once(',').context("two numbers with a comma between them")?;
    Ok((a.parse()?, b.parse()?))
}

struct Proxy {
    options: Options,
    listener: UdpSocket,
    poll: Poll,
    clients: Vec<Client>,
    by_near: HashMap<SocketAddr, usize>,
    /// When the first datagram came: all times of the profile count from here.
    start: Option<Instant>,
    rebound: bool,
}

impl Proxy {
    fn run(mut self) -> Result<()> {
        self.poll.registry().register(&mut self.listener, LISTENER, Interest::READABLE)?;
        let ended = end_of_input();
        let mut events = Events::with_capacity(64);
        while !ended.load(Ordering::Relaxed) {
            let due = self.clients.iter().flat_map(|c| [c.up.next_due(), c.down.next_due()]).flatten().min();
            let wait = due.map_or(IDLE, |due| due.saturating_sub(self.now()).min(IDLE));
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.take_near()?,
                    Token(n) => self.take_far(n - 1),
                }
            }
            self.rebind_when_due()?;
            self.deliver();
        }
        for client in &self.clients {
            println!("{} up {:?} down {:?}", client.near, client.up.counts(), client.down.counts());
        }
        Ok(())
    }

    fn now(&self) -> Duration {
        self.start.map_or(Duration::ZERO, |start| start.elapsed())
    }

    /// Everything that waits at the near side.
    fn take_near(&mut self) -> Result<()> {
        let mut buf = [0; 65_536];
        while let Ok((len, near)) = self.listener.recv_from(&mut buf) {
            self.start.get_or_insert_with(Instant::now);
            let n = self.client(near)?;
            let now = self.now();
            self.clients[n].up.send(now, buf[..len].to_vec());
        }
        Ok(())
    }

    /// Everything that waits at the far side for one client.
    fn take_far(&mut self, n: usize) {
        let mut buf = [0; 65_536];
        let now = self.now();
        let client = &mut self.clients[n];
        // Errors are ICMP answers to earlier datagrams: a real path would not tell us either.
        while let Ok(len) = client.far.recv(&mut buf) {
            client.down.send(now, buf[..len].to_vec());
        }
    }

    fn client(&mut self, near: SocketAddr) -> Result<usize> {
        if let Some(n) = self.by_near.get(&near) {
            return Ok(*n);
        }
        let n = self.clients.len();
        let seed = self.options.seed.wrapping_add(2 * n as u64);
        let far = self.far_socket(n)?;
        let up = Link::new(self.options.profile.clone(), seed);
        let down = Link::new(self.options.profile.clone(), seed.wrapping_add(1));
        self.clients.push(Client { near, far, up, down });
        self.by_near.insert(near, n);
        Ok(n)
    }

    fn far_socket(&self, n: usize) -> Result<UdpSocket> {
        let any = if self.options.to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let mut far = UdpSocket::bind(any.parse()?)?;
        far.connect(self.options.to)?;
        self.poll.registry().register(&mut far, Token(n + 1), Interest::READABLE)?;
        Ok(far)
    }

    /// What a NAT does when it forgets: the same client goes on from another port.
    fn rebind_when_due(&mut self) -> Result<()> {
        if self.rebound || self.options.rebind.is_none_or(|at| self.now() < at) {
            return Ok(());
        }
        self.rebound = true;
        for n in 0..self.clients.len() {
            self.clients[n].far = self.far_socket(n)?;
        }
        Ok(())
    }

    fn deliver(&mut self) {
        let now = self.now();
        for client in &mut self.clients {
            while let Some(packet) = client.up.receive(now) {
                let _ = client.far.send(&packet);
            }
            while let Some(packet) = client.down.receive(now) {
                let _ = self.listener.send_to(&packet, client.near);
            }
        }
    }
}

/// Set when standard input ends, so that the proxy never outlives who started it.
fn end_of_input() -> Arc<AtomicBool> {
    let ended = Arc::new(AtomicBool::new(false));
    let flag = ended.clone();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        flag.store(true, Ordering::Relaxed);
    });
    ended
}
