//! The machine: processor, memories and devices, the clock that they share, and what starts again after a reset.

use std::time::{Duration, Instant};

use crate::board::Board;
use crate::bus::{Bus, Fault, Io as _, Reset};
use crate::cpu::{Code, Cpu, Exception, Stop};
use crate::dev::timers::{Bite, SECOND};
use crate::flash::Flash;
use crate::loader;
use crate::memory::Memory;
use crate::net::Network;
use crate::rom::{self, Called};

/// Instructions between two looks at the network and the wall's clock.
const SLICE: u64 = 20_000;
/// The longest sleep: somebody may have stopped waiting.
const NAP: u64 = SECOND / 100;

/// Which clock the devices go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockSource {
    /// An instruction takes a cycle of 2.5 ns, sleep none: each run is like the other.
    Virtual,
    /// Devices keep the time of the world outside, however many instructions come to pass meanwhile.
    Wall,
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// What was waited for has come.
    Reached,
    /// The time is over.
    Timeout,
    /// The power was cut.
    PowerCut,
    /// The system was started again, and the caller wants to know.
    Reset(Reset),
    /// The bootloader found no program to start.
    NoProgram(String),
    /// The debugger: an instruction to stop at.
    Breakpoint(u32),
    /// The debugger: an address that is about to be written.
    Watchpoint(u32),
    /// Something that the chip cannot do, or the model does not know.
    Fault(Fault),
}

/// What a run is about to be judged by.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Ticks in which the processor slept.
    pub idle: u64,
    /// Ticks that an interrupt waited at most.
    pub longest_wait: u64,
    /// Calls of functions of the ROM.
    pub rom_calls: u64,
    /// Times that the system started.
    pub starts: u64,
    /// Where the processor was at the end of slices, and how many instructions those had.
    pub samples: std::collections::HashMap<u32, u64>,
}

/// A machine.
pub struct Machine {
    pub cpu: Cpu,
    pub memory: Memory,
    pub bus: Bus,
    pub code: Code,
    pub network: Box<dyn Network>,
    pub figures: Figures,
    clock: ClockSource,
    began: Instant,
    /// Ticks at which the wall's clock was zero.
    origin: u64,
    reset_reason: u32,
    waiting_since: Option<u64>,
    /// When interrupts were looked at last.
    looked: u64,
    /// Instructions are printed as they are done.
    pub trace: bool,
    /// Where to stop.
    pub breakpoints: Vec<u32>,
    /// The program is to be started again by software, as its panic does it.
    pub warm_restart: bool,
    /// A reset ends the run, rather than to start again.
    pub stop_at_reset: bool,
    running: bool,
    /// The last frame for the network came by WiFi.
    on_air: bool,
}

impl Machine {
    /// A machine without power.
    pub fn new(board: Board, flash: Vec<u8>, network: Box<dyn Network>, clock: ClockSource) -> Self {
        let psram = board.psram.megabytes.unwrap_or(0) as usize * (1 << 20);
        let interrupts = board.interrupts_on;
        Self {
            cpu: Cpu::new(0, interrupts),
            memory: Memory::new(psram),
            bus: Bus::new(board, Flash::new(flash), 0),
            code: Code::new(0),
            network,
            figures: Figures::default(),
            clock,
            began: Instant::now(),
            origin: 0,
            // Power on.
            reset_reason: 1,
            waiting_since: None,
            looked: 0,
            trace: false,
            breakpoints: Vec::new(),
            warm_restart: false,
            stop_at_reset: false,
            running: false,
            on_air: false,
        }
    }

    /// Ticks of 2.5 ns since the power came.
    pub fn now(&self) -> u64 {
        self.bus.now(self.cpu.count)
    }

    /// What came out of the serial port.
    pub fn log(&self) -> String {
        self.bus.serial.log()
    }

    /// Starts the program that is in flash.
    fn boot(&mut self) -> Result<(), String> {
        let entry = loader::load(&self.bus.flash.bytes, &self.bus.board, &mut self.memory)?;
        let count = self.cpu.count;
        self.cpu = Cpu::new(entry, self.bus.board.interrupts_on);
        self.cpu.count = count;
        self.code = Code::new(self.memory.xip.len());
        self.code.set_breakpoints(self.breakpoints.clone());
        self.cpu.guards_changed = true;
        self.figures.starts += 1;
        self.running = true;
        Ok(())
    }

