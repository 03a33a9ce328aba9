//! What values look like, by the limits that they are checked with.

use serde_json::{Value, json};
use utoipa::openapi::{KnownFormat, ObjectBuilder, SchemaFormat, Type, schema::SchemaType};

/// A string of a form.
#[must_use]
pub fn text(form: &str, example: &str) -> ObjectBuilder {
    string(example).pattern(Some(form))
}

/// A string of any form, so many characters long.
#[must_use]
pub fn words(min: usize, max: usize, example: &str) -> ObjectBuilder {
    let min = (min > 0).then_some(min);
    string(example).min_length(min).max_length(Some(max))
}

fn string(example: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).examples([Value::from(example)])
}

/// A whole number.
#[must_use]
pub fn whole(min: u64, max: u64) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(min)).maximum(Some(max))
}

/// How many entries a page has at most.
#[must_use]
pub fn limit(default: usize, max: usize) -> ObjectBuilder {
    whole(1, max as u64).default(Some(json!(default)))
}

/// A time, as [`crate::comment::rfc3339`] writes it.
#[must_use]
pub fn time() -> ObjectBuilder {
    const FORM: &str = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$";
    let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    text(FORM, "2024-06-14T10:14:09.300Z").format(Some(format))
}

/// The same, or `null`, which stands for what is left out.
#[must_use]
pub fn optional(object: ObjectBuilder) -> ObjectBuilder {
    let object = object.build();
    let types = match object.schema_type.clone() {
        SchemaType::Type(one) => SchemaType::from_iter([one, Type::Null]),
        other => other,
    };
    ObjectBuilder::from(object).schema_type(types)
}
