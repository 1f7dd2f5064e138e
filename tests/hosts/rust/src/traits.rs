//! The traits of the specification, with its names.
//!
//! Where the specification says `async fn`, a method returns a boxed future ([`Async`]): so the
//! traits work as trait objects, and with Rust 1.63.  Who implements them writes `ready` and the
//! `non_blocking_` methods; the rest is provided over these and lends no memory across a wait, so
//! that a dropped future loses nothing.

use std::fmt;
use std::future::Future;
use std::io::{Error, ErrorKind, IoSlice, SeekFrom};
use std::mem::MaybeUninit;
use std::pin::Pin;

pub use std::io::Result;
pub use tokio::io::ReadBuf;

pub use crate::OwnedBuf;
use crate::{sys, Stream};

/// What an `async fn` of the specification returns.
pub type Async<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Which notifications one is interested in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest(pub(crate) u32);

impl Interest {
    pub const READ: Interest = Interest(sys::ABIO_INTEREST_READ);
    pub const WRITE: Interest = Interest(sys::ABIO_INTEREST_WRITE);
    pub const READ_WRITE: Interest = Interest(Interest::READ.0 | Interest::WRITE.0);
}

/// Which operations are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness(pub(crate) u32);

/// For implementers: all that was asked for is ready.
impl From<Interest> for Readiness {
    fn from(interest: Interest) -> Readiness {
        // ABIO_READY_READ and ABIO_READY_WRITE have the numbers of the interests.
        Readiness(interest.0)
    }
}

impl Readiness {
    pub fn read(self) -> bool {
        self.0 & sys::ABIO_READY_READ != 0
    }

    pub fn write(self) -> bool {
        self.0 & sys::ABIO_READY_WRITE != 0
    }

    /// Hung up; there may still be data to read.
    pub fn hup(self) -> bool {
        self.0 & sys::ABIO_READY_HUP != 0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonBlocking<T> {
    Ready(T),
    WouldBlock,
}

/// For a loop that waits for readiness first.
#[macro_export]
macro_rules! continue_on_block {
    ($e: expr) => {
        match $e {
            $crate::traits::NonBlocking::Ready(value) => value,
            $crate::traits::NonBlocking::WouldBlock => continue,
        }
    };
}

pub trait Ready: Send {
    fn ready(&mut self, interest: Interest) -> Async<'_, Readiness>;
}

pub trait Read: Ready {
    fn non_blocking_read_buf(&mut self, buf: &mut ReadBuf<'_>) -> Result<NonBlocking<()>>;

    fn non_blocking_read_buf_vectored(
        &mut self,
        bufs: &mut [ReadBuf<'_>],
    ) -> Result<NonBlocking<usize>> {
        match bufs.iter_mut().find(|buf| buf.remaining() > 0) {
            None => Ok(NonBlocking::Ready(0)),
            Some(buf) => {
                let before = buf.filled().len();
                Ok(match self.non_blocking_read_buf(buf)? {
                    NonBlocking::Ready(()) => NonBlocking::Ready(buf.filled().len() - before),
                    NonBlocking::WouldBlock => NonBlocking::WouldBlock,
                })
            }
        }
    }

    fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> Async<'a, usize> {
        Box::pin(async move {
            let mut buf = ReadBuf::new(buf);
            self.read_buf(&mut buf).await?;
            Ok(buf.filled().len())
        })
    }

    fn read_buf<'a>(&'a mut self, buf: &'a mut ReadBuf<'_>) -> Async<'a, ()> {
        Box::pin(async move {
            loop {
                continue_on_block!({
                    let tried = self.non_blocking_read_buf(buf)?;
                    if tried == NonBlocking::WouldBlock {
                        self.ready(Interest::READ).await?;
                    }
                    tried
                });
                return Ok(());
            }
        })
    }

    fn read_exact<'a>(&'a mut self, buf: &'a mut [u8]) -> Async<'a, ()> {
        Box::pin(async move { self.read_buf_exact(&mut ReadBuf::new(buf)).await })
    }

    fn read_buf_exact<'a>(&'a mut self, buf: &'a mut ReadBuf<'_>) -> Async<'a, ()> {
        Box::pin(async move {
            while buf.remaining() > 0 {
                let before = buf.filled().len();
                self.read_buf(buf).await?;
                if buf.filled().len() == before {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
            }
            Ok(())
        })
    }

