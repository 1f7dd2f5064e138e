//! Futures are dropped at any point: no byte is lost, no memory is freed that the library has.

mod common;

use std::future::Future;
use std::io::SeekFrom;
use std::pin::Pin;
use std::sync::mpsc::{channel, Sender};
use std::task::{Context, Poll};

use abio::{Driver, Listener, OpenOptions, OwnedBuf, Stream};
use common::{library, on_each_runtime, pair, path, pattern, Random};
use futures::future::{poll_fn, FutureExt};
use futures::task::noop_waker;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::runtime::{Handle, RuntimeFlavor};

/// Polls a future so many times, once a turn of the runtime, and then gives up on it.
async fn poll_at_most<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    tokio::pin!(future);
    for _ in 0..times {
        if let Some(value) = poll_fn(|cx| Poll::Ready(poll_once(future.as_mut(), cx))).await {
            return Some(value);
        }
        tokio::task::yield_now().await;
    }
    None
}

fn poll_once<T>(future: Pin<&mut impl Future<Output = T>>, cx: &mut Context<'_>) -> Option<T> {
    match future.poll(cx) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

#[test]
fn a_read_that_was_given_up_loses_nothing() {
    on_each_runtime(|driver| async move {
        let (mut client, mut server) = pair(&driver).await;
        let mut byte = [0; 16];
        for round in 0..50_u8 {
            // Nothing is there, so the read is in flight when it is dropped.
            assert!(client.read(&mut byte).now_or_never().is_none());
            server.write_all(&[round, b'\n']).await.unwrap();
            server.flush().await.unwrap();
            assert_eq!(client.read_u8().await.unwrap(), round);
            let mut line = String::new();
            client.read_line(&mut line).await.unwrap();
            assert_eq!(line, "\n");
        }
    });
}

#[test]
fn a_select_that_prefers_something_else_loses_nothing() {
    on_each_runtime(|driver| async move {
        let (mut client, mut server) = pair(&driver).await;
        let data = pattern(20_000);
        let send = async {
            for piece in data.chunks(77) {
                server.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            server.shutdown().await.unwrap();
        };
        let receive = async {
            let mut got: Vec<u8> = Vec::new();
            let mut piece = [0; 100];
            loop {
                tokio::select! {
                    biased;
                    count = client.read(&mut piece) => match count.unwrap() {
                        0 => break got,
                        count => got.extend(&piece[..count]),
                    },
                    _ = tokio::task::yield_now() => {}
                }
            }
        };
        let ((), got) = tokio::join!(send, receive);
        assert!(got == data);
    });
}

/// Everything at random: reads, writes, flushes and seeks are begun and dropped after a few turns.
#[test]
fn no_schedule_of_drops_loses_or_doubles_a_byte() {
    for seed in 1..=6 {
        on_each_runtime(move |driver| async move {
            let (client, server) = pair(&driver).await;
            let (there, back) = (pattern(150_000), pattern(90_000));
            let (mut from_client, mut to_client) = tokio::io::split(client);
            let (mut from_server, mut to_server) = tokio::io::split(server);
            let (one, other, (), ()) = tokio::join!(
                receive(&mut from_server, seed),
                receive(&mut from_client, seed + 100),
                send(&mut to_server, &back, seed + 200),
                send(&mut to_client, &there, seed + 300),
            );
            assert!(one == there, "{} of {}", one.len(), there.len());
            assert!(other == back, "{} of {}", other.len(), back.len());
        });
    }
}

async fn receive(stream: &mut (impl AsyncReadExt + Unpin), seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let mut got = Vec::new();
    loop {
        let mut piece = vec![0; 1 + random.below(9000)];
        match poll_at_most(1 + random.below(4), stream.read(&mut piece)).await {
            Some(Ok(0)) => return got,
            Some(count) => got.extend(&piece[..count.unwrap()]),
            None => {}
        }
    }
}

async fn send(stream: &mut (impl AsyncWriteExt + Unpin), data: &[u8], seed: u64) {
    let mut random = Random(seed);
    let mut sent = 0;
    while sent < data.len() {
        let piece = &data[sent..data.len().min(sent + 1 + random.below(20_000))];
        if let Some(count) = poll_at_most(1 + random.below(3), stream.write(piece)).await {
            sent += count.unwrap();
        }
        if random.below(3) == 0 {
            let _ = poll_at_most(1 + random.below(3), stream.flush()).await;
        }
    }
    stream.shutdown().await.unwrap();
}

#[test]
fn a_file_keeps_its_position_through_drops() {
    on_each_runtime(|driver| async move {
        let path = path("position");
        let data = pattern(300_000);
        std::fs::write(&path, &data).unwrap();
        let options = OpenOptions::new().read().write();
        let mut file = options.open(&driver, &path).await.unwrap();
        let mut random = Random(7);
        let mut at = 0;
        for _ in 0..400 {
            let mut piece = vec![0; 1 + random.below(3000)];
            let turns = 1 + random.below(3);
            match random.below(3) {
                0 => {
                    // A seek that was given up has happened or will have: the next one finishes it.
                    let _ = poll_at_most(turns, file.seek(SeekFrom::Start(1))).await;
                    at = random.below(data.len());
                    file.seek(SeekFrom::Start(at as u64)).await.unwrap();
                }
                1 if at + piece.len() < data.len() => {
                    // The same bytes again, so that the file stays what it is.
                    piece = data[at..at + piece.len()].to_vec();
                    if let Some(count) = poll_at_most(turns, file.write(&piece)).await {
                        at += count.unwrap();
                    }
                }
                _ => {
                    if let Some(count) = poll_at_most(turns, file.read(&mut piece)).await {
                        let count = count.unwrap();
                        assert!(piece[..count] == data[at..at + count]);
                        at += count;
                    }
                }
            }
        }
        file.shutdown().await.unwrap();
        assert!(std::fs::read(&path).unwrap() == data);
        std::fs::remove_file(&path).unwrap();
    });
}

/// Tells when it is freed.
struct Watched(Vec<u8>, Sender<usize>);

unsafe impl OwnedBuf for Watched {
    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.0.as_mut_ptr()
    }

    fn filled(&self) -> usize {
        self.0.len()
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }

    unsafe fn set_filled(&mut self, count: usize) {
        self.0.set_len(count);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.1.send(self.0.as_ptr() as usize).unwrap();
    }
}

#[test]
fn owned_memory_outlives_the_future_that_had_it() {
    on_each_runtime(|driver| async move {
        let (mut client, mut server) = pair(&driver).await;
        let (freed, freeing) = channel();
        for round in 0..20_u8 {
            let buffer = Watched(Vec::with_capacity(4096), freed.clone());
            let data = buffer.0.as_ptr() as usize;
            assert!(poll_at_most(2, client.read_owned(buffer)).await.is_none());
            // Freed once, and not before the library says so, which the pump is told.
            if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
                assert!(freeing.try_recv().is_err());
            }
            loop {
                if let Ok(address) = freeing.try_recv() {
                    assert_eq!(address, data);
                    break;
                }
                tokio::task::yield_now().await;
            }
            assert!(freeing.try_recv().is_err());
            server.write_all(&[round]).await.unwrap();
            server.flush().await.unwrap();
            let (count, buffer) = client.read_owned(Vec::with_capacity(10)).await;
            assert_eq!((count.unwrap(), buffer.unwrap()), (1, vec![round]));
        }
    });
}

