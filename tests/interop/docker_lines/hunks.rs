//! Where two texts differ.

/// Lines of one text that stand where the other has others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    pub docker: Vec<String>,
    pub larder: Vec<String>,
}

/// The places where two lists of lines differ, by their longest common subsequence.
pub fn between(docker: &[String], larder: &[String]) -> Vec<Hunk> {
    // How many lines the ends from here have in common.
    let mut common = vec![vec![0_usize; larder.len() + 1]; docker.len() + 1];
    for (at, line) in docker.iter().enumerate().rev() {
        for (other, theirs) in larder.iter().enumerate().rev() {
            common[at][other] = if line == theirs {
                common[at + 1][other + 1] + 1
            } else {
                common[at + 1][other].max(common[at][other + 1])
            };
        }
    }
    let mut hunks = Vec::new();
    let mut hunk = Hunk { docker: Vec::new(), larder: Vec::new() };
    let (mut at, mut other) = (0, 0);
    while at < docker.len() || other < larder.len() {
        if at < docker.len() && other < larder.len() && docker[at] == larder[other] {
            if !hunk.docker.is_empty() || !hunk.larder.is_empty() {
                hunks.push(std::mem::replace(&mut hunk, Hunk { docker: Vec::new(), larder: Vec::new() }));
            }
            (at, other) = (at + 1, other + 1);
        } else if other == larder.len() || at < docker.len() && common[at + 1][other] >= common[at][other + 1]
        {
            hunk.docker.push(docker[at].clone());
            at += 1;
        } else {
            hunk.larder.push(larder[other].clone());
            other += 1;
        }
    }
    if !hunk.docker.is_empty() || !hunk.larder.is_empty() {
        hunks.push(hunk);
    }
    hunks
}

#[test]
fn a_hunk_is_what_one_has_and_the_other_has_not() {
    let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let hunk = |docker: &str, larder: &str| Hunk {
        docker: docker.split_whitespace().map(str::to_owned).collect(),
        larder: larder.split_whitespace().map(str::to_owned).collect(),
    };
    assert_eq!(between(&lines("a b c"), &lines("a b c")), []);
    assert_eq!(between(&lines("a b c"), &lines("a x y c z")), [hunk("b", "x y"), hunk("", "z")]);
}
