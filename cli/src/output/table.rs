//! Columns, aligned as Go's `text/tabwriter` does it for Docker: at least ten
//! wide, three apart, padded with spaces.
//!
//! A cell ends in a tab; what follows a line's last tab belongs to no column
//! and is never padded. A column is a run of lines that have a cell there, so
//! a line with fewer cells ends it and the lines below start anew.

use super::text;
use super::text::columns;

const MIN_WIDTH: usize = 10;
const PADDING: usize = 3;

/// `text` with its tabs replaced by what makes its columns line up.
///
/// Width is counted in columns of a terminal: Docker carries a tabwriter of its
/// own that knows wide characters.
pub fn align(text: &str) -> String {
    align_wide(text, MIN_WIDTH)
}

/// The same, with columns of at least `min_width`.
pub fn align_wide(text: &str, min_width: usize) -> String {
    let lines: Vec<Line<'_>> = text.split('\n').map(Line::new).collect();
    let deepest = lines.iter().map(|line| line.cells.len()).max().unwrap_or(0);
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|_| Vec::new()).collect();
    for column in 0..deepest {
        for (run, run_widths) in runs(&lines, &mut widths, column) {
            let widest = run.iter().filter_map(|line| line.cells.get(column)).map(|cell| text::columns(cell));
            let width = (widest.max().unwrap_or(0) + PADDING).max(min_width);
            run_widths.iter_mut().for_each(|widths| widths.push(width));
        }
    }
    let mut aligned = String::with_capacity(text.len() * 2);
    for (at, (line, widths)) in lines.iter().zip(&widths).enumerate() {
        if at > 0 {
            aligned.push('\n');
        }
        for (cell, width) in line.cells.iter().zip(widths) {
            aligned.push_str(cell);
            aligned.extend(std::iter::repeat_n(' ', width.saturating_sub(text::columns(cell))));
        }
        aligned.push_str(line.rest);
    }
    aligned
}

/// Rows of seven columns, numbers to the right, with one space between.
#[derive(Debug, Default)]
pub struct RightColumns([usize; 6]);

impl RightColumns {
    /// Makes room for a row.
    pub fn measure(&mut self, row: &[String; 7]) {
        for (width, cell) in self.0.iter_mut().zip(row) {
            *width = (*width).max(columns(cell));
        }
    }

    /// A row as a line.
    pub fn line(&self, row: &[String; 7]) -> String {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(self.0) {
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(columns(cell))));
            line += cell;
            line.push(' ');
        }
        line += row.last().map_or("", String::as_str);
        line.push('\n');
        line
    }
}

/// One line: the cells that a tab ends, and the rest.
struct Line<'a> {
    cells: Vec<&'a str>,
    rest: &'a str,
}

impl<'a> Line<'a> {
    fn new(text: &'a str) -> Self {
        let mut cells: Vec<&str> = text.split('\t').collect();
        let rest = cells.pop().unwrap_or_default();
        Self { cells, rest }
    }
}

type Run<'l, 'a, 'w> = (&'l [Line<'a>], &'w mut [Vec<usize>]);

/// The runs of lines that have a cell in `column`, each with its widths so far.
fn runs<'l, 'a, 'w>(
    lines: &'l [Line<'a>],
    widths: &'w mut [Vec<usize>],
    column: usize,
) -> Vec<Run<'l, 'a, 'w>> {
    let has_cell = |line: &Line<'_>| line.cells.len() > column;
    let mut runs = Vec::new();
    let mut widths = widths;
    for run in lines.chunk_by(|a, b| has_cell(a) == has_cell(b)) {
        let (here, below) = widths.split_at_mut(run.len());
        widths = below;
        if run.first().is_some_and(has_cell) {
            runs.push((run, here));
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn columns_line_up_as_in_docker() {
        let text = "REPOSITORY\tTAG\tIMAGE ID\tCREATED\tSIZE\n\
                    edge\t1\t5568a1e7f45a\t12 minutes ago\t251MB\n\
                    debian\tbookworm\t2aa8683652fc\t14 minutes ago\t199MB\n";
        let want = "REPOSITORY   TAG        IMAGE ID       CREATED          SIZE\n\
                    edge         1          5568a1e7f45a   12 minutes ago   251MB\n\
                    debian       bookworm   2aa8683652fc   14 minutes ago   199MB\n";
        assert_eq!(align(text), want);
    }

    #[test]
    fn a_header_alone_keeps_the_least_width() {
        assert_eq!(
            align("REPOSITORY\tTAG\tIMAGE ID\tCREATED\tSIZE\n"),
            "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n"
        );
    }

    #[test]
    fn an_empty_last_column_keeps_the_padding_before_it() {
        assert_eq!(align("SIZE\tCOMMENT\n2B\t\n"), "SIZE      COMMENT\n2B        \n");
        assert_eq!(align("IMAGE ID\t\n5568a1e7f45a\t\n"), "IMAGE ID       \n5568a1e7f45a   \n");
    }

    #[test]
    fn a_wide_character_takes_two_columns() {
        assert_eq!(align("文件文件文件\tx\nabc\ty\n"), "文件文件文件   x\nabc            y\n");
    }

    #[test]
    fn a_line_without_the_cell_starts_the_column_anew() {
        assert_eq!(
            align("a-rather-long-cell\tx\nplain\nb\ty\n"),
            "a-rather-long-cell   x\nplain\nb         y\n"
        );
    }

    proptest! {
        #[test]
        fn alignment_only_ever_adds_spaces(text in "[a-c \té文\n]{0,80}") {
            let aligned = align(&text);
            let without = |text: &str| text.replace(['\t', ' '], "");
            prop_assert_eq!(without(&aligned), without(&text));
            prop_assert!(!aligned.contains('\t'));
        }
    }
}
