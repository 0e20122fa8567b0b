//! Files as phones, mail programs and spreadsheets write them, and files made to hurt.

use std::path::Path;

use super::gathered::Gathered;
use super::{ImportError, gather};
use crate::domain::entropy::{Entropy, Seeded};

fn read(file: &str, bytes: &[u8]) -> Result<Gathered, ImportError> {
    gather(Path::new(file), bytes, &mut |_| ())
}

/// Number, name and note of each contact.
fn people(file: &str, bytes: &[u8]) -> Vec<String> {
    let gathered = read(file, bytes).unwrap();
    gathered.contacts().iter().map(|c| format!("{} {} {}", c.number.as_str(), c.name.as_str(), c.note).trim().to_owned()).collect()
}

fn wrong(file: &str, bytes: &[u8]) -> Vec<String> {
    read(file, bytes).unwrap().wrong.iter().map(|w| format!("{} {}", w.line, w.why)).collect()
}

#[test]
fn cards_of_every_version_with_several_numbers() {
    let three = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Martin;Jeanne;;;\r\nFN:Jeanne Martin\r\nitem1.TEL;TYPE=CELL:06 39 98 00 01\r\nTEL;TYPE=WORK:01.99.00.00.01\r\nNOTE:a\\, b\\nc\r\nEND:VCARD\r\n";
    assert_eq!(people("a.vcf", three.as_bytes()), ["+33639980001 Jeanne Martin a, b\nc", "+33199000001 Jeanne Martin a, b\nc"]);
    let four = "BEGIN:VCARD\nVERSION:4.0\nFN:Jeanne Martin\nTEL;VALUE=uri;TYPE=\"voice,home:x\":tel:+33-6-39-98-00-01;ext=5\nEND:VCARD\n";
    assert_eq!(people("a.vcf", four.as_bytes()), ["+33639980001 Jeanne Martin"]);
    let two = b"BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:Lef=E8vre;Zo=E9\r\nTEL;CELL:+33639980001\r\nEND:VCARD\r\n";
    assert_eq!(people("a.vcf", two), ["+33639980001 Zoé Lefèvre"]);
    let utf8 = b"BEGIN:VCARD\r\nVERSION:2.1\r\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Zo=C3=A9 =\r\nLef=C3=A8vre=20=\r\n=20de la Tour\r\nTEL:0639980001\r\nEND:VCARD";
    assert_eq!(people("a.vcf", utf8), ["+33639980001 Zoé Lefèvre  de la Tour"]);
    let bare = b"BEGIN:VCARD\rVERSION:3.0\rFN:Zo\xe9\rTEL:0639980001\rEND:VCARD\r";
    assert_eq!(people("sans-nom-de-fichier", bare), ["+33639980001 Zoé"], "Latin-1, CR alone, known by what it says");
}

#[test]
fn folded_lines_agents_photos_and_names_that_stand_elsewhere() {
    let folded = "\u{feff}BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Jeanne \r\n Mar\r\n\ttin\r\nPHOTO;ENCODING=b:AAAA\r\n BBBB\r\nTEL:06399\r\n 80001\r\nEND:VCARD\r\n";
    assert_eq!(people("a.vcf", folded.as_bytes()), ["+33639980001 Jeanne Martin"]);
    let agent =
        "BEGIN:VCARD\nVERSION:2.1\nFN:Durand\nAGENT:\nBEGIN:VCARD\nFN:Autre\nTEL:0199000001\nEND:VCARD\nTEL:0639980001\nEND:VCARD\n";
    assert_eq!(people("a.vcf", agent.as_bytes()), ["+33639980001 Durand"]);
    let company = "BEGIN:VCARD\nVERSION:3.0\nFN:\nN:;;;;\nORG:Garage\\; Martin;Atelier\nTEL:0639980001\nEND:VCARD\n";
    assert_eq!(people("a.vcf", company.as_bytes()), ["+33639980001 Garage; Martin"]);
}

#[test]
fn cards_that_cannot_serve_are_named_by_their_line() {
    let text = "du texte\nencore\nBEGIN:VCARD\nFN:Sans fin\nTEL:0639980001\nBEGIN:VCARD\nFN:Durand\nTEL:06 39\nTEL:639980002\nEND:VCARD\nEND:VCARD\nBEGIN:VCARD\nFN:Seule\nEND:VCARD\nBEGIN:VCARD\n";
    assert_eq!(
        wrong("a.vcf", text.as_bytes()),
        [
            "1 hors d'une fiche (BEGIN:VCARD)",
            "3 la fiche n'est pas finie (END:VCARD manque)",
            "6 « 06 39 » : Il manque 6 chiffres",
            "11 END:VCARD sans BEGIN:VCARD",
            "12 pas de numéro pour « Seule »",
            "15 la fiche n'est pas finie (END:VCARD manque)",
        ]
    );
    let gathered = read("a.vcf", text.as_bytes()).unwrap();
    assert_eq!((gathered.contacts().len(), gathered.lacking.len(), gathered.lacking[0].0), (0, 1, 6));
}

