//! Every test runs on each way a driver can live on tokio.
#![allow(dead_code)]

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;

use abio::{Driver, Library, Listener, Stream};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

pub fn library() -> Library {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let built = here.join("../../../build/lib/libabio.so.0");
    let path = std::env::var_os("ABIO_LIBRARY").unwrap_or_else(|| built.into_os_string());
    Library::load(path).unwrap()
}

/// A pinned driver on a current-thread runtime, another in a `LocalSet` of a multi-thread one, and
/// a migrating one under tasks that move.
pub fn on_each_runtime<F, Fut>(test: F)
where
    F: Fn(Driver) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let library = library();
    let current = Builder::new_current_thread().enable_all().build().unwrap();
    current.block_on(async { test(Driver::pinned(library).unwrap()).await });
    let threads = Builder::new_multi_thread()
        .worker_threads(3)
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&threads, async {
        test(Driver::pinned(library).unwrap()).await
    });
    threads.block_on(async {
        let driver = Driver::migrating(library).unwrap();
        assert_eq!(driver.backend().0, "epoll");
        tokio::spawn(test(driver)).await.unwrap();
    });
}

/// The two ends of a TCP connection.
pub async fn pair(driver: &Driver) -> (Stream, Stream) {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::bind(driver, any).unwrap();
    let to = listener.local_addr().unwrap();
    let (one, other) = tokio::join!(Stream::connect(driver, to), listener.accept());
    (one.unwrap(), other.unwrap())
}

/// A path in a directory of this test program's, without a file.
pub fn path(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = directory.join(format!("{name}-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

/// Bytes that tell where they belong.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8)
        .collect()
}

/// xorshift: the same numbers in every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
