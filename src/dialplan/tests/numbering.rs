//! The numbering plan as tables.

use crate::dialplan::numbering::{BUILT_IN, Class, EMERGENCY, Numbering};

#[test]
fn the_built_in_plan_is_readable_and_knows_each_class() {
    let plan = Numbering::parse(BUILT_IN).unwrap();
    for (number, class) in [
        ("15", Class::Emergency),
        ("116117", Class::Emergency),
        ("116006", Class::ShortFree),
        ("3006", Class::ShortFree),
        ("3008", Class::ShortPremium),
        ("3169", Class::ShortFree),
        ("3170", Class::ShortPremium),
        ("3180", Class::ShortFree),
        ("3200", Class::ShortPremium),
        ("3949", Class::ShortPremium),
        ("1023", Class::ShortFree),
        ("118218", Class::Directory),
        ("0800000001", Class::TollFree),
        ("0806000001", Class::Special),
        ("0820000001", Class::Special),
        ("0899000001", Class::Premium),
        ("0199000001", Class::Geographic),
        ("0536490001", Class::Geographic),
        ("0639980001", Class::Mobile),
        ("0980980911", Class::Voip),
        ("0692000001", Class::Overseas),
        ("0590000001", Class::Overseas),
    ] {
        assert_eq!(plan.national(number).map(|(_, c)| c), Some(class), "{number}");
    }
    for (number, class) in [
        ("+442079460000", Class::Foreign),
        ("00376123456", Class::Foreign),
        ("0088213000001", Class::Satellite),
        ("+88312345678", Class::Satellite),
        ("+33899000001", Class::Premium),
        ("0033639980001", Class::Mobile),
        ("+262692000001", Class::Overseas),
        ("+33692000001", Class::Overseas),
    ] {
        assert_eq!(plan.international(number).map(|(_, c)| c), Some(class), "{number}");
    }
}

#[test]
fn what_is_no_number_has_no_class() {
    let plan = Numbering::default();
    for number in [
        "",
        "1",
        "12",
        "61",
        "999",
        "06",
        "063998000",
        "06399800011",
        "0830000001",
        "0088213000001",
        "639980001",
        "+33639980001",
        "2000",
        "4000",
        "118",
        "11821",
        "011821800a",
    ] {
        assert_eq!(plan.national(number), None, "{number}");
    }
    for number in [
        "",
        "+",
        "00",
        "+33",
        "+3315",
        "+33112",
        "+330639980001",
        "+0639980001",
        "000442079460000",
        "+44",
        "+4420794600001234",
        "0639980001",
        "+33+639980001",
    ] {
        assert_eq!(plan.international(number), None, "{number}");
    }
}

#[test]
fn a_file_can_add_an_emergency_number_but_take_none_away() {
    let plan = Numbering::parse(&BUILT_IN.replace("emergency = [", "emergency = [\"113\"] # [")).unwrap();
    assert!(EMERGENCY.iter().all(|n| plan.is_emergency(n)) && plan.is_emergency("113"));
}

#[test]
fn a_bad_file_is_refused_at_its_place() {
    for (from, to) in [("\"3000-3007\"", "\"3007-3000\""), ("\"089\"", "\"08x\""), ("voip =", "voix =")] {
        let error = Numbering::parse(&BUILT_IN.replace(from, to)).unwrap_err();
        assert!(error.at.is_some(), "{error}");
    }
}
