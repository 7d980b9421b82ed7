//! The desktop as a board: two regions of memory of the sizes asked for, the host's network, clock and random numbers.

use core::cell::RefCell;
use core::fmt;
use core::mem::MaybeUninit;
use core::net::{IpAddr, SocketAddr};
use std::io;
use std::net::UdpSocket;
#[cfg(feature = "tls")]
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use async_io::Timer;
#[cfg(not(feature = "aws-lc"))]
use barertc::RustCrypto as Crypto;
use barertc::ice::stream::StreamEnd;
use barertc::{MediaKind, ReceivedFrame};
use barertc_arena::{Heap, Label, Stats};
use barertc_runner::Clock;
use barertc_streamer::{Board, MAX_ADDRESSES, Memory, OWNERS};
use barertc_wire::Instant;
use getrandom::SysRng;
use rand_core::UnwrapErr;

#[cfg(feature = "aws-lc")]
use crate::crypto::Crypto;
use crate::ear::Ear;
use crate::guard::{host, host_call};
use crate::media_socket::MediaSocket;
use crate::net::{Acceptor, Net};
use crate::options::{Options, media_addresses, own_addresses};
use crate::record::Recorder;
use crate::say::Say;
use crate::senders::Senders;
#[cfg(feature = "tls")]
use crate::tls::Tls;

/// How often it is looked whether the machine has other addresses.
const LOOK: Duration = Duration::from_millis(250);

/// A handle of the large memory, which counts for whom it is.
pub type Handle = Label<&'static Heap<'static>>;

/// The desktop.
pub struct Desktop {
    internal: &'static Heap<'static>,
    psram: &'static Heap<'static>,
    /// One handle for each of [`OWNERS`].
    owners: Vec<Handle>,
    net: Net,
    /// Who may send to the media sockets.
    senders: Senders,
    /// Where the page is, if media follow the addresses of the machine.
    listen: Option<IpAddr>,
    start: std::time::Instant,
    crypto: Crypto,
    rng: RefCell<UnwrapErr<SysRng>>,
    /// Who may vouch for servers; the usual authorities when `None`.
    #[cfg(feature = "tls")]
    ca: Option<PathBuf>,
    recorder: Option<RefCell<Recorder>>,
    /// What viewers say, where there is a loudspeaker.
    ear: Option<RefCell<Ear<Handle>>>,
    say: Say,
}

impl Desktop {
    /// A board with memories of the sizes that the options name.
    pub fn new(options: &Options) -> Result<Self> {
        let psram = region(options.psram).with_context(|| format!("--large-memory {}", options.psram))?;
        let internal = region(options.internal).with_context(|| format!("--small-memory {}", options.internal))?;
        let owners = OWNERS.iter().map(|name| Handle::try_new(psram, name));
        let owners =
            owners.collect::<Result<_, _>>().map_err(|_| anyhow!("--large-memory {}: too small", options.psram))?;
        let rng = RefCell::new(UnwrapErr(SysRng));
        let recorder = options.record.as_deref().map(|folder| Recorder::new(folder, options.record_limit)).transpose();
        let recorder = recorder.context("--record")?.map(RefCell::new);
        let mut board = Self {
            internal,
            psram,
            owners,
            net: Net::default(),
            senders: options.senders()?,
            listen: options.follows_addresses().then(|| options.listen.ip()),
            start: std::time::Instant::now(),
            crypto: Crypto::default(),
            rng,
            #[cfg(feature = "tls")]
            ca: options.ca.clone(),
            recorder,
            ear: None,
            say: Say::new(options),
        };
        if options.speaker.is_some() {
            board.ear = Some(RefCell::new(Ear::new(board.psram("viewers")).context("--speaker")?));
        }
        Ok(board)
    }

    /// The next block for the loudspeaker.
    pub fn pull(&self, block: &mut [i16]) {
        if let Some(ear) = &self.ear {
            ear.borrow_mut().pull(block);
        }
    }

    /// What was recorded is whole.
    pub fn finish(&self) -> io::Result<()> {
        self.recorder.as_ref().map_or(Ok(()), |recorder| recorder.borrow_mut().end_all())
    }

    /// Datagrams and connections for media that came from other machines, where only this one may connect.
    pub fn refused(&self) -> u64 {
        self.senders.refused()
    }

    fn write(&self, f: impl FnOnce(&mut Recorder) -> io::Result<()>) {
        let Some(recorder) = &self.recorder else { return };
        host_call(|| {
            if let Err(error) = f(&mut recorder.borrow_mut()) {
                self.say.log(format_args!("recording: {error}"));
            }
        });
    }

    /// Bytes of the PSRAM that are in use.
    pub fn psram_stats(&self) -> Stats {
        self.psram.stats()
    }
}