    fn read_buf_vectored<'a>(&'a mut self, bufs: &'a mut [ReadBuf<'_>]) -> Async<'a, usize> {
        Box::pin(async move {
            loop {
                match self.non_blocking_read_buf_vectored(bufs)? {
                    NonBlocking::Ready(count) => return Ok(count),
                    NonBlocking::WouldBlock => self.ready(Interest::READ).await?,
                };
            }
        })
    }

    fn read_to_end<'a>(&'a mut self, buf: &'a mut Vec<u8>) -> Async<'a, usize> {
        Box::pin(async move {
            let before = buf.len();
            loop {
                buf.reserve(8192);
                let mut room = ReadBuf::uninit(buf.spare_capacity_mut());
                self.read_buf(&mut room).await?;
                let count = room.filled().len();
                if count == 0 {
                    return Ok(buf.len() - before);
                }
                // Safety: that many were read into the spare capacity.
                unsafe { buf.set_len(buf.len() + count) };
            }
        })
    }

    fn read_to_string<'a>(&'a mut self, buf: &'a mut String) -> Async<'a, usize> {
        Box::pin(async move {
            let mut bytes = Vec::new();
            self.read_to_end(&mut bytes).await?;
            buf.push_str(text_of(&bytes)?);
            Ok(bytes.len())
        })
    }

    fn is_read_vectored(&self) -> bool {
        false
    }

    fn by_ref(&mut self) -> &mut Self
    where
        Self: Sized,
    {
        self
    }
}

pub trait Write: Ready {
    fn non_blocking_write(&mut self, buf: &[u8]) -> Result<NonBlocking<usize>>;

    fn non_blocking_write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> Result<NonBlocking<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty());
        self.non_blocking_write(first.map_or(&[], |buf| buf))
    }

    fn non_blocking_flush(&mut self) -> Result<NonBlocking<()>>;

    fn write<'a>(&'a mut self, buf: &'a [u8]) -> Async<'a, usize> {
        Box::pin(async move {
            loop {
                match self.non_blocking_write(buf)? {
                    NonBlocking::Ready(count) => return Ok(count),
                    NonBlocking::WouldBlock => self.ready(Interest::WRITE).await?,
                };
            }
        })
    }

    fn write_vectored<'a>(&'a mut self, bufs: &'a [IoSlice<'_>]) -> Async<'a, usize> {
        Box::pin(async move {
            loop {
                match self.non_blocking_write_vectored(bufs)? {
                    NonBlocking::Ready(count) => return Ok(count),
                    NonBlocking::WouldBlock => self.ready(Interest::WRITE).await?,
                };
            }
        })
    }

    fn write_all<'a>(&'a mut self, mut buf: &'a [u8]) -> Async<'a, ()> {
        Box::pin(async move {
            while !buf.is_empty() {
                match self.write(buf).await? {
                    0 => return Err(ErrorKind::WriteZero.into()),
                    count => buf = &buf[count..],
                }
            }
            Ok(())
        })
    }

    fn write_all_vectored<'a>(&'a mut self, bufs: &'a [IoSlice<'_>]) -> Async<'a, ()> {
        Box::pin(async move {
            for buf in bufs {
                self.write_all(buf).await?;
            }
            Ok(())
        })
    }

    fn write_fmt<'a>(&'a mut self, format: fmt::Arguments<'_>) -> Async<'a, ()> {
        let text = format.to_string();
        Box::pin(async move { self.write_all(text.as_bytes()).await })
    }

    fn flush(&mut self) -> Async<'_, ()> {
        Box::pin(async move {
            while self.non_blocking_flush()? == NonBlocking::WouldBlock {
                self.ready(Interest::WRITE).await?;
            }
            Ok(())
        })
    }

    fn is_write_vectored(&self) -> bool {
        false
    }

    fn by_ref(&mut self) -> &mut Self
    where
        Self: Sized,
    {
        self
    }
}