#[test]
fn a_direction_that_a_dropped_future_left_busy_is_waited_for() {
    use abio::traits::{BufRead, BufWrite, Split};
    on_each_runtime(|driver| async move {
        let (mut client, mut server) = pair(&driver).await;
        for round in 0..20_u8 {
            assert!(client
                .read_owned(Vec::with_capacity(10))
                .now_or_never()
                .is_none());
            match round % 3 {
                0 => assert!(client.read_u8().now_or_never().is_none()),
                1 => assert!(client.has_data_left().now_or_never().is_none()),
                _ => assert!(client
                    .read_owned(Vec::with_capacity(10))
                    .now_or_never()
                    .is_none()),
            }
            // Once a fill was accepted the others have ended: no dropped buffer takes what comes.
            let ended = loop {
                assert!(client.read_u8().now_or_never().is_none());
                match client.cancel_read().await {
                    Some(ended) => break ended,
                    None => tokio::task::yield_now().await,
                }
            };
            assert!(ended.is_err());
            server.write_all(&[round]).await.unwrap();
            server.flush().await.unwrap();
            assert_eq!(client.read_u8().await.unwrap(), round);
        }
        assert!(client.read_u8().now_or_never().is_none());
        let (mut reader, mut writer) = Split::split(client).unwrap();
        server.write_all(b"for the half").await.unwrap();
        server.flush().await.unwrap();
        let mut text = [0; 12];
        reader.read_exact(&mut text).await.unwrap();
        assert_eq!(&text, b"for the half");

        // Nobody reads, so these cannot end by themselves.
        let large = vec![b'x'; 20_000_000];
        assert!(poll_at_most(20, writer.write_owned(large)).await.is_none());
        assert!(writer
            .write_all(&vec![b'y'; 300_000])
            .now_or_never()
            .is_none());
        assert!(writer.reserve(1000).now_or_never().is_none());
        assert!(writer.reserve(1000).now_or_never().is_none());
        drop((reader, writer));
        let mut all = Vec::new();
        server.read_to_end(&mut all).await.unwrap();
        let sent = all.iter().take_while(|byte| **byte == b'x').count();
        assert!(sent < 20_000_000 && all[sent..].iter().all(|byte| *byte == b'y'));
    });
}

