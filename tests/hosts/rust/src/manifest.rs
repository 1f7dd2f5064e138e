//! The conformance manifest: every function, called by its description alone, with what is right
//! and with what must be refused.
//!
//! Every argument of abio is an integer or a pointer and there are six at most, so that each has a
//! register of its own in the calling conventions of Linux.  A call is made through a pointer that
//! takes six `u64`: the callee looks at those it has, and at the half of each that it has.

use std::collections::HashMap;
use std::ffi::CStr;
use std::{mem, thread};

use abio::{sys, Library};
use serde_json::Value;

type Call = unsafe extern "C" fn(u64, u64, u64, u64, u64, u64) -> u64;

/// One row while it runs: numbers by name (handles above all), and the memory it has lent.
struct Row<'a> {
    library: Library,
    manifest: &'a Value,
    kept: HashMap<&'a str, u64>,
    named: HashMap<&'a str, u64>,
    memory: Vec<Vec<u64>>,
}

/// Runs all rows; how many passed and failed.
pub fn run(library: Library, manifest: &Value) -> (usize, usize) {
    let rows = manifest["rows"].as_array().expect("rows");
    let right = rows
        .iter()
        .filter(|json| run_row(library, manifest, json))
        .count();
    (right, rows.len() - right)
}

fn run_row(library: Library, manifest: &Value, json: &Value) -> bool {
    let mut row = Row {
        library,
        manifest,
        kept: HashMap::new(),
        named: HashMap::new(),
        memory: Vec::new(),
    };
    for name in list(&json["needs"]) {
        row.make(text(name));
    }
    let arguments = row.arguments(&json["arguments"]);
    let (call, name) = (row.entry(text(&json["function"])), text(&json["function"]));
    let judge = || right(json, unsafe { ring(call, arguments) });
    let fine = match text(&json["where"]) {
        "thread" => thread::scope(|scope| scope.spawn(judge).join().expect("no panic")),
        "child" => in_a_child(judge),
        _ => judge(),
    };
    if !fine {
        eprintln!("FAILED {name} {}: expected {json}", text(&json["case"]));
    }
    row.keep_what_was_stored(&json["arguments"], arguments);
    row.end();
    fine
}

/// The child makes one call and compares numbers; neither Rust nor tokio is asked for more there.
fn in_a_child(judge: impl Fn() -> bool) -> bool {
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::_exit(i32::from(!judge()));
        }
        let mut status = 0;
        child > 0 && libc::waitpid(child, &mut status, 0) == child && status == 0
    }
}

unsafe fn ring(call: Call, a: [u64; 6]) -> u64 {
    call(a[0], a[1], a[2], a[3], a[4], a[5])
}

