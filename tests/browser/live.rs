//! What happens on the line is on the screen by itself: on every screen, in a tab that lies behind, in many tabs, and after a gap.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::agency::{Agency, agency};
use crate::look::{DARK, LIGHT, Look, NARROW};
use crate::screen::Screen;
use crate::stage::{ONE, SOON, TWO};

/// Calls that are measured.
const MEASURED: u32 = 20;
/// A tab that lies behind may be slowed down by the browser.
const BEHIND: Duration = Duration::from_secs(10);
/// More than the connections that a browser makes to one host over HTTP/1.1.
const TABS: usize = 7;

fn row(number: &str) -> String {
    format!(".rappel a[href='tel:+33{}']", &number[1..])
}

#[test]
fn a_call_that_gives_up_stands_on_the_screen_by_itself_in_light_dark_and_on_a_telephone() {
    let Some(agency) = agency("") else { return };
    agency.nobody_answers();
    let screen = agency.screen("MEL");
    screen.until("the empty queue", "document.querySelector('#vide')?.innerText.includes('Rien à rappeler')");
    for (n, look) in [LIGHT, DARK, NARROW].into_iter().enumerate() {
        screen.look(look);
        let number = format!("063998000{}", n + 1);
        agency.gives_up(&number);
        screen.until(&format!("the call in {}", look.name), &format!("document.querySelector({:?})?.checkVisibility()", row(&number)));
        assert_eq!(screen.text(&row(&number)).unwrap(), format!("06 39 98 00 0{}", n + 1));
        assert!(screen.holds(&format!("document.title.startsWith('({}) ')", n + 1)), "{}", screen.words());
        in_sight(&screen, &row(&number), look);
    }
    screen.quiet();
}

/// What is new can be read where the page stands, without scrolling to the side.
fn in_sight(screen: &Screen, css: &str, look: Look) {
    let box_of = format!(
        "(() => {{ const b = document.querySelector({css:?}).getBoundingClientRect(); return b.left >= 0 && b.right <= innerWidth; }})()"
    );
    assert!(screen.holds(&box_of), "{}: beside the screen", look.name);
}

