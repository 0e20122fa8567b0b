//! The control page's HTML: French, plain, without a script.

use super::Button;
use crate::demo::recordings::Recording;

/// Colours are said for light and dark: what a browser takes by itself is not always readable.
const STYLE: &str = ":root{color-scheme:light dark;--fond:#fff;--texte:#1b1b1b;--lien:#0b4fa8}\
    @media (prefers-color-scheme:dark){:root{--fond:#161616;--texte:#eee;--lien:#9cc3ff}}html{background:var(--fond);color:var(--texte)}\
    body{font:1.1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:44rem;padding:1rem}form{display:block;margin:.5rem 0}\
    button,a.bouton{display:inline-flex;align-items:center;font:inherit;min-height:3rem;min-width:3rem;padding:.4rem 1rem}\
    a{color:var(--lien)}button{width:100%;justify-content:center;background:var(--fond);color:var(--lien);border:2px solid;border-radius:.4rem}\
    audio{display:block;width:100%;min-height:3.4rem}";

/// `page` is the address of the agency's page, `told` what happened, newest first.
pub(super) fn html(page: &str, recordings: &[Recording], told: &[String]) -> String {
    let buttons: String = Button::ALL
        .iter()
        .map(|b| format!("<form method=\"post\" action=\"/jouer/{}\"><button>{}</button></form>\n", b.name(), escaped(b.label())))
        .collect();
    let told: String = told.iter().map(|what| format!("<li>{}</li>\n", escaped(what))).collect();
    let told = if told.is_empty() { "<p>Rien encore.</p>".to_owned() } else { format!("<ol>\n{told}</ol>") };
    format!(
        "<!doctype html>\n<html lang=\"fr\">\n<head><meta charset=\"utf-8\"><title>Démonstration : jouer des appels</title>\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <style>{STYLE}</style></head>\n<body><main>\n<h1>Jouer des appels</h1>\n\
         <p>Le programme tient le poste 11 et joue les clients. Le poste 12 est absent. Ce qui arrive se voit sur la page de l'agence.</p>\n\
         <p><a class=\"bouton\" href=\"{page}\">La page de l'agence</a> <a class=\"bouton\" href=\"/\">Actualiser</a></p>\n\
         {buttons}<h2>Ce qui s'est passé</h2>\n{told}\n{}</main></body>\n</html>\n",
        heard(recordings)
    )
}

fn heard(recordings: &[Recording]) -> String {
    if recordings.is_empty() {
        return String::new();
    }
    let one = |(n, recording): (usize, &Recording)| {
        let party = escaped(recording.party);
        format!(
            "<h3>{party}</h3>\n<audio controls preload=\"metadata\" aria-label=\"{party}\" src=\"/ecoute/{n}.wav\"></audio>\n\
             <p><a class=\"bouton\" href=\"/ecoute/{n}.wav\" download=\"ecoute-{n}.wav\">Télécharger : {party}</a></p>\n"
        )
    };
    let list: String = recordings.iter().enumerate().map(one).collect();
    format!(
        "<h2>Ce que chacun a entendu pendant le double appel</h2>\n\
         <p>L'appelant 1 parle en 500 Hz, l'appelant 2 en 650 Hz, le poste 11 en 1000 Hz ; la musique est en 700 Hz.</p>\n{list}"
    )
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
