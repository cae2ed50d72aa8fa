//! Sets `public_url` in the text of a settings file and leaves every other byte as it is: comments, order, line ends.

use toml::de::DeTable;

use super::PublicUrl;

/// `old`, which is sound TOML, with this public URL. A line that is commented out makes way for it, as in the sample file; otherwise
/// it comes behind the comment at the top, where no section has begun.
pub fn with_public_url(old: &str, origin: &PublicUrl) -> String {
    let mark = if old.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let text = &old[mark..];
    if let Some(value) = DeTable::parse(text).ok().and_then(|table| Some(table.get_ref().get("public_url")?.span())) {
        let quote = if text[value.clone()].starts_with('\'') { '\'' } else { '"' };
        return format!("{}{quote}{}{quote}{}", &old[..mark + value.start], origin.as_str(), &old[mark + value.end..]);
    }
    let line = format!("public_url = \"{}\"", origin.as_str());
    let ending = if text.lines().next().is_some_and(|first| text[first.len()..].starts_with("\r\n")) { "\r\n" } else { "\n" };
    let (mut at, mut behind_heading, mut in_heading) = (mark, mark, true);
    for each in text.split_inclusive('\n') {
        let content = each.trim();
        if content.starts_with('[') {
            break;
        }
        if is_commented_out(content) {
            let rest = &old[at + each.len()..];
            return format!("{}{line}{}{rest}", &old[..at], if each.ends_with("\r\n") { "\r\n" } else { "\n" });
        }
        at += each.len();
        in_heading &= content.starts_with('#') || content.is_empty();
        if in_heading && content.is_empty() {
            behind_heading = at;
        }
    }
    let (before, after) = old.split_at(behind_heading);
    let gap = if after.is_empty() || after.starts_with(['\n', '\r']) { "" } else { ending };
    format!("{before}{line}{ending}{gap}{after}")
}

/// `#public_url = …`
fn is_commented_out(line: &str) -> bool {
    let key = line.strip_prefix('#').map(str::trim_start).and_then(|rest| rest.strip_prefix("public_url"));
    key.is_some_and(|rest| rest.trim_start().starts_with('='))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::settings::Settings;

    const NEW: &str = "https://new.example.test:8443";

    #[test]
    fn only_the_one_value_changes() {
        let line = format!("public_url = \"{NEW}\"");
        for (old, new) in [
            ("public_url = \"https://old.example.test\" # ours\n[log]\n".to_owned(), format!("{line} # ours\n[log]\n")),
            ("public_url='https://old.example.test'\r\n\r\n[log]\r\n".to_owned(), format!("public_url='{NEW}'\r\n\r\n[log]\r\n")),
            ("\u{feff}# a\npublic_url  =  \"\"\n".to_owned(), format!("\u{feff}# a\npublic_url  =  \"{NEW}\"\n")),
            (
                "# Settings.\n\n# Where.\n#public_url = \"https://x\"\n\n[listen]\n".to_owned(),
                format!("# Settings.\n\n# Where.\n{line}\n\n[listen]\n"),
            ),
            ("# Settings.\r\n# public_url = \"x\"\r\n".to_owned(), format!("# Settings.\r\n{line}\r\n")),
            ("# Settings.\n\n[listen]\n#public_url = 1\n".to_owned(), format!("# Settings.\n\n{line}\n\n[listen]\n#public_url = 1\n")),
            ("# About listen.\n[listen]\n".to_owned(), format!("{line}\n\n# About listen.\n[listen]\n")),
            ("log.level = \"info\"\n".to_owned(), format!("{line}\n\nlog.level = \"info\"\n")),
            ("# no line end".to_owned(), format!("{line}\n\n# no line end")),
            (String::new(), format!("{line}\n")),
        ] {
            let edited = with_public_url(&old, &NEW.parse().unwrap());
            assert_eq!(edited, new, "from {old:?}");
            let settings = Settings::parse(&edited, Path::new("/f")).unwrap().settings;
            assert_eq!(settings.public_url.unwrap().as_str(), NEW);
            assert_eq!(with_public_url(&edited, &NEW.parse().unwrap()), new, "a second time");
        }
    }

    #[test]
    fn the_sample_file_keeps_its_comments() {
        let sample = include_str!("../../packaging/onedeskd.toml");
        let edited = with_public_url(sample, &NEW.parse().unwrap());
        let changed: Vec<_> = sample.lines().zip(edited.lines()).filter(|(old, new)| old != new).collect();
        assert_eq!(changed, [("#public_url = \"https://helpdesk.example.com\"", "public_url = \"https://new.example.test:8443\"")]);
        assert_eq!(sample.lines().count(), edited.lines().count());
    }
}
