//! `size`: how large the firmware images are, by crate and by memory, and what must not be in them.

mod by_crate;
mod profiles;
mod promises;
pub mod stack;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, thread};

use anyhow::{Context, Result, anyhow, bail};
use object::{Object, ObjectSection, Section, SectionFlags, SectionKind};

use crate::run::{root, run};
use crate::rv32::{TARGET, Toolchain};

const USAGE: &str = "usage: cargo xtask size [--check | profiles | of NAME PROGRAM]
  --check    only what the images and the profiles promise, without writing docs/size.md
  profiles   only the profiles, which is the shorter part: writes their section
  of NAME PROGRAM
             prints the section of one image, of a program that is there";
const REPORT: &str = "docs/size.md";

/// A program for a machine without an operating system.
pub struct Image {
    /// The folder below `examples`, and the end of the package's name.
    pub name: &'static str,
    /// What it is meant to take of flash: code, constants, and what data starts with.
    budget: Option<u64>,
    /// What it must not exceed meanwhile: a little above what it has.
    limit: Option<u64>,
    /// What the deepest chain of direct calls must not exceed: a little above what it has, and far below the stack there is.
    stack: u64,
    regions: &'static [Region],
    /// What is told of how it came to its size.
    steps: &'static str,
}

/// A memory of the machine.
struct Region {
    name: &'static str,
    start: u64,
    len: u64,
    /// What the image must not exceed there.
    limit: Option<u64>,
}

const fn region(name: &'static str, start: u64, len: u64) -> Region {
    Region { name, start, len, limit: None }
}

impl Region {
    const fn at_most(self, limit: u64) -> Self {
        Self { limit: Some(limit), ..self }
    }
}

/// The budget is not reached: docs/size.md says where the rest is. To be lowered with the image.
const LIMIT_P4: u64 = 784 << 10;
/// Its own data and futures, and 69,632 bytes of either Ethernet's frames or WiFi's heap.
const INTERNAL_P4: u64 = 176 << 10;
/// What interrupts and calls through pointers add fits many times over: 300 KB are there.
const STACK_P4: u64 = 24 << 10;
const STACK_QEMU: u64 = 22 << 10;

const IMAGES: [Image; 2] = [
    Image {
        name: "esp32p4",
        budget: Some(600 << 10),
        limit: Some(LIMIT_P4),
        stack: STACK_P4,
        regions: &[
            region("flash, mapped (XIP)", 0x4000_0000, 4 << 20),
            region("PSRAM: statics; the rest of it is the arena", 0x4800_0000, 1 << 20),
            region(
                "internal (L2MEM): data, futures, what the network in use reaches by DMA, stack",
                0x4ff4_0000,
                0x6_dfc0,
            )
            .at_most(INTERNAL_P4),
            region("internal, left behind by the bootloader", 0x4ffa_dfc0, 0x1_1000).at_most(0),
            region("LP memory", 0x5010_8000, 32 << 10),
        ],
        steps: include_str!("size/steps.md"),
    },
    Image {
        name: "qemu-virt",
        budget: None,
        limit: None,
        stack: STACK_QEMU,
        regions: &[
            region("flash: code and constants", 0x8000_0000, 2 << 20),
            region("internal: data, futures, virtio queues, stack", 0x8100_0000, 450 << 10),
            region("PSRAM: statics; 31 MiB behind it are the arena", 0x8200_0000, 1 << 20),
        ],
        steps: "",
    },
];

/// `cargo xtask size`.
pub fn main(args: &[String]) -> Result<()> {
    match args {
        [] => measure(true),
        [one] if one == "--check" => measure(false),
        [one] if one == "profiles" => profiles_alone(),
        [of, name, program] if of == "of" => {
            let mut section = String::new();
            let broken = Image::named(name).context(USAGE)?.look_at(Path::new(program), &mut section)?;
            println!("{section}");
            if broken.is_empty() { Ok(()) } else { bail!("{}", broken.join("; ")) }
        }
        _ => bail!("{USAGE}"),
    }
}

