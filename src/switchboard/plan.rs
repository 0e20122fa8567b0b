//! The dial plan's decisions, as the line acts on them.

use crate::dialplan::route::{Kind, route};
use crate::dialplan::rules::Rules;
use crate::domain::call::Extension;
use crate::domain::identity::Caller;
use crate::domain::text::ScreenText;

use super::config::{Route, Router};
use super::effect::Refuse;

impl Router for Rules {
    fn route(&self, extension: &Extension, digits: &str) -> Route {
        let party = || Caller::Unreadable(ScreenText::clean(digits));
        match route(digits, extension, self).kind {
            Kind::Emergency(permit) => Route::Emergency { party: permit.called(), permit },
            Kind::Outside(permit) => Route::Outside { party: permit.called(), permit },
            Kind::Extension(extension) => Route::Extension(extension),
            // no code has its function yet: said like any number that leads nowhere
            Kind::Code(_) => Route::Refused { why: Refuse::NotFound, party: party(), prompts: vec!["numero-inexistant"] },
            Kind::Refused(refusal) => {
                let why = if refusal.status() == 403 { Refuse::Barred } else { Refuse::NotFound };
                Route::Refused { why, party: party(), prompts: vec![refusal.prompt()] }
            }
        }
    }
}
