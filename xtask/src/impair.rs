//! `impair`: the streamer on bad networks, a real browser in front of it, beside libdatachannel's streamer.

use std::process::Command;

use anyhow::Result;

use crate::run::{cargo, root, run, target_dir};
use crate::tools::{self, Tool};

const TOOLS: &[Tool] = &[
    Tool { file: "chromium", package: "chromium" },
    Tool { file: "node", package: "nodejs" },
    Tool { file: "npm", package: "npm" },
];

/// What `--data` takes.
const DATA_TOOLS: &[Tool] = &[
    Tool { file: "node", package: "nodejs" },
    Tool { file: "npm", package: "npm" },
    Tool { file: "ip", package: "iproute2" },
    Tool { file: "ping", package: "iputils-ping" },
    Tool { file: "python3", package: "python3" },
    Tool { file: "socat", package: "socat" },
];

/// `cargo xtask impair [--quick] [--rows NAME,…|--missing|--kept] [--seconds N] [--peer barertc|libdatachannel] [--write]`.
///
/// Figures are kept in the target directory as they come, so a table can be made in pieces.
pub fn main(args: &[String]) -> Result<()> {
    if args.iter().any(|arg| arg == "--data") {
        return data(args);
    }
    tools::need(TOOLS)?;
    let packages = ["barertc-desktop", "barertc-impair"].map(|name| ["--package", name]).concat();
    run(cargo().args(["build", "--release"]).args(packages))?;
    let folder = root().join("tests/e2e");
    let quick = args.iter().any(|arg| arg == "--quick");
    let folders = if quick { vec![folder.clone()] } else { vec![folder.clone(), folder.join("libdatachannel")] };
    for folder in folders {
        run(Command::new("npm").current_dir(folder).args(["ci", "--no-audit", "--no-fund", "--silent"]))?;
    }
    run(Command::new("node").current_dir(&folder).arg("impair.mjs").args(args).env("CARGO_TARGET_DIR", target_dir()))
}

/// `cargo xtask impair --data [--parts bulk,ping,fairness] [--seconds N] [--write]`: data channels beside libdatachannel's
/// and beside a TCP.
fn data(args: &[String]) -> Result<()> {
    tools::need(DATA_TOOLS)?;
    let packages = ["barertc-test-peer", "barertc-impair"].map(|name| ["--package", name]).concat();
    run(cargo().args(["build", "--release"]).args(packages))?;
    let folder = root().join("tests/e2e");
    let peer = folder.join("libdatachannel");
    run(Command::new("npm").current_dir(peer).args(["ci", "--no-audit", "--no-fund", "--silent"]))?;
    run(Command::new("node").current_dir(&folder).arg("data.mjs").args(args).env("CARGO_TARGET_DIR", target_dir()))
}

/// The rows that a test has time for, with what must hold.
pub fn quick() -> Result<()> {
    main(&["--quick".into()])
}

/// `cargo xtask connect [--rtt 0,50,100,200,400] [--runs N] [--loss PERCENT] [--only ROLE] [--media] [--write]`: round trips
/// from the offer to an open channel and to the first picture, between Chromium with and without SNAP and SPED and one of
/// ours, libdatachannel, or another page.
pub fn connect(args: &[String]) -> Result<()> {
    tools::need(TOOLS)?;
    run(cargo().args(["build", "--release", "--package", "barertc-test-peer", "--package", "barertc-desktop"]))?;
    let folder = root().join("tests/e2e");
    for folder in [&folder, &folder.join("libdatachannel")] {
        run(Command::new("npm").current_dir(folder).args(["ci", "--no-audit", "--no-fund", "--silent"]))?;
    }
    run(Command::new("node").current_dir(&folder).arg("connect.mjs").args(args).env("CARGO_TARGET_DIR", target_dir()))
}

/// `cargo xtask traces`: what a browser's feedback tells of each packet, into the folder of the tests that replay it.
pub fn traces(_: &[String]) -> Result<()> {
    tools::need(TOOLS)?;
    run(cargo().args(["build", "--release", "--package", "barertc-desktop", "--package", "barertc-impair"]))?;
    let folder = root().join("tests/e2e");
    run(Command::new("npm").current_dir(&folder).args(["ci", "--no-audit", "--no-fund", "--silent"]))?;
    run(Command::new("node")
        .current_dir(&folder)
        .arg("traces.mjs")
        .arg(root().join("crates/congestion/tests/traces"))
        .env("CARGO_TARGET_DIR", target_dir()))
}

/// `cargo xtask plots`: how the estimate behaves, as pictures in `docs/plots`.
pub fn plots(_: &[String]) -> Result<()> {
    run(cargo()
        .args(["run", "--release", "--package", "barertc-congestion", "--example", "plots", "--"])
        .arg(root().join("docs/plots")))
}

/// `cargo xtask viewers`: bytes and processor time of the streamer for one, two, four and eight viewers.
pub fn viewers(args: &[String]) -> Result<()> {
    tools::need(TOOLS)?;
    run(cargo().args(["build", "--release", "--package", "barertc-desktop"]))?;
    let folder = root().join("tests/e2e/libdatachannel");
    run(Command::new("npm").current_dir(&folder).args(["ci", "--no-audit", "--no-fund", "--silent"]))?;
    run(Command::new("node").current_dir(&folder).arg("viewers.mjs").args(args).env("CARGO_TARGET_DIR", target_dir()))
}
