//! Hypotheses on viewers whose sockets were taken over, with real sockets.

use std::time::Duration;

use common::{
    event::{Event, Kind},
    ids::ActionId,
    live_log::LogPage,
};
use serde_json::json;
use tokio::{
    io::AsyncReadExt,
    net::TcpSocket,
    time::{Instant, sleep, timeout},
};

use super::*;
use crate::test_support::{HERE, crowd, entry, order, position};

/// Ends what would wait for ever.
const GUARD: Duration = Duration::from_secs(30);
/// More than the byte log keeps and the kernel takes in for somebody, in entries of 64 KiB.
const FLOOD: u64 = 256;

/// A video that begins with nothing.
fn video() -> (watch::Sender<Order>, Arc<Crowd>) {
    let page = LogPage { head: position(1, 0), first: 1, entries: Vec::new() };
    let (order, reading) = watch::channel(order(page));
    (order, crowd(reading))
}

/// A viewer at the beginning of the log, and its client's end.
async fn viewer(crowd: &Arc<Crowd>) -> TcpStream {
    viewer_as(crowd, None).await
}

/// The same of somebody who has shown who they are.
async fn viewer_as(crowd: &Arc<Crowd>, who: Option<Who>) -> TcpStream {
    let (listening, client) = (TcpSocket::new_v4().unwrap(), TcpSocket::new_v4().unwrap());
    // The kernel takes in a few frames for somebody who reads nothing, and no more.
    listening.set_send_buffer_size(64 * 1024).unwrap();
    client.set_recv_buffer_size(64 * 1024).unwrap();
    listening.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listening.listen(1).unwrap();
    let (client, accepted) =
        tokio::join!(client.connect(listener.local_addr().unwrap()), listener.accept());
    let place = crowd.order().borrow().log().start();
    let ticket = crowd.around.house.enter(HERE).unwrap();
    let reader = Reader { place, tier: None };
    Seat::new(crowd.clone()).settle(accepted.unwrap().0, reader, ticket, who).await;
    client.unwrap()
}

fn push(order: &watch::Sender<Order>, seqs: std::ops::RangeInclusive<u64>, len: usize) {
    for seq in seqs {
        let mut entry = entry(1, seq);
        entry.event.data = vec![b'x'; len].into();
        order.send_modify(|order| {
            order.on_pushed(vec![entry], 0);
            order.seal(0);
        });
    }
}

/// The bytes of the chunks up to the one that ends with `last`, or to the body's end.
async fn read_until(client: &mut TcpStream, last: &str) -> String {
    let (mut raw, mut read) = (Vec::new(), Vec::new());
    loop {
        let (body, is_over) = dechunked(&raw);
        if is_over || body.ends_with(last) {
            return body;
        }
        read.resize(1024 * 1024, 0);
        let len = timeout(GUARD, client.read(&mut read)).await.unwrap().unwrap();
        assert!(len > 0, "closed after {} bytes", body.len());
        raw.extend_from_slice(&read[..len]);
    }
}

/// What whole chunks there are, and whether the last one is among them.
fn dechunked(mut raw: &[u8]) -> (String, bool) {
    let mut body = String::new();
    while let Some(end) = raw.windows(2).position(|pair| pair == b"\r\n") {
        let len = usize::from_str_radix(str::from_utf8(&raw[..end]).unwrap(), 16).unwrap();
        let Some(chunk) = raw.get(end + 2..end + 2 + len + 2) else { break };
        assert!(chunk.ends_with(b"\r\n"), "a chunk of {len} bytes");
        if len == 0 {
            return (body, true);
        }
        body.push_str(str::from_utf8(&chunk[..len]).unwrap());
        raw = &raw[end + 2 + len + 2..];
    }
    (body, false)
}

