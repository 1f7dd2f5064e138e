//! The driver: abio's event queue behind one descriptor, watched by tokio's `AsyncFd`.
//!
//! One task, the pump, polls it; operations are futures that the pump wakes.  All calls into the
//! library that concern a driver are made under its lock, which is what `ABIO_DRIVER_MIGRATES` asks
//! of a host whose tasks move between threads.  A pinned driver takes the same lock, uncontended.
//!
//! What an operation was lent stays in the driver's table until the terminal event, whatever
//! becomes of the future: dropping it asks the library to cancel, and nothing more.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::os::unix::io::{BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::{io, mem};

use tokio::io::unix::AsyncFd;
use tokio::io::Interest;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::error::error_of;
use crate::{sys, Error, Library};

type Api = sys::abio_api_table;
type Lent = Box<dyn Any + Send>;

/// How many events one poll takes, and after how many full ones other tasks get a turn.
const EVENTS: usize = 64;
const FULL_POLLS: usize = 16;
/// How long closing without a pump waits for the system, before it leaks what that still uses.
const LAST_WAIT_NS: i64 = 1_000_000_000;

/// An abio driver on the current tokio runtime.  Clones share it; it ends when the last of them,
/// and the last object and operation on it, is gone.
#[derive(Clone)]
pub struct Driver(Arc<Live>);

/// What all holders of a driver share.
struct Live(Arc<Core>);

struct Core {
    api: &'static Api,
    id: sys::abio_driver,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: HashMap<u64, Entry>,
    last_token: u64,
    /// How many entries are forgotten, and who waits for one of these to end.
    forgotten: usize,
    freed: Vec<Waker>,
    /// The pump task runs.
    pumped: bool,
    /// Nobody holds the driver any more.
    unheld: bool,
}

/// An operation in flight, or one whose event nobody has fetched yet.
#[derive(Default)]
struct Entry {
    event: Option<sys::abio_event>,
    waker: Option<Waker>,
    lent: Option<Lent>,
    /// The future was dropped.
    forgotten: bool,
}

impl Driver {
    /// A driver for tasks that move between threads (`tokio::spawn` on a multi-thread runtime).
    /// Such a driver is always on epoll: a ring of io_uring belongs to one thread.
    pub fn migrating(library: Library) -> io::Result<Driver> {
        let (driver, pump) = Driver::create(library, sys::ABIO_DRIVER_MIGRATES)?;
        tokio::spawn(pump);
        Ok(driver)
    }

    /// A driver for one thread: on a current-thread runtime, or inside a `LocalSet`.  It is on
    /// io_uring where that works (`ABIO_BACKEND` in the environment decides first).  From another
    /// thread every call answers `ABIO_E_WRONG_THREAD`; dropping its objects there is allowed.
    pub fn pinned(library: Library) -> io::Result<Driver> {
        let (driver, pump) = Driver::create(library, 0)?;
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::CurrentThread => tokio::spawn(pump),
            _ => tokio::task::spawn_local(pump),
        };
        Ok(driver)
    }

    fn create(library: Library, flags: u32) -> io::Result<(Driver, impl Future<Output = ()>)> {
        let api = library.api();
        let options = sys::abio_driver_options {
            flags,
            ..Default::default()
        };
        let mut id = 0;
        match unsafe { (api.driver_create)(&options, &mut id) } {
            0 => {}
            code => return Err(error_of(api, code)),
        }
        let state = Mutex::new(State {
            pumped: true,
            ..Default::default()
        });
        let core = Arc::new(Core { api, id, state });
        let driver = Driver(Arc::new(Live(core.clone())));
        let pump = PumpGuard(core);
        // A duplicate, so that tokio can stop watching it after the driver is closed.
        let fd = unsafe { BorrowedFd::borrow_raw((api.driver_fd)(id)) }.try_clone_to_owned()?;
        let fd = AsyncFd::with_interest(fd, Interest::READABLE)?;
        Ok((driver, async move { pump.run(fd).await }))
    }

    /// "io_uring" or "epoll", and why.
    pub fn backend(&self) -> (&'static str, String) {
        let mut info = sys::abio_driver_state::default();
        let core = self.core();
        unsafe { (core.api.driver_info)(core.id, &mut info) };
        let reason = String::from_utf8_lossy(&info.reason);
        let reason = reason.trim_end_matches('\0').to_string();
        match info.backend {
            sys::ABIO_BACKEND_URING => ("io_uring", reason),
            _ => ("epoll", reason),
        }
    }

    fn core(&self) -> &Core {
        &self.0 .0
    }

    pub(crate) fn id(&self) -> sys::abio_driver {
        self.core().id
    }

    /// Makes a call under the driver's lock.  What is not negative is its value.
    pub(crate) fn call(&self, call: impl FnOnce(&Api) -> i32) -> io::Result<u32> {
        let core = self.core();
        let _state = core.lock();
        core.check(call(core.api))
    }

    /// Starts an operation: `call` is given the token for it.
    pub(crate) fn start(&self, call: impl FnOnce(&Api, u64) -> i32) -> io::Result<Operation> {
        self.start_in(&mut self.core().lock(), call)
    }

    /// The same, with something that is kept until the terminal event: the memory it works on.
    pub(crate) fn start_lending<T: Send + 'static>(
        &self,
        lent: T,
        call: impl FnOnce(&Api, u64) -> i32,
    ) -> Result<Operation, (io::Error, T)> {
        let mut state = self.core().lock();
        match self.start_in(&mut state, call) {
            Err(error) => Err((error, lent)),
            Ok(operation) => {
                let entry = state.entries.get_mut(&operation.token);
                entry.expect("just made").lent = Some(Box::new(lent));
                Ok(operation)
            }
        }
    }

    fn start_in(
        &self,
        state: &mut State,
        call: impl FnOnce(&Api, u64) -> i32,
    ) -> io::Result<Operation> {
        let core = self.core();
        let token = state.last_token + 1;
        core.check(call(core.api, token))?;
        state.last_token = token;
        state.entries.insert(token, Entry::default());
        Ok(Operation {
            driver: self.clone(),
            token,
            done: false,
        })
    }

    /// As `call`, for what needs a direction of a stream: one that is busy with an operation whose
    /// future was dropped is waited for, as that keeps it until its event has come.
    pub(crate) fn poll_call(
        &self,
        cx: &mut Context<'_>,
        call: impl FnOnce(&Api) -> i32,
    ) -> Poll<io::Result<u32>> {
        let core = self.core();
        self.poll_free(cx, |_| core.check(call(core.api)))
    }

    /// As `start`, in the same way.
    pub(crate) fn poll_start(
        &self,
        cx: &mut Context<'_>,
        call: impl FnOnce(&Api, u64) -> i32,
    ) -> Poll<io::Result<Operation>> {
        self.poll_free(cx, |state| self.start_in(state, call))
    }

    fn poll_free<T>(
        &self,
        cx: &mut Context<'_>,
        call: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        let waker = cx.waker().clone();
        let mut state = self.core().lock();
        match call(&mut state) {
            Err(error) if Error::code_of(&error) == Some(sys::ABIO_E_BUSY) => {
                if state.forgotten == 0 || !state.pumped {
                    return Poll::Ready(Err(error));
                }
                state.freed.push(waker);
                Poll::Pending
            }
            result => Poll::Ready(result),
        }
    }
}

