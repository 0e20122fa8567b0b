//! Contacts against the real process: imported while it runs, shown on a ringing phone, exported, erased, saved and put back.

use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use rappel::demo::scene::Scene;
use serde_json::Value;

use crate::stage::{ONE, SOON, TWO, quiet, scene};

const CARD: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Jeanne Martin\r\nTEL;TYPE=CELL:06 39 98 00 01\r\nEND:VCARD\r\n";

fn run(scene: &Scene, args: &[&str]) -> Output {
    scene.service.run(args, "").unwrap()
}

/// What it says, having gone well.
#[track_caller]
fn said(scene: &Scene, args: &[&str]) -> String {
    let done = run(scene, args);
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn import(scene: &Scene, name: &str, text: &str) -> String {
    let file = scene.service.folder().join(name);
    std::fs::write(&file, text).unwrap();
    said(scene, &["import", "contacts", &file.to_string_lossy()])
}

fn missed(scene: &mut Scene, number: &str) -> Value {
    let caller = scene.caller(number).unwrap();
    assert!(caller.wait_final(SOON).is_some());
    scene.row(number)
}

#[test]
fn a_contact_imported_while_the_service_runs_is_shown_by_the_ringing_phone() {
    let mut scene = scene("[line]\nring_seconds = 2");
    assert_eq!(import(&scene, "contacts.vcf", CARD), "1 contact ajouté, 0 modifié, 0 déjà connu.\n");
    assert_eq!(import(&scene, "contacts.vcf", CARD), "0 contact ajouté, 0 modifié, 1 déjà connu.\n");
    let caller = scene.caller(ONE).unwrap();
    let leg = scene.phone_11.expect_call(SOON).unwrap();
    let invite = format!("{:?}", leg.invite().unwrap());
    assert!(invite.contains("Jeanne Martin"), "{invite}");
    caller.cancel(None);
    assert_eq!(scene.row(ONE)["name"], "Jeanne Martin");
    let found = scene.service.client().unwrap().get("/api/contacts?q=jeanne").unwrap().json();
    assert_eq!(found["contacts"][0]["display"], "06 39 98 00 01");
}

#[test]
fn what_is_wrong_in_a_file_is_named_and_what_lacks_its_0_is_proposed() {
    let scene = quiet("");
    let text = "nom;numéro\nMartin;639980001\nDurand;06 39\nPetit;0639980002\n";
    let told = import(&scene, "contacts.csv", text);
    assert!(told.contains("ligne 3 : « 06 39 » : Il manque 6 chiffres") && told.contains("ligne 2 : Martin, 06 39 98 00 01 ?"), "{told}");
    assert!(told.ends_with("1 contact ajouté, 0 modifié, 0 déjà connu.\n"), "{told}");
    let file = scene.service.folder().join("contacts.csv");
    let told = said(&scene, &["import", "contacts", &file.to_string_lossy(), "--zero"]);
    assert!(told.ends_with("1 contact ajouté, 0 modifié, 1 déjà connu.\n"), "{told}");
    std::fs::write(&file, "nom;numéro\nDurand;06\n").unwrap();
    let refused = run(&scene, &["import", "contacts", &file.to_string_lossy()]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("rien n'a été changé"));
}

#[test]
fn lists_are_exported_whole_and_private() {
    let mut scene = quiet("");
    missed(&mut scene, ONE);
    missed(&mut scene, TWO);
    let csv = said(&scene, &["export", "calls", "--format", "csv"]);
    assert!(csv.starts_with("\u{feff}\"date\";") && csv.lines().count() == 3 && csv.contains("\"06.39.98.00.01\""), "{csv}");
    let json: Value = serde_json::from_str(&said(&scene, &["export", "callbacks", "--format", "json"])).unwrap();
    assert_eq!(json["callbacks"].as_array().map(Vec::len), Some(2));
    let none: Value = serde_json::from_str(&said(&scene, &["export", "calls", "--format", "json", "--to", "2020-01-01"])).unwrap();
    assert_eq!(none["calls"].as_array().map(Vec::len), Some(0));
    let file = scene.service.folder().join("appels.xlsx");
    said(&scene, &["export", "calls", "--format", "xlsx", "--out", &file.to_string_lossy()]);
    assert!(std::fs::read(&file).unwrap().starts_with(b"PK\x03\x04"));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let nowhere = run(&scene, &["export", "calls", "--format", "csv", "--out", "/nulle/part/appels.csv"]);
    assert!(!nowhere.status.success() && String::from_utf8_lossy(&nowhere.stderr).contains("ne peut pas être écrit"));
}

#[test]
fn everything_about_a_number_is_shown_then_erased_from_the_disk_too() {
    let mut scene = quiet("");
    import(&scene, "contacts.vcf", &CARD.replace("Jeanne", "Zéphyrine"));
    std::fs::remove_file(scene.service.folder().join("contacts.vcf")).unwrap();
    missed(&mut scene, ONE);
    missed(&mut scene, TWO);
    let shown: Value = serde_json::from_str(&said(&scene, &["dump", "--number", "+33 6 39 98 00 01"])).unwrap();
    assert_eq!((&shown["count"]["total"], &shown["callbacks"][0]["name"]), (&Value::from(3), &Value::from("Zéphyrine Martin")));
    let told = said(&scene, &["erase", "--number", ONE]);
    assert!(told.starts_with("06 39 98 00 01 : 1 contact, 1 appel et 1 rappel effacés."), "{told}");
    let api = ["/api/calls", "/api/callbacks?view=all", "/api/contacts?q=zephyrine"]
        .map(|path| scene.service.client().unwrap().get(path).unwrap().text());
    assert!(!api.concat().contains("639980001") && api.concat().contains("639980002"), "{api:?}");
    for file in std::fs::read_dir(scene.service.folder().join("var")).unwrap().flatten() {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        for left in ["639980001", "Zéphyrine", "zephyrine"] {
            assert!(!bytes.windows(left.len()).any(|w| w == left.as_bytes()), "{left} is still in {:?}", file.path());
        }
    }
    let empty: Value = serde_json::from_str(&said(&scene, &["dump", "--number", ONE])).unwrap();
    assert_eq!(empty["count"]["total"], 0);
}

#[test]
fn a_backup_taken_while_the_service_runs_is_put_back_once_it_has_stopped() {
    let mut scene = quiet("");
    missed(&mut scene, ONE);
    let copy = scene.service.folder().join("copie");
    let copy = copy.to_string_lossy();
    said(&scene, &["backup", &copy]);
    missed(&mut scene, TWO);
    let refused = run(&scene, &["restore", &copy]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("Arrêtez-le d'abord"));
    scene.service.kill();
    let bad = run(&scene, &["restore", "agence.toml"]);
    assert!(!bad.status.success() && String::from_utf8_lossy(&bad.stderr).contains("n'est pas une sauvegarde"));
    said(&scene, &["restore", &copy]);
    scene.service.serve().unwrap();
    let numbers: Vec<Value> =
        scene.service.calls().unwrap().iter().filter(|r| r["outcome"] == "missed").map(|r| r["number"].clone()).collect();
    assert_eq!(numbers, ["+33639980001"]);
}
