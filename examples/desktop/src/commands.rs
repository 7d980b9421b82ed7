//! The commands that pictures and sound come from.

use std::path::Path;

use anyhow::{Result, bail};
use barertc_media::EncoderRate;

/// Pictures of a test card with a clock in it.
const TEST_CARD: &str = "-re -f lavfi -i testsrc=size=640x360:rate={fps}";
/// A tone of 440 Hz.
const TONE: &str = "-re -f lavfi -i sine=frequency=440:sample_rate=48000";
/// Constrained Baseline without pictures that wait for others, a key frame a second, each picture written at once.
const H264: &str = "-an -c:v libx264 -preset ultrafast -tune zerolatency -profile:v baseline -pix_fmt yuv420p \
    -b:v {bitrate} -maxrate {bitrate} -bufsize $(({bitrate}/4)) -g {fps} -flush_packets 1 -f h264 pipe:1";
/// A page of each packet, so that none waits for others.
const OPUS: &str = "-vn -ac 2 -ar 48000 -c:a libopus -b:a 64k -application lowdelay -frame_duration 20 \
    -page_duration 20000 -flush_packets 1 -f ogg pipe:1";
const FFMPEG: &str = "ffmpeg -hide_banner -loglevel error -nostdin";

/// A command whose output is read, with places for what it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    /// A second one may run beside the first for a moment. A device that only one may open does not allow that.
    pub overlaps: bool,
}

impl Template {
    /// What a user wrote. A `|` at its end says what is meant, and nothing else.
    pub fn of_user(option: &str, text: &str) -> Result<Self> {
        let text = text.trim().trim_end_matches('|').trim_end();
        if text.is_empty() {
            bail!("{option}: no command");
        }
        Ok(Self { text: text.to_owned(), overlaps: false })
    }

    /// Pictures that ffmpeg makes up.
    pub fn test_card() -> Result<Self> {
        need_ffmpeg("--test-pattern")?;
        Ok(Self { text: format!("{FFMPEG} {TEST_CARD} {H264}"), overlaps: true })
    }

    /// Sound that ffmpeg makes up.
    pub fn tone() -> Self {
        Self { text: format!("{FFMPEG} {TONE} {OPUS}"), overlaps: true }
    }

    /// Pictures of a camera, through V4L2.
    pub fn camera(device: &str) -> Result<Self> {
        if !Path::new(device).exists() {
            bail!("--camera {device}: no such device; cameras are /dev/video0, /dev/video1, …");
        }
        need_ffmpeg("--camera")?;
        let input = format!("-f v4l2 -framerate {{fps}} -i {}", quoted(device));
        Ok(Self { text: format!("{FFMPEG} {input} {H264}"), overlaps: false })
    }

    /// Sound of a microphone, through ALSA.
    pub fn microphone(device: &str) -> Result<Self> {
        need_ffmpeg("--microphone")?;
        let input = format!("-f alsa -i {}", quoted(device));
        Ok(Self { text: format!("{FFMPEG} {input} {OPUS}"), overlaps: false })
    }

    /// Whether the command can be told a rate.
    pub fn has_rate(&self) -> bool {
        self.text.contains("{bitrate}")
    }

    /// The command for a rate.
    pub fn command(&self, rate: EncoderRate) -> String {
        let bits = rate.bits_per_second.to_string();
        self.text.replace("{bitrate}", &bits).replace("{fps}", &rate.frames_per_second.to_string())
    }
}

/// As one word of the shell's.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn need_ffmpeg(option: &str) -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join("ffmpeg").is_file()) {
        return Ok(());
    }
    bail!("{option}: ffmpeg is not installed (it is in no folder of PATH)")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: EncoderRate = EncoderRate { bits_per_second: 800_000, frames_per_second: 15 };

    #[test]
    fn a_command_is_told_its_rate() {
        let template = Template::of_user("--video", " encode --rate {bitrate} --fps {fps} | ").unwrap();
        assert_eq!(template.command(RATE), "encode --rate 800000 --fps 15");
        assert!(template.has_rate() && !Template::of_user("--video", "cat x.h264").unwrap().has_rate());
        assert!(Template::of_user("--video", " | ").unwrap_err().to_string().contains("--video"));
    }

    #[test]
    fn a_device_that_is_not_there_is_named_and_a_word_stays_one() {
        let error = Template::camera("/dev/no-such-camera").unwrap_err().to_string();
        assert!(error.contains("--camera /dev/no-such-camera"), "{error}");
        assert_eq!(quoted("a'b c; rm -r /"), r"'a'\''b c; rm -r /'");
    }
}
