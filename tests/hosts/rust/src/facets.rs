//! The traits of the specification over the tables of abio, and the downcast through `abio_query`.

use futures::future::poll_fn;
use std::io::{IoSlice, SeekFrom};
use std::mem::MaybeUninit;

use crate::buffers::{lend, owned};
use crate::stream::{is_for_now, Last};
use crate::traits::*;
use crate::{sys, Io, Listener, Operation, Stream};

/// A trait of the specification as a trait object, and which of abio's tables stands behind it.
pub trait Facet {
    const TRAIT: u32;
    fn of(stream: &mut Stream) -> &mut Self;
}

macro_rules! facet {
    ($($name:ident = $id:ident),+ $(,)?) => {$(
        impl Facet for dyn $name {
            const TRAIT: u32 = sys::$id;
            fn of(stream: &mut Stream) -> &mut (dyn $name + 'static) {
                stream
            }
        }
    )+};
}

facet! {
    Ready = ABIO_TRAIT_READY,
    Read = ABIO_TRAIT_READ,
    Write = ABIO_TRAIT_WRITE,
    BufRead = ABIO_TRAIT_BUF_READ,
    BufWrite = ABIO_TRAIT_BUF_WRITE,
    Seek = ABIO_TRAIT_SEEK,
}

impl Stream {
    /// This stream as one of the specification's traits, if the object has it: `abio_query`.
    pub fn downcast<T: Facet + ?Sized>(&mut self) -> Option<&mut T> {
        match self.io.has(T::TRAIT) {
            true => Some(T::of(self)),
            false => None,
        }
    }

    fn can(&self, id: u32, capability: u32) -> bool {
        self.io
            .query(id)
            .map_or(false, |info| info.caps & capability != 0)
    }
}

/// `ABIO_WOULD_BLOCK` is a value here, and so is `ABIO_E_BUSY`: what was put is on its way first.
fn non_blocking(result: Result<u32>) -> Result<NonBlocking<usize>> {
    match result {
        Ok(count) => Ok(NonBlocking::Ready(count as usize)),
        Err(error) if is_for_now(&error) => Ok(NonBlocking::WouldBlock),
        Err(error) => Err(error),
    }
}

fn length(bytes: usize) -> u32 {
    bytes.min(i32::MAX as usize) as u32
}

async fn value(operation: Result<Operation>) -> Result<u64> {
    Ok(operation?.await?.result as u64)
}

impl Ready for Stream {
    fn ready(&mut self, interest: Interest) -> Async<'_, Readiness> {
        Box::pin(async move {
            if interest.0 & Interest::READ.0 != 0 {
                poll_fn(|cx| self.poll_turn(cx, Last::Read)).await?;
                // A fill that a dropped future left behind would keep the direction busy.
                poll_fn(|cx| self.poll_unfill(cx)).await?;
                if !self.seen().is_empty() {
                    return Ok(Readiness(sys::ABIO_READY_READ));
                }
            }
            if interest == Interest::WRITE {
                poll_fn(|cx| self.poll_turn(cx, Last::Written)).await?;
                poll_fn(|cx| self.poll_drain(cx)).await?;
            }
            let start = self
                .io
                .start(|api, io, token| unsafe { (api.ready)(io, interest.0, 0, token) });
            Ok(Readiness(value(start).await? as u32))
        })
    }
}

fn readbuf_of(buf: &mut ReadBuf<'_>) -> sys::abio_readbuf {
    let (filled, initialized) = (buf.filled().len(), buf.initialized().len());
    let capacity = buf.capacity();
    // Safety: the library only writes there what it reads, and never uninitialises.
    let data = unsafe { buf.inner_mut() }.as_mut_ptr();
    sys::abio_readbuf {
        data: data.cast(),
        capacity: length(capacity),
        filled: length(filled),
        initialized: length(initialized),
        reserved: 0,
    }
}

fn update(buf: &mut ReadBuf<'_>, from: &sys::abio_readbuf) {
    let more = from.filled as usize - buf.filled().len();
    // Safety: the library has written them.
    unsafe { buf.assume_init(more) };
    buf.advance(more);
}

impl Read for Stream {
    fn non_blocking_read_buf(&mut self, buf: &mut ReadBuf<'_>) -> Result<NonBlocking<()>> {
        let bufs = std::slice::from_mut(buf);
        Ok(match self.non_blocking_read_buf_vectored(bufs)? {
            NonBlocking::Ready(_) => NonBlocking::Ready(()),
            NonBlocking::WouldBlock => NonBlocking::WouldBlock,
        })
    }

