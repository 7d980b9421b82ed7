//! `interop`: sessions with other stacks. The sessions themselves are in `tests/e2e/interop.mjs`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::run::{cargo, root, run, target_dir};
use crate::tools::{self, Tool};

const TOOLS: &[Tool] = &[
    Tool { file: "chromium", package: "chromium" },
    Tool { file: "firefox-esr", package: "firefox-esr" },
    Tool { file: "node", package: "nodejs" },
    Tool { file: "npm", package: "npm" },
    Tool { file: "python3", package: "python3-venv" },
    Tool { file: "go", package: "golang-go" },
    Tool { file: PION, package: "golang-github-pion-webrtc.v3-dev" },
    Tool { file: "/usr/lib/python3/dist-packages/gi/overrides/Gst.py", package: "python3-gst-1.0" },
    Tool { file: "/usr/share/doc/gstreamer1.0-plugins-good/copyright", package: "gstreamer1.0-plugins-good" },
    Tool { file: "/usr/share/doc/gstreamer1.0-plugins-bad/copyright", package: "gstreamer1.0-plugins-bad" },
    Tool { file: "/usr/share/doc/gstreamer1.0-nice/copyright", package: "gstreamer1.0-nice" },
    Tool { file: "/usr/share/doc/gir1.2-gst-plugins-bad-1.0/copyright", package: "gir1.2-gst-plugins-bad-1.0" },
];
/// Debian's Go packages are in one folder, and pion has its version in its path.
const PION: &str = "/usr/share/gocode/src/github.com/pion/webrtc/go.mod";

/// `cargo xtask interop [--peers NAME,…] [--bytes N] [--write]`: the arguments are those of `interop.mjs`.
pub fn main(args: &[String]) -> Result<()> {
    tools::need(TOOLS)?;
    // The certificates of some stacks have RSA keys.
    let features = ["--features", "barertc-dtls/rsa"];
    let packages = ["--package", "barertc-test-peer", "--package", "barertc-dtls"];
    run(cargo().args(["build", "--bin", "barertc-mirror"]).args(packages).args(features))?;
    let folder = root().join("tests/e2e");
    for packages in [folder.clone(), folder.join("interop")] {
        run(Command::new("npm").current_dir(packages).args(["ci", "--no-audit", "--no-fund", "--silent"]))?;
    }
    let python = target_dir().join("interop-python");
    run(Command::new("python3").args(["-m", "venv"]).arg(&python))?;
    let requirements = folder.join("interop/requirements.txt");
    run(Command::new(python.join("bin/pip")).args(["install", "--quiet", "--requirement"]).arg(requirements))?;
    let pion = pion()?;
    run(Command::new("node")
        .current_dir(&folder)
        .arg("interop.mjs")
        .args(args)
        .env("BARERTC_MIRROR", target_dir().join("debug/barertc-mirror"))
        .env("PION_PEER", pion)
        .env("PION_VERSION", pion_version()?)
        .env("AIORTC_PYTHON", python.join("bin/python")))
}

/// Builds the peer of Debian's pion. Its import path has a version, which Go finds only for code with a `go.mod` below a GOPATH.
fn pion() -> Result<PathBuf> {
    let gopath = target_dir().join("interop-go");
    let folder = gopath.join("src/barertc/pion");
    fs::create_dir_all(&folder)?;
    fs::copy(root().join("tests/e2e/interop/pion/main.go"), folder.join("main.go"))?;
    fs::write(folder.join("go.mod"), "module barertc/pion\n")?;
    let peer = gopath.join("pion-peer");
    run(Command::new("go")
        .current_dir(&folder)
        .args(["build", "-o"])
        .arg(&peer)
        .arg(".")
        .env("GO111MODULE", "off")
        .env("GOPATH", std::env::join_paths([gopath.clone(), PathBuf::from("/usr/share/gocode")])?)
        .env("GOCACHE", gopath.join("cache")))?;
    Ok(peer)
}

/// The version of Debian's package, without Debian's own part.
fn pion_version() -> Result<String> {
    let out = Command::new("dpkg-query")
        .args(["--show", "--showformat=${Version}", "golang-github-pion-webrtc.v3-dev"])
        .output()
        .context("dpkg-query")?;
    let version = String::from_utf8_lossy(&out.stdout).into_owned();
    Ok(version.split('-').next().unwrap_or_default().to_owned())
}
