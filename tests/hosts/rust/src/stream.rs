//! Objects, and streams over them.
//!
//! A stream lends the library no memory of Rust's.  It reads through a view of the library's
//! (`abio_fill_buf`, `abio_consume`) and writes by `abio_put`, which copies.  So a future may be
//! dropped at any point: what was read ahead is there for the next read, what was taken is written.

use std::io::{self, SeekFrom};
use std::task::{Context, Poll};
use std::{future::Future, pin::Pin, slice};

use futures::{future::poll_fn, ready};

use crate::{sys, Driver, Error, Operation};

/// A handle: one reference on an abio object, released on drop.  The last release closes the
/// object, after what was put is sent.
pub struct Io {
    driver: Driver,
    id: sys::abio_io,
}

impl Io {
    /// Takes over a reference that a call of the library has just given.
    pub(crate) fn new(driver: &Driver, id: sys::abio_io) -> Io {
        let driver = driver.clone();
        Io { driver, id }
    }

    /// For calls by [`sys`] alone.
    pub fn id(&self) -> sys::abio_io {
        self.id
    }

    pub fn driver(&self) -> &Driver {
        &self.driver
    }

    /// Makes a call with this object under the driver's lock.
    pub(crate) fn call(
        &self,
        call: impl FnOnce(&sys::abio_api_table, sys::abio_io) -> i32,
    ) -> io::Result<u32> {
        self.driver.call(|api| call(api, self.id))
    }

    /// Starts an operation of this object.
    pub(crate) fn start(
        &self,
        call: impl FnOnce(&sys::abio_api_table, sys::abio_io, u64) -> i32,
    ) -> io::Result<Operation> {
        self.driver.start(|api, token| call(api, self.id, token))
    }

    /// Starts one that needs a direction, see `Driver::poll_call`.
    pub(crate) fn poll_start(
        &self,
        cx: &mut Context<'_>,
        call: impl FnOnce(&sys::abio_api_table, sys::abio_io, u64) -> i32,
    ) -> Poll<io::Result<Operation>> {
        self.driver
            .poll_start(cx, |api, token| call(api, self.id, token))
    }

    /// What it offers of a trait (`ABIO_TRAIT_*`), if it has it: `abio_query`.
    pub fn query(&self, id: u32) -> Option<sys::abio_trait_info> {
        let mut info = sys::abio_trait_info::default();
        self.call(|api, io| unsafe { (api.query)(io, id, &mut info) })
            .ok()?;
        Some(info)
    }

    pub fn has(&self, id: u32) -> bool {
        self.query(id).is_some()
    }

    pub fn info(&self) -> io::Result<sys::abio_io_info> {
        let mut info = sys::abio_io_info::default();
        self.call(|api, io| unsafe { (api.info)(io, &mut info) })?;
        Ok(info)
    }

    /// Puts one of the library's adapters on top, which holds the reference from now on.
    fn wrap(
        self,
        adapter: impl FnOnce(&sys::abio_api_table, sys::abio_io, *mut sys::abio_io) -> i32,
    ) -> io::Result<Io> {
        let mut id = 0;
        self.call(|api, io| adapter(api, io, &mut id))?;
        Ok(Io::new(&self.driver, id))
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        let _ = self.call(|api, io| unsafe { (api.release)(io) });
    }
}

/// A byte stream: a socket, a pipe, or a file with its buffers.
///
/// It is `AsyncRead`, `AsyncBufRead`, `AsyncWrite` and `AsyncSeek` of both tokio and futures, and
/// has the [traits](crate::traits) of the specification; what the object underneath cannot do
/// answers `Unsupported`, see [`downcast`](Stream::downcast).
pub struct Stream {
    // Declared, and so dropped, before the object they work on.
    filling: Option<Operation>,
    flushing: Option<Operation>,
    closing: Option<Operation>,
    seek: Seek,
    /// Of a file: what was done last, as reading ahead and writing behind share its position.
    last: Option<Last>,
    view: View,
    tries: u32,
    ended: bool,
    pub(crate) io: Io,
}

