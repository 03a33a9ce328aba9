//! What a document of keys may be, and what is said of one that can't be used.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{key::Key, key_set::KeySet, *};

async fn fails(jwks: &str) -> String {
    let config = config(&format!("auth.jwks = {jwks:?}"));
    let stop = CancellationToken::new();
    let started = Authenticator::start(&config, &stop);
    let started = tokio::time::timeout(GUARD, started).await.unwrap();
    started.err().expect("it starts").to_string()
}

#[tokio::test]
async fn files_that_hold_no_keys_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let named = path.to_str().unwrap();
    let told = fails(named).await;
    assert!(told.starts_with(&format!("can't read {named} (`auth.jwks`): No such file")), "{told}");
    let told = fails(folder.path().to_str().unwrap()).await;
    assert!(told.contains("it is not a regular file"), "{told}");
    let signer = Signer::eddsa("d");
    let usable = document(from_ref(&signer.jwk));
    let long = format!("{usable}{}", " ".repeat(256 * 1024 - usable.len() + 1));
    // All of a key's members, in the order in which we know them.
    let list =
        json!(["OKP", "hush", null, null, null, "Ed25519", signer.jwk["x"], null, null, null]);
    for (text, words) in [
        ("", "must hold a JSON Web Key Set like {\"keys\": […]}: see line 1, column 0"),
        ("hush", "see line 1, column 1"),
        ("{\n\"hush\": 5}", "see line 2, column 10"),
        ("{\"keys\": \"hush\"}", "must hold"),
        ("{\"keys\": {\"hush\": 5}}", "must hold"),
        ("[\"hush\"]", "must hold"),
        ("[[]]", "must hold"),
        (&document(&[list]), "holds no key"),
        ("{\"keys\": []}", "holds no key for tokens of EdDSA"),
        ("{\"keys\": [{\"kty\": \"oct\", \"k\": \"hush\"}, 5]}", "holds no key"),
        (&long, "is longer than 256 KiB"),
    ] {
        fs::write(&path, text).unwrap();
        let told = fails(named).await;
        assert!(told.contains(named) && told.contains("`auth.jwks`"), "{told}");
        assert!(told.contains(words), "{words:?} in {told}");
        assert!(!told.contains("hush"), "{told}");
    }
    fs::write(&path, &long[..256 * 1024]).unwrap();
    authenticator(&format!("auth.jwks = {named:?}")).await;
}

#[test]
fn rsa_keys_have_2048_to_8192_bits() {
    let modulus = |first: u8, len: usize| [vec![first], vec![255; len - 1]].concat();
    for (first, len, good) in [
        (0x7f, 256, false),
        (0x80, 256, true),
        (0x00, 256, false),
        (0x00, 257, true),
        (0x01, 257, true),
        (0xff, 1024, true),
        (0x01, 1025, false),
        (0x00, 1, false),
    ] {
        let key = Key::rs256(&modulus(first, len), &[1, 0, 1]);
        assert_eq!(key.is_some(), good, "{first} {len}");
    }
    assert!(Key::rs256(&modulus(255, 256), &[0]).is_none(), "no exponent");
    assert!(Key::rs256(&[], &[1]).is_none());
}

/// Some write the number with a byte 0 before it, as DER does.
#[tokio::test]
async fn leading_zeros_of_rsa_keys_are_nothing() {
    let signer = Signer::rs256("r");
    let zero_first = |name: &str| {
        let number = URL_SAFE_NO_PAD.decode(signer.jwk[name].as_str().unwrap()).unwrap();
        URL_SAFE_NO_PAD.encode([&[0], &*number].concat())
    };
    let jwk = signer.jwk_with(json!({"n": zero_first("n"), "e": zero_first("e")}));
    let (_file, named) = file_of(&[jwk]);
    let ours = authenticator(&named).await;
    assert!(ours.told(&signer.token(&good(), true)).await.is_ok());
}

/// Two keys of different kinds may have one name, and a key may have none.
#[tokio::test]
async fn names_are_looked_at_together_with_algorithms() {
    let (ed, ec) = (Signer::eddsa("same"), Signer::es256("same"));
    let nameless = Signer::eddsa("of no use");
    let mut jwk = nameless.jwk.clone();
    jwk.as_object_mut().unwrap().remove("kid");
    let (_file, named) = file_of(&[ed.jwk.clone(), ec.jwk.clone(), jwk]);
    let ours = authenticator(&named).await;
    for signer in [&ed, &ec] {
        assert!(ours.told(&signer.token(&good(), true)).await.is_ok());
    }
    assert!(ours.told(&nameless.token(&good(), false)).await.is_ok());
    assert_eq!(ours.told(&nameless.token(&good(), true)).await, Err(Code::Unauthorized));
}

proptest::proptest! {
    #[test]
    fn no_document_panics(text in ".*", members in proptest::collection::vec(("[a-z_]{1,7}", ".{0,8}"), 0..6)) {
        let _ = KeySet::parse(text.as_bytes());
        let mut key = Signer::rs256("r").jwk;
        for (name, value) in members {
            key[name] = value.into();
        }
        proptest::prop_assert!(KeySet::parse(document(&[key]).as_bytes()).is_ok());
    }
}
