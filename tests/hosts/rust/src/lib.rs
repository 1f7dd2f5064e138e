//! abio for tokio.
//!
//! * [`Library`] loads libabio by `dlopen` and its one symbol; [`sys`] are the generated declarations.
//! * [`Driver`] rides on tokio's `AsyncFd`; every other object belongs to one.
//! * [`Stream`] is a socket, pipe or file as `AsyncRead`, `AsyncWrite`, `AsyncBufRead` and
//!   `AsyncSeek` of tokio and of futures; [`Listener`] hands out streams.
//! * [`traits`] are the traits of the specification, which a [`Stream`] has as well.

#[rustfmt::skip]
#[path = "../../../../abi/generated/abio.rs"]
pub mod sys;

mod buffers;
mod driver;
mod error;
mod facets;
mod library;
mod open;
mod poll;
mod stream;
pub mod traits;

pub use buffers::OwnedBuf;
pub use driver::{Driver, Operation};
pub use error::Error;
pub use facets::Facet;
pub use library::Library;
pub use open::{Listener, OpenOptions};
pub use stream::{Io, Stream};
