//! `boards`: builds the images of the smallest firmware that nothing here can run, and says what they take.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection, Section, SectionKind};

use crate::image::nothing_runs_before_main;
use crate::run::{cargo, root, run, target_dir};
use crate::rv32::add_target;

/// The target of Cortex-M4 and M7 with a floating-point unit.
pub const TARGET: &str = "thumbv7em-none-eabihf";

/// The smallest firmware as an image for a board.
pub struct Firmware {
    /// The folder below `examples`, and the end of the package's name.
    pub name: &'static str,
    /// Where the flash begins, and how many bytes it has.
    pub flash: (u64, u64),
    /// The RAM without the stack.
    pub ram: (u64, u64),
}

const STM32H7: Firmware = Firmware { name: "stm32h7", flash: (0x0800_0000, 2 << 20), ram: (0x2400_0000, 512 << 10) };

/// `cargo xtask boards`.
pub fn main(args: &[String]) -> Result<()> {
    if let Some(unknown) = args.first() {
        bail!("no `{unknown}`: cargo xtask boards");
    }
    run(STM32H7.cargo("clippy").args(["--", "-D", "warnings"]))?;
    let program = STM32H7.build()?;
    STM32H7.report(&program)
}

impl Firmware {
    /// Builds it, and says where it is.
    pub fn build(&self) -> Result<PathBuf> {
        add_target(TARGET)?;
        run(&mut self.cargo("build"))?;
        Ok(target_dir().join(TARGET).join("release").join(format!("barertc-{}", self.name)))
    }

    /// `cargo VERB` for the target, optimised.
    pub fn cargo(&self, verb: &str) -> Command {
        let mut command = cargo();
        command.current_dir(root().join("examples").join(self.name)).env("CARGO_TARGET_DIR", target_dir());
        command.args([verb, "--release", "--locked", "--target", TARGET]);
        command
    }

    /// What it takes of each memory. That it links shows that it fits, and that nobody reaches the global heap.
    pub fn report(&self, program: &Path) -> Result<()> {
        nothing_runs_before_main(program)?;
        let bytes = fs::read(program).with_context(|| format!("{} cannot be read", program.display()))?;
        let elf = object::File::parse(&*bytes)?;
        // Sections for tools take no memory, and say that they are at address 0.
        let is_loaded = |section: &Section<'_, '_>| {
            let kind = section.kind();
            !matches!(kind, SectionKind::Metadata | SectionKind::Debug | SectionKind::Other | SectionKind::OtherString)
        };
        let taken = |(start, len): (u64, u64)| -> u64 {
            let inside = |section: &Section<'_, '_>| (start..start + len).contains(&section.address());
            elf.sections().filter(|section| is_loaded(section) && inside(section)).map(|section| section.size()).sum()
        };
        // What data begins with is in flash, too.
        let copied = elf.section_by_name(".data").map_or(0, |data| data.size());
        println!("{}: flash {} of {} B", self.name, taken(self.flash) + copied, self.flash.1);
        println!("{}: RAM without the stack {} of {} B", self.name, taken(self.ram), self.ram.1);
        Ok(())
    }
}
