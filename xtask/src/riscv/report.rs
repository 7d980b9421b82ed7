//! What the emulated machine says, line by line, and the table made of it (`tests/riscv/src/bench.rs` writes it).

use std::fmt;

use anyhow::{Result, bail};

/// Everything that one run said.
#[derive(Default)]
pub struct Report {
    counts: Vec<Count>,
    figures: Vec<[String; 3]>,
    passed: usize,
    failures: Vec<String>,
    /// Lines that are none of ours: a panic, an emulator's complaint.
    other: Vec<String>,
    /// The last line came, with the numbers of tests in it.
    end: Option<(usize, usize)>,
    status: bool,
}

struct Count {
    suite: String,
    what: String,
    instructions: u64,
    stack: u64,
    limit: Option<u64>,
}

impl Report {
    /// Takes in a line.
    pub fn line(&mut self, line: &str) {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields[..] {
            ["test", _, _, "ok"] => self.passed += 1,
            ["test", suite, name, failed] => self.failures.push(format!("{suite}: {name}: {failed}")),
            ["count", suite, what, instructions, stack] => self.count(suite, what, instructions, stack, None),
            ["count", suite, what, instructions, stack, limit] => {
                self.count(suite, what, instructions, stack, limit.parse().ok());
            }
            ["figure", suite, what, value, unit] => {
                self.figures.push([suite.to_owned(), what.to_owned(), format!("{value} {unit}")]);
            }
            ["end", passed, failed] => self.end = passed.parse().ok().zip(failed.parse().ok()),
            _ => self.other.push(line.to_owned()),
        }
    }

    fn count(&mut self, suite: &str, what: &str, instructions: &str, stack: &str, limit: Option<u64>) {
        let (Ok(instructions), Ok(stack)) = (instructions.parse(), stack.parse()) else {
            self.other.push(format!("not a count: {suite} {what} {instructions} {stack}"));
            return;
        };
        self.counts.push(Count { suite: suite.to_owned(), what: what.to_owned(), instructions, stack, limit });
    }

    /// Takes in how the emulator ended.
    pub fn ended_well(&mut self, status: bool) {
        self.status = status;
    }

    /// An error unless the machine ran to its end, and everything passed, and something was tested.
    pub fn verdict(&self) -> Result<()> {
        let Some((passed, failed)) = self.end else { bail!("the emulated machine did not reach the end of its tests") };
        if failed != 0 || !self.failures.is_empty() {
            bail!("{} of {} self-tests failed", failed.max(self.failures.len()), passed + failed);
        }
        if passed == 0 || passed != self.passed {
            bail!("{passed} self-tests passed, and {} were seen to", self.passed);
        }
        if !self.status || !self.other.is_empty() {
            bail!("the emulator ended with an error, or said what nobody expected");
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suite = self.counts.iter().map(|c| c.suite.len()).chain(self.figures.iter().map(|g| g[0].len())).max();
        let what = self.counts.iter().map(|c| c.what.len()).chain(self.figures.iter().map(|g| g[1].len())).max();
        let (suite, what) = (suite.unwrap_or(0), what.unwrap_or(0));
        if !self.counts.is_empty() {
            writeln!(f, "  {:suite$}  {:what$}  {:>12}  {:>7}  {:>12}", "", "", "instructions", "stack B", "limit")?;
        }
        for c in &self.counts {
            let limit = c.limit.map(thousands).unwrap_or_default();
            let (instructions, stack) = (thousands(c.instructions), thousands(c.stack));
            writeln!(f, "  {:suite$}  {:what$}  {instructions:>12}  {stack:>7}  {limit:>12}", c.suite, c.what)?;
        }
        for [of, name, value] in &self.figures {
            writeln!(f, "  {of:suite$}  {name:what$}  {value}")?;
        }
        for line in &self.other {
            writeln!(f, "  | {line}")?;
        }
        for failure in &self.failures {
            writeln!(f, "  FAILED {failure}")?;
        }
        writeln!(f, "  {} self-tests passed, {} failed", self.passed, self.failures.len())
    }
}

/// 1234567 as 1,234,567.
fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(lines: &[&str]) -> Report {
        let mut report = Report::default();
        report.ended_well(true);
        lines.iter().for_each(|line| report.line(line));
        report
    }

    #[test]
    fn all_passed() {
        let good = report(&["test\ta\tb\tok", "count\ta\tfast\t1234567\t80", "figure\ta\tsize\t12\tB", "end\t1\t0"]);
        good.verdict().expect("all passed");
        let shown = good.to_string();
        assert!(shown.contains("1,234,567") && shown.contains("12 B"), "{shown}");
    }

    #[test]
    fn anything_less_fails() {
        let mut crashed = report(&["test\ta\tb\tok", "end\t1\t0"]);
        crashed.ended_well(false);
        assert!(crashed.verdict().is_err());
        for lines in [
            &["test\ta\tb\tok"][..],
            &["test\ta\tb\tFAILED: (1, 2)", "end\t0\t1"],
            &["test\ta\tb\tok", "panic\tat line 1"],
            &["test\ta\tb\tok", "panic\tat line 1", "end\t1\t0"],
            &["test\ta\tb\tok", "end\t2\t0"],
            &["end\t0\t0"],
        ] {
            assert!(report(lines).verdict().is_err(), "{lines:?}");
        }
    }
}
