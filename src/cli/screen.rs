//! How much fits on a screen: lines that are wrapped or cut at its width, and lists that say how much they leave out.

use anstyle::Style;

use super::text::clean;

/// Width where there is no terminal, in columns.
const WIDTH: usize = 100;

/// Narrowest terminal that lines are cut for: below it a terminal may wrap them itself.
const MIN_WIDTH: usize = 60;

/// Most lines of what is shown at once: a terminal of 24, with room for its prompt and a note.
const LINES: usize = 22;

/// Spaces in front of what continues a fact.
const INDENT: usize = 13;

/// The screen that something is shown on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Screen {
    width: usize,
    lines: usize,
}

impl Screen {
    /// Returns the screen that standard output goes to, as wide as its terminal.
    pub(super) fn here() -> Self {
        let size = rustix::termios::tcgetwinsize(std::io::stdout());
        let width = size.map_or(0, |size| usize::from(size.ws_col));
        Self { width: if width == 0 { WIDTH } else { width.max(MIN_WIDTH) }, lines: LINES }
    }

    /// The same, for someone who wants all of it: nothing is cut and nothing left out.
    pub(super) fn endless(self) -> Self {
        Self { lines: usize::MAX, ..self }
    }

    /// Says whether anything may be left out.
    pub(super) fn is_endless(self) -> bool {
        self.lines == usize::MAX
    }

    /// Returns how many lines are left under `used` of them.
    pub(super) fn room(self, used: usize) -> usize {
        self.lines.saturating_sub(used)
    }

    /// Returns a fact on as many lines as it takes: its name, then the cleaned text.
    pub(super) fn fact(self, name: &str, text: &str) -> String {
        self.wrapped(Style::new(), &format!("  {name:10} "), text)
    }

    /// Returns `text`, cleaned, behind a label, on as many lines as it takes. What stands between backticks is broken only
    /// where it is wider than the screen: people copy it.
    pub(super) fn wrapped(self, style: Style, label: &str, text: &str) -> String {
        let indent = INDENT.min(columns(label).max(2));
        let mut out = format!("{style}{label}{style:#}");
        let mut used = columns(label);
        let mut is_first = true;
        for piece in words(&clean(text)).iter().flat_map(|word| pieces(word, self.width - INDENT)) {
            let gap = usize::from(!is_first);
            if used + gap + columns(piece) > self.width {
                out.push_str(&format!("\n{:indent$}{piece}", ""));
                used = indent + columns(piece);
            } else {
                out.push_str(&format!("{}{piece}", if is_first { "" } else { " " }));
                used += gap + columns(piece);
            }
            is_first = false;
        }
        out + "\n"
    }

    /// Returns `text`, cleaned, behind a label, on one line: what is too long is cut, and how much is told, unless the screen is endless.
    pub(super) fn line(self, style: Style, label: &str, text: &str) -> String {
        let text = clean(text);
        let room = self.width.saturating_sub(columns(label));
        if columns(&text) <= room {
            return format!("{style}{label}{style:#}{text}\n");
        }
        if self.is_endless() {
            return self.wrapped(style, label, &text);
        }
        // How much is missing says more than that something is: a command may hide its end.
        let cut = |kept: &str| format!("… (+{})", text.chars().count() - kept.chars().count());
        let kept = first(&text, room.saturating_sub(columns(&cut(""))));
        format!("{style}{label}{style:#}{kept}{}\n", cut(kept))
    }

    /// Returns names behind a label on one line: as many as fit, and how many more there are.
    pub(super) fn names(self, style: Style, label: &str, names: &[String]) -> String {
        let all = names.join(", ");
        if self.is_endless() || columns(label) + columns(&all) <= self.width {
            return self.wrapped(style, label, &all);
        }
        let more = |shown: usize| format!(" and {} more", names.len() - shown);
        let fits = |shown: &usize| {
            columns(label) + columns(&names[..*shown].join(", ")) + columns(&more(*shown)) <= self.width
        };
        match (1..names.len()).rev().find(fits) {
            Some(shown) => format!("{style}{label}{style:#}{}{}\n", names[..shown].join(", "), more(shown)),
            None => self.line(style, label, &all),
        }
    }
}

/// Returns at most `room` lines of a list; where there are more, the last one is what `more` says of those left out.
pub(super) fn fitting(lines: &[String], room: usize, more: impl FnOnce(usize) -> String) -> String {
    if lines.len() <= room {
        return lines.concat();
    }
    let shown = room.saturating_sub(1);
    lines[..shown].concat() + &more(lines.len() - shown)
}

/// Returns how many columns a text takes at most: what may be wide counts for two.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(wide).sum()
}

fn wide(c: char) -> usize {
    if matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..) { 2 } else { 1 }
}

/// Returns the start of a text that takes at most so many columns.
fn first(text: &str, room: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, c)| {
        used += wide(*c);
        used > room
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// Returns the words of a text; what stands between backticks is one.
fn words(text: &str) -> Vec<&str> {
    let (mut words, mut start, mut is_code) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        is_code ^= c == '`';
        if c == ' ' && !is_code {
            words.push(&text[start..at]);
            start = at + 1;
        }
    }
    words.push(&text[start..]);
    words.retain(|word| !word.is_empty());
    words
}

/// Returns a word in pieces that fit.
fn pieces(word: &str, room: usize) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), word);
    while columns(rest) > room {
        let piece = first(rest, room);
        pieces.push(piece);
        rest = &rest[piece.len()..];
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style::new();
    const SCREEN: Screen = Screen { width: 60, lines: 5 };

    #[test]
    fn nothing_is_wider_than_the_screen() {
        let hostile = ["a".repeat(500), "ab ".repeat(100), "語".repeat(80), format!("`{}` x", "code ".repeat(40))];
        for text in &hostile {
            for shown in
                [SCREEN.fact("about", text), SCREEN.line(PLAIN, "  about ", text), SCREEN.wrapped(PLAIN, "", text)]
            {
                assert!(shown.lines().all(|line| columns(line) <= 60), "{shown}");
            }
            assert_eq!(SCREEN.line(PLAIN, "  about ", text).lines().count(), 1);
            let kept = |text: &str| text.replace([' ', '\n'], "");
            assert_eq!(kept(&SCREEN.wrapped(PLAIN, "", text)), kept(text), "wrapping loses nothing");
        }
    }

    #[test]
    fn a_command_stays_in_one_piece() {
        let text = SCREEN.wrapped(
            PLAIN,
            "next: ",
            "compare it with what they told you, then run `git skillmeat trust add NAME`",
        );
        assert!(text.contains("\n      `git skillmeat trust add NAME`"), "{text}");
    }

    #[test]
    fn lists_say_what_they_leave_out() {
        let names: Vec<String> = (0..40).map(|number| format!("skill/s{number}")).collect();
        let text = SCREEN.names(PLAIN, "  ", &names);
        let shown = text.matches("skill/").count();
        assert!(text.ends_with(&format!(" and {} more\n", 40 - shown)) && columns(text.trim_end()) <= 60, "{text}");
        assert_eq!(SCREEN.endless().names(PLAIN, "", &names).matches("skill/").count(), 40);
        let lines: Vec<String> = (0..9).map(|number| format!("{number}\n")).collect();
        assert_eq!(fitting(&lines, 3, |more| format!("{more} more\n")), "0\n1\n7 more\n");
        assert_eq!(fitting(&lines, 9, |_| unreachable!()), lines.concat());
    }
}
