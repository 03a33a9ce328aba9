//! Keys that change while we run, and a source of them that is away.

use futures_util::future::join_all;
use tokio::time::{Instant, advance, sleep, timeout};

use super::{
    issuer::{Answer, Issuer},
    *,
};

/// Reads only what is asked for, and never twice in the same hour.
const ONCE: Pace = Pace {
    period: Duration::from_secs(7_200),
    period_min: Duration::from_secs(3_600),
    patience: GUARD,
};
/// Reads whenever it is asked.
const EAGER: Pace = Pace { period_min: Duration::ZERO, ..ONCE };
/// Reads all the time while it can't.
const RESTLESS: Pace = Pace { period_min: SOON, ..ONCE };
/// Between two looks: where time is paused, and where it is not.
const SECOND: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_millis(5);

async fn start(pace: Pace, config: &Config) -> Arc<Authenticator> {
    let stop = CancellationToken::new();
    let started = Authenticator::start_at(pace, config, &stop);
    timeout(GUARD, started).await.unwrap().unwrap()
}

/// Asks with the token every now and then until that becomes of it.
async fn until(ours: &Authenticator, token: &str, pause: Duration, told: Result<(), Code>) {
    let asked = async {
        while ours.told(token).await.map(|_| ()) != told {
            sleep(pause).await;
        }
    };
    timeout(GUARD.max(pause * 200), asked).await.unwrap();
}

fn document_of(signer: &Signer) -> Answer {
    Answer::Document(document(from_ref(&signer.jwk)))
}

