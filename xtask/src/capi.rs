//! `cargo xtask capi`: the C interface. Its static library is built, and its examples are compiled by gcc and run. For the
//! device the library is built for RISC-V, and a C program links with it and nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::{cargo, root, run, show, target_dir};
use crate::rv32::{TARGET, Toolchain};
use crate::tools::{self, Tool};

const GCC: Tool = Tool { file: "gcc", package: "gcc" };
const CROSS: Tool = Tool { file: "riscv64-unknown-elf-gcc", package: "gcc-riscv64-unknown-elf" };
const PACKAGE: &str = "barertc-capi";
const LIBRARY: &str = "libbarertc_capi.a";

/// What every compiler of C is told: an example is correct C99 without a warning.
const STRICT: [&str; 5] = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"];
/// What the library needs on Linux, beside libc.
const HOST_LIBRARIES: [&str; 4] = ["-lpthread", "-ldl", "-lm", "-lgcc_s"];
/// What the component for ESP-IDF uses of that, with nothing behind it.
const ESP_IDF: [(&str, &str); 6] = [
    (
        "esp_heap_caps.h",
        "#include <stddef.h>\nenum { MALLOC_CAP_SPIRAM = 1, MALLOC_CAP_8BIT = 2, MALLOC_CAP_INTERNAL = 4 };\nvoid *heap_caps_malloc(size_t, unsigned);\n",
    ),
    (
        "esp_log.h",
        "void log_stub(const char *, const char *, ...);\n#define ESP_LOGE log_stub\n#define ESP_LOGW log_stub\n#define ESP_LOGI log_stub\n#define ESP_LOGD log_stub\n",
    ),
    ("esp_random.h", "#include <stddef.h>\nvoid esp_fill_random(void *, size_t);\n"),
    ("esp_system.h", "void __attribute__((noreturn)) esp_system_abort(const char *);\n"),
    ("esp_timer.h", "#include <stdint.h>\nint64_t esp_timer_get_time(void);\n"),
    ("sdkconfig.h", ""),
];
/// The programs of `crates/capi/examples`, and whether they end by themselves.
const EXAMPLES: [(&str, bool); 2] = [("loopback", true), ("answer", false)];

pub fn main(args: &[String]) -> Result<()> {
    let (host, device) = match args {
        [] => (true, true),
        [one] if one == "host" => (true, false),
        [one] if one == "device" => (false, true),
        _ => bail!("usage: cargo xtask capi [host | device]"),
    };
    if host {
        on_host()?;
    }
    if device {
        for_device()?;
    }
    Ok(())
}

/// Builds the library and the examples for this machine, and runs those that end.
fn on_host() -> Result<()> {
    tools::need(&[GCC]).context("the C interface is compiled by gcc")?;
    run(cargo().args(["rustc", "--lib", "-p", PACKAGE, "--features", "std", "--crate-type", "staticlib"]))?;
    let library = target_dir().join("debug").join(LIBRARY);
    let out = out()?;
    for (name, ends) in EXAMPLES {
        for (suffix, extra) in [("", &[][..]), ("-asan", &["-g", "-fsanitize=address,undefined"][..])] {
            let program = out.join(format!("{name}{suffix}"));
            run(compile(GCC.file, name)
                .args(extra)
                .arg("-D_POSIX_C_SOURCE=200112L")
                .arg(&library)
                .args(HOST_LIBRARIES)
                .arg("-o")
                .arg(&program))?;
            if ends {
                run(&mut Command::new(&program))?;
            }
        }
    }
    println!("  {} examples in C compile without a warning", EXAMPLES.len());
    component(&out)?;
    refuses_what_is_wrong(&out)
}

/// The component for ESP-IDF compiles against stubs of what it uses, with each of its options on and off.
fn component(out: &Path) -> Result<()> {
    let (stubs, folder) = (out.join("esp-idf"), root().join("crates/capi/esp-idf"));
    fs::create_dir_all(&stubs)?;
    for (name, text) in ESP_IDF {
        fs::write(stubs.join(name), text)?;
    }
    for options in [&[][..], &["-DCONFIG_BARERTC_LOG", "-DCONFIG_BARERTC_REGION_IN_PSRAM"][..]] {
        let mut gcc = Command::new(GCC.file);
        gcc.args(STRICT).args(options).args(["-DBRTC_PANIC_HANDLER", "-fsyntax-only"]);
        for folder in [&include(), &folder.join("include"), &stubs] {
            gcc.arg("-I").arg(folder);
        }
        run(gcc.arg(folder.join("brtc_esp.c")))?;
    }
    println!("  the component for ESP-IDF compiles against stubs; it was NOT built with ESP-IDF");
    Ok(())
}

/// The flags mean something: an example with a mistake does not compile.
fn refuses_what_is_wrong(out: &Path) -> Result<()> {
    let source = out.join("wrong.c");
    fs::write(&source, "#include \"barertc.h\"\nint main(void) { return brtc_connection_destroy(1, 2); }\n")?;
    let mut wrong = Command::new(GCC.file);
    wrong.args(STRICT).args(["-fsyntax-only", "-I"]).arg(include()).arg(&source);
    if wrong.output()?.status.success() {
        bail!("`{}` accepts a program with mistakes", show(&wrong));
    }
    Ok(())
}

/// Builds the library for the device, and a program in C that links with it and with no other library.
fn for_device() -> Result<()> {
    let toolchain = Toolchain::find(None)?;
    run(toolchain.cargo("rustc", &root())?.args([
        "--lib",
        "-p",
        PACKAGE,
        "--features",
        "panic-handler",
        "--crate-type",
        "staticlib",
    ]))?;
    let library = toolchain.target_dir().join(TARGET).join("release").join(LIBRARY);
    tools::need(&[CROSS]).context("the C interface is compiled for the device by a RISC-V gcc")?;
    let program = out()?.join("device.elf");
    run(compile(CROSS.file, "device")
        .args(["-march=rv32imafc", "-mabi=ilp32f", "-ffreestanding", "-O2", "-DBRTC_PANIC_HANDLER"])
        .args([
            "-nostdlib",
            "-Wl,--gc-sections",
            "-Wl,--fatal-warnings",
            "-Wl,--no-warn-rwx-segments",
            "-Wl,-Ttext=0x80000000",
        ])
        .arg(&library)
        .arg("-o")
        .arg(&program))?;
    println!("  a program in C links with the library for {TARGET}, and with no other: it has no heap to call");
    Ok(())
}

fn compile(compiler: &str, example: &str) -> Command {
    let mut command = Command::new(compiler);
    command.args(STRICT).arg("-I").arg(include());
    command.arg(root().join("crates/capi/examples").join(example).with_extension("c"));
    command
}

fn include() -> PathBuf {
    root().join("crates/capi/include")
}

fn out() -> Result<PathBuf> {
    let out = target_dir().join("capi");
    fs::create_dir_all(&out)?;
    Ok(out)
}
