//! Loading libabio: one `dlopen`, one symbol, and the checks that make its table safe to use.

use std::error::Error;
use std::ffi::OsStr;
use std::mem::{size_of, ManuallyDrop};

use crate::sys;

/// libabio, loaded.  It is never unloaded (it is linked with `-z nodelete`), so this is a plain
/// reference that can be copied.
#[derive(Clone, Copy)]
pub struct Library {
    api: &'static sys::abio_api_table,
    entry: sys::abio_api,
}

impl Library {
    /// Loads the library at `path`, or `libabio.so.0` from where the system looks for libraries.
    ///
    /// A newer minor version is welcome, as tables only grow; an older one, or another description
    /// under the same version, is refused.
    pub fn load(path: impl AsRef<OsStr>) -> Result<Library, Box<dyn Error + Send + Sync>> {
        // Safety: libabio has no constructors, and the symbol has this type in every version.
        let library = ManuallyDrop::new(unsafe { libloading::Library::new(path)? });
        let entry: sys::abio_api = unsafe { *library.get(b"abio_api\0")? };
        let table = unsafe { entry(sys::ABIO_MAJOR) };
        if table.is_null() {
            return Err(format!("this libabio has no version {}.x", sys::ABIO_MAJOR).into());
        }
        // Safety: the head is there for ever; more than that, only as far as it says.
        let head = unsafe { *table.cast::<sys::abio_table_head>() };
        let (major, minor) = (u32::from(head.major), u32::from(head.minor));
        let short = (head.size as usize) < size_of::<sys::abio_api_table>();
        if major != sys::ABIO_MAJOR || minor < sys::ABIO_MINOR || short {
            return Err(format!(
                "libabio {major}.{minor} is too old: this program needs {}.{} or newer",
                sys::ABIO_MAJOR,
                sys::ABIO_MINOR
            )
            .into());
        }
        let library = Library {
            api: unsafe { &*table },
            entry,
        };
        if minor == sys::ABIO_MINOR && library.hash() != sys::ABIO_SHA256 {
            return Err("this libabio has another description than this program".into());
        }
        Ok(library)
    }

    /// The root table: every function of the library.
    pub fn api(&self) -> &'static sys::abio_api_table {
        self.api
    }

    /// The exported symbol.
    pub fn entry(&self) -> sys::abio_api {
        self.entry
    }

    pub fn version(&self) -> String {
        let info = self.info();
        format!("{}.{}.{}", info.major, info.minor, info.patch)
    }

    /// SHA-256 of the description that the library was built from, as abio.json has it.
    pub fn hash(&self) -> String {
        self.info()
            .hash
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect()
    }

    fn info(&self) -> sys::abio_abi {
        let mut info = sys::abio_abi::default();
        let code = unsafe { (self.api.abi_info)(&mut info) };
        assert_eq!(code, 0, "abio_abi_info refuses its own struct");
        info
    }
}
