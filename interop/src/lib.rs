//! Tests of the crates against independent implementations live in `tests/`, one file a peer.
