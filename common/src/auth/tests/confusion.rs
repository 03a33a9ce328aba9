//! Tokens that try to pass for others are refused, whatever they say about themselves.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::Algorithm as Other;
use proptest::prelude::*;

use super::*;

/// One key of each kind, named by its algorithm's first letter.
struct Keys {
    ed: Signer,
    ec: Signer,
    rsa: Signer,
}

impl Keys {
    fn new() -> Self {
        Self { ed: Signer::eddsa("d"), ec: Signer::es256("e"), rsa: Signer::rs256("r") }
    }

    fn all(&self) -> [&Signer; 3] {
        [&self.ed, &self.ec, &self.rsa]
    }

    /// A file with these and other keys.
    fn file(&self, others: &[Value]) -> (NamedTempFile, String) {
        let keys = self.all().map(|signer| signer.jwk.clone());
        file_of(&[&keys[..], others].concat())
    }
}

/// The bytes of a public key, in every form in which somebody might take them for a secret.
fn public_bytes(signer: &Signer) -> Vec<Vec<u8>> {
    let members = ["x", "y", "n", "e"].map(|name| signer.jwk[name].as_str().unwrap_or_default());
    let numbers = members.map(|text| URL_SAFE_NO_PAD.decode(text).unwrap());
    let mut all: Vec<Vec<u8>> = members.map(|text| text.as_bytes().to_vec()).to_vec();
    all.push([&[4], &*numbers[0], &numbers[1]].concat());
    all.push(signer.jwk.to_string().into_bytes());
    all.push(b"null".to_vec());
    all.extend(numbers);
    all
}