#[tokio::test(start_paused = true)]
async fn a_new_key_in_the_file_is_found_by_its_name() {
    let (old, new) = (Signer::eddsa("old"), Signer::es256("new"));
    let (file, named) = file_of(from_ref(&old.jwk));
    let ours = start(Pace::DEFAULT, &config(&named)).await;
    let (old, token) = (old.token(&good(), true), new.token(&good(), true));
    assert!(ours.told(&old).await.is_ok());
    fs::write(file.path(), document(from_ref(&new.jwk))).unwrap();
    let before = Instant::now();
    assert_eq!(ours.told(&token).await, Err(Code::Unauthorized), "it was read a moment ago");
    assert_eq!(before.elapsed(), Duration::ZERO, "and nobody waits for that");
    advance(Pace::DEFAULT.period_min).await;
    assert!(ours.told(&token).await.is_ok());
    assert_eq!(ours.told(&old).await, Err(Code::Unauthorized), "the old key is gone");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_gone_is_forgotten_within_a_minute() {
    let (old, new) = (Signer::eddsa("old"), Signer::rs256("new"));
    let (file, named) = file_of(from_ref(&old.jwk));
    let ours = start(Pace::DEFAULT, &config(&named)).await;
    let token = old.token(&good(), true);
    fs::write(file.path(), document(&[new.jwk])).unwrap();
    let began = Instant::now();
    until(&ours, &token, SECOND, Err(Code::Unauthorized)).await;
    let took = began.elapsed();
    let period = Pace::DEFAULT.period;
    assert!((period..period + Duration::from_secs(5)).contains(&took), "{took:?}");
    fs::write(file.path(), document(&[])).unwrap();
    let last = Signer::rs256("new").token(&good(), true);
    until(&ours, &last, SECOND, Err(Code::Unauthorized)).await;
    assert!(began.elapsed() < 2 * (period + Duration::from_secs(5)), "none are left");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_half_written_changes_nothing() {
    let (old, new) = (Signer::eddsa("old"), Signer::eddsa("new"));
    let (file, named) = file_of(from_ref(&old.jwk));
    let ours = start(Pace::DEFAULT, &config(&named)).await;
    let (old, token) = (old.token(&good(), true), new.token(&good(), true));
    let text = document(&[new.jwk]);
    fs::write(file.path(), &text[..text.len() / 2]).unwrap();
    advance(Pace::DEFAULT.period_min).await;
    assert_eq!(ours.told(&token).await, Err(Code::Unavailable), "it may be in the other half");
    assert!(ours.told(&old).await.is_ok());
    fs::remove_file(file.path()).unwrap();
    sleep(Pace::DEFAULT.period * 3).await;
    assert!(ours.told(&old).await.is_ok());
    fs::write(file.path(), &text).unwrap();
    until(&ours, &token, SECOND, Ok(())).await;
    assert_eq!(ours.told(&old).await, Err(Code::Unauthorized));
}

#[tokio::test]
async fn one_read_answers_all_who_name_the_new_key() {
    let (old, new) = (Signer::eddsa("old"), Signer::eddsa("new"));
    let issuer = Issuer::start(document_of(&old)).await;
    let ours = start(EAGER, &issuer.config()).await;
    assert!(ours.told(&old.token(&good(), true)).await.is_ok());
    assert_eq!(issuer.requests(), 1);
    issuer.set(document_of(&new));
    issuer.hold();
    let token = new.token(&good(), true);
    let all = join_all((0..100).map(|_| ours.told(&token)));
    let late = async {
        issuer.asked(2).await;
        let late = join_all((0..100).map(|_| ours.told(&token)));
        let go_on = async { issuer.go_on() };
        tokio::join!(late, go_on).0
    };
    let (told, late) = tokio::join!(all, late);
    assert!(told.iter().chain(&late).all(Result::is_ok));
    sleep(SOON * 10).await;
    assert_eq!(issuer.requests(), 2, "for all of them");
    assert_eq!(ours.told(&old.token(&good(), true)).await, Err(Code::Unauthorized));
    assert_eq!(issuer.requests(), 3, "it is not known any more");
}

#[tokio::test]
async fn whatever_tokens_name_the_issuer_is_left_in_peace() {
    let signer = Signer::eddsa("d");
    let issuer = Issuer::start(document_of(&signer)).await;
    let ours = start(ONCE, &issuer.config()).await;
    for n in 0..100 {
        let stranger = Signer::eddsa(&format!("nobody {n}"));
        assert_eq!(ours.told(&stranger.token(&good(), true)).await, Err(Code::Unauthorized));
        assert_eq!(ours.told(&stranger.token(&good(), false)).await, Err(Code::Unauthorized));
    }
    assert!(ours.told(&signer.token(&good(), true)).await.is_ok());
    sleep(SOON * 10).await;
    assert_eq!(issuer.requests(), 1);
}

#[tokio::test]
async fn nobody_is_let_in_by_keys_that_were_never_read() {
    let signer = Signer::eddsa("d");
    let issuer = Issuer::start(Answer::Status(503, "")).await;
    let text = format!("auth.jwks = {:?}\nauth.hs256_secret = {SECRET:?}", issuer.url);
    let ours = start(RESTLESS, &config(&text)).await;
    for kid in [true, false] {
        assert_eq!(ours.told(&signer.token(&good(), kid)).await, Err(Code::Unavailable));
    }
    let secret = Signer::hs256(SECRET).token(&good(), false);
    assert!(ours.told(&secret).await.is_ok(), "the secret is known");
    issuer.set(document_of(&signer));
    until(&ours, &signer.token(&good(), false), SOON, Ok(())).await;
}

#[tokio::test]
async fn keys_stay_while_their_issuer_is_away() {
    let (old, new) = (Signer::eddsa("old"), Signer::eddsa("new"));
    let issuer = Issuer::start(document_of(&old)).await;
    let ours = start(RESTLESS, &issuer.config()).await;
    let (old, token) = (old.token(&good(), true), new.token(&good(), true));
    let address = issuer.url.split('/').nth(2).unwrap().to_owned();
    for answer in [
        Answer::Status(500, ""),
        Answer::Status(404, ""),
        Answer::Status(204, ""),
        Answer::Status(302, "/elsewhere"),
        Answer::Document("<html>".into()),
        Answer::Endless(256 * 1024 + 8),
    ] {
        issuer.set(answer);
        // Until a read has failed it is an unknown key, and nothing is wrong.
        until(&ours, &token, SOON, Err(Code::Unavailable)).await;
        assert!(ours.told(&old).await.is_ok());
    }
    drop(issuer);
    // Several reads later.
    sleep(SOON * 10).await;
    assert!(ours.told(&old).await.is_ok());
    assert_eq!(ours.told(&token).await, Err(Code::Unavailable));
    let issuer = Issuer::start_at(&address, document_of(&new)).await;
    until(&ours, &token, SOON, Ok(())).await;
    assert_eq!(ours.told(&old).await, Err(Code::Unauthorized));
    assert!(issuer.requests() > 0);
}

#[tokio::test]
async fn a_request_does_not_wait_for_an_issuer_that_hangs() {
    let signer = Signer::eddsa("d");
    let issuer = Issuer::start(document_of(&signer)).await;
    let pace = Pace { patience: Duration::from_millis(50), ..EAGER };
    let ours = start(pace, &issuer.config()).await;
    issuer.set(Answer::Never);
    let began = Instant::now();
    let told = ours.told(&Signer::eddsa("new").token(&good(), true)).await;
    assert_eq!(told, Err(Code::Unauthorized));
    assert!(began.elapsed() < Duration::from_secs(4), "less than a read may take");
    issuer.asked(2).await;
    assert!(ours.told(&signer.token(&good(), true)).await.is_ok());
}

/// Time runs only while nothing happens: the read is given up as soon as it hangs.
#[tokio::test(start_paused = true)]
async fn a_start_does_not_wait_for_an_issuer_that_hangs() {
    let issuer = Issuer::start(Answer::Never).await;
    let ours = Authenticator::start(&issuer.config(), &CancellationToken::new()).await.unwrap();
    let told = ours.told(&Signer::eddsa("d").token(&good(), true)).await;
    assert_eq!(told, Err(Code::Unavailable));
}

#[tokio::test]
async fn what_is_no_set_of_keys_stops_a_start_and_what_is_away_does_not() {
    let usable = document(&[Signer::eddsa("d").jwk]);
    for (answer, words) in [
        (Answer::Document("<html>".into()), Some("must hold a JSON Web Key Set")),
        (Answer::Document("{\"keys\": []}".into()), Some("holds no key")),
        (Answer::Document(format!("{usable}{}", " ".repeat(256 * 1024))), Some("is longer than")),
        (Answer::Endless(256 * 1024 + 8), Some("is longer than 256 KiB")),
        (Answer::Document(usable), None),
        (Answer::Status(301, "/elsewhere"), None),
        (Answer::Status(404, ""), None),
    ] {
        let issuer = Issuer::start(answer).await;
        let (config, stop) = (issuer.config(), CancellationToken::new());
        let started = Authenticator::start_at(ONCE, &config, &stop);
        let told = timeout(GUARD, started).await.unwrap().err().map(|error| error.to_string());
        assert_eq!(told.is_some(), words.is_some(), "{told:?}");
        assert_eq!(issuer.requests(), 1, "no redirect is followed");
        if let (Some(told), Some(words)) = (told, words) {
            assert!(told.contains(words), "{told}");
            assert!(told.starts_with(issuer.url.split('?').next().unwrap()), "{told}");
            assert!(!told.contains("hush"), "the query: {told}");
        }
    }
}

#[tokio::test]
async fn reading_ends_with_the_process() {
    let signer = Signer::eddsa("d");
    let issuer = Issuer::start(document_of(&signer)).await;
    let stop = CancellationToken::new();
    let pace = Pace { patience: Duration::from_millis(50), ..EAGER };
    let ours = Authenticator::start_at(pace, &issuer.config(), &stop).await.unwrap();
    stop.cancel();
    let told = ours.told(&Signer::eddsa("new").token(&good(), true)).await;
    assert_eq!(told, Err(Code::Unauthorized));
    assert!(ours.told(&signer.token(&good(), true)).await.is_ok());
    assert_eq!(issuer.requests(), 1);
}
