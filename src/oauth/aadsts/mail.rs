//! Replies of Exchange Online over IMAP, POP and SMTP that mean something particular.

use super::Retry::{AfterFix, BackOff, No};
use super::Who::{Admin, Nobody, User};
use super::{Explanation, Retry, Who};

/// A reply is recognised by every one of the marks, in lower case. Its texts are in the catalogue, `[mail.NAME]`; the code is the name up
/// to a dot.
struct Reply {
    marks: &'static [&'static str],
    name: &'static str,
    who: Who,
    retry: Retry,
}

const fn reply(marks: &'static [&'static str], name: &'static str, (who, retry): (Who, Retry)) -> Reply {
    Reply { marks, name, who, retry }
}

/// The first that fits counts, so the particular stands before the general.
const REPLIES: &[Reply] = &[
    reply(&["smtpclientauthentication is disabled for the tenant"], "smtp_auth_disabled_tenant", (Admin, AfterFix)),
    reply(&["smtpclientauthentication is disabled for the mailbox"], "smtp_auth_disabled_mailbox", (Admin, AfterFix)),
    reply(&["basic authentication is disabled"], "basic_auth_disabled", (Admin, AfterFix)),
    reply(&["5.7.30"], "basic_auth_disabled.retired", (Admin, AfterFix)),
    reply(&["user is authenticated but not connected"], "authenticated_not_connected", (Admin, AfterFix)),
    reply(&["bye connection closed. 14"], "authenticated_not_connected.closed", (Admin, AfterFix)),
    reply(&["accesstokenexpired"], "session_expired", (Nobody, BackOff)),
    reply(&["request is throttled"], "imap_throttled", (Nobody, BackOff)),
    reply(&["sender thread limit exceeded"], "smtp_concurrency", (Nobody, BackOff)),
    reply(&["432", "4.3.2"], "smtp_concurrency", (Nobody, BackOff)),
    reply(&["quotaexceeded"], "mailbox_full", (User, AfterFix)),
    reply(&["5.2.2", "mailbox full"], "mailbox_full", (User, AfterFix)),
    reply(&["sendasdenied"], "send_as_denied", (Admin, AfterFix)),
    reply(&["5.7.60"], "send_as_denied", (Admin, AfterFix)),
    reply(&["5.2.252"], "send_as_denied", (Admin, AfterFix)),
    reply(&["5.5.127"], "token_too_short", (Nobody, BackOff)),
    reply(&["mailbox logon failure"], "mailbox_logon", (Admin, AfterFix)),
    reply(&["storedrv.submission"], "recipient_limit", (User, No)),
    reply(&["5.7.3", "authentication unsuccessful"], "smtp_refused", (Admin, AfterFix)),
    reply(&["no authenticate failed"], "imap_refused", (Admin, AfterFix)),
    reply(&["unknown user name or bad password"], "pop_refused", (Admin, AfterFix)),
    reply(&["-err protocol error"], "pop_one_line", (Admin, AfterFix)),
    reply(&["5.5.2", "too long"], "line_too_long", (Admin, AfterFix)),
    reply(&["invalid audience"], "wrong_audience", (Nobody, No)),
];

/// What the reply in `text` means, if it is one of these.
pub(super) fn explain(text: &str) -> Option<Explanation> {
    let lower = text.to_ascii_lowercase();
    let reply = REPLIES.iter().find(|reply| reply.marks.iter().all(|mark| lower.contains(mark)))?;
    let code = reply.name.split('.').next().unwrap_or(reply.name);
    Some(Explanation::told(&format!("mail.{}", reply.name), code, reply.who, reply.retry))
}

/// The names of the texts.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    REPLIES.iter().map(|reply| reply.name)
}
