//! What the program for the board does in the model. It has to be built before: `cargo xtask p4-e2e` does it, and runs these tests.

mod program {
    pub mod fixture;

    mod debugger;
    mod faults;
    mod forwarder;
    mod power;
    mod refusals;
    mod start;
    mod viewer;
    mod viewers;
    mod wifi;
}
