//! `e2e`: the streamer and a real browser. The tests themselves are in `tests/e2e`, with Node's test runner.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::run::{cargo, root, run, target_dir};
use crate::tools::{self, Tool};

const TOOLS: &[Tool] = &[
    Tool { file: "chromium", package: "chromium" },
    Tool { file: "firefox-esr", package: "firefox-esr" },
    Tool { file: "ffmpeg", package: "ffmpeg" },
    Tool { file: "ip", package: "iproute2" },
    Tool { file: "openssl", package: "openssl" },
    Tool { file: "turnserver", package: "coturn" },
    Tool { file: "node", package: "nodejs" },
    Tool { file: "npm", package: "npm" },
    // The library folder has the machine's name in it; the Python binding has not.
    Tool { file: "/usr/lib/python3/dist-packages/gi/overrides/Gst.py", package: "python3-gst-1.0" },
    Tool { file: "/usr/share/doc/gstreamer1.0-plugins-bad/copyright", package: "gstreamer1.0-plugins-bad" },
    Tool { file: "/usr/share/doc/gstreamer1.0-nice/copyright", package: "gstreamer1.0-nice" },
    Tool { file: "/usr/share/doc/gir1.2-gst-plugins-bad-1.0/copyright", package: "gir1.2-gst-plugins-bad-1.0" },
];

/// `cargo xtask e2e`: the desktop's streamer with everything it can do, the page alone, the handshake with each browser, and
/// a program in C.
pub fn main(_: &[String]) -> Result<()> {
    // As a user builds it.
    run(cargo().args(["build", "--release", "--package", "barertc-desktop"]))?;
    build_peers()?;
    crate::capi::main(&["host".into()])?;
    node(&[
        "play.test.mjs",
        "restart.test.mjs",
        "viewer.test.mjs",
        "dtls.test.mjs",
        "connect.test.mjs",
        "bundle.test.mjs",
        "crossing.test.mjs",
        "wrtc.test.mjs",
        "channels.test.mjs",
        "record.test.mjs",
        "turn.test.mjs",
        "turn-streams.test.mjs",
        "ice-tcp.test.mjs",
        "addresses.test.mjs",
        "whip.test.mjs",
        "forwarder.test.mjs",
        "wss.test.mjs",
        "hostile.test.mjs",
        "firefox.test.mjs",
        "capi.test.mjs",
    ])
}

/// `cargo xtask live`: encoders instead of files, in a real browser.
pub fn live(_: &[String]) -> Result<()> {
    run(cargo().args(["build", "--release", "--package", "barertc-desktop"]))?;
    node(&["live.test.mjs", "call.test.mjs", "codecs.test.mjs"])
}

/// `cargo xtask qemu-e2e`: the emulated devices'.
pub fn qemu(_: &[String]) -> Result<()> {
    cortex_m(&[])?;
    build_peers()?;
    crate::qemu::main(&["--build".into()])?;
    node(&["qemu.test.mjs"])?;
    crate::qemu::main(&["--icount".into()])
}

/// `cargo xtask cortex-m-e2e`: of them the Cortex-M4 alone.
pub fn cortex_m(_: &[String]) -> Result<()> {
    crate::cortex_m::main(&["--build".into()])?;
    node(&["cortex-m.test.mjs"])
}

/// `cargo xtask qemu-tls`: the emulated device over https and wss, with every way a certificate is refused; and through TURN over
/// TCP and TLS, on a network without UDP. Needs root.
pub fn qemu_tls(_: &[String]) -> Result<()> {
    run(cargo().args(["build", "--release", "--package", "barertc-test-peer"]))?;
    crate::qemu::main(&["--build".into()])?;
    node(&["qemu-tls.test.mjs", "qemu-turn.test.mjs"])
}

/// `cargo xtask hosted-e2e`: the streamer behind the WiFi driver, on a simulated co-processor. Needs root.
pub fn hosted(_: &[String]) -> Result<()> {
    tools::need(&[Tool { file: "ip", package: "iproute2" }])?;
    build_peers()?;
    node(&["hosted.test.mjs"])
}

/// The ESP32-P4's program in the model of the chip.
pub fn p4(program: &Path) -> Result<()> {
    node_with(&["p4.test.mjs"], &[("P4_PROGRAM", program)])
}

/// Of that one session, with limits for a slow machine.
pub fn p4_page(program: &Path) -> Result<()> {
    node_with(&["p4-page.test.mjs"], &[("P4_PROGRAM", program)])
}

/// What the tests talk to beside browsers, in one build: each alone would have other features, and compile everything again.
fn build_peers() -> Result<()> {
    let packages = ["barertc", "barertc-dtls", "barertc-test-peer", "barertc-hosted-sim", "barertc-channels"];
    let packages = packages.map(|name| ["--package", name]).concat();
    // GStreamer's certificates have RSA keys.
    let features = ["--features", "barertc-dtls/rsa"];
    run(cargo().args(["build", "--release", "--bins", "--example", "echo"]).args(packages).args(features))
}

fn node(files: &[&str]) -> Result<()> {
    node_with(files, &[])
}

fn node_with(files: &[&str], env: &[(&str, &Path)]) -> Result<()> {
    tools::need(TOOLS)?;
    let folder = root().join("tests/e2e");
    run(Command::new("npm").current_dir(&folder).args(["ci", "--no-audit", "--no-fund", "--silent"]))?;
    run(Command::new("node")
        .current_dir(&folder)
        // One browser at a time: what is measured should not be how they share two cores.
        .args(["--test", "--test-concurrency=1", "--test-reporter=spec"])
        .args(files)
        .envs(env.iter().copied())
        .env("CARGO_TARGET_DIR", target_dir()))
}
