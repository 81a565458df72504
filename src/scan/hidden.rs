//! Characters that a person does not see and a model reads, and those that change what a person sees.
//!
//! Rows 89 and 90 of the attack list. Emoji need some of these characters; those sequences pass.

use super::Severity;

/// Why a character is remarkable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// U+E0000 to U+E007F: a whole hidden alphabet.
    Tag,
    /// Changes the order in which the line is shown.
    Bidi,
    /// U+E0100 to U+E01EF: 240 values after any character.
    Selector,
    /// Has no width.
    Invisible,
    /// Moves the cursor or worse on a terminal.
    Control,
}

impl Class {
    /// Returns the words for it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Class::Tag => "a tag character, which can spell text that nobody sees",
            Class::Bidi => "a bidirectional control, which shows the line in another order",
            Class::Selector => "a variation selector, which can carry hidden data",
            Class::Invisible => "an invisible character",
            Class::Control => "a control character",
        }
    }

    /// Returns how bad it is: errors have no use in the text of an artifact, the others have some.
    pub(super) fn severity(self) -> Severity {
        match self {
            Class::Tag | Class::Bidi | Class::Selector => Severity::Error,
            Class::Invisible | Class::Control => Severity::Warning,
        }
    }
}

/// A remarkable character in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) line: u32,
    /// Number of the character in its line, from 1.
    pub(super) column: u32,
    pub(super) character: char,
    pub(super) class: Class,
}

/// Returns the class of a character without regard to what stands around it.
pub(super) fn class_of(c: char) -> Option<Class> {
    match c {
        '\t' | '\n' | '\r' | '\u{c}' => None,
        '\u{e0000}'..='\u{e007f}' => Some(Class::Tag),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some(Class::Bidi),
        '\u{e0100}'..='\u{e01ef}' => Some(Class::Selector),
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' => Some(Class::Invisible),
        '\u{200b}'..='\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' => {
            Some(Class::Invisible)
        }
        '\u{3164}'
        | '\u{fe00}'..='\u{fe0d}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' => Some(Class::Invisible),
        '\u{e0080}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}' => Some(Class::Invisible),
        c if c.is_control() => Some(Class::Control),
        _ => None,
    }
}

/// The three flags of Unicode's emoji that are written with tag characters: England, Scotland, Wales.
const TAG_FLAGS: [&str; 3] = [
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
];

/// Says whether the text is all printable ASCII and line ends, so that nothing in it can be remarkable.
pub(super) fn is_plain(text: &str) -> bool {
    // Whole pieces without a way out between their bytes, so that a processor looks at many bytes at a time.
    let is_plain = |b: &u8| matches!(b, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0x0c);
    text.as_bytes().chunks(256).all(|piece| piece.iter().fold(true, |all, byte| all & is_plain(byte)))
}

/// Finds remarkable characters, in order. A byte order mark at the very start passes.
pub(super) fn find(text: &str) -> impl Iterator<Item = Hit> {
    Finder { rest: text, at_start: true, line: 1, column: 0, base: ' ', previous: ' ' }
}

struct Finder<'a> {
    rest: &'a str,
    at_start: bool,
    line: u32,
    column: u32,
    /// The last character that is no selector and no skin tone.
    base: char,
    previous: char,
}

impl Iterator for Finder<'_> {
    type Item = Hit;

    fn next(&mut self) -> Option<Hit> {
        loop {
            if let Some(flag) = TAG_FLAGS.iter().find(|flag| self.rest.starts_with(**flag)) {
                self.rest = &self.rest[flag.len()..];
                self.column = self.column.saturating_add(7);
                (self.base, self.previous, self.at_start) = ('\u{1f3f4}', '\u{1f3f4}', false);
            }
            let mut chars = self.rest.chars();
            let c = chars.next()?;
            self.rest = chars.as_str();
            self.column = self.column.saturating_add(1);
            let hit = self.class_here(c).map(|class| Hit { line: self.line, column: self.column, character: c, class });
            self.step(c);
            if hit.is_some() {
                return hit;
            }
        }
    }
}

