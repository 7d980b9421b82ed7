//! Settings as text in a page of memory or flash.

use crate::settings::Settings;

/// Lines of `name=value` in a page that ends with its first byte of 0 or 255: memory that was never written, or erased
/// flash. A line that begins with `#` is a remark.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines<'a>(&'a str);

impl<'a> Lines<'a> {
    /// The settings in this page; none when it is no text.
    #[must_use]
    pub fn of(page: &'a [u8]) -> Self {
        let text = page.split(|byte| matches!(byte, 0 | 0xff)).next().unwrap_or_default();
        Self(core::str::from_utf8(text).unwrap_or_default())
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// The value of a setting.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.values(name).next().filter(|value| !value.is_empty())
    }

    /// The values of a setting that may stand in several lines.
    #[cfg(any(feature = "tls", feature = "turn"))]
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.values(name).filter(|value| !value.is_empty())
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let lines = self.0.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(move |line| line.trim_start().strip_prefix(name)?.strip_prefix('=')).map(str::trim)
    }

    /// Applies those settings that every board knows: `media`, `token`, `advertise=ADDRESS:PORT` and
    /// `viewers=NUMBER`.
    ///
    /// # Errors
    /// The name of the first that makes no sense.
    pub fn apply(&self, settings: &mut Settings<'a>) -> Result<(), &'static str> {
        if let Some(media) = self.get("media") {
            settings.media = media;
        }
        settings.token = self.get("token").or(settings.token);
        if let Some(text) = self.get("advertise") {
            settings.advertise = Some(text.parse().map_err(|_| "advertise")?);
        }
        if let Some(text) = self.get("viewers") {
            settings.max_viewers = text.parse().map_err(|_| "viewers")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_the_flash_is_erased() {
        let mut page = [0xff; 64];
        let text = b"# why\ntoken= abc \nviewers=2";
        page[..text.len()].copy_from_slice(text);
        let lines = Lines::of(&page);
        assert_eq!(lines.get("token"), Some("abc"));
        let mut settings = Settings::loopback(80, "media", b"");
        assert_eq!(lines.apply(&mut settings), Ok(()));
        assert_eq!((settings.token, settings.max_viewers, settings.media), (Some("abc"), 2, "media"));
        assert!(Lines::of(&[0xff; 4]).is_empty() && Lines::of(&[0; 4]).is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let mut settings = Settings::loopback(80, "media", b"");
        for (line, name) in [("advertise=here", "advertise"), ("viewers=-1", "viewers")] {
            assert_eq!(Lines::of(line.as_bytes()).apply(&mut settings), Err(name));
        }
    }

    #[test]
    fn neither_other_names_nor_remarks_nor_empty_values_count() {
        let lines = Lines::of(b"mytoken=1\n#token=2\ntoken=\ntoken2=3\n");
        assert_eq!(lines.get("token"), None);
        assert_eq!(lines.get("token2"), Some("3"));
    }
}
