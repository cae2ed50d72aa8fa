//! The command line, whole: also what is not in this version, so that help shows the tool as it is meant.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::failure::Failure;

mod sso;

pub use sso::{Audience, Decision, Kind, People, Record, Sso};

/// Where the daemon listens unless the settings say otherwise.
const SOCKET: &str = "/run/onedesk/api.sock";

/// Set up, watch and administer OneDesk on this host.
#[derive(Debug, Parser)]
#[command(name = "onedeskctl", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "Exit status: 0 done, 1 found problems or refused, 2 wrong usage, 69 daemon not reachable. See onedeskctl(8).")]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Default, Args)]
pub struct Global {
    /// Print the daemon's JSON instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// The daemon's socket [default: /run/onedesk/api.sock]
    #[arg(long, global = true, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Take the socket from this settings file, and check it
    #[arg(long, global = true, value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// Answer yes to what asks back
    #[arg(long, global = true)]
    pub yes: bool,
}

impl Global {
    /// The socket to talk to: as told, or as the settings file says, or the usual one.
    pub fn socket(&self) -> Result<PathBuf, Failure> {
        if let Some(socket) = &self.socket {
            return Ok(socket.clone());
        }
        match &self.config {
            Some(config) => configured(config),
            None => Ok(SOCKET.into()),
        }
    }
}

