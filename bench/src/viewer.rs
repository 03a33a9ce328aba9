//! One viewer: a socket that is read, and opened again as an EventSource would.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::hall::Hall;
use crate::response::{Progress, Refusal, Response};
use crate::scanner::Scanner;

/// The status that tells an EventSource to stay away.
const NO_CONTENT: u16 = 204;

/// A viewer in its seat of the hall.
pub(crate) struct Viewer {
    hall: Rc<Hall>,
    seat: usize,
    /// Gateways found gone so far.
    gone: usize,
    scanner: Scanner,
}

/// Why a connection is over.
enum Over {
    /// The server ended it.
    Ended,
    /// The network did.
    Broken(io::Error),
    Refused(Refusal),
}

impl From<io::Error> for Over {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl Viewer {
    pub(crate) fn new(hall: Rc<Hall>, seat: usize) -> Self {
        Self { hall, seat, gone: 0, scanner: Scanner::new() }
    }

    /// Watches until the stream says `end` (or the task is dropped).
    ///
    /// A browser gives up at any status but 200; this viewer notes it, which fails the run, and
    /// comes back all the same, so that the rest of the run still says something.
    pub(crate) async fn watch(mut self) {
        loop {
            self.hall.tried();
            let over = match self.open().await {
                Ok(stream) => self.read(stream).await,
                Err(error) => error.into(),
            };
            let is_final = matches!(over, Over::Refused(Refusal::Status(NO_CONTENT)));
            match over {
                Over::Ended => {}
                Over::Broken(error) => self.hall.broke(error),
                Over::Refused(refusal) => self.hall.refused(refusal),
            }
            if is_final || self.hall.has_ended(self.seat) {
                return;
            }
            self.scanner.reconnect();
            sleep(Duration::from_millis(self.scanner.retry_ms())).await;
        }
    }

    async fn open(&mut self) -> io::Result<TcpStream> {
        let hall = Rc::clone(&self.hall);
        // Thousands of connects at once would only overflow the server's accept queue.
        let _turn = hall.connects.acquire().await.map_err(io::Error::other)?;
        let mut stream = self.connect().await?;
        stream.write_all(&self.request()).await?;
        Ok(stream)
    }

    /// Connects to its gateway. Where nobody listens any more a load balancer would not have sent
    /// it, so it goes on to the next at once.
    async fn connect(&mut self) -> io::Result<TcpStream> {
        let source = self.hall.source(self.seat);
        let mut left = self.hall.origins();
        loop {
            left -= 1;
            match self.hall.origin(self.seat, self.gone).connect(source).await {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    self.gone += 1;
                    if left == 0 {
                        return Err(error);
                    }
                }
                connected => return connected,
            }
        }
    }

    fn request(&self) -> Vec<u8> {
        let host = self.hall.origin(self.seat, self.gone).authority();
        let mut request = format!(
            "GET {} HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\nCache-Control: no-store\r\n",
            self.hall.path
        )
        .into_bytes();
        if !self.scanner.last_id().is_empty() {
            request.extend_from_slice(b"Last-Event-ID: ");
            request.extend_from_slice(self.scanner.last_id());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        request
    }

    async fn read(&mut self, stream: TcpStream) -> Over {
        let mut response = Response::default();
        loop {
            if let Err(error) = stream.readable().await {
                return error.into();
            }
            match self.take(&stream, &mut response) {
                Ok(Progress::More) => {}
                Ok(Progress::Ended) => return Over::Ended,
                Err(over) => return over,
            }
        }
    }

    /// One read, into the buffer that all viewers of the thread share: a viewer keeps bytes of its
    /// own only while a line is cut.
    fn take(&mut self, stream: &TcpStream, response: &mut Response) -> Result<Progress, Over> {
        let mut buffer = self.hall.buffer.borrow_mut();
        let len = match stream.try_read(&mut buffer) {
            Ok(0) => return Ok(Progress::Ended),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Progress::More),
            Err(error) => return Err(error.into()),
        };
        let at_us = self.hall.clock.micros();
        let recording = &mut *self.hall.recording.borrow_mut();
        let (ids, viewed) = (&mut recording.ids, &mut recording.viewers[self.seat]);
        response
            .feed(&buffer[..len], &mut self.scanner, &mut |event| viewed.note(event, ids, at_us))
            .map_err(Over::Refused)
    }
}
