//! A table that is being run: asks what its rows ask, and sees what its viewers get.

use std::{collections::BTreeMap, time::Duration};

use axum::http::StatusCode;
use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::{
    pattern::Bound,
    row::{Row, To},
    shown::{AUDIENCE, Shown, event, resume},
    table::Table,
    verdict,
    world::{House, World},
};
use crate::client::{Answer, Block, Client, Stream};

/// Hang guard for an event: less than the client's own, so that the row is named.
const PATIENCE: Duration = Duration::from_secs(15);
/// The same for what is asked again until it is answered otherwise.
const PATIENCE_ASKING: Duration = Duration::from_secs(30);
/// Between two times that a row is asked.
const PAUSE: Duration = Duration::from_millis(100);
/// Who looks after a table's room when its rows don't.
const CARETAKER: &str = "moderator caretaker";

/// A table that is being run.
pub(super) struct Run<'w> {
    world: &'w World,
    house: &'w House,
    pub(super) table: &'w Table,
    video: String,
    bound: Bound,
    /// Rows so far: nodes take turns.
    turn: usize,
    /// At each gateway, by name.
    viewers: BTreeMap<&'static str, Vec<Stream>>,
    /// The row that is broken, and how; the rest is not run then.
    pub(super) told: Result<(), String>,
}

impl<'w> Run<'w> {
    /// For the nth time.
    pub(super) fn new(world: &'w World, table: &'w Table, nth: usize) -> Self {
        let video = format!("{}{nth}-{}", table.name, world.name);
        let mut bound = Bound::default();
        bound.set("video", &*video);
        let (house, viewers) = (world.house(table.house), BTreeMap::new());
        Self { world, house, table, video, bound, turn: 0, viewers, told: Ok(()) }
    }

    /// The audience comes.
    pub(super) async fn begin(&mut self) {
        if self.table.is_watched {
            let opens = Row::new("a viewer").stream("?recent=0").shows([resume("new")]);
            self.rows(&[opens.stays(AUDIENCE)]).await;
        }
    }

    /// Runs rows, unless one was broken before.
    pub(super) async fn rows(&mut self, rows: &[Row]) {
        for row in rows {
            if self.told.is_ok() {
                self.told = self.row(row).await.map_err(|why| self.named(&row.rule, &why));
            }
        }
    }

    /// Whoever still watches got nothing else.
    pub(super) async fn end(&mut self) {
        if self.told.is_ok() {
            let got = self.nothing_else().await;
            self.told = got.map_err(|why| self.named("viewers get nothing else", &why));
        }
    }

    fn named(&self, rule: &str, why: &str) -> String {
        format!("API.md, {}, {}: {rule}: {why}", self.table.section, self.table.name)
    }

    async fn row(&mut self, row: &Row) -> Result<(), String> {
        if let Some(names) = &row.keys {
            self.world.give_keys_of(names);
        }
        let wait_s = self.bound.fill(row.wait_s);
        if !wait_s.is_empty() {
            sleep(Duration::from_secs(wait_s.parse().map_err(|_| wait_s.clone())?)).await;
        }
        let gateways = &self.house.gateways;
        match row.to {
            To::Ingest => self.ask(row).await?,
            To::OneGateway => self.open(row, &[&gateways[self.turn % gateways.len()]]).await?,
            To::Gateways => self.open(row, &gateways.iter().collect::<Vec<_>>()).await?,
        }
        self.turn += 1;
        for (name, shown) in &row.seen {
            self.see(name, shown).await.map_err(|why| format!("{name}: {why}"))?;
        }
        Ok(())
    }

