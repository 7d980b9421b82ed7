//! With the feature `trace`, a heap and a label log each block that they give out, take back, or don't have.

use barertc_arena::{Box, Heap, Label};
use core::mem::MaybeUninit;
use std::sync::Mutex;

/// Keeps the lines.
struct Lines(Mutex<Vec<String>>);

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        assert_eq!(record.level(), log::Level::Trace);
        self.0.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

static LINES: Lines = Lines(Mutex::new(Vec::new()));

#[test]
fn one_line_each() {
    log::set_logger(&LINES).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let mut region = [MaybeUninit::uninit(); 4096];
    let heap: Heap = Heap::new(&mut region).unwrap();
    let label = Label::try_new(&heap, "frames").unwrap();
    LINES.0.lock().unwrap().clear();

    let frame = Box::<[u8], _>::try_zeroed(100, &label).unwrap();
    let address = frame.as_ptr().addr();
    drop(frame);
    assert!(Box::<[u8], _>::try_zeroed(5000, &heap).is_err());

    let expected = [
        format!("heap: 100 bytes (align 1) taken at {address:#x}"),
        format!("frames: 100 bytes (align 1) taken at {address:#x}"),
        format!("frames: 100 bytes released at {address:#x}"),
        format!("heap: 100 bytes released at {address:#x}"),
        "heap: no 5000 bytes (align 1) left".to_string(),
    ];
    assert_eq!(*LINES.0.lock().unwrap(), expected);
}
