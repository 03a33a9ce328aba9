//! The main figure of each scenario as bars: an SVG that a browser, or a README, shows.

use std::fmt::Write;

/// One scenario.
pub(super) struct Panel {
    pub(super) title: String,
    /// Label, value, and how it is written.
    pub(super) bars: Vec<(&'static str, f64, String)>,
}

const WIDTH: usize = 760;
const MARGIN: usize = 16;
/// Where bars begin, and how long the longest is.
const LEFT: usize = 90;
const LONGEST: f64 = 520.0;
const BAR: usize = 16;
const ROW: usize = 22;
/// A panel's title, and the space before the next one.
const TITLE: usize = 24;
const GAP: usize = 14;

pub(super) fn svg(panels: &[Panel]) -> String {
    let mut body = String::new();
    let mut top = MARGIN;
    for panel in panels {
        top = draw(&mut body, panel, top) + GAP;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{top}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

/// Returns where the panel ends.
fn draw(body: &mut String, Panel { title, bars }: &Panel, top: usize) -> usize {
    let title = escaped(title);
    let longest = bars.iter().map(|(_, value, _)| *value).fold(f64::MIN_POSITIVE, f64::max);
    // Writing to a string can't fail.
    let _ = writeln!(
        body,
        "<text x=\"{MARGIN}\" y=\"{}\" font-weight=\"bold\" fill=\"#1f2328\">{title}</text>",
        top + BAR
    );
    let mut y = top + TITLE;
    for (label, value, written) in bars {
        // What is zero still has a place.
        let width = (value / longest * LONGEST).max(1.0);
        let fill = if *label == "chorus" { "#d1495b" } else { "#8d99ae" };
        let (text, end) = (y + BAR - 3, f64::from(u32::try_from(LEFT).unwrap_or(0)) + width + 6.0);
        let _ = writeln!(
            body,
            "<text x=\"{MARGIN}\" y=\"{text}\" fill=\"#1f2328\">{label}</text>\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{fill}\"/>\
             <text x=\"{end:.1}\" y=\"{text}\" fill=\"#1f2328\">{}</text>",
            escaped(written)
        );
        y += ROW;
    }
    y
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_is_the_greatest_value() {
        let bars = vec![
            ("chorus", 2.0, "2 µs".into()),
            ("floor", 0.0, "0".into()),
            ("b", 4.0, "4".into()),
        ];
        let svg = svg(&[Panel { title: "p99 < 1 & more".into(), bars }]);
        let widths: Vec<_> =
            svg.split("width=\"").skip(3).map(|rest| &rest[..rest.find('"').unwrap()]).collect();
        assert_eq!(widths, ["260.0", "1.0", "520.0"], "{svg}");
        assert!(svg.contains("p99 &lt; 1 &amp; more") && svg.contains("2 µs"));
    }
}
