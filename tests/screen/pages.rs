//! The pages as they are read without a script, and their forms as they are sent without one.

use rappel::domain::callback::{CallResult, Callback, CallbackId, CallbackState, Fields, Mark, Source};
use rappel::domain::status::{LiveCall, LiveState, SecondCall};
use rappel::switchboard::effect::Answer as Said;
use rappel::switchboard::input::CallbackCommand;

use super::*;

/// A missed call of id minutes after the beginning of time, promised for half an hour later.
pub fn callback(id: i64) -> Callback {
    Callback {
        id: CallbackId(id),
        version: 1,
        party: Caller::Known(serde_json::from_value(json!(format!("+3363998{id:04}"))).unwrap()),
        name: ScreenText::default(),
        named: false,
        source: Source::Missed,
        subject: String::new(),
        owner: String::new(),
        claimed_by: None,
        place: String::new(),
        note: String::new(),
        guide: String::new(),
        answers: std::collections::BTreeMap::new(),
        due: Some(at(1800)),
        planned: false,
        left_on_hold: false,
        state: CallbackState::Open,
        attempts: 0,
        missed_count: 1,
        first_at: at(0),
        last_at: at(0),
        call: None,
        closed_at: None,
        closed_by: None,
        by_fact: false,
        to_confirm: false,
        folded: false,
        clips: Vec::new(),
        marks: Vec::new(),
    }
}

async fn keep(site: &Site, callbacks: impl IntoIterator<Item = Callback>) {
    site.write(callbacks.into_iter().map(|c| Record::Callback(Box::new(c))));
    site.writer.run(|_| Ok(())).await.unwrap();
}

