//! Timers and watchdogs.
//!
//! Sources: ESP-IDF's `systimer_reg.h`, `timer_group_reg.h`, `lp_wdt_reg.h` (revision 3) and `hal/systimer_ll.h`, `hal/timer_ll.h`,
//! `hal/lpwdt_ll.h`: a unit of the system timer counts 16 MHz and is read after bit 30 was set and bit 29 is; a divisor of 0 stands for
//! 65,536 and 1 for 2; watchdogs take writes after their key; the first stage of the RTC's watchdog lasts twice what its register says, or
//! more, as eFuse has it.

use super::clocks::Clocks;
use crate::block::Block;
use crate::bus::Fault;
use crate::tables::others as table;

/// Ticks of the model's clock, which is the processor's at its fastest, in a second.
pub const SECOND: u64 = 400_000_000;
/// Ticks of a cycle of the crystal.
const XTAL: u64 = SECOND / 40_000_000;
/// What opens the registers of a watchdog.
const KEY: u32 = 0x50d8_3aa1;

/// The system timer: its first unit.
#[derive(Default)]
pub struct Systimer {
    valid: bool,
    value: u64,
}

impl Systimer {
    pub fn read(&self, offset: u32) -> Result<u32, Fault> {
        match offset {
            0x04 => Ok(u32::from(self.valid) << 29),
            0x40 => Ok((self.value >> 32) as u32 & 0xf_ffff),
            0x44 => Ok(self.value as u32),
            _ => Err(Fault::unmodelled(format!("SYSTIMER+{offset:#x} was read"))),
        }
    }

    pub fn write(&mut self, offset: u32, value: u32, now: u64) -> Result<(), Fault> {
        match offset {
            0x04 => {
                if value & 1 << 30 != 0 {
                    self.value = now / (SECOND / 16_000_000);
                    self.valid = true;
                }
                Ok(())
            }
            _ => Err(Fault::unmodelled(format!("SYSTIMER+{offset:#x} was written"))),
        }
    }
}

const T0_CONFIG: u32 = 0x00;
const ALARM_LOW: u32 = 0x10;
const LOAD_LOW: u32 = 0x18;
const LOAD: u32 = 0x20;
const WDT_CONFIG: u32 = 0x48;
const WDT_PROTECT: u32 = 0x64;
const CALIBRATION: u32 = 0x68;
const CALIBRATED: u32 = 0x6c;
const CALIBRATION_LIMIT: u32 = 0x80;
const INT_ENA: u32 = 0x70;
const INT_RAW: u32 = 0x74;
const INT_ST: u32 = 0x78;
const INT_CLR: u32 = 0x7c;
const ENABLED: u32 = 1 << 31;
const INCREASE: u32 = 1 << 30;
const RELOAD: u32 = 1 << 29;
const ALARM: u32 = 1 << 10;

/// A group: one timer, a watchdog, and the calibration of clocks.
pub struct Group {
    block: Block,
    /// The counter's value, and when it had it.
    counter: u64,
    since: u64,
    /// When the calibration has ended.
    calibrated_at: Option<u64>,
}

impl Group {
    pub fn new(name: &'static str) -> Self {
        Self { block: Block::new(name, table::TIMG), counter: 0, since: 0, calibrated_at: None }
    }

    pub fn reset(&mut self) {
        self.block.reset();
        (self.counter, self.since, self.calibrated_at) = (0, 0, None);
    }

    fn config(&self) -> u32 {
        self.block.get(T0_CONFIG)
    }

    /// Ticks of a step of the counter.
    fn step(&self) -> u64 {
        XTAL * match self.config() >> 13 & 0xffff {
            0 => 65_536,
            1 => 2,
            n => u64::from(n),
        }
    }

    fn count(&self, now: u64) -> u64 {
        if self.config() & ENABLED == 0 {
            return self.counter;
        }
        let steps = now.saturating_sub(self.since) / self.step();
        if self.config() & INCREASE != 0 { self.counter.wrapping_add(steps) } else { self.counter.wrapping_sub(steps) }
    }

    fn hold(&mut self, now: u64) {
        self.counter = self.count(now);
        self.since = now;
    }

    fn pair(&self, low: u32) -> u64 {
        u64::from(self.block.get(low + 4)) << 32 | u64::from(self.block.get(low))
    }

    /// When the alarm is due.
    pub fn due(&self) -> Option<u64> {
        if self.config() & (ENABLED | ALARM | INCREASE) != ENABLED | ALARM | INCREASE {
            return None;
        }
        let left = self.pair(ALARM_LOW).saturating_sub(self.counter);
        Some(self.since + left * self.step())
    }

