//! The banners of the line and the facts they are drawn from: trunks lost, calls taken by the operator's voicemail, strangers' calls.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::call::{Extension, Record};
use crate::domain::now::Now;
use crate::domain::status::{Alert, Health};

use super::effect::Effect;
use super::line::Line;

/// Banners kept; the oldest goes first.
const MAX_ALERTS: usize = 16;
/// Strangers told at a time: the newest ones, in the place of no other banner.
const MAX_STRANGERS: usize = 4;
/// Unanswered calls given up at one delay that raise a suspicion (RULES 2.7), and how far from it each may be.
const VOICEMAIL_CALLS: usize = 3;
const VOICEMAIL_SPREAD: Duration = Duration::from_millis(500);
/// A call given up sooner is `short` (row 3), and no voicemail's doing.
pub(super) const SHORT: Duration = Duration::from_secs(3);

const UNKNOWN_SOURCE: &str = "unknown_source";
const FRAUD: &str = "fraud";
/// Banners about the records: what happened, what it means, what to do.
const JOURNAL: &str = "La base de données ne prend plus d'écriture : les appels passent et sont gardés dans le journal, sans perte. \
    Vérifiez la place sur le disque, et qu'aucun autre programme n'utilise rappel.db ; tout sera repris sans redémarrage.";
const FAILING: &str = "Le disque ne prend plus rien : les appels passent, mais ne sont notés qu'en mémoire, et un arrêt les perdrait. \
    Libérez de la place sur le disque ; tout sera écrit dès que possible, sans redémarrage.";
const STALLED: &str = "Le disque ne répond plus : les appels passent, mais ne sont notés qu'en mémoire, et un arrêt les perdrait. \
    Vérifiez le disque ; tout sera écrit dès qu'il répondra, sans redémarrage.";

#[derive(Debug)]
pub(super) struct Alerts {
    shown: Vec<Alert>,
    /// After how long the last callers gave up.
    given_up: VecDeque<Duration>,
    /// The delay that the voicemail banner names.
    voicemail: Option<Duration>,
    trunks: Vec<TrunkHealth>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TrunkHealth {
    /// Nothing was heard of it yet.
    Unknown,
    Usable,
    Lost(DateTime<Utc>),
}

impl Alerts {
    pub(super) fn new(trunks: usize) -> Alerts {
        Alerts { shown: Vec::new(), given_up: VecDeque::new(), voicemail: None, trunks: vec![TrunkHealth::Unknown; trunks] }
    }

    pub(super) fn shown(&self) -> Vec<Alert> {
        self.shown.clone()
    }

    /// Raised once for each text.
    fn raise(&mut self, now: Now, kind: &'static str, text: String) -> bool {
        if self.shown.iter().any(|alert| alert.text == text) {
            return false;
        }
        if self.shown.len() >= MAX_ALERTS {
            self.shown.remove(0);
        }
        self.shown.push(Alert { kind, text, since: now.wall });
        true
    }

    pub(super) fn clear(&mut self, kind: &str) {
        self.shown.retain(|alert| alert.kind != kind);
    }

    pub(super) fn unknown_source(&mut self, now: Now, address: IpAddr) -> bool {
        let strangers = |alert: &Alert| alert.kind == UNKNOWN_SOURCE;
        let text = format!("Un appel est arrivé d'une adresse inconnue ({address}) ; l'ajouter à peers ?");
        if self.shown.iter().all(|alert| alert.text != text) && self.shown.iter().filter(|a| strangers(a)).count() >= MAX_STRANGERS {
            self.shown.iter().position(strangers).map(|oldest| self.shown.remove(oldest));
        }
        self.raise(now, UNKNOWN_SOURCE, text)
    }

    pub(super) fn emergency(&mut self, now: Now) {
        self.clear("emergency");
        self.raise(now, "emergency", "Appel d'urgence passé : pendant 60 minutes, tous les postes sonnent à chaque appel.".to_owned());
    }

