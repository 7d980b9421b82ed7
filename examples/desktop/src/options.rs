//! What a user can say on the command line.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail};
use barertc_media::RateConfig;
use barertc_signaling::{Access, Url};
use barertc_streamer::{MAX_ADDRESSES, MAX_TURN};
use pico_args::Arguments;

use crate::commands::Template;
use crate::lookup::lookup;
use crate::senders::Senders;
use crate::turn::TurnOption;

pub const HELP: &str = "\
barertc-desktop [OPTION…]: streams H.264 video, Opus sound and data channels to each browser that opens its page.

Without options it streams its sample to browsers on this machine, at http://127.0.0.1:8000/.

Sources and recordings
  --media PATH         play a packed file (.brtc), or a folder with h264/ and opus/ in it
  --test-pattern       play a test card and a tone, which ffmpeg encodes live
  --camera DEVICE      play a camera through ffmpeg, such as /dev/video0
  --microphone DEVICE  play a microphone through ffmpeg and ALSA, such as default
  --video COMMAND      play the standard output of a command: H.264 with start codes (Annex B), or VP8,
                       VP9 or AV1 in IVF; viewers are offered what is found. {bitrate} and {fps} in
                       the command are replaced; it is started again when the viewers' paths need another bit rate
  --audio COMMAND      play the standard output of a command: Opus in Ogg
  --bitrate BITS       highest bit rate of live video, in bits a second [default: 2500000]
  --record FOLDER      record into this folder what viewers send, by the page's button or by WHIP at /whip
  --speaker COMMAND    let viewers talk, by the page's button, and play it: the standard input of a command gets 16-bit
                       little-endian samples, 8000 Hz, one channel, such as for 'aplay -q -f S16_LE -r 8000'
  --record-limit BYTES most bytes that one run records [default: 1073741824]

Access
  --listen ADDRESS     address and port of the page, such as 0.0.0.0:8000 [default: 127.0.0.1:8000]
  --token TEXT         token that viewers must send (?token=TEXT); without it only this machine may connect
  --viewers N          most viewers at the same time [default: 8]

Other servers
  --signaling URL      also connect to a forwarding server, such as ws://127.0.0.1:9000 (or wss://…)
  --id NAME            name of the streamer at that server [default: server]
  --whip URL           also send to a WHIP server, such as http://127.0.0.1:9000/whip (or https://…)
  --whip-token TEXT    bearer token for that server; no other server gets it
  --ca FILE            trust the certificates in this PEM file for wss, https and turns, and no others
  --forwarder          run only a forwarding server for streamers and pages, at --listen

Network to viewers
  --udp-port PORT      local UDP port for media [default: any]
  --advertise ADDRESS  public address and port of a port forwarding to that port
  --ice-tcp PORT       viewers may connect to this TCP port where UDP does not get through; 0 takes any [default: off]
  --stun ADDRESS       a STUN server, such as stun.example.org:3478
  --turn URI           a TURN server, such as user:password@turn.example.org:3478, 'turn:HOST?transport=tcp' or
                       turns:HOST for TLS; may be given four times, and all servers are asked at once
  --turn-account TEXT  user:password for the TURN servers whose URI has none
  --relay-only         send candidates of TURN servers only
  --latency MS         longest delay for repairing losses that is aimed at; 0 adds no delay [default: 100]
  --mtu BYTES          longest datagram that is sent, in bytes of UDP payload [default: 1200]

Memory of the simulated device
  --large-memory BYTES size of the memory for viewers and frames [default: 33554432]
  --small-memory BYTES size of the memory for what is needed often [default: 460800]

Output
  --json               print one JSON object a line instead of sentences
  --stats              print statistics every five seconds
  --feedback FILE      write the viewers' feedback on each packet to this file
  -h, --help           print this text";

/// The options, with defaults filled in.
// More than fifteen fields: one for each option of the command line.
pub struct Options {
    pub media: Option<PathBuf>,
    /// Commands for pictures and sound, instead of media.
    pub video: Option<Template>,
    pub audio: Option<Template>,
    pub bitrate: u64,
    pub listen: SocketAddr,
    pub token: Option<String>,
    pub signaling: Option<(String, SocketAddr)>,
    pub whip: Option<(String, SocketAddr)>,
    pub whip_token: Option<String>,
    pub ca: Option<PathBuf>,
    pub record: Option<PathBuf>,
    pub record_limit: u64,
    /// A command that plays what viewers say.
    pub speaker: Option<String>,
    pub stun: Option<SocketAddr>,
    pub turn: Vec<TurnOption>,
    pub relay_only: bool,
    pub udp_port: u16,
    pub advertise: Option<SocketAddr>,
    pub ice_tcp: Option<u16>,
    pub latency: u32,
    pub mtu: u16,
    pub viewers: usize,
    pub psram: usize,
    pub internal: usize,
    pub stats: bool,
    pub json: bool,
    pub feedback: Option<PathBuf>,
    pub forwarder: bool,
}

