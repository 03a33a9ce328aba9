//! `…/bans`: who may not comment, nor watch while they show who they are.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
};
use common::{
    ambient,
    comment::rfc3339,
    ids::UserId,
    openapi::{
        MODERATION,
        refusals::{BadBody, BadQuery, NoStore, NoSuch, Stranger},
        shape::Time,
    },
    path::{UserPath, VideoPath},
    problem::Problem,
    room_store::{Slot, SlotKind, SlotName},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    action::{Action, BanSlot},
    paging::{ByUser, Paging},
};
use crate::{
    Ingest,
    fields::{Fields, Whole},
};

/// Longest ban that is not for ever, seconds: ten years.
const TTL_S_MAX: u64 = 315_360_000;

/// A ban, as moderators see it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ban {
    user: UserId,
    /// Who banned them.
    by: UserId,
    #[schema(value_type = Time)]
    since: String,
    /// For ever when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Time)]
    until: Option<String>,
    /// Whether what they had posted by then is hidden.
    hide_comments: bool,
}

/// A page of bans.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Bans {
    bans: Vec<Ban>,
    /// What to give as `after` for the next page; `null` at the end.
    #[schema(required = true)]
    next: Option<UserId>,
}

impl Ban {
    fn of(slot: &Slot, now_ms: u64) -> Option<Self> {
        let SlotName::Ban(user) = &slot.name else { return None };
        let ban: BanSlot = serde_json::from_str(&slot.value).ok()?;
        ban.is_in_force(now_ms).then(|| Self {
            user: user.clone(),
            by: ban.by,
            since: rfc3339(slot.version.unix_ms()),
            until: ban.until_ms.map(rfc3339),
            hide_comments: ban.hide_comments,
        })
    }
}

/// A ban that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what `put` takes field by field")]
pub(crate) struct NewBan {
    /// Seconds that it lasts; for ever when missing.
    #[schema(minimum = 1, maximum = 315_360_000)]
    ttl_s: Option<u64>,
    /// Whether what they have posted so far is hidden.
    hide_comments: Option<bool>,
}

/// Ban somebody
///
/// They can't comment, nor watch while they show who they are. A ban that is there is replaced.
#[utoipa::path(
    put,
    path = "/v1/videos/{video}/bans/{user}",
    operation_id = "ban",
    tag = MODERATION,
    params(UserPath),
    request_body = Option<NewBan>,
    responses(
        (status = 200, body = Ban, description = "They are banned."),
        BadBody, Stranger, NoSuch, NoStore,
    ),
)]
pub(crate) async fn put(
    State(ingest): State<Arc<Ingest>>,
    UserPath(video, user): UserPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Ban>, Problem> {
    let principal = ingest.moderator(&video, &headers).await?;
    let mut fields = Fields::read_optional(&headers, body).await?;
    let ttl_s =
        fields.take::<Whole>("ttl_s", "a whole number of seconds").map(|Whole(ttl_s)| ttl_s);
    let is_right = ttl_s.is_none_or(|ttl_s| (1..=TTL_S_MAX).contains(&ttl_s));
    fields.check("ttl_s", is_right, &format!("must be 1 to {TTL_S_MAX} seconds"));
    let hide_comments = fields.take("hide_comments", "true or false").unwrap_or(false);
    let ttl_s = fields.finish(ttl_s)?;
    let action = Action::Ban { user: user.clone(), ttl_s, hide_comments };
    let since_ms = ambient::unix_ms();
    ingest.act(&video, &principal, action).await?;
    Ok(Json(Ban {
        user,
        by: principal.author.id,
        since: rfc3339(since_ms),
        until: ttl_s.map(|ttl_s| rfc3339(since_ms.saturating_add(1_000 * ttl_s))),
        hide_comments,
    }))
}

/// Lift a ban
///
/// What it hid is shown again. Nobody was banned: 204 as well.
#[utoipa::path(
    delete,
    path = "/v1/videos/{video}/bans/{user}",
    operation_id = "liftBan",
    tag = MODERATION,
    params(UserPath),
    responses((status = 204, description = "They are not banned."), Stranger, NoSuch, NoStore),
)]
pub(crate) async fn delete(
    State(ingest): State<Arc<Ingest>>,
    UserPath(video, user): UserPath,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let principal = ingest.moderator(&video, &headers).await?;
    ingest.act(&video, &principal, Action::Unban { user }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List bans in force, by user
#[utoipa::path(
    get,
    path = "/v1/videos/{video}/bans",
    operation_id = "listBans",
    tag = MODERATION,
    params(VideoPath, ByUser),
    responses((status = 200, body = Bans, description = "A page."), BadQuery, Stranger, NoSuch, NoStore),
)]
pub(crate) async fn list(
    State(ingest): State<Arc<Ingest>>,
    VideoPath(video): VideoPath,
    Query(paging): Query<Paging>,
    headers: HeaderMap,
) -> Result<Json<Bans>, Problem> {
    ingest.moderator(&video, &headers).await?;
    let (limit, after) = paging.after::<UserId>()?;
    let _place = ingest.reads.enter().await?;
    let now_ms = ambient::unix_ms();
    let (mut bans, mut after) = (Vec::new(), after.map(SlotName::Ban));
    // One more than asked for tells whether there is a next page.
    while bans.len() <= limit {
        let all = ingest.rooms.all(&video, SlotKind::Ban, after.as_ref(), limit + 1).await;
        let slots = ingest.refusals.of(all)?;
        bans.extend(slots.iter().filter_map(|slot| Ban::of(slot, now_ms)));
        match slots.last() {
            Some(last) if slots.len() > limit => after = Some(last.name.clone()),
            _ => break,
        }
    }
    let is_more = bans.len() > limit;
    bans.truncate(limit);
    let next = bans.last().filter(|_| is_more).map(|ban| ban.user.clone());
    Ok(Json(Bans { bans, next }))
}
