//! `cargo xtask proofs --breaks`: each proof fails where its promise is broken.
//!
//! A break is a change of one place in one file. It is made in a copy of the repository, and there the proof has to fail with
//! the words that belong to the promise. The copy lies in the target directory and is used again, so that only what a break
//! touches is built anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use anyhow::{Context, Result, bail, ensure};

use crate::run::{COPY, root, show, target_dir};

/// A change that breaks a promise, and what then fails.
struct Break {
    promise: &'static str,
    /// What the change is, in words; docs/security.md has the same.
    what: &'static str,
    file: &'static str,
    /// The text of the file that is replaced. It stands there once.
    from: &'static str,
    to: &'static str,
    /// The verb of xtask that shows it, with its arguments.
    shown_by: &'static [&'static str],
    /// What that says when it fails for this reason and no other.
    seen: &'static str,
}

const BREAKS: [Break; 13] = [
    Break {
        promise: "P1",
        what: "the guide's firmware makes a `Vec` on the global heap",
        file: "examples/firmware/src/guests.rs",
        from: "        let (heap, stack) = (self.heap.stats(), self.board.stack());\n",
        to: "        extern crate alloc;\n        let (heap, stack) = (self.heap.stats(), self.board.stack());\n        \
             core::hint::black_box(alloc::vec::Vec::<u8>::with_capacity(heap.live));\n",
        shown_by: &["proofs", "P1"],
        seen: "the_global_heap_is_used",
    },
    Break {
        promise: "P2",
        what: "repair packets left out of `worst_case_bytes()`",
        file: "crates/peer/src/media/send.rs",
        from: "        config.repair_packets = self.repair_packets;\n        config.repair = Some(",
        to: "        config.repair_packets = 0;\n        config.repair = Some(",
        shown_by: &["proofs", "P2"],
        seen: "memory_of_any_configuration::the_bound_holds_and_is_reached",
    },
    Break {
        promise: "P3",
        what: "a history that panics when there is no memory for it",
        file: "crates/rtcp-nack/src/history.rs",
        from: "packets: Ring::with_capacity(config.packets, alloc.clone())?,",
        to: "packets: Ring::with_capacity(config.packets, alloc.clone()).expect(\"no memory\"),",
        shown_by: &["proofs", "P3"],
        seen: "memory_is_bounded_and_given_back::any_allocation_may_fail",
    },
    Break {
        promise: "P4",
        what: "one reference too many to each frame that is sent",
        file: "crates/rtcp-nack/src/history.rs",
        from: "            let size = frame.bytes().len();\n",
        to: "            let size = frame.bytes().len();\n            core::mem::forget(frame.clone());\n",
        shown_by: &["proofs", "P4"],
        seen: "memory_is_bounded_and_given_back::a_thousand_sessions_leave_nothing_behind",
    },
    Break {
        promise: "P5",
        what: "a packet copied to the stack before it is encrypted",
        file: "crates/srtp/src/session.rs",
        from: "        let index = guess(highest, rtp.seq).filter(|index| highest.is_none_or(|h| *index > h));\n",
        to: "        let index = guess(highest, rtp.seq).filter(|index| highest.is_none_or(|h| *index > h));\n        \
             let mut copy = [0; 1_200];\n        copy.iter_mut().zip(&*buf).for_each(|(to, from)| *to = *from);\n        \
             core::hint::black_box(&mut copy);\n",
        shown_by: &["proofs", "P5"],
        seen: "a second copy of packet",
    },
    Break {
        promise: "P6",
        what: "a history that knows the last hundred packets only",
        file: "crates/rtcp-nack/src/history.rs",
        from: "        let index = self.index(sequence).ok_or(Refusal::Gone)?;\n",
        to: "        let known = self.next.wrapping_sub(sequence) <= 100;\n        \
             let index = self.index(sequence).filter(|_| known).ok_or(Refusal::Gone)?;\n",
        shown_by: &["proofs", "P6"],
        seen: "lost_key_frame_comes_back::plain",
    },
    Break {
        promise: "P7",
        what: "the two bytes more of a retransmission by RTX not counted",
        file: "crates/rtcp-nack/src/config.rs",
        from: "            (false, Some(_)) => 2,\n",
        to: "            (false, Some(_)) => 0,\n",
        shown_by: &["proofs", "P7"],
        seen: "no_datagram_above_the_mtu::every_packet_fits",
    },
    Break {
        promise: "P8",
        what: "a `static mut` in a crate",
        file: "crates/sctp/src/packet.rs",
        from: "use crate::crc::Crc;\n",
        to: "use crate::crc::Crc;\n\npub static mut LAST_TAG: u32 = 0;\n",
        shown_by: &["proofs", "P8"],
        seen: "static mut LAST_TAG",
    },
    Break {
        promise: "P9",
        what: "a line of a description that is cut by an index",
        file: "crates/sdp/src/line.rs",
        from: "        (line.strip_suffix('\\r').unwrap_or(line), rest)\n",
        to: "        (if line.ends_with('\\r') { &line[..line.len() - 1] } else { &line[usize::from(line.starts_with(' '))..] }, rest)\n",
        shown_by: &["no-panic", "sdp"],
        seen: "A PANIC CAN BE REACHED",
    },
    Break {
        promise: "P10",
        what: "a clock of the host in a crate",
        file: "crates/sctp/src/packet.rs",
        from: "use crate::crc::Crc;\n",
        to: "use crate::crc::Crc;\n\nfn now() -> std::time::Instant {\n    std::time::Instant::now()\n}\n",
        shown_by: &["proofs", "P10"],
        seen: "std::time::Instant::now()",
    },
    Break {
        promise: "P11",
        what: "checks of consent wait until no media do",
        file: "crates/peer/src/connection/mod.rs",
        from: "self.transport.poll_ice(now, out).or_else(|| {",
        to: "Some(()).filter(|()| self.media.send_timeout().is_none() || !self.transport.security().is_up())\n            \
             .and_then(|()| self.transport.poll_ice(now, out)).or_else(|| {",
        shown_by: &["proofs", "P11"],
        seen: "consent_and_reports_pass_a_saturated_video_queue failed: thread",
    },
    Break {
        promise: "P12",
        what: "a peer that does not answer is told of by no event",
        file: "crates/peer/src/connection/events.rs",
        from: "IceEvent::NoAnswer(reason) => Event::PeerSilent(Stage::Ice(reason)),",
        to: "IceEvent::NoAnswer(_) => continue,",
        shown_by: &["proofs", "P12"],
        seen: "no_event_is_lost::a_peer_that_does_not_answer_is_told_of_once",
    },
    Break {
        promise: "P13",
        what: "the board's HMAC with its two pads mixed up",
        file: "examples/esp32p4/src/crypto.rs",
        from: "(key.map(|byte| byte ^ 0x36), key.map(|byte| byte ^ 0x5c))",
        to: "(key.map(|byte| byte ^ 0x5c), key.map(|byte| byte ^ 0x36))",
        shown_by: &["p4-selftest"],
        seen: "gives other results than software",
    },
];

