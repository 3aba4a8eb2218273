//! The four ways to choose among targets, over what is known of each at one moment.

use std::net::IpAddr;

/// Of what a weight of 1 consists: a target that starts slowly counts for a part of its weight.
pub(crate) const UNIT: u32 = 100;

/// A target that may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Which of the group's targets it is.
    pub(crate) index: usize,
    /// Its weight in [`UNIT`]s, at least 1.
    pub(crate) weight: u32,
    /// Requests under way.
    pub(crate) in_flight: u32,
    /// What tells it apart by address, the same in every process.
    pub(crate) seed: u64,
}

/// Whose credit is the highest after all have got their weight's worth; that one pays for all. Over each cycle of the
/// weights' sum every target gets exactly its weight, spread evenly.
pub(crate) fn in_turn(candidates: &[Candidate], credits: &mut [i64]) -> Option<usize> {
    let mut sum = 0;
    let mut best: Option<usize> = None;
    for candidate in candidates {
        let weight = i64::from(candidate.weight);
        credits[candidate.index] += weight;
        sum += weight;
        if best.is_none_or(|b| credits[candidate.index] > credits[b]) {
            best = Some(candidate.index);
        }
    }
    let best = best?;
    credits[best] -= sum;
    Some(best)
}

/// The lowest (in-flight + 1) / weight; of equals the first from `rotation` on.
pub(crate) fn least_busy(candidates: &[Candidate], rotation: usize) -> Option<usize> {
    let (before, from) = candidates.split_at(if candidates.is_empty() { 0 } else { rotation % candidates.len() });
    let load = |c: &Candidate| u64::from(c.in_flight) + 1;
    let mut best: Option<&Candidate> = None;
    for candidate in from.iter().chain(before) {
        // a / b < c / d without a division.
        let less = |b: &Candidate| load(candidate) * u64::from(b.weight) < load(b) * u64::from(candidate.weight);
        if best.is_none_or(less) {
            best = Some(candidate);
        }
    }
    best.map(|c| c.index)
}

/// The highest of scores that each target has for `client`: a target that goes moves its own clients and no others, one
/// that comes takes its share from all alike. Source: weighted rendezvous hashing, `weight / -ln(hash)`.
pub(crate) fn by_client(candidates: &[Candidate], client: IpAddr) -> Option<usize> {
    let client = match client.to_canonical() {
        IpAddr::V4(ip) => u128::from(u32::from(ip)),
        IpAddr::V6(ip) => u128::from(ip),
    };
    let client = mixed((client >> 64) as u64 ^ mixed(client as u64));
    let score = |c: &Candidate| {
        // 53 bits fill a double's fraction; half a step keeps it above 0.
        let part = ((mixed(client ^ c.seed) >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        f64::from(c.weight) / -part.ln()
    };
    candidates.iter().map(|c| (score(c), c.index)).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, index)| index)
}

/// Two picks by weight, of which the one with fewer requests under way wins.
pub(crate) fn of_two(candidates: &[Candidate], random: [u64; 2]) -> Option<usize> {
    let sum: u64 = candidates.iter().map(|c| u64::from(c.weight)).sum();
    let pick = |random: u64| {
        let mut left = random.checked_rem(sum)?;
        candidates.iter().find(|c| match left.checked_sub(c.weight.into()) {
            Some(less) => {
                left = less;
                false
            }
            None => true,
        })
    };
    let (first, second) = (pick(random[0])?, pick(random[1])?);
    Some(if second.in_flight < first.in_flight { second.index } else { first.index })
}