/// An operation in flight.  Dropping it cancels it; its memory stays until the library lets go.
pub struct Operation {
    driver: Driver,
    token: u64,
    done: bool,
}

impl Operation {
    /// Asks it to end; it still ends in one event, with its own result if that came first.
    pub fn cancel(&self) {
        let _ = self
            .driver
            .call(|api| unsafe { (api.cancel)(self.driver.id(), self.token) });
    }

    /// The terminal event, with what was lent (as it was given to `start_lending`).
    pub(crate) fn poll_event(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<(io::Result<sys::abio_event>, Option<Lent>)> {
        assert!(!self.done, "an operation is polled after its end");
        let waker = cx.waker().clone();
        let core = self.driver.core();
        let mut state = core.lock();
        let pumped = state.pumped;
        let entry = state.entries.get_mut(&self.token).expect("no such entry");
        if entry.event.is_none() && pumped {
            let old = entry.waker.replace(waker);
            drop(state);
            drop(old);
            return Poll::Pending;
        }
        self.done = true;
        let event = match entry.event {
            Some(event) => event,
            None => {
                // The runtime has ended and nobody will poll.
                entry.forgotten = true;
                state.forgotten += 1;
                return Poll::Ready((Err(error_of(core.api, sys::ABIO_E_CLOSED)), None));
            }
        };
        let entry = state.entries.remove(&self.token);
        drop(state);
        let lent = entry.and_then(|entry| entry.lent);
        let result = match event.result {
            0.. => Ok(event),
            code => Err(error_of(core.api, code as i32)),
        };
        Poll::Ready((result, lent))
    }
}

impl Future for Operation {
    type Output = io::Result<sys::abio_event>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_event(cx).map(|(result, _)| result)
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let core = self.driver.core();
        let mut state = core.lock();
        let entry = state.entries.get_mut(&self.token).expect("no such entry");
        let waker = entry.waker.take();
        let ended = match entry.event {
            Some(event) => {
                core.dispose(&event);
                state.entries.remove(&self.token)
            }
            None => {
                entry.forgotten = true;
                state.forgotten += 1;
                unsafe { (core.api.cancel)(core.id, self.token) };
                None
            }
        };
        drop(state);
        drop((waker, ended));
    }
}

