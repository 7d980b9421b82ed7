//! `networks`: which networks the streamer gets through, and how soon. Streamer and viewer are in network namespaces.

use std::process::Command;

use anyhow::Result;

use crate::run::{cargo, root, run, target_dir};
use crate::tools::{self, Tool};

const TOOLS: &[Tool] = &[
    Tool { file: "ip", package: "iproute2" },
    Tool { file: "node", package: "nodejs" },
    Tool { file: "openssl", package: "openssl" },
    Tool { file: "sysctl", package: "procps" },
    Tool { file: "turnserver", package: "coturn" },
];

/// `cargo xtask networks [--quick] [--only WORD] [--write]`: needs root.
///
/// It fails where a network that is to work does not, or the other way round.
pub fn main(args: &[String]) -> Result<()> {
    tools::need(TOOLS)?;
    run(cargo().args([
        "build",
        "--release",
        "--bins",
        "--package",
        "barertc-desktop",
        "--package",
        "barertc-test-peer",
    ]))?;
    let folder = root().join("tests/e2e");
    run(Command::new("node").current_dir(&folder).arg("networks.mjs").args(args).env("CARGO_TARGET_DIR", target_dir()))
}
