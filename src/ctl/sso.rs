//! `onedeskctl sso`.

use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::Context;
use super::args::{Audience, Record, Sso as Command};
use super::client::segment;
use super::failure::Failure;
use super::output::{Cell, Tone};
use super::status::time;
use crate::local_api::answers::sso::{Connection, SwitchWishes, Switches};
use crate::model::Secret;

/// A secret or a set of rules is far smaller.
const LARGEST_FILE: u64 = 64 * 1024;

/// Runs one of them.
pub async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Status => status(context).await,
        Command::Enable { audience } => switch(context, audience, true).await,
        Command::Disable { audience } => switch(context, audience, false).await,
        Command::List => list(context).await,
        Command::Show { id } => show(context, &id).await,
        Command::Add(record) => add(context, &record).await,
        Command::Set { id, record, enabled, confirm } => set(context, &id, &record, enabled, confirm).await,
        Command::Remove { id } => remove(context, &id).await,
        Command::Urls { id } => urls(context, &id).await,
        Command::Upgrade { id } => upgrade(context, &id).await,
    }
}

async fn status(context: &Context) -> Result<(), Failure> {
    let answer = context.client.get::<Switches>("/v1/sso").await?;
    if context.output.is_json() {
        return context.output.json(&answer.json);
    }
    say_switches(context, &answer.value)?;
    context.output.text("")?;
    list(context).await
}

async fn switch(context: &Context, audience: Audience, enabled: bool) -> Result<(), Failure> {
    let wishes = match audience {
        Audience::Users => SwitchWishes { users_enabled: Some(enabled), ..SwitchWishes::default() },
        Audience::Customers => SwitchWishes { customers_enabled: Some(enabled), ..SwitchWishes::default() },
    };
    let answer = context.client.patch::<Switches>("/v1/sso", &wishes).await?;
    if context.output.is_json() {
        return context.output.json(&answer.json);
    }
    say_switches(context, &answer.value)
}

fn say_switches(context: &Context, switches: &Switches) -> Result<(), Failure> {
    let word = |on: bool| if on { context.output.paint(Tone::Good, "on") } else { context.output.paint(Tone::Bold, "off") };
    context.output.text(&format!(
        "SSO for users      {}\nSSO for customers  {}",
        word(switches.users_enabled),
        word(switches.customers_enabled)
    ))
}

async fn list(context: &Context) -> Result<(), Failure> {
    let answer = context.client.get::<Vec<Connection>>("/v1/sso/connections").await?;
    if context.output.is_json() {
        return context.output.json(&answer.json);
    }
    if answer.value.is_empty() {
        return context.output.text("There is no client record. Add one: onedeskctl sso add --help");
    }
    let row = |record: &Connection| -> [Cell; 6] {
        [
            record.id.clone().into(),
            record.name.clone().into(),
            record.audience.clone().into(),
            record.protocol.clone().into(),
            if record.enabled { Cell(Tone::Good, "enabled".to_owned()) } else { Cell(Tone::Plain, "disabled".to_owned()) },
            record.problem.as_ref().map_or(Cell(Tone::Plain, "-".to_owned()), |problem| Cell(Tone::Warning, problem.code.clone())),
        ]
    };
    context.output.table(["ID", "NAME", "FOR", "PROTOCOL", "STATE", "PROBLEM"], answer.value.iter().map(row).collect())
}

async fn show(context: &Context, id: &str) -> Result<(), Failure> {
    let answer = context.client.get::<Connection>(&path(id)).await?;
    if context.output.is_json() {
        return context.output.json(&answer.json);
    }
    say_record(context, &answer.value)
}

fn say_record(context: &Context, record: &Connection) -> Result<(), Failure> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let lines = [
        ("ID", record.id.clone()),
        ("Name", record.name.clone()),
        ("For", record.audience.clone()),
        ("State", if record.enabled { "enabled" } else { "disabled" }.to_owned()),
        ("Tried", or_dash(record.tried_at.map(time))),
        ("Protocol", record.protocol.clone()),
        ("Authorization URI", record.authorization_uri.clone()),
        ("Token URL", record.token_url.clone()),
        ("Client ID", record.client_id.clone()),
        ("Secret ends", or_dash(record.secret_expires_at.map(time))),
        ("Issuer", or_dash(record.issuer.clone())),
        ("Allowed tenants", or_dash(Some(record.allowed_tenants.join(", ")).filter(|text| !text.is_empty()))),
        ("Redirect URI", or_dash(record.redirect_uri.clone())),
    ];
    let mut text: String = lines.iter().map(|(name, value)| format!("{name:<18}{value}\n")).collect();
    if let Some(problem) = &record.problem {
        text += &format!("\n{}\nhint: {}\n", context.output.paint(Tone::Warning, &problem.title), problem.hint);
    }
    if record.unsigned_v1 {
        text += "\nThis is Azure AD v1, whose ID tokens may be unsigned.\n";
    }
    if record.upgrade.is_some() {
        text += &format!("hint: move it to v2: onedeskctl sso upgrade {}\n", record.id);
    }
    if !record.enabled && record.tried_at.is_none() {
        text += "hint: try it before you enable it: onedeskctl admin-link\n";
    }
    context.output.text(text.trim_end())
}

