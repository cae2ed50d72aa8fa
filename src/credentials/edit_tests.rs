use proptest::prelude::*;

use super::*;

const ID: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const OLD: &str = "11111111-2222-3333-4444-555555555555";

fn edited(old: &str, secret: &str) -> String {
    let edited = with_pair(old.as_bytes(), ID.parse().unwrap(), &Secret::from(secret)).unwrap();
    String::from_utf8(edited.bytes.to_vec()).unwrap()
}

#[test]
fn each_line_keeps_its_style_and_everything_else_its_place() {
    for (old, new) in [
        (
            format!("# ours\nDB=x y\nAZUREAD_CID={OLD}\n\nAZUREAD_CIS=old # until May\nZ=1\n"),
            format!("# ours\nDB=x y\nAZUREAD_CID={ID}\n\nAZUREAD_CIS=n~w.x # until May\nZ=1\n"),
        ),
        (format!("export AZUREAD_CID={OLD}\nexport AZUREAD_CIS=old\n"), format!("export AZUREAD_CID={ID}\nexport AZUREAD_CIS=n~w.x\n")),
        (format!("AZUREAD_CID = \"{OLD}\"  # id\nAZUREAD_CIS = 'old'\n"), format!("AZUREAD_CID = \"{ID}\"  # id\nAZUREAD_CIS = 'n~w.x'\n")),
        (format!("\u{feff}AZUREAD_CID={OLD}\r\nAZUREAD_CIS=old\r\n"), format!("\u{feff}AZUREAD_CID={ID}\r\nAZUREAD_CIS=n~w.x\r\n")),
        (format!("AZUREAD_CIS=old\r\nA=1\r\nAZUREAD_CID={OLD}"), format!("AZUREAD_CIS=n~w.x\r\nA=1\r\nAZUREAD_CID={ID}")),
        // The last of a key counts.
        (
            format!("AZUREAD_CIS=first\nAZUREAD_CIS=old\nAZUREAD_CID={OLD}\n"),
            format!("AZUREAD_CIS=first\nAZUREAD_CIS=n~w.x\nAZUREAD_CID={ID}\n"),
        ),
        // The second secret of a rotation is not ours to change.
        (
            format!("AZUREAD_CID={OLD}\nAZUREAD_CIS=old\nAZUREAD_CIS_NEXT=next\n"),
            format!("AZUREAD_CID={ID}\nAZUREAD_CIS=n~w.x\nAZUREAD_CIS_NEXT=next\n"),
        ),
        // What is missing comes at the end, as the other is written.
        ("A=1".to_owned(), format!("A=1\nAZUREAD_CID={ID}\nAZUREAD_CIS=n~w.x\n")),
        ("A=1\r\n".to_owned(), format!("A=1\r\nAZUREAD_CID={ID}\r\nAZUREAD_CIS=n~w.x\r\n")),
        (format!("export AZUREAD_CID='{OLD}'\n"), format!("export AZUREAD_CID='{ID}'\nexport AZUREAD_CIS='n~w.x'\n")),
        ("AZUREAD_CIS = \"old\"\n".to_owned(), format!("AZUREAD_CIS = \"n~w.x\"\nAZUREAD_CID = \"{ID}\"\n")),
        (String::new(), format!("{HEADING}\nAZUREAD_CID={ID}\nAZUREAD_CIS=n~w.x\n")),
        // Malformed lines of ours are mended.
        (format!("AZUREAD_CID {OLD}\nAZUREAD_CIS=\"half\n"), format!("AZUREAD_CID={ID}\nAZUREAD_CIS=n~w.x\n")),
        ("AZUREAD_CID=\nexport AZUREAD_CIS = \n".to_owned(), format!("AZUREAD_CID={ID}\nexport AZUREAD_CIS = n~w.x\n")),
    ] {
        assert_eq!(edited(&old, "n~w.x"), new, "from {old:?}");
        assert_eq!(edited(&new, "n~w.x"), new, "a second time");
    }
}

#[test]
fn a_value_that_its_style_cannot_hold_is_quoted() {
    let line = |old: &str, secret: &str| edited(&format!("AZUREAD_CID={ID}\n{old}\n"), secret).lines().nth(1).unwrap().to_owned();
    assert_eq!(line("AZUREAD_CIS=old", "a&b #c"), "AZUREAD_CIS='a&b #c'");
    assert_eq!(line("AZUREAD_CIS = old", "#c"), "AZUREAD_CIS = '#c'");
    assert_eq!(line("AZUREAD_CIS='old'", "it's"), "AZUREAD_CIS=\"it's\"");
    assert_eq!(line("AZUREAD_CIS=old", "a&b"), "AZUREAD_CIS=a&b");
    // A file with export is sourced by a shell.
    assert_eq!(line("export AZUREAD_CIS=old", "a&b"), "export AZUREAD_CIS='a&b'");
    assert_eq!(line("export AZUREAD_CIS=old", "~ab"), "export AZUREAD_CIS='~ab'");
}

#[test]
fn what_cannot_be_written_is_refused_without_a_word_of_it() {
    for (old, secret) in [(&b"A=1\n\xff\n"[..], "s"), (b"", "a\nb"), (b"", "00000000-1111-2222-3333-444444444444"), (b"", "'a\" #b")] {
        let problem = with_pair(old, ID.parse().unwrap(), &Secret::from(secret)).unwrap_err();
        assert!(secret.len() < 3 || !format!("{problem:?}").contains(secret), "{problem:?}");
    }
}

#[test]
fn what_is_good_by_itself_is_known() {
    let found = known(format!("AZUREAD_CID={OLD}\r\n").as_bytes());
    assert_eq!((found.client_id.map(|id| id.to_string()).as_deref(), found.secret.is_none()), (Some(OLD), true));
    let found = known(b"AZUREAD_CID=x\nAZUREAD_CIS='s'\n");
    assert_eq!((found.client_id, found.secret), (None, Some(Secret::from("s"))));
    assert!(known(b"AZUREAD_CIS=00000000-1111-2222-3333-444444444444\n").secret.is_none());
}

proptest! {
    #[test]
    fn whatever_the_file_holds_the_pair_is_read_back_and_other_lines_stay(
        old in "((export )?(AZUREAD_CID|AZUREAD_CIS|AZUREAD_CIS_NEXT|DB)( = |=| )?['\"]?[a-z #]{0,4}['\"]?(\n|\r\n)){0,5}[a-z=]{0,4}",
        secret in "[!-~]{1,12}",
    ) {
        prop_assume!(!(secret.contains('\'') && secret.contains('"')));
        let id: ClientId = ID.parse().unwrap();
        let edited = with_pair(old.as_bytes(), id, &Secret::from(secret.as_str())).unwrap();
        match grammar::parse(&edited.bytes).outcome {
            Outcome::Pair(pair) => prop_assert!(pair.client_id == id && pair.secret.expose() == &secret),
            other => prop_assert!(false, "{other:?}"),
        }
        let text = String::from_utf8(edited.bytes.to_vec()).unwrap();
        let is_ours = |line: &str| line == HEADING || matches!(grammar::entry(line), Some((Key::ClientId | Key::Secret, _)));
        let foreign = |text: &str| -> Vec<String> { text.lines().filter(|line| !is_ours(line)).map(str::to_owned).collect() };
        prop_assert_eq!(foreign(&text), foreign(&old));
    }
}
