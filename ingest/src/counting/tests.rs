use super::*;

/// A row that is kept and the same source's in memory are one source.
#[test]
fn of_each_source_the_greatest_counts() {
    let row = |source: &str, totals: &str| Row {
        video: "v".parse().unwrap(),
        source: source.parse().unwrap(),
        totals: totals.parse().unwrap(),
    };
    let rows = vec![row("a", "r/like 3"), row("b", "r/like 1"), row("a", "r/like 5 views 1")];
    assert_eq!(sum(rows), "r/like 6 views 1".parse().unwrap());
    assert_eq!(sum(vec![]), Totals::default());
}