#[test]
fn from_the_callers_last_word_to_the_screen() {
    let Some(agency) = agency("") else { return };
    agency.nobody_answers();
    let screen = agency.screen("MEL");
    screen.js("window.arrived = {};
        new MutationObserver(() => document.querySelectorAll('.rappel .numero a').forEach((a) => (window.arrived[a.href] ??= Date.now())))
            .observe(document.body, { childList: true, subtree: true });");
    let mut times: Vec<u128> = (1..=MEASURED).map(|n| from_cancel_to_screen(&agency, &screen, &format!("06399801{n:02}"))).collect();
    times.sort_unstable();
    let (half, most) = (times[times.len() / 2], times[times.len() * 95 / 100]);
    println!(
        "from the caller's CANCEL to the screen, {MEASURED} calls: p50 {half} ms, p95 {most} ms, longest {} ms",
        times[times.len() - 1]
    );
    assert!(times.iter().all(|ms| *ms < SOON.as_millis()), "{times:?}");
}

fn from_cancel_to_screen(agency: &Agency, screen: &Screen, number: &str) -> u128 {
    let caller = agency.calls(number);
    let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    caller.cancel(None);
    let seen = format!("window.arrived['tel:+33{}']", &number[1..]);
    screen.until("the call", &seen);
    u128::from(screen.value(&seen).as_u64().unwrap()).saturating_sub(start)
}

#[test]
fn what_is_done_on_one_screen_leaves_the_other_and_comes_back_with_undo() {
    let Some(agency) = agency("") else { return };
    let id = agency.note(ONE, "Mme Essai");
    agency.note(TWO, "M. Exemple");
    let (mine, theirs) = (agency.screen("MEL"), agency.screen("MO"));
    let here = format!("#rappel-{id}");
    for screen in [&mine, &theirs] {
        screen.until("the row", &format!("document.querySelector({here:?})"));
    }
    mine.click(&format!("{here} .fait"));
    for screen in [&mine, &theirs] {
        screen.until("it is gone", &format!("!document.querySelector({here:?})"));
    }
    mine.reads("#toast", "Rappel de Mme Essai terminé.");
    assert!(!theirs.shows("#toast"), "another person's undo");
    assert_eq!(agency.callback(id)["state"], "done");
    mine.click("#toast button");
    for screen in [&mine, &theirs] {
        screen.until("it is back", &format!("document.querySelector({here:?})?.checkVisibility()"));
    }
    assert_eq!(agency.callback(id)["state"], "open");
    mine.quiet();
    theirs.quiet();
}

#[test]
fn the_toast_leaves_after_ten_seconds_and_not_before() {
    let Some(agency) = agency("") else { return };
    let id = agency.note(ONE, "Mme Essai");
    let screen = agency.screen("MEL");
    // before the toast, so that no late look takes anything from its time
    let start = Instant::now();
    screen.click(&format!("#rappel-{id} .fait"));
    screen.until("the toast", "document.querySelector('#toast button')?.checkVisibility()");
    screen.within(Duration::from_secs(15), "the toast leaves", "!document.querySelector('#toast')?.checkVisibility()");
    assert!(start.elapsed() >= Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn a_tab_that_lies_behind_is_up_to_date() {
    let Some(agency) = agency("") else { return };
    agency.nobody_answers();
    let screen = agency.screen("MEL");
    let behind = screen.tab();
    let other = screen.new_tab("/healthz");
    agency.gives_up(ONE);
    // looked at without bringing it to the front: its title is what the browser shows of it
    let title = || {
        let targets = screen.devtools("Target.getTargets", serde_json::json!({}));
        targets["targetInfos"].to_string()
    };
    let end = Instant::now() + BEHIND;
    while !title().contains("(1) ") {
        assert!(Instant::now() < end, "the tab behind does not count: {}", title());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_ne!(other, behind);
    screen.front(&behind);
    assert!(screen.has(&row(ONE)), "{}", screen.words());
}

#[test]
fn seven_open_tabs_all_follow_and_none_hangs() {
    let Some(agency) = agency("") else { return };
    agency.nobody_answers();
    let screen = agency.screen("MEL");
    let mut tabs = vec![screen.tab()];
    for _ in 1..TABS {
        tabs.push(screen.new_tab("/"));
        screen.ready();
    }
    agency.gives_up(ONE);
    for tab in &tabs {
        screen.front(tab);
        screen.until("the call in every tab", &format!("document.querySelector({:?})", row(ONE)));
    }
    // and a form of the last one is still answered
    screen.click(".rappel .fait");
    for tab in &tabs {
        screen.front(tab);
        screen.until("done in every tab", &format!("!document.querySelector({:?})", row(ONE)));
    }
    screen.quiet();
}

#[test]
fn a_part_that_cannot_be_read_stays_as_it_is_and_is_read_again() {
    let Some(agency) = agency("") else { return };
    agency.note(ONE, "Mme Essai");
    let screen = agency.screen("MEL");
    screen.until("the row", &format!("document.querySelector({:?})", row(ONE)));
    screen.js("window.well = window.fetch; window.refused = 0;
        window.fetch = (...asked) => { window.refused += 1; return Promise.resolve(new Response('{}', { status: 503 })); };");
    agency.note(TWO, "M. Exemple");
    screen.until("the list was asked for", "window.refused > 0");
    std::thread::sleep(Duration::from_millis(200));
    assert!(screen.shows(&row(ONE)) && screen.has("#ligne") && screen.has("#appel2"), "{}", screen.words());
    screen.js("window.fetch = window.well");
    agency.note("0639980003", "Mme Suivante");
    screen.until("both", "document.querySelectorAll('.rappel').length === 3");
    screen.quiet();
}

#[test]
fn the_title_counts_what_is_left_on_the_list_of_calls_too() {
    let Some(agency) = agency("") else { return };
    let id = agency.note(ONE, "Mme Essai");
    let screen = agency.screen("MEL");
    screen.go("/appels");
    screen.until("one", "document.title.startsWith('(1) ')");
    screen.ready();
    assert_eq!(agency.post(&format!("/api/callbacks/{id}/close"), &serde_json::json!({ "outcome": "reached" })).status, 200);
    screen.until("none", "document.title.startsWith('Appels')");
    // a part without a count of its own is read again: it brings no old number back
    screen.js("document.querySelector('#ligne').dispatchEvent(new CustomEvent('htmx:after:swap', { bubbles: true }))");
    assert!(screen.holds("document.title.startsWith('Appels')"), "{}", screen.words());
    screen.quiet();
}

#[test]
fn after_a_gap_everything_that_was_missed_is_there() {
    let Some(mut agency) = agency("") else { return };
    agency.nobody_answers();
    let screen = agency.screen("MEL");
    let rings = agency.calls(ONE);
    agency.scene.service.kill();
    screen.until("the link is said to be lost", "document.querySelector('#coupure')?.checkVisibility()");
    assert!(screen.text("#coupure").unwrap().contains("les appels passent toujours"));
    assert!(screen.holds("[...document.querySelectorAll('main button')].every((b) => b.disabled)"));
    agency.scene.service.serve().unwrap();
    screen.within(BEHIND, "the link is back", "!document.querySelector('#coupure').checkVisibility()");
    screen.within(BEHIND, "the call that was cut, without a reload", &format!("document.querySelector({:?})?.checkVisibility()", row(ONE)));
    assert!(screen.holds("[...document.querySelectorAll('main button')].every((b) => !b.disabled)"));
    drop(rings);
}
