//! The section Auth: tokens of an issuer whose keys are in a file, beside those of the secret.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{
    auth::SECTION,
    issuer::{KINDS, NEW, OLD, bearer, signer},
    row::Row,
    shown::resume,
    signer::Signer,
    table::{In, Table},
    tokens::{NO_ALGORITHM, claims, now_s, refused},
    world::{AUDIENCE, ISSUER},
};
use crate::roles::SECRET;

pub(super) fn tables() -> Vec<Table> {
    vec![believed(), confused(), unfit(), aimed(), rotated()]
}

/// Taken at a post, at a ticket and at the stream.
fn taken(rule: &str, authorization: &str) -> [Row; 3] {
    let row = |what: &str| Row::new(format!("{rule}, {what}")).with("authorization", authorization);
    [
        row("posting").says("hi").gets(201),
        row("a ticket").post("tickets", json!({})).gets(201),
        row("a stream").stream("?recent=0").shows([resume("new")]),
    ]
}

/// A token of somebody's with whatever header, for all that it says.
fn headed(by: &Signer, header: &Value) -> String {
    format!("Bearer {}", by.sign(&header.to_string(), &claims(&json!({})).to_string()))
}

fn believed() -> Table {
    let nameless = |name: &str| signer(name).token(&claims(&json!({})), false);
    let mut rows = Vec::new();
    for name in KINDS {
        rows.extend(taken(name, &bearer(name, &json!({}))));
        rows.extend(taken(
            &format!("{name}, which key unsaid"),
            &format!("Bearer {}", nameless(name)),
        ));
    }
    rows.extend(taken("HS256 beside", &headed(&Signer::hs256(SECRET), &json!({"alg": "HS256"}))));
    let moderator = bearer("RS256", &json!({"role": "moderator", "name": "Mo", "sub": "mo"}));
    let settings = Row::new("claims count").with("authorization", moderator).get("settings");
    let viewer = bearer("ES256", &json!({"role": "viewer"}));
    let post = Row::new("they take away as well").with("authorization", viewer).says("hi");
    rows.extend([settings.gets(200), post.gets(403)]);
    Table::new(SECTION, "jwks", rows).unwatched()
}

/// Tokens that try to pass for others: a key is for its own algorithm, and no secret.
fn confused() -> Table {
    let of = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid});
    let [ed, rsa, ec] = KINDS.map(signer);
    let forger = Signer::eddsa("EdDSA");
    let mut bad = vec![
        ("EdDSA by another's key".to_owned(), headed(&forger, &of("EdDSA", "EdDSA"))),
        (
            "ES256 by another's key".to_owned(),
            headed(&Signer::es256("ES256"), &of("ES256", "ES256")),
        ),
        ("a key that nobody knows".to_owned(), headed(&forger, &of("EdDSA", "nobody"))),
        ("another key's name".to_owned(), headed(ed, &of("EdDSA", OLD))),
        ("a name of another kind".to_owned(), headed(ed, &of("EdDSA", "ES256"))),
        ("an RSA key as ES256".to_owned(), headed(rsa, &of("ES256", "RS256"))),
        ("a P-256 key as RS256".to_owned(), headed(ec, &of("RS256", "ES256"))),
        ("RS256 by a P-256 key".to_owned(), headed(ec, &of("RS256", "RS256"))),
        ("an Ed25519 key as HS256".to_owned(), headed(ed, &of("HS256", "EdDSA"))),
        (
            "RS512".to_owned(),
            headed(&Signer::rs256("RS256").by(Algorithm::RS512), &of("RS512", "RS256")),
        ),
        (
            "a key that comes along".to_owned(),
            headed(&forger, &json!({"alg": "EdDSA", "jwk": forger.jwk})),
        ),
    ];
    for (name, number) in [("EdDSA", "x"), ("ES256", "x"), ("RS256", "n")] {
        let text = signer(name).jwk[number].as_str().unwrap();
        for (form, bytes) in [
            ("bytes", URL_SAFE_NO_PAD.decode(text).unwrap()),
            ("text", text.as_bytes().to_vec()),
            ("document", signer(name).jwk.to_string().into_bytes()),
        ] {
            let rule = format!("HS256 by the {form} of the {name} key");
            bad.push((rule, headed(&Signer::secret(Algorithm::HS256, &bytes), &of("HS256", name))));
        }
    }
    let rows = bad.iter().flat_map(|(rule, authorization)| refused(rule, authorization));
    Table::new(SECTION, "confused", rows.collect()).unwatched()
}

/// What HS256 is refused for, others are as well.
fn unfit() -> Table {
    let mut rows = Vec::new();
    for name in KINDS {
        for (rule, differ) in [
            ("expired", json!({"exp": now_s() - 60})),
            ("no exp", json!({"exp": null})),
            ("no sub", json!({"sub": null})),
        ] {
            rows.extend(refused(&format!("{name}: {rule}"), &bearer(name, &differ)));
        }
        let good = bearer(name, &json!({}));
        let (signed, _) = good.rsplit_once('.').unwrap();
        rows.extend(refused(&format!("{name}: no signature"), &format!("{signed}.")));
        let said = signed.split_once('.').unwrap().1;
        let none = format!("Bearer {NO_ALGORITHM}.{said}.");
        rows.extend(refused(&format!("{name}: alg none"), &none));
    }
    Table::new(SECTION, "unfit", rows).unwatched()
}

/// `aud` and `iss` are looked at here as well, where they are configured.
fn aimed() -> Table {
    let differ = json!({"iss": ISSUER, "aud": "theirs"});
    let registers =
        Row::new("registered").by("producer pia").put("", json!({"state": "live"})).gets(200);
    let mut rows = vec![registers];
    for name in KINDS {
        rows.extend(refused(&format!("{name}: another aud"), &bearer(name, &differ)));
        rows.extend(taken(name, &bearer(name, &json!({"iss": ISSUER, "aud": AUDIENCE}))));
    }
    Table::new(SECTION, "jwksaims", rows).within(In::Strict)
}

/// A new key is believed once the file has it and some token names it; then the old one, which the
/// file has no more, no longer.
fn rotated() -> Table {
    // Nobody reads a file more often than every 5 s, whatever tokens name.
    const READ_AGAIN_S: &str = "6";
    let [old, new] = [OLD, NEW].map(|name| bearer(name, &json!({})));
    let posts = |rule: &str, token: &str| Row::new(rule).with("authorization", token).says("hi");
    let has = |name| [&KINDS[..], &[name]].concat();
    let mut rows = vec![
        // When the table is run again it is the new key that is known.
        posts("the old key", &old).with_keys_of(&has(OLD)).at_first(401).gets(201),
        posts("at the other node", &old).at_first(401).gets(201),
        posts("the new key, not yet", &new).gets(401),
        posts("at the other node", &new).gets(401),
        posts("the new key", &new)
            .with_keys_of(&has(NEW))
            .after_s(READ_AGAIN_S)
            .at_first(401)
            .gets(201),
        posts("at the other node", &new).at_first(401).gets(201),
    ];
    rows.extend(taken("the new key everywhere", &new));
    rows.extend(refused("the old one, at a node", &old));
    rows.extend(refused("and at the other", &old));
    Table::new(SECTION, "rotated", rows).unwatched()
}