    /// A phone wants an outside call. Beyond its `limit` of them in an hour somebody else may hold it, or its password (THREATS 2).
    pub(super) fn counted(&mut self, now: Now, phone: &Extension, limit: Option<usize>) {
        let begins = format!("Le poste {} a fait ", phone.0);
        match limit {
            None => self.shown.retain(|alert| alert.kind != FRAUD || !alert.text.starts_with(&begins)),
            Some(limit) => {
                let text = format!(
                    "{begins}{limit} appels sortants en une heure : les suivants sont refusés. Vérifiez qui l'utilise, et son mot de passe."
                );
                self.raise(now, FRAUD, text);
            }
        }
    }

    /// What a person must know of where records go, and do about it; `true` when the banners changed.
    pub(super) fn records(&mut self, now: Now, health: Health) -> bool {
        let said = match health {
            Health::Ok => None,
            Health::Journal => Some(("journal", JOURNAL)),
            Health::Failing => Some(("disk", FAILING)),
            Health::Stalled => Some(("disk", STALLED)),
        };
        let before = self.shown.len();
        self.shown.retain(|alert| !matches!(alert.kind, "journal" | "disk") || said.is_some_and(|(_, text)| alert.text == text));
        let cleared = self.shown.len() != before;
        said.is_some_and(|(kind, text)| self.raise(now, kind, text.to_owned())) || cleared
    }

    /// An incoming call ended after `rang`, given up by its caller or not.
    pub(super) fn rang(&mut self, now: Now, rang: Duration, gave_up: bool) {
        if !gave_up {
            return;
        }
        if self.voicemail.is_some_and(|delay| rang > delay + 2 * VOICEMAIL_SPREAD) {
            self.voicemail = None;
            self.clear("operator_voicemail");
        }
        if rang < SHORT {
            return;
        }
        self.given_up.push_back(rang);
        if self.given_up.len() > VOICEMAIL_CALLS {
            self.given_up.pop_front();
        }
        let (Some(least), Some(most)) = (self.given_up.iter().min(), self.given_up.iter().max()) else { return };
        if self.given_up.len() == VOICEMAIL_CALLS && *most - *least <= 2 * VOICEMAIL_SPREAD {
            let delay = (*least + *most) / 2;
            let seconds = (delay + Duration::from_millis(500)).as_secs();
            self.voicemail = Some(delay);
            self.clear("operator_voicemail");
            let text = format!("Votre opérateur reprend les appels au bout de {seconds} s : coupez sa messagerie ou baissez ring_seconds.");
            self.raise(now, "operator_voicemail", text);
        }
    }

    /// Calls may be sent there: it was not heard to be lost.
    pub(super) fn trunk_usable(&self, trunk: usize) -> bool {
        self.trunks.get(trunk).is_some_and(|health| !matches!(health, TrunkHealth::Lost(_)))
    }
}

/// How the banner of a refused registration begins; its code follows.
fn refused_text(name: &str) -> String {
    format!("L'opérateur refuse la ligne {name} (code ")
}

fn outage_text(name: &str) -> String {
    format!("La ligne {name} est hors service : des appels se perdent peut-être.")
}

impl Line {
    pub(super) fn trunk_refused(&mut self, now: Now, trunk: usize, status: u16) {
        let Some(name) = self.config.trunks.get(trunk).map(|t| t.name.clone()) else { return };
        let text = format!("{}{status}) : vérifiez son identifiant et son mot de passe.", refused_text(&name));
        self.alerts.raise(now, "outage", text);
        self.touch();
    }

    /// The service ends while trunks are lost: their rows are written now, nobody else will (row 27).
    pub(super) fn still_lost(&mut self, now: Now, out: &mut Vec<Effect>) {
        for trunk in 0..self.alerts.trunks.len() {
            let (health, name) = (self.alerts.trunks.get(trunk).copied(), self.config.trunks.get(trunk).map(|t| t.name.clone()));
            if let (Some(TrunkHealth::Lost(from)), Some(what)) = (health, name)
                && now.wall > from
            {
                self.record(Record::Outage { from, to: now.wall, what }, out);
            }
        }
    }

