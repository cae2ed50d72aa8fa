//! The grammar, row by row.

use proptest::prelude::*;

use super::*;

const ID: &str = "11111111-2222-3333-4444-555555555555";
const ID_LINE: &str = "AZUREAD_CID=11111111-2222-3333-4444-555555555555\n";

fn pair(observation: &Observation) -> (String, &str, Option<&str>) {
    let Outcome::Pair(pair) = &observation.outcome else { panic!("no pair: {observation:?}") };
    (pair.client_id.to_string(), pair.secret.expose(), pair.next.as_ref().map(|next| next.expose().as_str()))
}

fn problem(observation: &Observation) -> (&str, Option<u32>) {
    match &observation.outcome {
        Outcome::Missing(problem) | Outcome::Rejected(problem) => (&problem.code, problem.line),
        Outcome::Pair(_) => panic!("a pair: {observation:?}"),
    }
}

fn warnings(observation: &Observation) -> Vec<(&str, Option<u32>)> {
    observation.warnings.iter().map(|warning| (warning.code.as_str(), warning.line)).collect()
}

#[test]
fn every_way_to_write_an_entry_gives_its_value() {
    for (line, value) in [
        ("AZUREAD_CIS=s3cret", "s3cret"),
        ("export AZUREAD_CIS=s3cret", "s3cret"),
        ("export\tAZUREAD_CIS = s3cret ", "s3cret"),
        ("  AZUREAD_CIS\t=  s3cret\t ", "s3cret"),
        ("AZUREAD_CIS = \"s3cret\"", "s3cret"),
        ("AZUREAD_CIS = 's3cret'", "s3cret"),
        ("export AZUREAD_CIS='s3cret'  # of May", "s3cret"),
        ("AZUREAD_CIS=\"s3cret\"# of May", "s3cret"),
        ("AZUREAD_CIS=s3cret # of May", "s3cret"),
        ("AZUREAD_CIS=s3cret\t#", "s3cret"),
        ("AZUREAD_CIS=s3#cret", "s3#cret"),
        ("AZUREAD_CIS=#s3cret", "#s3cret"),
        ("AZUREAD_CIS=\"s3 # cret\"", "s3 # cret"),
        ("AZUREAD_CIS=\" s3cret \"", " s3cret "),
        ("AZUREAD_CIS=a=b==", "a=b=="),
        ("AZUREAD_CIS='say \"x\"'", "say \"x\""),
        ("AZUREAD_CIS=it's", "it's"),
        ("AZUREAD_CIS=~.-_+/[]@:&%\\$`", "~.-_+/[]@:&%\\$`"),
        ("AZUREAD_CIS=s3cret\r", "s3cret"),
    ] {
        let observation = parse(format!("{ID_LINE}{line}\n").as_bytes());
        assert_eq!(pair(&observation), (ID.to_owned(), value, None), "{line:?}");
    }
}

#[test]
fn a_file_from_any_editor_is_read() {
    for text in [
        format!("\u{feff}{ID_LINE}AZUREAD_CIS=s"),
        format!("# ours\r\n\r\n{}AZUREAD_CIS=s\r\n", ID_LINE.replace('\n', "\r\n")),
        format!("AZUREAD_CIS=s\n\n  # é\n\t\n{ID_LINE}"),
        format!("AZUREAD_CID={}\nAZUREAD_CIS=s", ID.to_uppercase()),
        format!(
            "DB_PASSWORD\nOTHER==\n=x\nazuread_cis=y\nAZUREAD_CIS_OLD=z\nAZUREAD_CIS.x=1\nexportAZUREAD_CIS=2\n{ID_LINE}AZUREAD_CIS=s\n[t]\n"
        ),
    ] {
        let observation = parse(text.as_bytes());
        assert_eq!(pair(&observation), (ID.to_owned(), "s", None), "{text:?}");
        assert_eq!(warnings(&observation), [], "{text:?}");
    }
}

