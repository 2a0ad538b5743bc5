//! The nearest of a list of names: "did you mean".

/// The candidate with the fewest edits (swaps of neighbours count once), where at most a third of `name` differs.
pub(crate) fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let name: Vec<char> = name.to_lowercase().chars().take(64).collect();
    let most = (name.len() / 3).clamp(1, 3);
    candidates
        .map(|c| (distance(&name, c), c))
        .filter(|(d, _)| *d <= most)
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

/// Optimal string alignment distance.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().take(64).collect();
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let least = change.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            row.push(if swap { least.min(rows[i - 2][j - 2] + 1) } else { least });
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names() {
        let names = ["contains", "startswith", "endswith", "re"];
        assert_eq!(nearest("conatins", names.into_iter()), Some("contains"));
        assert_eq!(nearest("startwith", names.into_iter()), Some("startswith"));
        assert_eq!(nearest("whatever", names.into_iter()), None);
    }
}
