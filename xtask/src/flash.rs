//! `flash`: a LittleFS image of files, for the flash of a board or of the emulated machine.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use barertc_littlefs::{LittleFs, image};
use barertc_media::{Storage as _, pack::block_on};

const USAGE: &str = "usage: cargo xtask flash [--size BYTES] [--block BYTES] -o OUT FILE…|DIR…
  FILE           goes into the image under its last name
  DIR            goes into the image with its last name and all that is inside; DIR/. leaves the name out
  --size BYTES   bytes of the image, k and M understood (32M, the flash of the emulated machine)
  --block BYTES  bytes of a block (4096)
  -o OUT         the image";

/// `cargo xtask flash`.
pub fn main(args: &[String]) -> Result<()> {
    let (mut size, mut block, mut out, mut inputs) = (32 << 20, 4096, None, Vec::new());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().with_context(|| format!("{arg} needs a value\n{USAGE}"));
        match arg.as_str() {
            "--size" => size = bytes(value()?)?,
            "--block" => block = bytes(value()?)?,
            "-o" => out = Some(value()?),
            _ if arg.starts_with('-') => bail!("{arg}?\n{USAGE}"),
            _ => inputs.push(arg),
        }
    }
    let out = out.with_context(|| format!("no -o OUT\n{USAGE}"))?;
    ensure!(!inputs.is_empty(), "nothing to put into the image\n{USAGE}");
    let mut files = Vec::new();
    for input in inputs {
        let path = Path::new(input);
        let name = if input.ends_with("/.") { String::new() } else { name(path)? };
        collect(path, name, &mut files)?;
    }
    ensure!(!files.is_empty(), "no file in what was named");

    let image = image::build(size, block, &files)?;
    verify(&image, block, &files)?;
    std::fs::write(out, &image).with_context(|| format!("cannot write {out}"))?;
    report(&files);
    let content: usize = files.iter().map(|(_, content)| content.len()).sum();
    let used = image.chunks(block as usize).filter(|block| block.iter().any(|byte| *byte != 0xff)).count();
    println!(
        "{out}: {size} bytes, {} blocks of {block}; {used} written to for {content} bytes in {} files, read back and compared",
        size / block,
        files.len()
    );
    Ok(())
}

/// A number of bytes, in units if it says so.
fn bytes(text: &str) -> Result<u32> {
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1 << 10),
        None => text.strip_suffix('M').map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    let number: u32 = digits.parse().with_context(|| format!("{text:?} is no number of bytes"))?;
    number.checked_mul(unit).with_context(|| format!("{text} is more than an image can have"))
}

fn name(path: &Path) -> Result<String> {
    let name = path.file_name().and_then(|name| name.to_str());
    Ok(name.with_context(|| format!("{} has no name for the image", path.display()))?.into())
}

/// The file at `path`, or all files below it, under `inside`; in order of their names, so that the same files make the
/// same image.
fn collect(path: &Path, inside: String, files: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    if !path.is_dir() {
        let content = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        files.push((inside, content));
        return Ok(());
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        let name = name(&path)?;
        collect(&path, if inside.is_empty() { name } else { format!("{inside}/{name}") }, files)?;
    }
    Ok(())
}

/// Reads every file back with what the device reads with.
fn verify(image: &[u8], block: u32, files: &[(String, Vec<u8>)]) -> Result<()> {
    let mut cache = vec![0; block as usize];
    let mut storage = LittleFs::new(image, block, &mut cache);
    for (path, content) in files {
        let mut file = block_on(storage.open(path))?.with_context(|| format!("{path} is not in the image"))?;
        let mut back = vec![0; content.len() + 1];
        let len = block_on(storage.read_at(&mut file, 0, &mut back))?;
        ensure!(back.get(..len) == Some(content), "{path} does not read back as it was");
    }
    Ok(())
}

/// One line for each file at the top, one for each directory.
fn report(files: &[(String, Vec<u8>)]) {
    let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    let mut rest = files;
    while let Some((path, content)) = rest.first() {
        let of = folder(path);
        let len = if of.is_empty() { 1 } else { rest.iter().take_while(|(path, _)| folder(path) == of).count() };
        let (group, after) = rest.split_at(len);
        if of.is_empty() {
            println!("{path}: {} bytes", content.len());
        } else {
            let bytes: usize = group.iter().map(|(_, content)| content.len()).sum();
            println!("{of}/: {len} files, {bytes} bytes");
        }
        rest = after;
    }
}
