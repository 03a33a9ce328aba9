//! What the public API says of itself, in OpenAPI 3.1: what all descriptions of routes share.
//!
//! Routes are described where they are handled, by `#[utoipa::path]`, and come into a router by
//! `utoipa_axum::routes!`: one without a description can't exist. [`refusals`] are the ways in which
//! they refuse, [`shape`] is what values look like.

use axum::http::header;
use serde_json::{Map, Value, json};
use utoipa::{
    PartialSchema,
    openapi::{OpenApi, RefOr, Schema},
};

use crate::{
    auth::{DEVELOPMENT_USER, Role},
    ids::UserId,
    pass,
    problem::{self, REQUEST_ID},
};

pub mod refusals;
pub mod shape;

/// Tag of what commenters and readers do.
pub const COMMENTS: &str = "comments";
/// Tag of what viewers watch.
pub const STREAM: &str = "stream";
/// Tag of what producers have shown.
pub const EVENTS: &str = "events";
/// Tag of what moderators and producers do.
pub const MODERATION: &str = "moderation";

/// Schemas by name, as descriptions gather them.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// The whole document: what `parts` describe, and what they refer to.
#[must_use]
pub fn document(parts: impl IntoIterator<Item = OpenApi>) -> Value {
    let (mut paths, mut schemas) = (Map::new(), problem::schemas());
    for part in parts {
        let part = json!(part);
        extend(&mut paths, &part["paths"]);
        extend(&mut schemas, &part["components"]["schemas"]);
    }
    let mut responses = refusals::responses();
    let operations = paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    let answers = operations.filter_map(|operation| operation["responses"].as_object_mut());
    for answers in answers.chain([&mut responses]) {
        answers.values_mut().for_each(name_request);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "chorus",
            "version": env!("CARGO_PKG_VERSION"),
            "description": include_str!("openapi/about.md"),
            "license": { "name": "Apache License 2.0", "identifier": "Apache-2.0" },
        },
        "tags": [
            { "name": COMMENTS, "description": "Posting comments, and reading them." },
            { "name": STREAM, "description": "Watching a video's comments as they come." },
            { "name": EVENTS, "description": "What producers have shown among the comments." },
            { "name": MODERATION, "description": "What moderators and producers do to a video." },
        ],
        "security": [{ "token": [] }, { "development": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": responses,
            "headers": headers(),
            "securitySchemes": security_schemes(),
        },
    })
}

fn extend(all: &mut Map<String, Value>, more: &Value) {
    let more = more.as_object().into_iter().flatten();
    all.extend(more.map(|(name, value)| (name.clone(), value.clone())));
}

/// Every answer has the request's id, which a layer around all routes adds. Where an answer is but
/// referred to, what it refers to says so.
fn name_request(answer: &mut Value) {
    if answer.get("$ref").is_none() {
        answer["headers"][REQUEST_ID] = reference("headers", REQUEST_ID);
    }
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

fn headers() -> Value {
    json!({
        REQUEST_ID: {
            "description": "Names the request, also in the server's logs: what the client sent under \
                this name, if that is a word of at most 64 letters, digits, `-`, `_` and `.`.",
            "required": true,
            "schema": { "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$" },
        },
        header::RETRY_AFTER.as_str(): {
            "description": "Seconds after which the same request may be repeated.",
            "required": true,
            "schema": { "type": "integer", "minimum": 1 },
        },
        header::WWW_AUTHENTICATE.as_str(): {
            "description": "How to show who asks.",
            "required": true,
            "schema": { "const": "Bearer" },
        },
    })
}

fn security_schemes() -> Value {
    json!({
        "token": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "Signed by HS256, or by EdDSA, RS256 or ES256 with a key of the server's \
                JWKS. Claims: `sub` (who) and `exp` are needed; `name` and `avatar` (https) are shown; \
                `role` says what they may do; `videos` lists those that the token is good for.",
            "x-claims": { "sub": UserId::schema(), "role": Role::schema() },
        },
        "ticket": {
            "type": "apiKey",
            "in": "query",
            "name": "ticket",
            "description": "For browsers, whose EventSource can't send a token: opens one stream once.",
        },
        "cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": pass::COOKIE,
            "description": "Set by a ticket's first use; lets the same EventSource come back.",
        },
        "development": {
            "type": "apiKey",
            "in": "header",
            "name": DEVELOPMENT_USER,
            "description": "In development mode alone (no secret and no keys are configured): the \
                author's id. Without one they are a guest with a name by chance.",
        },
    })
}