/// Builds the images and looks at them; what they are promised to have, in words.
pub fn promised() -> Result<String> {
    measure(false)?;
    Ok(format!("{} images without a global heap and without initialisers", IMAGES.len()))
}

/// The section of the profiles alone: the rest of the report stays.
fn profiles_alone() -> Result<()> {
    let toolchain = Toolchain::find(None)?;
    let mut section = String::new();
    let broken = profiles::report(&profiles::build(&toolchain)?, &mut section)?;
    profiles::prices(&toolchain, &mut section)?;
    let path = root().join(REPORT);
    let report = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (before, rest) = report.split_once(profiles::TITLE).context("the report has no profiles")?;
    let (_, after) = rest.split_once("\n## examples/").context("the report has no images")?;
    fs::write(&path, format!("{before}{section}\n## examples/{after}"))?;
    println!("{}", path.display());
    if broken.is_empty() { Ok(()) } else { bail!("{}", broken.join("; ")) }
}

fn measure(write: bool) -> Result<()> {
    let toolchain = Toolchain::find(None)?;
    let mut report = String::from(HEAD);
    let mut broken = Vec::new();
    let (images, programs) = build_all(&toolchain)?;
    broken.extend(profiles::report(&programs, &mut report)?);
    if write {
        profiles::prices(&toolchain, &mut report)?;
    }
    for (image, program) in IMAGES.iter().zip(images) {
        broken.extend(image.look_at(&program, &mut report)?);
    }
    if write {
        let path = root().join(REPORT);
        fs::write(&path, &report).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    if broken.is_empty() { Ok(()) } else { bail!("{}", broken.join("; ")) }
}

const HEAD: &str = "# Sizes of programs and firmware images

Written by `cargo xtask size`; bytes. `cargo xtask size --check` is part of the tests and fails where a promise at the end of a section
is broken.

Functions and named constants are counted for the crate that wrote them; generic ones of the core library for the crate whose types they
are about. What the optimiser put into another crate's function counts there. Constants without a name (texts, the page, tables that
were merged) belong to no crate that could still be told.

What a connection takes while a program runs is in [memory.md](memory.md).

The deepest chain of direct calls is found by reading the machine code: what each function takes from the stack, and whom it calls. Calls
through pointers (tasks, formatting, wakers) and interrupts are not followed and come on top, so that it is no bound; what the emulated device
has really used is measured by painting the stack, and is in the figures that it logs.
";

/// All images at once, and the profiles beside them: optimising one of them as a whole keeps a single processor busy.
fn build_all(toolchain: &Toolchain) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    thread::scope(|scope| {
        let profiles = scope.spawn(|| profiles::build(toolchain));
        let builds: Vec<_> = IMAGES.iter().map(|image| scope.spawn(|| image.build(toolchain))).collect();
        let images = builds.into_iter().map(|build| build.join().map_err(|_| anyhow!("a build panicked"))?);
        let images = images.collect::<Result<_>>()?;
        Ok((images, profiles.join().map_err(|_| anyhow!("a build panicked"))??))
    })
}

impl Image {
    /// Builds it, optimised, in a target directory of its own: images have nothing in common, and need not wait for each other.
    pub fn build(&self, toolchain: &Toolchain) -> Result<PathBuf> {
        self.build_in(toolchain, self.name, &[])
    }

    /// The same with one more feature, beside the image without it.
    pub fn build_with(&self, toolchain: &Toolchain, feature: &str) -> Result<PathBuf> {
        self.build_in(toolchain, &format!("{}-{feature}", self.name), &["--features", feature])
    }

    fn build_in(&self, toolchain: &Toolchain, target: &str, options: &[&str]) -> Result<PathBuf> {
        let folder = root().join("examples").join(self.name);
        let target = toolchain.target_dir().join(target);
        run(toolchain.cargo("build", &folder)?.arg("--locked").args(options).env("CARGO_TARGET_DIR", &target))?;
        Ok(target.join(TARGET).join("release").join(format!("barertc-{}", self.name)))
    }