impl Options {
    /// From the command line; `None` when only help was asked for.
    pub fn parse() -> Result<Option<Self>> {
        Self::from(std::env::args_os().skip(1).collect())
    }

    pub fn from(words: Vec<OsString>) -> Result<Option<Self>> {
        let mut args = Arguments::from_vec(words);
        if args.contains(["-h", "--help"]) {
            return Ok(None);
        }
        let id: String = value(&mut args, "--id")?.unwrap_or_else(|| "server".into());
        let signaling: Option<String> = value(&mut args, "--signaling")?;
        let whip: Option<String> = value(&mut args, "--whip")?;
        let stun: Option<String> = value(&mut args, "--stun")?;
        let account: Option<String> = value(&mut args, "--turn-account")?;
        let turn: Vec<String> = args.values_from_str("--turn").map_err(|error| anyhow!("--turn: {error}"))?;
        let media: Option<PathBuf> = value(&mut args, "--media")?;
        let (video, audio) = live(&mut args, media.is_some())?;
        let options = Self {
            media,
            video,
            audio,
            bitrate: value(&mut args, "--bitrate")?.unwrap_or(2_500_000),
            listen: value(&mut args, "--listen")?.unwrap_or_else(|| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 8000)),
            token: value(&mut args, "--token")?,
            signaling: signaling.map(|url| forwarder(&url, &id)).transpose()?,
            whip: whip.map(|url| whip_server(&url)).transpose()?,
            whip_token: value(&mut args, "--whip-token")?,
            ca: value(&mut args, "--ca")?,
            record: value(&mut args, "--record")?,
            record_limit: value(&mut args, "--record-limit")?.unwrap_or(1 << 30),
            speaker: value(&mut args, "--speaker")?,
            stun: stun.map(|server| lookup("--stun", server.trim_start_matches("stun:"), 3478)).transpose()?,
            turn: turn.iter().map(|text| TurnOption::parse(text, account.as_deref())).collect::<Result<_>>()?,
            relay_only: args.contains("--relay-only"),
            udp_port: value(&mut args, "--udp-port")?.unwrap_or(0),
            advertise: value(&mut args, "--advertise")?,
            ice_tcp: value(&mut args, "--ice-tcp")?,
            latency: value(&mut args, "--latency")?.unwrap_or(100),
            mtu: value(&mut args, "--mtu")?.unwrap_or(1_200),
            viewers: value(&mut args, "--viewers")?.unwrap_or(8),
            psram: value(&mut args, "--large-memory")?.unwrap_or(32 << 20),
            internal: value(&mut args, "--small-memory")?.unwrap_or(450 << 10),
            stats: args.contains("--stats"),
            json: args.contains("--json"),
            feedback: args.opt_value_from_str("--feedback")?,
            forwarder: args.contains("--forwarder"),
        };
        let rest = args.finish();
        if !rest.is_empty() {
            bail!("{}", not_understood(&rest));
        }
        options.check()?;
        Ok(Some(options))
    }

    fn check(&self) -> Result<()> {
        if let Err(error) = RateConfig::new(self.bitrate).check() {
            bail!("--bitrate {}: {error}", self.bitrate);
        }
        if !(576..=1_500).contains(&self.mtu) {
            bail!("--mtu {}: must be from 576 to 1500", self.mtu);
        }
        if self.viewers == 0 {
            bail!("--viewers 0: must be at least 1");
        }
        if self.turn.len() > MAX_TURN {
            bail!("--turn: given {} times, must be at most {MAX_TURN} times", self.turn.len());
        }
        Access::new(self.token.as_deref()).context("--token")?;
        if self.whip_token.as_deref().is_some_and(|token| !token.bytes().all(|b| matches!(b, b' '..=b'~'))) {
            bail!("--whip-token: only printable ASCII can be sent in a header");
        }
        if self.token.is_none() && !self.listen.ip().is_loopback() {
            bail!(
                "--listen {}: other machines can reach this address, so give a --token that viewers must send",
                self.listen
            );
        }
        if let (None, Some((url, address))) = (&self.token, &self.signaling)
            && !address.ip().is_loopback()
        {
            bail!("--signaling {url}: other machines can reach this server, so give a --token that viewers must send");
        }
        if self.relay_only && self.ice_tcp.is_some() {
            bail!("--ice-tcp: has no effect with --relay-only");
        }
        if self.ice_tcp.is_some_and(|port| port != 0 && port == self.listen.port()) {
            bail!("--ice-tcp {}: the page (--listen) has this port", self.listen.port());
        }
        if self.ice_tcp == Some(9) {
            bail!("--ice-tcp 9: this port stands for active candidates (RFC 6544)");
        }
        if self.relay_only && self.turn.is_empty() {
            bail!("--relay-only: needs --turn");
        }
        if let Some(path) = &self.ca
            && !path.is_file()
        {
            bail!("--ca {}: no such file", path.display());
        }
        if let Some(path) = &self.record
            && !path.is_dir()
        {
            bail!("--record {}: no such folder", path.display());
        }
        if self.speaker.as_deref().is_some_and(|command| command.trim().is_empty()) {
            bail!("--speaker: no command");
        }
        if self.speaker.is_some() && self.record.is_some() {
            bail!("--speaker and --record: G.711 is played and Opus recorded, so only one of them can be");
        }
        if let Some(path) = &self.media
            && !path.exists()
        {
            bail!("--media {}: no such file or folder", path.display());
        }
        Ok(())
    }

    /// The addresses that media can leave from, at most [`MAX_ADDRESSES`]: the one on which the page can be reached. Where
    /// that is this machine's loopback or every address, those that this machine has, the loopback last. On the loopback
    /// `--advertise` names the one way there is, so that no other is told.
    pub fn addresses(&self) -> Result<Vec<IpAddr>> {
        let listen = self.listen.ip();
        if !self.follows_addresses() {
            return Ok(vec![listen]);
        }
        Ok(media_addresses(&own_addresses()?, listen))
    }

    /// Whether [`addresses`](Self::addresses) has other results when this machine gets other addresses.
    pub fn follows_addresses(&self) -> bool {
        let listen = self.listen.ip();
        let one_way = listen.is_loopback() && self.advertise.is_some();
        !one_way && (listen.is_unspecified() || listen.is_loopback())
    }

    /// Who may send media: this machine alone where only it can reach the page, unless a server elsewhere was named.
    pub fn senders(&self) -> Result<Senders> {
        let goes_elsewhere = self.whip.is_some() || !self.turn.is_empty() || self.stun.is_some();
        if !self.listen.ip().is_loopback() || goes_elsewhere {
            return Ok(Senders::All);
        }
        Ok(Senders::this_machine(&own_addresses()?))
    }
}

