//! Sealing again, one value at a time. A value that was written meanwhile is left as it is: its writer sealed it with the newest
//! key. Versions stay, so that no refresh under way loses its token to this.

use sqlx::Row as _;

use super::{Engine, columns};
use crate::model::{Audience, ConnectionId, GrantId};
use crate::store::flows::{FlowRow, StateHash};
use crate::store::grants::{AccessRow, GrantRow, Grants as _};
use crate::store::sso::records::RecordRow;
use crate::store::sso::sessions::{SessionHash, SessionRow};
use crate::store::sso::transit::SignInRow;
use crate::store::{Error, Sealed};

/// Where a sealed value stands.
#[derive(Clone, Copy)]
enum Place {
    Refresh(GrantId),
    Previous(GrantId),
    Access(GrantId, Audience),
    Flow(StateHash),
    Secret(ConnectionId),
    NextSecret(ConnectionId),
    SignIn(StateHash),
    Hints(SessionHash),
}

impl Place {
    fn context(self) -> String {
        match self {
            Self::Refresh(id) | Self::Previous(id) => GrantRow::refresh_context(id),
            Self::Access(id, audience) => AccessRow::context(id, audience),
            Self::Flow(state) => FlowRow::context(&state),
            Self::Secret(id) | Self::NextSecret(id) => RecordRow::secret_context(id),
            Self::SignIn(state) => SignInRow::context(&state),
            Self::Hints(hash) => SessionRow::hints_context(&hash),
        }
    }
}

/// Seals every value again; returns how many were replaced.
pub(super) async fn all(
    engine: &Engine,
    reseal: &(dyn for<'a> Fn(&'a str, &'a Sealed) -> Result<Sealed, Error> + Sync),
) -> Result<u64, Error> {
    let mut replaced = 0;
    for place in places(engine).await? {
        // Read only now: ten thousand mailboxes need not be in memory at once.
        let Some(old) = read(engine, place).await? else { continue };
        let new = reseal(&place.context(), &old)?;
        if new != old && replace(engine, place, old, new).await? {
            replaced += 1;
        }
    }
    Ok(replaced)
}

async fn places(engine: &Engine) -> Result<Vec<Place>, Error> {
    let mut places = Vec::new();
    for row in sqlx::query("SELECT id FROM grants").fetch_all(&engine.readers).await? {
        let id = columns::parsed(&row, "id")?;
        places.extend([Place::Refresh(id), Place::Previous(id)]);
    }
    places.extend(engine.expiries().await?.into_iter().map(|(id, audience, _)| Place::Access(id, audience)));
    for row in sqlx::query("SELECT state FROM flows").fetch_all(&engine.readers).await? {
        places.push(Place::Flow(StateHash(columns::hash(&row, "state")?)));
    }
    for row in sqlx::query("SELECT id FROM sso_connections").fetch_all(&engine.readers).await? {
        let id = columns::parsed(&row, "id")?;
        places.extend([Place::Secret(id), Place::NextSecret(id)]);
    }
    for row in sqlx::query("SELECT state FROM sso_flows").fetch_all(&engine.readers).await? {
        places.push(Place::SignIn(StateHash(columns::hash(&row, "state")?)));
    }
    for row in sqlx::query("SELECT hash FROM sso_sessions WHERE hints IS NOT NULL").fetch_all(&engine.readers).await? {
        places.push(Place::Hints(SessionHash(columns::hash(&row, "hash")?)));
    }
    Ok(places)
}

async fn read(engine: &Engine, place: Place) -> Result<Option<Sealed>, Error> {
    let query = match place {
        Place::Refresh(id) => sqlx::query("SELECT refresh AS sealed FROM grants WHERE id = ?").bind(id.to_string()),
        Place::Previous(id) => sqlx::query("SELECT previous AS sealed FROM grants WHERE id = ?").bind(id.to_string()),
        Place::Access(id, audience) => {
            sqlx::query("SELECT sealed FROM access_tokens WHERE grant_id = ? AND audience = ?").bind(id.to_string()).bind(audience.as_str())
        }
        Place::Flow(state) => sqlx::query("SELECT sealed FROM flows WHERE state = ?").bind(state.0.to_vec()),
        Place::Secret(id) => sqlx::query("SELECT secret AS sealed FROM sso_connections WHERE id = ?").bind(id.to_string()),
        Place::NextSecret(id) => sqlx::query("SELECT secret_next AS sealed FROM sso_connections WHERE id = ?").bind(id.to_string()),
        Place::SignIn(state) => sqlx::query("SELECT sealed FROM sso_flows WHERE state = ?").bind(state.0.to_vec()),
        Place::Hints(hash) => sqlx::query("SELECT hints AS sealed FROM sso_sessions WHERE hash = ?").bind(hash.0.to_vec()),
    };
    let Some(row) = query.fetch_optional(&engine.readers).await? else { return Ok(None) };
    Ok(row.try_get::<Option<Vec<u8>>, _>("sealed")?.map(Sealed))
}

async fn replace(engine: &Engine, place: Place, old: Sealed, new: Sealed) -> Result<bool, Error> {
    let replaced = engine.writer.write(async move |tx| {
        let query = match place {
            Place::Refresh(_) => sqlx::query("UPDATE grants SET refresh = ? WHERE refresh = ? AND id = ?"),
            Place::Previous(_) => sqlx::query("UPDATE grants SET previous = ? WHERE previous = ? AND id = ?"),
            Place::Access(..) => sqlx::query("UPDATE access_tokens SET sealed = ? WHERE sealed = ? AND grant_id = ? AND audience = ?"),
            Place::Flow(_) => sqlx::query("UPDATE flows SET sealed = ? WHERE sealed = ? AND state = ?"),
            Place::Secret(_) => sqlx::query("UPDATE sso_connections SET secret = ? WHERE secret = ? AND id = ?"),
            Place::NextSecret(_) => sqlx::query("UPDATE sso_connections SET secret_next = ? WHERE secret_next = ? AND id = ?"),
            Place::SignIn(_) => sqlx::query("UPDATE sso_flows SET sealed = ? WHERE sealed = ? AND state = ?"),
            Place::Hints(_) => sqlx::query("UPDATE sso_sessions SET hints = ? WHERE hints = ? AND hash = ?"),
        };
        let query = query.bind(new.0).bind(old.0);
        let query = match place {
            Place::Refresh(id) | Place::Previous(id) => query.bind(id.to_string()),
            Place::Access(id, audience) => query.bind(id.to_string()).bind(audience.as_str()),
            Place::Secret(id) | Place::NextSecret(id) => query.bind(id.to_string()),
            Place::Flow(state) | Place::SignIn(state) => query.bind(state.0.to_vec()),
            Place::Hints(hash) => query.bind(hash.0.to_vec()),
        };
        Ok(query.execute(&mut tx.connection).await?.rows_affected() == 1)
    });
    replaced.await
}
