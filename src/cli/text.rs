//! Text that came from outside, made fit for a terminal.

use anstyle::{AnsiColor, Style};

use crate::model::hidden;
use crate::ops::bundle::{Measure, TooMuchForSome};
use crate::ops::collection::CanRun;
use crate::scan::{Finding, Severity};

/// Style of names.
pub(super) const NAME: Style = Style::new().bold();
/// Style of what matters less.
pub(super) const FAINT: Style = Style::new().dimmed();
/// Style of what needs attention; a word always says so too.
pub(super) const WARNING: Style = AnsiColor::Yellow.on_default();

/// Returns `text` on one line with control characters and invisible ones escaped, so that it cannot steer a terminal.
pub(super) fn clean(text: &str) -> String {
    hidden::escaped(text).into_owned()
}

/// Returns at most `width` characters of the cleaned text.
pub(super) fn short(text: &str, width: usize) -> String {
    let text = clean(text.trim());
    if text.chars().count() <= width {
        return text;
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Returns text on several lines, each cleaned; tabs stay.
pub(super) fn clean_lines(text: &str) -> String {
    text.lines().map(|line| line.split('\t').map(clean).collect::<Vec<_>>().join("\t") + "\n").collect()
}

/// Returns `count` with its noun in the right number.
pub(super) fn count(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Returns the warning that some clients refuse a pack.
pub(super) fn above_text(above: &TooMuchForSome) -> String {
    let (found, limit) = match above.what {
        Measure::Files => (format!("it has {} files", above.found), above.limit.to_string()),
        Measure::PackBytes => (format!("the pack has {}", size(above.found)), size(above.limit)),
        Measure::UnpackedBytes => (format!("its files have {}", size(above.found)), size(above.limit)),
    };
    format!(
        "{WARNING}warning{WARNING:#}: {found}, and some clients refuse more than {limit}; smaller bundles reach them"
    )
}

/// Returns a line for each finding that is more than a remark.
pub(super) fn findings_text(findings: &[Finding]) -> String {
    let told = findings.iter().filter(|finding| finding.severity != Severity::Info);
    told.map(|finding| {
        let (severity, path) = (finding.severity, &finding.path);
        format!("  {WARNING}{severity:?}{WARNING:#} {path}: {}\n", clean(&finding.message))
    })
    .collect()
}

/// Most things that can run that are listed for people; JSON has all of them.
const MAX_RUNS: usize = 20;

/// Returns the list of what a client or an agent can run.
pub(super) fn runs_text(runs: &[CanRun]) -> String {
    let line = |run: &CanRun| format!("  {WARNING}can run{WARNING:#}: {}\n", clean(&run.to_string()));
    let mut text: String = runs.iter().take(MAX_RUNS).map(line).collect();
    if runs.len() > MAX_RUNS {
        text.push_str(&format!("  {WARNING}can run{WARNING:#}: {} more, see `--format json`\n", runs.len() - MAX_RUNS));
    }
    text
}

/// Returns the first twelve digits of an object id or a digest.
pub(super) fn brief(id: &str) -> &str {
    let id = id.strip_prefix("sha256:").unwrap_or(id);
    id.get(..12).unwrap_or(id)
}

/// Returns a size for people.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let mut unit = 0;
    let mut scale = 1_u64;
    while bytes / scale >= 1024 && unit + 1 < UNITS.len() {
        scale *= 1024;
        unit += 1;
    }
    if unit == 0 {
        return format!("{bytes} B");
    }
    let tenths = bytes.saturating_mul(10) / scale;
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// Returns a moment as `YYYY-MM-DD HH:MM` in UTC.
pub(super) fn moment(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400);
    let minutes = seconds.rem_euclid(86_400) / 60;
    // Howard Hinnant's days-to-civil, for the proleptic Gregorian calendar.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_steer_the_terminal() {
        let text = clean("a\u{1b}]0;x\u{7}\r\n\u{202e}b");
        assert!(text.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{text}");
    }

    #[test]
    fn moments_and_sizes_are_readable() {
        assert_eq!(moment(0), "1970-01-01 00:00");
        assert_eq!(moment(1_795_305_600), "2026-11-22 00:00");
        assert_eq!(moment(951_782_399), "2000-02-28 23:59");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1536), "1.5 KiB");
    }
}
