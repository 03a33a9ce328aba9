//! A stand-in for the chorus binary: a script that starts this very test program again, in a role.
//! The ingest is the stand-in server; gateways pass connections on to it; the dispatcher is there.

use std::collections::HashSet;
use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::stub::{self, Fault};

const ROLE: &str = "STAND_IN_ROLE";
const FOLDER: &str = "STAND_IN_FOLDER";
const FLAW: &str = "STAND_IN_FLAW";

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// Viewers who come back miss one.
    Forgets,
    /// … get one again.
    Repeats,
    /// … are told `reset`.
    Resets,
    /// A video's first viewer misses one before.
    Drops,
    /// … has one twice.
    Doubles,
    /// Nobody may post.
    Refuses,
    /// The second gateway takes connections and says nothing.
    IsDeaf,
    /// … closes each connection after some comments.
    HangsUp,
    /// … reads the live log for every viewer.
    IsGreedy,
    /// … doesn't tell how often it reads.
    IsMute,
    /// It ends at once, with a word.
    IsStillborn,
}

impl Flaw {
    const ALL: [Self; 12] = [
        Self::None,
        Self::Forgets,
        Self::Repeats,
        Self::Resets,
        Self::Drops,
        Self::Doubles,
        Self::Refuses,
        Self::IsDeaf,
        Self::HangsUp,
        Self::IsGreedy,
        Self::IsMute,
        Self::IsStillborn,
    ];

    fn of_stream(self) -> Fault {
        match self {
            Self::Forgets => Fault::Forget,
            Self::Repeats => Fault::Repeat,
            Self::Resets => Fault::Reset,
            Self::Drops => Fault::Drop,
            Self::Doubles => Fault::Double,
            Self::Refuses => Fault::Refuse,
            _ => Fault::None,
        }
    }
}

/// Writes the script that is the binary. Its processes meet in `folder`.
pub(crate) fn install(folder: &Path, flaw: Flaw) -> PathBuf {
    let file = folder.join("chorus");
    let (folder, program) = (folder.display(), env::current_exe().unwrap());
    let text = format!(
        "#!/bin/sh\n{ROLE}=$1 {FOLDER}='{folder}' {FLAW}={flaw:?} exec '{}' --exact \
         stand_in::plays_a_role --nocapture\n",
        program.display()
    );
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file
}

/// No test: what the script runs. Without a role there is nothing to do.
#[test]
fn plays_a_role() {
    let (Ok(role), Ok(folder)) = (env::var(ROLE), env::var(FOLDER)) else { return };
    let folder = PathBuf::from(folder);
    let flaw = env::var(FLAW).unwrap();
    let flaw = Flaw::ALL.into_iter().find(|known| format!("{known:?}") == flaw).unwrap();
    File::create(folder.join(format!("pid-{}", std::process::id()))).unwrap();
    check_settings(&role);
    assert!(flaw != Flaw::IsStillborn, "no heart");
    let (public, internal) = match role.as_str() {
        "ingest" => (Some(ingest(&folder, flaw)), anywhere().local_addr().unwrap()),
        "gateway" => gateway(&folder, flaw),
        _ => (None, anywhere().local_addr().unwrap()),
    };
    let public = public.map(|public| format!("  public    http://{public}/\n")).unwrap_or_default();
    // The test harness leaves a line unfinished.
    let said = format!("\nchorus 0 {role}\n{public}  internal  http://{internal}/  (livez)\n");
    io::stdout().write_all(said.as_bytes()).unwrap();
    loop {
        thread::park();
    }
}

/// It is configured by what it was started with, not by whatever the caller has set.
fn check_settings(role: &str) {
    for needed in ["INTERNAL__SECRET", "AUTH__HS256_SECRET", "LIVE__URL", "STORE__PATH"] {
        assert!(!env::var(format!("CHORUS_{needed}")).unwrap().is_empty(), "{needed}");
    }
    assert_eq!(env::var("CHORUS_LISTEN").as_deref(), Ok("127.0.0.1:0"));
    assert_eq!(env::var("CHORUS_INGEST__DISPATCHERS").is_ok(), role == "ingest");
    let limit = env::var("CHORUS_LIMITS__COMMENTS_PER_USER_PER_MINUTE");
    assert_eq!(limit.as_deref(), Ok("0"), "none, and not the caller's own");
}

fn anywhere() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn ingest(folder: &Path, flaw: Flaw) -> SocketAddr {
    let address = stub::start("127.0.0.1:0", flaw.of_stream()).unwrap();
    fs::write(folder.join("ingest"), address.to_string()).unwrap();
    address
}

/// What a gateway counts.
#[derive(Default)]
struct Counts {
    videos: HashSet<String>,
    viewers: usize,
}

fn gateway(folder: &Path, flaw: Flaw) -> (Option<SocketAddr>, SocketAddr) {
    let is_first = File::create_new(folder.join("gateway")).is_ok();
    let flaw = if is_first { Flaw::None } else { flaw };
    let (public, internal) = (anywhere(), anywhere());
    let addresses = (Some(public.local_addr().unwrap()), internal.local_addr().unwrap());
    let counts = Arc::new(Mutex::new(Counts::default()));
    let (folder, its_counts) = (folder.to_owned(), Arc::clone(&counts));
    thread::spawn(move || {
        for viewer in public.incoming().map_while(Result::ok) {
            let (folder, counts) = (folder.clone(), Arc::clone(&its_counts));
            thread::spawn(move || pass_on(viewer, &folder, &counts, flaw));
        }
    });
    thread::spawn(move || {
        for scraper in internal.incoming().map_while(Result::ok) {
            // Whoever went away needs no answer.
            let _ = tell(scraper, &counts.lock().unwrap(), flaw);
        }
    });
    addresses
}

/// Counts a viewer, and lets the ingest serve it.
fn pass_on(
    mut viewer: TcpStream,
    folder: &Path,
    counts: &Mutex<Counts>,
    flaw: Flaw,
) -> io::Result<()> {
    let mut head = [0; 1024];
    let len = viewer.read(&mut head)?;
    let head = &head[..len];
    let video = str::from_utf8(head).unwrap().split('/').nth(3).unwrap_or_default().to_owned();
    {
        let mut counts = counts.lock().unwrap();
        counts.videos.insert(video);
        counts.viewers += 1;
    }
    if flaw == Flaw::IsDeaf {
        loop {
            thread::park();
        }
    }
    let mut ingest = TcpStream::connect(fs::read_to_string(folder.join("ingest"))?)?;
    ingest.write_all(head)?;
    // Head, greeting and a few comments; or all.
    let most = if flaw == Flaw::HangsUp { 1_000 } else { u64::MAX };
    io::copy(&mut ingest.take(most), &mut viewer).map(drop)
}

fn tell(mut scraper: TcpStream, counts: &Counts, flaw: Flaw) -> io::Result<()> {
    let asked = scraper.read(&mut [0; 1024])?;
    let page = if flaw == Flaw::IsGreedy { counts.viewers } else { 0 };
    let name = "chorus_gateway_log_reads_total";
    let counters =
        format!("{name}{{why=\"open\"}} {}\n{name}{{why=\"page\"}} {page}\n", counts.videos.len());
    let body = if flaw == Flaw::IsMute || asked == 0 { "" } else { &counters };
    let len = body.len();
    write!(scraper, "HTTP/1.1 200 OK\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}")
}