impl Finder<'_> {
    fn step(&mut self, c: char) {
        self.at_start = false;
        self.previous = c;
        if !matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}') {
            self.base = c;
        }
        if c == '\n' {
            self.line = self.line.saturating_add(1);
            self.column = 0;
        }
    }

    fn class_here(&self, c: char) -> Option<Class> {
        let next = self.rest.chars().next().unwrap_or(' ');
        match c {
            '\u{feff}' if self.at_start => None,
            // One selector after a character is how emoji are written; a second one only hides data.
            '\u{fe0e}' | '\u{fe0f}' => matches!(self.previous, '\u{fe00}'..='\u{fe0f}').then_some(Class::Invisible),
            '\u{200d}' if is_emoji(self.base) && is_emoji(next) => None,
            '\u{200c}' | '\u{200d}' if joins(self.base) && joins(next) => None,
            c => class_of(c),
        }
    }
}

/// Blocks that hold the emoji; wider than the emoji property, which changes every year.
fn is_emoji(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{25a0}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}'
        | '\u{1f000}'..='\u{1faff}')
}

/// Scripts in which a (non-)joiner is spelling: Arabic, Persian, and those of India and around.
fn joins(c: char) -> bool {
    matches!(c, '\u{620}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{900}'..='\u{dff}' | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17b3}' | '\u{17b6}'..='\u{17ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(text: &str) -> Vec<Class> {
        find(text).map(|hit| hit.class).collect()
    }

    #[test]
    fn hidden_characters_are_found_with_their_place() {
        let hits: Vec<_> = find("ok\nab\u{202e}c\u{e0041}").collect();
        assert_eq!((hits[0].line, hits[0].column, hits[0].class), (2, 3, Class::Bidi));
        assert_eq!((hits[1].column, hits[1].character), (5, '\u{e0041}'));
        for (text, class) in [
            ("a\u{2066}b", Class::Bidi),
            ("a\u{e0100}", Class::Selector),
            ("a\u{e01ef}", Class::Selector),
            ("a\u{200b}b", Class::Invisible),
            ("a\u{200d}b", Class::Invisible),
            ("a\u{feff}b", Class::Invisible),
            ("soft\u{ad}hyphen", Class::Invisible),
            ("\u{3164}", Class::Invisible),
            ("\u{180e}", Class::Invisible),
            ("😀\u{fe0f}\u{fe0f}", Class::Invisible),
            ("😀\u{200d}x", Class::Invisible),
            ("\u{1b}[2J", Class::Control),
            ("\u{9b}", Class::Control),
        ] {
            assert_eq!(classes(text), [class], "{}", text.escape_unicode());
        }
    }

    #[test]
    fn hidden_messages_do_not_pass_as_flags() {
        assert_eq!(classes("\u{1f3f4}\u{e0067}\u{e0062}\u{e0061}"), [Class::Tag; 3]);
        let tail = format!("{}\u{e0041}", TAG_FLAGS[0]);
        assert_eq!(classes(&tail), [Class::Tag]);
    }

    #[test]
    fn emoji_and_ordinary_text_pass() {
        for text in [
            "\u{feff}plain\ttext\r\n",
            "Grüße, 漢字, עברית, العربية",
            "👩\u{200d}👩\u{200d}👧\u{200d}👦 ❤\u{fe0f}\u{200d}🔥 🏳\u{fe0f}\u{200d}🌈 👩🏽\u{200d}💻 1\u{fe0f}\u{20e3} ☑\u{fe0e}",
            "🏃\u{200d}♀\u{fe0f}\u{200d}➡\u{fe0f}",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            TAG_FLAGS[1],
        ] {
            assert_eq!(classes(text), [], "{text}");
        }
    }
}
