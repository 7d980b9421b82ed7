//! What an image must not contain, and how large it may be.

use std::fmt;

use object::{Object, ObjectSection, ObjectSymbol};

use super::stack::Stack;
use super::{Image, is_loaded};
use crate::image::initialisers_of;
use crate::run::{root, show_path};

/// The function that `barertc_arena::Unlinkable` calls, and that exists nowhere.
const NO_HEAP: &str = "the_global_heap_is_used";

/// Whether what is loaded of an image has these bytes somewhere.
fn contains(elf: &object::File<'_>, bytes: &[u8]) -> bool {
    let loaded = elf.sections().filter(is_loaded).filter_map(|section| section.data().ok());
    loaded.into_iter().any(|data| data.windows(bytes.len()).any(|window| window == bytes))
}

/// What was promised of an image, and what was found.
pub struct Promises {
    initialisers: u64,
    undefined: Vec<String>,
    heap: bool,
    /// Whether names of this machine's folders are in it.
    folders: bool,
    flash: u64,
    budget: Option<u64>,
    limit: Option<u64>,
    stack: u64,
    stack_limit: u64,
    /// Memories that have a limit: name, what the image uses, the limit.
    memories: Vec<(&'static str, u64, u64)>,
}

impl Promises {
    pub fn of(elf: &object::File<'_>, flash: u64, stack: &Stack, image: &Image) -> Self {
        let names = |symbol: object::Symbol<'_, '_>| symbol.name().unwrap_or_default().to_owned();
        let undefined = elf.symbols().filter(|symbol| symbol.is_undefined() && !symbol.is_weak());
        Self {
            initialisers: initialisers_of(elf),
            undefined: undefined.map(names).filter(|name| !name.is_empty()).collect(),
            heap: elf.symbols().any(|symbol| symbol.name().is_ok_and(|name| name.contains(NO_HEAP))),
            folders: contains(elf, show_path(&root()).as_bytes()),
            flash,
            budget: image.budget,
            limit: image.limit,
            stack: stack.deepest(),
            stack_limit: image.stack,
            memories: image.regions.iter().filter_map(|r| Some((r.name, r.used(elf), r.limit?))).collect(),
        }
    }

    /// In words, what does not hold.
    pub fn broken(&self) -> impl Iterator<Item = String> {
        let over = self.limit.filter(|limit| self.flash > *limit);
        [
            (self.initialisers > 0).then(|| format!("{} bytes of initialisers run before main", self.initialisers)),
            (!self.undefined.is_empty()).then(|| format!("undefined: {}", self.undefined.join(", "))),
            self.heap.then(|| "somebody reaches the global heap".to_owned()),
            self.folders.then(|| "folders of this machine are named in it".to_owned()),
            (self.stack > self.stack_limit)
                .then(|| format!("{} bytes of stack in one chain of calls, above {}", self.stack, self.stack_limit)),
            over.map(|limit| format!("{} bytes of flash, {} over the limit", self.flash, self.flash - limit)),
        ]
        .into_iter()
        .flatten()
        .chain(
            self.memories
                .iter()
                .filter(|(_, used, limit)| used > limit)
                .map(|(name, used, limit)| format!("{name}: {used} bytes, {} over the limit", used - limit)),
        )
    }
}

impl fmt::Display for Promises {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "- initialisers that run before `main` (`.init_array`): {} bytes", self.initialisers)?;
        writeln!(f, "- undefined symbols: {}", self.undefined.len())?;
        writeln!(f, "- the global heap: {}", if self.heap { "REACHED" } else { "out of reach" })?;
        writeln!(f, "- folders of the machine that built it: {}", if self.folders { "NAMED" } else { "not named" })?;
        write!(f, "- flash: {} bytes", self.flash)?;
        match self.budget.map(|budget| (budget, self.flash.checked_sub(budget))) {
            Some((budget, Some(over))) if over > 0 => write!(f, ", {over} OVER the budget of {budget}")?,
            Some((budget, _)) => write!(f, " of a budget of {budget}")?,
            None => write!(f, ", without a budget")?,
        }
        self.limit.map_or(Ok(()), |limit| write!(f, "; the tests fail above {limit}"))?;
        write!(
            f,
            "\n- stack, in the deepest chain of direct calls: {} bytes; the tests fail above {}",
            self.stack, self.stack_limit
        )?;
        for (name, used, limit) in &self.memories {
            write!(f, "\n- {name}: {used} bytes; the tests fail above {limit}")?;
        }
        Ok(())
    }
}