#[test]
fn a_file_that_gives_no_pair_says_why_and_where() {
    for (text, code, line) in [
        (String::new(), "key_missing", None),
        ("# AZUREAD_CIS=x\n".to_owned(), "key_missing", None),
        (ID_LINE.to_owned(), "key_missing", None),
        ("AZUREAD_CIS=x".to_owned(), "key_missing", None),
        (format!("{ID_LINE}\nAZUREAD_CIS="), "value_empty", Some(3)),
        (format!("{ID_LINE}AZUREAD_CIS= # later"), "value_empty", Some(2)),
        (format!("{ID_LINE}AZUREAD_CIS=''"), "value_empty", Some(2)),
        (format!("{ID_LINE}AZUREAD_CIS"), "line_malformed", Some(2)),
        (format!("{ID_LINE}AZUREAD_CIS: x"), "line_malformed", Some(2)),
        (format!("{ID_LINE}AZUREAD_CIS x"), "line_malformed", Some(2)),
        (format!("{ID_LINE}AZUREAD_CIS=\"x"), "line_malformed", Some(2)),
        (format!("{ID_LINE}AZUREAD_CIS='x' y"), "line_malformed", Some(2)),
        (format!("{ID_LINE}AZUREAD_CIS=x\u{0}y"), "line_malformed", Some(2)),
        (format!("{ID_LINE}AZUREAD_CIS=x\ry"), "line_malformed", Some(2)),
        (format!("{ID_LINE}AZUREAD_CIS={ID}"), "secret_is_id", Some(2)),
        ("AZUREAD_CIS=x\nAZUREAD_CID=my-app".to_owned(), "client_id_malformed", Some(2)),
        (format!("AZUREAD_CIS=x\nAZUREAD_CID={{{ID}}}"), "client_id_malformed", Some(2)),
    ] {
        assert_eq!(problem(&parse(text.as_bytes())), (code, line), "{text:?}");
    }
    assert_eq!(problem(&parse(b"# a\nAZUREAD_CIS=\xff")), ("file_encoding", Some(2)));
    assert_eq!(problem(&parse(b"\xff\xfeA\0")), ("file_encoding", Some(1)));
    assert_eq!(problem(&parse(&vec![b'#'; LIMIT + 1])), ("file_too_large", None));
    assert_eq!(problem(&parse(&vec![b'#'; LIMIT])), ("key_missing", None));
}

#[test]
fn the_last_line_of_a_key_counts_and_the_others_are_reported() {
    for (text, secret, expected) in [
        ("AZUREAD_CIS=a\nAZUREAD_CIS=b", "b", vec![("key_repeated", Some(3))]),
        ("AZUREAD_CIS\nAZUREAD_CIS=b", "b", vec![("line_malformed", Some(2)), ("key_repeated", Some(3))]),
        ("AZUREAD_CIS=\nAZUREAD_CIS=b", "b", vec![("value_empty", Some(2)), ("key_repeated", Some(3))]),
    ] {
        let observation = parse(format!("{ID_LINE}{text}").as_bytes());
        assert_eq!(pair(&observation).1, secret, "{text:?}");
        assert_eq!(warnings(&observation), expected, "{text:?}");
    }
    let observation = parse(format!("{ID_LINE}AZUREAD_CIS=a\nAZUREAD_CIS=").as_bytes());
    assert_eq!(problem(&observation), ("value_empty", Some(3)));
}

#[test]
fn a_second_secret_that_cannot_be_used_leaves_the_first_alone() {
    for (text, next, expected) in [
        ("AZUREAD_CIS_NEXT=n", Some("n"), vec![]),
        ("AZUREAD_CIS_NEXT=", None, vec![("value_empty", Some(3))]),
        ("AZUREAD_CIS_NEXT", None, vec![("line_malformed", Some(3))]),
        ("AZUREAD_CIS_NEXT=11111111-2222-3333-4444-555555555555", None, vec![("secret_is_id", Some(3))]),
    ] {
        let observation = parse(format!("{ID_LINE}AZUREAD_CIS=s\n{text}").as_bytes());
        assert_eq!(pair(&observation), (ID.to_owned(), "s", next), "{text:?}");
        assert_eq!(warnings(&observation), expected, "{text:?}");
    }
}

#[test]
fn what_no_secret_contains_is_taken_with_a_warning() {
    let observation = parse(format!("{ID_LINE}AZUREAD_CIS=“typographic”").as_bytes());
    assert_eq!(pair(&observation).1, "“typographic”");
    assert_eq!(warnings(&observation), [("value_unusual", Some(2))]);
}

#[test]
fn no_message_repeats_a_value() {
    for text in [
        "AZUREAD_CID=canary-value\nAZUREAD_CIS=\"canary-value",
        "AZUREAD_CID=canary-value\nAZUREAD_CIS='canary-value' canary-value",
        "AZUREAD_CID=canary-value\nAZUREAD_CIS=canary-välue\nAZUREAD_CIS=canary-välue",
        "AZUREAD_CIS canary-value\nAZUREAD_CIS=canary-value\nAZUREAD_CID: canary-value",
    ] {
        assert!(!format!("{:?}", parse(text.as_bytes())).contains("canary"), "{text:?}");
    }
}

proptest! {
    #[test]
    fn what_was_written_is_read(secret in "[!-~]([ -~]{0,60}[!-~])?", quote in prop::sample::select(vec!["\"", "'"]), export in any::<bool>()) {
        prop_assume!(!secret.contains(quote) && !is_guid(&secret));
        let export = if export { "export " } else { "" };
        let observation = parse(format!("{ID_LINE}{export}AZUREAD_CIS={quote}{secret}{quote}\n").as_bytes());
        prop_assert_eq!(pair(&observation).1, secret);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        parse(&bytes);
        parse(&[b"AZUREAD_CIS".as_slice(), &bytes].concat());
    }
}
