//! Plots as SVG.

use std::path::Path;

use plotters::prelude::*;

use crate::results::Median;

/// larder's colour, and everybody else's.
const OURS: RGBColor = RGBColor(200, 80, 40);
const THEIRS: RGBColor = RGBColor(130, 140, 150);

/// Bars beside each other: what a unit of them means, and a value for each peer.
pub struct Chart {
    unit: &'static str,
    bars: Vec<(String, Option<f64>)>,
}

impl Chart {
    pub fn of(unit: &'static str, found: &[(&str, Median)], value: impl Fn(&Median) -> Option<f64>) -> Self {
        Self { unit, bars: found.iter().map(|(peer, median)| ((*peer).to_owned(), value(median))).collect() }
    }
}

const BAR_HEIGHT: i32 = 24;
const CHART_WIDTH: u32 = 330;
const LABEL_WIDTH: i32 = 62;
const NUMBER_WIDTH: i32 = 56;
const TOP: i32 = 62;

/// Draws charts side by side; every bar bears its number.
pub fn bars(path: &Path, title: &str, charts: &[Chart]) {
    let rows = charts.iter().map(|chart| chart.bars.len()).max().unwrap_or(0) as i32;
    let size = (CHART_WIDTH * charts.len() as u32, (TOP + rows * BAR_HEIGHT + 10) as u32);
    let root = SVGBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE).expect("a drawing");
    let text = |size: i32, bold: bool| {
        let font = ("sans-serif", size).into_font();
        if bold { font.style(FontStyle::Bold) } else { font }.color(&RGBColor(40, 40, 40))
    };
    root.draw(&Text::new(title.to_owned(), (8, 8), text(17, true))).expect("a drawing");
    for (number, chart) in charts.iter().enumerate() {
        let left = number as i32 * CHART_WIDTH as i32 + 8;
        root.draw(&Text::new(chart.unit.to_owned(), (left, 36), text(13, true))).expect("a drawing");
        let most = chart.bars.iter().filter_map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
        let room = f64::from(CHART_WIDTH as i32 - LABEL_WIDTH - NUMBER_WIDTH - 16);
        for (row, (peer, value)) in chart.bars.iter().enumerate() {
            let top = TOP + row as i32 * BAR_HEIGHT;
            root.draw(&Text::new(peer.clone(), (left, top + 3), text(13, false))).expect("a drawing");
            let Some(value) = value else { continue };
            let start = left + LABEL_WIDTH;
            let end = start + ((value / most * room) as i32).max(1);
            let colour = if peer == "larder" { OURS } else { THEIRS };
            root.draw(&Rectangle::new([(start, top), (end, top + BAR_HEIGHT - 6)], colour.filled()))
                .expect("a drawing");
            root.draw(&Text::new(number_of(*value), (end + 4, top + 3), text(12, false))).expect("a drawing");
        }
    }
    root.present().expect("a file");
}

fn number_of(value: f64) -> String {
    match value {
        value if value < 1.0 => format!("{value:.3}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

/// Draws lines over two logarithmic scales.
pub fn lines(path: &Path, title: &str, x: &str, y: &str, lines: &[(&str, Vec<(f64, f64)>)]) {
    let root = SVGBackend::new(path, (640, 400)).into_drawing_area();
    root.fill(&WHITE).expect("a drawing");
    let all = || lines.iter().flat_map(|(_, points)| points.iter());
    let most = |of: fn(&(f64, f64)) -> f64| all().map(of).fold(f64::MIN_POSITIVE, f64::max);
    let least = |of: fn(&(f64, f64)) -> f64| all().map(of).fold(f64::INFINITY, f64::min);
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(
            (least(|p| p.0)..most(|p| p.0) * 1.5).log_scale(),
            (least(|p| p.1) / 2.0..most(|p| p.1) * 2.0).log_scale(),
        )
        .expect("a drawing");
    chart.configure_mesh().x_desc(x).y_desc(y).light_line_style(TRANSPARENT).draw().expect("a drawing");
    for (peer, points) in lines {
        let colour = if *peer == "larder" { OURS } else { THEIRS };
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))
            .expect("a drawing");
        chart
            .draw_series(points.iter().map(|point| Circle::new(*point, 4, colour.filled())))
            .expect("a drawing");
        if let Some(last) = points.last() {
            let at = (last.0 * 0.6, last.1 * 1.3);
            let label = Text::new((*peer).to_owned(), at, ("sans-serif", 13).into_font().color(&colour));
            chart.draw_series(std::iter::once(label)).expect("a drawing");
        }
    }
    root.present().expect("a file");
}
