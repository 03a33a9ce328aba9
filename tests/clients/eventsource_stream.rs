//! A viewer by the crate `eventsource-stream`, for `conformance.test.js`: prints each event of the
//! stream at its argument as a line of JSON, and comes back with the last id when it is cut off.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the test reads them")]

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use eventsource_stream::Eventsource;
use futures_util::StreamExt;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Uri, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::sleep};

const PAUSE: Duration = Duration::from_millis(200);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let uri: Uri = std::env::args().nth(1).context("no URL")?.parse()?;
    let mut last_id = String::new();
    loop {
        // Refused, or cut off in the middle: both are met by coming back.
        if let Err(error) = watch(&uri, &mut last_id).await {
            eprintln!("{error:#}");
        }
        sleep(PAUSE).await;
    }
}

async fn watch(uri: &Uri, last_id: &mut String) -> Result<()> {
    let host = uri.authority().context("no host")?.as_str();
    let socket = TcpStream::connect(host).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
    let request = async {
        let path = uri.path_and_query().context("no path")?.as_str();
        let mut request = Request::get(path).header(HOST, host);
        if !last_id.is_empty() {
            request = request.header("last-event-id", &*last_id);
        }
        let answer = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
        let mut events = answer.into_body().into_data_stream().eventsource();
        while let Some(event) = events.next().await {
            let event = event?;
            last_id.clone_from(&event.id);
            // It hands out a block with only an id as well.
            if event.data.is_empty() {
                continue;
            }
            let line = serde_json::json!({"type": event.event, "id": event.id, "data": event.data});
            println!("{line}");
        }
        Ok(())
    };
    tokio::select! {
        done = request => done,
        broken = connection => Ok(broken?),
    }
}
