//! Statistics with the names of W3C webrtc-stats, in snake case.