    pub(super) fn trunk(&mut self, now: Now, trunk: usize, usable: bool, out: &mut Vec<Effect>) {
        let Some(name) = self.config.trunks.get(trunk).map(|t| t.name.clone()) else { return };
        if usable {
            self.alerts.shown.retain(|alert| !alert.text.starts_with(&refused_text(&name)));
        }
        let Some(health) = self.alerts.trunks.get_mut(trunk) else { return };
        let lost = match (*health, usable) {
            (TrunkHealth::Usable, true) | (TrunkHealth::Lost(_), false) => return,
            (TrunkHealth::Unknown | TrunkHealth::Usable, false) => {
                *health = TrunkHealth::Lost(now.wall);
                self.alerts.raise(now, "outage", outage_text(&name));
                None
            }
            (TrunkHealth::Unknown, true) => {
                *health = TrunkHealth::Usable;
                None
            }
            (TrunkHealth::Lost(from), true) => {
                *health = TrunkHealth::Usable;
                self.alerts.shown.retain(|alert| alert.text != outage_text(&name));
                Some(from)
            }
        };
        // a wall clock set back gives no length: no row
        if let Some(from) = lost.filter(|from| now.wall > *from) {
            self.record(Record::Outage { from, to: now.wall, what: name }, out);
        }
        self.touch();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::now::Instant;

    fn texts(delays_ms: &[u64]) -> Vec<String> {
        let now = Now { instant: Instant::ZERO, wall: DateTime::UNIX_EPOCH };
        let mut alerts = Alerts::new(0);
        for delay in delays_ms {
            alerts.rang(now, Duration::from_millis(*delay), true);
        }
        alerts.shown().into_iter().map(|a| a.text).collect()
    }

    #[test]
    fn three_calls_given_up_at_one_delay_name_it() {
        let said = "Votre opérateur reprend les appels au bout de 20 s : coupez sa messagerie ou baissez ring_seconds.".to_owned();
        assert_eq!(texts(&[20_100, 19_700, 20_400]), vec![said.clone()]);
        assert_eq!(texts(&[7_000, 20_100, 19_700, 20_400]), vec![said]);
    }

    #[test]
    fn banners_about_the_records_follow_one_another_and_go_when_all_is_well() {
        let now = |s| Now { instant: Instant::ZERO, wall: DateTime::from_timestamp(s, 0).unwrap_or_default() };
        let mut alerts = Alerts::new(0);
        alerts.emergency(now(0));
        let kinds = |alerts: &Alerts| alerts.shown().iter().map(|a| (a.kind, a.since.timestamp())).collect::<Vec<_>>();
        assert!(!alerts.records(now(1), Health::Ok));
        assert!(alerts.records(now(2), Health::Journal) && !alerts.records(now(3), Health::Journal));
        assert_eq!(kinds(&alerts), [("emergency", 0), ("journal", 2)]);
        assert!(alerts.records(now(4), Health::Failing));
        assert_eq!(kinds(&alerts), [("emergency", 0), ("disk", 4)]);
        assert!(alerts.records(now(5), Health::Stalled));
        assert_eq!(kinds(&alerts), [("emergency", 0), ("disk", 5)]);
        assert!(alerts.records(now(6), Health::Ok));
        assert_eq!(kinds(&alerts), [("emergency", 0)]);
    }

    #[test]
    fn strangers_take_no_other_banners_place_and_the_newest_are_told() {
        let now = Now { instant: Instant::ZERO, wall: DateTime::UNIX_EPOCH };
        let mut alerts = Alerts::new(0);
        alerts.emergency(now);
        for last in 1..=40u8 {
            assert!(alerts.unknown_source(now, IpAddr::from([203, 0, 113, last])));
            assert!(!alerts.unknown_source(now, IpAddr::from([203, 0, 113, last])));
        }
        let told: Vec<String> = alerts.shown().into_iter().map(|alert| alert.text).collect();
        assert_eq!(told.len(), 1 + MAX_STRANGERS);
        assert!(
            told[0].starts_with("Appel d'urgence") && told[1].contains("(203.0.113.37)") && told[4].contains("(203.0.113.40)"),
            "{told:?}"
        );
    }

    #[test]
    fn other_delays_short_calls_and_a_longer_ring_say_nothing() {
        assert_eq!(texts(&[20_000, 18_000, 20_000]), Vec::<String>::new());
        assert_eq!(texts(&[1_000, 1_000, 1_000]), Vec::<String>::new());
        assert_eq!(texts(&[20_000, 20_000, 20_000, 23_000]), Vec::<String>::new());
    }
}
