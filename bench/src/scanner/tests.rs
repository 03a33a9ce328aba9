//! Blocks as the contract writes them, cut at any place.

use proptest::prelude::*;

use super::*;

const A: &str = "01938f2a-7c1e-7a00-8000-00000000000a";
const B: &str = "01938f2a-7c1e-7b00-9fff-ffffffffffff";
const A_BITS: u128 = 0x0193_8f2a_7c1e_7a00_8000_0000_0000_000a;
const B_BITS: u128 = 0x0193_8f2a_7c1e_7b00_9fff_ffff_ffff_ffff;

fn stream() -> Vec<u8> {
    format!(
        ": hello\n\nretry: 1500\nevent: resume\nid: c0\n\
         data: {{\"status\":\"new\",\"from\":\"c0\",\"to\":\"c0\",\"replayed\":0}}\n\n\
         event: comment\nid: c1\ndata: {{\"id\":\"{A}\",\"text\":\"a\"}}\n\n: beat\n\n\
         event: comment\r\nid: c2\r\ndata:{{\"text\":\"\\\"id\\\":\\\"x\",\"author\":{{\"id\":\"u1\"}},\
         \"id\":\"{B}\"}}\r\n\r\n\
         id: c3\n\nevent: skipped\ndata: {{\"count\":7,\"from\":\"c3\",\"to\":\"c9\"}}\n\n\
         data: {{\"id\":\"{A}\"}}\nid: c4\nevent: comment\n\n\
         event: odds\nid: c5\ndata: {{}}\n\nevent: comment\nid: c6\ndata: {{\"id\":\"nope\"}}\n\n\
         event: end\ndata: {{\"reason\":\"ended\"}}\n\nevent: comment\nid: never\ndata: {{\"id\""
    )
    .into_bytes()
}

fn events() -> Vec<Event> {
    vec![
        Event::Resume(Status::New),
        Event::Comment(A_BITS),
        Event::Comment(B_BITS),
        Event::Skipped(7),
        Event::Comment(A_BITS),
        Event::Other,
        Event::Unreadable,
        Event::End,
    ]
}

fn scan<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, Scanner) {
    let mut scanner = Scanner::new();
    let mut seen = Vec::new();
    for piece in pieces {
        scanner.feed(piece, &mut |event| seen.push(event));
    }
    (seen, scanner)
}

#[test]
fn takes_what_matters_out_of_each_block() {
    let stream = stream();
    let (seen, scanner) = scan([stream.as_slice()]);
    assert_eq!(seen, events());
    assert_eq!(scanner.retry_ms(), 1_500);
    assert_eq!(scanner.last_id(), b"c6", "the cut block's id does not count");
}

#[test]
fn a_cut_block_is_forgotten_when_coming_back() {
    let stream = stream();
    let (_, mut scanner) = scan([stream.as_slice()]);
    scanner.reconnect();
    let mut seen = Vec::new();
    scanner.feed(
        b"event: resume\nid: c6\ndata: {\"status\":\"reset\"}\n\nevent: comment\ndata:{",
        &mut |event| seen.push(event),
    );
    assert_eq!(seen, [Event::Resume(Status::Reset)]);
}

#[test]
fn nothing_on_the_wire_is_read_as_a_comment_but_a_comment() {
    let text = format!("data: {{\"id\":\"{A}\"}}\n\nevent: delete\ndata: {{\"id\":\"{A}\"}}\n\n");
    assert_eq!(scan([text.as_bytes()]).0, [Event::Other, Event::Other]);
    let broken = b"event: resume\ndata: {\n\nevent: skipped\ndata: {\"count\":-1}\n\n";
    assert_eq!(scan([broken.as_slice()]).0, [Event::Unreadable, Event::Unreadable]);
}

proptest! {
    #[test]
    fn borders_do_not_matter(cuts in prop::collection::vec(0usize..900, 0..12)) {
        let stream = stream();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let (seen, scanner) = scan(cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]));
        prop_assert_eq!(seen, events());
        prop_assert_eq!(scanner.last_id(), b"c6");
    }

    #[test]
    fn any_bytes_are_survived(bytes: Vec<u8>) {
        scan([bytes.as_slice()]);
    }
}

#[test]
fn every_single_byte_border() {
    let stream = stream();
    assert_eq!(scan(stream.chunks(1)).0, events());
    for cut in 0..stream.len() {
        assert_eq!(scan([&stream[..cut], &stream[cut..]]).0, events(), "cut at {cut}");
    }
}
