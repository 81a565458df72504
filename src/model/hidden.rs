//! Characters that a person does not see and a model reads, and those that change what a person sees.
//!
//! Rows 89 and 90 of the attack list. The one list of them: what is printed, what a check finds, and what names, sources
//! and lines may hold are decided by it. Emoji and some scripts need some of these characters; in a text those sequences pass.

use std::borrow::Cow;

/// Why a character is remarkable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
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
    pub fn words(self) -> &'static str {
        match self {
            Class::Tag => "a tag character, which can spell text that nobody sees",
            Class::Bidi => "a bidirectional control, which shows the line in another order",
            Class::Selector => "a variation selector, which can carry hidden data",
            Class::Invisible => "an invisible character",
            Class::Control => "a control character",
        }
    }

    /// Says whether it has no use in any text: the others have some.
    pub fn is_refused(self) -> bool {
        matches!(self, Class::Tag | Class::Bidi | Class::Selector)
    }
}

/// A remarkable character in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// Number of the line, from 1.
    pub line: u32,
    /// Number of the character in its line, from 1.
    pub column: u32,
    /// The character.
    pub character: char,
    /// Why it is remarkable.
    pub class: Class,
}

/// Returns the class of a character without regard to what stands around it.
///
/// Those that Unicode calls Default_Ignorable_Code_Point, what else draws nothing or breaks a line, and control characters
/// other than those that texts are laid out with.
pub fn class_of(c: char) -> Option<Class> {
    match c {
        '\t' | '\n' | '\r' | '\u{c}' => None,
        '\u{e0000}'..='\u{e007f}' => Some(Class::Tag),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some(Class::Bidi),
        '\u{e0100}'..='\u{e01ef}' => Some(Class::Selector),
        c if INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&c)) => Some(Class::Invisible),
        c if c.is_control() => Some(Class::Control),
        _ => None,
    }
}

/// What draws nothing; a blank has a width, and none of these ends a word as a space does.
const INVISIBLE: [(char, char); 23] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{2029}'),
    ('\u{2060}', '\u{2065}'),
    ('\u{206a}', '\u{206f}'),
    // The Braille pattern without a dot.
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    // Blanks of Egyptian and Khitan.
    ('\u{13441}', '\u{13442}'),
    ('\u{16fe4}', '\u{16fe4}'),
    // Shorthand, and a note of music without a head.
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d159}', '\u{1d159}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0080}', '\u{e00ff}'),
    ('\u{e01f0}', '\u{e0fff}'),
];

/// Says whether a character cannot be seen, or changes how others are seen. Control characters are not among them.
pub fn is_unseen(c: char) -> bool {
    !c.is_control() && class_of(c).is_some()
}

/// Says whether a character must stand in no name and in no single line: a control character, or one that is not seen.
pub fn is_hidden(c: char) -> bool {
    c.is_control() || class_of(c).is_some()
}

/// The three flags of Unicode's emoji that are written with tag characters: England, Scotland, Wales.
const TAG_FLAGS: [&str; 3] = [
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
];

/// Says whether the text is all printable ASCII and line ends, so that nothing in it can be remarkable.
pub fn is_plain(text: &str) -> bool {
    // Whole pieces without a way out between their bytes, so that a processor looks at many bytes at a time.
    let is_plain = |b: &u8| matches!(b, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0x0c);
    text.as_bytes().chunks(256).all(|piece| piece.iter().fold(true, |all, byte| all & is_plain(byte)))
}

/// Finds remarkable characters, in order. A byte order mark at the very start passes.
pub fn find(text: &str) -> impl Iterator<Item = Hit> {
    let (mut line, mut column) = (1_u32, 0_u32);
    let start = if text.starts_with('\u{feff}') { 1 } else { 0 };
    Reader::of(text).enumerate().filter_map(move |(at, (character, class))| {
        column = column.saturating_add(1);
        let hit = class.filter(|_| at >= start).map(|class| Hit { line, column, character, class });
        if character == '\n' {
            (line, column) = (line.saturating_add(1), 0);
        }
        hit
    })
}

