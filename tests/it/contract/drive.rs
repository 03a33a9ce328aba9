//! Runs tables: says which row of the contract is broken, and how.

use std::{collections::BTreeMap, time::Duration};

use axum::http::StatusCode;
use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

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
/// Who looks after a table's room when its rows don't.
const CARETAKER: &str = "moderator caretaker";

/// A table that is being run.
struct Run<'w> {
    house: &'w House,
    video: String,
    bound: Bound,
    /// Rows so far: nodes take turns.
    turn: usize,
    /// At each gateway, by name.
    viewers: BTreeMap<&'static str, Vec<Stream>>,
}

/// Runs tables beside each other, for the nth time; the ones that are broken, and how.
pub(crate) async fn broken(world: &World, tables: Vec<Table>, nth: usize) -> Vec<(Table, String)> {
    let runs = tables.iter().map(|table| run(world, table, nth));
    let told = join_all(runs).await;
    tables.into_iter().zip(told).filter_map(|(table, told)| Some((table, told.err()?))).collect()
}

async fn run(world: &World, table: &Table, nth: usize) -> Result<(), String> {
    let video = format!("{}{nth}-{}", table.name, world.name);
    let mut bound = Bound::default();
    bound.set("video", &*video);
    let house = world.house(table.house);
    let mut run = Run { house, video, bound, turn: 0, viewers: BTreeMap::new() };
    let named =
        |rule: &str, why| format!("API.md, {}, {}: {rule}: {why}", table.section, table.name);
    if table.is_watched {
        let opens = Row::new("a viewer").stream("?recent=0").shows([resume("new")]);
        let opens = opens.stays(AUDIENCE);
        run.row(&opens).await.map_err(|why| named(&opens.rule, why))?;
    }
    for row in &table.rows {
        run.row(row).await.map_err(|why| named(&row.rule, why))?;
    }
    run.end().await.map_err(|why| named("viewers get nothing else", why))
}

impl Run<'_> {
    async fn row(&mut self, row: &Row) -> Result<(), String> {
        let wait_s = self.bound.fill(row.wait_s);
        if !wait_s.is_empty() {
            sleep(Duration::from_secs(wait_s.parse().map_err(|_| wait_s.clone())?)).await;
        }
        let house = self.house;
        let turn = self.turn;
        self.turn += 1;
        match row.to {
            To::Ingest => {
                let answer = self.send(&house.ingests[turn % house.ingests.len()], row).await?;
                verdict::answer(&mut self.bound, row, &answer)?;
            }
            To::OneGateway => {
                self.open(row, &[&house.gateways[turn % house.gateways.len()]]).await?
            }
            To::Gateways => self.open(row, &house.gateways.iter().collect::<Vec<_>>()).await?,
        }
        for (name, shown) in &row.seen {
            self.see(name, shown).await.map_err(|why| format!("{name}: {why}"))?;
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
    async fn end(&mut self) -> Result<(), String> {
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
