//! `servers`: what others have between a publisher and its viewers. The tests themselves are in `tests/e2e/servers.test.mjs`.

use std::process::Command;

use anyhow::Result;

use crate::run::{cargo, root, run, target_dir};
use crate::tools::{self, Tool};

const TOOLS: &[Tool] = &[
    Tool { file: "chromium", package: "chromium" },
    Tool { file: "ffmpeg", package: "ffmpeg" },
    Tool { file: "janus", package: "janus" },
    Tool { file: "node", package: "nodejs" },
    Tool { file: "npm", package: "npm" },
];

/// `cargo xtask servers [SECONDS]`: how long three browsers watch through Janus and without it, 60 if not said.
pub fn main(args: &[String]) -> Result<()> {
    tools::need(TOOLS)?;
    run(cargo().args(["build", "--package", "barertc-desktop"]))?;
    let folder = root().join("tests/e2e");
    for packages in [folder.clone(), folder.join("servers")] {
        run(Command::new("npm").current_dir(packages).args(["ci", "--no-audit", "--no-fund", "--silent"]))?;
    }
    run(Command::new("node")
        .current_dir(&folder)
        .args(["--test", "--test-reporter=spec", "servers.test.mjs"])
        .env("SECONDS", args.first().map_or("60", String::as_str))
        .env("CARGO_TARGET_DIR", target_dir()))
}
