//! Names and IDs of containers.

use crate::catalog::ContainerId;

/// Why a text is no name for a container, in Docker's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")]
pub struct NameError {
    /// The text.
    pub name: String,
}

/// The name without a slash in front, which Docker's API puts there.
///
/// # Errors
/// If it is not `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
pub fn check_name(name: &str) -> Result<&str, NameError> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let mut bytes = bare.bytes();
    let starts_well = bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let goes_on_well = bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    match starts_well && goes_on_well && bare.len() > 1 {
        true => Ok(bare),
        false => Err(NameError { name: name.to_owned() }),
    }
}

/// A new container's ID. One whose first digits would read as a number is
/// passed over: as a host name it would be taken for an address.
pub fn new_id() -> ContainerId {
    loop {
        let id = ContainerId(random());
        if id.short().bytes().any(|digit| !digit.is_ascii_digit()) {
            return id;
        }
    }
}

/// A name for a container that was given none: an adjective and the surname of
/// somebody who found something out. After the first `attempt` with a digit behind
/// it, as more and more of them are taken.
pub fn new_name(attempt: usize) -> String {
    let [a, b, c, d, e, ..] = random();
    let pick = |list: &[&'static str], high: u8, low: u8| {
        let number = usize::from(u16::from_be_bytes([high, low]));
        list.get(number % list.len().max(1)).copied().unwrap_or_default()
    };
    let name = format!("{}_{}", pick(ADJECTIVES, a, b), pick(SURNAMES, c, d));
    if attempt == 0 { name } else { format!("{name}{}", e % 10) }
}

/// Random bytes: unique, not secret. The kernel's where it has them, which is
/// everywhere; else those that the standard library seeds its maps with.
fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    let got = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    if got == Ok(bytes.len()) {
        return bytes;
    }
    use std::hash::{BuildHasher, Hasher, RandomState};
    for part in bytes.chunks_mut(8) {
        part.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
    }
    bytes
}

const ADJECTIVES: &[&str] = &[
    "able", "agile", "airy", "amber", "ample", "apt", "ardent", "artful", "astute", "autumn", "avid",
    "balmy", "bold", "brave", "breezy", "bright", "brisk", "calm", "candid", "careful", "cheery", "civil",
    "clear", "clever", "coastal", "copper", "cosmic", "cosy", "crisp", "curious", "daring", "deft",
    "devoted", "distant", "dreamy", "eager", "early", "earnest", "easy", "elegant", "exact", "fair",
    "faithful", "famous", "fearless", "festive", "fine", "fluent", "fond", "frank", "fresh", "friendly",
    "frosty", "gentle", "genuine", "gifted", "glad", "golden", "graceful", "grand", "hardy", "hearty",
    "helpful", "honest", "hopeful", "humble", "idle", "jolly", "joyful", "keen", "kind", "lasting", "lively",
    "lofty", "loyal", "lucid", "lucky", "lunar", "mellow", "merry", "mighty", "mild", "modest", "moonlit",
    "neat", "nimble", "noble", "patient", "peaceful", "placid", "playful", "plucky", "polite", "proud",
    "prudent", "quick", "quiet", "radiant", "rapid", "ready", "robust", "rosy", "rustic", "serene", "sharp",
    "shining", "silent", "silver", "sincere", "sleepy", "snowy", "solar", "solid", "spirited", "stately",
    "steady", "stellar", "sturdy", "subtle", "sunny", "supple", "sure", "swift", "tender", "thankful",
    "thrifty", "tidy", "tranquil", "trusty", "upbeat", "valiant", "vivid", "warm", "watchful", "wise",
    "witty", "zealous", "zesty",
];

