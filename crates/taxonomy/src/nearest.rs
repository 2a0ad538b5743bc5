//! The name that a misspelt one most likely means.

/// The nearest of `known` to `word`, where one is near: at most a third of the letters differ, three at most.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let most = (word.chars().count() / 3).clamp(1, 3);
    let near = known.into_iter().map(|k| (distance(word, k), k)).filter(|(d, _)| *d <= most);
    near.min().map(|(_, k)| k.to_owned())
}

/// Edit distance, neighbouring letters exchanged counting one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, n) | (n, 0) => n,
                _ => {
                    let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let mut best = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        best = best.min(rows[i - 2][j - 2] + 1);
                    }
                    best
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_near_names_only() {
        let known = ["process_creation", "process_access", "security"];
        assert_eq!(nearest("proces_creation", known).as_deref(), Some("process_creation"));
        assert_eq!(nearest("secuirty", known).as_deref(), Some("security"));
        assert_eq!(nearest("registry", known), None);
    }
}