    /// Writes the section of a program that was built of it; which of its promises are broken.
    fn look_at(&self, program: &Path, report: &mut String) -> Result<Vec<String>> {
        let bytes = fs::read(program).with_context(|| format!("{} cannot be read", program.display()))?;
        let elf = object::File::parse(&*bytes).with_context(|| format!("{} is no ELF image", program.display()))?;
        let stack = stack::Stack::of(&elf)?;
        self.report(&elf, &stack, report)?;
        report.push_str(self.steps);
        let promises = promises::Promises::of(&elf, Sums::of(&elf).flash(), &stack, self);
        writeln!(report, "\n{promises}")?;
        println!("{}: {} bytes of flash\n{promises}", self.name, Sums::of(&elf).flash());
        Ok(promises.broken().map(|what| format!("{}: {what}", self.name)).collect())
    }

    /// The image of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        IMAGES.iter().find(|image| image.name == name)
    }

    fn report(&self, elf: &object::File<'_>, stack: &stack::Stack, out: &mut String) -> Result<()> {
        let sums = Sums::of(elf);
        writeln!(out, "\n## examples/{}\n", self.name)?;
        writeln!(out, "| text | constants | data | zeroed data | flash in all |\n|---|---|---|---|---|")?;
        let Sums { text, rodata, data, bss } = sums;
        writeln!(out, "| {text} | {rodata} | {data} | {bss} | {} |", sums.flash())?;
        writeln!(out, "\n| memory | has | image uses |\n|---|---|---|")?;
        for region in self.regions {
            writeln!(out, "| {} | {} | {} |", region.name, region.len, region.used(elf))?;
        }
        writeln!(out, "\n{}", by_crate::Table::of(elf))?;
        write!(out, "{stack}")?;
        Ok(())
    }
}

impl Region {
    /// Bytes of the image that are there; the stack takes what is left and is not counted.
    fn used(&self, elf: &object::File<'_>) -> u64 {
        let inside = |address: u64| (self.start..self.start + self.len).contains(&address);
        let sections = elf.sections().filter(|s| is_loaded(s) && inside(s.address()));
        sections.filter(|s| s.name() != Ok(".stack")).map(|s| s.size()).sum()
    }
}

/// What the sections are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Text,
    Rodata,
    Data,
    Bss,
}

const ALLOC: u64 = 2;
const WRITE: u64 = 1;
const EXECUTE: u64 = 4;

fn flags(section: &Section<'_, '_>) -> u64 {
    match section.flags() {
        SectionFlags::Elf { sh_flags, .. } => sh_flags.0,
        _ => 0,
    }
}

fn is_loaded(section: &Section<'_, '_>) -> bool {
    flags(section) & ALLOC != 0
}

/// What is in a section; none for what is not in the machine's memory, or only stands for room there.
fn class(section: &Section<'_, '_>) -> Option<Class> {
    let flags = flags(section);
    let name = section.name().unwrap_or_default();
    // Tables for unwinding are of no use where a panic ends the program: linker scripts of boards leave them out.
    let no_memory = [".stack", ".heap", ".dram2_uninit", ".eh_frame"];
    if flags & ALLOC == 0 || no_memory.contains(&name) || name.ends_with("_gap") {
        return None;
    }
    let empty = section.kind() == SectionKind::UninitializedData;
    Some(match (empty, flags & EXECUTE != 0, flags & WRITE != 0) {
        (true, ..) => Class::Bss,
        (_, true, _) => Class::Text,
        (_, _, true) => Class::Data,
        _ => Class::Rodata,
    })
}

/// Bytes of each class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    text: u64,
    rodata: u64,
    data: u64,
    bss: u64,
}

impl Sums {
    fn of(elf: &object::File<'_>) -> Self {
        let mut sums = Self::default();
        for section in elf.sections() {
            if let Some(class) = class(&section) {
                sums.add(class, section.size());
            }
        }
        sums
    }

    fn add(&mut self, class: Class, bytes: u64) {
        *match class {
            Class::Text => &mut self.text,
            Class::Rodata => &mut self.rodata,
            Class::Data => &mut self.data,
            Class::Bss => &mut self.bss,
        } += bytes;
    }

    /// What has to be in flash.
    fn flash(&self) -> u64 {
        self.text + self.rodata + self.data
    }
}