const SURNAMES: &[&str] = &[
    "abel",
    "agnesi",
    "alhazen",
    "ampere",
    "anning",
    "archimedes",
    "arrhenius",
    "aryabhata",
    "avogadro",
    "babbage",
    "banach",
    "bardeen",
    "bassi",
    "becquerel",
    "bell",
    "bernoulli",
    "bessel",
    "blackburn",
    "bohr",
    "boltzmann",
    "bose",
    "boyle",
    "brahe",
    "brahmagupta",
    "cannon",
    "cantor",
    "carson",
    "cauchy",
    "cavendish",
    "celsius",
    "chandrasekhar",
    "charpentier",
    "chebyshev",
    "church",
    "copernicus",
    "cori",
    "coulomb",
    "curie",
    "dalton",
    "darwin",
    "davy",
    "dedekind",
    "descartes",
    "dijkstra",
    "dirac",
    "doppler",
    "easley",
    "eddington",
    "einstein",
    "elion",
    "engelbart",
    "erdos",
    "euclid",
    "euler",
    "faraday",
    "fermat",
    "fermi",
    "feynman",
    "fibonacci",
    "fleming",
    "foucault",
    "fourier",
    "franklin",
    "fraunhofer",
    "fresnel",
    "galileo",
    "galois",
    "galvani",
    "gauss",
    "germain",
    "gibbs",
    "godel",
    "goeppert",
    "goodall",
    "haber",
    "hahn",
    "halley",
    "hamilton",
    "heaviside",
    "heisenberg",
    "helmholtz",
    "henry",
    "herschel",
    "hertz",
    "hilbert",
    "hodgkin",
    "hooke",
    "hopper",
    "hubble",
    "humboldt",
    "huygens",
    "hypatia",
    "jackson",
    "jacobi",
    "johnson",
    "joule",
    "kelvin",
    "kepler",
    "khorana",
    "khwarizmi",
    "kirchhoff",
    "kleene",
    "kolmogorov",
    "kovalevskaya",
    "lagrange",
    "lamarr",
    "lamport",
    "laplace",
    "lavoisier",
    "leavitt",
    "leibniz",
    "linnaeus",
    "liskov",
    "lorentz",
    "lovelace",
    "mach",
    "markov",
    "maxwell",
    "mcclintock",
    "meitner",
    "mendel",
    "mendeleev",
    "michelson",
    "millikan",
    "minkowski",
    "mirzakhani",
    "napier",
    "neumann",
    "newton",
    "nightingale",
    "nobel",
    "noether",
    "oersted",
    "ohm",
    "oppenheimer",
    "ostrom",
    "pascal",
    "pasteur",
    "pauli",
    "pauling",
    "payne",
    "peano",
    "perlman",
    "planck",
    "poincare",
    "poisson",
    "priestley",
    "ptolemy",
    "pythagoras",
    "ramanujan",
    "raman",
    "rayleigh",
    "riemann",
    "ritchie",
    "rontgen",
    "rubin",
    "rutherford",
    "sagan",
    "salk",
    "schrodinger",
    "shannon",
    "snell",
    "somerville",
    "stokes",
    "tesla",
    "thales",
    "thomson",
    "torricelli",
    "turing",
    "varahamihira",
    "vaughan",
    "volta",
    "wallace",
    "watt",
    "weber",
    "weierstrass",
    "wiles",
    "wu",
    "yalow",
    "yonath",
    "young",
    "zuse",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_docker_s() {
        for name in ["ab", "a1", "0_", "web.1-x", "/web"] {
            assert_eq!(check_name(name), Ok(name.trim_start_matches('/')), "{name}");
        }
        for name in ["", "a", "_a", "-a", "a b", "b@d", "é1", "a/b", "//ab", "/"] {
            let told = format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
            assert_eq!(check_name(name).unwrap_err().to_string(), told);
        }
    }

    #[test]
    fn names_that_are_made_up_are_names() {
        for list in [ADJECTIVES, SURNAMES] {
            let mut once = list.to_vec();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), list.len(), "no word twice");
            assert!(list.len() > 100 && list.iter().all(|word| check_name(word).is_ok()));
        }
        let name = new_name(0);
        let (adjective, surname) = name.split_once('_').unwrap();
        assert!(ADJECTIVES.contains(&adjective) && SURNAMES.contains(&surname), "{name}");
        assert!(new_name(1).ends_with(|c: char| c.is_ascii_digit()));
        assert_ne!(new_id(), new_id());
    }
}