#[test]
fn tables_of_every_kind() {
    for text in [
        "nom;numéro;note\nJeanne Martin;06 39 98 00 01;habite au 3\n",
        "\u{feff}\"Name\",\"Number\",\"Note\"\r\n\"Jeanne Martin\",\"+33639980001\",\"habite au 3\"\r\n",
        "Téléphone\tNom\tRemarque\n0639980001\tJeanne Martin\thabite au 3\n",
        "sep=,\nPrénom,Nom,N° de téléphone,Notes\nJeanne,Martin,0033639980001,habite au 3\n",
        "\n\nNOM ; NUMERO ; COMMENTAIRE\n\n Jeanne Martin ; '0639980001 ; habite au 3 \n;;\n",
        "Type de téléphone;Société;Tél. mobile;Note;Nom\nmobile;Garage;=\"0639980001\";habite au 3;Jeanne Martin\n",
    ] {
        assert_eq!(people("a.csv", text.as_bytes()), ["+33639980001 Jeanne Martin habite au 3"], "{text}");
    }
    assert_eq!(people("a.csv", b"nom;num\xe9ro\nZo\xe9;0639980001\n"), ["+33639980001 Zoé"], "Latin-1");
    let utf16: Vec<u8> = "\u{feff}nom\ttel\nZoé\t0639980001\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(people("a.txt", &utf16), ["+33639980001 Zoé"], "as Excel writes text");
    let several = "nom;fixe;portable;fax\nZoé;01 99 00 00 01;06 39 98 00 01;01 99 00 00 09\n";
    assert_eq!(people("a.csv", several.as_bytes()), ["+33199000001 Zoé", "+33639980001 Zoé"]);
}

#[test]
fn rows_that_cannot_serve_are_named_by_their_line() {
    let text = "nom;numéro\nMartin;06 39 98\n;0639980001\nDurand;\n\"deux\nlignes\";0639980002\nPetit;abc\nSeul\n";
    assert_eq!(
        wrong("a.csv", text.as_bytes()),
        [
            "2 « 06 39 98 » : Il manque 4 chiffres",
            "3 pas de nom",
            "4 pas de numéro pour « Durand »",
            "7 « abc » : Un numéro ne contient que des chiffres, pas « a »",
            "8 pas de numéro pour « Seul »",
        ]
    );
    assert_eq!(people("a.csv", text.as_bytes()), ["+33639980002 deuxlignes"]);
    for headless in ["Martin;0639980001\n", "", "\n\n", "nom;prénom\n", "numéro;note\n"] {
        assert!(matches!(read("a.csv", headless.as_bytes()), Err(ImportError::Header)), "{headless}");
    }
}

#[test]
fn what_is_no_file_of_contacts_is_refused() {
    for (file, bytes) in
        [("a.xlsx", &b"PK\x03\x04\0\0"[..]), ("a.csv", b"nom;numero\n\0\0"), ("a.pdf", b"%PDF-1.7"), ("a", b"nom;numero\n")]
    {
        assert!(matches!(read(file, bytes), Err(ImportError::Kind(_))), "{file}");
    }
}

#[test]
fn files_made_to_hurt_cost_little_and_give_nothing() {
    const HUGE: usize = 8 * 1024 * 1024;
    let long = |head: &str, tail: &str| [head.as_bytes(), &vec![b'x'; HUGE], tail.as_bytes()].concat();
    let name = people("a.vcf", &long("BEGIN:VCARD\nFN:", "\nTEL:0639980001\nEND:VCARD\n"));
    assert_eq!(name, [format!("+33639980001 {}", "x".repeat(64))]);
    assert_eq!(wrong("a.vcf", &long("BEGIN:VCARD\nFN:a\nTEL:", "\nEND:VCARD\n")).len(), 1);
    assert_eq!(wrong("a.vcf", &long("", "")), ["1 hors d'une fiche (BEGIN:VCARD)"]);
    let folds = ["BEGIN:VCARD\nFN:a".as_bytes(), &b"\n b".repeat(1_000_000), b"\nTEL:0639980001\nEND:VCARD"].concat();
    assert_eq!(people("a.vcf", &folds).len(), 1);
    assert!(read("a.vcf", &b"BEGIN:VCARD\n".repeat(500_000)).unwrap().wrong_count == 500_000);
    assert_eq!(
        wrong("a.csv", &long("nom;numéro\n\"", ";0639980001\n")),
        ["2 une case est bien trop longue : un guillemet n'est pas fermé ?"]
    );
    assert!(matches!(read("a.csv", &long("nom", ";x")), Err(ImportError::Header)));
    assert!(matches!(read("a.csv", &b";".repeat(1_000_000)), Err(ImportError::Header)));
}

#[test]
fn a_text_that_is_too_long_is_cut_between_two_letters() {
    let card = |lines: &str| format!("BEGIN:VCARD\nFN:Durand\nTEL:0639980001\n{lines}\nEND:VCARD\n");
    let escaped = "=C3=A9".repeat(4000);
    for shift in ["", "a", "ab"] {
        let plain = people("a.vcf", card(&format!("NOTE:{shift}{}", "é".repeat(8000))).as_bytes()).concat();
        let quoted = people("a.vcf", card(&format!("NOTE;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:{shift}{escaped}")).as_bytes()).concat();
        for note in [plain, quoted] {
            let rest = note.strip_prefix("+33639980001 Durand ").unwrap().trim_start_matches(shift);
            assert!(!rest.is_empty() && rest.chars().all(|c| c == 'é'), "{:.80}", rest.trim_start_matches('é'));
        }
    }
}

#[test]
fn any_bytes_are_read_without_a_panic() {
    let pieces: [&[u8]; 16] = [
        b"BEGIN:VCARD",
        b"END:VCARD",
        b"\r\n",
        b"\n ",
        b"=\r\n",
        b"TEL;ENCODING=QUOTED-PRINTABLE:",
        b"=E9",
        b"=",
        b"\\",
        b";",
        b":",
        b"\"",
        b"AGENT:\n",
        b"nom;num\xe9ro\n",
        b"0639980001",
        b"\xff\xfe",
    ];
    let mut entropy = Seeded(7);
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..entropy.u32() % 24).flat_map(|_| pieces[entropy.u32() as usize % pieces.len()].to_vec()).collect();
        for file in ["a.vcf", "a.csv"] {
            let _ = read(file, &bytes).map(|gathered| assert!(gathered.contacts().len() <= 1));
        }
    }
}