impl Core {
    /// Nothing of the host's runs under the lock: wakers and what was lent are dropped outside.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, code: i32) -> io::Result<u32> {
        u32::try_from(code).map_err(|_| error_of(self.api, code))
    }

    /// An event that nobody waits for may bring a handle.
    fn dispose(&self, event: &sys::abio_event) {
        if event.flags & sys::ABIO_EVENT_HANDLE != 0 {
            unsafe { (self.api.release)(event.handle) };
        }
    }

    /// Takes what has happened and wakes who waits for it; 0 when the driver is quiet.
    fn poll(&self) -> io::Result<usize> {
        let mut events = [sys::abio_event::default(); EVENTS];
        let stride = mem::size_of::<sys::abio_event>() as u32;
        let mut wakers = Vec::new();
        let mut forgotten = Vec::new();
        let mut state = self.lock();
        let count = self.check(unsafe {
            (self.api.driver_poll)(self.id, events.as_mut_ptr(), stride, EVENTS as u32)
        })? as usize;
        for event in &events[..count] {
            self.deliver(&mut state, event, &mut wakers, &mut forgotten);
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        Ok(count)
    }

    fn deliver(
        &self,
        state: &mut State,
        event: &sys::abio_event,
        wakers: &mut Vec<Waker>,
        forgotten: &mut Vec<Entry>,
    ) {
        // Not the terminal event, or that of abio_driver_wake.
        if event.flags & (sys::ABIO_EVENT_MORE | sys::ABIO_EVENT_WAKE) != 0 {
            return;
        }
        let entry = match state.entries.get_mut(&event.token) {
            Some(entry) => entry,
            None => return,
        };
        if entry.forgotten {
            self.dispose(event);
            forgotten.extend(state.entries.remove(&event.token));
            state.forgotten -= 1;
            wakers.append(&mut state.freed);
        } else {
            entry.event = Some(*event);
            wakers.extend(entry.waker.take());
        }
    }

    fn try_close(&self) -> i32 {
        let _state = self.lock();
        unsafe { (self.api.driver_close)(self.id) }
    }

    fn shut_down(&self) {
        let _state = self.lock();
        unsafe { (self.api.driver_shutdown)(self.id) };
    }

    /// Closes the driver when there is neither a pump nor anybody who holds it.  What the system
    /// may still use then is leaked: memory that waits for a peer's acknowledgement, and all of a
    /// pinned driver whose last holder is on another thread.
    fn close_now(&self) {
        self.shut_down();
        loop {
            match self.try_close() {
                // Closed, now or by the pump.
                0 | sys::ABIO_E_HANDLE => return,
                sys::ABIO_E_BUSY if self.wait_for_one() => {}
                _ => break,
            }
        }
        mem::forget(mem::take(&mut self.lock().entries));
        unsafe { (self.api.driver_abandon)(self.id) };
    }

    fn wait_for_one(&self) -> bool {
        let mut event = sys::abio_event::default();
        let stride = mem::size_of::<sys::abio_event>() as u32;
        let wait = self.api.driver_wait;
        let count = unsafe { wait(self.id, &mut event, stride, 1, LAST_WAIT_NS) };
        if count > 0 {
            let mut state = self.lock();
            let (mut wakers, mut forgotten) = (Vec::new(), Vec::new());
            self.deliver(&mut state, &event, &mut wakers, &mut forgotten);
            drop(state);
        }
        count > 0
    }
}

/// The pump's hold on the driver: its drop is how the end of the runtime is noticed.
struct PumpGuard(Arc<Core>);

impl PumpGuard {
    /// tokio watches edge-triggered, so the driver is polled until 0 before the readiness is
    /// cleared; `clear_ready` does nothing when another edge has come meanwhile.
    async fn run(self, fd: AsyncFd<OwnedFd>) {
        let core = &self.0;
        let mut ending = false;
        loop {
            let mut readiness = match fd.readable().await {
                Ok(readiness) => readiness,
                Err(_) => return,
            };
            let mut full = 0;
            loop {
                match core.poll() {
                    Ok(0) => break,
                    Ok(count) => full += usize::from(count == EVENTS),
                    Err(_) => return,
                }
                if full == FULL_POLLS {
                    full = 0;
                    tokio::task::yield_now().await;
                }
            }
            readiness.clear_ready();
            if core.lock().unheld {
                if !ending {
                    ending = true;
                    core.shut_down();
                }
                // While it is busy something is still ending, which makes the fd readable.
                if core.try_close() != sys::ABIO_E_BUSY {
                    return;
                }
            }
        }
    }
}

impl Drop for PumpGuard {
    fn drop(&mut self) {
        let core = &self.0;
        let mut state = core.lock();
        state.pumped = false;
        let unheld = state.unheld;
        let mut wakers: Vec<_> = state
            .entries
            .values_mut()
            .filter_map(|e| e.waker.take())
            .collect();
        wakers.append(&mut state.freed);
        drop(state);
        if unheld {
            core.close_now();
        } else {
            core.shut_down();
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.unheld = true;
        let pumped = state.pumped;
        drop(state);
        if pumped {
            unsafe { (self.0.api.driver_wake)(self.0.id) };
        } else {
            self.0.close_now();
        }
    }
}
