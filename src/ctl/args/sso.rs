//! The command line of single sign-on and people.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Audience {
    Users,
    Customers,
}

impl Audience {
    /// Its word in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Customers => "customers",
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Sso {
    /// Show the two switches and the client records
    Status,
    /// Switch sign-on on
    Enable {
        #[arg(value_enum)]
        audience: Audience,
    },
    /// Switch sign-on off, whatever is wrong with it; the sessions of that kind end
    Disable {
        #[arg(value_enum)]
        audience: Audience,
    },
    /// List the client records
    List,
    /// Show a client record
    Show { id: String },
    /// Add a client record
    #[command(
        mut_arg("name", |arg| arg.required(true)),
        mut_arg("audience", |arg| arg.required(true)),
        mut_arg("authorization_uri", |arg| arg.required(true)),
        mut_arg("token_url", |arg| arg.required(true)),
        mut_arg("client_id", |arg| arg.required(true))
    )]
    Add(Box<Record>),
    /// Change a client record; what is not named stays
    Set {
        id: String,
        #[command(flatten)]
        record: Box<Record>,
        /// Whether people may sign in by it
        #[arg(long, value_name = "true|false")]
        enabled: Option<bool>,
        /// Enable it although it was never tried, or something is wrong with it
        #[arg(long)]
        confirm: bool,
    },
    /// Remove a client record; the sessions that it gave end
    Remove { id: String },
    /// Show the URLs to hand out and to register
    Urls { id: String },
    /// Move a v1 record to v2; everybody stays linked
    Upgrade { id: String },
}

/// A client record's values. An empty text clears what may be absent.
#[derive(Debug, Args)]
pub struct Record {
    /// Its name on pages and in lists
    #[arg(long, value_name = "N")]
    pub name: Option<String>,
    /// Who signs in by it
    #[arg(long, value_enum)]
    pub audience: Option<Audience>,
    /// Authorization URI, as the provider lists it
    #[arg(long, value_name = "U")]
    pub authorization_uri: Option<String>,
    /// Token URL, as the provider lists it
    #[arg(long, value_name = "U")]
    pub token_url: Option<String>,
    /// Client ID
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// Client Secret: a file, or - for standard input
    #[arg(long, value_name = "F")]
    pub client_secret_file: Option<PathBuf>,
    /// A second secret for a rotation without a gap: a file, or - for standard input
    #[arg(long, value_name = "F")]
    pub client_secret_next_file: Option<PathBuf>,
    /// When the secret ends (2027-01-31T00:00:00Z)
    #[arg(long, value_name = "TIME")]
    pub secret_expires_at: Option<String>,
    /// Who signs, where the provider publishes no metadata
    #[arg(long, value_name = "U")]
    pub issuer: Option<String>,
    /// Where the keys are, where the provider publishes no metadata
    #[arg(long, value_name = "U")]
    pub jwks_uri: Option<String>,
    /// Where people sign out at the provider
    #[arg(long, value_name = "U")]
    pub logout_uri: Option<String>,
    /// A scope to ask for; may be given several times
    #[arg(long, value_name = "S")]
    pub scope: Vec<String>,
    /// query or form_post
    #[arg(long, value_name = "MODE")]
    pub response_mode: Option<String>,
    /// client_secret_post or client_secret_basic
    #[arg(long, value_name = "METHOD")]
    pub token_auth: Option<String>,
    /// An Entra tenant (GUID) that may sign in, or *; may be given several times
    #[arg(long, value_name = "T")]
    pub allowed_tenant: Vec<String>,
    /// A domain whose addresses the provider may vouch for; may be given several times
    #[arg(long, value_name = "D")]
    pub email_domain: Vec<String>,
    /// Group rules as JSON: a file, or - for standard input
    #[arg(long, value_name = "F")]
    pub group_rules_file: Option<PathBuf>,
    /// Whether Azure AD v1's unsigned ID token is accepted
    #[arg(long, value_name = "true|false")]
    pub unsigned_v1: Option<bool>,
}

#[derive(Debug, Subcommand)]
pub enum People {
    /// List people
    List {
        /// A part of the address or the name
        query: Option<String>,
    },
    /// Add a person before their first sign-in
    Add {
        #[arg(long, value_enum)]
        kind: Kind,
        #[arg(long, value_name = "E")]
        email: String,
        #[arg(long, value_name = "N")]
        name: Option<String>,
    },
    /// Remove a person; their sessions end
    Remove { id: String },
    /// List sign-ins that wait for a decision
    Conflicts,
    /// Decide about one of them
    Resolve {
        id: String,
        #[arg(value_enum)]
        decision: Decision,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Kind {
    User,
    Customer,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Decision {
    Approve,
    Deny,
}