    /// Starts again, as after a reset of the core: memories keep what they hold, and the Ethernet controller goes on.
    fn restart(&mut self, reset: Reset) {
        self.reset_reason = match reset {
            Reset::Software => 3,
            Reset::Watchdog(Bite::Rtc) => 0x10,
            Reset::Watchdog(Bite::Super) => 0x12,
        };
        let now = self.now();
        let flash = std::mem::replace(&mut self.bus.flash, Flash::new(Vec::new()));
        let mut bus = Bus::new(self.bus.board.clone(), flash, now - self.cpu.count);
        bus.watchdog.feed(now);
        bus.flash.reset();
        bus.serial.text = std::mem::take(&mut self.bus.serial.text);
        bus.noise = std::mem::replace(&mut self.bus.noise, crate::dev::analog::Noise::new(0));
        if matches!(reset, Reset::Software) {
            std::mem::swap(&mut bus.emac, &mut self.bus.emac);
            std::mem::swap(&mut bus.phy, &mut self.bus.phy);
        }
        std::mem::swap(&mut bus.radio, &mut self.bus.radio);
        let counts = (self.bus.aes.blocks, self.bus.sha.blocks, self.bus.ecc.calls);
        (bus.aes.blocks, bus.sha.blocks, bus.ecc.calls) = counts;
        self.bus = bus;
        self.memory.psram_mapped = 0;
        let _ = self.memory.guard(Vec::new());
        self.running = false;
    }

    /// Runs for so many milliseconds at most, or until `reached`.
    pub fn run(&mut self, milliseconds: u64, reached: impl FnMut(&mut Self) -> bool) -> End {
        self.run_ticks(milliseconds * (SECOND / 1000), reached)
    }

    /// The same for so many ticks.
    pub fn run_ticks(&mut self, ticks: u64, mut reached: impl FnMut(&mut Self) -> bool) -> End {
        let end = self.now() + ticks;
        if self.clock == ClockSource::Wall {
            (self.began, self.origin) = (Instant::now(), self.now());
        }
        loop {
            if !self.running
                && let Err(why) = self.boot()
            {
                return End::NoProgram(why);
            }
            if reached(self) {
                return End::Reached;
            }
            if std::mem::take(&mut self.warm_restart) {
                self.restart(Reset::Software);
                continue;
            }
            if self.now() >= end {
                return End::Timeout;
            }
            match self.turn(end) {
                Ok(None) => {}
                Ok(Some(End::Reset(reset))) => {
                    self.restart(reset);
                    if self.stop_at_reset {
                        return End::Reset(reset);
                    }
                }
                Ok(Some(other)) => return other,
                Err(fault) => return End::Fault(fault),
            }
        }
    }

    /// Runs until a line of the log has this text.
    pub fn run_until_log(&mut self, milliseconds: u64, text: &str) -> End {
        let mut seen = 0;
        self.run(milliseconds, |machine| {
            let log = &machine.bus.serial.text;
            if log.len() == seen {
                return false;
            }
            let from = seen.saturating_sub(text.len());
            seen = log.len();
            log[from..].windows(text.len()).any(|window| window == text.as_bytes())
        })
    }

    /// A slice of time, with the network's frames before it.
    fn turn(&mut self, end: u64) -> Result<Option<End>, Fault> {
        if self.clock == ClockSource::Wall {
            self.keep_up();
        }
        self.exchange();
        // Frames come at the end of a sleep, and not in the midst of it.
        self.looked = self.now();
        let from = self.cpu.count;
        let limit = from + SLICE.min(end.saturating_sub(self.now()).max(1));
        while self.cpu.count < limit {
            let now = self.now();
            let due = self.bus.due().filter(|due| *due <= now);
            if (self.bus.touched || due.is_some())
                && let Some(reset) = self.bus.advance(now, &mut self.memory)?
            {
                return Ok(Some(End::Reset(reset)));
            }
            // A function of the ROM may have taken all the time since then.
            let due = due.filter(|_| self.clock == ClockSource::Virtual);
            let since = due.map_or(now, |due| due.max(self.looked));
            self.looked = now;
            self.interrupt(now, since)?;
            if self.cpu.guards_changed {
                self.cpu.guards_changed = false;
                if self.memory.guard(self.cpu.guards()) {
                    self.code.flush();
                }
            }
            let next = self.bus.due().unwrap_or(u64::MAX).max(now + 1) - self.bus.skipped;
            let until = if self.trace { self.cpu.count + 1 } else { limit.min(next) };
            if self.trace {
                self.print_instruction();
            }
            match self.cpu.run(&mut self.code, &mut self.memory, &mut self.bus, until) {
                Stop::Limit | Stop::Changed => {}
                Stop::Wait => {
                    if self.sleep(end)? {
                        break;
                    }
                }
                Stop::Rom => {
                    self.figures.rom_calls += 1;
                    match rom::call(&mut self.cpu, &mut self.memory, &mut self.bus, self.reset_reason)? {
                        Called::Returned => {}
                        Called::Reset => return Ok(Some(End::Reset(Reset::Software))),
                        Called::PowerCut(_) => return Ok(Some(End::PowerCut)),
                    }
                    if self.now() >= end {
                        break;
                    }
                }
                Stop::Break => return Ok(Some(End::Breakpoint(self.cpu.pc))),
                Stop::Watch(address) => return Ok(Some(End::Watchpoint(address))),
                Stop::Fault(fault) => return Err(fault),
            }
        }
        *self.figures.samples.entry(self.cpu.pc).or_default() += self.cpu.count - from;
        Ok(None)
    }

