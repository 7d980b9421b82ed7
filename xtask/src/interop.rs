//! `interop`: sessions with other stacks. The sessions themselves are in `tests/e2e/interop.mjs`.

use std::process::Command;

use anyhow::Result;

use crate::run::{cargo, root, run, target_dir};
use crate::tools::{self, Tool};

const TOOLS: &[Tool] = &[
    Tool { file: "chromium", package: "chromium" },
    Tool { file: "firefox-esr", package: "firefox-esr" },
    Tool { file: "node", package: "nodejs" },
    Tool { file: "npm", package: "npm" },
    Tool { file: "python3", package: "python3-venv" },
];

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
    run(Command::new("node")
        .current_dir(&folder)
        .arg("interop.mjs")
        .args(args)
        .env("BARERTC_MIRROR", target_dir().join("debug/barertc-mirror"))
        .env("AIORTC_PYTHON", python.join("bin/python")))
}