async fn until(is_so: impl Fn() -> bool) {
    let all = async {
        while !is_so() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(GUARD, all).await.unwrap();
}

#[tokio::test]
async fn all_get_what_was_there_and_what_comes() {
    let (order, crowd) = video();
    push(&order, 1..=2, 3);
    let mut viewers = [viewer(&crowd).await, viewer(&crowd).await];
    push(&order, 3..=3, 3);
    for viewer in &mut viewers {
        let frame = |n| format!("id: 1~dc1:1:{n}\nevent: comment\ndata: xxx\n\n");
        let all = [1, 2, 3].map(frame).concat();
        assert_eq!(read_until(viewer, &frame(3)).await, all);
    }
}

/// A shard that has something new and a newcomer at once brings it to those who were there, too.
#[tokio::test]
async fn a_newcomer_takes_nothing_from_the_others() {
    let (order, crowd) = video();
    let mut first = viewer(&crowd).await;
    let mut others = Vec::new();
    for seq in 1..=32 {
        push(&order, seq..=seq, 3);
        others.push(viewer(&crowd).await);
        read_until(&mut first, "data: xxx\n\n").await;
    }
}

/// Nothing is sent meanwhile: closing is noticed by itself.
#[tokio::test]
async fn who_leaves_leaves_a_seat_free() {
    let (_order, crowd) = video();
    let (stays, leaves) = (viewer(&crowd).await, viewer(&crowd).await);
    assert_eq!(crowd.viewers(), 2);
    drop(leaves);
    until(|| crowd.viewers() == 1).await;
    let len = || crowd.shards.lock().unwrap()[0].tally.len.load(Relaxed);
    until(|| len() == 1).await;
    drop(stays);
    until(|| crowd.viewers() == 0 && len() == 0).await;
}

/// A gateway that drains lets its viewers go one after another; those who are still there get what
/// comes.
#[tokio::test]
async fn who_has_to_go_gets_everything_until_then() {
    const VIEWERS: u64 = 20;
    let (order, crowd) = video();
    let mut viewers = Vec::new();
    for _ in 0..VIEWERS {
        viewers.push(viewer(&crowd).await);
    }
    let house = crowd.around.house.clone();
    let push_all = async {
        for seq in 1..=VIEWERS {
            push(&order, seq..=seq, 3);
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::join!(house.close(Duration::from_millis(400)), push_all);
    assert_eq!(crowd.viewers(), 0);
    let mut had = Vec::new();
    for mut viewer in viewers {
        let body = read_until(&mut viewer, "no block ends like this").await;
        let comments = body.matches("event: comment").count();
        let in_order =
            (1..=comments).map(|n| format!("id: 1~dc1:1:{n:x}\nevent: comment\ndata: xxx\n\n"));
        let (comments_of_it, end) = body.split_at(body.find("retry: ").unwrap());
        assert_eq!(comments_of_it, in_order.collect::<String>());
        assert_eq!(end.lines().count(), 2, "{end:?}");
        had.push(comments);
    }
    had.sort_unstable();
    had.dedup();
    assert!(had.len() > 3, "they left at different times: {had:?}");
}

/// Who reads nothing can't be told to come back, and has to go all the same.
#[tokio::test]
async fn who_is_stuck_holds_up_no_drain() {
    let (order, crowd) = video();
    let _stuck = viewer(&crowd).await;
    push(&order, 1..=FLOOD, 64 * 1024);
    sleep(Duration::from_millis(50)).await; // for the socket to fill up
    timeout(GUARD, crowd.around.house.close(Duration::from_millis(100))).await.unwrap();
    assert_eq!(crowd.viewers(), 0);
}

/// Who has not been sent all of a frame that is taken away is cut off; others go on, and nobody is
/// handed any of it once that is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_away_is_not_sent_to_who_is_stuck() {
    const LEN: usize = 64 * 1024;
    let (order, crowd) = video();
    let (stuck, mut reads) = (viewer(&crowd).await, viewer(&crowd).await);
    // More than the kernel takes in, so that a part of some frame is left over.
    const SAID: u64 = 40;
    for seq in 1..=SAID {
        push(&order, seq..=seq, LEN);
        read_until(&mut reads, "\n\n").await;
    }
    let later = viewer(&crowd).await; // stuck as well, before it was sent anything of the last ones
    sleep(Duration::from_millis(50)).await; // for the sockets to fill up
    order.send_modify(|order| {
        for seq in 1..=SAID {
            order.erase(entry(1, seq).event.id, 0);
        }
        order.seal(0);
    });
    let count = order.borrow().erasures().count();
    assert_eq!(count, SAID);
    timeout(GUARD, crowd.let_go(count)).await.unwrap();
    assert_eq!(crowd.viewers(), 1, "both stuck ones were cut off");
    let mut had = Vec::new();
    for mut cut in [stuck, later] {
        timeout(GUARD, cut.read_to_end(&mut had)).await.unwrap().unwrap();
    }
    assert!(had.len() < 20 * LEN, "no more than the kernel had: {}", had.len());
    push(&order, SAID + 1..=SAID + 1, 3);
    let rest = read_until(&mut reads, "data: xxx\n\n").await;
    assert!(rest.starts_with("id: 1~dc1:1:29\n"), "who had everything gets what comes");
    let mut newcomer = viewer(&crowd).await;
    let all = read_until(&mut newcomer, "data: xxx\n\n").await;
    assert_eq!(all.matches("event: comment").count(), 1);
    assert!(all.matches("id: ").count() as u64 >= SAID, "positions stay");
}

fn uma(until: Option<Instant>) -> Option<Who> {
    Some(Who { user: "uma".parse().unwrap(), until })
}

/// What somebody decided for the room.
fn decide(order: &watch::Sender<Order>, kind: Kind, data: serde_json::Value) {
    let event = Event::of_action(ActionId::now(), kind, &data);
    order.send_modify(|order| {
        order.on_room(&[event]);
        order.seal(0);
    });
}

/// Nothing else is said meanwhile, and others of the same video go on.
#[tokio::test]
async fn who_is_banned_is_told_so_and_goes() {
    let (order, crowd) = video();
    let (mut banned, mut other) = (viewer_as(&crowd, uma(None)).await, viewer(&crowd).await);
    push(&order, 1..=1, 3);
    decide(&order, Kind::BAN, json!({"user": "uma", "until_ms": 1}));
    read_until(&mut other, "data: xxx\n\n").await;
    assert_eq!(crowd.viewers(), 2, "that ban is over");
    decide(&order, Kind::BAN, json!({"user": "uma"}));
    let all = read_until(&mut banned, "no block ends like this").await;
    assert!(all.ends_with("event: end\ndata: {\"reason\":\"banned\"}\n\n"), "{all}");
    push(&order, 2..=2, 3);
    read_until(&mut other, "data: xxx\n\n").await;
    assert_eq!(crowd.viewers(), 1);
}

/// Also who reads nothing.
#[tokio::test]
async fn who_is_banned_is_not_waited_for() {
    let (order, crowd) = video();
    let _stuck = viewer_as(&crowd, uma(None)).await;
    push(&order, 1..=FLOOD, 64 * 1024);
    sleep(Duration::from_millis(50)).await; // for the socket to fill up
    decide(&order, Kind::BAN, json!({"user": "uma"}));
    until(|| crowd.viewers() == 0).await;
}

/// Everybody goes when they have had everything.
#[tokio::test]
async fn who_saw_the_video_out_is_told_that_it_has_ended() {
    let (order, crowd) = video();
    let (mut slow, mut quick) = (viewer(&crowd).await, viewer_as(&crowd, uma(None)).await);
    push(&order, 1..=40, 64 * 1024);
    sleep(Duration::from_millis(50)).await; // for the sockets to fill up
    decide(&order, Kind::VIDEO, json!({"state": "ended"}));
    for viewer in [&mut quick, &mut slow] {
        let all = read_until(viewer, "no block ends like this").await;
        assert_eq!(all.matches("event: comment").count(), 40);
        assert!(all.ends_with("event: end\ndata: {\"reason\":\"ended\"}\n\n"));
    }
    until(|| crowd.viewers() == 0).await;
}

/// By itself, without anything to show.
#[tokio::test]
async fn a_stream_ends_when_its_token_runs_out() {
    let (_order, crowd) = video();
    let now = Instant::now();
    let [mut first, mut second] = [
        viewer_as(&crowd, uma(Some(now + Duration::from_millis(300)))).await,
        viewer_as(&crowd, uma(Some(now + Duration::from_millis(100)))).await,
    ];
    let _lasting = viewer_as(&crowd, uma(None)).await;
    for (viewer, ms) in [(&mut second, 100), (&mut first, 300)] {
        let all = read_until(viewer, "no block ends like this").await;
        assert_eq!(all, "event: end\ndata: {\"reason\":\"expired\"}\n\n");
        assert!(now.elapsed() >= Duration::from_millis(ms));
    }
    assert_eq!(crowd.viewers(), 1);
}

#[test]
fn pauses_grow_with_viewers_up_to_a_bound() {
    let max = Duration::from_millis(50);
    let paused = [0, 1_000, 5_000, usize::MAX].map(|viewers| pause(viewers, max).as_millis());
    assert_eq!(paused, [0, 10, 50, 50]);
    assert_eq!(pause(1_000, Duration::ZERO), Duration::ZERO);
}

/// One that reads nothing delays nobody; when it reads again it is told what it missed, and its
/// chunks are whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_stuck_is_told_what_it_missed() {
    let (order, crowd) = video();
    let (mut stuck, mut reads) = (viewer(&crowd).await, viewer(&crowd).await);
    for seq in 1..=FLOOD {
        push(&order, seq..=seq, 64 * 1024);
        let id = format!("id: 1~dc1:1:{seq:x}\n");
        assert!(read_until(&mut reads, "\n\n").await.starts_with(&id), "{id} comes next");
    }
    let last = format!("id: 1~dc1:1:{FLOOD:x}\n\n");
    let got = read_until(&mut stuck, &last).await;
    let shown = got.matches("event: comment").count() as u64;
    assert!(shown < FLOOD && got.contains("event: skipped"), "{shown} of {FLOOD}");
    let count = FLOOD - shown;
    assert!(got.contains(&format!("{{\"count\":{count},")), "all that is missing is told");
}

/// The video's actor has ended: everybody is told to come back, and the body ends.
#[tokio::test]
async fn the_end_is_told() {
    let (order, crowd) = video();
    let mut viewer = viewer(&crowd).await;
    push(&order, 1..=1, 3);
    drop(order);
    let all = read_until(&mut viewer, "the end").await;
    assert!(all.contains("data: xxx") && all.contains("retry: "), "{all}");
    until(|| crowd.viewers() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_shard_is_followed_by_another_while_there_are_threads() {
    let (_order, crowd) = video();
    let first = crowd.desk();
    first.tally.len.store(SHARD_LEN, Relaxed);
    let second = crowd.desk();
    assert!(!first.newcomers.is_same(&second.newcomers));
    second.tally.len.store(SHARD_LEN + 1, Relaxed);
    assert!(crowd.desk().newcomers.is_same(&first.newcomers), "no third one on two threads");
}
