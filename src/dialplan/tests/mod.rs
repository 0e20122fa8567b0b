//! RULES 7 as tables and as properties.

mod numbering;

use proptest::prelude::*;

use super::numbering::{Class, EMERGENCY};
use super::route::{Decision, Kind, NumberFormat, Refusal, permit_for_number, route};
use super::rules::{Allow, Code, Rules};
use crate::domain::call::Extension;
use crate::domain::number::E164;

fn rules() -> Rules {
    Rules { extensions: ["11", "12", "13"].map(|e| Extension(e.to_owned())).to_vec(), ..Rules::default() }
}

fn dial_by(digits: &str, rules: &Rules) -> Decision {
    route(digits, &Extension("11".to_owned()), rules)
}

fn dial(digits: &str) -> Decision {
    dial_by(digits, &rules())
}

/// The number on the wire and whether the keypad is open.
fn wire(decision: &Decision) -> Option<(String, bool)> {
    decision.permit().map(|p| (p.number_on_wire(NumberFormat::National, ""), p.keypad_open()))
}

#[test]
fn outside_numbers_reach_the_trunk_without_what_was_dialled_around_them() {
    for (digits, expected, keypad) in [
        ("00639980001", "0639980001", false),
        ("0639980001", "0639980001", false),
        ("+33639980001", "0639980001", false),
        ("0033639980001", "0639980001", false),
        ("0+33639980001", "0639980001", false),
        ("00033639980001", "0639980001", false),
        ("3006", "3006", false),
        ("03006", "3006", false),
        ("610639980001", "0639980001", true),
        ("6100639980001", "0639980001", true),
        ("0610639980001", "0639980001", true),
        ("61+33639980001", "0639980001", true),
        ("1023", "1023", false),
        ("3631", "3631", false),
        ("613631", "3631", true),
        ("0613631", "3631", true),
        ("6103631", "3631", true),
        ("0692000001", "0692000001", false),
        ("0980980911", "0980980911", false),
        ("0820000001", "0820000001", false),
        ("0639980001#", "0639980001", false),
        ("00639980001%23", "0639980001", false),
        ("116006", "116006", false),
        // Ten digits are whole as they stand, whatever they begin with.
        ("0112345678", "0112345678", false),
        ("0610000000", "0610000000", false),
        ("0150000001", "0150000001", false),
        ("0180000001", "0180000001", false),
        ("0191000001", "0191000001", false),
        ("0196000001", "0196000001", false),
        // 0 and a valid ten-digit number wins over 00 and a country.
        ("00112345678", "0112345678", false),
    ] {
        let decision = dial(digits);
        assert!(matches!(decision.kind, Kind::Outside(_)), "{digits}: {decision:?}");
        assert_eq!(wire(&decision), Some((expected.to_owned(), keypad)), "{digits}");
    }
}

#[test]
fn what_is_refused_says_why_and_by_which_status() {
    for (digits, status) in [
        ("0899000001", 403),
        ("00899000001", 403),
        ("118218", 403),
        ("0118218", 403),
        ("3200", 403),
        ("03200", 403),
        ("3008", 403),
        ("00442079460000", 403),
        ("000442079460000", 403),
        ("+442079460000", 403),
        ("0088213000001", 403),
        ("0088313000001", 403),
        ("00376123456", 403),
        ("000376123456", 403),
        ("6100376123456", 403),
        ("0033899000001", 403),
        ("+33892000001", 403),
        ("61", 404),
        ("061", 404),
        ("610", 404),
        ("*55x", 404),
        ("*00", 404),
        ("*", 404),
        ("*90#", 404),
        ("*98", 404),
        ("999", 404),
        ("063998000", 404),
        ("639980001", 404),
        ("06399800", 404),
        ("06abc", 404),
        ("0", 404),
        ("", 404),
        ("#", 404),
        ("##", 404),
        ("06399800011", 404),
        ("6139980001", 404),
        ("0639980001;x", 404),
        ("0639980001@x", 404),
        ("06 39 98 00 01", 404),
        ("0639+980001", 404),
        ("000639980001", 403),
        ("0000639980001", 404),
        ("61610639980001", 404),
        ("33639980001", 404),
        ("0830000001", 404),
        ("01*2", 404),
        ("０６", 404),
        ("00112", 404),
        ("014", 404),
        ("14", 404),
        ("0012", 404),
    ] {
        let decision = dial(digits);
        let Kind::Refused(refusal) = &decision.kind else { panic!("{digits}: {decision:?}") };
        assert_eq!(refusal.status(), status, "{digits}: {refusal:?}");
        assert!(decision.reason().is_some() && !decision.steps.is_empty());
    }
    assert!(matches!(dial(&"1".repeat(33)).kind, Kind::Refused(Refusal::Grammar)));
    assert_eq!(dial("61").kind, Kind::Refused(Refusal::KeypadAlone));
    assert_eq!(dial("0899000001").class(), Some(Class::Premium));
    assert_eq!(dial("639980001").reason().unwrap(), "Il manque le 0 : 06 39 98 00 01 ?");
}