async fn add(context: &Context, record: &Record) -> Result<(), Failure> {
    let mut wishes = wishes(record)?;
    if record.client_secret_file.is_none() {
        wishes.insert("client_secret".to_owned(), Value::String(ask_secret(context)?.expose().clone()));
    }
    let answer = context.client.post::<Connection>("/v1/sso/connections", &wishes).await?;
    if context.output.is_json() {
        return context.output.json(&answer.json);
    }
    say_record(context, &answer.value)
}

async fn set(context: &Context, id: &str, record: &Record, enabled: Option<bool>, confirm: bool) -> Result<(), Failure> {
    let mut wishes = wishes(record)?;
    if let Some(enabled) = enabled {
        wishes.insert("enabled".to_owned(), enabled.into());
    }
    if confirm {
        wishes.insert("confirm".to_owned(), true.into());
    }
    if wishes.is_empty() {
        return Err(Failure::found("nothing to change was named").hint("see: onedeskctl sso set --help"));
    }
    let answer = context.client.patch::<Connection>(&path(id), &wishes).await?;
    if context.output.is_json() {
        return context.output.json(&answer.json);
    }
    say_record(context, &answer.value)
}

async fn remove(context: &Context, id: &str) -> Result<(), Failure> {
    context.output.confirm(&format!("Remove the client record {id} and end the sessions that it gave?"))?;
    context.client.delete(&path(id)).await?;
    if context.output.is_json() {
        return context.output.json(json!({ "removed": id }).to_string().as_bytes());
    }
    context.output.text(&format!("{id} is removed."))
}

async fn urls(context: &Context, id: &str) -> Result<(), Failure> {
    let answer = context.client.get::<Connection>(&path(id)).await?;
    let (Some(redirect_uri), Some(urls)) = (answer.value.redirect_uri, answer.value.urls) else {
        return Err(Failure::found("public_url is not set, so there are no URLs").hint("set public_url in /etc/onedesk/onedeskd.toml"));
    };
    if context.output.is_json() {
        return context.output.json(json!({ "redirect_uri": redirect_uri, "urls": urls }).to_string().as_bytes());
    }
    let main = urls.main.map(|url| format!("Main App       {url}\n")).unwrap_or_default();
    context.output.text(&format!(
        "{main}Widget         {}\nKnowledgebase  {}\nPortal         {}\n\nRegister this redirect URI at the provider:\n{redirect_uri}",
        urls.widget, urls.kb, urls.portal
    ))
}

async fn upgrade(context: &Context, id: &str) -> Result<(), Failure> {
    let answer = context.client.post::<Connection>(&format!("{}/upgrade", path(id)), &json!({})).await?;
    if context.output.is_json() {
        return context.output.json(&answer.json);
    }
    say_record(context, &answer.value)
}

fn path(id: &str) -> String {
    format!("/v1/sso/connections/{}", segment(id))
}

/// What was named on the command line, as the API takes it. An empty text clears.
fn wishes(record: &Record) -> Result<Map<String, Value>, Failure> {
    let mut wishes = Map::new();
    let mut put = |name: &str, value: Value| drop(wishes.insert(name.to_owned(), value));
    let needed = [
        ("name", &record.name),
        ("authorization_uri", &record.authorization_uri),
        ("token_url", &record.token_url),
        ("client_id", &record.client_id),
    ];
    needed.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).for_each(|(name, value)| put(name, value.into()));
    if let Some(audience) = record.audience {
        put("audience", audience.as_str().into());
    }
    let optional = [
        ("secret_expires_at", &record.secret_expires_at),
        ("issuer", &record.issuer),
        ("jwks_uri", &record.jwks_uri),
        ("logout_uri", &record.logout_uri),
        ("response_mode", &record.response_mode),
        ("token_auth", &record.token_auth),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            put(name, if value.is_empty() { Value::Null } else { value.clone().into() });
        }
    }
    for (name, values) in [("scopes", &record.scope), ("allowed_tenants", &record.allowed_tenant), ("email_domains", &record.email_domain)]
    {
        if !values.is_empty() {
            put(name, values.iter().filter(|value| !value.is_empty()).cloned().collect::<Vec<_>>().into());
        }
    }
    if let Some(allowed) = record.unsigned_v1 {
        put("unsigned_v1", allowed.into());
    }
    for (name, file) in [("client_secret", &record.client_secret_file), ("client_secret_next", &record.client_secret_next_file)] {
        if let Some(file) = file {
            put(name, read(file)?.expose().trim().into());
        }
    }
    if let Some(file) = &record.group_rules_file {
        let rules = serde_json::from_str(read(file)?.expose());
        put("group_rules", rules.map_err(|error| Failure::found(format!("{}: {error}", file.display())).hint("see onedeskctl(8)"))?);
    }
    Ok(wishes)
}

/// The content of a file, or of standard input for `-`.
fn read(file: &Path) -> Result<Secret<String>, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        io::stdin().lock().take(LARGEST_FILE).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(LARGEST_FILE).read_to_string(&mut text))
    };
    read.map_err(|error| Failure::found(format!("{}: {error}", file.display())))?;
    Ok(Secret::new(text))
}

/// Asks for the secret at the terminal, without showing it.
fn ask_secret(context: &Context) -> Result<Secret<String>, Failure> {
    if !io::stdin().is_terminal() {
        return Err(
            Failure::found("nobody is there to give the client secret").hint("add --client-secret-file FILE, or - for standard input")
        );
    }
    context.output.ask_hidden("Client Secret: ")
}
