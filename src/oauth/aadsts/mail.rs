//! Replies of Exchange Online over IMAP, POP and SMTP that mean something particular.

use super::Retry::{AfterFix, BackOff, No};
use super::Who::{Admin, Nobody, User};
use super::{Explanation, Retry, Who};

/// A reply is recognised by every one of the marks, in lower case.
struct Reply {
    marks: &'static [&'static str],
    code: &'static str,
    who: Who,
    retry: Retry,
    title: &'static str,
    meaning: &'static str,
    steps: &'static [&'static str],
}

const fn reply(
    marks: &'static [&'static str],
    code: &'static str,
    (who, retry): (Who, Retry),
    title: &'static str,
    meaning: &'static str,
    steps: &'static [&'static str],
) -> Reply {
    Reply { marks, code, who, retry, title, meaning, steps }
}

/// The first that fits counts, so the particular stands before the general.
const REPLIES: &[Reply] = &[
    reply(
        &["smtpclientauthentication is disabled for the tenant"],
        "smtp_auth_disabled_tenant",
        (Admin, AfterFix),
        "Sending by SMTP is switched off for the whole tenant.",
        "Exchange refuses SMTP AUTH whatever the token; security defaults switch it off too. A new sign-in does not help.",
        &[
            "Allow it for this mailbox alone: Set-CASMailbox -Identity MAILBOX -SmtpClientAuthenticationDisabled $false.",
            "Or for the tenant: Set-TransportConfig -SmtpClientAuthenticationDisabled $false.",
        ],
    ),
    reply(
        &["smtpclientauthentication is disabled for the mailbox"],
        "smtp_auth_disabled_mailbox",
        (Admin, AfterFix),
        "Sending by SMTP is switched off for this mailbox.",
        "Exchange refuses SMTP AUTH whatever the token. A new sign-in does not help.",
        &["Run Set-CASMailbox -Identity MAILBOX -SmtpClientAuthenticationDisabled $false."],
    ),
    reply(
        &["basic authentication is disabled"],
        "basic_auth_disabled",
        (Admin, AfterFix),
        "Something signs in to Exchange with a password.",
        "Exchange takes tokens only. The program that was refused does not use ours.",
        &["Let the program use XOAUTH2 with a token of the local API, or go through the gateway."],
    ),
    reply(
        &["5.7.30"],
        "basic_auth_disabled",
        (Admin, AfterFix),
        "Exchange no longer takes passwords for sending mail.",
        "Client submission with basic authentication has been retired.",
        &["Let the program use XOAUTH2 with a token of the local API, or go through the gateway."],
    ),
    reply(
        &["user is authenticated but not connected"],
        "authenticated_not_connected",
        (Admin, AfterFix),
        "The token is good, but not for this mailbox.",
        "Another account signed in than the mailbox's own, the mailbox has no licence or IMAP is off for it; now and then it is mere throttling.",
        &[
            "Compare who signed in with the mailbox: onedeskctl mailbox list.",
            "Check licence, IMAP (Get-CASMailbox) and Full Access of a shared mailbox.",
            "Connect less often: it also appears when a mailbox is opened many times in a row.",
        ],
    ),
    reply(
        &["bye connection closed. 14"],
        "authenticated_not_connected",
        (Admin, AfterFix),
        "Exchange closed the session since the token is not for this mailbox.",
        "It follows \"User is authenticated but not connected\": another account signed in than the mailbox's own, or IMAP is off for it.",
        &["Compare who signed in with the mailbox: onedeskctl mailbox list.", "Check licence and IMAP of the mailbox (Get-CASMailbox)."],
    ),
    reply(
        &["accesstokenexpired"],
        "session_expired",
        (Nobody, BackOff),
        "Exchange ended the session since its token has expired.",
        "This is how Exchange works: a session lasts as long as the token that it began with.",
        &["Connect again with a fresh token of the local API."],
    ),
    reply(
        &["request is throttled"],
        "imap_throttled",
        (Nobody, BackOff),
        "Exchange slows this mailbox down.",
        "Too many requests or connections; the reply suggests how long to wait.",
        &["Wait for the suggested time, and open fewer connections to the mailbox."],
    ),
    reply(
        &["sender thread limit exceeded"],
        "smtp_concurrency",
        (Nobody, BackOff),
        "More than three connections send from this mailbox at once.",
        "Exchange allows three, thirty messages a minute and 10,000 recipients a day.",
        &["Send one after the other; it can be tried again at once."],
    ),
    reply(
        &["432", "4.3.2"],
        "smtp_concurrency",
        (Nobody, BackOff),
        "More than three connections send from this mailbox at once.",
        "Exchange allows three, thirty messages a minute and 10,000 recipients a day.",
        &["Send one after the other; it can be tried again at once."],
    ),
    reply(
        &["quotaexceeded"],
        "mailbox_full",
        (User, AfterFix),
        "The mailbox is full.",
        "Sent Items count too, and Exchange keeps a copy of everything that is sent.",
        &["Delete or archive mail, or raise the mailbox's quota."],
    ),
    reply(
        &["5.2.2", "mailbox full"],
        "mailbox_full",
        (User, AfterFix),
        "The mailbox is full.",
        "Sent Items count too, and Exchange keeps a copy of everything that is sent.",
        &["Delete or archive mail, or raise the mailbox's quota."],
    ),
    reply(
        &["sendasdenied"],
        "send_as_denied",
        (Admin, AfterFix),
        "The account may not send as this address.",
        "Sending for a shared mailbox needs the right Send As.",
        &["Give the account Send As for the address in the Exchange admin center."],
    ),
    reply(
        &["5.7.60"],
        "send_as_denied",
        (Admin, AfterFix),
        "The account may not send as this address.",
        "Sending for a shared mailbox needs the right Send As.",
        &["Give the account Send As for the address in the Exchange admin center."],
    ),
    reply(
        &["5.2.252"],
        "send_as_denied",
        (Admin, AfterFix),
        "The account may not send as this address.",
        "Sending for a shared mailbox needs the right Send As.",
        &["Give the account Send As for the address in the Exchange admin center."],
    ),
    reply(
        &["5.5.127"],
        "token_too_short",
        (Nobody, BackOff),
        "The token was about to expire.",
        "The service wants one that lasts longer.",
        &["Take a fresh token from the local API and send again."],
    ),
    reply(
        &["mailbox logon failure"],
        "mailbox_logon",
        (Admin, AfterFix),
        "The account has no right to the mailbox.",
        "Exchange knows the token but grants nothing in the mailbox.",
        &["Give the account Full Access to the mailbox in the Exchange admin center."],
    ),
    reply(
        &["storedrv.submission"],
        "recipient_limit",
        (User, No),
        "Exchange does not take this message.",
        "Mostly the daily limit of 10,000 recipients is used up.",
        &["Send it tomorrow, or spread it over several mailboxes."],
    ),
    reply(
        &["5.7.3", "authentication unsuccessful"],
        "smtp_refused",
        (Admin, AfterFix),
        "Exchange refuses the token for sending.",
        "The token has expired, belongs to another person, or lacks SMTP.Send; a shared mailbox cannot sign in to SMTP itself.",
        &["Sign in to SMTP as the person and use the shared address as sender only.", "Check the mailbox with onedeskctl check."],
    ),
    reply(
        &["no authenticate failed"],
        "imap_refused",
        (Admin, AfterFix),
        "Exchange refuses the token for IMAP.",
        "It has expired, is for Microsoft Graph instead of Outlook, or the user name does not fit it.",
        &["Check the mailbox with onedeskctl check.", "Check that IMAP is on for the mailbox (Get-CASMailbox)."],
    ),
    reply(
        &["unknown user name or bad password"],
        "pop_refused",
        (Admin, AfterFix),
        "Exchange refuses the token for POP.",
        "It has expired, lacks POP.AccessAsUser.All, or the user name does not fit it.",
        &["Check that POP is on for the mailbox (Get-CASMailbox) and that the permission was granted."],
    ),
    reply(
        &["-err protocol error"],
        "pop_one_line",
        (Admin, AfterFix),
        "Exchange takes the token for POP in two steps only.",
        "The program sent AUTH XOAUTH2 and the token on one line, and Exchange hung up.",
        &["Let the program send AUTH XOAUTH2 alone, wait for the plus sign, and send the token then."],
    ),
    reply(
        &["5.5.2", "too long"],
        "line_too_long",
        (Admin, AfterFix),
        "The line with the token is too long for the server.",
        "A token makes a line of two kilobytes and more; some servers and relays take it in a second step only.",
        &["Let the program send AUTH XOAUTH2 alone and the token after the server's 334."],
    ),
    reply(
        &["invalid audience"],
        "wrong_audience",
        (Nobody, No),
        "The token is for another service.",
        "A token for mail does not work at Microsoft Graph, nor the other way round.",
        &["Ask the local API with the right purpose: for=imap, smtp, pop or graph."],
    ),
];

/// What the reply in `text` means, if it is one of these.
pub(super) fn explain(text: &str) -> Option<Explanation> {
    let lower = text.to_ascii_lowercase();
    let reply = REPLIES.iter().find(|reply| reply.marks.iter().all(|mark| lower.contains(mark)))?;
    Some(Explanation {
        code: reply.code.into(),
        title: reply.title.into(),
        meaning: reply.meaning.into(),
        who: reply.who,
        steps: reply.steps.iter().map(|step| (*step).to_owned()).collect(),
        retry: reply.retry,
        known: true,
    })
}
