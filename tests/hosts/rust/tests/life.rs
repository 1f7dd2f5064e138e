//! Nothing is left behind.  One test, as it counts what the whole process has open.

mod common;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use abio::{Driver, Listener, Stream};
use common::{library, on_each_runtime, pair, pattern};
use futures::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What they are, sorted.
fn open_descriptors() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let links = entries.map(|entry| std::fs::read_link(entry.unwrap().path()).unwrap_or_default());
    let mut links: Vec<_> = links.collect();
    links.sort();
    links
}

fn use_everything() {
    on_each_runtime(|driver| async move {
        let (mut client, mut server) = pair(&driver).await;
        let (reader, writer) = Stream::pipe(&driver).unwrap();
        let file = Stream::open(&driver, "/proc/self/status").await.unwrap();
        let data = pattern(100_000);
        client.write_all(&data).await.unwrap();
        let mut some = [0; 1000];
        server.read_exact(&mut some).await.unwrap();
        // All is dropped in the middle of things.
        let mut rest = Vec::new();
        let _ = server.read_to_end(&mut rest).now_or_never();
        drop((reader, writer));
        drop(file);
        // Accepts that are dropped before and after a connection was won.
        let listener = Listener::bind(&driver, ([127, 0, 0, 1], 0).into()).unwrap();
        let to = listener.local_addr().unwrap();
        let mut accepts = [Box::pin(listener.accept()), Box::pin(listener.accept())];
        accepts
            .iter_mut()
            .for_each(|accept| assert!(accept.now_or_never().is_none()));
        let client = Stream::connect(&driver, to).await.unwrap();
        tokio::task::yield_now().await;
        drop((accepts, client));
    });
    // The driver outlives its runtime, on this thread and on another.
    for elsewhere in [false, true] {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let kept = runtime.block_on(async {
            let driver = Driver::migrating(library()).unwrap();
            pair(&driver).await
        });
        drop(runtime);
        match elsewhere {
            true => std::thread::spawn(move || drop(kept)).join().unwrap(),
            false => drop(kept),
        }
    }
}

#[test]
fn every_descriptor_is_closed() {
    let before = open_descriptors();
    for _ in 0..3 {
        use_everything();
        // A worker thread of the library that ends closes its own a moment later.
        let patience = Instant::now() + Duration::from_secs(20);
        while open_descriptors() != before && Instant::now() < patience {
            std::thread::yield_now();
        }
        assert_eq!(open_descriptors(), before);
    }
}
