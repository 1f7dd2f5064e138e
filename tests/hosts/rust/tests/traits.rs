//! The traits of the specification: generic code, trait objects, the downcast, and what is provided
//! to somebody who implements them.

mod common;

use std::io::{ErrorKind, IoSlice, SeekFrom};
use std::mem::MaybeUninit;

use abio::traits::*;
use abio::{continue_on_block, Listener, OpenOptions, Stream};
use common::{on_each_runtime, pair, path, pattern};

/// Generic over any reader and writer, trait objects too.
async fn copy<R: Read + ?Sized, W: Write + ?Sized>(from: &mut R, to: &mut W) -> Result<u64> {
    let mut sum = 0;
    let mut buf = [0; 5000];
    loop {
        let count = from.read(&mut buf).await?;
        if count == 0 {
            to.flush().await?;
            return Ok(sum);
        }
        to.write_all(&buf[..count]).await?;
        sum += count as u64;
    }
}

/// The memory-sensitive path of the specification: no buffer before there is something to read.
async fn read_just_in_time<R: Read + ?Sized>(stream: &mut R) -> Result<Vec<u8>> {
    loop {
        stream.ready(Interest::READ).await?;
        let mut memory = [MaybeUninit::uninit(); 1024];
        let mut buf = ReadBuf::uninit(&mut memory);
        continue_on_block!(stream.non_blocking_read_buf(&mut buf)?);
        return Ok(buf.filled().to_vec());
    }
}

/// What an implementer writes: it blocks every other time.
struct Memory {
    data: Vec<u8>,
    at: usize,
    blocked: bool,
}

impl Ready for Memory {
    fn ready(&mut self, interest: Interest) -> Async<'_, Readiness> {
        assert_eq!(interest, Interest::READ);
        Box::pin(async move { Ok(interest.into()) })
    }
}

impl Read for Memory {
    fn non_blocking_read_buf(&mut self, buf: &mut ReadBuf<'_>) -> Result<NonBlocking<()>> {
        self.blocked = !self.blocked;
        if self.blocked {
            return Ok(NonBlocking::WouldBlock);
        }
        let count = buf.remaining().min(self.data.len() - self.at).min(7);
        buf.put_slice(&self.data[self.at..self.at + count]);
        self.at += count;
        Ok(NonBlocking::Ready(()))
    }
}

fn memory(data: &[u8]) -> Memory {
    Memory {
        data: data.to_vec(),
        at: 0,
        blocked: false,
    }
}

#[test]
fn generic_code_copies_between_streams_and_between_trait_objects() {
    on_each_runtime(|driver| async move {
        let path = path("generic");
        let data = pattern(100_000);
        std::fs::write(&path, &data).unwrap();
        for dynamic in [false, true] {
            let (mut client, mut server) = pair(&driver).await;
            let mut file = Stream::open(&driver, &path).await.unwrap();
            let serve = async {
                let count = if dynamic {
                    let from: &mut dyn Read = &mut file;
                    let to: &mut dyn Write = &mut server;
                    copy(from, to).await
                } else {
                    copy(&mut file, &mut server).await
                };
                assert_eq!(count.unwrap(), 100_000);
                drop(server);
            };
            let mut got = Vec::new();
            let ((), count) = tokio::join!(serve, client.read_to_end(&mut got));
            assert_eq!(count.unwrap(), 100_000);
            assert!(got == data);
        }
        std::fs::remove_file(&path).unwrap();
    });
}

#[test]
fn no_buffer_is_needed_before_there_is_something_to_read() {
    on_each_runtime(|driver| async move {
        let (mut client, mut server) = pair(&driver).await;
        let (got, ()) = tokio::join!(read_just_in_time(&mut client), async {
            tokio::task::yield_now().await;
            server.write_all(b"in time").await.unwrap();
        });
        assert_eq!(got.unwrap(), b"in time");
        assert_eq!(
            server.non_blocking_write(b"x").unwrap(),
            NonBlocking::Ready(1)
        );
        let ready = server.ready(Interest::READ_WRITE).await.unwrap();
        assert!(ready.write() && !ready.read() && !ready.hup());
    });
}

#[test]
fn tokio_s_reads_and_these_mix() {
    use futures::FutureExt;
    on_each_runtime(|driver| async move {
        let (mut client, mut server) = pair(&driver).await;
        let mut byte = [0; 1];
        for round in 0..10_u8 {
            // Left in flight by tokio's trait; the specification's takes the direction over.
            let read = tokio::io::AsyncReadExt::read(&mut client, &mut byte).now_or_never();
            assert!(read.is_none());
            server.write_all(&[round, round]).await.unwrap();
            assert_eq!(Read::read(&mut client, &mut byte).await.unwrap(), 1);
            assert_eq!(byte, [round]);
            let last = tokio::io::AsyncReadExt::read_u8(&mut client).await.unwrap();
            assert_eq!(last, round);
        }
    });
}

