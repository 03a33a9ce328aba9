//! Golden bytes of every message of the current version, and hostile bytes.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    event::{Entry, Event, EventId, Kind, Stamp, VideoEntries, VideoEvents},
    link::{Accepted, Incarnation, NotAppended},
    position::{Epoch, Position},
};

fn event() -> Event {
    Event { id: EventId::from_bytes([7; 16]), kind: Kind::COMMENT, data: Bytes::from("{}") }
}

fn entry() -> Entry {
    let position = Position { epoch: Epoch(5), seq: 9 };
    Entry {
        origin: Arc::new("dc1".parse().unwrap()),
        position,
        stamp: Stamp { at_ms: 1000, rank: 7 },
        event: event(),
    }
}

fn events() -> Vec<VideoEvents> {
    vec![VideoEvents {
        video: "v".parse().unwrap(),
        events: vec![event()],
        until_ms: None,
        show_anyway: false,
    }]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn golden_bytes_of_version_1() {
    let dispatch = encode(&DispatchRequest::from(&events()[..]));
    let accepted: Vec<Accepted> =
        vec![Ok(Position { epoch: Epoch(5), seq: 9 }), Err(NotAppended::LogAway("x".into()))];
    let answer = encode(&DispatchResponse::from(&accepted[..]));
    let batch = VideoEntries { video: "v".parse().unwrap(), entries: vec![entry()] };
    let deliver = encode(&DeliverRequest::new(&Incarnation("g".into()), &[batch]));
    let logged = encode(&LoggedEvent::new(&entry().origin, &event()));
    let id = "07".repeat(16);
    let event = format!("0a10{id}1207636f6d6d656e741a027b7d");
    let body = |envelope: &Bytes| hex(&envelope[12..]);
    assert_eq!(body(&dispatch), format!("0a240a0176121f{event}"));
    assert_eq!(body(&answer), "0a04080510090a031a0178");
    let entry = format!("0a036463311005180920e8072a1f{event}3007");
    assert_eq!(body(&deliver), format!("0a016712340a0176122f{entry}"));
    assert_eq!(body(&logged), format!("0a03646331121f{event}"));
    assert_eq!(hex(&dispatch[..8]), "6368010126000000");
    let erase = encode(&EraseRequest::new(&"v".parse().unwrap(), EventId::from_bytes([7; 16])));
    assert_eq!(body(&erase), format!("0a01761210{id}"));
    assert_eq!(body(&encode(&EraseResponse { is_gone: true })), "0801");
}

#[test]
fn reads_back_what_it_wrote() {
    let limited = VideoEvents { until_ms: Some(7), show_anyway: true, ..events().remove(0) };
    let batches = [events(), vec![limited]].concat();
    let request = encode(&DispatchRequest::from(&batches[..]));
    let back: Vec<VideoEvents> = decode::<DispatchRequest>(request).unwrap().try_into().unwrap();
    assert_eq!(back, batches);
    let batch = VideoEntries { video: "v".parse().unwrap(), entries: vec![entry()] };
    let envelope =
        encode(&DeliverRequest::new(&Incarnation("g".into()), std::slice::from_ref(&batch)));
    let (to, back) = decode::<DeliverRequest>(envelope).unwrap().into_parts().unwrap();
    assert_eq!((to.0.as_ref(), back), ("g", vec![batch]));
    let answers: Vec<Accepted> = vec![
        Ok(entry().position),
        Err(NotAppended::LogAway("y".into())),
        Err(NotAppended::TooLate),
    ];
    let back = decode::<DispatchResponse>(encode(&DispatchResponse::from(&answers[..]))).unwrap();
    assert_eq!(Vec::<Accepted>::from(back), answers);
    let (video, event) = ("v".parse().unwrap(), EventId::from_bytes([7; 16]));
    let back = decode::<EraseRequest>(encode(&EraseRequest::new(&video, event))).unwrap();
    assert_eq!(back.into_parts(), Ok((video, event)));
}

#[test]
fn tells_what_is_wrong() {
    let good = encode(&DispatchRequest::from(&events()[..]));
    let mutant = |at: usize| {
        let mut bytes = good.to_vec();
        bytes[at] ^= 0x20;
        decode::<DispatchRequest>(bytes.into())
    };
    assert_eq!(mutant(0), Err(WireError::NotOurs));
    assert_eq!(mutant(2), Err(WireError::Version(0x21)));
    assert_eq!(mutant(3), Err(WireError::Tag { got: 0x21, expected: 1 }));
    for damaged in [4, 8, 12, good.len() - 1] {
        assert_eq!(mutant(damaged), Err(WireError::Damaged), "byte {damaged}");
    }
    assert_eq!(decode::<DispatchRequest>(good.slice(..11)), Err(WireError::NotOurs));
}

#[test]
fn a_line_end_in_data_is_refused() {
    let mut batches = events();
    batches[0].events[0].data = Bytes::from("{}\nevent: pin");
    let message = DispatchRequest::from(&batches[..]);
    assert_eq!(Vec::<VideoEvents>::try_from(message), Err(WireError::Invalid("event data")));
}

#[test]
fn fields_of_a_later_release_are_skipped() {
    let mut body = DispatchRequest::from(&events()[..]).encode_to_vec();
    body.extend_from_slice(&[0xfa, 0x01, 0x01, b'x']); // field 31, one byte
    let message = DispatchRequest::decode(&body[..]).unwrap();
    assert_eq!(Vec::<VideoEvents>::try_from(message), Ok(events()));
}

proptest! {
    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200), framed in any::<bool>()) {
        let envelope = if framed {
            let mut out = BytesMut::new();
            out.put_slice(&[b'c', b'h', VERSION, DeliverRequest::TAG]);
            out.put_u32_le(u32::try_from(body.len()).unwrap());
            out.put_u32_le(crc32fast::hash(&body));
            out.put_slice(&body);
            out.freeze()
        } else {
            body.into()
        };
        let _ = decode::<DeliverRequest>(envelope.clone()).map(DeliverRequest::into_parts);
        let _ = decode::<DispatchRequest>(envelope).map(Vec::<VideoEvents>::try_from);
    }
}
