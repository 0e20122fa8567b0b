//! The house of the stories: a line with a virtual clock, inputs in few words, and effects as one line of text each.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::DateTime;
use rappel::dialplan::rules::Rules;
pub use rappel::domain::call::LegId;
use rappel::domain::call::{CallId, Direction, Extension, Record};
use rappel::domain::callback::{Callback, Retry};
use rappel::domain::hours::{Holidays, Hours, Range};
use rappel::domain::identity::Caller;
use rappel::domain::now::{Instant, Now};
use rappel::domain::status::PhoneState;
use rappel::domain::text::ScreenText;
use rappel::switchboard::config::{AttendantRules, CallbackRules, KeypadRules, LineConfig, PhoneConfig, TrunkConfig};
use rappel::switchboard::effect::{Done, Effect};
use rappel::switchboard::input::{Command, Gone, Input, Progress, Refusal, Seq, Ticket};
use rappel::switchboard::line::Line;

/// Legs that the exchange opens bear this bit.
pub const THEIRS: u64 = 1 << 63;

/// Leg `n` of those that called us.
pub const fn theirs(n: u64) -> LegId {
    LegId(THEIRS | n)
}

/// The first calls of every story: the caller's leg, and our first legs in the order in which they ring.
pub const CALLER: LegId = LegId(THEIRS | 1);
pub const CALLER_2: LegId = LegId(THEIRS | 2);
pub const FIRST: LegId = LegId(1);
pub const SECOND: LegId = LegId(2);
pub const THIRD: LegId = LegId(3);

pub fn ext(digits: &str) -> Extension {
    Extension(digits.to_owned())
}

/// The dial plan as shipped, with these extensions.
fn plan(phones: &[PhoneConfig]) -> Rules {
    Rules { extensions: phones.iter().map(|p| p.extension.clone()).collect(), ..Rules::default() }
}

/// Open day and night: a promise is due when it was made plus its minutes.
fn always() -> Hours {
    let day = || vec![Range::parse("00:00-24:00").unwrap()];
    Hours { timezone: chrono_tz::Europe::Paris, week: std::array::from_fn(|_| day()), closed: BTreeSet::new(), holidays: Holidays::None }
}

fn retries() -> Vec<Retry> {
    vec![Retry::After(Duration::from_secs(900)), Retry::After(Duration::from_secs(3600)), Retry::HalfDay]
}

/// A callback as it is written: its id, state, count, due time in seconds since the story began, and what stands out of it.
fn callback_words(c: &Callback) -> String {
    let due = c.due.map_or("?".to_owned(), |due| due.timestamp().to_string());
    let mut words = vec![format!("callback {} {:?} x{} due {due}", c.id.0, c.state, c.missed_count)];
    words.extend(c.left_on_hold.then(|| "left on hold".to_owned()));
    words.extend(c.folded.then(|| "folded".to_owned()));
    words.extend((c.attempts > 0).then(|| format!("tried {}", c.attempts)));
    words.extend(c.claimed_by.as_ref().map(|person| format!("claimed by {person}")));
    words.extend(c.closed_by.clone());
    words.extend(c.to_confirm.then(|| "to confirm".to_owned()));
    words.join(", ")
}

pub struct House {
    pub line: Line,
    pub now: Now,
}

/// What a house is like, when not as usual.
pub struct Plans {
    pub phones: &'static [&'static str],
    pub registered: bool,
    pub ring_seconds: u64,
    pub channels: usize,
    pub trunks: usize,
    pub per_hour: usize,
    pub calls: usize,
    /// `None`: all phones.
    pub ring: Option<&'static [&'static str]>,
    pub attendant: bool,
    /// Other phones of the operator or the PBX may take a call (`trunk.shared`).
    pub shared: bool,
    /// `line.second_call = "phone"`.
    pub second_by_phone: bool,
    /// `keypad.required`.
    pub code_required: bool,
}

impl Default for Plans {
    fn default() -> Plans {
        Plans {
            phones: &["11", "12"],
            registered: true,
            ring_seconds: 18,
            channels: 4,
            trunks: 1,
            per_hour: 60,
            calls: 1,
            ring: None,
            attendant: false,
            shared: false,
            second_by_phone: false,
            code_required: true,
        }
    }
}

