//! Signals by their names and numbers, as Linux has them.

/// The names from 1 on.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// Other names for some of them.
const ALIASES: [(&str, u8); 4] = [("IOT", 6), ("CLD", 17), ("POLL", 29), ("UNUSED", 31)];

/// The real-time signals that programs may use: the C library keeps two for itself.
const REAL_TIME: std::ops::RangeInclusive<u8> = 34..=64;

/// The number of the signal `text`: `SIGTERM`, `term` or `15`, `SIGRTMIN+3`.
pub fn parse_signal(text: &str) -> Option<u8> {
    if let Ok(number) = text.parse::<u8>() {
        return (1..=*REAL_TIME.end()).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(at) = NAMES.iter().position(|known| *known == name) {
        return u8::try_from(at + 1).ok();
    }
    if let Some((_, number)) = ALIASES.iter().find(|(alias, _)| *alias == name) {
        return Some(*number);
    }
    let offset = |rest: &str, sign: char| match rest {
        "" => Some(0),
        rest => rest.strip_prefix(sign)?.parse::<u8>().ok(),
    };
    let number = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(rest), _) => REAL_TIME.start().checked_add(offset(rest, '+')?),
        (_, Some(rest)) => REAL_TIME.end().checked_sub(offset(rest, '-')?),
        _ => None,
    };
    number.filter(|number| REAL_TIME.contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_many_names() {
        for text in ["15", "TERM", "SIGTERM", "sigterm", "term"] {
            assert_eq!(parse_signal(text), Some(15), "{text}");
        }
        assert_eq!(parse_signal("SYS"), Some(31));
        assert_eq!((parse_signal("RTMIN"), parse_signal("SIGRTMIN+3")), (Some(34), Some(37)));
        assert_eq!((parse_signal("RTMAX"), parse_signal("RTMAX-14")), (Some(64), Some(50)));
        for text in ["", "0", "65", "-1", "NOPE", "RTMIN-1", "RTMIN+31", "RTMIN+x", "SIG"] {
            assert_eq!(parse_signal(text), None, "{text}");
        }
    }
}