#[test]
fn a_setting_opens_a_bar_and_the_satellite_networks_only_number_by_number() {
    let mut open = rules();
    open.dialling.premium = true;
    open.dialling.foreign = true;
    for (digits, expected) in [
        ("0899000001", "0899000001"),
        ("118218", "118218"),
        ("3200", "3200"),
        ("00442079460000", "00442079460000"),
        ("00376123456", "00376123456"),
    ] {
        assert_eq!(wire(&dial_by(digits, &open)).unwrap().0, expected);
    }
    assert!(dial_by("0088213000001", &open).permit().is_none());
    let mut some = rules();
    some.dialling.allow = Allow::read(["118218", "08 99 00 00 01", "+88213000001", "0044 20 7946 0000"]).unwrap();
    for digits in ["118218", "0899000001", "0088213000001", "00442079460000"] {
        assert!(dial_by(digits, &some).permit().is_some(), "{digits}");
    }
    for digits in ["118000", "0899000002", "3631", "00442079460001"] {
        assert!(dial_by(digits, &some).permit().is_none(), "{digits}");
    }
    assert_eq!(Allow::read(["3631", "trois"]), Err("trois"));
}

#[test]
fn another_outside_digit_leaves_the_emergency_numbers_their_0() {
    let mut nine = rules();
    nine.dialling.outside = "9".to_owned();
    assert_eq!(wire(&dial_by("90639980001", &nine)).unwrap().0, "0639980001");
    assert_eq!(wire(&dial_by("9610639980001", &nine)).unwrap(), ("0639980001".to_owned(), true));
    for digits in ["15", "015", "915", "96115", "61915", "61015"] {
        assert!(matches!(dial_by(digits, &nine).kind, Kind::Emergency(_)), "{digits}");
    }
}

#[test]
fn codes_and_extensions() {
    for (digits, code) in [
        ("*90", Code::NextCallback),
        ("*91", Code::OpenClose),
        ("*92", Code::DoNotDisturb),
        ("*97", Code::AudioTest),
        ("*983", Code::RecordPrompt(3)),
        ("*9808", Code::RecordPrompt(8)),
    ] {
        assert_eq!(dial(digits).kind, Kind::Code(code), "{digits}");
    }
    let codes = rules().codes;
    for (digits, code) in [("*55", Some(55)), ("*01", Some(1)), ("*89", Some(89)), ("*00", None), ("*93", None)] {
        assert_eq!(codes.read(digits), code.map(Code::SpeedDial), "{digits}");
    }
    // nobody stands in this directory
    for digits in ["*55", "*93", "*1", "*123", "*980", "*989", "*9812", "0*90", "61*90"] {
        assert!(matches!(dial(digits).kind, Kind::Refused(_)), "{digits}");
    }
    assert_eq!(dial("12").kind, Kind::Extension(Extension("12".to_owned())));
    assert_eq!(dial("12#").kind, Kind::Extension(Extension("12".to_owned())));
    assert!(matches!(dial("012").kind, Kind::Refused(_)));
    assert!(matches!(dial("14").kind, Kind::Refused(Refusal::Unknown)));
}

#[test]
fn numbers_are_written_as_each_trunk_wants_them() {
    let cases = [
        ("0639980001", ["0639980001", "+33639980001", "0033639980001"]),
        ("0692000001", ["0692000001", "+262692000001", "00262692000001"]),
        ("3006", ["3006", "3006", "3006"]),
        ("15", ["15", "15", "15"]),
        ("+442079460000", ["00442079460000", "+442079460000", "00442079460000"]),
    ];
    let mut open = rules();
    open.dialling.foreign = true;
    for (digits, wanted) in cases {
        let decision = dial_by(digits, &open);
        let permit = decision.permit().unwrap();
        let written = [NumberFormat::National, NumberFormat::E164, NumberFormat::DoubleZero].map(|f| permit.number_on_wire(f, ""));
        assert_eq!(written, wanted);
        assert_eq!(permit.number_on_wire(NumberFormat::National, "0"), format!("0{}", wanted[0]));
        assert!(permit.number_on_wire(NumberFormat::E164, "0").bytes().all(|b| b.is_ascii_digit()));
    }
    assert_eq!(dial("3949").permit().unwrap().called().display(), "3949");
    assert_eq!(dial("0639980001").permit().unwrap().called().number().map(E164::as_str), Some("+33639980001"));
}