impl Plans {
    pub fn house(self) -> House {
        let phones: Vec<PhoneConfig> =
            (self.phones.iter()).map(|e| PhoneConfig { extension: ext(e), owner: format!("P{e}"), calls: self.calls }).collect();
        let config = LineConfig {
            ring: self.ring.unwrap_or(self.phones).iter().map(|e| ext(e)).collect(),
            ring_time: Duration::from_secs(self.ring_seconds),
            waiting_after: Duration::from_secs(8),
            offer_time: Duration::from_secs(15),
            keypad: KeypadRules { code: "61".into(), required: self.code_required, idle: Duration::from_secs(60) },
            second_by_phone: self.second_by_phone,
            silence: Duration::from_secs(20),
            trunks: (0..self.trunks)
                .map(|n| TrunkConfig { name: format!("t{n}"), channels: self.channels, shared: self.shared, keypad_code: String::new() })
                .collect(),
            per_hour: self.per_hour,
            callbacks: CallbackRules { hours: always(), promise: Duration::from_secs(1800), retry: retries() },
            router: Box::new(plan(&phones)),
            attendant: self.attendant.then_some(AttendantRules { name_time: Duration::from_secs(10) }),
            phones,
        };
        let mut house = House { line: Line::new(config, 1, 1), now: Now { instant: Instant::ZERO, wall: DateTime::UNIX_EPOCH } };
        if self.registered {
            for e in self.phones {
                house.tell(Input::Phone { extension: ext(e), registered: true }, &[]);
            }
        }
        house
    }
}

impl House {
    pub fn new() -> House {
        Plans::default().house()
    }

    pub fn effects(&mut self, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        self.line.handle(self.now, input, &mut out);
        out
    }

    /// This input has exactly these effects.
    #[track_caller]
    pub fn tell(&mut self, input: Input, effects: &[&str]) {
        let told = format!("{input:?}");
        let said = followed(self.effects(input).iter().map(words).collect());
        assert_eq!(said, effects, "after {told}");
    }

    /// So many milliseconds later, timers having fired on the way, exactly these effects.
    #[track_caller]
    pub fn wait(&mut self, ms: u64, effects: &[&str]) {
        let said = followed(self.pass(Duration::from_millis(ms)).iter().map(words).collect());
        assert_eq!(said, effects, "after {ms} ms");
    }

    pub fn pass(&mut self, time: Duration) -> Vec<Effect> {
        let (until, mut out) = (self.now.later(time), Vec::new());
        while let Some(at) = self.line.poll_timeout().filter(|at| *at <= until.instant) {
            self.now = self.now.later(at.since(self.now.instant));
            self.line.handle_timeout(self.now, &mut out);
        }
        self.now = until;
        out
    }

    #[track_caller]
    pub fn rings(&mut self, leg: LegId, effects: &[&str]) {
        self.tell(ring(leg), effects);
    }

    #[track_caller]
    pub fn gone(&mut self, leg: LegId, why: Gone, effects: &[&str]) {
        self.tell(Input::Gone { leg, why }, effects);
    }

    #[track_caller]
    pub fn answered(&mut self, leg: LegId, effects: &[&str]) {
        self.tell(Input::Answered { leg }, effects);
    }

    #[track_caller]
    pub fn refused(&mut self, leg: LegId, why: Refusal, effects: &[&str]) {
        self.tell(Input::Refused { leg, why }, effects);
    }

    #[track_caller]
    pub fn alive(&mut self, leg: LegId) {
        self.tell(Input::Progress { leg, what: Progress::Ringing }, &[]);
    }

    #[track_caller]
    pub fn recorded(&mut self, seq: u64, effects: &[&str]) {
        self.tell(Input::Recorded(Seq(seq)), effects);
    }

    #[track_caller]
    pub fn dials(&mut self, leg: LegId, from: &str, digits: &str, effects: &[&str]) {
        self.tell(Input::Dials { leg, extension: ext(from), digits: digits.to_owned() }, effects);
    }

    #[track_caller]
    pub fn hang_up(&mut self, call: i64, effects: &[&str]) {
        self.tell(Input::Page { ticket: Ticket(7), command: Command::HangUp(CallId(call)) }, effects);
    }

    /// Phone 11 talks with the caller of call 1 on legs in1 and 1; 12 was rung on leg 2.
    pub fn talk(&mut self) {
        self.rings(CALLER, &["open 1 incoming", "ring 11 on 1", "ring 12 on 2"]);
        self.recorded(1, &["ringing in1"]);
        self.alive(FIRST);
        self.answered(FIRST, &["answer in1", "join in1 1", "cancel 2 elsewhere", "write 1 answered by 11"]);
    }

    /// Nothing is left: no call, no leg, no timer.
    #[track_caller]
    pub fn at_rest(&self) {
        assert_eq!(self.line.counts(), (0, 0, 0), "calls, legs, timers");
        assert_eq!(self.line.poll_timeout(), None);
        let busy = |state| matches!(state, PhoneState::Ringing | PhoneState::Talking);
        assert!(self.line.status().phones.iter().all(|phone| !busy(phone.state)), "a phone is kept busy by nobody");
    }

    pub fn alerts(&self) -> Vec<String> {
        self.line.status().alerts.into_iter().map(|a| format!("{}: {}", a.kind, a.text)).collect()
    }
}

