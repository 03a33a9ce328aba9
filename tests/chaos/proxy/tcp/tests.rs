//! Each fault of the TCP proxy does what it says, and nothing once it is over.

use std::{io::ErrorKind, time::Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Hang guard for what should come at once.
const GUARD: Duration = Duration::from_secs(20);
/// How long a silence is watched.
const SILENCE: Duration = Duration::from_millis(200);

/// Echoes, each echo with its name before it.
async fn echo(name: u8) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    common::task::spawn("test", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            common::task::spawn("test", async move {
                let mut byte = [0];
                while let Ok(1) = stream.read(&mut byte).await {
                    let _ = stream.write_all(&[name, byte[0]]).await;
                }
            });
        }
    });
    address
}

async fn proxied() -> TcpProxy {
    TcpProxy::start(vec![Some(echo(b'a').await)])
}

async fn connected(proxy: &TcpProxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

async fn echoed(stream: &mut TcpStream) -> std::io::Result<[u8; 2]> {
    let mut answer = [0; 2];
    timeout(GUARD, stream.read_exact(&mut answer)).await.expect("no echo")?;
    Ok(answer)
}

async fn exchange(stream: &mut TcpStream) -> std::io::Result<[u8; 2]> {
    stream.write_all(b"x").await?;
    echoed(stream).await
}

async fn is_silent(stream: &mut TcpStream) -> bool {
    timeout(SILENCE, stream.read_u8()).await.is_err()
}

/// What became of a connection that is read to its end.
async fn end(stream: &mut TcpStream) -> Result<usize, ErrorKind> {
    let mut rest = Vec::new();
    let read = timeout(GUARD, stream.read_to_end(&mut rest)).await.expect("it does not end");
    read.map_err(|error| error.kind())
}

#[tokio::test]
async fn the_address_stays_and_the_target_changes() {
    let proxy = proxied().await;
    let mut old = connected(&proxy).await;
    assert_eq!(exchange(&mut old).await.unwrap(), *b"ax");
    proxy.lead_to(vec![Some(echo(b'b').await)]);
    assert_eq!(exchange(&mut connected(&proxy).await).await.unwrap(), *b"bx");
    assert_eq!(exchange(&mut old).await.unwrap(), *b"ax", "a connection stays where it is");
}

#[tokio::test]
async fn the_next_target_gets_what_the_first_refuses_and_strays_can_be_sent_back() {
    let second = echo(b'b').await;
    let proxy = TcpProxy::start(vec![None, Some(second)]);
    let mut stray = connected(&proxy).await;
    assert_eq!(exchange(&mut stray).await.unwrap(), *b"bx");
    assert_eq!(proxy.target_of(stray.local_addr().unwrap().port()), Some(1));
    proxy.lead_to(vec![Some(echo(b'a').await), Some(second)]);
    let mut home = connected(&proxy).await;
    assert_eq!(exchange(&mut home).await.unwrap(), *b"ax");
    assert_eq!(proxy.target_of(home.local_addr().unwrap().port()), Some(0));
    proxy.reset_strays();
    assert_eq!(end(&mut stray).await, Err(ErrorKind::ConnectionReset));
    assert_eq!(exchange(&mut home).await.unwrap(), *b"ax");
}

#[tokio::test]
async fn nobody_behind_it_is_a_reset() {
    let proxy = TcpProxy::start(vec![None]);
    assert_eq!(end(&mut connected(&proxy).await).await, Err(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn latency_delays_both_ways_and_keeps_order() {
    let proxy = proxied().await;
    let latency = Duration::from_millis(50);
    proxy.set(Faults { latency, jitter: latency, ..Faults::NONE });
    let mut stream = connected(&proxy).await;
    let began = Instant::now();
    for byte in b"0123456789" {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let mut seen = Vec::new();
    for _ in 0..10 {
        seen.push(echoed(&mut stream).await.unwrap()[1]);
    }
    assert_eq!(seen, b"0123456789");
    assert!(began.elapsed() >= 2 * latency);
}

#[tokio::test]
async fn held_bytes_come_when_it_is_over() {
    let proxy = proxied().await;
    let mut stream = connected(&proxy).await;
    exchange(&mut stream).await.unwrap();
    proxy.set(Faults { up: Flow::Held, ..Faults::NONE });
    stream.write_all(b"y").await.unwrap();
    assert!(is_silent(&mut stream).await);
    proxy.set(Faults::NONE);
    assert_eq!(echoed(&mut stream).await.unwrap(), *b"ay");
}

#[tokio::test]
async fn a_blackhole_swallows_and_tears_only_whom_it_hit() {
    let proxy = proxied().await;
    let (mut hit, mut idle) = (connected(&proxy).await, connected(&proxy).await);
    exchange(&mut hit).await.unwrap();
    exchange(&mut idle).await.unwrap();
    proxy.set(Faults::BLACKHOLE);
    hit.write_all(b"y").await.unwrap();
    assert!(is_silent(&mut hit).await);
    proxy.set(Faults::NONE);
    assert_eq!(end(&mut hit).await, Err(ErrorKind::ConnectionReset));
    assert_eq!(exchange(&mut idle).await.unwrap(), *b"ax");
}

#[tokio::test]
async fn half_open_one_side_speaks_into_nothing() {
    let proxy = proxied().await;
    let mut stream = connected(&proxy).await;
    exchange(&mut stream).await.unwrap();
    proxy.set(Faults { down: Flow::Swallowed, ..Faults::NONE });
    stream.write_all(b"y").await.unwrap();
    assert!(is_silent(&mut stream).await, "it was echoed, but not to us");
}

#[tokio::test]
async fn the_end_of_a_connection_is_swallowed_too() {
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = TcpProxy::start(vec![Some(target.local_addr().unwrap())]);
    let client = connected(&proxy).await;
    let (mut behind, _) = target.accept().await.unwrap();
    proxy.set(Faults { up: Flow::Swallowed, ..Faults::NONE });
    drop(client);
    assert!(is_silent(&mut behind).await, "no FIN");
}

#[tokio::test]
async fn reset_hits_what_stands_and_resetting_whatever_comes() {
    let proxy = proxied().await;
    let mut stream = connected(&proxy).await;
    exchange(&mut stream).await.unwrap();
    proxy.reset();
    assert_eq!(end(&mut stream).await, Err(ErrorKind::ConnectionReset));
    let mut stream = connected(&proxy).await;
    exchange(&mut stream).await.unwrap();
    proxy.set(Faults { door: Door::Resetting, ..Faults::NONE });
    assert_eq!(end(&mut stream).await, Err(ErrorKind::ConnectionReset));
    let newcomer = TcpStream::connect(proxy.address()).await;
    if let Ok(mut newcomer) = newcomer {
        assert_eq!(end(&mut newcomer).await, Err(ErrorKind::ConnectionReset));
    }
}

#[tokio::test]
async fn refusing_turns_newcomers_away_and_the_port_stays_ours() {
    let proxy = proxied().await;
    let mut stream = connected(&proxy).await;
    exchange(&mut stream).await.unwrap();
    proxy.set(Faults { door: Door::Refusing, ..Faults::NONE });
    let began = Instant::now();
    while TcpStream::connect(proxy.address()).await.is_ok() {
        assert!(began.elapsed() < GUARD, "it never refuses");
    }
    let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(exchange(&mut stream).await.unwrap(), *b"ax", "who is in stays in");
    proxy.set(Faults::NONE);
    while TcpStream::connect(proxy.address()).await.is_err() {
        assert!(began.elapsed() < GUARD, "it never opens again");
    }
    exchange(&mut connected(&proxy).await).await.unwrap();
}