#[test]
fn a_downcast_asks_the_object() {
    on_each_runtime(|driver| async move {
        let path = path("downcast");
        let options = OpenOptions::new().read().write().create();
        let mut file = options.open(&driver, &path).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        let (mut socket, _peer) = pair(&driver).await;
        let (mut reader, mut writer) = Stream::pipe(&driver).unwrap();

        assert!(file.downcast::<dyn Seek>().is_some());
        assert!(socket.downcast::<dyn Seek>().is_none());
        assert!(socket.downcast::<dyn Read>().is_some());
        assert!(socket.downcast::<dyn Write>().is_some());
        assert!(reader.downcast::<dyn BufRead>().is_some());
        assert!(reader.downcast::<dyn Write>().is_none());
        assert!(writer.downcast::<dyn BufWrite>().is_some());
        assert!(writer.downcast::<dyn Read>().is_none());

        let write = file.downcast::<dyn Write>().unwrap();
        write.write_all(b"0123456789").await.unwrap();
        write.flush().await.unwrap();
        let seek = file.downcast::<dyn Seek>().unwrap();
        assert_eq!(seek.seek(SeekFrom::End(-3)).await.unwrap(), 7);
        let mut text = String::new();
        let read = file.downcast::<dyn BufRead>().unwrap();
        read.read_line(&mut text).await.unwrap();
        assert_eq!(text, "789");
        // What the object lacks is refused by the library, not by a crash.
        let error = Seek::rewind(&mut socket).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    });
}

#[test]
fn one_required_method_gives_the_others() {
    on_each_runtime(|_| async move {
        let mut stream = memory(b"some words in memory");
        let mut four = [0; 4];
        stream.read_exact(&mut four).await.unwrap();
        assert_eq!(&four, b"some");
        let (mut none, mut six) = ([0; 0], [0; 6]);
        let mut bufs = [ReadBuf::new(&mut none), ReadBuf::new(&mut six)];
        assert_eq!(stream.read_buf_vectored(&mut bufs).await.unwrap(), 6);
        assert_eq!(&six, b" words");
        let mut text = String::new();
        let count = stream.by_ref().read_to_string(&mut text).await.unwrap();
        assert_eq!((count, text.as_str()), (10, " in memory"));
        let error = stream.read_exact(&mut four).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        let boxed: Box<dyn Read> = Box::new(memory(&pattern(1000)));
        let (mut boxed, mut got) = (boxed, Vec::new());
        assert_eq!(boxed.read_to_end(&mut got).await.unwrap(), 1000);
        assert!(got == pattern(1000));
    });
}

#[test]
fn buffered_reading_shows_the_bytes_until_they_are_consumed() {
    on_each_runtime(|driver| async move {
        let (mut client, mut server) = pair(&driver).await;
        server.write_all(b"one;two;thr").await.unwrap();
        assert!(client.has_data_left().await.unwrap());
        let seen = client.fill_buf().await.unwrap().len();
        assert!(seen > 0);
        assert_eq!(client.fill_buf().await.unwrap().len(), seen);
        let mut part = Vec::new();
        assert_eq!(client.read_until(b';', &mut part).await.unwrap(), 4);
        BufRead::consume(&mut client, 0);
        let mut three = [0; 3];
        client.read_exact(&mut three).await.unwrap();
        assert_eq!((&part[..], &three[..]), (&b"one;"[..], &b"two"[..]));
        server.write_all(b"ee\n").await.unwrap();
        drop(server);
        let mut line = String::new();
        assert_eq!(client.read_line(&mut line).await.unwrap(), 7);
        assert_eq!(line, ";three\n");
        assert!(!client.has_data_left().await.unwrap());
    });
}

#[test]
fn buffered_writing_lends_memory_of_the_stream() {
    on_each_runtime(|driver| async move {
        let (mut client, mut server) = pair(&driver).await;
        for n in 0..100_u8 {
            let room = server.reserve(64).await.unwrap();
            assert!(room.len() >= 64);
            room.iter_mut().take(10).for_each(|byte| {
                byte.write(n);
            });
            unsafe { server.commit(10) }.unwrap();
        }
        server
            .write_vectored(&[IoSlice::new(b"and "), IoSlice::new(b"more")])
            .await
            .unwrap();
        let formatted = server.write_fmt(format_args!(" {}", 42));
        formatted.await.unwrap();
        server.flush().await.unwrap();
        drop(server);
        let mut got = Vec::new();
        client.read_to_end(&mut got).await.unwrap();
        let mut want: Vec<u8> = (0..100).flat_map(|n| [n; 10]).collect();
        want.extend(b"and more 42");
        assert_eq!(got, want);
    });
}