    fn non_blocking_read_buf_vectored(
        &mut self,
        bufs: &mut [ReadBuf<'_>],
    ) -> Result<NonBlocking<usize>> {
        if self.is_filling() || !self.is_turned(Last::Read) {
            return Ok(NonBlocking::WouldBlock);
        }
        let mut raw: Vec<_> = bufs.iter_mut().map(readbuf_of).collect();
        let result = self.io.call(|api, io| unsafe {
            (api.try_read_bufv)(io, raw.as_mut_ptr(), raw.len() as u32, 0)
        });
        let tried = non_blocking(result)?;
        if let NonBlocking::Ready(count) = tried {
            bufs.iter_mut()
                .zip(&raw)
                .for_each(|(buf, raw)| update(buf, raw));
            self.forget_seen(count);
        }
        Ok(tried)
    }

    fn is_read_vectored(&self) -> bool {
        self.can(sys::ABIO_TRAIT_READ, sys::ABIO_CAP_VECTORED)
    }
}

impl Write for Stream {
    fn non_blocking_write(&mut self, buf: &[u8]) -> Result<NonBlocking<usize>> {
        if !self.is_turned(Last::Written) {
            return Ok(NonBlocking::WouldBlock);
        }
        non_blocking(self.io.call(|api, io| unsafe {
            (api.try_write)(io, buf.as_ptr().cast(), length(buf.len()), 0)
        }))
    }

    fn non_blocking_write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> Result<NonBlocking<usize>> {
        if !self.is_turned(Last::Written) {
            return Ok(NonBlocking::WouldBlock);
        }
        // Both have the layout of the system's iovec.
        non_blocking(self.io.call(|api, io| unsafe {
            (api.try_writev)(io, bufs.as_ptr().cast(), length(bufs.len()), 0)
        }))
    }

    fn non_blocking_flush(&mut self) -> Result<NonBlocking<()>> {
        let result = self.io.call(|api, io| unsafe { (api.try_flush)(io) });
        Ok(match non_blocking(result)? {
            NonBlocking::Ready(_) => NonBlocking::Ready(()),
            NonBlocking::WouldBlock => NonBlocking::WouldBlock,
        })
    }

    /// Not by `ready`: what is waited for is the library's own memory, not the system's.
    fn flush(&mut self) -> Async<'_, ()> {
        Box::pin(poll_fn(|cx| self.poll_drain(cx)))
    }

    fn is_write_vectored(&self) -> bool {
        self.can(sys::ABIO_TRAIT_WRITE, sys::ABIO_CAP_VECTORED)
    }
}

impl BufRead for Stream {
    fn fill_buf(&mut self) -> Async<'_, &[u8]> {
        Box::pin(async move {
            poll_fn(|cx| self.poll_fill(cx).map_ok(drop)).await?;
            Ok(self.seen())
        })
    }

    fn consume(&mut self, amt: usize) {
        self.take(amt);
    }
}

impl BufWrite for Stream {
    fn reserve(&mut self, minimum: usize) -> Async<'_, &mut [MaybeUninit<u8>]> {
        Box::pin(async move {
            poll_fn(|cx| self.poll_turn(cx, Last::Written)).await?;
            let reserve = |api: &sys::abio_api_table, io, token| unsafe {
                (api.reserve)(io, length(minimum), 0, token)
            };
            let start = poll_fn(|cx| self.io.poll_start(cx, reserve)).await;
            let event = start?.await?;
            let (data, count) = (event.data as usize as *mut _, event.result as usize);
            // Safety: the library's, until the next call for this stream, which is borrowed.
            Ok(unsafe { std::slice::from_raw_parts_mut(data, count) })
        })
    }

    unsafe fn commit(&mut self, amt: usize) -> Result<()> {
        self.io
            .call(|api, io| (api.commit)(io, length(amt)))
            .map(drop)
    }
}

impl Stream {
    /// Reads into a buffer of the host's, which comes home in every outcome with what arrived;
    /// only the end of the runtime keeps it.
    ///
    /// A future that is dropped takes the buffer with it, and what the system has put there: who
    /// must not lose bytes to a `select!` reads by the other traits.
    pub async fn read_owned<T: OwnedBuf>(&mut self, mut buffer: T) -> (Result<usize>, Option<T>) {
        let free = async {
            poll_fn(|cx| self.poll_turn(cx, Last::Read)).await?;
            poll_fn(|cx| self.poll_unfill(cx)).await
        };
        if let Err(error) = free.await {
            return (Err(error), Some(buffer));
        }
        if !self.seen().is_empty() {
            let count = self.take_into(&mut buffer);
            return (Ok(count), Some(buffer));
        }
        owned(&self.io, buffer, |api, io, buffer, token| unsafe {
            (api.read_owned)(io, buffer, 0, token)
        })
        .await
    }

