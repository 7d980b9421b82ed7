//! Every test of the crate in one program: each file would else be compiled and linked with all of the crate again.

mod forged_packets_leave_no_trace;
mod memory;
mod order_and_rollover;
mod retransmission;
mod support;
