//! [`Deadlines`]: a connection that waits on its client only so long: idle, inside a request's head, or with an answer that
//! the client does not take. While a request is in hand the request's own deadline counts instead.
//!
//! It costs a busy connection two looks at the clock a request: timers are moved only when they fire.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Between two requests. Longer than common proxies keep a connection (60 s), so that they close it, not we.
    pub idle: Duration,
    /// From the first byte of a request to the end of its head. Shorter than the drain, so that no half request outlives it.
    pub head: Duration,
    /// Without taking a byte of an answer.
    pub write: Duration,
    /// From the end of a request's head to the beginning of its answer.
    pub request: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { idle: seconds(75), head: seconds(8), write: seconds(30), request: seconds(30) }
    }
}

/// Whose turn it is on a connection; shared between the transport and who serves.
#[derive(Default)]
pub(in crate::system) struct Turn(AtomicU8);

impl Turn {
    const CLIENT: u8 = 0;
    const OURS: u8 = 1;
    const ANSWERED: u8 = 2;

    /// A request is in hand.
    pub(in crate::system) fn begin(&self) {
        self.0.store(Self::OURS, Ordering::Relaxed);
    }

    /// Its answer is on the way.
    pub(in crate::system) fn end(&self) {
        self.0.store(Self::ANSWERED, Ordering::Relaxed);
    }
}

/// Wraps the transport of one connection.
pub(in crate::system) struct Deadlines<T> {
    transport: T,
    patience: Patience,
    turn: Arc<Turn>,
    /// When the wait for the client ends, and whether part of a head has come.
    due: Option<(Instant, bool)>,
    reading: Pin<Box<Sleep>>,
    writing: Option<Pin<Box<Sleep>>>,
}

impl<T> Deadlines<T> {
    pub(in crate::system) fn new(transport: T, patience: Patience, turn: Arc<Turn>) -> Self {
        let reading = Box::pin(sleep_until(Instant::now() + patience.head));
        // The first head is awaited from the beginning: who connects and says nothing gets no idle time.
        let due = Some((reading.deadline(), true));
        Self { transport, patience, turn, due, reading, writing: None }
    }

    /// Whether a request is in hand; the first question after an answer begins a new wait.
    fn is_ours(&mut self) -> bool {
        match self.turn.0.load(Ordering::Relaxed) {
            Turn::OURS => return true,
            Turn::ANSWERED => {
                self.turn.0.store(Turn::CLIENT, Ordering::Relaxed);
                self.due = None;
            }
            _ => {}
        }
        false
    }

    /// Ready when the client has had its time.
    fn poll_overdue(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.is_ours() {
            return Poll::Pending;
        }
        let (due, _) = *self.due.get_or_insert_with(|| (Instant::now() + self.patience.idle, false));
        if self.reading.deadline() > due {
            self.reading.as_mut().reset(due);
        }
        loop {
            ready!(self.reading.as_mut().poll(context));
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            self.reading.as_mut().reset(due);
        }
    }

    /// Notes that the client sent something.
    fn heard(&mut self) {
        if !self.is_ours() && !matches!(self.due, Some((_, true))) {
            self.due = Some((Instant::now() + self.patience.head, true));
        }
    }

    /// Passes `progress` on, or an error when the client has taken nothing for too long.
    fn poll_stalled<R>(&mut self, context: &mut Context<'_>, progress: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if progress.is_ready() {
            self.writing = None;
            return progress;
        }
        let patience = self.patience.write;
        let writing = self.writing.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + patience)));
        ready!(writing.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Deadlines<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut self.transport).poll_read(context, buffer) {
            if buffer.filled().len() > before {
                self.heard();
            }
            return Poll::Ready(read);
        }
        // Nothing read is the end of the stream: who serves takes it as the client's leaving, which it amounts to.
        self.poll_overdue(context).map(Ok)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Deadlines<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.transport).poll_write(context, bytes);
        self.poll_stalled(context, progress)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.transport).poll_write_vectored(context, slices);
        self.poll_stalled(context, progress)
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.transport).poll_flush(context);
        self.poll_stalled(context, progress)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.transport).poll_shutdown(context);
        self.poll_stalled(context, progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    fn watched(room: usize) -> (tokio::io::DuplexStream, Deadlines<tokio::io::DuplexStream>, Arc<Turn>) {
        let (client, server) = duplex(room);
        let turn = Arc::new(Turn::default());
        (client, Deadlines::new(server, Patience::default(), Arc::clone(&turn)), turn)
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_end_is_cut_after_its_time_however_it_drips() {
        let (mut client, mut server, _) = watched(64);
        let began = Instant::now();
        let drip = async {
            loop {
                let _ = client.write_all(b"x").await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let read = async { while server.read(&mut [0; 8]).await.unwrap() > 0 {} };
        tokio::select! { () = drip => {}, () = read => {} }
        assert_eq!(began.elapsed().as_secs(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn after_an_answer_a_connection_may_idle_longer_than_a_head_takes() {
        let (mut client, mut server, turn) = watched(64);
        client.write_all(b"request").await.unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 7);
        turn.begin();
        turn.end();
        let began = Instant::now();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(began.elapsed().as_secs(), 75);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_takes_is_cut() {
        let (_client, mut server, _) = watched(4);
        let began = Instant::now();
        assert_eq!(server.write_all(b"too long for the room").await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), 30);
    }
}