/// What tells a target apart by its address.
pub(crate) fn seed(authority: &str) -> u64 {
    authority.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// Spreads each bit of `n` over all of the result. Source: the finaliser of SplitMix64.
fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn candidates(weights: &[u32]) -> Vec<Candidate> {
        let candidate = |(index, weight): (usize, &u32)| {
            let seed = seed(&format!("10.0.0.{index}:80"));
            Candidate { index, weight: weight * UNIT, in_flight: 0, seed }
        };
        weights.iter().enumerate().map(candidate).collect()
    }

    fn random() -> impl FnMut() -> u64 {
        let mut n = 0;
        move || {
            n += 1;
            mixed(n)
        }
    }

    /// How often each of the weights 1, 2, 5 is chosen in 8,000 requests, against its share.
    fn holds(counts: [usize; 3], within: usize) {
        for (count, share) in counts.into_iter().zip([1000, 2000, 5000]) {
            assert!(count.abs_diff(share) <= within, "{counts:?}");
        }
    }

    #[test]
    fn turns_are_exact_over_each_cycle() {
        let candidates = candidates(&[1, 2, 5]);
        let mut credits = [0; 3];
        let mut counts = [0; 3];
        for _ in 0..1000 {
            let mut cycle = [0; 3];
            (0..8).for_each(|_| cycle[in_turn(&candidates, &mut credits).unwrap()] += 1);
            assert_eq!(cycle, [1, 2, 5]);
            (0..3).for_each(|i| counts[i] += cycle[i]);
        }
        holds(counts, 0);
        assert_eq!(in_turn(&[], &mut credits), None);
    }

    #[test]
    fn the_least_busy_by_weight_and_ties_rotate() {
        let mut three = candidates(&[1, 2, 5]);
        // Nothing ends: each gets requests in proportion to its weight.
        let mut counts = [0; 3];
        for n in 0..8000 {
            let index = least_busy(&three, n).unwrap();
            three[index].in_flight += 1;
            counts[index] += 1;
        }
        holds(counts, 8);
        // All ends at once: equal weights take turns.
        let equal = candidates(&[3, 3, 3]);
        let picks: Vec<_> = (0..6).map(|n| least_busy(&equal, n).unwrap()).collect();
        assert_eq!(picks, [0, 1, 2, 0, 1, 2]);
        assert_eq!(least_busy(&[], 1), None);
    }

    #[test]
    fn clients_move_only_from_a_target_that_goes_and_a_tenth_to_one_that_comes() {
        let ten = candidates(&[1; 10]);
        let clients: Vec<IpAddr> = (0..20_000u32).map(|n| Ipv4Addr::from(0x0a00_0000 + n * 7).into()).collect();
        let of = |candidates: &[Candidate]| -> Vec<usize> {
            clients.iter().map(|ip| by_client(candidates, *ip).unwrap()).collect()
        };
        let (before, nine) = (of(&ten), of(&ten[..9]));
        let moved = before.iter().zip(&nine).filter(|(a, b)| a != b).count();
        assert!(before.iter().zip(&nine).all(|(a, b)| a == b || *a == 9), "only clients of the tenth move");
        let percent = moved as f64 / 200.0;
        assert!((8.0..=12.0).contains(&percent), "{percent} % move");
        let mut counts = [0; 3];
        let weighted = candidates(&[1, 2, 5]);
        clients.iter().take(8000).for_each(|ip| counts[by_client(&weighted, *ip).unwrap()] += 1);
        holds(counts, 80);
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(by_client(&ten, mapped), by_client(&ten, mapped.to_canonical()));
    }

    #[test]
    fn two_picks_hold_the_weights_and_pass_the_busy_one_over() {
        let mut random = random();
        let mut three = candidates(&[1, 2, 5]);
        let mut counts = [0; 3];
        (0..8000).for_each(|_| counts[of_two(&three, [random(), random()]).unwrap()] += 1);
        holds(counts, 80);
        three[2].in_flight = 9;
        let busy = (0..8000).filter(|_| of_two(&three, [random(), random()]) == Some(2)).count();
        // Only where both picks fall on it: 25 of 64.
        assert!(busy.abs_diff(3125) <= 80, "{busy}");
        assert_eq!(of_two(&[], [1, 2]), None);
    }
}
