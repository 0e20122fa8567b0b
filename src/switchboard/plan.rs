//! The dial plan's decisions, as the line acts on them.

use crate::dialplan::route::{Kind, route};
use crate::dialplan::rules::Rules;
use crate::domain::call::Extension;

use super::effect::Refuse;
use super::line::{Route, Router};

impl Router for Rules {
    fn route(&self, from: &Extension, digits: &str) -> Route {
        match route(digits, from, self).kind {
            Kind::Emergency(permit) => Route::Outside { party: permit.called(), permit, emergency: true },
            Kind::Outside(permit) => Route::Outside { party: permit.called(), permit, emergency: false },
            Kind::Extension(extension) => Route::Extension(extension),
            // no code has its function yet: said like any number that leads nowhere
            Kind::Code(_) => Route::Refused { why: Refuse::NotFound, prompt: "numero-inexistant" },
            Kind::Refused(refusal) => {
                let why = if refusal.status() == 403 { Refuse::Barred } else { Refuse::NotFound };
                Route::Refused { why, prompt: refusal.prompt() }
            }
        }
    }
}