    /// What was read ahead already.
    fn take_into<T: OwnedBuf>(&mut self, buffer: &mut T) -> usize {
        let filled = buffer.filled();
        let count = self.seen().len().min(buffer.capacity() - filled);
        // Safety: there is room for so many behind what is filled.
        unsafe {
            let room = buffer.as_mut_ptr().add(filled);
            room.copy_from_nonoverlapping(self.seen().as_ptr(), count);
            buffer.set_filled(filled + count);
        }
        self.take(count);
        count
    }

    /// Writes all that the buffer holds, without a copy where the system can do that.
    pub async fn write_owned<T: OwnedBuf>(&mut self, buffer: T) -> (Result<usize>, Option<T>) {
        if let Err(error) = poll_fn(|cx| self.poll_turn(cx, Last::Written)).await {
            return (Err(error), Some(buffer));
        }
        owned(&self.io, buffer, |api, io, buffer, token| unsafe {
            (api.write_owned_all)(io, buffer, 0, 0, token)
        })
        .await
    }
}

impl OwnedRead for Stream {
    fn read<T: OwnedBuf>(&mut self, buffer: T) -> Async<'_, T> {
        Box::pin(async move {
            let (result, buffer) = self.read_owned(buffer).await;
            result.map(|_| buffer.expect("it comes home with a result"))
        })
    }
}

impl OwnedWrite for Stream {
    fn write<T: OwnedBuf>(&mut self, buffer: T) -> Async<'_, T> {
        Box::pin(async move {
            let (result, buffer) = self.write_owned(buffer).await;
            result.map(|_| buffer.expect("it comes home with a result"))
        })
    }
}

impl Seek for Stream {
    fn seek(&mut self, pos: SeekFrom) -> Async<'_, u64> {
        Box::pin(async move {
            poll_fn(|cx| self.poll_sought(cx)).await?;
            self.begin_seek(pos)?;
            poll_fn(|cx| self.poll_sought(cx)).await
        })
    }

    fn stream_len(&mut self) -> Async<'_, u64> {
        Box::pin(async move {
            poll_fn(|cx| self.poll_unfill(cx)).await?;
            let measure =
                |api: &sys::abio_api_table, io, token| unsafe { (api.stream_len)(io, 0, token) };
            value(poll_fn(|cx| self.io.poll_start(cx, measure)).await).await
        })
    }
}

/// A bare file; one operation moves at most this much.
const AT_ONCE: usize = 1 << 20;

impl ReadAt for Io {
    fn read_at<'a>(&'a self, buf: &'a mut [u8], offset: u64) -> Async<'a, usize> {
        Box::pin(async move {
            let room = buf.len().min(AT_ONCE);
            let memory = vec![0; room];
            let (count, memory) = lend(self, memory, |api, io, data, token| unsafe {
                (api.read_at)(io, data.cast(), room as u32, offset, 0, token)
            })
            .await?;
            buf[..count].copy_from_slice(&memory[..count]);
            Ok(count)
        })
    }
}

impl WriteAt for Io {
    fn write_at<'a>(&'a self, buf: &'a [u8], offset: u64) -> Async<'a, usize> {
        Box::pin(async move {
            let memory = buf[..buf.len().min(AT_ONCE)].to_vec();
            let length = memory.len() as u32;
            let (count, _) = lend(self, memory, |api, io, data, token| unsafe {
                (api.write_at)(io, data.cast(), length, offset, 0, token)
            })
            .await?;
            Ok(count)
        })
    }
}

impl Accept for Listener {
    fn accept(&mut self) -> Async<'_, Stream> {
        Box::pin(Listener::accept(self))
    }
}

impl Split for Stream {
    type ReadHalf = Stream;
    type WriteHalf = Stream;

    fn split(self) -> Result<(Stream, Stream)> {
        let (mut reader, mut writer) = (0, 0);
        self.io
            .call(|api, io| unsafe { (api.split)(io, &mut reader, &mut writer) })?;
        let driver = self.io.driver();
        let (reader, writer) = (Io::new(driver, reader), Io::new(driver, writer));
        Ok((Stream::new(reader)?, Stream::new(writer)?))
    }
}
