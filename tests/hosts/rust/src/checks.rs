//! The table that the host prints, and what it counts.

use std::fmt::Debug;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use futures::FutureExt;

pub static PASSED: AtomicUsize = AtomicUsize::new(0);
pub static FAILED: AtomicUsize = AtomicUsize::new(0);

pub fn check<T: PartialEq + Debug>(what: &str, expected: T, got: T) {
    if expected == got {
        PASSED.fetch_add(1, Relaxed);
    } else {
        FAILED.fetch_add(1, Relaxed);
        eprintln!("FAILED {what}: expected {expected:?}, got {got:?}");
    }
}

/// Runs a part; whether nothing in it failed.
pub async fn part(what: &str, run: impl Future<Output = std::io::Result<()>>) -> bool {
    let before = FAILED.load(Relaxed);
    match AssertUnwindSafe(run).catch_unwind().await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => check(what, "no error", &error.to_string()),
        Err(_) => check(what, "no panic", "a panic"),
    }
    FAILED.load(Relaxed) == before
}
