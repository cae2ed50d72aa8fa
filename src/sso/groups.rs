//! What membership of groups gives: the admin role, apps, and what apps get to see. Pure.

use serde::{Deserialize, Serialize};

use crate::model::person::{App, Apps, Kind};

/// As many bytes of groups as an app gets to see: a header must fit through every proxy.
const LONGEST_SHOWN: usize = 2048;

/// What members of one group get. Belongs to one client record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupRule {
    /// The group as the provider names it: for Entra its object id.
    pub group: String,
    /// The admin role; only in records for users, only by a signed ID token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Apps. An app that any rule of the record names is for members of a group that names it; other apps are for everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<App>,
}

/// A role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May administer this OneDesk.
    Admin,
}

impl GroupRule {
    /// The rule on one line, as people write it: `GROUP = admin, main, kb`.
    pub fn to_line(&self) -> String {
        let role = self.role.map(|Role::Admin| "admin");
        let words: Vec<&str> = role.into_iter().chain(self.apps.iter().map(|app| app.as_str())).collect();
        format!("{} = {}", self.group, words.join(", "))
    }

    /// The rule of such a line. A group's name may hold equals signs (a distinguished name does): the last one counts.
    ///
    /// # Errors
    /// What is wrong with the line, to be read behind its number.
    pub fn from_line(line: &str) -> Result<Self, String> {
        let (group, words) = line.rsplit_once('=').ok_or("has no equals sign")?;
        let mut rule = Self { group: group.trim().to_owned(), role: None, apps: Vec::new() };
        for word in words.split(',').map(str::trim) {
            match App::from_word(word) {
                Some(app) => rule.apps.push(app),
                None if word == "admin" => rule.role = Some(Role::Admin),
                None => return Err(format!("gives \"{}\", which is none of these", word.chars().take(40).collect::<String>())),
            }
        }
        Ok(rule)
    }
}

/// What is known about somebody's groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership<'a> {
    /// Nothing: that is neither "no groups" nor any.
    Unknown,
    /// These.
    Of(&'a [String]),
}

/// What a sign-in gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The apps that may be used.
    pub apps: Apps,
    /// The admin role; nothing where the record or the sign-in says nothing about it.
    pub is_admin: Option<bool>,
    /// The groups that apps get to see, separated by commas.
    pub shown: String,
}

/// What `rules` give to somebody of that kind and membership, whose ID token was signed or not.
pub fn evaluate(rules: &[GroupRule], kind: Kind, membership: Membership<'_>, signed: bool) -> Given {
    let groups = match membership {
        Membership::Unknown => &[][..],
        Membership::Of(groups) => groups,
    };
    // Entra writes object ids in lower case; people copy them from anywhere.
    let is_member = |rule: &GroupRule| groups.iter().any(|group| group.eq_ignore_ascii_case(&rule.group));
    let mut apps = kind.apps();
    for app in App::ALL {
        let mut naming = rules.iter().filter(|rule| rule.apps.contains(&app)).peekable();
        if naming.peek().is_some() && !naming.any(is_member) {
            apps = apps.without(app);
        }
    }
    let gives_admin = |rule: &&GroupRule| rule.role == Some(Role::Admin);
    let decides = kind == Kind::User && signed && membership != Membership::Unknown && rules.iter().any(|rule| gives_admin(&rule));
    let is_admin = decides.then(|| rules.iter().filter(gives_admin).any(is_member));
    Given { apps, is_admin, shown: shown(rules, groups) }
}

/// All groups if they fit, else those of the rules, as many as fit.
fn shown(rules: &[GroupRule], groups: &[String]) -> String {
    let escaped = |group: &String| percent_encoding::utf8_percent_encode(group, ESCAPED).to_string();
    let all = groups.iter().map(escaped).collect::<Vec<_>>().join(",");
    if all.len() <= LONGEST_SHOWN {
        return all;
    }
    let mut shown = String::new();
    for group in groups.iter().filter(|group| rules.iter().any(|rule| rule.group.eq_ignore_ascii_case(group))) {
        let group = escaped(group);
        if shown.len() + 1 + group.len() > LONGEST_SHOWN {
            break;
        }
        if !shown.is_empty() {
            shown.push(',');
        }
        shown += &group;
    }
    shown
}

/// What would end a group or the header that lists them.
const ESCAPED: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS.add(b'%').add(b',').add(b' ').add(b'"').add(b'\\');

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(group: &str, role: Option<Role>, apps: &[App]) -> GroupRule {
        GroupRule { group: group.to_owned(), role, apps: apps.to_vec() }
    }

    fn names(groups: &[&str]) -> Vec<String> {
        groups.iter().map(|group| (*group).to_owned()).collect()
    }

    #[test]
    fn a_rule_is_read_from_the_line_that_it_is_written_to() {
        for line in ["0f0e = admin", "agents = main, portal", "CN=Admins,OU=Desk = admin, main, widget, kb, portal"] {
            assert_eq!(GroupRule::from_line(line).unwrap().to_line(), line);
        }
        for line in ["agents", "agents =", "agents = root", "CN=Admins,OU=Desk", "=,"] {
            assert!(GroupRule::from_line(line).is_err(), "{line}");
        }
    }

    #[test]
    fn an_app_that_a_rule_names_is_for_members() {
        let rules = [rule("agents", None, &[App::Main]), rule("chiefs", None, &[App::Main, App::Portal])];
        let apps = |groups: &[&str]| evaluate(&rules, Kind::User, Membership::Of(&names(groups)), true).apps.iter().collect::<Vec<_>>();
        assert_eq!(apps(&[]), [App::Widget, App::Kb]);
        assert_eq!(apps(&["AGENTS"]), [App::Main, App::Widget, App::Kb]);
        assert_eq!(apps(&["chiefs", "x"]), App::ALL);
    }

    #[test]
    fn the_admin_role_needs_a_user_a_signature_and_knowledge() {
        let rules = [rule("admins", Some(Role::Admin), &[])];
        let members = names(&["admins"]);
        let none = names(&[]);
        for (kind, membership, signed, expected) in [
            (Kind::User, Membership::Of(&members), true, Some(true)),
            (Kind::User, Membership::Of(&none), true, Some(false)),
            (Kind::User, Membership::Of(&members), false, None),
            (Kind::User, Membership::Unknown, true, None),
            (Kind::Customer, Membership::Of(&members), true, None),
        ] {
            assert_eq!(evaluate(&rules, kind, membership, signed).is_admin, expected, "{kind:?} {membership:?} {signed}");
        }
        assert_eq!(evaluate(&[], Kind::User, Membership::Of(&members), true).is_admin, None);
    }

    #[test]
    fn many_groups_are_cut_to_those_of_the_rules() {
        let groups: Vec<_> = (0..200).map(|n| format!("00000000-0000-0000-0000-{n:012}")).collect();
        let rules = [rule(&groups[150], None, &[App::Main]), rule("elsewhere", None, &[])];
        let given = evaluate(&rules, Kind::User, Membership::Of(&groups), true);
        assert_eq!(given.shown, groups[150]);
        assert_eq!(evaluate(&rules, Kind::User, Membership::Of(&names(&["a,b", "c d"])), true).shown, "a%2Cb,c%20d");
    }
}
