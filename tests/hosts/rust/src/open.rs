//! Where streams come from: files, connections, listeners.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use crate::{sys, Driver, Io, Stream};

/// How to open a file, as `std::fs::OpenOptions`.
#[derive(Clone, Copy, Default)]
pub struct OpenOptions {
    access: u32,
    flags: u32,
}

impl OpenOptions {
    pub fn new() -> OpenOptions {
        OpenOptions::default()
    }

    pub fn read(mut self) -> OpenOptions {
        self.access |= sys::ABIO_ACCESS_READ;
        self
    }

    pub fn write(mut self) -> OpenOptions {
        self.access |= sys::ABIO_ACCESS_WRITE;
        self
    }

    pub fn create(mut self) -> OpenOptions {
        self.flags |= sys::ABIO_OPEN_CREATE;
        self
    }

    pub fn truncate(mut self) -> OpenOptions {
        self.flags |= sys::ABIO_OPEN_TRUNCATE;
        self
    }

    pub fn append(mut self) -> OpenOptions {
        self.flags |= sys::ABIO_OPEN_APPEND;
        self
    }

    /// Opens the bare object, without buffers.
    pub async fn open_io(self, driver: &Driver, path: impl AsRef<Path>) -> io::Result<Io> {
        let options = sys::abio_open_options {
            access: self.access,
            flags: self.flags,
            ..Default::default()
        };
        let path = path.as_ref().as_os_str().as_bytes();
        let operation = driver.start(|api, token| unsafe {
            let (data, length) = (path.as_ptr().cast(), path.len() as u32);
            (api.open)(driver.id(), data, length, &options, token)
        })?;
        Ok(Io::new(driver, operation.await?.handle))
    }

    pub async fn open(self, driver: &Driver, path: impl AsRef<Path>) -> io::Result<Stream> {
        Stream::new(self.open_io(driver, path).await?)
    }
}

impl Stream {
    /// Opens a file for reading.
    pub async fn open(driver: &Driver, path: impl AsRef<Path>) -> io::Result<Stream> {
        OpenOptions::new().read().open(driver, path).await
    }

    /// Opens a file for writing, as a new and empty one.
    pub async fn create(driver: &Driver, path: impl AsRef<Path>) -> io::Result<Stream> {
        let options = OpenOptions::new().write().create().truncate();
        options.open(driver, path).await
    }

    /// Connects by TCP.
    pub async fn connect(driver: &Driver, to: SocketAddr) -> io::Result<Stream> {
        let address = address_of(to);
        let operation = driver.start(|api, token| unsafe {
            (api.connect)(driver.id(), &address, ptr::null(), token)
        })?;
        Stream::new(Io::new(driver, operation.await?.handle))
    }
}

/// A listening TCP socket.
pub struct Listener {
    io: Io,
}

impl Listener {
    pub fn bind(driver: &Driver, to: SocketAddr) -> io::Result<Listener> {
        let address = address_of(to);
        let mut id = 0;
        driver.call(|api| unsafe { (api.listen)(driver.id(), &address, ptr::null(), &mut id) })?;
        Ok(Listener {
            io: Io::new(driver, id),
        })
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        socket_addr_of(&self.io.info()?.local)
            .ok_or_else(|| io::Error::new(io::ErrorKind::Other, "not an IP address"))
    }

    /// The next connection.  One that arrives for a future that was dropped is closed.
    pub async fn accept(&self) -> io::Result<Stream> {
        let operation = self
            .io
            .start(|api, io, token| unsafe { (api.accept)(io, 0, token) })?;
        Stream::new(Io::new(self.io.driver(), operation.await?.handle))
    }
}

fn address_of(address: SocketAddr) -> sys::abio_address {
    let mut out = sys::abio_address {
        port: address.port().into(),
        ..Default::default()
    };
    match address {
        SocketAddr::V4(v4) => {
            out.family = sys::ABIO_FAMILY_IPV4;
            out.length = 4;
            out.data[..4].copy_from_slice(&v4.ip().octets());
        }
        SocketAddr::V6(v6) => {
            out.family = sys::ABIO_FAMILY_IPV6;
            out.length = 16;
            out.scope = v6.scope_id();
            out.data[..16].copy_from_slice(&v6.ip().octets());
        }
    }
    out
}

fn socket_addr_of(address: &sys::abio_address) -> Option<SocketAddr> {
    let ip: IpAddr = match address.family {
        sys::ABIO_FAMILY_IPV4 => <[u8; 4]>::try_from(&address.data[..4]).ok()?.into(),
        sys::ABIO_FAMILY_IPV6 => <[u8; 16]>::try_from(&address.data[..16]).ok()?.into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, address.port as u16))
}