#[derive(PartialEq)]
pub(crate) enum Last {
    Unknown,
    Read,
    Written,
}

enum Seek {
    Idle,
    Wanted(SeekFrom),
    Moving(Operation),
}

/// Memory of the library: valid until its last byte is consumed, or the object is released.
struct View {
    data: *const u8,
    length: usize,
}

// Safety: the memory belongs to the object, not to a thread, and is only read.
unsafe impl Send for View {}
unsafe impl Sync for View {}

const NOTHING: View = View {
    data: std::ptr::NonNull::<u8>::dangling().as_ptr(),
    length: 0,
};
/// Of the slots of `abio_write_ops`.
const TRY_WRITE: u64 = 1;
/// How often a stream may find bytes at once, before it waits in line: other tasks have their turn
/// then, though this one never has to wait.
const TRIES: u32 = 32;
/// What the buffers over a file hold.
const BUFFER: u32 = 64 * 1024;

/// Nothing now, or the direction is busy.
pub(crate) fn is_for_now(error: &io::Error) -> bool {
    let busy = Error::code_of(error) == Some(sys::ABIO_E_BUSY);
    busy || error.kind() == io::ErrorKind::WouldBlock
}

fn is_canceled(error: &io::Error) -> bool {
    Error::code_of(error) == Some(sys::ABIO_E_CANCELED)
}

/// Ready with the operation's value, once there is one; the slot is empty then.
fn poll_slot(slot: &mut Option<Operation>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
    match slot {
        None => Poll::Ready(Ok(0)),
        Some(operation) => {
            let result = ready!(Pin::new(operation).poll(cx));
            *slot = None;
            Poll::Ready(result.map(|event| event.result as u64))
        }
    }
}

impl Stream {
    /// A stream over an object.  Where that cannot be read or written without waiting, as a file,
    /// the library's adapters give it buffers, through which it can.
    pub fn new(mut io: Io) -> io::Result<Stream> {
        if io.has(sys::ABIO_TRAIT_READ) && !io.has(sys::ABIO_TRAIT_BUF_READ) {
            io = io.wrap(|api, io, out| unsafe { (api.buf_reader)(io, BUFFER, 0, out) })?;
        }
        let write = io.query(sys::ABIO_TRAIT_WRITE);
        if write.map_or(false, |info| info.slots & TRY_WRITE == 0) {
            io = io.wrap(|api, io, out| unsafe { (api.buf_writer)(io, BUFFER, 0, out) })?;
        }
        let last = io.has(sys::ABIO_TRAIT_SEEK).then_some(Last::Unknown);
        Ok(Stream {
            last,
            filling: None,
            flushing: None,
            closing: None,
            seek: Seek::Idle,
            view: NOTHING,
            tries: TRIES,
            ended: false,
            io,
        })
    }

    /// The object underneath.
    pub fn io(&self) -> &Io {
        &self.io
    }

    /// A pipe: what is written to the second is read from the first.
    pub fn pipe(driver: &Driver) -> io::Result<(Stream, Stream)> {
        let (mut reader, mut writer) = (0, 0);
        driver.call(|api| unsafe { (api.pipe)(driver.id(), 0, &mut reader, &mut writer) })?;
        let (reader, writer) = (Io::new(driver, reader), Io::new(driver, writer));
        Ok((Stream::new(reader)?, Stream::new(writer)?))
    }

    // ---- reading ----------------------------------------------------------------------------

