//! A chat between all pages that are open, through the device: `chat [ADDRESS:PORT]`.
//!
//! The device keeps the last lines, for those who come later too. A page that reads slower than the others talk misses lines,
//! and is told how many: nobody makes the others wait.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use barertc::MessageKind;
use barertc_channels::{App, Channel, address, serve};

/// Lines that are kept.
const KEPT: usize = 100;
/// Characters of a line that are taken.
const LONGEST: usize = 1_000;

/// What all have said.
#[derive(Default)]
struct Room {
    lines: VecDeque<String>,
    /// Lines that were ever said: the number of the next one.
    said: u64,
    guests: u32,
}

impl Room {
    fn say(&mut self, line: String) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
        self.said += 1;
    }

    /// The number of the first line that is kept.
    fn first(&self) -> u64 {
        self.said - self.lines.len() as u64
    }

    /// What comes for somebody who has heard all lines before `next`, and what is next behind it.
    fn after(&self, next: u64) -> Option<(String, u64)> {
        let first = self.first();
        if next < first {
            return Some((format!("({} lines were too many for you)", first - next), first));
        }
        self.lines.get(usize::try_from(next - first).ok()?).map(|line| (line.clone(), next + 1))
    }
}

/// A page.
struct Guest {
    room: Rc<RefCell<Room>>,
    /// Its number, as soon as it has a channel.
    number: Option<u32>,
    /// The line that it hears next.
    next: u64,
}

impl App for Guest {
    fn opened(&mut self, _: &mut Channel<'_>) {
        let mut room = self.room.borrow_mut();
        // A page may open more than one channel, and is one guest all the same.
        if self.number.is_none() {
            room.guests += 1;
            self.number = Some(room.guests);
            self.next = room.first();
            let line = format!("guest {} is here", room.guests);
            room.say(line);
        }
    }

    fn message(&mut self, _: &mut Channel<'_>, _: MessageKind, message: &[u8]) -> bool {
        let text: String = String::from_utf8_lossy(message).chars().take(LONGEST).collect();
        self.room.borrow_mut().say(format!("guest {}: {text}", self.number.unwrap_or(0)));
        true
    }

    fn turn(&mut self, channel: &mut Channel<'_>) {
        while let Some((line, next)) = self.room.borrow().after(self.next) {
            // Without room the turn comes again when there is some.
            if !channel.send(MessageKind::Text, line.as_bytes()).unwrap_or(false) {
                return;
            }
            self.next = next;
        }
    }

    fn ended(&mut self) {
        if let Some(number) = self.number {
            self.room.borrow_mut().say(format!("guest {number} has left"));
        }
    }
}

fn main() -> anyhow::Result<()> {
    let room = Rc::new(RefCell::new(Room::default()));
    serve(address()?, include_str!("../../pages/chat.html"), || Guest { room: room.clone(), number: None, next: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_slow_is_told_what_is_missing() {
        let mut room = Room::default();
        assert_eq!(room.after(0), None);
        (0..KEPT).for_each(|n| room.say(n.to_string()));
        assert_eq!(room.after(0), Some(("0".into(), 1)));
        (0..7).for_each(|n| room.say(n.to_string()));
        assert_eq!(room.after(0), Some(("(7 lines were too many for you)".into(), 7)));
        assert_eq!(room.after(7), Some(("7".into(), 8)));
        assert_eq!(room.after(room.said), None);
        assert_eq!(room.lines.len(), KEPT);
    }
}