    /// Asks ingest nodes, as often at once as the row says; again whoever is answered as it may be at
    /// first.
    async fn ask(&mut self, row: &Row) -> Result<(), String> {
        let (nodes, began) = (&self.house.ingests, Instant::now());
        let mut asking = row.at_once;
        while asking > 0 {
            let turns = self.turn..self.turn + asking;
            let asked = turns.map(|turn| self.send(&nodes[turn % nodes.len()], row));
            asking = 0;
            for answer in join_all(asked).await {
                let answer = answer?;
                let is_first = row.at_first == Some(answer.status.as_u16());
                if is_first && began.elapsed() < PATIENCE_ASKING {
                    verdict::answer(&mut self.bound, &row.as_at_first(), &answer)?;
                    asking += 1;
                } else {
                    verdict::answer(&mut self.bound, row, &answer)?;
                }
            }
            if asking > 0 {
                sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    fn path(&self, row: &Row) -> String {
        let path = self.bound.fill(&row.path);
        match path.as_bytes() {
            [] => format!("/v1/videos/{}", self.video),
            [b'/', ..] => path,
            _ => format!("/v1/videos/{}/{path}", self.video),
        }
    }

    fn headers(&self, row: &Row) -> Vec<(&'static str, String)> {
        let given = row.headers.iter().map(|(name, value)| (*name, self.bound.fill(value)));
        let who = row.who.authorization(self.house, &self.video);
        given.chain(who.map(|who| ("authorization", who))).collect()
    }

    async fn send(&self, client: &Client, row: &Row) -> Result<Answer, String> {
        let headers = self.headers(row);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = match str::from_utf8(&row.body) {
            Ok(text) => Bytes::from(self.bound.fill(text)),
            Err(_) => row.body.clone(),
        };
        let path = self.path(row);
        let answer = client.try_send(row.method.clone(), &path, &headers, body);
        let answer = timeout(PATIENCE, answer).await.map_err(|_| "no whole answer")?;
        answer.map_err(|error| format!("no answer: {error:?}"))
    }

    /// Asks gateways, for a stream or for what is read whole.
    async fn open(&mut self, row: &Row, gateways: &[&Client]) -> Result<(), String> {
        let mut streams = Vec::new();
        for gateway in gateways {
            if row.shows.is_empty() {
                let answer = self.send(gateway, row).await?;
                verdict::answer(&mut self.bound, row, &answer)?;
                continue;
            }
            let headers = self.headers(row);
            let headers: Vec<_> = headers.iter().map(|(n, value)| (*n, value.as_str())).collect();
            let mut stream = gateway.open(&self.path(row), &headers).await;
            if stream.status != StatusCode::OK {
                return Err(format!("a stream was answered {}", stream.status));
            }
            verdict::headers(&mut self.bound, row, &stream.headers)?;
            shows(&mut self.bound, &mut stream, &row.shows).await?;
            streams.push(stream);
        }
        if let Some(name) = row.stays {
            self.viewers.insert(name, streams);
        }
        Ok(())
    }

    async fn see(&mut self, name: &str, expected: &[Shown]) -> Result<(), String> {
        let streams = self.viewers.get_mut(name).ok_or("there is no such viewer")?;
        for stream in streams.iter_mut() {
            shows(&mut self.bound, stream, expected).await?;
        }
        if expected.last().is_some_and(|last| last.name == "end") {
            self.viewers.remove(name);
        }
        Ok(())
    }

    /// What comes next to whoever still watches is what the caretaker does now.
    async fn nothing_else(&mut self) -> Result<(), String> {
        if self.viewers.is_empty() {
            return Ok(());
        }
        let unpins = Row::new("the end").by(CARETAKER).delete("pin").gets_nothing();
        self.row(&unpins).await?;
        let names: Vec<_> = self.viewers.keys().copied().collect();
        for name in names {
            let last = [event("pin", json!({"comment": null}))];
            self.see(name, &last).await.map_err(|why| format!("{name}: {why}"))?;
        }
        Ok(())
    }
}

/// Reads the next events of a stream; nothing follows `end`.
async fn shows(bound: &mut Bound, stream: &mut Stream, shown: &[Shown]) -> Result<(), String> {
    for expected in shown {
        let wanted = || format!("{} {}", expected.name, bound.fill(&expected.data.to_string()));
        let block = next(stream).await.map_err(|why| format!("{why} instead of {}", wanted()))?;
        let data = serde_json::from_str(&block.data).unwrap_or(Value::Null);
        let same = block.name == expected.name && block.id.is_some() == expected.is_ordered;
        if !same {
            return Err(format!("{block:?} instead of {}", wanted()));
        }
        bound.json(&expected.data, &data).map_err(|why| format!("{why} in {block:?}"))?;
        if expected.name == "end"
            && let Ok(block) = next(stream).await
        {
            return Err(format!("{block:?} after the end"));
        }
    }
    Ok(())
}

/// The next block that shows something.
async fn next(stream: &mut Stream) -> Result<Block, &'static str> {
    loop {
        let block = timeout(PATIENCE, stream.event()).await.map_err(|_| "nothing")?;
        let block = block.ok_or("the stream's end")?;
        if !block.name.is_empty() {
            return Ok(block);
        }
    }
}
