//! QR codes of recommendations, for a terminal and as a drawing.

use anstyle::{AnsiColor, Style};
use qrcode::render::svg;
use qrcode::{Color, EcLevel, QrCode};

use super::failure::Failure;
use crate::model::Class;

/// Light modules around a code that readers need to find it (ISO/IEC 18004, section 5.3.8).
const QUIET: usize = 4;

/// Side of one module in a drawing, in pixels.
const MODULE_PIXELS: u32 = 4;

/// White on black, whatever the colours of the terminal are: a code in the wrong colours is not read.
const COLOURS: Style = Style::new()
    .fg_color(Some(anstyle::Color::Ansi(AnsiColor::BrightWhite)))
    .bg_color(Some(anstyle::Color::Ansi(AnsiColor::Black)));

/// Makes the code of a text that is the same in upper case, which a code holds in fewer modules.
///
/// Screens and paper do not get scratched between two people, so the lowest level of correction is enough.
pub(super) fn code(text: &str) -> Result<QrCode, Failure> {
    QrCode::with_error_correction_level(text.to_ascii_uppercase(), EcLevel::L).map_err(|_| {
        Failure::new(
            Class::Limit,
            format!("{} characters are more than a QR code holds", text.len()),
            "sign with an Ed25519 key, or hand on the text",
        )
    })
}

/// Draws a code with half blocks, two rows of modules in a line.
pub(super) fn terminal(code: &QrCode) -> String {
    let (width, modules) = (code.width(), code.to_colors());
    let size = width + 2 * QUIET;
    let is_light = |x: usize, y: usize| {
        let inside = |at: usize| (QUIET..QUIET + width).contains(&at);
        !(inside(x) && inside(y)) || modules[(y - QUIET) * width + (x - QUIET)] == Color::Light
    };
    let mut text = String::new();
    for y in (0..size).step_by(2) {
        // Below the last row is nothing, which is as good as light.
        let line = (0..size).map(|x| match (is_light(x, y), y + 1 >= size || is_light(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        });
        text.push_str(&format!("{COLOURS}{}{COLOURS:#}\n", line.collect::<String>()));
    }
    text
}

/// Draws a code as SVG.
pub(super) fn drawing(code: &QrCode) -> String {
    let mut svg = code.render::<svg::Color>().module_dimensions(MODULE_PIXELS, MODULE_PIXELS).build();
    svg.push('\n');
    svg
}