/// The commands that pictures and sound come from, where the options name some: one for each.
fn live(args: &mut Arguments, media: bool) -> Result<(Option<Template>, Option<Template>)> {
    let test_pattern = args.contains("--test-pattern");
    let [video, camera, audio, microphone]: [Option<String>; 4] =
        [value(args, "--video")?, value(args, "--camera")?, value(args, "--audio")?, value(args, "--microphone")?];
    let media = ("--media", media);
    let pictures =
        [media, ("--video", video.is_some()), ("--camera", camera.is_some()), ("--test-pattern", test_pattern)];
    let sound = [media, ("--audio", audio.is_some()), ("--microphone", microphone.is_some())];
    for named in [&pictures[..], &sound] {
        let mut given = named.iter().filter(|(_, given)| *given).map(|(name, _)| name);
        if let (Some(one), Some(two)) = (given.next(), given.next()) {
            bail!("{one} and {two}: only one of them can be played");
        }
    }
    let video = match (video, camera) {
        (Some(command), _) => Some(Template::of_user("--video", &command)?),
        (None, Some(device)) => Some(Template::camera(&device)?),
        (None, None) if test_pattern => Some(Template::test_card()?),
        (None, None) => None,
    };
    let audio = match (audio, microphone) {
        (Some(command), _) => Some(Template::of_user("--audio", &command)?),
        (None, Some(device)) => Some(Template::microphone(&device)?),
        (None, None) if test_pattern => Some(Template::tone()),
        (None, None) => None,
    };
    Ok((video, audio))
}

/// Those of this machine's `own` addresses that media leave from when the page is at every address or at the loopback: at most
/// [`MAX_ADDRESSES`], the loopback last.
pub fn media_addresses(own: &[IpAddr], listen: IpAddr) -> Vec<IpAddr> {
    let usable = own.iter().filter(|ip| ip.is_ipv4() || (listen.is_ipv6() && !is_link_local(ip)));
    let (loopback, mut cards): (Vec<IpAddr>, Vec<IpAddr>) = usable.partition(|ip| ip.is_loopback());
    cards.truncate(MAX_ADDRESSES.saturating_sub(loopback.len()));
    cards.into_iter().chain(loopback).collect()
}

