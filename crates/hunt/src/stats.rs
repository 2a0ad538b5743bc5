//! Robust statistics, chance, and small helpers that several analytics share.

/// A number with its thousands parted.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A number for reading: few digits, no exponent where it can be helped.
pub fn short(n: f64) -> String {
    match n.abs() {
        s if s >= 1000.0 => format!("{}{}", if n < 0.0 { "-" } else { "" }, thousands(s.round() as u64)),
        s if s >= 100.0 || n.fract() == 0.0 => format!("{n:.0}"),
        s if s >= 10.0 => format!("{n:.1}"),
        _ => format!("{n:.2}"),
    }
}

/// A share in words.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        p if p == 0.0 || p >= 10.0 => format!("{p:.0} %"),
        p if p >= 0.1 => format!("{p:.1} %"),
        p if p >= 0.001 => format!("{p:.3} %"),
        p => format!("{p:.1e} %"),
    }
}

/// From the standard deviation of a normal distribution to its median absolute deviation, inverted.
const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;
/// From the standard deviation of a normal distribution to its mean absolute deviation, inverted.
const MEAN_TO_SIGMA: f64 = 1.253_314_137_315_5;

/// The numbers in order; what is no number is left out.
pub fn sorted(numbers: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut all: Vec<f64> = numbers.into_iter().filter(|n| n.is_finite()).collect();
    all.sort_by(f64::total_cmp);
    all
}

/// A quantile of sorted numbers, interpolated (type 7 of Hyndman and Fan); 0 of none.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = q.clamp(0.0, 1.0) * last as f64;
    let low = at.floor() as usize;
    let (a, b) = (sorted.get(low), sorted.get((low + 1).min(last)));
    let (a, b) = (a.copied().unwrap_or(0.0), b.copied().unwrap_or(0.0));
    a + (b - a) * (at - low as f64)
}

/// The median of sorted numbers.
pub fn median(sorted: &[f64]) -> f64 {
    quantile(sorted, 0.5)
}

/// The median absolute deviation, scaled to the standard deviation of a normal distribution. Where more than
/// half of the numbers are equal, the mean absolute deviation takes its place; 0 where all are.
pub fn spread(sorted_numbers: &[f64]) -> f64 {
    let middle = median(sorted_numbers);
    let away = sorted(sorted_numbers.iter().map(|n| (n - middle).abs()));
    match median(&away) {
        m if m > 0.0 => m * MAD_TO_SIGMA,
        _ => away.iter().sum::<f64>() / away.len().max(1) as f64 * MEAN_TO_SIGMA,
    }
}

/// Shannon entropy of the characters of a text, in bits.
pub fn entropy(text: &str) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    let mut all = 0.0;
    for c in text.chars() {
        *counts.entry(c).or_insert(0.0) += 1.0;
        all += 1.0;
    }
    -counts.values().map(|n: &f64| n / all * (n / all).log2()).sum::<f64>() + 0.0
}

/// Chance that is the same every time: xoshiro256++, seeded with SplitMix64.
#[derive(Clone, Debug)]
pub struct Chance([u64; 4]);

impl Chance {
    /// Of a seed, and of one of many streams of that seed.
    pub fn new(seed: u64, stream: u64) -> Chance {
        let mut at = seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95);
        let mut next = || {
            at = at.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (at ^ (at >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        Chance([next(), next(), next(), next()])
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        let s = &mut self.0;
        let out = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        out
    }

    /// A number of `0..n`; 0 where `n` is.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// A number of [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number of a standard normal distribution.
    pub fn normal(&mut self) -> f64 {
        let (a, b) = (1.0 - self.unit(), self.unit());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }

    /// `k` different numbers of `0..n`, in ascending order; all of them where there are no more.
    pub fn sample(&mut self, n: usize, k: usize) -> Vec<usize> {
        if k >= n {
            return (0..n).collect();
        }
        // Floyd's.
        let mut chosen = std::collections::BTreeSet::new();
        for j in n - k..n {
            let t = self.below(j + 1);
            if !chosen.insert(t) {
                chosen.insert(j);
            }
        }
        chosen.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn robust_numbers() {
        let s = sorted([5.0, 1.0, f64::NAN, 3.0, 2.0, 4.0]);
        assert_eq!((median(&s), quantile(&s, 0.25), quantile(&s, 1.0)), (3.0, 2.0, 5.0));
        assert!((spread(&s) - 1.4826).abs() < 1e-3);
        assert_eq!(spread(&[2.0, 2.0, 2.0]), 0.0);
        assert!(spread(&[2.0, 2.0, 2.0, 9.0]) > 0.0);
        assert_eq!((median(&[]), entropy(""), entropy("aabb")), (0.0, 0.0, 1.0));
        assert_eq!((short(1234.4), short(0.5), short(12.0)), ("1,234".into(), "0.50".into(), "12".into()));
    }

    #[test]
    fn chance_is_the_same_and_even() {
        let draw = |seed| (0..1000).map(|_| 0).scan(Chance::new(seed, 0), |c, _: i32| Some(c.unit()));
        let (a, b): (Vec<f64>, Vec<f64>) = (draw(1).collect(), draw(1).collect());
        assert_eq!(a, b);
        assert_ne!(a, draw(2).collect::<Vec<_>>());
        let mean = a.iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
        let s = Chance::new(1, 1).sample(100, 30);
        assert!(s.len() == 30 && s.windows(2).all(|w| w[0] < w[1]));
    }
}