    /// What is there to be read; nothing at the end of the stream.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        ready!(self.poll_turn(cx, Last::Read))?;
        while self.view.length == 0 {
            if self.filling.is_none() && self.tries > 0 {
                self.tries -= 1;
                match self.try_fill() {
                    Ok(()) => break,
                    Err(error) if is_for_now(&error) => {}
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            if self.filling.is_none() {
                self.tries = TRIES;
                let fill =
                    |api: &sys::abio_api_table, io, token| unsafe { (api.fill_buf)(io, 0, token) };
                self.filling = Some(ready!(self.io.poll_start(cx, fill))?);
            }
            match ready!(self.poll_filled(cx)) {
                Ok(Some(0)) => break,
                // It was cancelled for a seek that then was given up: again.
                Err(error) if is_canceled(&error) => {}
                result => result.map(drop)?,
            }
        }
        Poll::Ready(Ok(self.seen()))
    }

    /// What is there now, without an event: for bulk a quarter of the time.
    fn try_fill(&mut self) -> io::Result<()> {
        let mut data = std::ptr::null();
        let fill = |api: &sys::abio_api_table, io| unsafe { (api.try_fill_buf)(io, &mut data) };
        let length = self.io.call(fill)? as usize;
        if length > 0 {
            let data = data.cast();
            self.view = View { data, length };
        }
        Ok(())
    }

    /// The unread part of the view.
    pub(crate) fn seen(&self) -> &[u8] {
        // Safety: see `View`; what consumes borrows `self` mutably.
        unsafe { slice::from_raw_parts(self.view.data, self.view.length) }
    }

    pub(crate) fn is_filling(&self) -> bool {
        self.filling.is_some()
    }

    /// The end of a fill in flight, and how much there is.
    fn poll_filled(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<usize>>> {
        let event = match &mut self.filling {
            None => return Poll::Ready(Ok(None)),
            Some(operation) => ready!(Pin::new(operation).poll(cx)),
        };
        self.filling = None;
        match event {
            Ok(event) if event.result == 0 => Poll::Ready(Ok(Some(0))),
            Ok(event) => {
                self.view = View {
                    data: event.data as usize as *const u8,
                    length: event.result as usize,
                };
                Poll::Ready(Ok(Some(self.view.length)))
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Gives the reading direction back: a fill in flight is cancelled, which loses nothing.
    pub(crate) fn poll_unfill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(operation) = &self.filling {
            operation.cancel();
        }
        match ready!(self.poll_filled(cx)) {
            Err(error) if !is_canceled(&error) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Cancels a read that a dropped future has left in flight, and tells how it ended: by
    /// `ABIO_E_CANCELED`, or with so many bytes, which are there for the next.
    pub async fn cancel_read(&mut self) -> Option<io::Result<usize>> {
        self.filling.as_ref()?.cancel();
        let filled = poll_fn(|cx| self.poll_filled(cx)).await;
        Some(filled.map(|count| count.unwrap_or_default()))
    }

    /// The first `count` bytes of the view are done with.
    pub(crate) fn take(&mut self, count: usize) {
        assert!(count <= self.view.length, "consumed more than there is");
        if count == 0 {
            return;
        }
        self.view.length -= count;
        self.view.data = self.view.data.wrapping_add(count);
        // Refused only after the end of the runtime, when nothing reads any more.
        let _ = self
            .io
            .call(|api, io| unsafe { (api.consume)(io, count as u32) });
    }

    /// A read of another form has taken `count` bytes, of the view first.
    pub(crate) fn forget_seen(&mut self, count: usize) {
        let seen = count.min(self.view.length);
        self.view.length -= seen;
        self.view.data = self.view.data.wrapping_add(seen);
    }

    // ---- writing ----------------------------------------------------------------------------

    /// Gives the library a copy, and waits where it holds too much already.
    pub(crate) fn poll_put(
        &mut self,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_turn(cx, Last::Written))?;
        let length = data.len().min(i32::MAX as usize) as u32;
        loop {
            let id = self.io.id;
            let put =
                |api: &sys::abio_api_table| unsafe { (api.put)(id, data.as_ptr().cast(), length) };
            match ready!(self.io.driver.poll_call(cx, put)) {
                Ok(count) => return Poll::Ready(Ok(count as usize)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.poll_flushed(cx))?
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// One flush, from before this call or begun by it.
    fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.flushing.is_none() {
            let start = self
                .io
                .start(|api, io, token| unsafe { (api.flush)(io, 0, token) });
            self.flushing = Some(start?);
        }
        poll_slot(&mut self.flushing, cx).map_ok(drop)
    }

    /// Until all that was written has reached the system.
    pub(crate) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A flush in flight may be older than the last put.
        ready!(poll_slot(&mut self.flushing, cx))?;
        match self.io.call(|api, io| unsafe { (api.try_flush)(io) }) {
            Ok(_) => Poll::Ready(Ok(())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.poll_flushed(cx),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Flushes and ends the writing direction.  The writing end of a pipe is closed: only so does
    /// its reader see the end.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ended {
            return Poll::Ready(Ok(()));
        }
        if self.closing.is_none() {
            let one_way = !self.io.has(sys::ABIO_TRAIT_READ);
            let end = |api: &sys::abio_api_table, io, token| unsafe {
                match one_way {
                    true => (api.close)(io, 0, token),
                    false => (api.shutdown)(io, 0, token),
                }
            };
            match ready!(self.io.poll_start(cx, end)) {
                Ok(operation) => self.closing = Some(operation),
                // A file has no other end.
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    return self.poll_drain(cx)
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        ready!(poll_slot(&mut self.closing, cx))?;
        self.ended = true;
        Poll::Ready(Ok(()))
    }

    // ---- the position -----------------------------------------------------------------------

    /// Before a file is read or written: its position is where the caller thinks it is, and what
    /// was written is there.
    pub(crate) fn poll_turn(&mut self, cx: &mut Context<'_>, to: Last) -> Poll<io::Result<()>> {
        match (&self.last, &to) {
            (Some(Last::Written), Last::Read) => ready!(self.poll_drain(cx))?,
            (Some(Last::Read), Last::Written) if !self.is_seeking() => {
                // Back from where the buffer has read to.
                self.seek = Seek::Wanted(SeekFrom::Current(0));
            }
            _ => {}
        }
        ready!(self.poll_sought(cx))?;
        self.note(to);
        Poll::Ready(Ok(()))
    }

    /// Whether `poll_turn` has nothing to do.
    pub(crate) fn is_turned(&self, to: Last) -> bool {
        !self.is_seeking() && self.last.as_ref().map_or(true, |last| *last == to)
    }

    fn note(&mut self, what: Last) {
        if let Some(last) = &mut self.last {
            *last = what;
        }
    }

    /// `poll_sought` does it.
    pub(crate) fn begin_seek(&mut self, to: SeekFrom) -> io::Result<()> {
        if !matches!(self.seek, Seek::Idle) {
            return Err(io::Error::new(io::ErrorKind::Other, "a seek is in flight"));
        }
        self.seek = Seek::Wanted(to);
        Ok(())
    }

    pub(crate) fn is_seeking(&self) -> bool {
        !matches!(self.seek, Seek::Idle)
    }

    /// The new position, when a seek was begun.
    pub(crate) fn poll_sought(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        if let Seek::Wanted(to) = self.seek {
            ready!(self.poll_unfill(cx))?;
            self.view = NOTHING;
            let (whence, offset) = match to {
                SeekFrom::Start(offset) => (sys::ABIO_SEEK_START, offset as i64),
                SeekFrom::Current(offset) => (sys::ABIO_SEEK_CURRENT, offset),
                SeekFrom::End(offset) => (sys::ABIO_SEEK_END, offset),
            };
            let seek = |api: &sys::abio_api_table, io, token| unsafe {
                (api.seek)(io, whence, offset, 0, token)
            };
            let start = ready!(self.io.poll_start(cx, seek));
            self.seek = Seek::Idle;
            self.seek = Seek::Moving(start?);
        }
        if let Seek::Moving(operation) = &mut self.seek {
            let result = ready!(Pin::new(operation).poll(cx));
            self.seek = Seek::Idle;
            self.note(Last::Unknown);
            return Poll::Ready(result.map(|event| event.result as u64));
        }
        Poll::Ready(Ok(0))
    }
}