#[test]
fn a_number_of_the_records_meets_the_same_bars() {
    let from = Extension("12".to_owned());
    let number = |text| E164::parse_national_or_international(text).unwrap();
    let permit = permit_for_number(&number("0639980001"), &from, &rules()).unwrap();
    assert_eq!((permit.from(), permit.class(), permit.keypad_open(), permit.is_emergency()), (&from, Class::Mobile, false, false));
    // 01 12 34 56 78 is never read as digits again.
    assert_eq!(permit_for_number(&number("0112345678"), &from, &rules()).unwrap().number(), "+33112345678");
    assert_eq!(permit_for_number(&number("0899000001"), &from, &rules()), Err(Refusal::Barred(Class::Premium)));
    assert_eq!(permit_for_number(&number("+442079460000"), &from, &rules()), Err(Refusal::Barred(Class::Foreign)));
    assert_eq!(permit_for_number(&number("0830000001"), &from, &rules()), Err(Refusal::Unknown));
}

#[test]
fn every_emergency_number_with_and_without_0_and_61() {
    for number in EMERGENCY {
        for prefix in ["", "0", "61", "061", "610"] {
            for suffix in ["", "#", "%23"] {
                let decision = dial(&format!("{prefix}{number}{suffix}"));
                let Kind::Emergency(permit) = &decision.kind else { panic!("{prefix}{number}: {decision:?}") };
                assert!(permit.is_emergency());
                assert_eq!(permit.number_on_wire(NumberFormat::E164, ""), number);
            }
        }
    }
    // Ten digits that begin like one are not one.
    for digits in ["0112345678", "0150000001", "0170000001", "0115000001"] {
        assert!(matches!(dial(digits).kind, Kind::Outside(_)), "{digits}");
    }
}

proptest! {
    /// No setting of the agency takes an emergency number away.
    #[test]
    fn emergency_wins_over_every_setting(i in 0..EMERGENCY.len(), prefix in 0..4usize, outside in "[02-9]", premium: bool, extensions in proptest::collection::vec("[0-9]{2,6}", 0..4)) {
        let mut rules = rules();
        rules.dialling.outside = outside.clone();
        rules.dialling.premium = premium;
        rules.dialling.allow = Allow::default();
        rules.extensions.extend(extensions.into_iter().map(Extension));
        let prefix = [String::new(), "0".to_owned(), format!("61{outside}"), format!("{outside}61")][prefix].clone();
        let decision = dial_by(&format!("{prefix}{}", EMERGENCY[i]), &rules);
        prop_assert!(matches!(decision.kind, Kind::Emergency(_)), "{:?}", decision);
    }

    #[test]
    fn nothing_outside_the_grammar_gives_a_permit(before in "[0-9*#+]{0,12}", bad in "[^0-9*#+]", after in "[0-9*#+]{0,12}") {
        let text = format!("{before}{bad}{after}");
        prop_assume!(!text.ends_with("%23"));
        prop_assert_eq!(dial(&text).kind, Kind::Refused(Refusal::Grammar));
    }

    /// Whatever is dialled, the wire carries digits alone, or one plus sign before them.
    #[test]
    fn the_wire_carries_digits_alone(text in "[0-9*#+]{0,40}", premium: bool, foreign: bool) {
        let mut rules = rules();
        rules.dialling.premium = premium;
        rules.dialling.foreign = foreign;
        let decision = dial_by(&text, &rules);
        prop_assert!(!decision.steps.is_empty());
        if let Some(permit) = decision.permit() {
            for format in [NumberFormat::National, NumberFormat::E164, NumberFormat::DoubleZero] {
                let wire = permit.number_on_wire(format, "");
                let digits = wire.strip_prefix('+').unwrap_or(&wire);
                prop_assert!((2..=17).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()), "{}", wire);
                // What was dialled ends with it: nothing is invented.
                prop_assert!(text.trim_end_matches('#').ends_with(&digits[digits.len().saturating_sub(6)..]));
            }
            prop_assert!(foreign || permit.class() != Class::Foreign);
            prop_assert!(permit.class() != Class::Satellite);
        }
    }

    #[test]
    fn no_text_panics(text in ".{0,64}") {
        let decision = dial(&text);
        prop_assert!(!decision.word().is_empty());
    }
}
