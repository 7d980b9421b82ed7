//! RTCP against `rtcp-types`: it reads the compounds that we write.

use barertc_rtp::rtcp::{Arrival, CompoundWriter, NtpTime, ReportBlock, Rtcp, SenderInfo, packets};
use proptest::prelude::*;
use rtcp_types::{Compound, Fir, Nack, Packet, Pli, RtcpPacketWriterExt, Twcc, TwccPacketStatus};

fn written(f: impl FnOnce(&mut CompoundWriter<'_>)) -> Vec<u8> {
    let mut out = vec![0; 4_000];
    let mut w = CompoundWriter::new(&mut out);
    f(&mut w);
    let len = w.len();
    out.truncate(len);
    out
}

fn read(bytes: &[u8]) -> Vec<Packet<'_>> {
    Compound::parse(bytes).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_compound_of_reports_and_names() {
    let block = ReportBlock {
        ssrc: 7,
        fraction_lost: 9,
        cumulative_lost: 70_000,
        highest_sequence: 0x0003_fffe,
        jitter: 77,
        last_sr: 0x1234_5678,
        delay_since_last_sr: 0x9abc,
    };
    let info = SenderInfo { ssrc: 5, ntp: NtpTime(0x0102_0304_0506_0708), rtp_timestamp: 6, packets: 8, octets: 9_000 };
    let bytes = written(|w| {
        w.sender_report(&info, [block]).unwrap();
        w.receiver_report(6, [block, block]).unwrap();
        w.sdes_cname(5, b"video-stream").unwrap();
        w.bye(&[5, 6], b"done").unwrap();
    });
    let all = read(&bytes);
    let Packet::Sr(sr) = &all[0] else { panic!("{all:?}") };
    assert_eq!((sr.ssrc(), sr.ntp_timestamp(), sr.rtp_timestamp()), (5, 0x0102_0304_0506_0708, 6));
    assert_eq!((sr.packet_count(), sr.octet_count(), sr.n_reports()), (8, 9_000, 1));
    let theirs = sr.report_blocks().next().unwrap();
    assert_eq!((theirs.ssrc(), theirs.fraction_lost(), theirs.cumulative_lost()), (7, 9, 70_000));
    assert_eq!((theirs.extended_sequence_number(), theirs.interarrival_jitter()), (0x0003_fffe, 77));
    assert_eq!(theirs.last_sender_report_timestamp(), 0x1234_5678);
    assert_eq!(theirs.delay_since_last_sender_report_timestamp(), 0x9abc);
    let Packet::Rr(rr) = &all[1] else { panic!("{all:?}") };
    assert_eq!((rr.ssrc(), rr.n_reports()), (6, 2));
    let Packet::Sdes(sdes) = &all[2] else { panic!("{all:?}") };
    let chunk = sdes.chunks().next().unwrap();
    let item = chunk.items().next().unwrap();
    assert_eq!((chunk.ssrc(), item.type_(), item.value()), (5, 1, &b"video-stream"[..]));
    let Packet::Bye(bye) = &all[3] else { panic!("{all:?}") };
    assert_eq!((bye.ssrcs().collect::<Vec<_>>(), bye.reason()), (vec![5, 6], Some(&b"done"[..])));
}

#[test]
fn requests_for_pictures() {
    let bytes = written(|w| {
        w.receiver_report(1, []).unwrap();
        w.pli(1, 2).unwrap();
        w.fir(1, 2, 9).unwrap();
    });
    let all = read(&bytes);
    let Packet::PayloadFeedback(pli) = &all[1] else { panic!("{all:?}") };
    assert_eq!((pli.sender_ssrc(), pli.media_ssrc()), (1, 2));
    pli.parse_fci::<Pli<'_>>().unwrap();
    let Packet::PayloadFeedback(fir) = &all[2] else { panic!("{all:?}") };
    let fir = fir.parse_fci::<Fir<'_>>().unwrap();
    assert_eq!(fir.entries().map(|e| (e.ssrc(), e.sequence())).collect::<Vec<_>>(), [(2, 9)]);
}

proptest! {
    #[test]
    fn nacks(start: u16, steps in prop::collection::vec(1u16..30, 0..80)) {
        let mut lost = vec![start];
        for step in steps {
            lost.push(lost[lost.len() - 1].wrapping_add(step));
        }
        let bytes = written(|w| w.nack(1, 2, lost.iter().copied()).unwrap());
        let Packet::TransportFeedback(f) = Packet::parse_one(&bytes) else { panic!() };
        prop_assert_eq!(f.parse_fci::<Nack<'_>>().unwrap().entries().collect::<Vec<_>>(), lost.clone());

        // And the other way round.
        let fci = lost.iter().fold(Nack::builder(), |b, seq| b.add_rtp_sequence(*seq));
        let builder = rtcp_types::TransportFeedback::builder(&fci).sender_ssrc(1).media_ssrc(2);
        let mut bytes = vec![0; 2_000];
        let len = builder.write_into(&mut bytes).unwrap();
        let Some(Ok(Rtcp::Nack(nack))) = packets(&bytes[..len]).next() else { panic!() };
        let mut got: Vec<_> = nack.lost().collect();
        got.sort_unstable();
        let mut want = lost;
        want.sort_unstable();
        prop_assert_eq!(got, want);
    }

    #[test]
    fn transport_wide_feedback(
        base: u16,
        steps in prop::collection::vec(prop::option::weighted(0.8, prop_oneof![3 => 0i64..256, 1 => -200i64..1000]), 1..300),
    ) {
        let mut at = 12_345i64;
        let statuses: Vec<_> = steps.iter().map(|s| s.map(|d| { at += d; at })).collect();
        let bytes = written(|w| {
            w.transport_feedback(1, 2, base, 3, statuses.iter().copied()).unwrap();
        });
        let Packet::TransportFeedback(f) = Packet::parse_one(&bytes) else { panic!() };
        let twcc = f.parse_fci::<Twcc<'_>>().unwrap();
        prop_assert_eq!((twcc.base_sequence_number(), twcc.feedback_packet_count()), (base, 3));
        let mut time = i64::from(twcc.reference_time()) * 256;
        let theirs: Vec<_> = twcc.packets().map(Result::unwrap).map(|(sequence, status)| Arrival {
            sequence,
            ticks: match status {
                TwccPacketStatus::NotReceived => None,
                TwccPacketStatus::Received { delta } => {
                    time += i64::from(delta);
                    Some(time)
                }
            },
        }).collect();
        let ours: Vec<_> = statuses.iter().enumerate()
            .map(|(i, ticks)| Arrival { sequence: base.wrapping_add(i as u16), ticks: *ticks }).collect();
        prop_assert_eq!(theirs, ours);
    }
}

trait ParseOne<'a> {
    fn parse_one(bytes: &'a [u8]) -> Packet<'a>;
}

impl<'a> ParseOne<'a> for Packet<'a> {
    fn parse_one(bytes: &'a [u8]) -> Packet<'a> {
        <Packet<'a> as rtcp_types::RtcpPacketParser<'a>>::parse(bytes).unwrap()
    }
}
