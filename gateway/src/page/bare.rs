//! A script as browsers need it: without indentation, empty lines, and comments on lines of their own.

/// Takes what stands for readers out of `script`, which must have no comment, string or template
/// that goes over several lines.
pub(super) fn bare(script: &str) -> String {
    let lines = script.lines().map(str::trim_start);
    let needed = lines
        .filter(|line| !(line.is_empty() || line.starts_with("//") || line.starts_with("/**")));
    needed.flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_stays() {
        let script = "// A module.\n\n/** Adds. */\nexport function add(a, b) {\n  // (Exactly.)\n  \
                      return a + b; // a sum\n}\nconst url = 'https://example.org'; /** @type {x} */\n";
        let expected = "export function add(a, b) {\nreturn a + b; // a sum\n}\n\
                        const url = 'https://example.org'; /** @type {x} */\n";
        assert_eq!(bare(script), expected);
    }

    /// What `bare` can't do is not in the one script that it is for.
    #[test]
    fn nothing_goes_over_several_lines() {
        for line in include_str!("../../web/chorus.js").lines() {
            assert_eq!(line.matches("/*").count(), line.matches("*/").count(), "{line}");
            assert_eq!(line.matches('`').count() % 2, 0, "{line}");
            assert!(!line.ends_with('\\'), "{line}");
        }
    }
}
