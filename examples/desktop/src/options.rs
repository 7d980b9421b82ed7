//! What a user can say on the command line.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

pub const HELP: &str = "\
barertc-desktop [OPTION…]: streams H.264 video with Opus sound and data channels to whoever opens its page.

Without options it plays its sample to browsers on this machine, at http://127.0.0.1:8000/.

  --media PATH         a packed file (.brtc), or a folder with h264/ and opus/ in it
  --listen ADDRESS     where to serve the page, such as 0.0.0.0:8000 [default: 127.0.0.1:8000]
  --token TEXT         viewers must show it (?token=TEXT); without it only this machine may connect
  --signaling URL      also connect to a forwarding server, such as ws://127.0.0.1:9000
  --id NAME            the name there [default: server]
  --udp-port PORT      where media leaves from [default: any]
  --advertise ADDRESS  the address by which others reach that port, behind a port forwarding
  --mtu BYTES          largest datagram [default: 1200]
  --viewers N          at the same time [default: 8]
  --psram BYTES        large memory of the device [default: 33554432]
  --internal BYTES     small memory of the device [default: 460800]
  --stats              print figures every five seconds";

/// The options, with defaults filled in.
pub struct Options {
    pub media: Option<PathBuf>,
    pub listen: SocketAddr,
    pub token: Option<String>,
    pub signaling: Option<(String, SocketAddr)>,
    pub udp_port: u16,
    pub advertise: Option<SocketAddr>,
    pub mtu: u16,
    pub viewers: usize,
    pub psram: usize,
    pub internal: usize,
    pub stats: bool,
}

impl Options {
    /// From the command line; `None` when only help was asked for.
    pub fn parse() -> Result<Option<Self>> {
        let mut args = pico_args::Arguments::from_env();
        if args.contains(["-h", "--help"]) {
            return Ok(None);
        }
        let id: String = args.opt_value_from_str("--id")?.unwrap_or_else(|| "server".into());
        let signaling: Option<String> = args.opt_value_from_str("--signaling")?;
        let options = Self {
            media: args.opt_value_from_str("--media")?,
            listen: args
                .opt_value_from_str("--listen")?
                .unwrap_or_else(|| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 8000)),
            token: args.opt_value_from_str("--token")?,
            signaling: signaling.map(|url| forwarder(&url, &id)).transpose()?,
            udp_port: args.opt_value_from_str("--udp-port")?.unwrap_or(0),
            advertise: args.opt_value_from_str("--advertise")?,
            mtu: args.opt_value_from_str("--mtu")?.unwrap_or(1_200),
            viewers: args.opt_value_from_str("--viewers")?.unwrap_or(8),
            psram: args.opt_value_from_str("--psram")?.unwrap_or(32 << 20),
            internal: args.opt_value_from_str("--internal")?.unwrap_or(450 << 10),
            stats: args.contains("--stats"),
        };
        let rest = args.finish();
        if !rest.is_empty() {
            bail!("not understood: {}\n\n{HELP}", rest.join(std::ffi::OsStr::new(" ")).display());
        }
        options.check()?;
        Ok(Some(options))
    }

    fn check(&self) -> Result<()> {
        if !(576..=1_500).contains(&self.mtu) {
            bail!("--mtu {}: must be from 576 to 1500", self.mtu);
        }
        if self.viewers == 0 {
            bail!("--viewers 0: nobody could watch");
        }
        if self.token.as_deref() == Some("") {
            bail!("--token: an empty token would admit nobody");
        }
        if self.token.is_none() && !self.listen.ip().is_loopback() {
            bail!("--listen {}: others could reach it, so it needs a --token that viewers have to show", self.listen);
        }
        if let Some(path) = &self.media
            && !path.exists()
        {
            bail!("--media {}: no such file or folder", path.display());
        }
        Ok(())
    }

    /// The addresses that media can leave from: those on which the page can be reached.
    pub fn addresses(&self) -> Result<Vec<IpAddr>> {
        if !self.listen.ip().is_unspecified() {
            return Ok(vec![self.listen.ip()]);
        }
        let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs()
            .context("asking for this machine's addresses")?
            .into_iter()
            .map(|interface| interface.ip())
            .filter(|ip| ip.is_ipv4() || (self.listen.is_ipv6() && !is_link_local(ip)))
            .collect();
        addresses.sort_by_key(IpAddr::is_loopback);
        Ok(addresses)
    }
}

fn is_link_local(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// The address of `ws://HOST:PORT[/…]`, and the URL with our name as its path.
fn forwarder(url: &str, id: &str) -> Result<(String, SocketAddr)> {
    let rest = url.strip_prefix("ws://").with_context(|| format!("--signaling {url}: must begin with ws://"))?;
    let authority = rest.split('/').next().unwrap_or_default();
    let with_port = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let address = with_port
        .to_socket_addrs()
        .with_context(|| format!("--signaling {url}: looking up {authority}"))?
        .next()
        .with_context(|| format!("--signaling {url}: {authority} has no address"))?;
    Ok((format!("ws://{authority}/{id}"), address))
}