#[test]
fn owned_buffers_travel_and_come_home() {
    on_each_runtime(|driver| async move {
        let (mut client, mut server) = pair(&driver).await;
        let data = pattern(400_000);
        let address = data.as_ptr() as usize;
        let send = async {
            let data = OwnedWrite::write(&mut server, data).await.unwrap();
            drop(server);
            data
        };
        let receive = async {
            let mut got = Vec::with_capacity(1_000_000);
            let address = got.as_ptr() as usize;
            loop {
                let before = got.len();
                got = OwnedRead::read(&mut client, got).await.unwrap();
                assert_eq!(got.as_ptr() as usize, address);
                if got.len() == before {
                    return got;
                }
            }
        };
        let (data, got) = tokio::join!(send, receive);
        assert_eq!(data.as_ptr() as usize, address);
        assert!(got == data);
        let (result, buffer) = client.read_owned(Vec::new()).await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(buffer, Some(Vec::new()));
    });
}

#[test]
fn files_are_read_and_written_at_offsets_all_at_once() {
    on_each_runtime(|driver| async move {
        let path = path("at");
        let options = OpenOptions::new().read().write().create();
        let file = options.open_io(&driver, &path).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        let data = pattern(64 * 1000);
        let pieces = || data.chunks(1000).enumerate();
        let writes = pieces().map(|(n, piece)| file.write_at(piece, 1000 * n as u64));
        for count in futures::future::join_all(writes).await {
            assert_eq!(count.unwrap(), 1000);
        }
        let reads = pieces().rev().map(|(n, piece)| {
            let file = &file;
            async move {
                let mut got = vec![0; 1000];
                let count = file.read_at(&mut got, 1000 * n as u64).await.unwrap();
                assert!(count == 1000 && got == piece);
            }
        });
        futures::future::join_all(reads).await;
        let mut stream = Stream::new(file).unwrap();
        assert_eq!(stream.stream_len().await.unwrap(), 64_000);
        assert_eq!(stream.stream_position().await.unwrap(), 0);
        assert_eq!(stream.seek(SeekFrom::Start(10)).await.unwrap(), 10);
        let mut two = [0; 2];
        Read::read_exact(&mut stream, &mut two).await.unwrap();
        assert_eq!(stream.stream_position().await.unwrap(), 12);
        assert_eq!(two, data[10..12]);
        stream.rewind().await.unwrap();
        assert_eq!(stream.stream_position().await.unwrap(), 0);
    });
}

#[test]
fn what_is_written_between_reads_is_where_the_reader_was() {
    on_each_runtime(|driver| async move {
        let path = path("between");
        std::fs::write(&path, b"abcdefghij").unwrap();
        let options = OpenOptions::new().read().write();
        let mut file = options.open(&driver, &path).await.unwrap();
        let mut two = [0; 2];
        Read::read_exact(&mut file, &mut two).await.unwrap();
        Write::write_all(&mut file, b"XY").await.unwrap();
        Read::read_exact(&mut file, &mut two).await.unwrap();
        assert_eq!(&two, b"ef");
        Write::flush(&mut file).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"abXYefghij");
        std::fs::remove_file(&path).unwrap();
    });
}

#[test]
fn a_listener_accepts_and_a_stream_splits() {
    on_each_runtime(|driver| async move {
        let mut listener = Listener::bind(&driver, "[::1]:0".parse().unwrap()).unwrap();
        let to = listener.local_addr().unwrap();
        let accept = Accept::accept(&mut listener);
        let (client, server) = tokio::join!(Stream::connect(&driver, to), accept);
        let (mut reader, mut writer) = server.unwrap().split().unwrap();
        let mut client = client.unwrap();
        let mut got = String::new();
        let talk = async {
            writer.write_all(b"hello").await.unwrap();
            drop(writer);
        };
        tokio::join!(talk, async {
            client.read_to_string(&mut got).await.unwrap()
        });
        assert_eq!(got, "hello");
        Write::write_all(&mut client, b"and back").await.unwrap();
        drop(client);
        let mut back = String::new();
        reader.read_to_string(&mut back).await.unwrap();
        assert_eq!(back, "and back");
    });
}