/// Whether an answer is what the row expects.  Allocates nothing.
fn right(json: &Value, answer: u64) -> bool {
    if let Some(code) = json["code"].as_i64() {
        return (i64::from(answer as i32) == code) == (json["refused"] == true);
    }
    if let Some(expected) = json["text"].as_str() {
        let found = answer as usize as *const _;
        return answer != 0 && unsafe { CStr::from_ptr(found) }.to_bytes() == expected.as_bytes();
    }
    if let Some(size) = json["head"]["size"].as_u64() {
        let head = answer as usize as *const sys::abio_table_head;
        let fits = |head: sys::abio_table_head| {
            u64::from(head.size) >= size && json["head"]["trait"] == head.r#trait
        };
        return answer != 0 && fits(unsafe { *head });
    }
    json["null"] == true && answer == 0
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn number(value: &Value) -> u64 {
    let signed = value.as_i64().map(|n| n as u64);
    signed.or_else(|| value.as_u64()).expect("a number")
}

impl<'a> Row<'a> {
    /// The function at the manifest's offset in the root table.
    fn entry(&self, name: &str) -> Call {
        let offset = number(&self.manifest["functions"][name]["offset"]) as usize;
        let table: *const sys::abio_api_table = self.library.api();
        unsafe {
            match offset {
                0 => mem::transmute::<sys::abio_api, Call>(self.library.entry()),
                _ => *table.cast::<u8>().add(offset).cast::<Call>(),
            }
        }
    }

    fn arguments(&mut self, json: &'a Value) -> [u64; 6] {
        let mut all = [0; 6];
        for (place, value) in all.iter_mut().zip(list(json)) {
            *place = self.argument(value);
        }
        all
    }

    fn argument(&mut self, json: &'a Value) -> u64 {
        match json {
            Value::String(name) => self.kept[name.as_str()],
            Value::Object(_) => match json["inside"].as_str() {
                Some(name) => self.named[name] + number(&json["offset"]),
                None => self.lend(json),
            },
            _ => number(json),
        }
    }

    /// Memory as described; its address.
    fn lend(&mut self, json: &'a Value) -> u64 {
        let size = number(&json["memory"]) as usize;
        let mut block = vec![0_u64; size / 8 + 1];
        let start = block.as_mut_ptr().cast::<u8>();
        let write = |at: &Value, bytes: &[u8]| {
            let at = number(at) as usize;
            assert!(at + bytes.len() <= size);
            unsafe {
                start
                    .add(at)
                    .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
            };
        };
        for pair in list(&json["u32"]) {
            write(&pair[0], &(number(&pair[1]) as u32).to_ne_bytes());
        }
        for pair in list(&json["text"]) {
            write(&pair[0], text(&pair[1]).as_bytes());
        }
        for pair in list(&json["points"]) {
            write(&pair[0], &self.lend(&pair[1]).to_ne_bytes());
        }
        self.memory.push(block);
        if let Some(name) = json["as"].as_str() {
            self.named.insert(name, start as u64);
        }
        start as u64
    }

    fn keep_what_was_stored(&mut self, json: &'a Value, arguments: [u64; 6]) {
        for (value, address) in list(json).iter().zip(arguments) {
            if let Some(name) = value["keep"].as_str() {
                let stored = unsafe { *(address as usize as *const u64) };
                self.kept.insert(name, stored);
            }
        }
    }

    /// Makes a handle by its recipe, and first what that needs.
    fn make(&mut self, name: &'a str) {
        if self.kept.contains_key(name) {
            return;
        }
        let recipe = &self.manifest["recipes"][name];
        for other in list(&recipe["needs"]) {
            self.make(text(other));
        }
        for step in list(&recipe["steps"]) {
            let result = match step["call"].as_str() {
                Some(function) => {
                    let arguments = self.arguments(&step["arguments"]);
                    let answer = unsafe { ring(self.entry(function), arguments) };
                    self.keep_what_was_stored(&step["arguments"], arguments);
                    i64::from(answer as i32)
                }
                None => {
                    let driver = self.kept[text(&step["finish"])];
                    let event = self.finish(driver, number(&step["token"]));
                    if let Some(name) = step["as"].as_str() {
                        self.kept.insert(name, event.handle);
                    }
                    event.result
                }
            };
            assert!(result >= 0, "cannot make {name}: {step} answers {result}");
        }
    }

    /// The terminal event of a token.
    fn finish(&self, driver: u64, token: u64) -> sys::abio_event {
        loop {
            let event = self.wait(driver);
            if event.token == token && event.flags & sys::ABIO_EVENT_MORE == 0 {
                return event;
            }
        }
    }

    fn wait(&self, driver: u64) -> sys::abio_event {
        let mut event = sys::abio_event::default();
        let stride = mem::size_of::<sys::abio_event>() as u32;
        unsafe { (self.library.api().driver_wait)(driver, &mut event, stride, 1, -1) };
        event
    }

    fn end(self) {
        let api = self.library.api();
        let kinds = &self.manifest["kinds"];
        let of_kind = |kind| {
            let kept = self.kept.iter();
            kept.filter(move |(name, _)| kinds[*name] == kind)
                .map(|(_, handle)| *handle)
        };
        unsafe {
            for driver in of_kind("driver") {
                (api.driver_shutdown)(driver);
                while (api.driver_close)(driver) == sys::ABIO_E_BUSY {
                    self.wait(driver);
                }
            }
            for io in of_kind("io") {
                (0..8).all(|_| (api.release)(io) >= 0);
            }
            for buffer in of_kind("buffer") {
                (0..8).all(|_| (api.buffer_release)(buffer) >= 0);
            }
        }
    }
}