pub trait BufRead: Read {
    fn fill_buf(&mut self) -> Async<'_, &[u8]>;
    fn consume(&mut self, amt: usize);

    fn read_until<'a>(&'a mut self, byte: u8, buf: &'a mut Vec<u8>) -> Async<'a, usize> {
        Box::pin(async move {
            let before = buf.len();
            loop {
                let there = self.fill_buf().await?;
                let found = there.iter().position(|b| *b == byte);
                let count = found.map_or(there.len(), |at| at + 1);
                buf.extend_from_slice(&there[..count]);
                self.consume(count);
                if found.is_some() || count == 0 {
                    return Ok(buf.len() - before);
                }
            }
        })
    }

    fn read_line<'a>(&'a mut self, buf: &'a mut String) -> Async<'a, usize> {
        Box::pin(async move {
            let mut bytes = Vec::new();
            self.read_until(b'\n', &mut bytes).await?;
            buf.push_str(text_of(&bytes)?);
            Ok(bytes.len())
        })
    }

    fn has_data_left(&mut self) -> Async<'_, bool> {
        Box::pin(async move { Ok(!self.fill_buf().await?.is_empty()) })
    }
}

/// The open question of the specification, as the mirror of `fill_buf` and `consume`.
pub trait BufWrite: Write {
    /// Memory of the writer's, at least `minimum` bytes, until the next call.
    fn reserve(&mut self, minimum: usize) -> Async<'_, &mut [MaybeUninit<u8>]>;

    /// The first `amt` bytes of it are written.
    ///
    /// # Safety
    ///
    /// They are initialised.
    unsafe fn commit(&mut self, amt: usize) -> Result<()>;
}

/// Reads into memory that the system may keep: no copy on a completion system.
pub trait OwnedRead {
    /// Reads behind what the buffer holds.
    fn read<T: OwnedBuf>(&mut self, buffer: T) -> Async<'_, T>;
}

pub trait OwnedWrite {
    /// Writes all that the buffer holds.
    fn write<T: OwnedBuf>(&mut self, buffer: T) -> Async<'_, T>;
}

pub trait Seek: Send {
    fn seek(&mut self, pos: SeekFrom) -> Async<'_, u64>;

    fn rewind(&mut self) -> Async<'_, ()> {
        Box::pin(async move { self.seek(SeekFrom::Start(0)).await.map(drop) })
    }

    fn stream_len(&mut self) -> Async<'_, u64> {
        Box::pin(async move {
            let before = self.stream_position().await?;
            let length = self.seek(SeekFrom::End(0)).await?;
            self.seek(SeekFrom::Start(before)).await?;
            Ok(length)
        })
    }

    fn stream_position(&mut self) -> Async<'_, u64> {
        self.seek(SeekFrom::Current(0))
    }
}

/// Any number may be in flight, so these take `&self`.
pub trait ReadAt: Send + Sync {
    fn read_at<'a>(&'a self, buf: &'a mut [u8], offset: u64) -> Async<'a, usize>;
}

pub trait WriteAt: Send + Sync {
    fn write_at<'a>(&'a self, buf: &'a [u8], offset: u64) -> Async<'a, usize>;
}

pub trait Accept: Send {
    fn accept(&mut self) -> Async<'_, Stream>;
}

pub trait Split {
    type ReadHalf: Read;
    type WriteHalf: Write;

    /// The halves outlive each other; dropping the writing one ends the writing direction.
    fn split(self) -> Result<(Self::ReadHalf, Self::WriteHalf)>;
}

fn text_of(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| Error::new(ErrorKind::InvalidData, error))
}
