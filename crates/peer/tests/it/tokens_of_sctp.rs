//! SNAP: SCTP's INIT chunks travel in the descriptions (`a=sctp-init`), and data channels open when DTLS is up.

use core::time::Duration;

use barertc::{ChannelConfig, ChannelId, Config, Error, Event, Instant, MessageKind};

use crate::support::{Arena, Identities, Pair, Side, Sort, arena};

const ONE_WAY: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

/// Offers have a token.
fn with_tokens() -> Config {
    Config { snap: true, ..Config::default() }
}

fn pair<'m>(ids: &'m Identities, arena: &'m Arena, [offerer, answerer]: [Config; 2]) -> Pair<'m> {
    let mut pair = Pair::new(ids, [arena; 2], &offerer, 11).expect("enough memory");
    pair.answerer = Side::new(2, answerer, &ids.0[1], arena, 11).expect("enough memory");
    pair.latency = ONE_WAY;
    pair
}

/// A channel that both sides agreed on beforehand.
fn agreed(side: &mut Side<'_>) -> ChannelId {
    let config = ChannelConfig { label: "both", negotiated: Some(4), ..ChannelConfig::default() };
    side.connection.open_channel(side.now, &config).expect("room for a channel")
}

fn token(description: &str) -> Option<&str> {
    description.lines().find_map(|line| line.strip_prefix("a=sctp-init:"))
}

/// Without the token, or with another one.
fn with_token(description: &str, other: Option<&str>) -> String {
    let keep = |line: &str| match (line.starts_with("a=sctp-init:"), other) {
        (true, None) => String::new(),
        (true, Some(other)) => format!("a=sctp-init:{other}\r\n"),
        (false, _) => format!("{line}\r\n"),
    };
    description.lines().map(keep).collect()
}

/// Round trips of SCTP between connected and open, at whichever side takes longer, and that a message passes each way.
fn opens(pair: &mut Pair<'_>) -> Duration {
    assert!(pair.connect(), "{:?} {:?}", pair.offerer.events, pair.answerer.events);
    let connected = pair.now;
    let open = |p: &mut Pair<'_>| !p.offerer.open_channels().is_empty() && !p.answerer.open_channels().is_empty();
    assert!(pair.drive(20 * SECOND, open), "{:?} {:?}", pair.offerer.events, pair.answerer.events);
    let took = pair.now.saturating_since(connected);
    for side in [&mut pair.offerer, &mut pair.answerer] {
        let id = side.open_channels()[0];
        side.connection.write_channel(side.now, id, MessageKind::Text, b"here").expect("room");
    }
    let heard = |p: &mut Pair<'_>| !p.offerer.messages.is_empty() && !p.answerer.messages.is_empty();
    assert!(pair.drive(20 * SECOND, heard), "{:?} {:?}", pair.offerer.events, pair.answerer.events);
    let over = |e: &Event| matches!(e, Event::DataClosed(_) | Event::ChannelClosed(_));
    assert!(!pair.offerer.events.iter().chain(&pair.answerer.events).any(over));
    took
}

/// Offer and answer as they are on their way.
fn signal(
    pair: &mut Pair<'_>,
    offer: impl Fn(&str) -> String,
    answer: impl Fn(&str) -> String,
) -> Result<[String; 2], Error> {
    let offered = offer(&pair.offerer.offer()?);
    let answered = answer(&pair.answerer.answer(pair.now, &offered)?);
    pair.offerer.answered(pair.now, &answered)?;
    Ok([offered, answered])
}

#[test]
fn with_tokens_channels_open_when_dtls_is_up() {
    let ids = Identities::new();
    let times = [with_tokens(), Config::default()].map(|offers| {
        let arena = arena(0);
        // An answer takes up what was offered, whatever it would offer itself.
        let mut pair = pair(&ids, &arena, [offers.clone(), Config::default()]);
        agreed(&mut pair.offerer);
        agreed(&mut pair.answerer);
        let descriptions = signal(&mut pair, str::to_owned, str::to_owned).expect("they agree");
        assert_eq!(descriptions.map(|d| token(&d).is_some()), [offers.snap; 2]);
        opens(&mut pair)
    });
    assert!(times[0].is_zero(), "{times:?}");
    assert!(times[1] >= 3 * ONE_WAY, "{times:?}");
}

#[test]
fn the_first_data_travel_with_the_last_flight() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = pair(&ids, &arena, [with_tokens(), Config::default()]);
    pair.offerer.add_data().expect("room");
    pair.answerer.open("chat").expect("room");
    pair.signal().expect("they agree");
    // The answerer is the client: what it sends last completes the handshake and opens the channel.
    assert!(pair.drive(5 * SECOND, |p| !p.offerer.open_channels().is_empty()));
    assert_eq!(pair.answerer.count(Sort::Dtls), 2, "a ClientHello, and one datagram with everything else");
    // What came with it was not lost.
    assert!(pair.offerer.is_connected());
}