/// All addresses of this machine.
pub fn own_addresses() -> Result<Vec<IpAddr>> {
    let all = if_addrs::get_if_addrs().context("asking for this machine's addresses")?;
    Ok(all.into_iter().map(|interface| interface.ip()).collect())
}

/// Says which word is not understood, and which option it may have meant.
fn not_understood(words: &[OsString]) -> String {
    let said = words.join(std::ffi::OsStr::new(" "));
    let option = words.iter().find_map(|word| word.to_str().filter(|word| word.starts_with('-')));
    let known = HELP.split_whitespace().map(|word| word.trim_end_matches(',')).filter(|word| word.starts_with("--"));
    let nearest = option.and_then(|option| {
        let option = option.split('=').next().unwrap_or(option);
        let near = known.map(|known| (distance(option, known), known)).min()?;
        (near.0 <= option.len() / 3).then_some(near.1)
    });
    let hint = nearest.map(|nearest| format!(" Did you mean {nearest}?")).unwrap_or_default();
    format!("not understood: {}.{hint} --help names all options.", said.display())
}

/// How many letters have to be changed, put in or taken out, or swapped with the next one, to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}

/// What stands behind `option`. The library's own error says what is wrong with a value, not whose it is.
fn value<T: FromStr<Err: std::fmt::Display>>(args: &mut Arguments, option: &'static str) -> Result<Option<T>> {
    args.opt_value_from_str(option).map_err(|error| anyhow!("{option}: {error}"))
}

