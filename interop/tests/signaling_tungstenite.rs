//! The signaling socket over real TCP, with `tungstenite` in the page's place.

use std::cell::RefCell;
use std::net::TcpStream;

use barertc_signaling::*;
use barertc_wire::{Clock, Instant};
use edge_nal::{TcpAccept, TcpBind};
use tungstenite::Message as Frame;

#[derive(Default)]
struct App {
    discards: RefCell<Discards>,
}

impl Clock for App {
    fn now(&self) -> Instant {
        Instant::ZERO
    }

    async fn sleep_until(&self, _: Instant) {
        // Nothing here takes long enough for a limit to matter.
        std::future::pending().await
    }
}

impl Signals for App {
    async fn message<'r>(&self, _: Peer<'_>, message: Message<'_>, room: &'r mut [u8]) -> Option<Message<'r>> {
        let Message::Offer { sdp } = message else { return None };
        let room = room.get_mut(..sdp.len())?;
        room.copy_from_slice(sdp.as_bytes());
        Some(Message::Answer { sdp: std::str::from_utf8(room).ok()? })
    }

    async fn outgoing<'r>(&self, _: u32, _: &mut Id, _: &'r mut [u8]) -> Message<'r> {
        std::future::pending().await
    }

    fn closed(&self, _: u32) {}

    fn discarded(&self, reason: Discard) {
        self.discards.borrow_mut().count(reason);
    }
}

impl Server for App {
    fn authorize(&self, caller: &Caller<'_>) -> Admission {
        Access::new(Some("secret")).expect("a token").allows(caller).into()
    }

    fn opened(&self) -> Option<u32> {
        Some(1)
    }

    fn page(&self, _: &str) -> Option<Page<'_>> {
        None
    }

    async fn session_offer<'r>(&self, _: Endpoint, _: &str, _: &mut Id, _: &'r mut [u8]) -> Result<&'r str, Refusal> {
        Err(Refusal::Busy)
    }

    async fn session_candidate(&self, _: &str, _: &str, _: Option<&str>) -> Result<(), Refusal> {
        Err(Refusal::Unknown)
    }

    fn session_ice(&self, _: &str) -> Option<IceGeneration> {
        None
    }

    fn session_end(&self, _: &str) -> bool {
        false
    }
}

/// Serves as many connections as `clients` says while `page` runs against the port; what was refused.
fn against(clients: usize, page: impl FnOnce(u16) + Send + 'static) -> Discards {
    futures_lite::future::block_on(async {
        let app = App::default();
        let stack = edge_nal_std::Stack::new();
        // The stack doesn't tell which port it was given.
        let port = barertc_interop::free_port();
        let listener = stack.bind(([127, 0, 0, 1], port).into()).await.expect("bind");
        let thread = std::thread::spawn(move || page(port));
        for _ in 0..clients {
            let (from, mut socket) = listener.accept().await.expect("accept");
            let (mut message, mut sdp, mut out) = (vec![0; 16_384], vec![0; 8192], vec![0; 16_384]);
            let buffers = Buffers { message: &mut message, sdp: &mut sdp, out: &mut out };
            let _ = serve_connection(&mut socket, from.ip(), buffers, &app).await;
        }
        thread.join().expect("the page's checks");
        app.discards.into_inner()
    })
}

fn open(port: u16, token: &str) -> Result<tungstenite::WebSocket<TcpStream>, u16> {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("connect");
    match tungstenite::client(format!("ws://127.0.0.1:{port}/ws/page?token={token}"), stream) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
            Err(response.status().as_u16())
        }
        Err(e) => panic!("{e}"),
    }
}

#[test]
fn an_offer_of_seven_kilobytes_comes_back_as_it_went() {
    let discards = against(1, |port| {
        let sdp = include_str!("../../crates/sdp/tests/data/chromium-offer.sdp");
        let mut socket = open(port, "secret").expect("let in");
        let offer = serde_json::json!({"id": "server", "type": "offer", "sdp": sdp}).to_string();
        socket.send(Frame::text(offer)).expect("send");
        let answer = socket.read().expect("an answer").into_text().expect("text");
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!((&answer["type"], &answer["sdp"]), (&"answer".into(), &sdp.into()));
        socket.send(Frame::Ping(vec![1, 2, 3].into())).expect("ping");
        assert_eq!(socket.read().expect("pong"), Frame::Pong(vec![1, 2, 3].into()));
        socket.close(None).expect("close");
        while socket.read().is_ok() {}
    });
    assert_eq!(discards.total(), 0);
}

#[test]
fn a_wrong_token_gets_401() {
    let discards = against(1, |port| assert_eq!(open(port, "wrong").err(), Some(401)));
    assert_eq!(discards.get(Discard::Unauthorized), 1);
}
