//! `pack` and `unpack`: packed files from what encoders write, and back.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use barertc_arena::Global;
use barertc_media::pack::{self, Track, block_on};
use barertc_media::{
    AnnexB, AnnexBConfig, Directory, DirectoryConfig, Disk, ErrorKind, FrameKind, Ivf, IvfConfig, Ogg, OggConfig,
    Source,
};

const PACK: &str = "usage: cargo xtask pack (--dir DIR | [--annexb FILE | --ivf FILE] [--ogg FILE]) [--fps N] -o OUT
  --dir DIR      frames one a file: DIR/h264/0.h264 or sample-0.h264 and so on, DIR/vp8, DIR/vp9, DIR/av1 and DIR/opus likewise
  --annexb FILE  an H.264 elementary stream
  --ivf FILE     VP8, VP9 or AV1 in IVF
  --ogg FILE     Opus in Ogg
  --fps N        pictures a second (30)
  -o OUT         the packed file";
const UNPACK: &str = "usage: cargo xtask unpack FILE (--annexb OUT | --dir OUT)
  --annexb OUT   the pictures as an elementary stream
  --dir OUT      everything, one frame a file, in OUT/h264, OUT/opus and so on";

/// Larger than any encoder's frame; a bound all the same, so that a broken file cannot ask for everything.
const MAX_FRAME: usize = 16 << 20;

/// `cargo xtask pack`.
pub fn pack(args: &[String]) -> Result<()> {
    let (mut dir, mut annexb, mut ivf, mut ogg, mut out, mut fps) = (None, None, None, None, None, 30);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().with_context(|| format!("{arg} needs a value\n{PACK}"));
        match arg.as_str() {
            "--dir" => dir = Some(value()?),
            "--annexb" => annexb = Some(value()?),
            "--ivf" => ivf = Some(value()?),
            "--ogg" => ogg = Some(value()?),
            "--fps" => fps = value()?.parse().context("--fps needs a whole number")?,
            "-o" => out = Some(value()?),
            _ => bail!("{arg}?\n{PACK}"),
        }
    }
    let out = out.with_context(|| format!("no -o OUT\n{PACK}"))?;
    let streams = annexb.is_some() || ivf.is_some() || ogg.is_some();
    ensure!(dir.is_some() != streams, "either --dir, or --annexb or --ivf, and --ogg\n{PACK}");
    ensure!(annexb.is_none() || ivf.is_none(), "one track of pictures: --annexb or --ivf\n{PACK}");
    ensure!((1..=1000).contains(&fps) && 90_000 % fps == 0, "{fps} pictures a second have no whole duration at 90 kHz");
    let tracks = block_on(read(dir, annexb, ivf, ogg, 90_000 / fps))?;
    ensure!(!tracks.is_empty(), "nothing to pack");

    let mut file = BufWriter::new(File::create(out).with_context(|| format!("cannot create {out}"))?);
    let size = pack::write(&mut file, &tracks)?;
    file.flush()?;
    for track in &tracks {
        println!("{}", describe(track));
    }
    println!("{out}: {size} bytes, {} of them index", size as usize - tracks.iter().map(Track::bytes).sum::<usize>());
    Ok(())
}

/// `cargo xtask unpack`.
pub fn unpack(args: &[String]) -> Result<()> {
    let [input, how, out] = args else { bail!("{UNPACK}") };
    let (mut disk, file) = place(input)?;
    let tracks = block_on(pack::read(&mut disk, &file))?;
    match how.as_str() {
        "--annexb" => {
            let video = tracks.iter().find(|t| t.kind == FrameKind::H264).context("no H.264 track in the file")?;
            std::fs::write(out, video.annex_b()).with_context(|| format!("cannot write {out}"))?;
            println!("{}\n{out}: written", describe(video));
        }
        "--dir" => {
            for track in &tracks {
                let name = track.kind.extension();
                let folder = Path::new(out).join(name);
                std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
                for (number, frame) in track.frames.iter().enumerate() {
                    std::fs::write(folder.join(format!("{number}.{name}")), frame)?;
                }
                println!("{}\n{}: {} files written", describe(track), folder.display(), track.frames.len());
            }
        }
        _ => bail!("{how}?\n{UNPACK}"),
    }
    Ok(())
}

