//! Programs that were compiled with an older or a newer header.

use core::ffi::{CStr, c_char};
use core::mem::offset_of;
use core::ptr;

use barertc::Frame;
use barertc::arena::Heap;
use barertc_capi::config::{brtc_config, brtc_config_check, brtc_config_init, brtc_description_bytes};
use barertc_capi::connection::{brtc_get_memory, brtc_memory, brtc_region_bytes};
use barertc_capi::result::brtc_result::*;

use crate::pair::{Identity, Side, config};

/// What a configuration breaks.
fn complaint(config: *const brtc_config) -> (i32, String) {
    let mut out = [0 as c_char; 160];
    let checked = unsafe { brtc_config_check(config, out.as_mut_ptr(), out.len()) };
    (checked as i32, unsafe { CStr::from_ptr(out.as_ptr()) }.to_str().unwrap().to_owned())
}

#[test]
fn an_older_program_keeps_the_defaults_of_what_it_does_not_know() {
    let mut config = config();
    let whole = unsafe { brtc_region_bytes(&config) };
    config.receive_video = 1;
    assert!(unsafe { brtc_region_bytes(&config) } > whole + 300_000);
    // A header that ends before the field: what is written there is not read.
    config.size = offset_of!(brtc_config, repair_packets) as u32;
    assert_eq!(unsafe { brtc_region_bytes(&config) }, whole);
}

#[test]
fn a_newer_program_works_where_it_does_not_use_what_is_new() {
    #[repr(C)]
    struct Newer {
        config: brtc_config,
        more: u64,
    }
    let mut newer = Newer { config: config(), more: 0 };
    newer.config.size = size_of::<Newer>() as u32;
    assert_ne!(unsafe { brtc_region_bytes((&raw const newer).cast()) }, 0);
    newer.more = 1;
    let (result, text) = complaint((&raw const newer).cast());
    assert_eq!(result, BRTC_INVALID_ARGUMENT as i32);
    let (ours, size) = (size_of::<brtc_config>(), size_of::<Newer>());
    assert_eq!(text, format!("config.size must be at most {ours}, but is {size}"));
    // What is filled in is as long as the caller says, and zero where nothing is known.
    newer.more = u64::MAX;
    assert_eq!(unsafe { brtc_config_init((&raw mut newer).cast(), size) }, BRTC_OK);
    assert_eq!((newer.more, newer.config.size as usize), (0, size));
}

#[test]
fn a_size_that_cannot_be_is_refused() {
    let mut config = config();
    for size in [0, 7, u32::MAX] {
        config.size = size;
        assert_eq!(complaint(&config).0, BRTC_INVALID_ARGUMENT as i32, "{size}");
        assert_eq!(unsafe { brtc_description_bytes(&config) }, 0);
    }
    assert_eq!(unsafe { brtc_config_init(&mut config, 4) }, BRTC_INVALID_ARGUMENT);
    assert_eq!(unsafe { brtc_config_init(ptr::null_mut(), size_of::<brtc_config>()) }, BRTC_INVALID_ARGUMENT);
}

#[test]
fn figures_are_written_as_far_as_the_program_has_room() {
    let identity = Identity::new();
    let side = Side::new(&config(), &identity);
    let mut memory = brtc_memory { size: offset_of!(brtc_memory, peak) as u32, ..brtc_memory::default() };
    assert_eq!(unsafe { brtc_get_memory(side.handle, &mut memory) }, BRTC_OK);
    assert!(memory.live > 0);
    assert_eq!((memory.peak, memory.capacity), (0, 0));
    memory.size = size_of::<brtc_memory>() as u32;
    assert_eq!(unsafe { brtc_get_memory(side.handle, &mut memory) }, BRTC_OK);
    assert!(memory.peak >= memory.live && memory.capacity > memory.peak);
}

/// Breaks a rule of a configuration.
type Spoil = fn(&mut brtc_config);

#[test]
fn a_configuration_names_its_field_limit_and_value() {
    let config = config();
    let beside = 2 * Heap::region_overhead() + Frame::<&Heap>::overhead_bytes(0);
    let least = config.video_history as usize + config.largest_key_frame as usize + beside;
    let least = format!("configuration: frame_memory must be at least {least}, but is 1000");
    let cases: [(Spoil, &str); 6] = [
        (|config| config.mtu = 500, "configuration: mtu must be at least 576, but is 500"),
        (|config| config.max_tracks = 17, "configuration: max_tracks must be at most 16, but is 17"),
        (|config| config.max_channels = 0, "configuration: max_channels must be at least 1, but is 0"),
        (|config| config.repair_packets = 17, "configuration: repair_packets must be at most 16, but is 17"),
        (|config| config.frame_memory = 1000, &least),
        (
            |config| config.min_bitrate = 30_000_000,
            "configuration: min_bitrate must be at most 20000000, but is 30000000",
        ),
    ];
    for (spoil, expected) in cases {
        let mut config = config;
        spoil(&mut config);
        assert_eq!(complaint(&config), (BRTC_INVALID_CONFIG as i32, expected.to_owned()));
        assert_eq!(unsafe { brtc_region_bytes(&config) }, 0);
    }
    assert_eq!(complaint(&config).0, BRTC_OK as i32);
}

#[test]
fn a_configuration_that_is_accepted_can_be_made() {
    let identity = Identity::new();
    let mut config = config();
    for (history, key_frame) in [(0, 0), (0, 1), (1, 0), (8_192, 8_192)] {
        (config.video_history, config.largest_key_frame, config.frame_memory) = (history, key_frame, 1);
        // From the first byte that there can be up to the first that is accepted.
        while complaint(&config).0 != BRTC_OK as i32 {
            assert_eq!(unsafe { brtc_region_bytes(&config) }, 0);
            config.frame_memory += 1;
        }
        assert!(config.frame_memory > history + key_frame);
        drop(Side::new(&config, &identity));
    }
}

/// The table in `docs/c.md`: `cargo test -p barertc-capi --test it sizes -- --nocapture`.
#[test]
fn sizes() {
    let uses: [(&str, Spoil); 3] = [
        ("one data channel", |config| {
            (config.max_tracks, config.max_channels, config.frame_memory, config.max_turn_servers) = (0, 1, 0, 0);
            (config.send_buffer, config.receive_buffer) = (8_192, 8_192);
        }),
        ("eight data channels, a relay", |config| (config.max_tracks, config.frame_memory) = (0, 0)),
        ("the defaults: a camera", |_| {}),
    ];
    let mut before = 0;
    for (name, choose) in uses {
        let mut config = config();
        choose(&mut config);
        let bytes = unsafe { brtc_region_bytes(&config) };
        println!("| {name} | {bytes} |");
        assert!(bytes > before);
        before = bytes;
    }
}