#[tokio::test]
async fn a_public_key_is_no_secret() {
    let keys = Keys::new();
    let (_file, named) = keys.file(&[]);
    for more in ["", "auth.hs256_secret = 'another'"] {
        let ours = authenticator(&format!("{named}{more}")).await;
        for signer in keys.all() {
            for bytes in public_bytes(signer) {
                for algorithm in [Other::HS256, Other::HS384, Other::HS512] {
                    let forger = Signer::secret(algorithm, &bytes);
                    let header = json!({"alg": algorithm, "kid": signer.kid}).to_string();
                    for token in
                        [forger.token(&good(), false), forger.sign(&header, &good().to_string())]
                    {
                        let told = ours.told(&token).await;
                        assert_eq!(told, Err(Code::Unauthorized), "{signer:?} {algorithm:?}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_key_is_for_its_own_algorithm() {
    let keys = Keys::new();
    let (_file, named) = keys.file(&[]);
    let ours = authenticator(&format!("{named}auth.hs256_secret = {SECRET:?}")).await;
    let claims = good().to_string();
    let names = [
        "none", "None", "NONE", "", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256",
        "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "eddsa",
        "rs256", "RS256 ", "RSA-OAEP", "dir",
    ];
    let secret = Signer::hs256(SECRET);
    for (signer, own) in
        [(&keys.ed, "EdDSA"), (&keys.ec, "ES256"), (&keys.rsa, "RS256"), (&secret, "HS256")]
    {
        for alg in names {
            for kid in [None, Some("d"), Some("e"), Some("r"), Some("nobody")] {
                let token = signer.sign(&json!({"alg": alg, "kid": kid}).to_string(), &claims);
                // A secret has no name, whatever a token says.
                let named = kid.is_none_or(|kid| kid == signer.kid) || own == "HS256";
                let good = alg == own && named;
                let told = ours.told(&token).await.is_ok();
                assert_eq!(told, good, "{signer:?} as {alg:?} of {kid:?}");
            }
        }
    }
    for algorithm in [Other::RS384, Other::RS512, Other::PS256, Other::PS384, Other::PS512] {
        let token = Signer::rs256("r").by(algorithm).token(&good(), true);
        assert_eq!(ours.told(&token).await, Err(Code::Unauthorized), "{algorithm:?}");
    }
}

#[tokio::test]
async fn nothing_signed_is_nothing() {
    let keys = Keys::new();
    let (_file, named) = keys.file(&[]);
    let ours = authenticator(&format!("{named}auth.hs256_secret = {SECRET:?}")).await;
    let claims = URL_SAFE_NO_PAD.encode(good().to_string());
    for alg in ["none", "HS256", "EdDSA", "ES256", "RS256"] {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": alg }).to_string());
        for len in [0, 1, 32, 64, 256] {
            for byte in [0, 1, 255] {
                let signature = URL_SAFE_NO_PAD.encode(vec![byte; len]);
                let token = format!("{header}.{claims}.{signature}");
                assert_eq!(ours.told(&token).await, Err(Code::Unauthorized), "{alg} {len}");
            }
        }
    }
}

#[tokio::test]
async fn keys_of_other_uses_check_nothing() {
    let (enc, ops, alg, crv) =
        (Signer::rs256("enc"), Signer::es256("ops"), Signer::rs256("alg"), Signer::es256("crv"));
    let (weak, short, oct) =
        (Signer::weak_rs256("weak"), Signer::eddsa("short"), Signer::hs256(SECRET));
    let (off, kty) = (Signer::es256("off"), Signer::eddsa("kty"));
    let k = URL_SAFE_NO_PAD.encode(SECRET);
    let others = [
        enc.jwk_with(json!({"use": "enc"})),
        ops.jwk_with(json!({"key_ops": ["sign", "deriveKey"]})),
        alg.jwk_with(json!({"alg": "PS256"})),
        crv.jwk_with(json!({"crv": "secp256k1"})),
        weak.jwk.clone(),
        short.jwk_with(json!({"x": "AAAA"})),
        off.jwk_with(json!({"y": off.jwk["x"]})),
        kty.jwk_with(json!({"kty": "EC", "y": kty.jwk["x"]})),
        json!({"kty": "oct", "kid": "oct", "k": k}),
        json!({"kty": "oct", "kid": "oct", "k": k, "alg": "HS256", "use": "sig"}),
        json!({"kid": "nothing"}),
        json!({"kty": 5}),
        json!("no key"),
        json!(null),
    ];
    let keys = Keys::new();
    let (_file, named) = keys.file(&others);
    let ours = authenticator(&named).await;
    for signer in [&enc, &ops, &alg, &crv, &weak, &short, &off, &kty] {
        let told = ours.told(&signer.token(&good(), true)).await;
        assert_eq!(told, Err(Code::Unauthorized), "{signer:?}");
    }
    let ps256 = Signer::rs256("alg").by(Other::PS256);
    assert_eq!(ours.told(&ps256.token(&good(), true)).await, Err(Code::Unauthorized));
    let header = json!({"alg": "HS256", "kid": "oct"}).to_string();
    let told = ours.told(&oct.sign(&header, &good().to_string())).await;
    assert_eq!(told, Err(Code::Unauthorized));
    for signer in keys.all() {
        assert!(ours.told(&signer.token(&good(), true)).await.is_ok(), "negative control");
    }
    let (_file, named) = file_of(&[
        enc.jwk_with(json!({"use": "sig", "alg": "RS256", "key_ops": ["verify"]})),
        crv.jwk_with(json!({"alg": "ES256", "more": {"of": "it"}})),
    ]);
    let ours = authenticator(&named).await;
    for signer in [&enc, &crv] {
        assert!(ours.told(&signer.token(&good(), true)).await.is_ok(), "negative control");
    }
}

#[tokio::test]
async fn a_key_that_comes_along_is_no_key() {
    let (keys, forger) = (Keys::new(), Signer::eddsa("d"));
    let (_file, named) = keys.file(&[]);
    let ours = authenticator(&named).await;
    for more in [
        json!({}),
        json!({"jwk": forger.jwk}),
        json!({"jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/keys"}),
        json!({"x5c": [forger.jwk["x"]]}),
    ] {
        let mut header = json!({"alg": "EdDSA", "kid": "d"});
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let token = forger.sign(&header.to_string(), &good().to_string());
        assert_eq!(ours.told(&token).await, Err(Code::Unauthorized), "{header}");
        let honest = keys.ed.sign(&header.to_string(), &good().to_string());
        assert!(ours.told(&honest).await.is_ok(), "it says nothing: {header}");
    }
}

#[tokio::test]
async fn headers_that_are_no_good() {
    let keys = Keys::new();
    let (_file, named) = keys.file(&[]);
    let ours = authenticator(&named).await;
    for header in [
        r#"{"kid":"d"}"#,
        r#"{"alg":null,"kid":"d"}"#,
        r#"{"alg":["EdDSA"],"kid":"d"}"#,
        r#"{"alg":"EdDSA","alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","kid":"e","kid":"d"}"#,
        r#"{"alg":"EdDSA","kid":5}"#,
        r#"{"alg":"EdDSA","kid":"d","crit":["b64"],"b64":false}"#,
        r#"{"alg":"EdDSA","kid":"d","crit":[]}"#,
        r#"{"alg":"EdDSA","kid":"d","crit":null}"#,
        r#"{"alg":"EdDSA","kid":"d"}{}"#,
        r#"{"alg":"EdDSA","kid":"d""#,
        r#"["EdDSA"]"#,
        r#" ["EdDSA","d",false]"#,
        "EdDSA",
        "",
    ] {
        let token = keys.ed.sign(header, &good().to_string());
        assert_eq!(ours.told(&token).await, Err(Code::Unauthorized), "{header}");
    }
    // What we don't look at is passed over, however deep it goes.
    let deep = format!(r#"{{"alg":"EdDSA","x":{}{}}}"#, "[".repeat(2_000), "]".repeat(2_000));
    let token = keys.ed.sign(&deep, &good().to_string());
    assert!(ours.told(&token).await.is_ok());
}

#[tokio::test]
async fn a_token_has_one_form() {
    let keys = Keys::new();
    let (_file, named) = keys.file(&[]);
    let ours = authenticator(&named).await;
    let mut claims = good();
    // So that its base64 has letters of which there are two sets.
    claims["name"] = "???>>>~~~ÿÿÿ".into();
    let token = keys.ec.token(&claims, true);
    assert!(ours.told(&token).await.is_ok(), "negative control");
    let parts: Vec<&str> = token.split('.').collect();
    let [header, body, signature] = parts[..] else { panic!("{token}") };
    for (len, taken) in [(5_000, true), (6_200, false)] {
        claims["more"] = "a".repeat(len).into();
        let token = keys.ec.token(&claims, true);
        assert_eq!(ours.told(&token).await.is_ok(), taken, "{}", token.len());
    }
    let other_set = STANDARD_NO_PAD.encode(URL_SAFE_NO_PAD.decode(body).unwrap());
    assert_ne!(other_set, body);
    let long = "a".repeat(8 * 1024);
    for bad in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "abc".into(),
        format!("{header}.{body}"),
        format!("{header}.{body}."),
        format!(".{body}.{signature}"),
        format!("{header}..{signature}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{header}.{body}.{body}.{signature}"),
        format!("{header}.{body}.{body}.{body}.{signature}"),
        format!("{token}="),
        format!("{header}=.{body}.{signature}"),
        format!("{header}.{other_set}.{signature}"),
        format!("{header}. {body}.{signature}"),
        format!("{body}.{header}.{signature}"),
        format!("{header}.{body}.{long}"),
        format!("{token}{signature}"),
        token[..token.len() - 1].into(),
    ] {
        assert_eq!(ours.told(&bad).await, Err(Code::Unauthorized), "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Base64url has letters in which some bits count for nothing; they are looked at as well.
    #[test]
    fn a_flipped_letter_is_refused(at in any::<prop::sample::Index>(), letter in "[A-Za-z0-9_.-]") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let keys = Keys::new();
            let (_file, named) = keys.file(&[]);
            let ours = authenticator(&format!("{named}auth.hs256_secret = {SECRET:?}")).await;
            for signer in keys.all().into_iter().chain([&Signer::hs256(SECRET)]) {
                let token = signer.token(&good(), false);
                let at = at.index(token.len());
                let mut flipped = token.clone();
                flipped.replace_range(at..=at, &letter);
                assert_eq!(ours.told(&flipped).await.is_ok(), flipped == token, "{flipped}");
            }
        });
    }

    #[test]
    fn no_text_panics(text in prop_oneof![any::<String>(), r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*"]) {
        prop_assert!(Token::parse(&text).is_err());
    }
}