fn is_link_local(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// The URL of a forwarding server with our name as its path, and its address.
fn forwarder(url: &str, id: &str) -> Result<(String, SocketAddr)> {
    let parsed = parse("--signaling", url, ["ws://", "wss://"])?;
    let address = lookup("--signaling", parsed.authority, parsed.port)?;
    let scheme = if parsed.secure { "wss" } else { "ws" };
    // A token may stand there.
    let query = parsed.path_and_query.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
    Ok((format!("{scheme}://{}/{id}{query}", parsed.authority), address))
}

fn whip_server(url: &str) -> Result<(String, SocketAddr)> {
    let parsed = parse("--whip", url, ["http://", "https://"])?;
    Ok((url.to_owned(), lookup("--whip", parsed.authority, parsed.port)?))
}

fn parse<'u>(option: &str, url: &'u str, schemes: [&str; 2]) -> Result<Url<'u>> {
    let parsed =
        Url::parse(url).ok().filter(|_| schemes.iter().any(|scheme| url.to_ascii_lowercase().starts_with(scheme)));
    let parsed = parsed.with_context(|| format!("{option} {url}: must be {} or {}", schemes[0], schemes[1]))?;
    if parsed.secure && !cfg!(feature = "tls") {
        bail!("{option} {url}: this program was built without its feature `tls`");
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_taken_apart() {
        assert_eq!(lookup("x", "[::1]", 80).unwrap(), "[::1]:80".parse().unwrap());
        assert_eq!(lookup("x", "[::1]:9", 80).unwrap(), "[::1]:9".parse().unwrap());
        let (url, address) = forwarder("ws://127.0.0.1:9000/x?token=y", "me").unwrap();
        assert_eq!((url.as_str(), address), ("ws://127.0.0.1:9000/me?token=y", "127.0.0.1:9000".parse().unwrap()));
        assert!(forwarder("http://127.0.0.1", "me").is_err() && whip_server("ws://127.0.0.1").is_err());
    }

    const LONG: &str = concat!(
        "0123456789012345678901234567890123456789012345678901234567890123",
        "01234567890123456789012345678901234567890123456789012345678901234"
    );

    fn options(words: &[&str]) -> Options {
        Options::from(words.iter().map(OsString::from).collect()).unwrap().unwrap()
    }

    #[test]
    fn media_is_reached_as_far_as_the_page_and_no_further() {
        let loopback: IpAddr = Ipv4Addr::LOCALHOST.into();
        let all = options(&["--listen", "0.0.0.0:8000", "--token", "x"]);
        assert!(matches!(all.senders().unwrap(), Senders::All));
        let all = all.addresses().unwrap();
        assert!(all.contains(&loopback) && all.iter().all(IpAddr::is_ipv4), "{all:?}");
        // A browser on this machine may take another of its addresses than the page's.
        assert_eq!(options(&[]).addresses().unwrap(), all);
        assert!(matches!(options(&[]).senders().unwrap(), Senders::ThisMachine { .. }));
        let six = options(&["--listen", "[::1]:0"]);
        assert!(six.addresses().unwrap().contains(&"::1".parse::<IpAddr>().unwrap()));
        assert!(matches!(six.senders().unwrap(), Senders::ThisMachine { .. }));
        assert_eq!(options(&["--advertise", "127.0.0.1:9"]).addresses().unwrap(), [loopback]);
        let one = options(&["--listen", "192.0.2.1:8000", "--token", "x"]);
        assert_eq!(one.addresses().unwrap(), ["192.0.2.1".parse::<IpAddr>().unwrap()]);
        assert!(matches!(one.senders().unwrap(), Senders::All));
        for server in [["--stun", "192.0.2.1:3478"], ["--turn", "user:secret@192.0.2.1:3478"]] {
            assert_eq!(options(&server).addresses().unwrap(), all, "{server:?}");
            assert!(matches!(options(&server).senders().unwrap(), Senders::All), "{server:?}");
        }
    }

    #[test]
    fn what_cannot_be_is_named() {
        let wrong: &[(&[&str], &[&str])] = &[
            (&["--listen", "here"], &["--listen", "here"]),
            (&["--listen", "0.0.0.0:8000"], &["--listen", "--token"]),
            (&["--listen"], &["--listen"]),
            (&["--mtu", "9000"], &["--mtu 9000", "576", "1500"]),
            (&["--mtu", "-1"], &["--mtu", "-1"]),
            (&["--viewers", "0"], &["--viewers 0"]),
            (&["--large-memory", "32M"], &["--large-memory", "32M"]),
            (&["--token", ""], &["--token"]),
            (&["--relay-only"], &["--relay-only", "--turn"]),
            (&["--turn", "turn.example.org"], &["--turn"]),
            (&["--ice-tcp", "9"], &["--ice-tcp 9"]),
            (&["--ice-tcp", "8000"], &["--ice-tcp 8000", "--listen"]),
            (&["--ice-tcp", "x"], &["--ice-tcp"]),
            (&["--ice-tcp", "0", "--relay-only", "--turn", "a:b@127.0.0.1"], &["--ice-tcp", "--relay-only"]),
            (&["--stun", "[::1"], &["--stun", "[::1"]),
            (&["--signaling", "http://127.0.0.1:1"], &["--signaling", "http://127.0.0.1:1"]),
            (&["--whip", "ws://127.0.0.1:1"], &["--whip", "ws://127.0.0.1:1"]),
            (&["--advertise", "127.0.0.1"], &["--advertise", "127.0.0.1"]),
            (&["--media", "/not/there"], &["--media /not/there"]),
            (&["--camera", "/not/there"], &["--camera /not/there"]),
            (&["--video", "|"], &["--video"]),
            (&["--video", "a", "--camera", "b"], &["--video and --camera"]),
            (&["--audio", "a", "--microphone", "b"], &["--audio and --microphone"]),
            (&["--media", ".", "--audio", "a"], &["--media and --audio"]),
            (&["--bitrate", "1000"], &["--bitrate 1000", "150000"]),
            (&["--record", "/not/there"], &["--record /not/there"]),
            (&["--speaker", " "], &["--speaker"]),
            (&["--speaker", "cat", "--record", "."], &["--speaker and --record"]),
            (&["--ca", "/not/there"], &["--ca /not/there"]),
            (&["--meda", "x"], &["not understood: --meda x", "Did you mean --media?"]),
            (&["--tokne=x"], &["not understood: --tokne=x", "Did you mean --token?"]),
            (&["--recrod", "x"], &["Did you mean --record?"]),
            (&["--wombat"], &["not understood: --wombat", "--help"]),
            (&["--token", LONG], &["--token", "128", "129"]),
            (&["--token", "a\u{7}b"], &["--token", "control"]),
            (&["--whip-token", "é"], &["--whip-token", "ASCII"]),
            (&["--signaling", "ws://192.0.2.1:9000"], &["--signaling", "--token"]),
        ];
        for (words, named) in wrong {
            let Err(error) = Options::from(words.iter().map(OsString::from).collect()) else {
                panic!("{words:?} are taken");
            };
            let said = format!("{error:#}");
            for name in *named {
                assert!(said.contains(name), "{words:?}: {said}");
            }
        }
        assert!(Options::from(vec!["--help".into()]).is_ok_and(|o| o.is_none()));
        let all = Options::from(Vec::new()).unwrap().unwrap();
        assert!(all.listen.ip().is_loopback() && all.token.is_none(), "without options only this machine may connect");
    }
}