/// Makes the breaks of these promises, or of all, one after the other. Fails where one goes unnoticed.
pub fn main(promises: &[&str]) -> Result<()> {
    let tree = target_dir().join("breaks/tree");
    let mut lines = Vec::new();
    for broken in BREAKS.iter().filter(|b| promises.is_empty() || promises.contains(&b.promise)) {
        copy_repository(&tree)?;
        let line = broken.is_noticed(&tree)?;
        println!("  {:<4} {}: {line}", broken.promise, broken.what);
        lines.push(line);
    }
    ensure!(!lines.is_empty(), "no break is listed for {}", promises.join(", "));
    println!("{} breaks, each noticed", lines.len());
    Ok(())
}

impl Break {
    /// Makes the break in the copy. The line with which the proof fails.
    fn is_noticed(&self, tree: &Path) -> Result<String> {
        let path = tree.join(self.file);
        let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        fs::write(&path, self.applied(&text)?).with_context(|| format!("{} cannot be written", path.display()))?;
        let mut command = Command::new(std::env::current_exe().context("this program has no path")?);
        command.args(self.shown_by).env(COPY, tree).env("CARGO_TARGET_DIR", target_dir().join("breaks/target"));
        println!("  $ {}", show(&command));
        let out = command.output().with_context(|| format!("`{}` could not be started", show(&command)))?;
        let said = [out.stdout, out.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).join("\n");
        ensure!(!out.status.success(), "{} was not noticed: {}", self.promise, self.what);
        match said.lines().find(|line| line.contains(self.seen)) {
            Some(line) => Ok(line.trim().chars().take(300).collect()),
            None => {
                let last: Vec<&str> = said.lines().rev().take(20).collect();
                bail!(
                    "{} failed for another reason:\n{}",
                    self.promise,
                    last.into_iter().rev().collect::<Vec<_>>().join("\n")
                )
            }
        }
    }

    /// The file's text with the break in it.
    fn applied(&self, text: &str) -> Result<String> {
        let places = text.matches(self.from).count();
        ensure!(places == 1, "{} has {places} times {:?}", self.file, self.from);
        Ok(text.replace(self.from, self.to))
    }
}

/// Makes the folder a copy of the repository as it is. A file that is the same is left alone, so that nothing of it is built again.
fn copy_repository(to: &Path) -> Result<()> {
    let listed = Command::new("git")
        .current_dir(root())
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("git could not be started")?;
    ensure!(listed.status.success(), "this is no clone made by git");
    let mut names = BTreeSet::new();
    for name in String::from_utf8(listed.stdout)?.split_terminator('\0') {
        // A link is copied as what it leads to. What was deleted and not yet committed is no file.
        let Ok(bytes) = fs::read(root().join(name)) else { continue };
        let path = to.join(name);
        if fs::read(&path).ok().as_deref() != Some(&*bytes) {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(&path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        names.insert(path);
    }
    remove_others(to, &names).with_context(|| format!("{} cannot be tidied", to.display()))
}

/// Deletes files that are none of these. Cargo finds programs by their files.
fn remove_others(folder: &Path, names: &BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(&path, names)?;
        } else if !names.contains(&path) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proofs::promises::PROMISES;

    #[test]
    fn each_promise_has_a_break_that_can_be_made_and_is_listed() {
        let page = fs::read_to_string(root().join(crate::proofs::DOCUMENT)).unwrap();
        for promise in &PROMISES {
            assert!(BREAKS.iter().any(|b| b.promise == promise.name), "{} has no break", promise.name);
        }
        for broken in &BREAKS {
            let text = fs::read_to_string(root().join(broken.file)).unwrap();
            let changed = broken.applied(&text).unwrap_or_else(|error| panic!("{}: {error}", broken.promise));
            assert!(changed != text, "{}: {}", broken.promise, broken.what);
            let row = format!("| {} | {} |", broken.promise, broken.what);
            assert!(page.contains(&row), "docs/security.md does not have `{row}`");
        }
    }
}
