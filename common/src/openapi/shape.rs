//! What values look like that are no numbers or words of a type.

use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

/// A string of a form.
#[must_use]
pub fn text(form: &str, example: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(form))
        .examples([Value::from(example)])
}

/// A time, as [`crate::comment::rfc3339`] writes it.
#[derive(Debug)]
pub enum Time {}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        const FORM: &str = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$";
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        let time = text(FORM, "2024-06-14T10:14:09.300Z").format(Some(format));
        time.description(Some("RFC 3339 in UTC, with milliseconds.")).into()
    }
}

impl ToSchema for Time {}
