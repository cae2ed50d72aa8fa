//! Commands that this version does not do yet: each says what to do instead.

use super::args::{Command, Directory, Mailbox};
use super::failure::Failure;

/// The refusal of a command that is not in this version; nothing for one that is.
pub fn refusal(command: &Command) -> Option<Failure> {
    let (name, instead) = match command {
        Command::Mailbox(Mailbox::Test { .. }) => ("mailbox test", "try a token in your mail program: onedeskctl mailbox token ADDRESS"),
        Command::Mailbox(Mailbox::AppPassword(_)) => {
            ("mailbox app-password", "let the mail program sign in with XOAUTH2: onedeskctl mailbox token ADDRESS --json")
        }
        Command::Directory(Directory::Sync) => ("directory sync", "read Microsoft Graph: onedeskctl mailbox token ADDRESS --for graph"),
        Command::Directory(Directory::Users { .. } | Directory::Groups { .. }) => {
            ("the directory's content", "read Microsoft Graph: onedeskctl mailbox token ADDRESS --for graph")
        }
        Command::Directory(Directory::Approve | Directory::Discard) => {
            ("holding changes back", "nothing waits for a decision: this version does not synchronise")
        }
        Command::Status
        | Command::Check { .. }
        | Command::Setup(_)
        | Command::AppRegistration { .. }
        | Command::AdminLink
        | Command::SupportBundle { .. }
        | Command::Credentials(_)
        | Command::Sso(_)
        | Command::People(_)
        | Command::Audit { .. }
        | Command::Db(_)
        | Command::Explain { .. }
        | Command::Gate { .. }
        | Command::Completions { .. }
        | Command::Mailbox(Mailbox::List | Mailbox::Connect { .. } | Mailbox::Token { .. } | Mailbox::Remove { .. })
        | Command::Directory(Directory::Connect | Directory::Status | Directory::Disconnect { .. }) => return None,
    };
    Some(Failure::later(format!("{name}: not in this version of OneDesk")).hint(instead))
}
