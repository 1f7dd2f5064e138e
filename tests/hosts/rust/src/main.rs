//! abio in Rust: files and sockets on tokio's runtimes.
//!
//!     abio-host LIBRARY GENERATED_DIR

mod checks;
mod manifest;

use std::error::Error;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use abio::{sys, Driver, Library, Listener, OpenOptions, Stream};
use checks::{check, part, FAILED, PASSED};
use futures::future::{try_join_all, FutureExt};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::runtime::Builder;

const LINES: usize = 10_000;
const CLIENTS: usize = 8;
const PARTS: [&str; 4] = ["files", "sockets", "own loop", "cancel"];

fn text() -> String {
    (0..LINES).map(|n| format!("this is line {n}\n")).collect()
}

async fn files(driver: &Driver) -> io::Result<()> {
    let options = OpenOptions::new().read().write().create().truncate();
    let mut file = options.open(driver, "lines.txt").await?;
    file.write_all(text().as_bytes()).await?;

    let mut piece = [0; 1000];
    file.seek(io::SeekFrom::Start(5000)).await?;
    file.read_exact(&mut piece).await?;
    check("read by offset", &text().as_bytes()[5000..6000], &piece[..]);

    file.rewind().await?;
    let mut lines = file.lines();
    let mut got = String::new();
    while let Some(line) = lines.next_line().await? {
        got += &line;
        got.push('\n');
    }
    check("text by lines", text() == got, true);
    Ok(())
}

/// "GET name" is answered with the file of that name.
async fn serve(driver: &Driver, mut connection: Stream) -> io::Result<()> {
    let mut request = String::new();
    connection.read_line(&mut request).await?;
    let name = request.trim_end().strip_prefix("GET ").unwrap_or_default();
    let mut file = Stream::open(driver, name).await?;
    tokio::io::copy(&mut file, &mut connection).await?;
    connection.shutdown().await
}

async fn fetch(driver: &Driver, to: std::net::SocketAddr) -> io::Result<()> {
    let mut connection = Stream::connect(driver, to).await?;
    connection.write_all(b"GET lines.txt\n").await?;
    let mut got = String::new();
    connection.read_to_string(&mut got).await?;
    check("what a client got", text() == got, true);
    Ok(())
}

async fn sockets(driver: &Driver) -> io::Result<()> {
    let listener = Listener::bind(driver, ([127, 0, 0, 1], 0).into())?;
    let to = listener.local_addr()?;
    let clients = (0..CLIENTS).map(|_| fetch(driver, to));
    let servers = (0..CLIENTS).map(|_| async { serve(driver, listener.accept().await?).await });
    tokio::try_join!(try_join_all(clients), try_join_all(servers))?;
    Ok(())
}

/// A task on tokio's timer and one that reads by abio, each waiting for the other; and tasks of
/// tokio's alone get their turns while a stream always has something to read.
async fn own_loop(driver: &Driver) -> io::Result<()> {
    let (mut reader, mut writer) = Stream::pipe(driver)?;
    let order = Mutex::new(Vec::new());
    let seen = tokio::sync::Notify::new();
    let ticking = async {
        for n in 0..5 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            order.lock().unwrap().push(format!("tick {n}"));
            writer.write_all(b"x").await?;
            seen.notified().await;
        }
        Ok::<_, io::Error>(())
    };
    let reading = async {
        for n in 0..5 {
            reader.read_u8().await?;
            order.lock().unwrap().push(format!("read {n}"));
            seen.notify_one();
        }
        Ok(())
    };
    tokio::try_join!(ticking, reading)?;
    let expected: Vec<_> = (0..5)
        .flat_map(|n| [format!("tick {n}"), format!("read {n}")])
        .collect();
    check("the order of events", expected, order.into_inner().unwrap());

    let mut zeros = Stream::open(driver, "/dev/zero").await?;
    let mut some = [0; 1024];
    let turn = Arc::new(());
    let other = turn.clone();
    tokio::spawn(async move { drop(other) });
    let mut reads = 0;
    while Arc::strong_count(&turn) > 1 && reads < 100_000 {
        zeros.read_exact(&mut some).await?;
        reads += 1;
    }
    check("another task had its turn", 1, Arc::strong_count(&turn));
    Ok(())
}

async fn cancel(driver: &Driver) -> io::Result<()> {
    let (mut reader, mut writer) = Stream::pipe(driver)?;
    let mut three = [0; 3];
    // Dropped in flight: the stream keeps the operation, and with it what that brings.
    check(
        "nothing to read",
        reader.read(&mut three).now_or_never().is_none(),
        true,
    );
    let ended = reader.cancel_read().await.and_then(Result::err);
    let code = ended.and_then(|error| abio::Error::code_of(&error));
    check("the terminal event", Some(sys::ABIO_E_CANCELED), code);
    check("it comes once", reader.cancel_read().await.is_none(), true);
    writer.write_all(b"abc").await?;
    reader.read_exact(&mut three).await?;
    check("the next read", b"abc", &three);
    Ok(())
}

/// All parts on one driver; which of them went well.
async fn scenario(driver: Driver) -> [bool; 4] {
    [
        part(PARTS[0], files(&driver)).await,
        part(PARTS[1], sockets(&driver)).await,
        part(PARTS[2], own_loop(&driver)).await,
        part(PARTS[3], cancel(&driver)).await,
    ]
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut arguments = std::env::args_os().skip(1);
    let usage = "usage: abio-host LIBRARY GENERATED_DIR";
    let library = Library::load(arguments.next().ok_or(usage)?)?;
    let generated = std::path::PathBuf::from(arguments.next().ok_or(usage)?);
    let description: serde_json::Value =
        serde_json::from_slice(&std::fs::read(generated.join("abio.json"))?)?;
    if description["sha256"] != library.hash() {
        return Err("the library has another description than abio.json".into());
    }
    println!("loads: yes, libabio {}", library.version());

    // Before there are threads: it forks.
    let rows = serde_json::from_slice(&std::fs::read(generated.join("conformance.json"))?)?;
    let (passed, failed) = manifest::run(library, &rows);
    PASSED.fetch_add(passed, Relaxed);
    FAILED.fetch_add(failed, Relaxed);
    println!("manifest: {} rows run, {failed} failed", passed + failed);

    // One thread, on io_uring where that works; and tasks that move between threads.
    let current = Builder::new_current_thread().enable_all().build()?;
    let pinned = current.block_on(async {
        let driver = Driver::pinned(library)?;
        io::Result::Ok(scenario(driver).await)
    })?;
    let threads = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let moving = threads.block_on(async {
        let driver = Driver::migrating(library)?;
        io::Result::Ok(tokio::spawn(scenario(driver)).await?)
    })?;
    for ((name, pinned), moving) in PARTS.iter().zip(pinned).zip(moving) {
        let how = if *name == "own loop" {
            ", tokio's AsyncFd on both kinds of runtime"
        } else {
            ""
        };
        match (pinned, moving) {
            (true, true) => println!("{name}: yes{how}"),
            (false, _) => println!("{name}: no: it failed on the current-thread runtime"),
            (_, false) => println!("{name}: no: it failed on the multi-thread runtime"),
        }
    }
    let (passed, failed) = (PASSED.load(Relaxed), FAILED.load(Relaxed));
    println!("{passed} passed, {failed} failed");
    std::process::exit(i32::from(failed > 0 || passed == 0));
}