#[test]
fn a_connection_for_an_accept_that_was_given_up_is_the_next_ones_or_closed() {
    on_each_runtime(|driver| async move {
        let listener = Listener::bind(&driver, "127.0.0.1:0".parse().unwrap()).unwrap();
        let to = listener.local_addr().unwrap();
        for turns in [1, 1, 2, 3, 5] {
            let given_up = poll_at_most(turns, listener.accept()).await;
            assert!(given_up.is_none());
            let mut client = Stream::connect(&driver, to).await.unwrap();
            let mut server = listener.accept().await.unwrap();
            server.write_all(b"hello").await.unwrap();
            server.shutdown().await.unwrap();
            let mut text = String::new();
            client.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "hello");
        }
    });
}

#[test]
fn a_connection_that_nobody_took_is_closed() {
    on_each_runtime(|driver| async move {
        let listener = Listener::bind(&driver, "127.0.0.1:0".parse().unwrap()).unwrap();
        let to = listener.local_addr().unwrap();
        let mut first = Box::pin(listener.accept());
        let mut second = Box::pin(listener.accept());
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        let mut one = Stream::connect(&driver, to).await.unwrap();
        let mut other = Stream::connect(&driver, to).await.unwrap();
        // By then the first has won too, which nobody has looked at.
        let mut server = second.await.unwrap();
        drop(first);
        drop(listener);
        server.write_all(b"hello").await.unwrap();
        server.shutdown().await.unwrap();
        let (mut here, mut there) = (String::new(), String::new());
        let both = async {
            let _ = one.read_to_string(&mut here).await;
            let _ = other.read_to_string(&mut there).await;
        };
        let patience = std::time::Duration::from_secs(20);
        tokio::time::timeout(patience, both)
            .await
            .expect("one was left open");
        assert_eq!(here + &there, "hello");
    });
}

#[test]
fn the_end_of_the_runtime_ends_what_waits() {
    for pinned in [true, false] {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (mut client, server) = runtime.block_on(async {
            let driver = match pinned {
                true => Driver::pinned(library()).unwrap(),
                false => Driver::migrating(library()).unwrap(),
            };
            let (mut client, mut server) = pair(&driver).await;
            server.write_all(b"seen").await.unwrap();
            assert_eq!(client.fill_buf().await.unwrap(), b"seen");
            let mut byte = [0; 1];
            assert!(server.read(&mut byte).now_or_never().is_none());
            (client, server)
        });
        drop(runtime);
        let waker = noop_waker();
        let mut cx = Context::from_waker(&waker);
        // What was seen is still there, and the rest is an error, not a hang and not a crash.
        let mut four = [0; 4];
        let mut server = server;
        let read = client.read_exact(&mut four);
        tokio::pin!(read);
        assert!(matches!(read.poll(&mut cx), Poll::Ready(Ok(4))));
        assert_eq!(&four, b"seen");
        for stream in [&mut client, &mut server] {
            let read = stream.read(&mut four);
            tokio::pin!(read);
            assert!(matches!(read.poll(&mut cx), Poll::Ready(Err(_))));
        }
    }
}

/// Whoever is last closes the driver.  Where that is not allowed, its memory is not freed either.
#[test]
fn memory_in_flight_is_freed_after_the_driver_or_never() {
    for elsewhere in [false, true] {
        let (freed, freeing) = channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let streams = runtime.block_on(async {
            let driver = Driver::pinned(library()).unwrap();
            let (mut client, server) = pair(&driver).await;
            let buffer = Watched(Vec::with_capacity(4096), freed.clone());
            assert!(client.read_owned(buffer).now_or_never().is_none());
            (client, server)
        });
        drop(runtime);
        assert!(freeing.try_recv().is_err());
        match elsewhere {
            // This thread lives, so the driver is still its own.
            true => std::thread::spawn(move || drop(streams)).join().unwrap(),
            false => drop(streams),
        }
        assert_eq!(freeing.try_recv().is_ok(), !elsewhere);
    }
}
