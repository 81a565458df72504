//! Times in `allowed_signers`, read as `parse_absolute_time` in OpenSSH reads them, but without repairs.

use std::fmt;

/// Last second of the year 9999: git cannot hand a later one to `ssh-keygen`, so nothing signed later verifies.
pub const MAX_UNIX_TIME: u64 = 253_402_300_799;

/// How far local time may be from UTC, in seconds: POSIX allows zones of up to 24:59:59, and an hour of summer.
const LOCAL_SLACK: u64 = 26 * 3600;

/// A point in time of a `valid-after` or `valid-before` option, to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970, read as UTC.
    unix: u64,
    /// Whether the text had no `Z`, so that `ssh-keygen` reads it in the zone of the machine it runs on.
    local: bool,
}

/// Where one time stands to another, as far as can be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Before,
    Same,
    After,
    /// It depends on the time zone of the machine.
    Unknown,
}

impl Moment {
    /// Parses `YYYYMMDD[HHMM[SS]]`, followed by `Z` or `UTC` in any case, or by nothing for local time.
    ///
    /// Returns `None` for any other text, for days that no calendar has (OpenSSH reads 31 February as
    /// 3 March; we refuse) and for the first second of 1970 and everything before it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        let digits = upper.strip_suffix('Z').or_else(|| upper.strip_suffix("UTC"));
        let (digits, local) = (digits.unwrap_or(&upper), digits.is_none());
        if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let part = |from: usize, to: usize| digits.get(from..to).map_or(Some(0), |part| part.parse::<u64>().ok());
        let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
        let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
        if year < 1970 || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let unix = days_before(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        (unix != 0).then_some(Self { unix, local })
    }

    /// Returns where `time`, in seconds since 1970 UTC, stands to this moment.
    pub(super) fn place(self, time: u64) -> Relation {
        if self.local && time.abs_diff(self.unix) <= LOCAL_SLACK {
            return Relation::Unknown;
        }
        match time.cmp(&self.unix) {
            std::cmp::Ordering::Less => Relation::Before,
            std::cmp::Ordering::Equal => Relation::Same,
            std::cmp::Ordering::Greater => Relation::After,
        }
    }

    /// Returns whether `self` is surely not later than `other`.
    pub(super) fn not_after(self, other: Self) -> bool {
        self.local == other.local && self.unix <= other.unix
    }
}

/// RFC 3339, with no `Z` where the text had none.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = rfc3339(self.unix);
        f.write_str(if self.local { text.trim_end_matches('Z') } else { &text })
    }
}

/// Returns a time in seconds since 1970 as RFC 3339 in UTC, such as `2026-11-22T14:00:00Z`.
pub fn rfc3339(unix: u64) -> String {
    let (days, rest) = (unix / 86_400, unix % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u64::from(is_leap(year)),
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, for years from 1970.
fn days_before(year: u64, month: u64, day: u64) -> u64 {
    let last = year - 1;
    let leaps = last / 4 - last / 100 + last / 400 - 477; // 477 leap years before 1970
    let months: u64 = (1..month).map(|month| days_in(year, month)).sum();
    (year - 1970) * 365 + leaps + months + day - 1
}

/// The day that is `days` after 1970-01-01. H. Hinnant, "chrono-compatible low-level date algorithms".
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix(text: &str) -> Option<u64> {
        Moment::parse(text).map(|moment| moment.unix)
    }

    #[test]
    fn forms_of_openssh_are_read() {
        // `date -u -d ... +%s`
        assert_eq!(unix("20261122Z"), Some(1_795_305_600));
        assert_eq!(unix("202611221400z"), Some(1_795_356_000));
        assert_eq!(unix("20261122140059UTC"), Some(1_795_356_059));
        assert_eq!(unix("20240229Z"), Some(1_709_164_800));
        assert_eq!(unix("99991231235959Z"), Some(MAX_UNIX_TIME));
        assert_eq!(Moment::parse("20261122").map(|moment| moment.local), Some(true));
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in ["", "Z", "2026", "2026112Z", "20261322Z", "20260230Z", "20250229Z", "202611222400Z", "19700101Z"] {
            assert_eq!(unix(bad), None, "{bad}");
        }
        for bad in ["19691231Z", "2026-11-22Z", "+2026112Z", "20261122ZZ", " 20261122Z", "20261122140060Z", "２０２６"]
        {
            assert_eq!(unix(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_day_is_written_and_read_back() {
        for days in (1..2_932_897).step_by(97) {
            let text = rfc3339(days * 86_400);
            let compact: String = text.chars().filter(char::is_ascii_digit).collect();
            assert_eq!(unix(&format!("{compact}Z")), Some(days * 86_400), "{text}");
        }
    }

    #[test]
    fn local_time_is_decided_only_where_no_zone_matters() {
        let moment = Moment::parse("20261122").expect("a date");
        let day = 86_400;
        assert_eq!(moment.place(moment.unix), Relation::Unknown);
        assert_eq!(moment.place(moment.unix + day), Relation::Unknown);
        assert_eq!(moment.place(moment.unix + 2 * day), Relation::After);
        assert_eq!(moment.place(moment.unix - 2 * day), Relation::Before);
        assert_eq!(moment.to_string(), "2026-11-22T00:00:00");
    }
}
