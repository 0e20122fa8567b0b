//! What strangers write into a call's display name is text on every page: no dialog, no error, no request, no element of theirs.

use crate::agency::{A_MOMENT, agency};
use crate::stage::SOON;

/// Names as a caller can put them into a display name, without the quotes that would end it.
const NAMES: [&str; 8] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "</strong></li><svg onload=alert(3)>",
    "{{7*7}} ${alert(4)} {% raise %}",
    "' onfocus='alert(5)' autofocus='",
    "javascript:alert(6)",
    "<form hx-post=/logout hx-trigger=load>",
    "&lt;b&gt;&#x3c;i&#x3e;",
];

#[test]
fn a_hostile_display_name_is_text_wherever_it_is_shown() {
    let Some(agency) = agency("") else { return };
    agency.nobody_answers();
    let screen = agency.screen("MEL");
    for (n, name) in NAMES.iter().enumerate() {
        let caller = agency.calls_as(&format!("063998020{n}"), name);
        caller.cancel(None);
        assert!(caller.wait_ended(SOON));
    }
    screen.until("all of them", &format!("document.querySelectorAll('.rappel').length === {}", NAMES.len()));
    std::thread::sleep(A_MOMENT);
    nothing_of_theirs(&screen);
    // and what a person pasted into a field of ours
    for (n, name) in NAMES.iter().enumerate() {
        agency.note(&format!("063998030{n}"), name);
    }
    screen.until("all of those", &format!("document.querySelectorAll('.rappel').length === {}", 2 * NAMES.len()));
    let shown = screen.value("[...document.querySelectorAll('[id^=qui-]')].map((e) => e.textContent)");
    for name in NAMES {
        assert!(shown.as_array().unwrap().iter().any(|text| text == name), "{name} is not shown as it is: {shown}");
    }
    nothing_of_theirs(&screen);
    for path in
        ["/?vue=tous", "/appels", "/?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E&vue=tous", "/appels?numero=%22%3E%3Csvg%20onload%3Dalert(1)%3E"]
    {
        screen.go(path);
        screen.ready();
        std::thread::sleep(A_MOMENT);
        nothing_of_theirs(&screen);
    }
}

fn nothing_of_theirs(screen: &crate::screen::Screen) {
    assert!(!screen.has("main svg, main img, main script, [onfocus], [onerror], [hx-trigger=load]"), "{}", screen.words());
    assert_eq!(screen.value("location.pathname === '/login'"), false, "signed out by a name");
    screen.quiet();
}
