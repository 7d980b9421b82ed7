//! The promises, and what shows each.

/// What is promised, and how it is shown.
pub struct Promise {
    pub name: &'static str,
    pub says: &'static str,
    pub proofs: &'static [Proof],
    /// Commands that show more, and take too long for every run.
    pub long: &'static [&'static str],
}

/// One thing that shows a promise.
pub enum Proof {
    Tests(Tests),
    /// The guide's firmware, built for a board.
    Firmware,
    /// The firmware images, by `cargo xtask size`.
    Images,
    /// The paths from the network, by `cargo xtask no-panic`.
    Links,
    /// No `static mut` and no lazy static in the crates.
    NothingGlobal,
    /// Neither a clock nor a generator of the host in the crates, nor in what they depend on.
    NoDefaultSource,
    /// A part of `cargo xtask test` that runs for itself.
    Elsewhere(&'static str),
}

/// Tests of the workspace. What they print behind `figure:` is what was measured.
pub struct Tests {
    pub package: &'static str,
    pub program: &'static str,
    pub names: &'static [&'static str],
}

const fn tests(package: &'static str, program: &'static str, names: &'static [&'static str]) -> Proof {
    Proof::Tests(Tests { package, program, names })
}

pub const PROMISES: [Promise; 13] = [
    Promise {
        name: "P1",
        says: "nothing calls the global allocator",
        proofs: &[
            Proof::Firmware,
            Proof::Images,
            tests("barertc-arena", "the_global_heap_does_not_link", &["only_the_program_without_a_global_heap_links"]),
        ],
        long: &[],
    },
    Promise {
        name: "P2",
        says: "memory stays below what the configuration tells",
        proofs: &[tests(
            "barertc",
            "it",
            &[
                "memory_is_bounded_and_given_back::the_bound_holds_under_loss",
                "memory_of_any_configuration::the_bound_holds_and_is_reached",
            ],
        )],
        long: &["PEER_SEEDS=1000 cargo test -p barertc --test it the_bound_holds_under_loss"],
    },
    Promise {
        name: "P3",
        says: "a failed allocation is an error, and nothing leaks",
        proofs: &[tests(
            "barertc",
            "it",
            &[
                "memory_is_bounded_and_given_back::any_allocation_may_fail",
                "memory_is_bounded_and_given_back::memory_may_run_out_for_good_at_any_allocation",
            ],
        )],
        long: &[],
    },
    Promise {
        name: "P4",
        says: "a connection gives every byte back",
        proofs: &[tests(
            "barertc",
            "it",
            &["memory_is_bounded_and_given_back::a_thousand_sessions_leave_nothing_behind"],
        )],
        long: &["BARERTC_HOURS=24 cargo test -p barertc --test it a_day"],
    },
    Promise {
        name: "P5",
        says: "a payload byte is copied once, and nothing is allocated for it",
        proofs: &[
            tests(
                "barertc",
                "a_payload_byte_is_copied_once",
                &["with_gcm", "with_counter_mode", "copies_that_were_given_up_are_found"],
            ),
            tests("barertc", "it", &["memory_is_bounded_and_given_back::streaming_allocates_nothing"]),
        ],
        long: &[],
    },
    Promise {
        name: "P6",
        says: "a whole key frame can be sent again, from the frame itself",
        proofs: &[tests(
            "barertc-rtcp-nack",
            "it",
            &[
                "lost_key_frame_comes_back::plain",
                "lost_key_frame_comes_back::rtx_over_the_wrap_of_sequence_numbers",
                "one_copy_no_allocation::sending_and_sending_again_allocate_nothing",
            ],
        )],
        long: &[],
    },
    Promise {
        name: "P7",
        says: "no datagram is larger than the MTU",
        proofs: &[
            tests("barertc", "it", &["every_datagram_fits::none_is_longer_than_the_mtu"]),
            tests("barertc-rtcp-nack", "it", &["no_datagram_above_the_mtu::every_packet_fits"]),
        ],
        long: &[],
    },
    Promise {
        name: "P8",
        says: "nothing runs before `main`, and nothing is global",
        proofs: &[Proof::NothingGlobal, Proof::Firmware, Proof::Images],
        long: &[],
    },
    Promise {
        name: "P9",
        says: "no panic can be reached from the network",
        proofs: &[Proof::Links],
        long: &["cargo xtask fuzz 600"],
    },
    Promise {
        name: "P10",
        says: "randomness, time and cryptography are arguments",
        proofs: &[Proof::NoDefaultSource],
        long: &["cargo test -p barertc-crypto --doc"],
    },
    Promise {
        name: "P11",
        says: "back-pressure is visible, and consent does not wait behind media",
        proofs: &[tests(
            "barertc",
            "it",
            &["a_full_queue_holds_nothing_up::consent_and_reports_pass_a_saturated_video_queue"],
        )],
        long: &[],
    },
    Promise {
        name: "P12",
        says: "nothing fails in silence",
        proofs: &[tests(
            "barertc",
            "it",
            &[
                "no_event_is_lost::a_peer_that_does_not_answer_is_told_of_once",
                "no_event_is_lost::thirty_six_channels_that_nobody_asks_for_are_all_told",
                "no_event_is_lost::what_was_agreed_on_about_a_track_is_told",
                "what_cannot_work_is_said::a_configuration_names_the_field_the_limit_and_the_value",
                "what_cannot_work_is_said::an_estimate_that_was_not_measured_is_none",
                "what_cannot_work_is_said::an_offer_of_nothing_is_refused",
                "what_cannot_work_is_said::candidates_that_are_not_used_are_counted",
                "what_cannot_work_is_said::data_channels_that_were_not_added_are_no_channels",
                "what_cannot_work_is_said::each_mapped_candidate_is_told",
                "what_cannot_work_is_said::tracks_that_cannot_be_are_refused",
            ],
        )],
        long: &[],
    },
    Promise {
        name: "P13",
        says: "what is shipped for a device is what is tested",
        proofs: &[Proof::Elsewhere("qemu-e2e")],
        long: &["cargo xtask test p4-e2e", "cargo xtask test p4-selftest"],
    },
];