#[test]
fn what_falls_back_sets_up_the_association_in_band() {
    let ids = Identities::new();
    let bad = ["AAAA", "!", "AQAAHoHPilU=", "AgAAHoHPilUAUAAA/////6hgKPnAAAAEgAgABoLA"];
    for token_on_its_way in [None].into_iter().chain(bad.map(Some)) {
        let arena = arena(0);
        let mut pair = pair(&ids, &arena, [with_tokens(), with_tokens()]);
        agreed(&mut pair.offerer);
        agreed(&mut pair.answerer);
        let offer = |offer: &str| with_token(offer, token_on_its_way);
        let [_, answer] = signal(&mut pair, offer, str::to_owned).expect("they agree");
        assert_eq!(token(&answer), None, "{token_on_its_way:?}");
        assert!(opens(&mut pair) >= ONE_WAY);
    }
}

#[test]
fn an_answer_without_a_token_is_heard_by_whoever_believes_in_it() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = pair(&ids, &arena, [with_tokens(), with_tokens()]);
    agreed(&mut pair.offerer);
    agreed(&mut pair.answerer);
    signal(&mut pair, str::to_owned, |answer| with_token(answer, None)).expect("they agree");
    opens(&mut pair);
}

#[test]
fn an_answer_that_repeats_our_token_has_none() {
    // libdatachannel repeats attributes that it does not know.
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = pair(&ids, &arena, [with_tokens(), Config::default()]);
    agreed(&mut pair.offerer);
    agreed(&mut pair.answerer);
    let offer = pair.offerer.offer().expect("an offer");
    let stripped = with_token(&offer, None);
    let answer = pair.answerer.answer(pair.now, &stripped).expect("an answer");
    let ours = token(&offer).expect("a token").to_owned();
    let echo = answer.replace("a=sctp-port:", &format!("a=sctp-init:{ours}\r\na=sctp-port:"));
    pair.offerer.answered(pair.now, &echo).expect("it fits");
    assert!(opens(&mut pair) >= ONE_WAY);
}

#[test]
fn an_answer_with_a_bad_token_is_refused_and_changes_nothing() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = pair(&ids, &arena, [with_tokens(), Config::default()]);
    agreed(&mut pair.offerer);
    agreed(&mut pair.answerer);
    let offer = pair.offerer.offer().expect("an offer");
    let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
    for bad in ["AAAA", "no base64", ""] {
        let refused = pair.offerer.answered(pair.now, &with_token(&answer, Some(bad)));
        // An attribute without a value is none.
        assert_eq!(refused, if bad.is_empty() { Ok(()) } else { Err(Error::SctpInit) }, "{bad}");
        if bad.is_empty() {
            return;
        }
    }
}

#[test]
fn later_descriptions_repeat_the_tokens() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = pair(&ids, &arena, [with_tokens(), Config::default()]);
    agreed(&mut pair.offerer);
    agreed(&mut pair.answerer);
    let first = signal(&mut pair, str::to_owned, str::to_owned).expect("they agree");
    opens(&mut pair);
    let second = signal(&mut pair, str::to_owned, str::to_owned).expect("they agree again");
    let [offer, answer] = [0, 1].map(|i| (token(&first[i]), token(&second[i])));
    assert!(offer.0.is_some() && offer.0 == offer.1 && answer.0.is_some() && answer.0 == answer.1);
    // From the other side, whose configuration would offer none.
    let offer = pair.answerer.offer().expect("an offer");
    assert_eq!(token(&offer), answer.0);
    let answer = pair.offerer.answer(pair.now, &offer).expect("an answer");
    pair.answerer.answered(pair.now, &answer).expect("it fits");
    assert_eq!(token(&answer), token(&first[0]));
    opens(&mut pair);
}

#[test]
fn a_channel_opened_later_needs_no_round_trip_either() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = pair(&ids, &arena, [with_tokens(), Config::default()]);
    pair.offerer.open("in-band").expect("room");
    pair.answerer.add_data().expect("room");
    signal(&mut pair, str::to_owned, str::to_owned).expect("they agree");
    assert!(pair.connect());
    let start: Instant = pair.now;
    let heard = |p: &mut Pair<'_>| !p.answerer.open_channels().is_empty();
    assert!(pair.drive(SECOND, heard));
    assert!(pair.now.saturating_since(start) <= ONE_WAY, "the opening message travels with the first data");
}