    /// Goes on to `now`; tells whether the timer interrupts.
    pub fn advance(&mut self, now: u64) -> bool {
        if self.due().is_some_and(|due| due <= now) {
            self.hold(now);
            self.block.change(INT_RAW, 0, 1);
            // An alarm is armed once, unless the counter starts again with it.
            if self.config() & RELOAD != 0 {
                (self.counter, self.since) = (self.pair(LOAD_LOW), now);
            } else {
                self.block.change(T0_CONFIG, ALARM, 0);
            }
        }
        self.block.get(INT_RAW) & self.block.get(INT_ENA) & 1 != 0
    }

    pub fn read(&mut self, offset: u32, now: u64, clocks: &Clocks) -> Result<u32, Fault> {
        match offset {
            INT_ST => Ok(self.block.get(INT_RAW) & self.block.get(INT_ENA)),
            0x04 => Ok(self.counter as u32),
            0x08 => Ok((self.counter >> 32) as u32),
            CALIBRATION => {
                // From reset on it counts again and again.
                let cycling = self.block.get(offset) >> 12 & 1 == 1;
                let ready = cycling || self.calibrated_at.is_some_and(|at| at <= now);
                Ok(self.block.get(offset) & !(1 << 15) | u32::from(ready) << 15)
            }
            CALIBRATION_LIMIT => {
                // A clock that does not run is given up.
                let over = self.block.get(CALIBRATION) >> 31 == 1 && self.calibrated_at.is_none();
                Ok(self.block.get(offset) & !1 | u32::from(over))
            }
            CALIBRATED => {
                let cycles = self.block.get(CALIBRATION) >> 16 & 0x7fff;
                Ok(clocks.calibrate(cycles).unwrap_or_default() << 7 | 1)
            }
            _ => self.block.read(offset),
        }
    }

    pub fn write(&mut self, offset: u32, value: u32, now: u64, clocks: &Clocks) -> Result<(), Fault> {
        if offset == WDT_CONFIG && self.block.get(WDT_PROTECT) != KEY {
            return Err(Fault::new(format!("{} is written without its key", self.block.name(offset))));
        }
        match offset {
            T0_CONFIG => {
                self.hold(now);
                self.block.write(offset, value)?;
            }
            LOAD => (self.counter, self.since) = (self.pair(LOAD_LOW), now),
            0x0c => self.hold(now),
            INT_CLR => self.block.change(INT_RAW, value, 0),
            INT_RAW | INT_ST => return Err(Fault::new(format!("{} is written", self.block.name(offset)))),
            CALIBRATION => {
                let now_set = self.block.write(offset, value)?;
                if now_set & 1 << 31 == 0 {
                    self.calibrated_at = None;
                } else if self.calibrated_at.is_none() {
                    // A clock that does not run is never ready.
                    let cycles = clocks.calibrate(now_set >> 16 & 0x7fff);
                    self.calibrated_at = cycles.map(|cycles| now + u64::from(cycles) * XTAL);
                }
            }
            WDT_CONFIG => {
                if self.block.write(offset, value)? & 1 << 31 != 0 {
                    return Err(Fault::unmodelled(format!("{} switches the watchdog on", self.block.name(offset))));
                }
            }
            _ => _ = self.block.write(offset, value)?,
        }
        Ok(())
    }
}

const CONFIG: u32 = 0x00;
const STAGE_0: u32 = 0x04;
const FEED: u32 = 0x14;
const PROTECT: u32 = 0x18;
const SWD_CONFIG: u32 = 0x1c;
const SWD_PROTECT: u32 = 0x20;
/// Stage actions 3 and 4 of `LP_WDT_CONFIG0`: the system starts again, without or with its RTC.
const RESET_SYSTEM: [u32; 2] = [3, 4];
/// The super watchdog bites after about a second, if it isn't fed.
const SWD_SECONDS: u64 = 1;

/// The RTC's watchdog and the super watchdog.
pub struct LpWatchdog {
    block: Block,
    fed: u64,
    /// Bits by which a stage lasts longer than its register says.
    pub delay: u32,
}

/// What a watchdog did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bite {
    Rtc,
    Super,
}

impl LpWatchdog {
    pub fn new(now: u64) -> Self {
        let mut block = Block::new("LP_WDT", table::LP_WDT);
        // The bootloader leaves the super watchdog feeding itself, as ESP-IDF's `bootloader_config_wdt` has it.
        block.change(SWD_CONFIG, 0, 1 << 18);
        Self { block, fed: now, delay: 1 }
    }

    /// The time begins now.
    pub fn feed(&mut self, now: u64) {
        self.fed = now;
    }