/// Returns the text on one line, with each character escaped that steers a terminal or that nobody sees.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for (c, class) in Reader::of(text) {
        if class.is_some() || c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Returns the text without the characters that [`escaped`] escapes.
pub fn without(text: &str) -> String {
    let seen = Reader::of(text).filter(|(c, class)| class.is_none() && !c.is_control());
    seen.map(|(c, _)| c).collect()
}

/// Gives each character with its class where it stands.
struct Reader<'a> {
    rest: &'a str,
    /// Characters of a flag that are still to come.
    flag: usize,
    /// The last character that is no selector and no skin tone.
    base: char,
    previous: char,
}

impl<'a> Reader<'a> {
    fn of(text: &'a str) -> Self {
        Self { rest: text, flag: 0, base: ' ', previous: ' ' }
    }

    fn class_here(&self, c: char) -> Option<Class> {
        let next = self.rest.chars().next().unwrap_or(' ');
        match c {
            // One selector after a character is how emoji are written; elsewhere, and a second one, only hides data.
            '\u{fe0e}' | '\u{fe0f}' if has_styles(self.previous) => None,
            '\u{200d}' if is_emoji(self.base) && is_emoji(next) => None,
            '\u{200c}' | '\u{200d}' if joins(self.base) && joins(next) => None,
            c => class_of(c),
        }
    }
}

impl Iterator for Reader<'_> {
    type Item = (char, Option<Class>);

    fn next(&mut self) -> Option<Self::Item> {
        if TAG_FLAGS.iter().any(|flag| self.rest.starts_with(*flag)) {
            self.flag = TAG_FLAGS[0].chars().count();
        }
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        if self.flag > 0 {
            self.flag -= 1;
            (self.base, self.previous) = ('\u{1f3f4}', '\u{1f3f4}');
            return Some((c, None));
        }
        let class = self.class_here(c);
        self.previous = c;
        if !matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}') {
            self.base = c;
        }
        Some((c, class))
    }
}

/// Characters that are drawn as text or as emoji, as a selector behind them says.
fn has_styles(c: char) -> bool {
    is_emoji(c)
        || matches!(
            c,
            '#' | '*' | '0'
                ..='9'
                    | '\u{a9}'
                    | '\u{ae}'
                    | '\u{203c}'
                    | '\u{2049}'
                    | '\u{2122}'
                    | '\u{2139}'
                    | '\u{24c2}'
                    | '\u{3030}'
                    | '\u{303d}'
                    | '\u{3297}'
                    | '\u{3299}'
        )
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
            ("letter\u{fe0f}", Class::Invisible),
            ("\u{2800}", Class::Invisible),
            ("\u{1bca0}", Class::Invisible),
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
    fn what_is_told_has_nothing_hidden_and_keeps_what_is_written() {
        let hidden = "a\u{61c}b\u{3164}c\u{34f}\u{115f}\u{206a}\u{fe00}\u{fe0f}\u{fff9}\u{e0149}\u{feff}\t\r\n\u{1b}";
        assert!(escaped(hidden).is_ascii(), "{}", escaped(hidden));
        assert_eq!(escaped("\u{feff}a\u{3164}"), r"\u{feff}a\u{3164}");
        assert_eq!(without(hidden), "abc");
        for text in ["Grüße ❤\u{fe0f}", TAG_FLAGS[0], "می\u{200c}خواهم"] {
            assert_eq!((escaped(text).as_ref(), without(text).as_str()), (text, text));
        }
        for text in [hidden, "क\u{200b}\u{200d}ष", "👩\u{200d}\u{200b}👧", "❤\u{200b}\u{fe0f}\u{200d}"] {
            let seen = without(text);
            assert_eq!(without(&seen), seen, "{}", text.escape_unicode());
        }
        assert!(hidden.chars().all(|c| is_hidden(c) || "abc".contains(c)));
        assert!(!is_unseen('\u{1b}') && is_hidden('\n') && !is_hidden('é'));
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
