//! Where the memory of an association goes.

use barertc_sctp::{Association, Config};

#[test]
fn memory_of_the_configurations() {
    for (name, config) in [
        ("default", Config::default()),
        ("16 KiB each way", Config::with_buffers(16 << 10, 16 << 10)),
        ("small", Config::small()),
    ] {
        let bytes = crate::support::Assoc::worst_case_bytes(&config);
        println!("{name}: {bytes} bytes, and {} of its own", size_of::<Association<crate::support::Heap>>());
        let (association, heap) = crate::support::association(config, 1);
        assert_eq!(heap.stats().live, bytes);
        drop(association);
        assert_eq!(heap.stats().live, 0);
    }
    // On a 64-bit machine; half of every table is references, which are smaller on a device.
    assert!(crate::support::Assoc::worst_case_bytes(&Config::small()) < 20_000);
}