impl Site {
    async fn page(&self, path: &str) -> String {
        let cookie = self.cookie().await;
        let answer = self.get(path, &[("cookie", &cookie)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        answer.body
    }

    fn later(&self, minutes: u64) {
        *self.seconds.lock().unwrap() = minutes * 60;
    }

    async fn post(&self, path: &str, form: &str, script: bool) -> Answer {
        let cookie = self.cookie().await;
        let mut headers = vec![("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        headers.push(("content-type", "application/x-www-form-urlencoded"));
        if script {
            headers.push(("hx-request", "true"));
        }
        self.ask("POST", path, &headers, form.to_owned()).await
    }

    /// Answers commands in order; gives back what they were.
    fn answering(&mut self, answers: Vec<Said>) -> tokio::task::JoinHandle<Vec<CallbackCommand>> {
        let mut commands = std::mem::replace(&mut self.commands, mpsc::channel(1).1);
        tokio::spawn(async move {
            let mut asked = Vec::new();
            for answer in answers {
                let (command, reply) = commands.recv().await.unwrap();
                let Command::Callback { person, what } = command else { panic!("{command:?}") };
                assert_eq!(person, "MEL");
                asked.push(what);
                reply.send(answer).unwrap();
            }
            asked
        })
    }
}

/// The row of one callback.
fn row(page: &str, id: i64) -> &str {
    let from = page.find(&format!("id=\"rappel-{id}\"")).unwrap_or_else(|| panic!("no row {id}: {page}"));
    &page[from..][..page[from..].find("</li>").unwrap()]
}

#[test]
fn a_row_says_when_who_why_and_how_late_in_words() {
    story(|site| async move {
        let mut known = callback(1);
        (known.name, known.missed_count, known.note) = (ScreenText::clean("Mme Dupont"), 3, "dégât des eaux".to_owned());
        known.marks = vec![Mark::MaybeElsewhere];
        known.clips = vec![CallId(9)];
        let clip = |conn: &mut rusqlite::Connection| Ok(conn.execute("INSERT INTO clips (call, at, wav) VALUES (9, 0, x'00')", [])?);
        site.writer.run(clip).await.unwrap();
        let mut hidden = callback(2);
        (hidden.party, hidden.due) = (Caller::Withheld, None);
        keep(&site, [known, hidden]).await;
        site.later(30 + 35);
        let page = site.page("/").await;
        assert!(page.contains("<title>(2) Rappels"), "{page}");
        let first = row(&page, 1);
        for words in ["17:00", "il y a 65 min", "en retard de 35 min", "ambre", "Mme Dupont", "appel manqué ×3", "dégât des eaux"] {
            assert!(first.contains(words), "{words}: {first}");
        }
        assert!(
            first.contains("tel:+33639980001") && first.contains("06 39 98 00 01") && first.contains("peut-être pris sur un autre poste")
        );
        assert!(first.contains("<audio controls") && first.contains("src=\"/clips/9.wav\""), "{first}");
        let second = row(&page, 2);
        assert!(second.contains("Numéro masqué") && second.contains("à décider") && !second.contains("/call\""), "{second}");
        assert!(second.find("name=\"note\"").unwrap() < second.find("name=\"name\"").unwrap());
        site.later(30 + 60);
        assert!(row(&site.page("/").await, 1).contains("retard rouge"));
        site.later(30 + 14);
        assert!(row(&site.page("/").await, 1).contains("retard neutre"));
        site.later(10);
        assert!(row(&site.page("/").await, 1).contains("promis avant 17:30"));
    });
}

#[test]
fn what_others_wrote_is_text_wherever_it_stands() {
    story(|site| async move {
        let hostile = "\"><script>alert(1)</script>";
        let mut bad = callback(1);
        (bad.name, bad.note, bad.subject) = (ScreenText::clean(hostile), hostile.to_owned(), hostile.to_owned());
        (bad.owner, bad.place, bad.party) = (hostile.to_owned(), hostile.to_owned(), Caller::Unreadable(ScreenText::clean(hostile)));
        keep(&site, [bad]).await;
        site.write([Record::Opened {
            call: CallId(1),
            at: at(0),
            direction: Direction::Incoming,
            party: Caller::Unreadable(ScreenText::clean(hostile)),
            name: ScreenText::clean(hostile),
            extension: None,
        }]);
        site.writer.run(|_| Ok(())).await.unwrap();
        let mut status = line(TrunkState::Static);
        status.trunks[0].name = hostile.to_owned();
        status.trunks.push(status.trunks[0].clone());
        status.phones[0].owner = hostile.to_owned();
        site.status.send(Arc::new(status)).unwrap();
        for path in [
            "/",
            "/?vue=tous&q=%3Cscript%3E",
            "/?vue=entre",
            "/appels",
            "/appels/1",
            "/appels?numero=%3Cscript%3E&du=%3Cscript%3E",
            "/fragments/ligne",
        ] {
            let page = site.page(path).await;
            assert!(!page.contains("<script>") && page.contains("&#60;script&#62;"), "{path}: {page}");
        }
    });
}

#[test]
fn tabs_search_and_the_fold_show_what_they_say() {
    story(|site| async move {
        let mut planned = callback(2);
        (planned.planned, planned.due, planned.name) = (true, Some(at(7200)), ScreenText::clean("M. Martin"));
        let mut done = callback(3);
        (done.state, done.closed_at, done.closed_by) =
            (CallbackState::Done, Some(at(60)), Some("rappelé par MO 17:01, 3 min 10".to_owned()));
        let mut maybe = done.clone();
        (maybe.id, maybe.to_confirm, maybe.by_fact) = (CallbackId(4), true, true);
        let mut fold = callback(5);
        (fold.folded, fold.due) = (true, None);
        keep(&site, [callback(1), planned, done, maybe, fold]).await;
        let shows = |page: &str| (1..=5).filter(|id| page.contains(&format!("id=\"rappel-{id}\""))).collect::<Vec<i64>>();
        for (path, ids) in [
            ("/", vec![1, 4, 5]),
            ("/?vue=planifies", vec![2]),
            ("/?vue=faits", vec![3]),
            ("/?vue=tous", vec![1, 2, 3, 4, 5]),
            ("/?vue=tous&q=martin", vec![2]),
            ("/?vue=tous&q=98%2000%2002", vec![2]),
            ("/?vue=nulle-part", vec![1, 4, 5]),
        ] {
            assert_eq!(shows(&site.page(path).await), ids, "{path}");
        }
        let page = site.page("/").await;
        assert!(page.find("demarchage").unwrap() < page.find("id=\"rappel-5\"").unwrap() && page.contains("Sans doute du démarchage (1)"));
        assert!(row(&page, 4).contains("Joint ?") && row(&page, 4).contains("voicemail"));
        assert!(row(&site.page("/?vue=faits").await, 3).contains("rappelé par MO 17:01, 3 min 10"));
        let none = site.page("/?q=personne").await;
        assert!(none.contains("Rien ne correspond à « personne »."), "{none}");
    });
}

#[test]
fn an_empty_queue_says_what_will_come_and_how_to_try_it() {
    story(|site| async move {
        let page = site.page("/").await;
        assert!(page.contains("Rien à rappeler. Les appels manqués et les doubles appels arriveront ici tout seuls."));
        assert!(page.contains("Appelez la ligne") && page.contains("<title>Rappels"));
        assert!(site.page("/?vue=entre").await.contains("Plus rien en retard."));
    });
}

#[test]
fn between_two_clients_there_is_one_card_with_its_history_and_the_next_one() {
    story(|site| async move {
        let mut other = callback(3);
        other.claimed_by = Some("MO".to_owned());
        keep(&site, [callback(1), callback(2), other]).await;
        site.write(call(1));
        site.writer.run(|_| Ok(())).await.unwrap();
        site.later(90);
        let page = site.page("/?vue=entre").await;
        assert!(page.contains("id=\"rappel-1\"") && !page.contains("id=\"rappel-2\"") && !page.contains("id=\"rappel-3\""));
        assert!(page.contains("/appels/1") && page.contains("reçu, répondu par MEL") && page.contains("encore 1 en retard"), "{page}");
        assert!(page.contains("passe=1") && site.page("/?vue=entre&passe=1").await.contains("id=\"rappel-2\""));
        assert!(site.page("/?vue=entre&passe=1.2").await.contains("Plus rien en retard."));
    });
}

#[test]
fn what_another_person_holds_has_no_buttons() {
    story(|site| async move {
        let (mut other, mut mine) = (callback(1), callback(2));
        (other.claimed_by, other.state) = (Some("MO".to_owned()), CallbackState::Calling);
        mine.claimed_by = Some("MEL".to_owned());
        keep(&site, [other, mine]).await;
        let page = site.page("/").await;
        assert!(row(&page, 1).contains("MO appelle") && !row(&page, 1).contains("/close"), "{}", row(&page, 1));
        assert!(row(&page, 2).contains("vous vous en occupez") && row(&page, 2).contains("/release") && row(&page, 2).contains("/close"));
    });
}

#[test]
fn a_form_without_script_does_what_the_api_does_and_leads_back() {
    story(|mut site| async move {
        let mut done = callback(7);
        (done.state, done.closed_at) = (CallbackState::Done, Some(at(0)));
        let kept = || Ok(Done::Callback(Box::new(done.clone())));
        let asked = site.answering((0..6).map(|_| kept()).collect());
        keep(&site, [done.clone()]).await;
        for (path, form) in [
            ("/callbacks/7/close", "outcome=reached&retour=%2F%3Fvue%3Da-faire"),
            ("/callbacks/7/reopen", "retour=//ailleurs.test"),
            ("/callbacks/7/postpone", "dans=1h"),
            ("/callbacks/7/postpone", "dans=autre&jour=2025-11-25&heure=09%3A30"),
            ("/callbacks/7/edit", "name=Mme+Dupont&number=06+39+98+00+09&note="),
            ("/callbacks", "number=0639980010&name=M.+Martin"),
        ] {
            let answer = site.post(path, form, false).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}: {}", answer.body);
            let to = answer.headers["location"].to_str().unwrap();
            let what = path.rsplit('/').next().unwrap().replace("callbacks", "note");
            let start = if form.contains("a-faire") { "/?vue=a-faire&avis=" } else { "/?avis=" };
            assert_eq!(to, format!("{start}{what}.7"));
        }
        let number = |text| Some(Caller::Known(serde_json::from_value(json!(text)).unwrap()));
        let name = |text| Some(ScreenText::clean(text));
        let edit = Fields { party: number("+33639980009"), name: name("Mme Dupont"), note: Some(String::new()), ..Fields::default() };
        assert_eq!(
            asked.await.unwrap(),
            [
                CallbackCommand::Close(CallbackId(7), CallResult::Reached),
                CallbackCommand::Reopen(CallbackId(7)),
                CallbackCommand::Postpone(CallbackId(7), at(3600)),
                CallbackCommand::Postpone(CallbackId(7), "2025-11-25T08:30:00Z".parse().unwrap()),
                CallbackCommand::Patch(CallbackId(7), edit),
                CallbackCommand::Create(Fields { party: number("+33639980010"), name: name("M. Martin"), ..Fields::default() }),
            ]
        );
        let page = site.page("/?vue=a-faire&avis=close.7").await;
        assert!(page.contains("Rappel de 06 39 98 00 07 terminé.") && page.contains("/callbacks/7/reopen"), "{page}");
    });
}

#[test]
fn a_refused_form_shows_the_reason_where_it_was_sent() {
    story(|mut site| async move {
        keep(&site, [callback(7)]).await;
        let typed = "name=Mme+Dupont&number=06+39+98";
        let plain = site.post("/callbacks/7/edit", typed, false).await;
        assert_eq!(plain.status, StatusCode::UNPROCESSABLE_ENTITY);
        let shown = row(&plain.body, 7);
        assert!(
            shown.contains("<details class=\"modifier\" open>")
                && shown.contains("value=\"06 39 98\"")
                && shown.contains("Il manque 4 chiffres.")
        );
        let script = site.post("/callbacks/7/edit", typed, true).await;
        assert_eq!((script.status, script.body.as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "Il manque 4 chiffres."));
        let strange = site.post("/callbacks/7/edit", "number=%3Cb%3E", true).await;
        assert!(strange.body.contains("&#60;") && !strange.body.contains("<b>"), "{}", strange.body);
        let when = site.post("/callbacks/7/postpone", "dans=autre&jour=&heure=", true).await;
        assert_eq!((when.status, when.body.as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "Donnez le jour et l&#39;heure du rappel."));
        let other = "Une autre personne s'occupe de ce rappel.";
        site.answering(vec![Err(Refusal::Conflict(other)), Err(Refusal::Conflict(other))]);
        let held = site.post("/callbacks/7/close", "outcome=reached", false).await;
        assert_eq!(held.status, StatusCode::CONFLICT);
        assert!(row(&held.body, 7).contains("Une autre personne s&#39;occupe de ce rappel."));
        assert_eq!(site.post("/callbacks/7/close", "outcome=reached", true).await.status, StatusCode::CONFLICT);
        let missing = site.post("/callbacks", "name=M.+Martin", false).await;
        assert!(missing.status == StatusCode::UNPROCESSABLE_ENTITY && missing.body.contains("Donnez le numéro à rappeler."));
    });
}

#[test]
fn an_edit_sends_what_was_changed_and_nothing_of_what_was_served() {
    story(|mut site| async move {
        let mut known = callback(7);
        (known.name, known.note, known.owner) = (ScreenText::clean("Mme Dupont"), "un\ndeux".to_owned(), "MO".to_owned());
        keep(&site, [known.clone()]).await;
        let page = site.page("/").await;
        for served in ["name=\"servi.name\" value=\"Mme Dupont\"", "name=\"servi.owner\" value=\"MO\"", "name=\"servi.place\" value=\"\""] {
            assert!(row(&page, 7).contains(served), "{served}: {}", row(&page, 7));
        }
        let asked = site.answering(vec![Ok(Done::Callback(Box::new(known)))]);
        let form = "servi.name=Mme+Dupont&name=Mme+Dupont-Martin&servi.number=06+39+98+00+07&number=06+39+98+00+07&servi.subject=&subject=\
                    &servi.note=un%0Adeux&note=un%0D%0Adeux&servi.owner=MO&owner=";
        assert_eq!(site.post("/callbacks/7/edit", form, false).await.status, StatusCode::SEE_OTHER);
        let changed = Fields { name: Some(ScreenText::clean("Mme Dupont-Martin")), owner: Some(String::new()), ..Fields::default() };
        assert_eq!(asked.await.unwrap(), [CallbackCommand::Patch(CallbackId(7), changed)]);
        // refused without a script: what was typed stands there again, and what was not is as it is now
        let mut meanwhile = callback(7);
        (meanwhile.version, meanwhile.subject) = (2, "devis auto".to_owned());
        keep(&site, [meanwhile]).await;
        let refused = site.post("/callbacks/7/edit", "servi.number=06+39+98+00+07&number=06+39+98&servi.subject=&subject=", false).await;
        let shown = row(&refused.body, 7);
        assert!(shown.contains("value=\"06 39 98\"") && shown.contains("name=\"servi.number\" value=\"06 39 98 00 07\""), "{shown}");
        assert_eq!(shown.matches("value=\"devis auto\"").count(), 2, "{shown}");
    });
}

#[test]
fn an_extension_of_the_upstream_pbx_can_be_called_back() {
    story(|site| async move {
        let mut colleague = callback(1);
        colleague.party = Caller::Extension("23".to_owned());
        keep(&site, [colleague]).await;
        let page = site.page("/").await;
        assert!(row(&page, 1).contains("poste 23") && row(&page, 1).contains("/callbacks/1/call\""), "{}", row(&page, 1));
    });
}

#[test]
fn new_opening_hours_count_on_the_page_as_soon_as_they_are_read() {
    story(|site| async move {
        keep(&site, [callback(1)]).await;
        site.later(30 + 35);
        assert!(row(&site.page("/").await, 1).contains("en retard de 35 min"));
        let mut closed = plan();
        closed.hours.week = Default::default();
        closed.hours.timezone = chrono_tz::Indian::Reunion;
        site.plan.send(Arc::new(closed)).unwrap();
        let page = site.page("/").await;
        assert!(row(&page, 1).contains("20:00") && row(&page, 1).contains("à rappeler maintenant"), "{}", row(&page, 1));
    });
}

#[test]
fn everything_in_the_fold_is_closed_by_one_button() {
    story(|mut site| async move {
        let fold = |id| Callback { folded: true, due: None, ..callback(id) };
        keep(&site, [callback(1), fold(2), fold(3)]).await;
        let asked = site.answering(vec![Ok(Done::Callback(Box::new(fold(2)))), Ok(Done::Callback(Box::new(fold(3))))]);
        let answer = site.post("/demarchage/close", "retour=/", false).await;
        assert_eq!((answer.status, &answer.headers["location"]), (StatusCode::SEE_OTHER, &"/?avis=clos".parse().unwrap()));
        let close = |id| CallbackCommand::Close(CallbackId(id), CallResult::None);
        assert_eq!(asked.await.unwrap(), [close(2), close(3)]);
    });
}

#[test]
fn a_script_gets_the_part_that_changed_and_a_number_is_judged_while_it_is_typed() {
    story(|site| async move {
        keep(&site, [callback(1)]).await;
        let cookie = site.cookie().await;
        let part = site.get("/?vue=a-faire", &[("cookie", &cookie), ("hx-request", "true")]).await.body;
        assert!(part.starts_with("<section id=\"file\"") && !part.contains("<html") && !part.contains("id=\"toast\""), "{part}");
        let said = site.get("/?avis=close.1", &[("cookie", &cookie), ("hx-request", "true")]).await.body;
        assert!(said.contains("id=\"toast\"") && said.contains("hx-swap-oob"));
        for (typed, verdict) in [("", ""), ("06399800", "Il manque 2 chiffres."), ("0033639980001", "✓ 06 39 98 00 01")] {
            assert_eq!(site.page(&format!("/numero?number={typed}")).await, verdict);
        }
    });
}

#[test]
fn calls_are_filtered_paged_and_told_one_by_one() {
    story(|site| async move {
        site.write((1..=60).flat_map(call));
        site.write([Record::Outage { from: at(-60), to: at(-30), what: "process stopped".to_owned() }]);
        site.writer.run(|_| Ok(())).await.unwrap();
        let count = |page: &str| page.matches("<li class=\"appel ").count();
        let page = site.page("/appels").await;
        assert_eq!(count(&page), 50);
        assert!(page.contains("06 39 98 00 60") && page.contains("répondu par MEL") && page.contains("1 min 00"), "{page}");
        let next = page.split("id=\"suite\" class=\"bouton\" href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
        let rest = site.page(&next).await;
        assert_eq!(count(&rest), 11);
        assert!(rest.contains("ligne hors service, appels possiblement perdus") && rest.contains("30 s") && !rest.contains("id=\"suite\""));
        for (query, rows) in [
            ("issue=outage", 1),
            ("issue=missed", 0),
            ("numero=06+39+98+00+07", 1),
            ("du=2025-11-25", 0),
            ("du=2025-11-24&au=2025-11-24&issue=outage", 1),
            ("au=2025-11-23", 0),
        ] {
            assert_eq!(count(&site.page(&format!("/appels?{query}")).await), rows, "{query}");
        }
        assert!(site.page("/appels?numero=0639").await.contains("Il manque 6 chiffres."));
        assert!(site.page("/appels?du=hier").await.contains("Date illisible"));
        let one = site.page("/appels/7").await;
        for words in ["lundi 24/11/2025", "17:00:07", "06 39 98 00 07", "reçu", "répondu par MEL", "3 s", "1 min 00"] {
            assert!(one.contains(words), "{words}: {one}");
        }
        let cookie = site.cookie().await;
        for none in ["/appels/999", "/appels/x"] {
            site.get(none, &[("cookie", &cookie)]).await.problem(404);
        }
    });
}

#[test]
fn a_withheld_number_is_never_shown() {
    story(|site| async move {
        site.write([Record::Opened {
            call: CallId(1),
            at: at(0),
            direction: Direction::Incoming,
            party: Caller::Withheld,
            name: ScreenText::default(),
            extension: None,
        }]);
        site.writer.run(|_| Ok(())).await.unwrap();
        for path in ["/appels", "/appels/1"] {
            assert!(site.page(path).await.contains("numéro masqué"), "{path}");
        }
    });
}

fn second(state: &'static str, number: Option<&str>) -> LineStatus {
    let call = SecondCall {
        id: CallId(2),
        state,
        extension: Some(Extension("11".to_owned())),
        offered_to: vec![Extension("11".to_owned())],
        number: number.map(str::to_owned),
        name: number.map_or_else(String::new, |_| "Mme Dupont".to_owned()),
        display: number.map_or_else(|| "numéro masqué".to_owned(), |_| "06 39 98 00 01".to_owned()),
        call_1: None,
        until: None,
        held_since: None,
        callback: number.map(|_| CallbackId(1)),
        draft: Default::default(),
    };
    LineStatus { second_calls: vec![call.clone()], second_call: Some(call), ..line(TrunkState::Static) }
}

#[test]
fn the_double_call_is_a_banner_then_a_form_filled_with_what_is_known() {
    story(|site| async move {
        let mut known = callback(1);
        (known.name, known.subject) = (ScreenText::clean("Mme Dupont"), "sinistre auto".to_owned());
        keep(&site, [known]).await;
        assert!(site.page("/").await.contains("data-src=\"/fragments/appel2\" hidden"));
        for (state, there, not) in [
            (
                "waiting",
                vec!["/second-call/take", "/second-call/attendant", "Rappel ouvert : appel manqué, sinistre auto"],
                vec!["brouillon-2"],
            ),
            (
                "second",
                vec!["id=\"brouillon-2\"", "value=\"06 39 98 00 01\"", "value=\"sinistre auto\"", "/second-call/done"],
                vec!["/take"],
            ),
            ("swapped", vec!["id=\"brouillon-2\"", "/second-call/swap", "/second-call/resume", "/calls/2/hangup"], vec!["/attendant"]),
            ("recall", vec!["sonne de nouveau"], vec!["/take"]),
            ("attendant", vec!["est au répondeur", "/second-call/take"], vec!["/second-call/attendant"]),
        ] {
            site.status.send(Arc::new(second(state, Some("+33639980001")))).unwrap();
            let part = site.page("/fragments/appel2").await;
            assert!(part.contains(&format!("data-etat=\"{state}\"")) && part.contains("Mme Dupont") && !part.contains("<html"));
            there.iter().for_each(|words| assert!(part.contains(words), "{state} {words}: {part}"));
            not.iter().for_each(|words| assert!(!part.contains(words), "{state} {words}: {part}"));
            assert!(site.page("/").await.contains("id=\"appel2-2\""));
        }
        site.status.send(Arc::new(second("second", None))).unwrap();
        let part = site.page("/fragments/appel2").await;
        assert!(
            part.contains("numéro masqué")
                && part
                    .contains("name=\"number\" id=\"appel2-numero-2\" inputmode=\"tel\" maxlength=\"32\" autocomplete=\"off\" value=\"\"")
        );
    });
}

#[test]
fn call_2_can_be_taken_ending_call_1_only_where_that_one_was_dialled() {
    story(|site| async move {
        for (direction, there) in [(Direction::Outgoing, true), (Direction::Incoming, false), (Direction::Internal, false)] {
            for state in ["waiting", "attendant"] {
                let mut line = second(state, Some("+33639980001"));
                line.second_calls[0].call_1 = Some(CallId(1));
                line.calls = vec![LiveCall {
                    id: CallId(1),
                    direction,
                    state: LiveState::Talking,
                    number: None,
                    display: "01 99 00 00 01".to_owned(),
                    name: String::new(),
                    extension: Some(Extension("11".to_owned())),
                    since: Default::default(),
                    held_since: None,
                    keypad: false,
                    guide: String::new(),
                }];
                site.status.send(Arc::new(line)).unwrap();
                let part = site.page("/fragments/appel2").await;
                let button = part.contains("name=\"end_first\"") && part.contains("Finir l&#39;appel 1 et prendre");
                assert_eq!(button, there, "{direction:?} {state}: {part}");
            }
        }
    });
}

#[test]
fn pages_lead_to_the_sign_in_and_hold_nothing_inline() {
    story(|site| async move {
        keep(&site, [callback(1)]).await;
        for path in ["/", "/appels", "/appels/1", "/fragments/ligne"] {
            let answer = site.get(path, &[]).await;
            assert_eq!((answer.status, &answer.headers["location"]), (StatusCode::SEE_OTHER, &"/login".parse().unwrap()), "{path}");
            let script = site.get(path, &[("hx-request", "true")]).await;
            assert_eq!((script.status, &script.headers["hx-redirect"]), (StatusCode::UNAUTHORIZED, &"/login".parse().unwrap()));
        }
        for path in ["/callbacks/1/close", "/second-call/save", "/logout"] {
            let form = site.ask("POST", path, &[("sec-fetch-site", "same-origin")], "").await;
            assert_eq!((form.status, &form.headers["location"]), (StatusCode::SEE_OTHER, &"/login".parse().unwrap()), "{path}");
        }
        let cookie = site.cookie().await;
        let foreign =
            [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site"), ("content-type", "application/x-www-form-urlencoded")];
        site.ask("POST", "/callbacks/1/close", &foreign, "outcome=reached").await.problem(403);
        let login = site.get("/login", &[]).await.body;
        for page in [site.page("/").await, site.page("/appels").await, login] {
            for inline in ["<style", " style=", "javascript:", " onclick", " onload", "hx-on"] {
                assert!(!page.contains(inline), "{inline}");
            }
            assert_eq!(page.matches("<script").count(), page.matches("<script src=\"/static/").count());
        }
    });
}

#[test]
fn what_pages_are_made_of_is_kept_for_long_and_needs_no_session() {
    story(|site| async move {
        let page = site.page("/").await;
        let base = page.split("href=\"/static/").nth(1).unwrap().split('/').next().unwrap();
        for (name, kind) in [
            ("style.css", "text/css; charset=utf-8"),
            ("app.js", "text/javascript; charset=utf-8"),
            ("events.js", "text/javascript; charset=utf-8"),
            ("htmx.min.js", "text/javascript; charset=utf-8"),
            ("favicon.svg", "image/svg+xml"),
            ("favicon-retard.svg", "image/svg+xml"),
        ] {
            let file = site.get(&format!("/static/{base}/{name}"), &[]).await;
            assert_eq!((file.status, &file.headers["content-type"]), (StatusCode::OK, &kind.parse().unwrap()), "{name}");
            assert_eq!(file.headers["cache-control"], "public, max-age=31536000, immutable");
        }
        for none in ["x.js", "..%2Fapp.js"] {
            site.get(&format!("/static/{base}/{none}"), &[]).await.problem(404);
        }
    });
}
