//! Where a world's choices come from: a seed, or every possibility in turn.

use std::fmt;
use std::time::Duration;

/// Chooses. A world draws all its chances here, so it can be run again to the millisecond.
pub(crate) trait Choose {
    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize;

    /// True once in `many` times.
    fn once_in(&mut self, many: usize) -> bool {
        self.below(many) + 1 == many
    }

    /// One of several.
    fn pick<T: Copy>(&mut self, of: &[T]) -> T
    where
        Self: Sized,
    {
        of[self.below(of.len())]
    }

    /// Up to `most`, to the millisecond; the extremes come often.
    fn span(&mut self, most: Duration) -> u64
    where
        Self: Sized,
    {
        let most = usize::try_from(most.as_millis()).unwrap();
        let middle = |chooser: &mut Self| chooser.below(most + 1) as u64;
        match self.below(4) {
            0 => 0,
            1 => most as u64,
            _ => middle(self),
        }
    }
}

/// SplitMix64: chance that a seed repeats. Remembers what it dealt.
pub(crate) struct Seeded {
    state: u64,
    pub(crate) dealt: Vec<usize>,
}

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x2545_f491_4f6c_dd1d), dealt: Vec::new() }
    }
}

impl Choose for Seeded {
    fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let choice = usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap();
        self.dealt.push(choice);
        choice
    }
}

/// Deals what it is given, and the first of everything after that.
pub(crate) struct Given<'a>(std::slice::Iter<'a, usize>);

impl<'a> Given<'a> {
    pub(crate) fn new(choices: &'a [usize]) -> Self {
        Self(choices.iter())
    }
}

impl Choose for Given<'_> {
    fn below(&mut self, bound: usize) -> usize {
        self.0.next().map_or(0, |choice| choice % bound)
    }
}

/// The most runs that making a history smaller may take.
const SHRINKS: usize = 1000;

/// Makes choices that fail smaller while they still do, and no later: cut short, then more of
/// them the first, then fewer. `fails` says when, for those that do.
pub(crate) fn shrink(
    mut choices: Vec<usize>,
    fails: impl Fn(&[usize]) -> Option<u64>,
) -> Vec<usize> {
    let (mut runs, mut latest) = (0, u64::MAX);
    let mut attempt = |choices: &mut Vec<usize>, smaller: Vec<usize>| {
        runs += 1;
        let at = (runs <= SHRINKS).then(|| fails(&smaller)).flatten();
        let fails = at.filter(|at| *at <= latest);
        if let Some(at) = fails {
            (*choices, latest) = (smaller, at);
        }
        fails.is_some()
    };
    let mut cut = choices.len() / 2;
    while cut > 0 {
        let shorter = choices[..choices.len() - cut.min(choices.len())].to_vec();
        if !attempt(&mut choices, shorter) {
            cut /= 2;
        }
    }
    let mut size = choices.len().div_ceil(2);
    while size > 0 {
        for from in (0..choices.len()).step_by(size) {
            let to = choices.len().min(from + size);
            if choices[from..to].iter().any(|choice| *choice > 0) {
                let mut calmer = choices.clone();
                calmer[from..to].fill(0);
                attempt(&mut choices, calmer);
            }
        }
        size /= 2;
    }
    for parts in [2, 4, 8, 16, 32, 64, 128] {
        let size = choices.len().div_ceil(parts);
        for from in (0..parts).rev().map(|part| part * size) {
            let mut fewer = choices.clone();
            fewer.drain(from.min(choices.len())..choices.len().min(from + size));
            if fewer.len() < choices.len() {
                attempt(&mut choices, fewer);
            }
        }
    }
    choices
}

#[test]
fn shrinking_keeps_what_fails() {
    let fails = |choices: &[usize]| {
        let fails = choices.get(3) == Some(&7) && choices.contains(&5);
        fails.then_some(choices.len() as u64)
    };
    let shrunk = shrink(vec![1, 2, 3, 7, 4, 4, 5, 6, 5, 8, 9], fails);
    assert_eq!(shrunk, [0, 0, 0, 7, 5]);
}

/// Enumerates every sequence of bounded choices, like counting in mixed radix.
#[derive(Default)]
pub(crate) struct Every {
    started: bool,
    choices: Vec<(usize, usize)>,
    /// So many choices at the beginning stay as they are.
    pinned: usize,
    position: usize,
}

impl Every {
    /// Every sequence whose first choice is this one, of so many.
    pub(crate) fn beginning(first: usize, bound: usize) -> Self {
        Self { choices: vec![(first, bound)], pinned: 1, ..Self::default() }
    }

    /// Moves to the next sequence; false when all were seen.
    pub(crate) fn next(&mut self) -> bool {
        self.position = 0;
        if !self.started {
            self.started = true;
            return true;
        }
        while self.choices.len() > self.pinned
            && let Some((value, bound)) = self.choices.pop()
        {
            if value + 1 < bound {
                self.choices.push((value + 1, bound));
                return true;
            }
        }
        false
    }

    /// The same sequence once more.
    pub(crate) fn again(&mut self) {
        self.position = 0;
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.choices.iter().map(|(value, _)| value)).finish()
    }
}

impl Choose for Every {
    fn below(&mut self, bound: usize) -> usize {
        assert!(0 < bound);
        if bound == 1 {
            return 0;
        }
        if self.position == self.choices.len() {
            self.choices.push((0, bound));
        }
        let (value, known) = self.choices[self.position];
        assert_eq!(known, bound, "the run is not deterministic");
        self.position += 1;
        value
    }
}

#[test]
fn every_sequence_comes_once() {
    let all = |mut every: Every| {
        let mut seen = vec![];
        while every.next() {
            let first = every.below(2);
            let second = if first == 0 { every.below(3) } else { every.below(1) + 9 };
            seen.push((first, second));
        }
        seen
    };
    assert_eq!(all(Every::default()), [(0, 0), (0, 1), (0, 2), (1, 9)]);
    assert_eq!(all(Every::beginning(0, 2)), [(0, 0), (0, 1), (0, 2)]);
    assert_eq!(all(Every::beginning(1, 2)), [(1, 9)]);
}