async fn read(
    dir: Option<&String>,
    annexb: Option<&String>,
    ivf: Option<&String>,
    ogg: Option<&String>,
    frame_duration: u32,
) -> Result<Vec<Track>> {
    let mut tracks = vec![];
    if let Some(dir) = dir {
        let mut disk = Disk::new(dir);
        let config = DirectoryConfig { frame_duration, max_frame_bytes: MAX_FRAME };
        for kind in FrameKind::VIDEO.into_iter().chain([FrameKind::Opus]) {
            match Directory::open(&mut disk, kind.extension(), kind, config, Global).await {
                Ok(source) => tracks.push(Track::read(&mut disk, &mut Source::Directory(source)).await?),
                Err(e) if matches!(e.kind, ErrorKind::NotFound) => println!("{dir}: no {} in it", e.path),
                Err(e) => return Err(e.into()),
            }
        }
    }
    if let Some(path) = annexb {
        let (mut disk, file) = place(path)?;
        let config = AnnexBConfig { frame_duration, max_frame_bytes: MAX_FRAME };
        let source = AnnexB::open(&mut disk, &file, config, Global).await?;
        tracks.push(Track::read(&mut disk, &mut Source::AnnexB(source)).await?);
    }
    if let Some(path) = ivf {
        let (mut disk, file) = place(path)?;
        let config = IvfConfig { frame_duration, max_frame_bytes: MAX_FRAME };
        let source = Ivf::open(&mut disk, &file, config, Global).await?;
        tracks.push(Track::read(&mut disk, &mut Source::Ivf(source)).await?);
    }
    if let Some(path) = ogg {
        let (mut disk, file) = place(path)?;
        let source = Ogg::open(&mut disk, &file, OggConfig { max_packet_bytes: 1 << 16 }, Global).await?;
        tracks.push(Track::read(&mut disk, &mut Source::Ogg(source)).await?);
    }
    Ok(tracks)
}

/// The folder of a path as a storage, and the file's name in it: paths inside a storage are short.
fn place(path: &str) -> Result<(Disk, String)> {
    let path = Path::new(path);
    let file = path.file_name().and_then(|n| n.to_str()).with_context(|| format!("{}: no file", path.display()))?;
    Ok((Disk::new(path.parent().unwrap_or(Path::new(""))), file.to_string()))
}

fn describe(track: &Track) -> String {
    let largest = track.frames.iter().map(Vec::len).max().unwrap_or(0);
    let seconds = track.seconds();
    let rate = track.bytes() as f64 * 8.0 / seconds / 1000.0;
    let keys: Vec<String> = track
        .key_frames
        .iter()
        .map(|k| format!("{k} ({} bytes)", track.frames.get(*k as usize).map_or(0, Vec::len)))
        .collect();
    let keys = if keys.is_empty() { String::new() } else { format!("; key frames {}", keys.join(", ")) };
    format!(
        "{:?}: {} frames, {seconds:.3} s, {} bytes, {rate:.0} kbit/s, largest {largest}{keys}",
        track.kind,
        track.frames.len(),
        track.bytes()
    )
}

#[cfg(test)]
mod tests {
    use barertc_media::Disk;
    use barertc_media::pack::{self, block_on};

    use crate::run::root;

    #[test]
    fn the_sample_is_what_the_examples_promise() {
        let tracks = block_on(pack::read(&mut Disk::new(root().join("examples/media")), "sample.brtc")).unwrap();
        let [video, sound] = &tracks[..] else { panic!("two tracks") };
        assert_eq!((video.duration, video.frames.len()), (3000, 300));
        assert_eq!((sound.duration, sound.frames.len()), (960, 500));
        assert!(sound.frames.iter().all(|f| f.len() == 160));
        // Every key frame is more than 64 packets of 1,200 bytes, with its parameter sets before it.
        for key in &video.key_frames {
            let frame = &video.frames[*key as usize];
            assert!(frame.len() > 64 * 1200, "key frame {key}: {}", frame.len());
            assert_eq!(frame[4] & 0x1f, 7);
            // Constrained Baseline, level 3.1.
            assert_eq!((frame[5], frame[6] & 0xe0, frame[7]), (66, 0xc0, 31));
        }
        assert!(video.key_frames.windows(2).all(|w| (60..=250).contains(&(w[1] - w[0]))));
        assert_eq!(video.seconds(), sound.seconds());
    }
}
