//! `GET /openapi.json`: what the whole public API says of itself.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderName, header},
    response::{IntoResponse, Response},
};
use common::openapi;
use serde_json::Value;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The document, of every role's routes, whichever of them run here.
#[must_use]
pub fn document() -> Value {
    openapi::document([ingest::openapi(), gateway::openapi(), described().into_openapi()])
}

/// Serves it.
pub fn router() -> Router {
    // Strings by name: there is nothing in it that could fail to serialise.
    let document = serde_json::to_vec_pretty(&document()).unwrap_or_default();
    described().with_state(Bytes::from(document)).into()
}

fn described() -> OpenApiRouter<Bytes> {
    OpenApiRouter::default().routes(routes!(get))
}

/// Read this description
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "describe",
    tag = "description",
    security(()),
    responses((status = 200, description = "An OpenAPI 3.1 document.",
               content_type = "application/json", body = Value)),
)]
async fn get(State(document): State<Bytes>) -> Response {
    const JSON: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];
    (JSON, document).into_response()
}
