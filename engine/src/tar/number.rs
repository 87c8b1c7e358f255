//! Numbers in a header: octal text, or base-256 where that is too short.

/// The number in `field`; blank is zero. `None` if it is none, or has more
/// than 63 bits.
///
/// Base-256 is marked by the highest bit and counts in two's complement from
/// the next one on.
pub(super) fn parse(field: &[u8]) -> Option<i64> {
    match field.first() {
        Some(first) if first & 0x80 != 0 => parse_binary(field),
        _ => parse_octal(field),
    }
}

fn parse_binary(field: &[u8]) -> Option<i64> {
    let (first, rest) = field.split_first()?;
    // The sign is the bit below the mark; carried up to the mark it makes the
    // first byte a digit like the others.
    let first = if first & 0x40 == 0 { first & 0x3f } else { first | 0x80 };
    let sign = if first & 0x80 == 0 { 0 } else { -1 };
    let mut number = i128::from(sign) << 8 | i128::from(first);
    for byte in rest {
        number = number << 8 | i128::from(*byte);
        i64::try_from(number).ok()?;
    }
    i64::try_from(number).ok()
}

/// The number in octal text; blank is zero.
pub(super) fn parse_octal(field: &[u8]) -> Option<i64> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\0');
    let start = field.iter().position(|byte| !is_blank(byte)).unwrap_or(field.len());
    let end = field.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    // What follows a NUL within is not looked at.
    let digits = field.get(start..end)?.split(|byte| *byte == 0).next()?;
    digits.iter().try_fold(0i64, |number, digit| match digit {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn octal_is_read_as_tars_have_written_it() {
        for (field, number) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"\0\x00644\0  ", Some(0o644)),
            (b"777777777777", Some(0o777_777_777_777)),
            (b"7\0junk\0\0", Some(7)),
            (b"\0\0\0\0", Some(0)),
            (b"    ", Some(0)),
            (b"", Some(0)),
            (b"+7", None),
            (b"-7", None),
            (b"8", None),
            (b"1 1", None),
            (&[b'7'; 30], None),
        ] {
            assert_eq!(parse(field), number, "{}", field.escape_ascii());
        }
    }

    #[test]
    fn base_256_reaches_as_far_as_63_bits() {
        for (field, number) in [
            (&[0x80, 0, 0, 0, 0, 0, 1, 0][..], Some(256)),
            (&[0xff; 12], Some(-1)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0], Some(-256)),
            (&[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Some(i64::MAX)),
            (&[0xff, 0xff, 0xff, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], Some(i64::MIN)),
            (&[0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0], None),
            (&[0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0], None),
            (&[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], None),
            (&[0x80], Some(0)),
            (&[0xc0], Some(-64)),
        ] {
            assert_eq!(parse(field), number, "{field:02x?}");
        }
    }

    proptest! {
        #[test]
        fn any_field_is_a_number_or_none(field in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse(&field);
        }

        #[test]
        fn numbers_read_back(number in any::<i64>()) {
            let mut field = [if number < 0 { 0xff } else { 0x80 }; 12];
            field[1..4].fill(if number < 0 { 0xff } else { 0 });
            field[4..].copy_from_slice(&number.to_be_bytes());
            prop_assert_eq!(parse(&field), Some(number));
        }
    }
}