    /// Takes the next interrupt, if there is one; one that is new waits since `since`.
    fn interrupt(&mut self, now: u64, since: u64) -> Result<(), Fault> {
        if self.waiting_since.is_none() && self.bus.clic.next(self.cpu.mil).is_some() {
            self.waiting_since = Some(since);
        }
        let Some(next) = self.bus.interrupt(&self.cpu) else { return Ok(()) };
        if !next.vectored {
            return Err(Fault::unmodelled(format!("interrupt {} is not vectored by hardware", next.id)));
        }
        let entry = self.cpu.mtvt.wrapping_add(4 * next.id);
        match self.memory.load::<4>(entry) {
            Some(Ok(handler)) => {
                self.bus.clic.taken(next.id);
                self.cpu.interrupt(next.id, next.level, u32::from_le_bytes(handler));
            }
            _ => self.cpu.except(Exception::FetchAccess, entry),
        }
        if let Some(since) = self.waiting_since.take() {
            self.figures.longest_wait = self.figures.longest_wait.max(now - since);
        }
        Ok(())
    }

    /// `wfi`: on to the next event. Tells whether there is none before somebody has to look at the network.
    fn sleep(&mut self, end: u64) -> Result<bool, Fault> {
        let now = self.now();
        if self.bus.touched {
            // What was just written may interrupt already.
            return Ok(false);
        }
        if self.bus.clic.next(self.cpu.threshold()).is_some() {
            return Ok(false);
        }
        if !self.bus.emac.outgoing.is_empty() {
            // The network sees what was sent before anybody sleeps.
            return Ok(true);
        }
        let target = self.bus.due().unwrap_or(u64::MAX).max(now).min(now + NAP).min(end.max(now + 1));
        match self.clock {
            ClockSource::Virtual => {
                // What the network has for us in this time comes at its end.
                self.bus.skipped += target - now;
                self.figures.idle += target - now;
            }
            ClockSource::Wall => {
                let wall = self.wall();
                if target > wall {
                    self.network.wait(Duration::from_nanos((target - wall) * 5 / 2));
                }
                let to = self.wall().min(target).max(now);
                self.bus.skipped += to - now;
                self.figures.idle += to - now;
            }
        }
        if target >= now + NAP || self.clock == ClockSource::Wall {
            // Sleeps on, if nothing came: the instruction may end without a reason.
            return Ok(true);
        }
        Ok(false)
    }

    fn wall(&self) -> u64 {
        self.origin + (self.began.elapsed().as_nanos() as u64) * 2 / 5
    }

    /// The devices' clock does not fall behind that of the world.
    fn keep_up(&mut self) {
        let (wall, now) = (self.wall(), self.now());
        if wall > now {
            self.bus.skipped += wall - now;
        } else if now > wall + SECOND / 500 {
            std::thread::sleep(Duration::from_nanos((now - wall) * 5 / 2));
        }
    }

    /// Carries frames between the controller and the network.
    fn exchange(&mut self) {
        let now = self.now();
        for frame in self.bus.emac.outgoing.drain(..) {
            self.network.send(&frame, now);
            self.on_air = false;
        }
        while let Some(frame) = self.bus.radio.take_aired() {
            self.network.send(&frame, now);
            self.on_air = true;
        }
        // The network has one machine on it: frames go where that one spoke last.
        while let Some(frame) = self.network.receive(now) {
            if self.on_air {
                self.bus.radio.hear(&frame, now);
            } else {
                self.bus.emac.hear(frame);
            }
        }
    }

    fn print_instruction(&self) {
        let Cpu { pc, count, x, .. } = &self.cpu;
        if rom::is_rom(*pc) {
            let name = rom::name(*pc).unwrap_or("?");
            return eprintln!("{count:010} {pc:08x} ROM {name} ra={:08x} sp={:08x} a0={:08x}", x[1], x[2], x[10]);
        }
        let word =
            self.memory.slice(*pc, 4).map_or(0, |bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        let op = crate::cpu::decode::decode(word);
        eprintln!("{count:010} {pc:08x} {op:?} ra={:08x} sp={:08x} a0={:08x}", x[1], x[2], x[10]);
    }
}
