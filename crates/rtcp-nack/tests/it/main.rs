//! Every test of the crate in one program.

mod another_codec;
mod encodings;
mod key_frame_requests;
mod late_frames_are_dropped_whole;
mod losses_seen_in_feedback;
mod lossy_link;
mod lost_key_frame_comes_back;
mod nack_limits;
mod narrowed;
mod no_datagram_above_the_mtu;
mod one_copy_no_allocation;
mod pauses_of_sound;
mod redundant_audio;
mod repair_packets;
mod support;
