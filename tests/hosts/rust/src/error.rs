//! What the library answers, as `io::Error`.

use std::ffi::CStr;
use std::{fmt, io};

use crate::sys;

/// A refusal or result of the library's own, inside an `io::Error`; the system's errors are plain
/// ones.  `error.get_ref()` and `downcast_ref::<abio::Error>()` find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    pub code: i32,
    text: &'static str,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl std::error::Error for Error {}

impl Error {
    /// The code of the library inside an `io::Error`, if it is one.
    pub fn code_of(error: &io::Error) -> Option<i32> {
        Some(error.get_ref()?.downcast_ref::<Error>()?.code)
    }
}

pub(crate) fn error_of(api: &'static sys::abio_api_table, code: i32) -> io::Error {
    if (-4095..0).contains(&code) {
        return io::Error::from_raw_os_error(-code);
    }
    // Safety: a static string that ends in zero.
    let text = unsafe { CStr::from_ptr((api.error_text)(code)) };
    let text = text.to_str().unwrap_or("unknown error");
    io::Error::new(kind_of(code), Error { code, text })
}

/// Never `Interrupted`: what std and tokio do with that is to try again.
fn kind_of(code: i32) -> io::ErrorKind {
    match code {
        sys::ABIO_WOULD_BLOCK => io::ErrorKind::WouldBlock,
        sys::ABIO_E_UNEXPECTED_EOF => io::ErrorKind::UnexpectedEof,
        sys::ABIO_E_WRITE_ZERO => io::ErrorKind::WriteZero,
        sys::ABIO_E_UNSUPPORTED => io::ErrorKind::Unsupported,
        sys::ABIO_E_CLOSED => io::ErrorKind::NotConnected,
        sys::ABIO_E_ARGUMENT | sys::ABIO_E_HANDLE => io::ErrorKind::InvalidInput,
        sys::ABIO_E_NAME_NOT_FOUND => io::ErrorKind::NotFound,
        _ => io::ErrorKind::Other,
    }
}
