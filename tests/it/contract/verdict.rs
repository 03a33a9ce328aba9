//! Whether an answer is as its row says, and every refusal as the section Errors does.

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::{
    pattern::Bound,
    row::{Body, Row},
};
use crate::client::Answer;

pub(super) fn answer(bound: &mut Bound, row: &Row, answer: &Answer) -> Result<(), String> {
    if answer.status.as_u16() != row.status {
        return Err(format!("{} should be {}: {answer:?}", answer.status, row.status));
    }
    headers(bound, row, &answer.headers)?;
    if answer.status.is_client_error() || answer.status.is_server_error() {
        problem(bound, answer)?;
    }
    let body = String::from_utf8_lossy(&answer.body);
    if row.lacks.is_some_and(|text| body.contains(text)) {
        return Err(format!("{:?} stands in {body:?}", row.lacks));
    }
    content(bound, &row.answer, &body).map_err(|why| format!("{why} in {body}"))
}

fn content(bound: &mut Bound, expected: &Body, body: &str) -> Result<(), String> {
    let read = |text: &str| serde_json::from_str::<Value>(text).map_err(|_| "no JSON".to_owned());
    match expected {
        Body::Any => Ok(()),
        Body::Empty if body.is_empty() => Ok(()),
        Body::Empty => Err("a body".to_owned()),
        Body::Json(pattern) => bound.json(pattern, &read(body)?),
        Body::Lines(patterns) => {
            let lines = body.lines().map(read).collect::<Result<_, _>>()?;
            bound.json(&Value::Array(patterns.clone()), &Value::Array(lines))
        }
        Body::Fields(fields) => {
            let error = |field| json!({"field": field, "why": "{_}"});
            let errors: Vec<_> = fields.iter().map(error).collect();
            bound.json(&json!({"errors": errors, "…": null}), &read(body)?)
        }
    }
}

pub(super) fn headers(bound: &mut Bound, row: &Row, headers: &HeaderMap) -> Result<(), String> {
    let value = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if value("x-request-id").is_none_or(str::is_empty) {
        return Err("no X-Request-Id".to_owned());
    }
    for (name, pattern) in &row.answer_headers {
        let told = match (pattern, value(name)) {
            (Some(pattern), Some(value)) => bound.text(pattern, value),
            (None, None) => Ok(()),
            (_, value) => Err(format!("is {value:?}, should be {pattern:?}")),
        };
        told.map_err(|why| format!("header {name}: {why}"))?;
    }
    Ok(())
}

/// Every refusal is as the section Errors says.
fn problem(bound: &mut Bound, answer: &Answer) -> Result<(), String> {
    let header = |name| answer.header(name);
    if header("content-type") != "application/problem+json" {
        return Err(format!("a refusal of type {:?}", header("content-type")));
    }
    let status = answer.status.as_u16();
    let mut expected = json!({"type": "{_}", "title": "{_}", "status": status, "detail": "{_}",
        "request_id": header("x-request-id")});
    let body = answer.json();
    if status == 422 {
        expected["errors"] = body["errors"].as_array().map_or(json!([]), |errors| {
            errors.iter().map(|_| json!({"field": "{_}", "why": "{_}"})).collect()
        });
    }
    bound.json(&expected, &body)?;
    if [429, 503].contains(&status) {
        bound.text("{_#int 1-86400}", header("retry-after"))?;
    }
    Ok(())
}
