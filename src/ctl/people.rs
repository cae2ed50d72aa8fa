//! `onedeskctl people`.

use super::Context;
use super::args::{Decision as Word, Kind as KindWord, People as Command};
use super::client::segment;
use super::failure::Failure;
use super::output::Cell;
use super::status::time;
use crate::local_api::answers::sso::{Conflict, ConflictPage, Decision, NewPerson, PeoplePage, Person, Resolution};
use crate::model::person::Kind;

/// Runs one of them.
pub async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { query } => list(context, query.as_deref()).await,
        Command::Add { kind, email, name } => add(context, kind, email, name).await,
        Command::Remove { id } => remove(context, &id).await,
        Command::Conflicts => conflicts(context).await,
        Command::Resolve { id, decision } => resolve(context, &id, decision).await,
    }
}

async fn list(context: &Context, query: Option<&str>) -> Result<(), Failure> {
    let mut people: Vec<Person> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut parameters = form_urlencoded::Serializer::new(String::new());
        parameters.append_pair("limit", "1000");
        if let Some(query) = query {
            parameters.append_pair("q", query);
        }
        if let Some(cursor) = &cursor {
            parameters.append_pair("cursor", cursor);
        }
        let page = context.client.get::<PeoplePage>(&format!("/v1/people?{}", parameters.finish())).await?.value;
        people.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    if context.output.is_json() {
        return super::output::in_json(&context.output, &PeoplePage { items: people, next_cursor: None });
    }
    if people.is_empty() {
        return context.output.text("There is nobody. People are made by their first sign-in, or with: onedeskctl people add");
    }
    let row = |person: &Person| -> [Cell; 5] {
        [
            person.id.clone().into(),
            person.kind.as_str().to_owned().into(),
            person.email.clone().unwrap_or_else(|| "-".to_owned()).into(),
            person.name.clone().unwrap_or_else(|| "-".to_owned()).into(),
            person.identities.len().to_string().into(),
        ]
    };
    context.output.table(["ID", "KIND", "E-MAIL", "NAME", "ACCOUNTS"], people.iter().map(row).collect())
}

async fn add(context: &Context, kind: KindWord, email: String, name: Option<String>) -> Result<(), Failure> {
    let kind = match kind {
        KindWord::User => Kind::User,
        KindWord::Customer => Kind::Customer,
    };
    let answer = context.client.post::<Person>("/v1/people", &NewPerson { kind, email, name }).await?;
    if context.output.is_json() {
        return context.output.json(&answer.json);
    }
    context.output.text(&format!("{} is added.", answer.value.id))
}

async fn remove(context: &Context, id: &str) -> Result<(), Failure> {
    context.output.confirm(&format!("Remove the person {id} and end their sessions?"))?;
    context.client.delete(&format!("/v1/people/{}", segment(id))).await?;
    if context.output.is_json() {
        return context.output.json(serde_json::json!({ "removed": id }).to_string().as_bytes());
    }
    context.output.text(&format!("{id} is removed."))
}

async fn conflicts(context: &Context) -> Result<(), Failure> {
    let answer = context.client.get::<ConflictPage>("/v1/people/conflicts?limit=1000").await?;
    if context.output.is_json() {
        return context.output.json(&answer.json);
    }
    if answer.value.items.is_empty() {
        return context.output.text("Nothing waits for a decision.");
    }
    let row = |conflict: &Conflict| -> [Cell; 5] {
        [
            conflict.id.clone().into(),
            conflict.email.clone().into(),
            format!("{} {}", conflict.issuer, conflict.subject).into(),
            conflict.reason.clone().into(),
            time(conflict.created_at).into(),
        ]
    };
    context.output.table(["ID", "E-MAIL", "ACCOUNT", "WHY", "SINCE"], answer.value.items.iter().map(row).collect())?;
    context.output.text("\nhint: find out whether it is the same person, then: onedeskctl people resolve ID approve|deny")
}

async fn resolve(context: &Context, id: &str, decision: Word) -> Result<(), Failure> {
    let (decision, done) = match decision {
        Word::Approve => (Decision::Approve, "approved: the person can sign in now"),
        Word::Deny => (Decision::Deny, "denied"),
    };
    context.client.tell(&format!("/v1/people/conflicts/{}", segment(id)), &Resolution { decision }).await?;
    if context.output.is_json() {
        return context.output.json(serde_json::json!({ "resolved": id }).to_string().as_bytes());
    }
    context.output.text(&format!("{id} is {done}."))
}
