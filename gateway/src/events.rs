//! What a stream has, for the API's description: [`ALL`] lists its events.

use std::collections::BTreeMap;

use common::{
    comment::Comment,
    event::{Deleted, Kind},
    openapi::{Schemas, shape},
    position::Cursor,
    room::{HideChange, PinChange, SettingsChange},
};
use serde_json::Value;
use utoipa::{
    IntoResponses, PartialSchema, ToSchema,
    openapi::{
        Components, Content, Header, ObjectBuilder, OneOfBuilder, OpenApi, Ref, RefOr, Response,
        ResponseBuilder, Schema, Type,
    },
};

use crate::{
    ending::Ended,
    frame::{Resumed, Skipped},
    video::numbers::{Reactions, Viewers},
};

/// What a producer's event is titled.
const PRODUCERS: &str = "a producer's event";
/// What an event's schema is called.
const EVENT: &str = "StreamEvent";

/// An event of streams.
struct Described {
    name: &'static str,
    /// Whether its block has an `id:`, the position behind it.
    has_id: bool,
    about: &'static str,
    /// Name and schemas of its data, its own first.
    data: fn() -> (String, Schemas),
}

/// Every event that there is.
const ALL: [Described; 10] = [
    Described {
        name: "resume",
        has_id: true,
        about: "First of all: what follows, and from which position.",
        data: data::<Resumed>,
    },
    Described {
        name: "comment",
        has_id: true,
        about: "A comment was posted.",
        data: data::<Comment>,
    },
    Described {
        name: "delete",
        has_id: true,
        about: "A comment is to be taken away.",
        data: data::<Deleted>,
    },
    Described {
        name: "hide",
        has_id: true,
        about: "An author's comments so far are to be taken away.",
        data: data::<HideChange>,
    },
    Described {
        name: "pin",
        has_id: true,
        about: "Another comment is pinned, or none.",
        data: data::<PinChange>,
    },
    Described {
        name: "settings",
        has_id: true,
        about: "The video has other settings.",
        data: data::<SettingsChange>,
    },
    Described {
        name: "reactions",
        has_id: false,
        about: "Viewers have reacted: the totals so far, at most twice a second.",
        data: data::<Reactions>,
    },
    Described {
        name: "viewers",
        has_id: false,
        about: "Another number of viewers watches, at most twice a second.",
        data: data::<Viewers>,
    },
    Described {
        name: "skipped",
        has_id: false,
        about: "Events were left out for this viewer.",
        data: data::<Skipped>,
    },
    Described {
        name: "end",
        has_id: false,
        about: "Last of all: don't come back.",
        data: data::<Ended>,
    },
];

fn data<T: ToSchema>() -> (String, Schemas) {
    let name = T::name().into_owned();
    let mut schemas = vec![(name.clone(), T::schema())];
    T::schemas(&mut schemas);
    (name, schemas)
}

/// A description with the schemas of events alone.
pub(crate) fn openapi() -> OpenApi {
    let mut components = Components::new();
    components.schemas.insert(EVENT.into(), RefOr::T(any()));
    for event in ALL {
        components.schemas.extend((event.data)().1);
    }
    let mut openapi = OpenApi::default();
    openapi.components = Some(components);
    openapi
}

/// The answers to whoever is let in.
#[derive(Debug)]
pub(crate) enum Served {}

impl IntoResponses for Served {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let gone = "The video has ended, or the viewer is banned from it: don't come back.";
        let why = "`ended` or `banned`.";
        let gone = ResponseBuilder::new().description(gone).header("Chorus-End", header(why));
        BTreeMap::from([
            ("200".to_owned(), stream().into()),
            ("204".to_owned(), gone.build().into()),
        ])
    }
}

fn header(about: &str) -> Header {
    let mut header = Header::default();
    header.description = Some(about.into());
    header
}

fn stream() -> Response {
    const EXAMPLE: &str = include_str!("events/example.txt");
    let mut body = Content::new(Some(Ref::from_schema_name(EVENT)));
    body.example = Some(EXAMPLE.into());
    ResponseBuilder::new()
        .description(format!("{}{}", include_str!("events/stream.md"), table()))
        .content("text/event-stream", body)
        .header("Cache-Control", header("`no-store, no-transform`"))
        .header("X-Accel-Buffering", header("`no`: proxies are to pass on each event at once."))
        .header(
            "Set-Cookie",
            header("After a ticket's first use: lets the same URL be opened again."),
        )
        .build()
}

/// For programs: any event, with what its `data:` is in JSON.
fn any() -> Schema {
    let events = ALL.map(|event| {
        let name = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([event.name]));
        let data = ObjectBuilder::new()
            .schema_type(Type::String)
            .content_media_type("application/json")
            .content_schema(Some(Ref::from_schema_name((event.data)().0)));
        let block = ObjectBuilder::new()
            .title(Some(event.name))
            .description(Some(event.about))
            .property("event", name)
            .property("data", data)
            .required("event")
            .required("data");
        if event.has_id { block.property("id", Cursor::schema()) } else { block }
    });
    let about = "A block of a stream, by its fields.";
    let any = OneOfBuilder::new().description(Some(about)).item(producers());
    events.into_iter().fold(any, OneOfBuilder::item).build().into()
}

/// An event that a producer sent, by whichever name.
fn producers() -> ObjectBuilder {
    let name = shape::text(&Kind::form_of_producers(), "odds");
    let data = ObjectBuilder::new()
        .schema_type(Type::String)
        .content_media_type("application/json")
        .content_schema(Some(Value::schema()));
    ObjectBuilder::new()
        .title(Some(PRODUCERS))
        .description(Some("A producer has it shown: any JSON."))
        .property("event", name)
        .property("data", data)
        .property("id", Cursor::schema())
        .required("event")
        .required("data")
}

/// The same for people.
fn table() -> String {
    let rows = ALL.map(|event| {
        let id = if event.has_id { "yes" } else { "" };
        format!("| `{}` | {id} | {} | {} |\n", event.name, (event.data)().0, event.about)
    });
    let producers =
        "| *any other* | yes | any JSON | A producer has it shown: odds, a score, a question. |\n";
    format!("| event | `id:` | data | |\n|---|---|---|---|\n{}{producers}", rows.concat())
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn every_event_that_is_shown_is_described() {
        let described = ALL.map(|event| event.name);
        let kinds = [
            Kind::COMMENT,
            Kind::DELETE,
            Kind::HIDE,
            Kind::PIN,
            Kind::SETTINGS,
            Kind::SKIPPED,
            Kind::BAN,
            Kind::VIDEO,
            Kind::BARE,
        ];
        for kind in kinds {
            assert_eq!(described.contains(&kind.as_str()), kind.is_shown(), "{kind:?}");
        }
    }
}