    /// When it bites next.
    pub fn due(&self) -> Option<u64> {
        let config = self.block.get(CONFIG);
        if config & ENABLED == 0 {
            return None;
        }
        let ticks = u64::from(self.block.get(STAGE_0)) << self.delay;
        // Of the slow clock.
        Some(self.fed + ticks * SECOND / 147_300)
    }

    /// Whether one bites now.
    pub fn advance(&mut self, now: u64) -> Result<Option<Bite>, Fault> {
        let swd = self.block.get(SWD_CONFIG);
        if swd & (1 << 18 | 1 << 30) == 0 && now > self.fed + SWD_SECONDS * SECOND {
            return Ok(Some(Bite::Super));
        }
        if self.due().is_none_or(|due| due > now) {
            return Ok(None);
        }
        let action = self.block.get(CONFIG) >> 28 & 7;
        if RESET_SYSTEM.contains(&action) {
            return Ok(Some(Bite::Rtc));
        }
        Err(Fault::unmodelled(format!("LP_WDT: action {action} of the first stage")))
    }

    pub fn read(&self, offset: u32) -> Result<u32, Fault> {
        self.block.read(offset)
    }

    pub fn write(&mut self, offset: u32, value: u32, now: u64) -> Result<(), Fault> {
        let key = match offset {
            PROTECT | SWD_PROTECT => KEY,
            SWD_CONFIG => self.block.get(SWD_PROTECT),
            _ => self.block.get(PROTECT),
        };
        if key != KEY {
            return Err(Fault::new(format!("{} is written without its key", self.block.name(offset))));
        }
        let before = self.block.get(offset);
        let after = self.block.write(offset, value)?;
        if offset == FEED || (offset == CONFIG && after & !before & ENABLED != 0) {
            self.fed = now;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = SECOND / 1000;

    #[test]
    fn an_alarm_comes_when_it_is_due_and_once() {
        let (mut group, clocks) = (Group::new("TIMG0"), Clocks::default());
        let write =
            |group: &mut Group, offset, value, now| group.write(offset, value, now, &clocks).expect("a register");
        write(&mut group, INT_ENA, 1, 0);
        write(&mut group, ALARM_LOW, 20_000, 0);
        write(&mut group, LOAD, 0, 0);
        // 20 MHz: a divisor of 1 stands for 2.
        write(&mut group, T0_CONFIG, ENABLED | INCREASE | ALARM | 1 << 13, 0);
        assert_eq!(group.due(), Some(MS));
        assert!(!group.advance(MS - 1));
        assert!(group.advance(MS));
        write(&mut group, INT_CLR, 1, MS);
        assert!(!group.advance(10 * MS));
        assert_eq!(group.due(), None);
    }

    #[test]
    fn watchdogs_take_nothing_without_the_key() {
        let mut watchdog = LpWatchdog::new(0);
        let text = watchdog.write(CONFIG, ENABLED, 0).expect_err("no key").to_string();
        assert!(text.contains("LP_WDT.CONFIG0 is written without its key"), "{text}");
        watchdog.write(PROTECT, 0x1234_5678, 0).expect("a register");
        assert!(watchdog.write(FEED, ENABLED, 0).is_err());
        let clocks = Clocks::default();
        let mut group = Group::new("TIMG1");
        group.write(WDT_PROTECT, 0, 0, &clocks).expect("a register");
        assert!(group.write(WDT_CONFIG, 0, 0, &clocks).is_err());
    }

    #[test]
    fn a_watchdog_that_is_not_fed_bites() {
        let mut watchdog = LpWatchdog::new(0);
        watchdog.write(PROTECT, KEY, 0).expect("a register");
        watchdog.write(STAGE_0, 147_300 * 4, 0).expect("a register");
        watchdog.write(CONFIG, ENABLED | 4 << 28, 0).expect("a register");
        assert_eq!(watchdog.advance(8 * SECOND - 1).expect("an action"), None);
        watchdog.write(FEED, ENABLED, 7 * SECOND).expect("a register");
        assert_eq!(watchdog.advance(14 * SECOND).expect("an action"), None);
        assert_eq!(watchdog.advance(15 * SECOND).expect("an action"), Some(Bite::Rtc));
    }

    #[test]
    fn the_system_timer_is_valid_after_it_was_asked() {
        let mut timer = Systimer::default();
        assert_eq!(timer.read(4).expect("a register"), 0);
        timer.write(4, 1 << 30, SECOND).expect("a register");
        assert_eq!((timer.read(4).expect("valid"), timer.read(0x44).expect("a value")), (1 << 29, 16_000_000));
    }
}