/// Only the one key is looked at: a mistake elsewhere in the file must not keep anybody from asking the daemon about it.
fn configured(config: &Path) -> Result<PathBuf, Failure> {
    let failed = |why: String| Failure::found(format!("{}: {why}", config.display())).hint("name the socket itself: --socket PATH");
    let text = std::fs::read_to_string(config).map_err(|error| failed(error.to_string()))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| failed(error.message().to_owned()))?;
    match table.get("local_api").and_then(|section| section.get("socket")) {
        None => Ok(SOCKET.into()),
        Some(toml::Value::String(socket)) => Ok(socket.into()),
        Some(_) => Err(failed("local_api.socket is no text".to_owned())),
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say how this host is doing and what to do next
    Status,
    /// Mailboxes: connect, look at, use, remove
    #[command(subcommand)]
    Mailbox(Mailbox),
    /// The Entra directory: connect, look at, disconnect
    #[command(subcommand)]
    Directory(Directory),
    /// Say what an error of Microsoft means and who can mend it
    Explain {
        /// A code (AADSTS50173, 50173), a text that holds one, or - for standard input
        #[arg(value_name = "CODE_OR_TEXT", allow_hyphen_values = true)]
        what: String,
    },
    /// Show who did what, when, from where; the newest first
    Audit {
        /// How many lines
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Set this host up: ask, check, write both files, start the service
    Setup(Setup),
    /// Check everything that has to work, and say who can mend what does not
    Check {
        /// Leave out what needs the network
        #[arg(long)]
        offline: bool,
    },
    /// What you know of the credentials that the daemon cannot see
    #[command(subcommand)]
    Credentials(Credentials),
    /// Make a one-time link to the administration pages
    AdminLink,
    /// Collect what support asks for in one file, without secrets
    SupportBundle {
        /// The file to make [default: onedesk-support-HOST-TIME.tar.gz in this folder, or in /var/tmp]
        #[arg(long, value_name = "F")]
        output: Option<PathBuf>,
        /// Replace e-mail addresses, host names, tenant ids and network addresses by pseudonyms
        #[arg(long)]
        pseudonymize: bool,
    },
    /// Say how to register this host's app in Entra, step by step or as a script
    AppRegistration {
        /// As steps in the portal, as a script, or as the manifest
        #[arg(long, value_enum, default_value = "steps")]
        format: Registration,
        /// For this address instead of the settings' public_url
        #[arg(long, value_name = "U")]
        public_url: Option<String>,
    },
    /// Single sign-on: switches and client records
    #[command(subcommand)]
    Sso(Sso),
    /// People who sign in, and sign-ins that wait for a decision
    #[command(subcommand)]
    People(People),
    /// The database: condition, backup, restore, new master key
    #[command(subcommand)]
    Db(Db),
    /// Answer httpd's questions who a browser is (a program for RewriteMap, not for people)
    #[command(hide = true)]
    Gate {
        /// Where the daemon serves the web: http://ADDRESS:PORT or unix:PATH
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8380")]
        door: String,
    },
    /// Print a completion script
    #[command(hide = true)]
    Completions {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// What `setup` is told beforehand; what is not, is asked, or stays as it is.
#[derive(Debug, Args)]
pub struct Setup {
    /// Where people reach this host: https://HOST, without a path
    #[arg(long, value_name = "U")]
    pub public_url: Option<String>,
    /// The Application (client) ID of the app registration
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// A file with the client secret's Value, or - for standard input
    #[arg(long, value_name = "F")]
    pub client_secret_file: Option<PathBuf>,
    /// Ask nothing; what is missing is an error
    #[arg(long)]
    pub non_interactive: bool,
    /// Show what would change and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub enum Mailbox {
    /// List the connected mailboxes and their states
    List,
    /// Make a link for whoever can sign in; it lasts an hour
    Connect {
        /// Only this mailbox; without it, whichever account signs in
        address: Option<String>,
        /// Somebody signs in as themselves for a mailbox that they may use
        #[arg(long)]
        shared: bool,
        /// Another person's sign-in may take over a mailbox that is connected already
        #[arg(long)]
        replace: bool,
    },
    /// Sign in to the mail servers and say how it went (not in this version)
    Test { address: String },
    /// Print an access token, alone on one line
    Token {
        address: String,
        /// What the token is to be used for
        #[arg(long = "for", value_enum, default_value = "imap")]
        purpose: Purpose,
    },
    /// Remove a mailbox and erase its grant
    Remove { address: String },
    /// Passwords for old mail programs (not in this version)
    #[command(subcommand)]
    AppPassword(AppPassword),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Purpose {
    Imap,
    Smtp,
    Pop,
    Graph,
}

impl Purpose {
    /// Its word in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Smtp => "smtp",
            Self::Pop => "pop",
            Self::Graph => "graph",
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Credentials {
    /// Note when the client secret in force ends, where Microsoft Graph cannot be asked
    Expires {
        /// The day that the portal shows under Certificates & secrets, as 2027-01-31
        #[arg(value_name = "DATE", value_parser = super::credentials::day)]
        date: jiff::Timestamp,
    },
}

#[derive(Debug, Subcommand)]
pub enum AppPassword {
    /// Make a password and show it once (not in this version)
    Add { address: String, name: String },
    /// List passwords by name (not in this version)
    List { address: String },
    /// Remove a password (not in this version)
    Remove { address: String, id: String },
}

#[derive(Debug, Subcommand)]
pub enum Directory {
    /// Make a link for whoever may connect the directory; it lasts an hour
    Connect,
    /// List the connected directories and their states
    Status,
    /// Synchronise now (not in this version)
    Sync,
    /// Search the directory's users (not in this version)
    Users { query: Option<String> },
    /// Search the directory's groups (not in this version)
    Groups { query: Option<String> },
    /// Apply changes that were held back (not in this version)
    Approve,
    /// Drop changes that were held back (not in this version)
    Discard,
    /// Remove a directory and erase its grant
    Disconnect {
        /// The tenant's id
        tenant: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Registration {
    Steps,
    Azcli,
    Powershell,
    Manifest,
}

impl Registration {
    /// Its word on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Steps => "steps",
            Self::Azcli => "azcli",
            Self::Powershell => "powershell",
            Self::Manifest => "manifest",
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Db {
    /// Show the database's version and size
    Status,
    /// Tell which schema the database has; onedeskd migrates it at its start
    Migrate,
    /// Back the database up, without the master key
    Backup { file: PathBuf },
    /// Restore a backup, with the daemon stopped
    Restore { file: PathBuf },
    /// Seal everything with a new master key, with the daemon stopped
    Rekey,
}