/// Every call that was lost is followed at once by its callback's record, and no other is; told without them.
#[track_caller]
fn followed(said: Vec<String>) -> Vec<String> {
    let lost = |w: &str| {
        w.starts_with("end ") && [" missed: ", " attendant: ", ": cut", ": left_on_hold", ": promised"].iter().any(|how| w.contains(how))
    };
    for (n, word) in said.iter().enumerate() {
        if word.starts_with("clip of ") {
            continue;
        }
        let mut after = said.iter().skip(n + 1).skip_while(|word| word.starts_with("clip of "));
        let next = after.next().is_some_and(|next| next.starts_with("callback ") && next.contains(" Open "));
        assert_eq!(lost(word), next, "a lost call and its callback: {said:?}");
    }
    said.into_iter().filter(|w| !w.starts_with("callback ")).collect()
}

pub fn ring(leg: LegId) -> Input {
    Input::Rings { leg, trunk: 0, caller: Caller::Withheld, name: ScreenText::default(), usable: true }
}

fn leg(leg: LegId) -> String {
    if leg.0 & THEIRS == 0 { leg.0.to_string() } else { format!("in{}", leg.0 & !THEIRS) }
}

/// One effect in few words; nothing of it that a rule speaks of is left out.
pub fn words(effect: &Effect) -> String {
    match effect {
        Effect::RingPhone { leg: l, extension, .. } => format!("ring {} on {}", extension.0, leg(*l)),
        Effect::CallOut { leg: l, trunk, .. } => format!("call out on {} by trunk {trunk}", leg(*l)),
        Effect::Ringing(l) => format!("ringing {}", leg(*l)),
        Effect::EarlyMedia(l) => format!("early media {}", leg(*l)),
        Effect::Answer(l) => format!("answer {}", leg(*l)),
        Effect::Refuse { leg: l, why } => format!("refuse {} {why:?}", leg(*l)),
        Effect::Cancel { leg: l, elsewhere } => format!("cancel {}{}", leg(*l), if *elsewhere { " elsewhere" } else { "" }),
        Effect::HangUp(l) => format!("hang up {}", leg(*l)),
        Effect::Join(a, b) => format!("join {} {}", leg(*a), leg(*b)),
        Effect::Play(l, sound) => format!("play {} {sound:?}", leg(*l)),
        Effect::Overlay(l, sound) => format!("overlay {} {sound:?}", leg(*l)),
        Effect::Party { leg: l, number, .. } => format!("show {number} on {}", leg(*l)),
        Effect::PassKeys { leg: l, to: Some(to) } => format!("keys of {} to {}", leg(*l), leg(*to)),
        Effect::PassKeys { leg: l, to: None } => format!("keys of {} ours", leg(*l)),
        Effect::Keys(l, keys) => format!("keys {} to {}", keys.iter().map(|k| char::from(k.sign())).collect::<String>(), leg(*l)),
        Effect::Transfer { leg: l, accepted } => format!("transfer of {} {}", leg(*l), if *accepted { "accepted" } else { "refused" }),
        Effect::TransferResult { leg: l, status } => format!("transfer of {} ends {status}", leg(*l)),
        Effect::Listen(l, terms) => format!("listen to {} {:?} {:?} {:?}", leg(*l), terms.max, terms.silence, terms.patience),
        Effect::StopListening(l) => format!("stop listening to {}", leg(*l)),
        Effect::KeepPrompt { leg: _, name, wav } => format!("keep {name}, {wav:?}"),
        Effect::Record(_, record) => record_words(record),
        Effect::Reply(ticket, Ok(Done::Nothing)) => format!("reply {} Ok(())", ticket.0),
        Effect::Reply(ticket, Ok(Done::Callback(callback))) => format!("reply {} Ok({})", ticket.0, callback.id.0),
        Effect::Reply(ticket, Ok(Done::Call(call))) => format!("reply {} Ok(call {})", ticket.0, call.0),
        Effect::Reply(ticket, result) => format!("reply {} {result:?}", ticket.0),
        Effect::Idle => "idle".to_owned(),
    }
}

fn record_words(record: &Record) -> String {
    match record {
        Record::Opened { call, direction, .. } => {
            let direction = match direction {
                Direction::Incoming => "incoming",
                Direction::Outgoing => "outgoing",
                Direction::Internal => "internal",
            };
            format!("open {} {direction}", call.0)
        }
        Record::Answered { call, by, .. } => format!("write {} answered by {}", call.0, by.as_ref().map_or("-", |e| &e.0)),
        Record::Ended { call, outcome, during, short, .. } => {
            let (outcome, reason) = outcome.words();
            let reason = reason.map(|r| format!(": {r}")).unwrap_or_default();
            let during = during.map(|d| format!(" during {}", d.0)).unwrap_or_default();
            format!("end {} {outcome}{reason}{during}{}", call.0, if *short { " short" } else { "" })
        }
        Record::Draft { call, .. } => format!("draft of {}", call.0),
        Record::Callback(c) => callback_words(c),
        Record::Clip { call, wav, .. } => format!("clip of {}, {wav:?}", call.0),
        Record::Outage { from, to, what } => format!("outage of {what}, {} s", (*to - *from).num_seconds()),
    }
}
