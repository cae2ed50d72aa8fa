//! What a change of a client record means, and when one may be enabled. Pure.

use super::error::Error;
use super::record::Record;
use super::wishes::Details;
use crate::model::Problem;

/// Whether `new` is another provider or client, so that a code of a sign-in under way must not go there.
pub fn means_another(old: &Details, new: &Details) -> bool {
    let key = |details: &Details| {
        let Details { authorization_uri, token_url, client_id, issuer, jwks_uri, .. } = details;
        (authorization_uri.clone(), token_url.clone(), client_id.clone(), issuer.clone(), jwks_uri.clone())
    };
    key(old) != key(new)
}

/// Whether what the provider was asked has to be asked again.
pub fn means_other_metadata(old: &Details, new: &Details) -> bool {
    old.allowed_tenants != new.allowed_tenants && old.found_issuer.is_none()
}

/// The rules for enabling a record.
///
/// # Errors
/// 409: what is missing, or has to be confirmed.
pub fn may_enable(record: &Record, confirm: bool) -> Result<(), Error> {
    if record.is_multi_tenant() && record.details.allowed_tenants.is_empty() {
        return Err(Error::conflict(Problem::told("tenants_missing", &[])));
    }
    if let Some(problem) = record.row.problem.as_ref().filter(|problem| problem.code == "metadata_missing") {
        return Err(Error::conflict(problem.clone()));
    }
    if confirm {
        return Ok(());
    }
    if let Some(problem) = &record.row.problem {
        return Err(Error::conflict(Problem::told("confirm_needed", &[("what", &problem.title)])));
    }
    if record.row.tried_at.is_none() {
        return Err(Error::conflict(Problem::told("confirm_needed.never_tried", &[])));
    }
    Ok(())
}
