//! A bar for each image: what it shares, what is its own, what would come back.

use anstyle::AnsiColor;
use larder_engine::{ImageUse, Survey};

use crate::names::shown;
use crate::output::screen::Screen;
use crate::output::{size, text};

/// So many images have a bar unless all are asked for.
const MOST_BARS: usize = 20;

/// A bar is not shorter, however narrow the terminal, and not longer.
const BAR_COLUMNS: (usize, usize) = (10, 40);

/// What each of the three figures behind a bar takes, with the space before it.
const FIGURE_COLUMNS: [usize; 3] = [10, 9, 13];

const SHARED: (char, AnsiColor) = ('░', AnsiColor::Blue);
const OWN: (char, AnsiColor) = ('█', AnsiColor::Yellow);
const RECLAIMABLE: (char, AnsiColor) = ('▓', AnsiColor::Green);

/// The bars of the images in `survey`, those that take most first.
pub fn bars(survey: &Survey, all: bool, screen: &Screen) -> String {
    let Some(longest) = survey.images.iter().map(ImageUse::stored_bytes).max() else { return String::new() };
    let most = if all { usize::MAX } else { MOST_BARS };
    let rows: Vec<_> = survey.images.iter().take(most).collect();
    let widest = rows.iter().map(|image| text::columns(&name(image))).max().unwrap_or_default();
    let room = screen.columns.saturating_sub(FIGURE_COLUMNS.iter().sum::<usize>() + 2);
    let names = widest.max("IMAGE".len()).min(room.saturating_sub(BAR_COLUMNS.0).max(12));
    let bar = room.saturating_sub(names).clamp(BAR_COLUMNS.0, BAR_COLUMNS.1);
    let headings = row(["SHARED", "OWN", "RECLAIMABLE"]);
    let mut out = format!("{}  {}{headings}", padded("IMAGE", names), padded("ON DISK", bar));
    for image in rows {
        let parts @ [shared, held, own] = parts(image);
        let figures = [shared, held + own, own].map(size::short);
        let drawn = draw(parts, longest, bar, screen);
        out += &format!("{}  {drawn}", padded(&Screen::cut(&name(image), names), names));
        out += &row(figures.each_ref().map(String::as_str));
    }
    let more = survey.images.len().saturating_sub(most);
    if more > 0 {
        out += &format!("… and {more} more; -v shows all\n");
    }
    let key = |(mark, colour): (char, AnsiColor)| screen.paint(colour, &mark.to_string());
    let words = [
        (SHARED, "shared with images"),
        (OWN, "own, a container needs it"),
        (RECLAIMABLE, "own, reclaimable"),
    ];
    let words: Vec<_> = words.into_iter().map(|(mark, what)| format!("{} {what}", key(mark))).collect();
    out + &words.join("   ") + "\n"
}

/// The name of an image, and how many more it has.
fn name(image: &ImageUse) -> String {
    shown(&image.references, image.id)
}

/// Shared, held, reclaimable.
fn parts(image: &ImageUse) -> [u64; 3] {
    [image.shared_bytes - image.held_bytes, image.held_bytes, image.own_bytes]
}

/// A bar of `columns` for `whole`. A part that is there is seen: it gets one column at
/// least.
fn draw(parts: [u64; 3], whole: u64, columns: usize, screen: &Screen) -> String {
    let mut left = columns;
    let mut widths = parts.map(|bytes| {
        let exact = u128::from(bytes) * columns as u128 / u128::from(whole.max(1));
        if bytes == 0 { 0 } else { usize::try_from(exact).unwrap_or(columns).max(1) }
    });
    // Where small parts were made visible a large one gives way.
    let over = widths.iter().sum::<usize>().saturating_sub(columns);
    if let Some(widest) = widths.iter_mut().max() {
        *widest = widest.saturating_sub(over);
    }
    let mut out = String::new();
    for (width, (mark, colour)) in widths.into_iter().zip([SHARED, OWN, RECLAIMABLE]) {
        let width = width.min(left);
        left -= width;
        out += &screen.paint(colour, &mark.to_string().repeat(width));
    }
    out + &" ".repeat(left)
}

/// The end of a line: three figures, to the right.
fn row([shared, own, reclaimable]: [&str; 3]) -> String {
    let [first, second, third] = FIGURE_COLUMNS;
    format!("{shared:>first$}{own:>second$}{reclaimable:>third$}\n")
}

fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(text::columns(text))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAIN: Screen = Screen { columns: 80, has_colours: false };

    #[test]
    fn a_bar_shows_every_part_that_is_there() {
        assert_eq!(draw([50, 25, 0], 100, 12, &PLAIN), "░░░░░░███   ");
        assert_eq!(draw([99, 0, 1], 100, 10, &PLAIN), "░░░░░░░░░▓");
        assert_eq!(draw([0, 0, 0], 0, 4, &PLAIN), "    ");
        let colours = Screen { has_colours: true, ..PLAIN };
        assert_eq!(draw([0, 1, 0], 1, 2, &colours), "\x1b[33m██\x1b[0m");
    }

    proptest! {
        #[test]
        fn a_bar_is_as_wide_as_it_is_said_to_be(parts: [u32; 3], columns in 3_usize..60) {
            let parts = parts.map(u64::from);
            let bar = draw(parts, parts.iter().sum(), columns, &PLAIN);
            prop_assert_eq!(text::columns(&bar), columns);
        }
    }
}
