//! `…/settings`: who may comment, how often, and which words nobody may use.

use std::sync::Arc;

use axum::{Json, body::Body, extract::State, http::HeaderMap};
use common::{
    ids::VideoId,
    openapi::{
        MODERATION,
        refusals::{BadBody, NoStore, NoSuch, Stranger},
    },
    path::VideoPath,
    problem::Problem,
    room::{SettingsChange, WhoCanComment},
    room_store::{Slot, SlotName},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{action::Action, words::is_word};
use crate::{
    Ingest,
    fields::{Fields, Whole},
};

/// Longest times that can be asked for, seconds: a day and a week.
const SLOW_MODE_S_MAX: u32 = 86_400;
const UNIQUE_S_MAX: u32 = 604_800;
/// Blocked words of a video, and the longest of them in characters.
const WORDS_MAX: usize = 1_000;
const WORD_LEN_MAX: usize = 100;

/// A video's settings, as moderators see them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct Settings {
    /// Seconds between two comments of one author; 0: no slow mode.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) slow_mode_s: u32,
    /// Who may comment besides moderators.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) who_can_comment: WhoCanComment,
    /// Words and phrases that no comment may have.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) blocked_words: Vec<String>,
    /// Seconds in which an author may not say the same again; 0: at any time.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) unique_s: u32,
}

/// Settings that are wanted: what is left out takes its default.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what `Settings::of` takes field by field")]
pub(crate) struct NewSettings {
    /// Seconds between two comments of one author; 0: no slow mode.
    #[schema(maximum = 86_400, default = 0)]
    slow_mode_s: Option<u32>,
    /// Who may comment besides moderators.
    who_can_comment: Option<WhoCanComment>,
    /// Words and phrases that no comment may have, of at most 100 characters, each with a letter or a
    /// digit in it.
    #[schema(max_items = 1000, examples(json!(["spoiler"])))]
    blocked_words: Option<Vec<String>>,
    /// Seconds in which an author may not say the same again; 0: at any time.
    #[schema(maximum = 604_800, default = 0)]
    unique_s: Option<u32>,
}

impl From<&Settings> for SettingsChange {
    fn from(settings: &Settings) -> Self {
        let Settings { slow_mode_s, who_can_comment, unique_s, .. } = *settings;
        Self { slow_mode_s, who_can_comment, unique_s }
    }
}

impl Settings {
    fn of(mut fields: Fields) -> Result<Self, Problem> {
        let seconds = |fields: &mut Fields, field, max: u32| {
            let given = fields.take(field, "a whole number of seconds").map_or(0, |Whole(s)| s);
            let given = u32::try_from(given).ok().filter(|given| *given <= max);
            fields.check(field, given.is_some(), &format!("must be at most {max} seconds"));
            given.unwrap_or_default()
        };
        let slow_mode_s = seconds(&mut fields, "slow_mode_s", SLOW_MODE_S_MAX);
        let unique_s = seconds(&mut fields, "unique_s", UNIQUE_S_MAX);
        let who = fields.take("who_can_comment", "everyone, authenticated or nobody");
        let words = fields.take::<Vec<String>>("blocked_words", "a list of words");
        let words: Vec<_> =
            words.into_iter().flatten().map(|word| word.trim().to_owned()).collect();
        let why = format!("must be at most {WORDS_MAX} words");
        fields.check("blocked_words", words.len() <= WORDS_MAX, &why);
        let are_words =
            words.iter().all(|word| word.chars().nth(WORD_LEN_MAX).is_none() && is_word(word));
        let why =
            format!("must each have letters or digits, and at most {WORD_LEN_MAX} characters");
        fields.check("blocked_words", are_words, &why);
        fields.finish(Self {
            slow_mode_s,
            who_can_comment: who.unwrap_or_default(),
            blocked_words: words,
            unique_s,
        })
    }
}