fn region(bytes: usize) -> Result<&'static Heap<'static>> {
    let region = Box::leak(vec![MaybeUninit::<u8>::uninit(); bytes].into_boxed_slice());
    let heap = Heap::new(region).map_err(|error| anyhow!("{bytes} bytes are too few: {error}"))?;
    Ok(Box::leak(Box::new(heap)))
}

impl Clock for Desktop {
    fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    async fn sleep_until(&self, at: Instant) {
        let at = self.start.checked_add(Duration::from_micros(at.as_micros()));
        host(async {
            match at {
                Some(at) => Timer::at(at).await,
                None => Timer::never().await,
            }
        })
        .await;
    }
}

impl Board for Desktop {
    const LARGE_MEMORY: &'static str = "large memory";

    type Psram = Handle;
    type Acceptor<'a> = Acceptor;
    type Udp<'a> = MediaSocket;
    type Connect<'a> = Net;
    type ConnectError = io::Error;
    type Error = io::Error;
    type Crypto = Crypto;
    type Rng = UnwrapErr<SysRng>;

    fn psram(&self, owner: &'static str) -> Handle {
        let known = OWNERS.iter().position(|name| *name == owner);
        self.owners[known.unwrap_or_default()].clone()
    }

    async fn listen(&self, local: SocketAddr) -> io::Result<(Acceptor, SocketAddr)> {
        self.net.listen(local).await
    }

    async fn listen_media(&self, local: SocketAddr) -> io::Result<(Acceptor, SocketAddr)> {
        self.net.listen_media(local, self.senders.clone()).await
    }

    async fn bind(&self, local: SocketAddr) -> io::Result<(MediaSocket, SocketAddr)> {
        let (socket, local) = self.net.udp(local).await?;
        Ok((MediaSocket::new(socket, self.senders.clone()), local))
    }

    async fn addresses_changed(&self, known: &[IpAddr]) -> heapless::Vec<IpAddr, MAX_ADDRESSES> {
        let Some(listen) = self.listen else { return core::future::pending().await };
        host(async {
            loop {
                Timer::after(LOOK).await;
                // Where the system does not tell, what was known is kept.
                let Ok(own) = own_addresses() else { continue };
                let mut all = media_addresses(&own, listen);
                // A new IPv6 address cannot be used until nobody else has it (RFC 4862 §5.4).
                all.retain(|ip| known.contains(ip) || UdpSocket::bind((*ip, 0)).is_ok());
                if all.len() != known.len() || !all.iter().all(|ip| known.contains(ip)) {
                    self.senders.follow(own);
                    return all.into_iter().take(MAX_ADDRESSES).collect();
                }
            }
        })
        .await
    }

    fn tcp(&self) -> Net {
        self.net.clone()
    }

    fn crypto(&self) -> &Crypto {
        &self.crypto
    }

    fn random<T>(&self, f: impl FnOnce(&mut Self::Rng) -> T) -> T {
        f(&mut self.rng.borrow_mut())
    }

    fn memory(&self) -> Memory {
        let named = OWNERS.iter().zip(&self.owners);
        let owners = named.filter_map(|(name, label)| Some((*name, label.stats()?))).collect();
        Memory { internal: self.internal.stats(), psram: self.psram.stats(), stack: Stats::ZERO, owners }
    }

    fn record(&self, sender: u32, kind: MediaKind, frame: &ReceivedFrame, bytes: &[u8]) {
        if let Some(ear) = self.ear.as_ref().filter(|_| kind == MediaKind::Audio)
            && !ear.borrow_mut().hear(sender, frame.timestamp, bytes)
        {
            self.log(format_args!("--speaker: somebody talks already, and is heard to the end"));
        }
        self.write(|recorder| recorder.frame(sender, kind, frame, bytes));
    }

    fn heard(&self) -> Option<u8> {
        self.ear.as_ref().and_then(|ear| ear.borrow().level())
    }

    fn recorded(&self, sender: u32) {
        if let Some(ear) = &self.ear {
            ear.borrow_mut().end(sender);
        }
        self.write(|recorder| {
            let end = recorder.end(sender)?;
            self.say.log(format_args!("recording {} {end}", recorder.number(sender)));
            Ok(())
        });
    }

    #[cfg(feature = "tls")]
    fn tls<'a>(&'a self, name: &'a str) -> Option<Net> {
        host_call(|| match Tls::new(name, self.ca.as_deref()) {
            Ok(tls) => Some(self.net.with_tls(tls)),
            Err(error) => {
                eprintln!("TLS: {error:#}");
                None
            }
        })
    }

    fn connect_failed(error: &io::Error) -> StreamEnd {
        #[cfg(feature = "tls")]
        if let Some(end) = crate::tls::fault(error) {
            return end;
        }
        match error.kind() {
            io::ErrorKind::TimedOut => StreamEnd::ConnectTimeout,
            _ => StreamEnd::NotConnected,
        }
    }

    fn log(&self, line: fmt::Arguments<'_>) {
        host_call(|| self.say.log(line));
    }
}
