//! Memory of Rust's that the library may keep: it is moved in, and comes home with the result.

use futures::future::poll_fn;
use std::io;

use crate::{sys, Driver, Io, Operation};

/// A buffer with a filled part, behind which a read appends: `~[u8]` of the specification.
///
/// # Safety
///
/// The memory must stay where it is, and be nobody else's, while the owner moves.
pub unsafe trait OwnedBuf: Send + 'static {
    fn as_mut_ptr(&mut self) -> *mut u8;
    fn filled(&self) -> usize;
    fn capacity(&self) -> usize;

    /// # Safety
    ///
    /// So many bytes are initialised.
    unsafe fn set_filled(&mut self, count: usize);
}

// Safety: a Vec's memory is on the heap.
unsafe impl OwnedBuf for Vec<u8> {
    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.as_mut_ptr()
    }

    fn filled(&self) -> usize {
        self.len()
    }

    fn capacity(&self) -> usize {
        self.capacity()
    }

    unsafe fn set_filled(&mut self, count: usize) {
        self.set_len(count);
    }
}

/// A `T` that the library has wrapped: it is lent until the event that releases it.
struct Wrapped {
    driver: Driver,
    buffer: sys::abio_buffer,
    home: Operation,
}

impl Wrapped {
    fn new<T: OwnedBuf>(driver: &Driver, mut memory: T) -> Result<Wrapped, (io::Error, T)> {
        let (data, filled) = (memory.as_mut_ptr(), memory.filled() as u32);
        let capacity = memory.capacity().min(0x7fff_f000) as u32;
        let mut buffer = 0;
        let home = driver.start_lending(memory, |api, token| unsafe {
            let code = (api.buffer_wrap)(driver.id(), data.cast(), capacity, 0, token, &mut buffer);
            if code == 0 {
                (api.buffer_set)(buffer, filled, filled);
            }
            code
        })?;
        Ok(Wrapped {
            driver: driver.clone(),
            buffer,
            home,
        })
    }

    /// How far it is filled now.
    fn filled(&self) -> usize {
        let mut state = sys::abio_buffer_state::default();
        let _ = self
            .driver
            .call(|api| unsafe { (api.buffer_info)(self.buffer, &mut state) });
        state.filled as usize
    }

    fn release(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        if buffer != 0 {
            let _ = self
                .driver
                .call(|api| unsafe { (api.buffer_release)(buffer) });
        }
    }

    /// Nothing only when the runtime has ended first.
    async fn come_home<T: OwnedBuf>(mut self) -> Option<T> {
        let filled = self.filled();
        self.release();
        let (_, lent) = poll_fn(|cx| self.home.poll_event(cx)).await;
        let mut memory: T = *lent?.downcast().ok()?;
        // Safety: the library says so.
        unsafe { memory.set_filled(filled) };
        Some(memory)
    }
}

impl Drop for Wrapped {
    fn drop(&mut self) {
        self.release();
    }
}

/// Runs an operation on `memory`, which comes home in every outcome, and with what arrived.
pub(crate) async fn owned<T: OwnedBuf>(
    io: &Io,
    memory: T,
    start: impl Fn(&sys::abio_api_table, sys::abio_io, sys::abio_buffer, u64) -> i32,
) -> (io::Result<usize>, Option<T>) {
    let wrapped = match Wrapped::new(io.driver(), memory) {
        Ok(wrapped) => wrapped,
        Err((error, memory)) => return (Err(error), Some(memory)),
    };
    let buffer = wrapped.buffer;
    let start = |api: &sys::abio_api_table, io, token| start(api, io, buffer, token);
    let result = match poll_fn(|cx| io.poll_start(cx, start)).await {
        Ok(operation) => operation.await.map(|event| event.result as usize),
        Err(error) => Err(error),
    };
    (result, wrapped.come_home().await)
}

/// Runs an operation on memory that nobody sees before it has ended: for borrowed slices, which
/// could not be lent, as a future may be forgotten.
pub(crate) async fn lend(
    io: &Io,
    mut memory: Vec<u8>,
    start: impl FnOnce(&sys::abio_api_table, sys::abio_io, *mut u8, u64) -> i32,
) -> io::Result<(usize, Vec<u8>)> {
    let mut operation = {
        let data = memory.as_mut_ptr();
        let start = |api: &sys::abio_api_table, token| start(api, io.id(), data, token);
        let started = io.driver().start_lending(memory, start);
        started.map_err(|(error, _)| error)?
    };
    let (result, lent) = poll_fn(|cx| operation.poll_event(cx)).await;
    let count = result?.result as usize;
    let memory = lent.and_then(|lent| lent.downcast().ok());
    Ok((count, *memory.expect("lent as a Vec")))
}