/// Replace a video's settings
#[utoipa::path(
    put,
    path = "/v1/videos/{video}/settings",
    operation_id = "putSettings",
    tag = MODERATION,
    params(VideoPath),
    request_body = NewSettings,
    responses(
        (status = 200, body = Settings, description = "They are in force."),
        BadBody, Stranger, NoSuch, NoStore,
    ),
)]
pub(crate) async fn put(
    State(ingest): State<Arc<Ingest>>,
    VideoPath(video): VideoPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Settings>, Problem> {
    let principal = ingest.moderator(&video, &headers).await?;
    let settings = Settings::of(Fields::read(&headers, body).await?)?;
    ingest.act(&video, &principal, Action::Settings(settings.clone())).await?;
    Ok(Json(settings))
}

/// Read a video's settings
#[utoipa::path(
    get,
    path = "/v1/videos/{video}/settings",
    operation_id = "getSettings",
    tag = MODERATION,
    params(VideoPath),
    responses(
        (status = 200, body = Settings, description = "Those in force."),
        Stranger, NoSuch, NoStore,
    ),
)]
pub(crate) async fn get(
    State(ingest): State<Arc<Ingest>>,
    VideoPath(video): VideoPath,
    headers: HeaderMap,
) -> Result<Json<Settings>, Problem> {
    ingest.moderator(&video, &headers).await?;
    let _place = ingest.reads.enter().await?;
    ingest.settings(&video).await.map(Json)
}

impl Ingest {
    async fn settings(&self, video: &VideoId) -> Result<Settings, Problem> {
        let slots = self.refusals.of(self.rooms.slots(video, &[SlotName::Settings]).await)?;
        Ok(slots.first().map(settings_in).unwrap_or_default())
    }
}

/// What a slot says; the defaults if it can't be read.
pub(super) fn settings_in(slot: &Slot) -> Settings {
    serde_json::from_str(&slot.value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Result<Settings, Problem> {
        Settings::of(Fields::parse(body.as_bytes()).unwrap())
    }

    #[test]
    fn what_is_left_out_takes_its_default() {
        assert_eq!(of("{}").unwrap(), Settings::default());
        let body = r#"{"slow_mode_s":86400,"who_can_comment":"nobody",
                       "blocked_words":[" Darn ","näh"],"unique_s":604800}"#;
        let all = of(body).unwrap();
        assert_eq!((all.slow_mode_s, all.unique_s), (86_400, 604_800));
        assert_eq!(all.who_can_comment, WhoCanComment::Nobody);
        assert_eq!(all.blocked_words, ["Darn", "näh"]);
        let stored = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&stored).unwrap(), all);
    }

    #[test]
    fn what_will_not_do() {
        let long = format!(r#"{{"blocked_words":["{}"]}}"#, "x".repeat(101));
        let many = format!(r#"{{"blocked_words":{}}}"#, json_words(1_001));
        for body in [
            r#"{"slow_mode_s":86401}"#,
            r#"{"slow_mode_s":-1}"#,
            r#"{"slow_mode_s":"5"}"#,
            r#"{"unique_s":604801}"#,
            r#"{"who_can_comment":"Everyone"}"#,
            r#"{"who_can_comment":["everyone"]}"#,
            r#"{"blocked_words":"a"}"#,
            r#"{"blocked_words":["a",1]}"#,
            r#"{"blocked_words":["..."]}"#,
            r#"{"slow_mode":5}"#,
            &long,
            &many,
        ] {
            assert!(of(body).is_err(), "{body}");
        }
        assert!(of(&format!(r#"{{"blocked_words":{}}}"#, json_words(1_000))).is_ok());
    }

    fn json_words(count: usize) -> String {
        serde_json::to_string(&vec!["word"; count]).unwrap()
    }

    #[test]
    fn viewers_are_not_told_the_words() {
        let settings = Settings { blocked_words: vec!["darn".into()], ..Settings::default() };
        let shown = serde_json::to_string(&SettingsChange::from(&settings)).unwrap();
        assert_eq!(shown, r#"{"slow_mode_s":0,"who_can_comment":"everyone","unique_s":0}"#);
    }
}
